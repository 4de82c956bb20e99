"""``scrapy backup PATH``: a checked copy of the archive, also while a crawl runs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import ArchiveError, now
from crawler.runs import reading, say


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[PATH]"

    def short_desc(self) -> str:
        return "Copy the archive safely, also while a crawl runs"

    def long_desc(self) -> str:
        return "Copy the archive to PATH (default: backups/NAME-DATE.db beside it) and check the copy."

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) > 1:
            raise UsageError(f"backup: found {len(args)} paths, wanted one at most", print_help=False)
        assert self.settings is not None
        path = Path(self.settings["ARCHIVE_PATH"])
        target = Path(args[0]) if args else path.parent / "backups" / f"{path.stem}-{now():%Y%m%dT%H%M%S}.db"
        if target.is_dir():
            target = target / path.name
        with reading(path) as archive:
            try:
                archive.backup(target)
            except ArchiveError as wrong:
                say(str(wrong))
                self.exitcode = wrong.exitcode
                return
        print(
            f"{target}: copied and checked. The captures are plain files: copy {self.settings['CAPTURE_DIR']} too."
        )
