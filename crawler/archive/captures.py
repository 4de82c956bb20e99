"""The rows of captures: one for each record of a capture file."""

from __future__ import annotations

import os

from crawler.archive.connection import Connection
from crawler.archive.values import storable, stored
from crawler.captures import Capture, CaptureRecord, Last, Resolver, capture_file, read_record


class Captures(Connection):
    """What was fetched, and where it lies."""

    def add_capture(self, capture: Capture, run_id: str | None) -> int:
        """Write a capture's row and give its id; a record that has a row already keeps it."""
        with self._write():
            found = self._row(
                "SELECT id FROM captures WHERE warc = ? AND offset = ?", capture.warc, capture.offset
            )
            if found:
                if capture.revisit_of is not None:
                    self._update("captures", found["id"], {"revisit_of": capture.revisit_of})
                return int(found["id"])
            values = capture._asdict() | {"run_id": run_id}
            values["id"] = self._id("captures", "warc = ? AND offset = ?", capture.warc, capture.offset)
            values["url"] = storable(capture.url)
            return self._insert(
                "captures", {k: stored(v) if isinstance(v, str) else v for k, v in values.items()}
            )

    def add_record(self, record: CaptureRecord, run_id: str | None) -> Capture:
        """Write the row of a record that was read back; a revisit is linked to the record it refers to."""
        capture = record.capture
        if record.refers_to is not None:
            held = self._row("SELECT id FROM captures WHERE url = ? AND fetched_at = ?", *record.refers_to)
            capture = capture._replace(revisit_of=held["id"] if held else None)
        return capture._replace(id=self.add_capture(capture, run_id))

    def flag_capture(self, capture_id: int | None, flag: str) -> None:
        """Add a word to what was odd about a capture."""
        if capture_id is None:
            return
        word = "-".join(storable(flag).split())
        with self._write():
            self.conn.execute(
                "UPDATE captures SET flags = trim(coalesce(flags, '') || ' ' || ?) WHERE id = ? "
                "AND instr(' ' || coalesce(flags, '') || ' ', ' ' || ? || ' ') = 0",
                (word, capture_id, word),
            )

    def last_capture(self, url: str) -> Last | None:
        """Give what the URL showed last (answers 200 and 304), None where it was never had."""
        row = self._row(
            "SELECT n.etag AS etag, n.last_modified AS last_modified, p.id AS id, p.digest AS digest, p.url AS url, "
            "p.fetched_at AS fetched_at, p.etag AS old_etag, p.last_modified AS old_modified "
            "FROM captures n JOIN captures p ON p.id = coalesce(n.revisit_of, n.id) "
            "WHERE n.url = ? AND n.status IN (200, 304) ORDER BY n.id DESC LIMIT 1",
            storable(url),
        )
        if row is None:
            return None
        return Last(
            row["digest"],
            row["url"],
            row["fetched_at"],
            row["id"],
            row["etag"] or row["old_etag"],
            row["last_modified"] or row["old_modified"],
        )

    def capture(self, capture_id: int) -> Capture | None:
        """Give a capture by its id."""
        names = ", ".join(Capture._fields)
        row = self._row(f"SELECT {names} FROM captures WHERE id = ?", capture_id)
        return Capture(*row) if row else None

    def find_capture(self, url: str, fetched_at: str) -> Capture | None:
        """Give the capture of a URL at a time, as a revisit record refers to it."""
        names = ", ".join(Capture._fields)
        row = self._row(f"SELECT {names} FROM captures WHERE url = ? AND fetched_at = ?", url, fetched_at)
        return Capture(*row) if row else None

    def resolver(self, directory: str | os.PathLike[str]) -> Resolver:
        """Give a function that finds the payload of a revisit in the capture files of `directory`."""

        def resolve(record: CaptureRecord) -> CaptureRecord | None:
            held = self.find_capture(*record.refers_to) if record.refers_to else None
            found = read_record(capture_file(directory, held.warc), held.offset) if held else None
            return found if isinstance(found, CaptureRecord) else None

        return resolve

    def captures_beside(self, capture: Capture, kind: str) -> list[Capture]:
        """Give the captures of a kind that were made in the same run as a capture, and lie in its file."""
        names = ", ".join(Capture._fields)
        rows = self.conn.execute(
            f"SELECT {names} FROM captures WHERE warc = ? AND kind = ? ORDER BY offset", (capture.warc, kind)
        )
        return [Capture(*row) for row in rows]

    def has_capture(self, warc: str, offset: int) -> bool:
        """Tell whether a record has a row: its answer was dealt with."""
        return self._row("SELECT 1 FROM captures WHERE warc = ? AND offset = ?", warc, offset) is not None
