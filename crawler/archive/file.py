"""The archive file with all that can be asked of it."""

from __future__ import annotations

from collections.abc import Collection

from crawler.archive.accounts import Accounts
from crawler.archive.copies import Copies
from crawler.archive.elders import Elders
from crawler.archive.exports import Exports
from crawler.archive.facets import Counting
from crawler.archive.merging import Merging
from crawler.archive.runs import Runs
from crawler.archive.shape import SUPERSEDED


class Archive(Copies, Exports, Runs, Accounts, Elders, Counting, Merging):
    """One archive file, opened for writing or for reading."""

    def _bring_up(self, version: int, grown: Collection[str]) -> None:
        for name in SUPERSEDED if version else ():
            self.conn.execute(f"DROP INDEX IF EXISTS {name}")
        if 0 < version < 4:
            self._write_keys_anew()
        if "removed" in grown:
            self._find_campaigns()
        if 0 < version < 4:
            self._name_changes()
            self._sign_anew()
        if "articles_fts" in grown:
            self.rebuild_index()
