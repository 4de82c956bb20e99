"""``scrapy merge SHARD... INTO``: archives put together into one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import ArchiveError, merge
from crawler.runs import say


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options] SHARD ... INTO"

    def short_desc(self) -> str:
        return "Merge archives of some portals each into one"

    def long_desc(self) -> str:
        return (
            "Merge shards (archive files, or folders with archive.db and warc) into the archive INTO, which is made if "
            "need be: the archive that one machine would have made of the same captures. Capture files are linked, "
            "where that cannot be copied, into the capture directory of INTO. The same again changes nothing; where "
            "something does not fit, nothing is changed."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--captures",
            metavar="DIR",
            help="the capture directory of INTO (CAPTURE_DIR where INTO is ARCHIVE_PATH, else warc beside INTO)",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        if len(args) < 2:
            raise UsageError(
                f"merge: found {len(args)} archives, wanted one shard at least and INTO", print_help=False
            )
        *shards, into = args
        own = Path(into).resolve() == Path(self.settings["ARCHIVE_PATH"]).resolve()
        captures = opts.captures or (self.settings["CAPTURE_DIR"] if own else Path(into).parent / "warc")
        try:
            done = merge(shards, into, captures, seconds=self.settings.getfloat("ARCHIVE_LOCK_SECONDS"))
        except ArchiveError as wrong:
            say(str(wrong))
            self.exitcode = wrong.exitcode
            return
        came = ", ".join(f"{count} {table}" for table, count in done.came.items() if count)
        print(f"{into}: {came or 'nothing'} new; {done.linked} capture files put beside the others")
