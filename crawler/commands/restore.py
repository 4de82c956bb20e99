"""``scrapy restore BACKUP``: a backup put in the place of the archive."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from crawler.archive import ArchiveError, lock, restore
from crawler.runs import say


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "BACKUP"

    def short_desc(self) -> str:
        return "Put a backup in the place of the archive; what is there is kept"

    def long_desc(self) -> str:
        return (
            "Check the backup (a folder that scrapy backup made), put its archive in the place of the present one, "
            "which is kept as NAME.before-restore, and give its capture files back where they are missing."
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) != 1:
            raise UsageError(f"restore: found {len(args)} folders, wanted one backup", print_help=False)
        assert self.settings is not None
        path = Path(self.settings["ARCHIVE_PATH"])
        try:
            with lock(path, seconds=self.settings.getfloat("ARCHIVE_LOCK_SECONDS")):
                done = restore(args[0], path, self.settings["CAPTURE_DIR"])
        except ArchiveError as wrong:
            say(str(wrong))
            self.exitcode = wrong.exitcode
            return
        print(
            f"{path}: restored; {done.put_back} capture files put back"
            + (f"; the archive before is {done.kept}" if done.kept else "")
        )
        if done.newer:
            print(
                f"{len(done.newer)} capture files are newer than the backup, the first {done.newer[0]}: "
                "scrapy rebuild takes them in"
            )
