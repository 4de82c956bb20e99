"""Duplicates: articles that tell one story, linked to the earliest.

`bands` is an inverted index: under each key of a signature the articles that are found by it. New entries gather in
`bands_new`, one row an article, and go into `bands` together and in order, so that each page of that large table is
written once for many articles. What has gathered is looked up in a copy in memory, a few megabytes at most, which is
read again whenever the rows may be others.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from crawler.archive.connection import Connection
from crawler.archive.shape import BY_HAND
from crawler.text.signatures import bands, is_exact, likeness, posted, same_story, sign

logger = logging.getLogger(__name__)

CROWD = 10
"""How many articles are kept under one key: what more have in common is a phrase or the frame of a series."""
GATHERED = 5000
"""How many articles gather in `bands_new`."""
LAST = 500
"""How many of them are looked up in a dict, which takes ten times the memory, before they are put in order."""
LOOKED_AT = 50
"""How many articles' signatures are compared with a new one's, those first that share most and rarest keys."""
COMPARED = 8
"""How many of them are compared with it in full and in vain."""
IN_A_CROWD = 2
"""How many of them share nothing with it but what a crowd has."""
LEAST_LIKENESS = 0.04
"""Estimated share of runs below which texts are not compared: of a fifth edited 0.2 is left, of unrelated ones 0.005."""
HELD = 50
"""How many articles of a cluster are related anew when one leaves it."""


class Gathered:
    """The rows of `bands_new` in memory: keys and articles side by side in the order of the keys, the last ones in a dict."""

    def __init__(self, rows: Iterable[tuple[int, bytes]] = ()) -> None:
        found = [(article_id, _unpack(packed)) for article_id, packed in rows]
        self.count = len(found)
        self._last: dict[int, tuple[int, ...]] = {}
        self._waiting = 0
        self._keys = np.concatenate([_NONE, *(keys for _, keys in found)])
        self._ids = np.repeat(
            np.array([article_id for article_id, _ in found], np.int64),
            np.array([len(keys) for _, keys in found], np.int64),
        )
        self._sort()

    def add(self, article_id: int, keys: Iterable[int]) -> None:
        """Put an article under its keys."""
        self.count += 1
        for key in keys:
            self._last[key] = (*self._last.get(key, ()), article_id)
        self._waiting += 1
        if self._waiting >= LAST:
            self._settle()

    def drop(self, article_id: int) -> None:
        """Take an article away."""
        self.count -= 1
        self._settle()
        rest = self._ids != article_id
        self._keys, self._ids = self._keys[rest], self._ids[rest]

    def find(self, keys: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Give the articles under each key that has some, in the order in which they came."""
        sought = np.array(keys, np.int64)
        begins, ends = (np.searchsorted(self._keys, sought, side).tolist() for side in ("left", "right"))
        found: dict[int, tuple[int, ...]] = {}
        for key, begin, end in zip(keys, begins, ends, strict=True):
            listed = (*self._ids[begin:end].tolist(), *self._last.get(key, ()))
            if listed:
                found[key] = listed
        return found

    def rows(self) -> Iterator[tuple[int, str]]:
        """Give each key with its articles as `bands` has them, in order."""
        self._settle()
        begins = np.flatnonzero(np.diff(self._keys, prepend=self._keys[:1] - 1)).tolist()
        for begin, end in pairwise([*begins, len(self._keys)]):
            yield int(self._keys[begin]), ",".join(map(str, self._ids[begin:end].tolist()))

    def _settle(self) -> None:
        pairs = [(key, each) for key, ids in self._last.items() for each in ids]
        self._last, self._waiting = {}, 0
        if pairs:
            more = np.array(pairs, np.int64)
            self._keys, self._ids = (
                np.concatenate((self._keys, more[:, 0])),
                np.concatenate((self._ids, more[:, 1])),
            )
            self._sort()

    def _sort(self) -> None:
        order = np.argsort(self._keys, kind="stable")
        self._keys, self._ids = self._keys[order], self._ids[order]


_NONE = np.empty(0, np.int64)


def _unpack(packed: bytes) -> npt.NDArray[np.int64]:
    return np.frombuffer(packed, "<i8").astype(np.int64)


