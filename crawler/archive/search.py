"""The full-text index, kept in step with the articles, and the search in it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from math import log
from typing import Any, NamedTuple

from crawler.archive.connection import Connection
from crawler.archive.words import MONTH, SOURCE, TITLE, Question, Word, ask, cut_snippet, fields_of, words

ATTACHED = (
    "SELECT text FROM attachments WHERE article_id = ? AND withdrawn IS NULL AND text IS NOT NULL ORDER BY id"
)
"""The texts that are searched with an article."""

HASHED = 16 * 2**20
"""Bytes of new entries that FTS5 gathers before it writes a segment: larger ones are merged less often."""

LOOKED = 300
"""Of more articles than these the best are sought among those that have the words in the title and among the newest."""

K1, B = 1.2, 0.75
"""BM25 as it is usually set (Robertson, Zaragoza 2009)."""
TIMES = {"": 1.0, TITLE: 7.0, SOURCE: 1.0}
"""How often a word counts that stands once anywhere, and how much oftener in title or source."""
COUNTED = 5000
"""A word of more articles than these is as common as one of these."""


class Hit(NamedTuple):
    """One article found by words."""

    id: int
    url: str
    title: str | None
    portal: str | None
    published: str | None
    snippet: str
    rank: float
    """Lower is better."""
    reprints: int = 0
    """How many further articles that tell the same story were found."""


SOUGHT = (
    "SELECT id, url, title, text, source, portal, published, first_seen, duplicate_of, "
    "(SELECT group_concat(f.text, char(10)) FROM attachments f WHERE f.article_id = articles.id "
    "AND f.withdrawn IS NULL) AS attached FROM articles"
)
"""What a search wants of an article."""

Match = tuple[float, sqlite3.Row]
"""Rank and article."""


class Found(NamedTuple):
    """What a search gives."""

    hits: list[Hit]
    total: int
    """How many articles fit, reprints counted, as far as was looked."""
    whole: bool
    """Whether all were looked at, so that `total` is their number."""


class Search(Connection):
    """The index of articles and the texts of their attachments."""

    def _indexed(self, article_id: int, values: Mapping[str, Any] | sqlite3.Row) -> str:
        """Spell what the index has of an article: title, text with the texts of its attachments, source, month.

        Of a continuation nothing: its words are found where the whole story is.
        """
        parted = "SELECT 1 FROM articles WHERE id = ? AND part_of IS NOT NULL"
        if not self._is_elder() and self._row(parted, article_id):
            return ""
        texts = self.conn.execute(ATTACHED, (article_id,))
        whole = "\n".join([values["text"] or "", *(row[0] for row in texts)])
        month = (values["published"] or values["first_seen"] or "")[:7].replace("-", "")
        return words(values["title"], whole, values["source"], month)

    def _index(self, article_id: int, found: str) -> None:
        self.conn.execute("INSERT INTO articles_fts (rowid, entries) VALUES (?, ?)", (article_id, found))

    def _reindex(self, article_id: int, before: str, after: str) -> None:
        if before == after:
            return
        self.conn.execute(
            "INSERT INTO articles_fts (articles_fts, rowid, entries) VALUES ('delete', ?, ?)",
            (article_id, before),
        )
        self._index(article_id, after)

    def rebuild_index(self, told: Callable[[int, int], None] | None = None) -> None:
        """Spell every article for the index anew, in one transaction; `told` hears how many of how many are done."""
        with self._write():
            self.conn.execute("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')")
            self.conn.execute(f"INSERT INTO articles_fts (articles_fts, rank) VALUES ('hashsize', {HASHED})")
            count = self.conn.execute("SELECT count(*) FROM articles").fetchone()[0]
            sought = "SELECT id, title, text, source, published, first_seen FROM articles ORDER BY id"
            for done, row in enumerate(self.conn.execute(sought), 1):
                self._index(row["id"], self._indexed(row["id"], row))
                if told:
                    told(done, count)

    # -- what is asked --

    def search(self, query: str, limit: int = 20, offset: int = 0, *, newest: bool = False) -> list[Hit]:
        """Find articles by words in them or in their attachments, the best (or the newest) first; see `ask`."""
        return self.find(query, limit, offset, newest=newest).hits

    def matching(self, query: str) -> list[int]:
        """Give the ids of all articles that fit."""
        asked = ask(query)
        return [
            row["id"]
            for row in self._rows(self._ids(asked.expression))
            if within(asked, row["published"] or row["first_seen"]) and fitting(asked, row) is not None
        ]

    def find(self, query: str, limit: int = 20, offset: int = 0, *, newest: bool = False) -> Found:
        """Find articles by words, the best or the newest first; of one story the first article stands for all.

        Where more than `LOOKED` may fit, the best are sought among those that have the words in their title and the
        newest others; the newest are found in their order whatever their number.
        """
        asked = ask(query)
        need = offset + limit
        ids = self._ids(asked.expression, -1 if self._is_elder(4) else LOOKED + 1)
        whole = len(ids) <= LOOKED or self._is_elder(4)  # its index has no months
        if newest:
            rows = self._by_date(ids, asked) if whole else self._newest(asked.expression, asked)
            found, ended = self._take(rows, asked, need + 1)
            counted = whole and asked.exact and asked.since is None and asked.until is None
            total, whole = len(ids) if counted else len(found), ended or counted
        else:
            pool = self._rows(ids) if whole else self._promising(asked)
            found = self._rank(asked, pool)
            total = len(found)
        hits = [self._hit(asked, *each) for each in fold_reprints(found)[offset:need]]
        return Found(hits, total, whole)

    def _ids(self, expression: str, limit: int = -1) -> list[int]:
        rows = self.conn.execute(
            "SELECT rowid FROM articles_fts WHERE articles_fts MATCH ? LIMIT ?", (expression, limit)
        )
        return [row[0] for row in rows]

    def _rows(self, ids: Iterable[int]) -> Iterator[sqlite3.Row]:
        """Give the articles of some ids."""
        return self.conn.execute(
            f"{SOUGHT} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", (json.dumps(list(ids)),)
        )

    def _by_date(self, ids: Iterable[int], asked: Question) -> Iterator[sqlite3.Row]:
        """Give articles, the newest first."""
        dated = self.conn.execute(
            "SELECT id, coalesce(published, first_seen) AS moment FROM articles "
            "WHERE id IN (SELECT value FROM json_each(?)) ORDER BY moment DESC, id DESC",
            (json.dumps(list(ids)),),
        ).fetchall()
        for row in dated:
            if within(asked, row["moment"]):
                yield from self.conn.execute(f"{SOUGHT} WHERE id = ?", (row["id"],))

    def _newest(self, expression: str, asked: Question) -> Iterator[sqlite3.Row]:
        """Give the articles that an expression finds, the newest first, month by month."""
        last = "SELECT substr(max(coalesce(published, first_seen)), 1, 7) FROM articles WHERE coalesce(published, first_seen) < ?"
        month = "9999-99"
        while (row := self._row(last, month)) and row[0] and not (asked.since and row[0] < asked.since[:7]):
            month = row[0]
            if asked.until is None or month <= asked.until:
                entry = MONTH + month.replace("-", "")
                yield from self._by_date(self._ids(f'({expression}) AND "{entry}"'), asked)

    def _take(self, rows: Iterable[sqlite3.Row], asked: Question, stories: int) -> tuple[list[Match], bool]:
        """Take rows that fit until there are so many stories; say also whether there were no more."""
        found: list[Match] = []
        seen: set[int] = set()
        for row in rows:
            if fitting(asked, row) is None:
                continue
            found.append((0.0, row))
            seen.add(row["duplicate_of"] or row["id"])
            if len(seen) >= stories:
                return found, False
        return found, True

    def _promising(self, asked: Question) -> list[sqlite3.Row]:
        """Give the articles among which the best ones of very many are: with the words in the title, and the newest."""
        found: dict[int, sqlite3.Row] = {}
        if titled := asked.titled:
            for row in islice(self._newest(titled, asked), LOOKED // 2):
                found[row["id"]] = row
        for row in islice(self._newest(asked.expression, asked), LOOKED - len(found)):
            found[row["id"]] = row
        return list(found.values())

    def _rank(self, asked: Question, rows: Iterable[sqlite3.Row]) -> list[Match]:
        """Keep the articles that fit, the best first (BM25 over title, text and source)."""
        told = [
            (row, fields)
            for row in rows
            if within(asked, row["published"] or row["first_seen"]) and (fields := fitting(asked, row))
        ]
        average = sum(len(fields[""]) for _, fields in told) / (len(told) or 1)
        weights = self._weights(asked.words)
        found = []
        for row, fields in told:
            long = K1 * (1 - B + B * len(fields[""]) / average)
            score = 0.0
            for word, weight in weights.items():
                often = sum(times * word.count(fields[mark]) for mark, times in TIMES.items())
                score += weight * often * (K1 + 1) / (often + long)
            found.append((-score, row))
        return sorted(found, key=lambda pair: (pair[0], -pair[1]["id"]))

    def _weights(self, asked: Sequence[Word]) -> dict[Word, float]:
        """Say how much each word tells: the rarer, the more."""
        if len(asked) == 1:
            return {asked[0]: 1.0}
        top = self._row("SELECT max(id) FROM articles")
        count = (top[0] if top else 0) or 1
        return {word: log(1 + count / (1 + len(self._ids(word.expression(), COUNTED)))) for word in asked}

    def _hit(self, asked: Question, rank: float, row: sqlite3.Row, reprints: int) -> Hit:
        snippet = self._snippet(row, asked)
        return Hit(
            row["id"], row["url"], row["title"], row["portal"], row["published"], snippet, rank, reprints
        )

    def _snippet(self, row: sqlite3.Row, asked: Question) -> str:
        """Cut out the place of the first word that article or attachment has; the attachment is named."""
        found = cut_snippet(row["text"] or "", asked, sought=True)
        if found is not None:
            return found
        for name, text in self.conn.execute(ATTACHED.replace("text", "name, text", 1), (row["id"],)):
            if (found := cut_snippet(text, asked, sought=True)) is not None:
                return f"{' '.join((name or '').split())}: {found}"
        return cut_snippet(row["text"] or "", asked) or ""


def fitting(asked: Question, row: sqlite3.Row) -> dict[str, str] | None:
    """Give an article's folded fields; None where what is asked for is not there."""
    text = f"{row['text'] or ''}\n{row['attached']}" if row["attached"] else row["text"]
    fields = fields_of(row["title"], text, row["source"])
    return fields if asked.exact or (asked.part is not None and asked.part.fits(fields)) else None


def fold_reprints(found: Iterable[Match]) -> list[tuple[float, sqlite3.Row, int]]:
    """Let the first print of each story stand for all that were found, in the place of the best; give the number of the others."""
    stories: dict[int, list[Match]] = {}
    for rank, row in found:
        stories.setdefault(row["duplicate_of"] or row["id"], []).append((rank, row))
    first = [
        next((each for each in group if not each[1]["duplicate_of"]), group[0]) for group in stories.values()
    ]
    return [(*each, len(group) - 1) for each, group in zip(first, stories.values(), strict=True)]


def within(asked: Question, moment: str | None) -> bool:
    """Tell whether a moment lies between the bounds of a question.

    >>> within(Question(None, "2024-03", "2024-04"), "2024-04-30T09:00:00+08:00"), within(Question(None, "2024-03"), None)
    (True, False)
    """
    if asked.since is None and asked.until is None:
        return True
    if moment is None:
        return False
    return (asked.since or "") <= moment and (
        asked.until is None or moment[: len(asked.until)] <= asked.until
    )
