"""What a rebuilt archive takes over from the one before it, because no capture tells it."""

from __future__ import annotations

import os
from pathlib import Path

from crawler.archive.connection import Connection

NOT_HAD = "('pending', 'failed', 'challenged', 'refused')"
"""States of a line or file that was not had: which of them it is may hang on requests that no answer came to."""


class Elders(Connection):
    """The crawl's own memory: what was tried in vain, and when it is tried again."""

    def carry_over(self, elder: str | os.PathLike[str]) -> None:
        """Take over the attempts, errors and pauses of lines and files that stand as they stood, and runs without captures.

        Raises ArchiveError where that cannot be written.
        """
        self.commit()
        self.conn.execute("ATTACH DATABASE ? AS elder", (f"{Path(elder).resolve().as_uri()}?mode=ro",))
        try:
            with self._write():
                self._carry("listings", "e.portal = n.portal AND e.channel IS n.channel AND e.key = n.key")
                self._carry("attachments", "e.id = n.id AND e.key = n.key AND n.state <> 'archived'")
                names = ", ".join(sorted(self._both("runs")))
                self.conn.execute(
                    f"INSERT INTO runs ({names}) SELECT {names} FROM elder.runs "
                    "WHERE id NOT IN (SELECT id FROM main.runs) AND outcome IS NOT NULL"
                )
            self.commit()
        finally:
            self.rollback()
            self.conn.execute("DETACH DATABASE elder")

    def _carry(self, table: str, same: str) -> None:
        names = [name for name in ("state", "attempts", "error", "due") if name in self._both(table)]
        if "state" not in names:
            return
        self.conn.execute(
            f"UPDATE main.{table} AS n SET {', '.join(f'{name} = e.{name}' for name in names)} "
            f"FROM elder.{table} e WHERE {same} "
            f"AND (e.state = n.state OR (e.state IN {NOT_HAD} AND n.state IN {NOT_HAD}))"
        )

    def _both(self, table: str) -> set[str]:
        """Name the columns that both archives have of a table."""
        one, other = (
            {row[1] for row in self.conn.execute(f"PRAGMA {place}.table_info({table})")}
            for place in ("main", "elder")
        )
        return one & other
