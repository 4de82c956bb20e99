"""What is remembered of a portal: its furniture, the hosts that it names, blocks met before."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from crawler.archive.connection import Connection
from crawler.archive.values import block_digest, canonical, line_digest, now, storable
from crawler.captures import local_time
from crawler.text.hosts import THROW_AWAY_RE

if TYPE_CHECKING:
    from crawler.items import Page


KNOWN_PAGES, KNOWN_SHARE = 5, 0.2
"""A line outside articles is furniture from so many articles on, if they are this share of its portal's articles since
the line was first seen."""
HONEST_PAGES = 5
"""A host is honest from so many untampered articles on, seen in two nights at least."""
KNOWN_BLOCKS = 3
"""A block is known from so many articles on."""
REMEMBERED = 50_000
"""How many rows of each kind are loaded at most."""
FORGET_DAYS = 90
"""What was seen on one page only is forgotten after so many days."""
EPOCH_HOURS = 48
"""How long runs that take up what a killed one left remember no more than that one."""


class Remembered:
    """What the archive knew of one portal at a moment: a ``crawler.text.Memory``."""

    def __init__(
        self,
        portal: str,
        lines: frozenset[str],
        hosts: frozenset[str],
        blocks: Mapping[str, Sequence[tuple[str, str, bool]]],
        article: str | None = None,
    ) -> None:
        """Keep digests of lines, hosts, and for digests of blocks the articles: key, portal, whether it was cut out.

        `article` is the key of the article whose further pages are read.
        """
        self.portal = portal
        self.lines = lines
        self.hosts = hosts
        self.blocks = blocks
        self.article = article

    def within(self, url: str) -> Remembered:
        """Give the same for reading further pages of the article at `url`, which is no other article to them."""
        return Remembered(self.portal, self.lines, self.hosts, self.blocks, canonical(url))

    def furniture(self, line: str) -> bool:
        """Say whether a line stands on many of the portal's pages outside their articles."""
        return bool(self.lines) and line_digest(line) in self.lines

    def repeated(self, text: str, url: str | None) -> int:
        """Count the other articles that the block was cut out of, or on whose portal, another one, it is suspected.

        That it is suspected on this portal again says nothing: a portal repeats its honest headlines, too.
        """
        found = self.blocks.get(block_digest(text)) if self.blocks else None
        if not found:
            return 0
        own = self.article or (canonical(url) if url else "")
        return len({key for key, portal, cut in found if key != own and (cut or portal != self.portal)})

    def honest(self, host: str) -> bool:
        """Say whether honest pages of the portal name a host."""
        return host in self.hosts


