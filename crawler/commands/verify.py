"""``scrapy verify``: archive and captures checked against each other."""

from __future__ import annotations

import argparse
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand

from crawler.archive import Archive, ArchiveError, broken
from crawler.derivation import Derivation
from crawler.logs import printable
from crawler.runs import say


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Check the archive, its index and its captures; exit 1 where something is wrong"

    def long_desc(self) -> str:
        return (
            "Check the archive's file, its rows, its index, its captures and the chain of runs, and derive every "
            "version of every article from its capture once more. Each problem is one line; exit code 1 where there is one."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--quick", action="store_true", help="derive nothing from the captures")
        parser.add_argument(
            "--head",
            metavar="DIGEST",
            help="the head of the chain that you wrote down: the chain must have it",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        assert self.settings is not None
        directory = Path(self.settings["CAPTURE_DIR"])
        count = 0
        with self.reading(Path(self.settings["ARCHIVE_PATH"])) as archive:
            for problem in archive.problems(directory, head=opts.head):
                count += 1
                print(printable(problem), flush=True)
            sound = not count
            if not opts.quick:
                try:
                    derivation = Derivation(self.settings, archive)
                    for problem in derivation.problems(Progress(derivation.count())):
                        count += 1
                        print(printable(problem), flush=True)
                except sqlite3.DatabaseError as error:
                    count += 1
                    print(printable(f"SQLite: {error}: not every version could be derived once more"))
            if count:
                say(f"verify: {count} problems in {archive.path}" + (" or its captures" if sound else ""))
            else:
                print(f"{archive.path}: archive, index and captures agree")
            with suppress(sqlite3.DatabaseError):  # told above
                for note in archive.notes(directory):
                    print(f"note: {printable(note)}")
                if head := archive.head():
                    print(
                        f"chain: {len(archive.links())} runs signed; the head, to be written down elsewhere: {head}"
                    )
        self.exitcode = 1 if count else 0

    @contextmanager
    def reading(self, path: Path) -> Iterator[Archive]:
        """Open the archive; one that cannot be opened because it is damaged is a problem found."""
        try:
            archive = Archive(path, readonly=True)
        except ArchiveError as wrong:
            found = list(broken(path)) if path.exists() else []
            for problem in (*found, str(wrong)):
                print(printable(problem))
            raise SystemExit(1 if found or wrong.exitcode == 7 else wrong.exitcode) from None
        with archive:
            yield archive


class Progress:
    """One line on a terminal that says how far the derivation is."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.begun = self.shown = time.monotonic()

    def __call__(self, count: int) -> None:
        """Show that `count` captures were derived."""
        now = time.monotonic()
        if sys.stderr.isatty() and (now - self.shown > 0.5 or count == self.total):
            self.shown = now
            end = "\n" if count == self.total else ""
            rate = count / max(now - self.begun, 0.001)
            sys.stderr.write(f"\r{count} of {self.total} captures derived, {rate:.0f} a second {end}")
            sys.stderr.flush()
