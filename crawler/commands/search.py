"""``scrapy search WORDS``: find articles in the archive from the shell."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.logs import printable
from crawler.runs import reading


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] WORDS ..."

    def short_desc(self) -> str:
        return "Find articles by words"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--limit", type=int, default=20, help="how many to show (20)")
        parser.add_argument("--newest", action="store_true", help="the newest first, not the best")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if not args:
            raise UsageError("search: found no words, wanted some", print_help=False)
        assert self.settings is not None
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            found = archive.find(" ".join(args), limit=opts.limit, newest=opts.newest)
            for hit in found.hits:
                more = f"  (+{hit.reprints} reprints)" if hit.reprints else ""
                print(f"{hit.id:>7}  {(hit.published or '')[:10]:10}  {printable(hit.title or '')}{more}")
                print(f"         {printable(hit.snippet)}\n         {printable(hit.url)}")
            print(f"{'' if found.whole else 'at least '}{found.total} articles")
