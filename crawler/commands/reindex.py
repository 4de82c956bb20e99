"""``scrapy reindex``: the full-text index spelled anew from the articles."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand

from crawler.archive import Archive, ArchiveError, lock
from crawler.runs import say

STEP = 500
"""Articles between two looks of the progress bar."""
WIDTH = 40


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        return "Build the full-text index anew, in one transaction"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        path = Path(self.settings["ARCHIVE_PATH"])
        try:
            if not path.exists():
                raise ArchiveError(f"archive: found nothing, wanted an archive at {path}", 9)
            with lock(path, seconds=self.settings.getfloat("ARCHIVE_LOCK_SECONDS")), Archive(path) as archive:
                archive.rebuild_index(show if sys.stderr.isatty() else None)
                count = archive.conn.execute("SELECT count(*) FROM articles").fetchone()[0]
        except ArchiveError as wrong:
            say(str(wrong))
            self.exitcode = wrong.exitcode
            return
        print(f"{path}: {count} articles indexed")


def show(done: int, count: int) -> None:
    """Draw how far it is, on the same line."""
    if done % STEP == 0 or done == count:
        full = WIDTH * done // count
        bar = "█" * full + "░" * (WIDTH - full)
        print(f"\r{bar} {done} of {count}", end="\n" if done == count else "", file=sys.stderr, flush=True)
