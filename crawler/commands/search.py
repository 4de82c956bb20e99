"""``scrapy search WORDS``: find articles in the archive from the shell."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

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

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if not args:
            raise UsageError("search: found no words, wanted some", print_help=False)
        assert self.settings is not None
        with reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            for hit in archive.search(" ".join(args), limit=opts.limit):
                print(
                    f"{hit.id:>7}  {(hit.published or '')[:10]:10}  {hit.title}\n         {hit.snippet}\n         {hit.url}"
                )
