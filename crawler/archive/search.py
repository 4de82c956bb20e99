"""The full-text index, kept in step with the articles, and the search in it."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice, pairwise, product
from math import log
from typing import TYPE_CHECKING, Any, NamedTuple

from crawler.archive.connection import Connection
from crawler.archive.pinyin import spell
from crawler.archive.values import storable
from crawler.archive.words import (
    MONTH,
    SOURCE,
    TITLE,
    Asked,
    Question,
    Sound,
    Word,
    ask,
    cut_snippet,
    fields_of,
    heard,
    month_of,
    words,
)

if TYPE_CHECKING:
    from crawler.archive.articles import Prepared

ATTACHED = (
    "SELECT text FROM attachments WHERE article_id = ? AND withdrawn IS NULL AND text IS NOT NULL ORDER BY id"
)
"""The texts that are searched with an article."""

HASHED = 16 * 2**20
"""Bytes of new entries that FTS5 gathers before it writes a segment: larger ones are merged less often."""

SPELLED = 500
"""So many articles are spelled, and then written, when the index is built: each of the two has the processor's memory."""

LOOKED = 200
"""Of more articles than these the best are sought among those that have the words in the title and among the newest."""
TRIED = 600
"""Of up to so many articles is counted how many fit, beside the best ones."""
DATED = 1500
"""Of more articles than these the newest are sought month by month; so many are put in order at once."""
TOLD = 10_000
"""How far is counted what is found; a word of more articles than these is as common as one of these."""
PROBED = 60
"""So many of the newest articles are looked at themselves, where most articles have what is asked for."""
K1, B = 1.2, 0.75
"""BM25 as it is usually set (Robertson, Zaragoza 2009)."""
TIMES = {"": 1.0, TITLE: 7.0, SOURCE: 1.0}
"""How often a word counts that stands once anywhere, and how much oftener in title or source."""
TITLED = 100.0
"""What an article that has in its title what is asked for is ahead: more than any words can count."""
HEARD = 0.01
"""The same where the title reads so and no word stands there as typed: less than any word counts."""


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
    channel: str | None = None
    source: str | None = None
    tampered: bool = False


INDEXED = "SELECT id, title, text, source, published, first_seen FROM articles"
"""What the index has of an article (`Search._indexed`)."""

_READ = (
    "title, text, source, (SELECT group_concat(f.text, char(10)) FROM attachments f WHERE f.article_id = articles.id "
    "AND f.withdrawn IS NULL) AS attached FROM articles"
)
READ = f"SELECT {_READ}"
"""What tells whether an article fits."""
SOUGHT = f"SELECT id, url, portal, channel, tampered, published, first_seen, duplicate_of, {_READ}"
"""What a search wants of an article."""

MOMENT = "coalesce(a.published, a.first_seen)"

FILTERS = {
    "portal": "coalesce(a.portal, '') = ?",
    "channel": "coalesce(a.channel, '') = ?",
    "year": f"substr({MOMENT}, 1, 4) = ?",
    "source": "coalesce(a.source, '') = ?",
    "tampered": "CAST(a.tampered AS TEXT) = ?",
}
"""What narrows a search down, as SQL over an article; a value that an article lacks is the empty one."""

Match = tuple[float, sqlite3.Row]
"""Rank and article."""


class Found(NamedTuple):
    """What a search gives."""

    hits: list[Hit]
    total: int
    """How many articles fit, reprints counted, as far as was looked."""
    whole: bool
    """Whether all were looked at, so that `total` is their number."""


class Scope(NamedTuple):
    """Where is looked: SQL conditions over articles (``a``) that follow others, and their values."""

    conditions: str = ""
    values: tuple[str, ...] = ()
    year: str | None = None
    """A year that the conditions ask for; the index knows it too."""


