"""The archive file with all that can be asked of it."""

from __future__ import annotations

from collections.abc import Collection

from crawler.archive.copies import Copies
from crawler.archive.elders import Elders
from crawler.archive.exports import Exports
from crawler.archive.runs import Runs
from crawler.text.signatures import sign


class Archive(Copies, Exports, Runs, Elders):
    """One archive file, opened for writing or for reading."""

    def _bring_up(self, version: int, grown: Collection[str]) -> None:
        if "removed" in grown:
            self._find_campaigns()
        if 0 < version < 4:
            self._sign_anew()

    def _sign_anew(self) -> None:
        """Give articles the signatures that the present rules make of their texts, and look for duplicates by them."""
        for row in self.conn.execute(
            "SELECT id, text, signature, part_of FROM articles ORDER BY id"
        ).fetchall():
            signature = sign(row["text"] or "")
            if signature != row["signature"]:
                self._update("articles", row["id"], {"signature": signature})
                if row["part_of"] is None:
                    self._relate(row["id"])
