"""Copies of the archive: backups and exports."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from crawler.archive.checks import Checks
from crawler.archive.locking import ArchiveError

EXPORTED = (
    *("id", "url", "portal", "channel", "title", "published", "source", "author", "text", "tampered"),
    *("duplicate_of", "first_seen", "last_seen", "gone", "version", "encoding", "fields", "part_of"),
)
"""The columns of `Archive.export`."""


class Copies(Checks):
    """What leaves the archive for another place."""

    def backup(self, to: str | os.PathLike[str]) -> None:
        """Copy what is committed to `to`, whole and checked, while writing goes on.

        The copy is one file without a write-ahead log, so it can be served from anywhere; it takes its
        place only after it passed `verify`. Raises ArchiveError where it cannot be made or is not sound.
        """
        target = Path(to).resolve()
        if target == self.path:
            raise ArchiveError(f"archive: wanted another place for a copy than the archive itself, {target}")
        part = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            source = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=30.0)
            copy = sqlite3.connect(part)
            try:
                source.backup(copy, pages=2048)
                copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                copy.close()
                source.close()
            checked = type(self)(part, readonly=True)
            try:
                problems = checked.verify()
            finally:
                checked.close()
            if problems:
                raise ArchiveError(f"archive: the copy of {self.path} is not sound: {problems[0]}", 7)
            with open(part, "rb") as file:
                os.fsync(file.fileno())
            os.replace(part, target)
            handle = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except sqlite3.DatabaseError as error:
            part.unlink(missing_ok=True)
            raise ArchiveError(f"archive: cannot copy {self.path} to {target}: {error}") from error
        except ArchiveError:
            part.unlink(missing_ok=True)
            raise
        except OSError as error:
            raise ArchiveError(f"archive: cannot copy {self.path} to {target}: {error.strerror}") from error

    def export(self, form: str, file: IO[str]) -> int:
        """Write all articles as JSON lines (``jsonl``) or CSV (``csv``) and give their number.

        In CSV a cell that a spreadsheet would take for a formula gets an apostrophe before it.
        Raises ValueError for another form.
        """
        if form not in ("jsonl", "csv"):
            raise ValueError(f"export: found {form!r}, wanted jsonl or csv")
        names = [name for name in EXPORTED if name != "part_of" or not self._is_elder()]
        rows = self.conn.execute(f"SELECT {', '.join(names)} FROM articles ORDER BY id")
        write: Callable[[sqlite3.Row], Any]
        if form == "csv":
            sheet = csv.writer(file)
            sheet.writerow(names)

            def write(row: sqlite3.Row) -> Any:
                sheet.writerow([_cell(value) for value in row])
        else:

            def write(row: sqlite3.Row) -> Any:
                values = dict(row)
                values["tampered"] = bool(values["tampered"])
                values["fields"] = json.loads(values["fields"] or "{}")
                file.write(json.dumps(values, ensure_ascii=False) + "\n")

        count = 0
        for row in rows:
            write(row)
            count += 1
        return count


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