class Remembering(Connection):
    """What earlier runs learnt, as far as the present one may know it."""

    def __init__(self, path: str | os.PathLike[str], *, readonly: bool = False) -> None:
        """Open an archive that remembers nothing yet; see `Connection`."""
        self.epoch = ""
        """The moment up to which the present run remembers."""
        self._memories: dict[tuple[str, str], Remembered] = {}
        self._blocks: dict[str, dict[str, list[tuple[str, str, bool]]]] = {}
        self._whole: Connection | None = None
        super().__init__(path, readonly=readonly)

    def remember_beside(self, whole: str | os.PathLike[str]) -> None:
        """Let blocks and hosts of spam count as another archive knows them: the whole that this one is a shard of.

        Raises ArchiveError where it cannot be read.
        """
        self._whole = Connection(whole, readonly=True)

    def close(self) -> None:
        """Close both."""
        if self._whole is not None:
            self._whole.close()
            self._whole = None
        super().close()

    def _targets(self, epoch: str | None = None) -> list[str]:
        """Name the hosts that blocks of other portals lead to, as the whole archive knew them before a moment."""
        if self._whole is None:
            return []
        rows = self._whole.conn.execute(
            "SELECT host FROM targets WHERE ?1 IS NULL OR coalesce(epoch, '') < ?1 ORDER BY host", (epoch,)
        )
        return [row[0] for row in rows]

    def begin_memory(self, night: str = "") -> None:
        """Let what earlier runs learnt count for the runs of this process, which begin now, one after the other.

        While a killed run waits for its next one, nothing new counts, so that the two read as one. `night` is when
        the night began that the run is part of: all its runs remember the same, on whatever machine.
        """
        if self.epoch:
            return  # a run beside this one began it
        now_ = night or local_time(now().replace(microsecond=0))
        last = self._last_epoch()
        recent = local_time(now() - timedelta(hours=EPOCH_HOURS))
        waiting = self._row(
            "SELECT 1 FROM runs WHERE memory = ? AND outcome = 'interrupted' AND stats IS NULL", last
        )
        self.open_memory(last if waiting and last > recent else max(last, now_))

    def open_memory(self, epoch: str) -> None:
        """Remember what was learnt before a moment; a later one than the last lets more count."""
        if epoch > self._last_epoch():
            self._settle_memory(epoch)
        self.epoch = epoch
        self._memories.clear()
        self._blocks.clear()

    def _last_epoch(self) -> str:
        return str(self.conn.execute("SELECT coalesce(max(memory), '') FROM runs").fetchone()[0])

    def _settle_memory(self, epoch: str) -> None:
        """Count what the last runs saw, say what is known from now on, and forget what was seen once, long ago."""
        try:
            old = local_time(datetime.fromisoformat(epoch) - timedelta(days=FORGET_DAYS))
        except ValueError:
            old = ""
        with self._write():
            self.conn.execute("UPDATE memory SET pages = pages + fresh, fresh = 0 WHERE fresh > 0")
            self.conn.execute(
                "UPDATE memory SET since = :epoch WHERE kind = 'line' AND since IS NULL AND pages >= :pages AND pages >= "
                ":share * (SELECT sum(a.pages) FROM memory a WHERE a.portal = memory.portal AND a.kind = 'articles' "
                "AND a.key >= memory.first_seen)",
                {"epoch": epoch, "pages": KNOWN_PAGES, "share": KNOWN_SHARE},
            )
            self.conn.execute(
                "UPDATE memory SET since = :epoch WHERE kind = 'host' AND since IS NULL AND pages >= :pages "
                "AND first_seen < last_seen AND key NOT IN (SELECT host FROM targets) "
                "AND key NOT IN (SELECT value FROM json_each(:others))",
                {"epoch": epoch, "pages": HONEST_PAGES, "others": json.dumps(self._targets())},
            )
            self.conn.execute(
                "DELETE FROM memory WHERE kind <> 'articles' AND since IS NULL AND pages < 2 AND last_seen < ?",
                (old,),
            )

    def _learn(self, page: Page) -> None:
        """Count what an article's page teaches, when it is first seen; of a page in doubt its hosts teach nothing."""
        pages = [each for _, each in page.numbered]
        traces = [each.traces for each in pages if each.traces and not each.error]
        doubt = page.tampered or any(each.suspects for each in pages)
        hosts = () if doubt else [host for each in traces for host in each.hosts]
        found = [("line", line_digest(line)) for each in traces for line in each.lines]
        found += [("host", host) for host in hosts if not THROW_AWAY_RE.search(host)]
        found.append(("articles", self.epoch))
        self.conn.executemany(
            "INSERT INTO memory (portal, kind, key, pages, fresh, first_seen, last_seen) "
            "VALUES (:portal, :kind, :key, 0, 1, :epoch, :epoch) ON CONFLICT (portal, kind, key) "
            "DO UPDATE SET fresh = fresh + 1, last_seen = max(last_seen, excluded.last_seen)",
            [
                {"portal": page.portal, "kind": kind, "key": storable(key), "epoch": self.epoch}
                for kind, key in dict.fromkeys(found)
            ],
        )

    def memory(self, portal: str, epoch: str | None = None) -> Remembered:
        """Give what is known of a portal to the present run, or was to the runs of an earlier moment."""
        at = self.epoch if epoch is None else epoch
        if found := self._memories.get((portal, at)):
            return found
        if self._is_elder():
            return Remembered(portal, frozenset(), frozenset(), {})

        def known(kind: str, more: str = "") -> frozenset[str]:
            rows = self.conn.execute(
                f"SELECT key FROM memory WHERE portal = :portal AND kind = :kind AND since <= :at {more} "
                "ORDER BY pages DESC, key LIMIT :limit",
                {"portal": portal, "kind": kind, "at": at, "limit": REMEMBERED},
            )
            return frozenset(row[0] for row in rows)

        if at not in self._blocks:
            self._blocks[at] = self._blocks_known(at)
        clean = "AND key NOT IN (SELECT host FROM targets WHERE coalesce(epoch, '') < :at)"
        hosts = known("host", clean).difference(self._targets(at))
        found = Remembered(portal, known("line"), hosts, self._blocks[at])
        self._memories[portal, at] = found
        return found

    def _blocks_known(self, epoch: str) -> dict[str, list[tuple[str, str, bool]]]:
        """Give the blocks that were cut out of, or suspected on, several articles before a moment."""
        told = (
            "SELECT block, article_id, 1 AS cut FROM removed WHERE coalesce(epoch, '') < :at "
            "AND instr(reasons, '\"repeated\"') = 0 UNION SELECT block, article_id, 0 FROM suspects "
            "WHERE coalesce(epoch, '') < :at"
        )
        rows = (self._whole or self).conn.execute(
            f"WITH told AS ({told}) SELECT t.block, a.key, a.portal, max(t.cut) AS cut FROM told t "
            "JOIN articles a ON a.id = t.article_id WHERE t.block IN (SELECT block FROM told GROUP BY block "
            "HAVING count(DISTINCT article_id) >= :least ORDER BY count(*) DESC, block LIMIT :limit) "
            "GROUP BY t.block, a.key ORDER BY t.block, a.key",
            {"at": epoch, "least": KNOWN_BLOCKS, "limit": REMEMBERED},
        )
        found: dict[str, list[tuple[str, str, bool]]] = {}
        kinds: Counter[tuple[str, str, bool]] = Counter()
        for block, key, portal, cut in rows:
            kinds[block, portal, bool(cut)] += 1
            if kinds[block, portal, bool(cut)] <= 2 * KNOWN_BLOCKS:  # more change nothing
                found.setdefault(block, []).append((key, portal or "", bool(cut)))
        return found

    def epoch_of(self, capture_id: int) -> str:
        """Give the moment up to which the run of a capture remembered; empty where it did not."""
        row = self._row(
            "SELECT r.memory FROM captures c JOIN runs r ON r.id = c.run_id WHERE c.id = ?", capture_id
        )
        return (row["memory"] if row else None) or ""
