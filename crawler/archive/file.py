"""The archive file with all that can be asked of it."""

from __future__ import annotations

from collections.abc import Collection

from crawler.archive.copies import Copies
from crawler.archive.runs import Runs


class Archive(Copies, Runs):
    """One archive file, opened for writing or for reading."""

    def _bring_up(self, version: int, grown: Collection[str]) -> None:
        if "removed" in grown:
            self._find_campaigns()
        if 0 < version < 4:
            self._sign_anew()
