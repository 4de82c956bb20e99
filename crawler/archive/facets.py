"""What a search finds, counted by portal, channel, year, source and tampering."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from crawler.archive.search import FILTERS, LOOKED, MOMENT, Scope, Search, fits, scope_of
from crawler.archive.words import Question, ask

CHUNK = 2000
"""After how many articles the clock is looked at."""

Told = tuple[str | None, str | None, str | None, str | None, int]
"""Portal, channel, year, source and whether tampered with, of one article."""


class Facet(NamedTuple):
    """How many articles have one value."""

    value: str
    """An empty one for what is not known."""
    articles: int
    portal: str | None = None
    """The portal of a channel."""


class Facets(NamedTuple):
    """What is found, by each filter; each is counted as if it were not set itself."""

    counts: dict[str, list[Facet]]
    """For each filter its commonest values; years in their order, the newest first."""
    exact: bool
    """Whether all that is counted fits; else it has all the pairs of characters that are asked for."""
    whole: bool
    """Whether all was counted; else those that were archived last, as far as time sufficed."""


class Counting(Search):
    """The counts beside the results of a search."""

    def facets(
        self,
        query: str,
        filters: Mapping[str, str] | None = None,
        *,
        limit: int = 12,
        within_ms: float = 300,
    ) -> Facets:
        """Count what a question finds under some filters (see `find`), by each filter as if that one were not set.

        `limit` values of each. Of up to `LOOKED` articles each is looked at; of more those are counted that the index
        gives, as many as can be in `within_ms`. Raises ValueError for a filter that there is none of.
        """
        filters = filters or {}
        asked, counts, whole = ask(query), {name: Counter[Any]() for name in FILTERS}, True
        scope_of(asked, filters)  # a filter that there is none of
        if asked.part is None and query.strip() and asked.since is None and asked.until is None:
            return Facets({name: [] for name in FILTERS}, True, True)
        ended = time.monotonic() + within_ms / 1000
        with self._reading():
            asked, scope = self._hear(asked), scope_of(asked)
            few = asked.part is not None and self._count(asked.expression, LOOKED + 1) <= LOOKED
            for rows in self._chunks(asked, scope, verified=few and not asked.exact):
                _count_in(counts, rows, filters)
                if whole := time.monotonic() < ended:
                    continue
                break
        return Facets(
            {name: _ordered(name, found, limit) for name, found in counts.items()},
            few or asked.exact,
            whole,
        )

    def _chunks(self, asked: Question, scope: Scope, *, verified: bool) -> Iterator[Sequence[Told]]:
        """Give what is counted of each article that may fit (`verified`: that does), the latest archived first."""
        expression = asked.expression if asked.part is not None else None
        if verified:
            assert expression is not None
            yield [
                (
                    row["portal"],
                    row["channel"],
                    (row["published"] or row["first_seen"])[:4],
                    row["source"],
                    row["tampered"],
                )
                for row in self._rows(self._by_date(expression, scope))
                if fits(asked, row)
            ]
            return
        cursor = self.conn.cursor()
        cursor.row_factory = None
        cursor.execute(
            f"SELECT a.portal, a.channel, substr({MOMENT}, 1, 4), a.source, a.tampered "
            f"FROM {self._places(expression)} {scope.conditions} ORDER BY {'a.id' if expression is None else 'f.rowid'} DESC",
            (*([expression] if expression is not None else []), *scope.values),
        )
        while rows := cursor.fetchmany(CHUNK):
            yield rows


def _count_in(counts: Mapping[str, Counter[Any]], rows: Sequence[Told], filters: Mapping[str, str]) -> None:
    """Count articles for each filter that alone, or with no other, keeps them out."""
    names = tuple(FILTERS)
    for told, many in Counter(rows).items():
        values = tuple("" if value is None else str(value) for value in told)
        wrong = [name for name, value in zip(names, values, strict=True) if filters.get(name, value) != value]
        for at, name in enumerate(names):
            if wrong in ([], [name]):
                counts[name][(values[0], values[1]) if name == "channel" else values[at]] += many


def _ordered(name: str, counts: Counter[Any], limit: int) -> list[Facet]:
    found = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
    if name == "channel":
        return [Facet(channel, count, portal) for (portal, channel), count in found]
    facets = [Facet(value, count) for value, count in found]
    return sorted(facets, key=lambda facet: facet.value, reverse=True) if name == "year" else facets