class Duplicates(Connection):
    """The index of keys, and the clusters found with it."""

    _gathered: Gathered | None = None
    _gathered_at = 0

    def _relate(self, article_id: int) -> None:
        """Put an article into the index, and link it to the articles that tell the same story."""
        row = self._row("SELECT signature FROM articles WHERE id = ?", article_id)
        assert row is not None
        keys = bands(row["signature"] or "")
        found = self._look_up(keys)
        self._post(article_id, keys, found)
        self._link(article_id, found)

    def _link(self, article_id: int, found: Mapping[int, Sequence[int]]) -> None:
        """Link an article to those of the articles found that tell the same story."""
        row = self._row("SELECT title, text, signature FROM articles WHERE id = ?", article_id)
        assert row is not None
        members = {article_id}
        vain = 0
        for other_id, crowded in self._candidates(article_id, found)[:LOOKED_AT]:
            if other_id in members or (crowded and vain >= IN_A_CROWD):
                continue
            other = self._row("SELECT title, text, signature FROM articles WHERE id = ?", other_id)
            if other is None or likeness(row["signature"], other["signature"] or "") < LEAST_LIKENESS:
                continue
            if same_story(row["title"], row["text"] or "", other["title"], other["text"] or "").same:
                members |= self._cluster(other_id)
            else:
                vain += 1
                if vain == COMPARED:
                    break
        if len(members) > 1:
            self._elect(members | self._cluster(article_id))

    def _sign_anew(self) -> None:
        """Make signatures, index and links anew from the texts, inside the open transaction."""
        ids = [row[0] for row in self.conn.execute("SELECT id FROM articles ORDER BY id")]
        if ids:
            logger.warning(
                "%s: %d articles are signed anew, which takes some seconds for each 1000", self.path, len(ids)
            )
        self.conn.execute("DROP TABLE bands")
        self.conn.execute(BY_HAND["bands"])
        self.conn.execute("DELETE FROM bands_new")
        self.conn.execute("UPDATE articles SET duplicate_of = NULL WHERE duplicate_of IS NOT NULL")
        self._gathered = None
        for article_id in ids:
            row = self._row("SELECT text, part_of FROM articles WHERE id = ?", article_id)
            assert row is not None
            self._update("articles", article_id, {"signature": sign(row["text"] or "")})
            if row["part_of"] is None:
                self._relate(article_id)
            if self._gathered is not None and self._gathered.count >= GATHERED:
                self._merge()

    # -- the index --

    def _look_up(self, keys: Sequence[int]) -> dict[int, Sequence[int]]:
        """Give the articles under each key that has some."""
        if not keys:
            return {}
        found: dict[int, Sequence[int]] = {**self._present().find(keys)}
        each = (
            ", (SELECT articles FROM bands WHERE band = ?)"  # in one statement, twice as fast as one by one
        )
        row = self.conn.execute(f"SELECT {(each * len(keys))[2:]}", keys).fetchone()
        for key, listed in zip(keys, row, strict=True):
            if listed:
                found[key] = (*map(int, listed.split(",")), *found.get(key, ()))
        return found

    def _present(self) -> Gathered:
        if self._gathered is None:
            self._gathered = Gathered(self.conn.execute("SELECT article_id, keys FROM bands_new"))
        return self._gathered

    def _begun(self) -> None:
        version = self.conn.execute("PRAGMA data_version").fetchone()[0]
        if version != self._gathered_at:  # another connection wrote
            self._gathered, self._gathered_at = None, version

    def _undone(self) -> None:
        self._gathered = None

    def _post(self, article_id: int, keys: tuple[int, ...], found: Mapping[int, Sequence[int]]) -> None:
        """Put an article under its keys, but for those that a crowd has already."""
        own = [key for key in posted(keys) if len(found.get(key, ())) < CROWD]
        gathered = self._present()
        self.conn.execute(
            "INSERT INTO bands_new VALUES (?, ?)", (article_id, struct.pack(f"<{len(own)}q", *own))
        )
        gathered.add(article_id, own)

    def commit(self) -> None:
        """End the open transaction; put what has gathered into the index before, where it is much."""
        if self._gathered is not None and self._gathered.count >= GATHERED and self.conn.in_transaction:
            with self._write():
                self._merge()
        super().commit()

    def _merge(self) -> None:
        self.conn.executemany(
            "INSERT INTO bands VALUES (?, ?) ON CONFLICT DO UPDATE SET articles = articles || ',' || excluded.articles",
            self._present().rows(),
        )
        self.conn.execute("DELETE FROM bands_new")
        self._gathered = Gathered()

    def _unpost(self, article_id: int) -> None:
        """Take an article out of the index, as its signature still says where it stands."""
        if self._row("SELECT 1 FROM bands_new WHERE article_id = ?", article_id):
            if self._gathered is not None:
                self._gathered.drop(article_id)
            self.conn.execute("DELETE FROM bands_new WHERE article_id = ?", (article_id,))
            return
        row = self._row("SELECT signature FROM articles WHERE id = ?", article_id)
        assert row is not None
        for key in posted(bands(row["signature"] or "")):
            listed = self._row("SELECT articles FROM bands WHERE band = ?", key)
            rest = [each for each in listed[0].split(",") if each != str(article_id)] if listed else []
            if rest:
                self.conn.execute("UPDATE bands SET articles = ? WHERE band = ?", (",".join(rest), key))
            else:
                self.conn.execute("DELETE FROM bands WHERE band = ?", (key,))

    def _candidates(self, article_id: int, found: Mapping[int, Sequence[int]]) -> list[tuple[int, bool]]:
        """Give the articles worth a look, those first that share most and rarest keys; True: only a crowd's keys.

        Worth a look: two keys are shared, or one that is no crowd's.
        """
        weights: dict[int, float] = {}
        worth: set[int] = set()
        rare: set[int] = set()
        for key, ids in found.items():
            weight = 1 / len(ids)
            if len(ids) < CROWD:
                rare.update(ids)
            elif is_exact(key):
                worth.update(ids)
            for other in ids:
                if other in weights:
                    weights[other] += weight
                    worth.add(other)
                else:
                    weights[other] = weight
        worth |= rare
        worth.discard(article_id)
        first = sorted(worth, key=lambda other: (-weights[other], other))
        return [(other, other not in rare) for other in first]

    # -- clusters --

    def _cluster(self, article_id: int) -> set[int]:
        """Give all articles that tell one story with this one, itself included."""
        row = self._row("SELECT coalesce(duplicate_of, id) AS root FROM articles WHERE id = ?", article_id)
        assert row is not None
        found = self.conn.execute("SELECT id FROM articles WHERE duplicate_of = ?", (row["root"],))
        return {row["root"], *(each[0] for each in found)}

    def _elect(self, members: Iterable[int]) -> None:
        """Let all members point to the earliest: by publication, then by the day first seen; then a fixed order decides."""
        members = tuple(members)
        marks = ", ".join("?" * len(members))
        first = self.conn.execute(
            f"SELECT id FROM articles WHERE id IN ({marks}) ORDER BY published IS NULL, published, substr(first_seen, 1, 10), key LIMIT 1",
            members,
        ).fetchone()[0]
        self.conn.execute(
            f"UPDATE articles SET duplicate_of = nullif(?, id) WHERE id IN ({marks})", (first, *members)
        )

    def _leave(self, article_id: int) -> None:
        """Take an article out of the index and out of its cluster, before its text changes.

        The others are related to each other anew, for it may have been what held them together.
        """
        self._unpost(article_id)
        rest = self._cluster(article_id) - {article_id}
        self.conn.execute("UPDATE articles SET duplicate_of = NULL WHERE id = ?", (article_id,))
        if not rest:
            return
        if len(rest) > HELD:
            self._elect(rest)
            return
        marks = ", ".join("?" * len(rest))
        self.conn.execute(f"UPDATE articles SET duplicate_of = NULL WHERE id IN ({marks})", tuple(rest))
        for other_id in sorted(rest):
            other = self._row("SELECT signature FROM articles WHERE id = ?", other_id)
            assert other is not None
            self._link(other_id, self._look_up(bands(other["signature"] or "")))

    def _verify_duplicates(self) -> Iterator[str]:
        """Say how many entries of the index belong to no article, and how many articles are in none."""
        if not self._row("SELECT 1 FROM sqlite_schema WHERE name = 'bands_new'"):
            return  # an elder file, opened for reading
        entries = self.conn.execute(
            "SELECT coalesce(sum(1 + length(articles) - length(replace(articles, ',', ''))), 0) FROM bands"
        ).fetchone()[0]
        entries += sum(len(keys) // 8 for (keys,) in self.conn.execute("SELECT keys FROM bands_new"))
        missing = 0
        for article_id, signature in self.conn.execute(
            "SELECT id, signature FROM articles WHERE part_of IS NULL AND signature <> ''"
        ):
            keys = posted(bands(signature))
            found = self._look_up(keys)
            own = sum(article_id in ids for ids in found.values())
            entries -= own
            missing += not own and any(len(found.get(key, ())) < CROWD // 2 for key in keys)
        if entries or missing:
            yield f"near-duplicate index: {entries} entries belong to no article, {missing} articles are missing"
