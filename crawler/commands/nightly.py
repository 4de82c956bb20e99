"""``scrapy nightly``: every source, side by side, under one lock, with an exit code that tells."""

from __future__ import annotations

import argparse

from scrapy.commands import ScrapyCommand

from crawler.runs import MEANINGS, run_spiders, say
from crawler.sources import Source


class Command(ScrapyCommand):
    requires_project = True

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Crawl all sources into the archive, for cron"

    def long_desc(self) -> str:
        meanings = "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items())
        return f"Crawl all sources into the archive under one lock. Exit codes: {meanings}."

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.crawler_process is not None
        loader = self.crawler_process.spider_loader
        spiders = [
            spider for name in sorted(loader.list()) if issubclass(spider := loader.load(name), Source)
        ]
        code, ledgers = run_spiders(self, spiders)
        for ledger in ledgers:
            print(f"{ledger.run_id}: {ledger.outcome}: {ledger.said()}; {len(ledger.alarms)} alarms")
            for alarm in ledger.alarms:
                print(
                    f"  {alarm['portal']} {alarm['channel'] or '-'}: {alarm['rule']}: {alarm['what']} ({alarm['url']})"
                )
        if code and ledgers:
            say(f"nightly: exit {code}: {MEANINGS[code]}")
        self.exitcode = code
