"""``scrapy crawl SOURCE``: Scrapy's own command, with arguments and archive checked first."""

from __future__ import annotations

import argparse

from scrapy.commands.crawl import Command as StockCommand
from scrapy.exceptions import UsageError

from crawler.runs import MEANINGS, check_entries, run_spiders, say
from crawler.sources import Source, Window


class Command(StockCommand):
    def long_desc(self) -> str:
        return (
            "Crawl one source into the archive. Spider arguments: -a since=YYYY-MM-DD, -a until=YYYY-MM-DD "
            "(on listed dates), -a channel=CODE,CODE, -a full=1 (page every list to its end), -a portal=NAME,NAME "
            "(those portals of the source alone; of the source `portals`, unproven ones only so)."
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.crawler_process is not None
        if len(args) != 1:
            raise UsageError(f"crawl: found {len(args)} names, wanted one source", print_help=not args)
        known = sorted(self.crawler_process.spider_loader.list())
        if args[0] not in known:
            raise UsageError(f"crawl: found {args[0]!r}, wanted one of {', '.join(known)}", print_help=False)
        spider = self.crawler_process.spider_loader.load(args[0])
        if not issubclass(spider, Source):
            super().run(args, opts)
            return
        check_entries()
        try:
            window = Window.read(spider.portals, **opts.spargs)
            if not window.portals and not spider.by_itself():
                raise ValueError(
                    f"no portal of {args[0]} is proven, wanted -a portal=NAME,NAME; scrapy portal list shows them"
                )
        except ValueError as wrong:
            raise UsageError(f"crawl: {wrong}", print_help=False) from None
        code, ledgers = run_spiders(self, [spider], opts.spargs)
        if code and (not ledgers or any(ledger.outcome in ("failed", "") for ledger in ledgers)):
            if ledgers:  # without them the reason is said already
                say(f"{args[0]}: exit {code}: {MEANINGS[code]}")
            self.exitcode = code
