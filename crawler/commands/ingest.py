"""``scrapy ingest PATH ...``: saved pages and foreign captures through the same stages, without a network."""

from __future__ import annotations

import argparse
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.logs import printable
from crawler.replay import Ingest
from crawler.runs import MEANINGS, run_spiders, say

KINDS = (".html", ".htm", ".shtml", ".txt", ".warc", ".warc.gz", ".wacz")


class Command(ScrapyCommand):
    requires_project = True

    def syntax(self) -> str:
        return "[options] PATH ..."

    def short_desc(self) -> str:
        return "Archive saved pages (.html .txt .warc[.gz] .wacz), no network"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--url", help="the address of the page, where the file does not tell it (one page only)"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if not args:
            raise UsageError("ingest: found no path, wanted at least one", print_help=True)
        paths: list[Path] = []
        for word in args:
            path = Path(word)
            if path.is_dir():
                paths += sorted(each for each in path.rglob("*") if each.name.endswith(KINDS))
            elif path.is_file():
                paths.append(path)
            else:
                raise UsageError(
                    f"ingest: found nothing at {word}, wanted a file or a folder", print_help=False
                )
        if opts.url and len(paths) != 1:
            raise UsageError(
                f"ingest: found {len(paths)} files, --url names the address of one", print_help=False
            )
        if opts.url and not opts.url.startswith(("http://", "https://")):
            raise UsageError(f"ingest: found --url {opts.url}, wanted http:// or https://", print_help=False)
        code, ledgers = run_spiders(self, [Ingest], {"paths": tuple(paths), "url": opts.url})
        for ledger in ledgers:
            print(f"{ledger.run_id}: {ledger.outcome}: {ledger.said()}")
            for alarm in ledger.alarms:
                said = f"{alarm['rule']}: {alarm['what']} ({alarm['url']})"
                print(f"  {printable(said)}")
        if code and ledgers:
            say(f"ingest: exit {code}: {MEANINGS[code]}")
        self.exitcode = code