def scope_of(asked: Question, filters: Mapping[str, str] | None = None) -> Scope:
    """Give the bounds of a question and some filters (see `FILTERS`) as SQL; raises ValueError for another filter.

    >>> scope_of(ask("since:2024"), {"portal": "lyg.gov.cn"})[1]
    ('2024', 'lyg.gov.cn')
    """
    filters = filters or {}
    if unknown := sorted({*filters} - {*FILTERS}):
        raise ValueError(f"filters: found {', '.join(unknown)}, wanted some of {', '.join(FILTERS)}")
    parts: list[tuple[str, str]] = []
    if asked.since is not None:
        parts.append((f"{MOMENT} >= ?", asked.since))
    if asked.until is not None:
        parts.append((f"substr({MOMENT}, 1, {len(asked.until)}) <= ?", asked.until))
    parts += [(FILTERS[name], storable(value)) for name, value in filters.items()]
    year = filters.get("year", "")
    return Scope(
        "".join(f" AND {part}" for part, _ in parts),
        tuple(value for _, value in parts),
        year if re.fullmatch("[0-9]{4}", year) else None,
    )


class Search(Connection):
    """The index of articles and the texts of their attachments."""

    def _indexed(
        self, article_id: int, values: Mapping[str, Any] | sqlite3.Row, prepared: Prepared | None = None
    ) -> str:
        """Spell what the index has of an article: title, text with the texts of its attachments, source, month.

        Of a continuation nothing: its words are found where the whole story is. What was `prepared` is taken where it
        is of the same.
        """
        parted = "SELECT 1 FROM articles WHERE id = ? AND part_of IS NOT NULL"
        if not self._is_elder() and self._row(parted, article_id):
            return ""
        texts = self.conn.execute(ATTACHED, (article_id,))
        whole = "\n".join([values["text"] or "", *(row[0] for row in texts)])
        asked = Asked(
            values["title"], whole, values["source"], month_of(values["published"] or values["first_seen"])
        )
        if prepared is not None and prepared.spelled.asked == asked:
            return prepared.spelled.entries
        return words(*asked)

    def _index(self, article_id: int, found: str) -> None:
        self._put_off("INSERT INTO articles_fts (rowid, entries) VALUES (?, ?)", article_id, found)

    def _reindex(self, article_id: int, before: str, after: str) -> None:
        if before == after:
            return
        self._put_off(
            "INSERT INTO articles_fts (articles_fts, rowid, entries) VALUES ('delete', ?, ?)",
            article_id,
            before,
        )
        self._index(article_id, after)

    def rebuild_index(self, told: Callable[[int, int], None] | None = None) -> None:
        """Spell every article for the index anew, in one transaction; `told` hears how many of how many are done."""
        with self._write():
            self._catch_up()
            self.conn.execute("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')")
            self.conn.execute(f"INSERT INTO articles_fts (articles_fts, rank) VALUES ('hashsize', {HASHED})")
            count = self.conn.execute("SELECT count(*) FROM articles").fetchone()[0]
            rows = self.conn.execute(f"{INDEXED} ORDER BY id")
            done = 0
            while some := rows.fetchmany(SPELLED):
                spelled = [(row["id"], self._indexed(row["id"], row)) for row in some]
                self.conn.executemany("INSERT INTO articles_fts (rowid, entries) VALUES (?, ?)", spelled)
                done += len(some)
                if told:
                    told(done, count)

    # -- what is asked --

    def search(self, query: str, limit: int = 20, offset: int = 0, *, newest: bool = False) -> list[Hit]:
        """Find articles by words in them or in their attachments, the best (or the newest) first; see `ask`."""
        return self.find(query, limit, offset, newest=newest).hits

    def matching(self, query: str) -> list[int]:
        """Give the ids of all articles that have what is typed; what may be pinyin is not looked for as such."""
        asked = ask(query)
        with self._reading():
            ids = sorted(self._by_date(asked.expression, scope_of(asked), whole=True))
            return [row["id"] for row in self._rows(ids) if asked.exact or fits(asked, row)]

    def find(
        self,
        query: str,
        limit: int = 20,
        offset: int = 0,
        *,
        newest: bool = False,
        filters: Mapping[str, str] | None = None,
    ) -> Found:
        """Find articles by words, the best or the newest first; of one story the first article stands for all.

        Where more than `LOOKED` may fit, the best are sought among those that have the words in their title and the
        newest others, and the rest follows, the newest first. `filters` narrow down by portal, channel, year
        (``2024``), source and tampered (``1``, ``0``), all exactly; a question of filters or dates alone gives all
        that they let through, the newest first. Raises ValueError for another filter.
        """
        asked = ask(query)
        scope = scope_of(asked, filters)
        with self._reading():
            found, total, whole = self._find(query, asked, scope, offset + limit, newest)
            hits = [self._hit(asked, *each) for each in fold_reprints(found)[offset : offset + limit]]
        return Found(hits, total, whole)

    def _find(
        self, query: str, asked: Question, scope: Scope, need: int, newest: bool
    ) -> tuple[list[Match], int, bool]:
        """Give what fits, so many stories at least, how many articles there are, and whether these are all."""
        if asked.part is None:
            return self._all(query, asked, scope, need)
        typed, asked = asked, self._hear(asked)
        expression = self._in_year(asked.expression, scope)
        count, dated = self._dated(expression, scope, TOLD if asked.exact else DATED + 1)
        if count <= LOOKED and not newest:
            found = self._rank(asked, self._rows(dated))
            return found, len(found), True
        if not newest:
            found, passed = self._best([typed, asked] if asked != typed else [asked], scope, dated)
        elif count == TOLD and not scope.values and not self._is_elder(4):
            found, passed = self._probe(asked)
        else:
            found, passed = [], set()
        further, ended = self._take((i for i in dated if i not in passed), asked, need + 1, found)
        if asked.exact:
            return found + further, count, count < TOLD
        if count <= TRIED and not newest:
            passed |= {row["id"] for _, row in further}
            rest = [i for i in self._dated(expression, scope, TRIED)[1] if i not in passed]
            rows = self.conn.execute(
                f"{READ} WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(rest),)
            )
            return found + further, len(found) + len(further) + sum(fits(asked, row) for row in rows), True
        return found + further, len(found) + len(further), ended

    def _dated(self, expression: str, scope: Scope, most: int) -> tuple[int, Iterator[int]]:
        """Count the articles that may fit, as far as `most`, and give their ids, the newest first."""
        if not scope.values:
            sought = f"SELECT rowid FROM articles_fts WHERE articles_fts MATCH ? LIMIT {DATED + 1}"
            ids = [row[0] for row in self.conn.execute(sought, (expression,))]
            if len(ids) <= DATED:
                return len(ids), self._in_order(ids, scope)
            count = self._count(expression, most) if most > len(ids) else most
            return count, self._by_date(expression, scope, whole=False)
        places = self._places(expression)
        found = self.conn.execute(
            f"SELECT {MOMENT}, a.id FROM {places} {scope.conditions} LIMIT {TOLD}",
            (expression, *scope.values),
        ).fetchall()
        if len(found) == TOLD:
            return TOLD, self._by_date(expression, scope, whole=False)
        return len(found), (row[1] for row in sorted(found, key=tuple, reverse=True))

    def _in_order(self, ids: Iterable[int], scope: Scope) -> Iterator[int]:
        """Give ids of a scope, the newest first."""
        rows = self.conn.execute(
            f"SELECT a.id FROM {self._places(None)} AND a.id IN (SELECT value FROM json_each(?)) {scope.conditions} "
            f"ORDER BY {MOMENT} DESC, a.id DESC",
            (json.dumps(list(ids)), *scope.values),
        )
        return (row[0] for row in rows)

    def _in_year(self, expression: str, scope: Scope) -> str:
        """Narrow an expression to the months of the year that is asked for, so that fewer articles are looked up."""
        if scope.year is None or self._is_elder(4):  # whose index has no months
            return expression
        return f'({expression}) AND "{MONTH}{scope.year}" *'

    def _all(self, query: str, asked: Question, scope: Scope, need: int) -> tuple[list[Match], int, bool]:
        """Give all that a scope lets through, the newest first; nothing where there is no scope, or signs were typed."""
        if not scope.values or (query.strip() and asked.since is None and asked.until is None):
            return [], 0, True
        found, _ = self._take(self._by_date(None, scope), asked, need + 1)
        total = self._row(f"SELECT count(*) FROM {self._places(None)} {scope.conditions}", *scope.values)
        return found, total[0] if total else 0, True

    def _places(self, expression: str | None) -> str:
        """Give what is looked through, as SQL that conditions may follow: articles (``a``) that an expression finds."""
        index = "INDEXED BY articles_found" if self._is_dated else ""
        if expression is not None:
            return (
                f"articles_fts f CROSS JOIN articles a {index} ON a.id = f.rowid WHERE articles_fts MATCH ?"
            )
        return f"articles a {index} WHERE {'1' if self._is_elder(4) else 'a.part_of IS NULL'}"

    @cached_property
    def _is_dated(self) -> bool:
        """Whether the file has the index of what a search wants; one that is only read may lack it."""
        return self._row("SELECT 1 FROM sqlite_schema WHERE name = 'articles_found'") is not None

    def _count(self, expression: str, most: int) -> int:
        """Count the articles that may fit, as far as `most`."""
        row = self._row(
            f"SELECT count(*) FROM (SELECT 1 FROM articles_fts WHERE articles_fts MATCH ? LIMIT {most})",
            expression,
        )
        return int(row[0]) if row else 0

    def _rows(self, ids: Iterable[int]) -> Iterator[sqlite3.Row]:
        """Give the articles of some ids."""
        return self.conn.execute(
            f"{SOUGHT} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", (json.dumps(list(ids)),)
        )

    def _by_date(self, expression: str | None, scope: Scope, *, whole: bool = True) -> Iterator[int]:
        """Give the ids of articles that may fit, the newest first; not `whole`: there are too many to put in order."""
        if expression is not None and not whole and not self._is_elder(4):  # whose index has no months
            yield from self._by_month(expression, scope)
            return
        values = (*([expression] if expression is not None else []), *scope.values)
        given = 0
        for most in (TOLD, -1):  # of many the first are had sooner alone
            rows = self.conn.execute(
                f"SELECT a.id FROM {self._places(expression)} {scope.conditions} "
                f"ORDER BY {MOMENT} DESC, a.id DESC LIMIT {most} OFFSET {given}",
                values,
            ).fetchall()
            yield from (row[0] for row in rows)
            if len(rows) < TOLD:
                return
            given = len(rows)

    def _by_month(self, expression: str, scope: Scope) -> Iterator[int]:
        """Give the ids of articles that may fit, the newest first; the index is asked month by month."""
        last = f"SELECT substr(max({MOMENT}), 1, 7) FROM articles a WHERE {MOMENT} < ?"
        dated = f"ORDER BY {MOMENT} DESC, a.id DESC"
        month = "9999-99"
        while (row := self._row(last, month)) and row[0]:
            before, month = month, row[0]
            entry = MONTH + month.replace("-", "")
            found = self.conn.execute(
                "SELECT rowid FROM articles_fts WHERE articles_fts MATCH ?",
                (f'({expression}) AND "{entry}"',),
            )
            ids = {row[0] for row in found}
            if scope.values or len(ids) < LOOKED:
                rows = self.conn.execute(
                    f"SELECT a.id FROM {self._places(None)} AND a.id IN (SELECT value FROM json_each(?)) "
                    f"{scope.conditions} {dated}",
                    (json.dumps(list(ids)), *scope.values),
                )
            else:
                rows = self.conn.execute(
                    f"SELECT a.id FROM articles a WHERE {MOMENT} >= ? AND {MOMENT} < ? {dated}",
                    (month, before),
                )
            yield from (row[0] for row in rows if row[0] in ids)

    def _take(
        self, ids: Iterable[int], asked: Question, stories: int, before: Sequence[Match] = ()
    ) -> tuple[list[Match], bool]:
        """Take articles that fit until there are so many stories with those of `before`; say also whether there were no more."""
        found: list[Match] = []
        seen = {row["duplicate_of"] or row["id"] for _, row in before}
        for article_id in ids if len(seen) < stories else ():
            if not asked.exact and not fits(asked, self._row(f"{READ} WHERE id = ?", article_id)):
                continue
            row = self._row(f"{SOUGHT} WHERE id = ?", article_id)
            if row is None:
                continue
            found.append((0.0, row))
            seen.add(row["duplicate_of"] or row["id"])
            if len(seen) >= stories:
                return found, False
        return found, len(seen) < stories

    def _probe(self, asked: Question) -> tuple[list[Match], set[int]]:
        """Take of the newest articles of all those that fit; give also the ids of all that were looked at."""
        newest = (
            f"SELECT id FROM articles a WHERE part_of IS NULL ORDER BY {MOMENT} DESC, id DESC LIMIT {PROBED}"
        )
        ids = [row[0] for row in self.conn.execute(newest)]
        rows = {row["id"]: row for row in self._rows(ids) if fits(asked, row)}
        return [(0.0, rows[i]) for i in ids if i in rows], set(ids)

    def _best(
        self, asked: Sequence[Question], scope: Scope, dated: Iterator[int]
    ) -> tuple[list[Match], set[int]]:
        """Rank those among which the best of very many are: with the words in the title, and the newest (`dated`).

        `asked`: the question, and what was typed before it, where the question has more. Gives also the ids of all
        that were looked at.
        """
        ids: dict[int, None] = {}
        for each in asked:
            if each.titled is not None:
                titled = self._in_year(each.titled, scope)
                ids |= dict.fromkeys(islice(self._dated(titled, scope, DATED + 1)[1], LOOKED // 2))
            if each is not asked[-1]:
                typed = self._in_year(each.expression, scope)
                ids |= dict.fromkeys(islice(self._dated(typed, scope, DATED + 1)[1], LOOKED // 2))
        ids |= dict.fromkeys(islice(dated, max(LOOKED - len(ids), LOOKED // 2)))
        return self._rank(asked[-1], self._rows(ids)), {*ids}

    def _hear(self, asked: Question) -> Question:
        """Let what may be pinyin be found also in titles and sources that read so."""
        if asked.part is None or self._is_elder(4):  # whose index marks no titles
            return asked
        return asked._replace(part=heard(asked.part, self._sound))

    def _sound(self, word: Word) -> Sound | None:
        """Give what is read as a word is spelled; None where no title and no source has it.

        Asks the index itself which pairs of such characters there are, so that it is always in step.
        """
        marked: dict[str, list[str]] = {}
        rows = spell(word.runs[0])
        for row, mark in product(rows, (word.mark,) if word.mark else (TITLE, SOURCE)):
            pairs: list[list[str]] = []
            for one, other in pairwise(row):
                follow = {pair[-1] for pair in pairs[-1]} if pairs else {*one}
                pairs.append(self._pairs(mark, "".join(follow.intersection(one)), other))
            if all(pairs):
                either = (" OR ".join(f'"{pair}"' for pair in several) for several in pairs)
                marked.setdefault(mark, []).append(" AND ".join(f"({each})" for each in either))
        if not marked:
            return None
        entries = tuple((mark, " OR ".join(f"({each})" for each in found)) for mark, found in marked.items())
        return Sound("|".join("".join(f"[{chars}]" for chars in row) for row in rows), entries)

    def _pairs(self, mark: str, one: str, other: str) -> list[str]:
        """Give the pairs of the index behind a mark, the first character of `one`, the second of `other`."""
        self.conn.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.found_entries USING fts5vocab(main, articles_fts, row)"
        )
        rows = self.conn.execute(
            "SELECT v.term FROM json_each(?) j CROSS JOIN temp.found_entries v ON v.term > ? || j.value "
            "AND v.term < ? || j.value || char(0x10ffff) WHERE instr(?, substr(v.term, 3))",
            (json.dumps(list(one)), mark, mark, other),
        )
        return [row[0] for row in rows]

    def _rank(self, asked: Question, rows: Iterable[sqlite3.Row]) -> list[Match]:
        """Keep the articles that fit, the best first (BM25 over title, text and source)."""
        told = [(row, fields_told(asked, row)) for row in rows if asked.exact or fits(asked, row)]
        average = sum(len(fields[""]) for _, fields in told) / (len(told) or 1)
        weights = self._weights(asked.words)
        found = []
        for row, fields in told:
            long = K1 * (1 - B + B * len(fields[""]) / average)
            score = 0.0
            for word, weight in weights.items():
                often = sum(times * word.count(fields[mark]) for mark, times in TIMES.items())
                score += weight * often * (K1 + 1) / (often + long)
            title = fields[TITLE]
            if asked.part is not None and asked.part.fits({"": title, TITLE: title, SOURCE: ""}):
                score += TITLED if score else HEARD
            found.append((-score, row))
        return sorted(found, key=lambda pair: (pair[0], -pair[1]["id"]))

    def _weights(self, asked: Sequence[Word]) -> dict[Word, float]:
        """Say how much each word tells: the rarer, the more."""
        if len(asked) == 1:
            return {asked[0]: 1.0}
        top = self._row("SELECT max(id) FROM articles")
        count = (top[0] if top else 0) or 1
        having = (self._count(word.expression(), TOLD) for word in asked)
        return {word: log(1 + count / (1 + many)) for word, many in zip(asked, having, strict=True)}

    def _hit(self, asked: Question, rank: float, row: sqlite3.Row, reprints: int) -> Hit:
        snippet = self._snippet(row, asked)
        told = (row["id"], row["url"], row["title"], row["portal"], row["published"], snippet, rank, reprints)
        return Hit(*told, row["channel"], row["source"], bool(row["tampered"]))

    def _snippet(self, row: sqlite3.Row, asked: Question) -> str:
        """Cut out the place of the first word that article or attachment has; the attachment is named."""
        found = cut_snippet(row["text"] or "", asked, sought=True)
        if found is not None:
            return found
        for name, text in self.conn.execute(ATTACHED.replace("text", "name, text", 1), (row["id"],)):
            if (found := cut_snippet(text, asked, sought=True)) is not None:
                return f"{' '.join((name or '').split())}: {found}"
        return cut_snippet(row["text"] or "", asked) or ""


def fits(asked: Question, row: sqlite3.Row | None) -> bool:
    """Tell whether an article has what is asked for; its text is folded only where that can make a difference."""
    if row is None or asked.part is None:
        return False
    found = asked.part.stands(
        "\n".join(filter(None, (row["title"], row["source"], row["text"], row["attached"])))
    )
    return asked.part.fits(folded_fields(row)) if found is None else found


def as_written(row: sqlite3.Row) -> str:
    """Give all that is searched of an article."""
    return "\n".join(filter(None, (row["title"], row["source"], row["text"], row["attached"])))


def fields_told(asked: Question, row: sqlite3.Row) -> dict[str, str]:
    """Give the fields in which the words of a question are counted: folded, where that can make a difference."""
    whole = as_written(row)
    if not all(word.is_plain(whole) for word in asked.words):
        return folded_fields(row)
    return {"": whole, TITLE: row["title"] or "", SOURCE: row["source"] or ""}


def folded_fields(row: sqlite3.Row) -> dict[str, str]:
    """Fold an article's fields, the texts of its attachments with its own."""
    text = f"{row['text'] or ''}\n{row['attached']}" if row["attached"] else row["text"]
    return fields_of(row["title"], text, row["source"])


def fold_reprints(found: Iterable[Match]) -> list[tuple[float, sqlite3.Row, int]]:
    """Let the first print of each story stand for all that were found, in the place of the best; give the number of the others."""
    stories: dict[int, list[Match]] = {}
    for rank, row in found:
        stories.setdefault(row["duplicate_of"] or row["id"], []).append((rank, row))
    first = [
        next((each for each in group if not each[1]["duplicate_of"]), group[0]) for group in stories.values()
    ]
    return [(*each, len(group) - 1) for each, group in zip(first, stories.values(), strict=True)]
