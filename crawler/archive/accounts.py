"""The books of the ledger: the balance of each channel, kept for each run, and what channels are used to."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from crawler.archive.listings import PAUSES, Listings
from crawler.archive.shape import STATES, TABLES
from crawler.archive.values import now
from crawler.captures import local_time

HISTORY_RUNS = 30
"""How many earlier runs that read pages of a channel are its history."""
HISTORY_ARTICLES = 200
"""How many earlier articles of a channel tell how long its articles are."""
FRESH_DAYS = 15
"""A line that is new to the ledger is a new article where its list dates it no earlier than so many days ago."""
YEAR = 400
"""Days of listed dates that tell a channel's habit: a year, and a holiday that moves by a month."""
WRONG_LINES = {
    "in a state that there is not": f"state NOT IN {STATES}",
    "archived without an article": "state IN ('archived', 'unchanged') AND article_id IS NULL",
    "failed and never to be asked for again": "state IN ('failed', 'challenged') AND due IS NULL "
    f"AND attempts <= {len(PAUSES)}",
}
"""What no line may be, as words and a condition on a row of ``listings``: a run's books and ``scrapy verify`` say so."""


class Books(NamedTuple):
    """The balance of one channel: ``listed`` is the sum of the states."""

    portal: str
    channel: str
    listed: int
    archived: int
    unchanged: int
    pending: int
    failed: int
    challenged: int
    gone: int
    offsite: int
    total: int | None
    """How many lines the portal itself says that the list has."""

    @property
    def coverage(self) -> float | None:
        """Give how much of what the portal says it has was seen, in per cent, 100 at most; None where it says nothing.

        Lines that the portal took off its list since stay listed here: they may make more than it says.

        >>> Books("p", "c", 190, 190, 0, 0, 0, 0, 0, 0, 377).coverage
        50.3...
        >>> Books("p", "c", 190, 190, 0, 0, 0, 0, 0, 0, 180).coverage
        100.0
        """
        return None if not self.total else min(100.0, 100.0 * self.listed / self.total)

    def __str__(self) -> str:
        """Say the balance in one line, what is 0 left out.

        >>> print(Books("lyg.gov.cn", "gcyw", 62, 55, 3, 0, 1, 0, 0, 3, 377))
        lyg.gov.cn gcyw: 62 listed = 55 archived + 3 unchanged + 1 failed + 3 offsite; 16 % of 377
        """
        states = " + ".join(f"{count} {state}" for state in BALANCED if (count := getattr(self, state)))
        return f"{self.portal} {self.channel}: {self.listed} listed = {states or 0}" + (
            f"; {self.covered}" if self.coverage is not None else ""
        )

    @property
    def covered(self) -> str:
        """Say the coverage in words; empty where the portal names no total."""
        if self.coverage is None or self.total is None:
            return ""
        more = f", and {self.listed - self.total} more" if self.listed > self.total else ""
        # rounded down: 100 % is said where nothing is missing
        return f"{int(self.coverage)} % of {self.total}{more}"


BALANCED = Books._fields[3:10]
"""The states in the order in which the books add them up."""


class Imbalance(NamedTuple):
    """Lines of a channel that the books cannot account for."""

    portal: str
    channel: str
    what: str
    url: str


class History(NamedTuple):
    """What became of the articles that earlier runs asked for in a channel; sums."""

    pages: int
    parsed: int
    titled: int
    dated: int
    sourced: int
    asked: int = 0
    missed: int = 0
    again: int = 0
    changed: int = 0
    readers: Mapping[str, int] = {}
    """How many pages told a field by a rule, by ``FIELD: RULE``."""


class Arrivals(NamedTuple):
    """What runs brought to the lists of a portal."""

    runs: Mapping[str, tuple[datetime, set[str]]]
    """When each run began, in order, and the channels whose lists it read."""
    seen: Mapping[str, list[datetime]]
    """When each line was listed first, by channel."""


class Accounts(Listings):
    """What is reckoned from the rows of listings, and the rows of books."""

    def books(self, portal: str | None = None) -> list[Books]:
        """Balance the books, one row a channel: listed = the sum of all states."""
        sums = ", ".join(f"sum(iif(l.state = '{state}', l.number, 0)) AS {state}" for state in STATES)
        whose = "WHERE portal = ?" if portal else ""
        rows = self.conn.execute(
            f"SELECT l.portal, l.channel, sum(l.number) AS listed, {sums}, max(c.total) AS total FROM "
            f"(SELECT portal, channel, state, count(*) AS number FROM listings {whose} GROUP BY 1, 2, 3) l "
            "LEFT JOIN channels c ON c.portal = l.portal AND c.code = l.channel "
            "GROUP BY l.portal, l.channel ORDER BY l.portal, l.channel",
            (portal,) if portal else (),
        )
        return [Books(**{name: row[name] for name in Books._fields}) for row in rows]

    def books_of(self, run_id: str) -> list[Books]:
        """Give the balance of each channel as a run closed it."""
        names = ", ".join(Books._fields)
        rows = self.conn.execute(
            f"SELECT {names} FROM books WHERE run_id = ? ORDER BY portal, channel", (run_id,)
        )
        return [Books(*row) for row in rows]

    def write_books(self, run_id: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the books as a run closes them: a `Books` and what the run saw of each channel."""
        names = {name: kind for name, kind in TABLES["books"].columns.items() if name != "run_id"}
        with self._write():
            self.conn.executemany(
                f"INSERT OR REPLACE INTO books (run_id, {', '.join(names)}) VALUES (?{', ?' * len(names)})",
                [
                    (run_id, *(row.get(name, 0 if kind is int else None) for name, kind in names.items()))
                    for row in rows
                ],
            )

    def imbalances(self, portal: str) -> list[Imbalance]:
        """Find the lines of a portal that are in no state, are archived without an article, or that nobody will ask for."""
        found = []
        for what, condition in WRONG_LINES.items():
            rows = self.conn.execute(
                # found in the index `listings_counted` alone
                f"SELECT portal, channel, count(*), min(state), min(url) FROM listings WHERE rowid IN "
                f"(SELECT rowid FROM listings WHERE portal = ? AND {condition}) "
                "GROUP BY portal, channel ORDER BY portal, channel",
                (portal,),
            )
            found += [
                Imbalance(row[0], row[1], f"found {row[2]} lines {what} ({row[3]!r}), wanted none", row[4])
                for row in rows
            ]
        return found

    def history(self, portal: str, channel: str | None, run_id: str) -> History:
        """Give what earlier runs asked for and read in a channel, in all channels of a portal where it is None."""
        sums = ", ".join(f"sum({name})" for name in History._fields[:-1])
        busy = "(pages > 0 OR asked > 0)"
        rows = self.conn.execute(
            f"SELECT {sums}, json_group_array(readers) FROM books WHERE portal = ? "
            f"AND (? IS NULL OR channel = ?) AND {busy} AND run_id IN (SELECT DISTINCT run_id FROM books "
            f"WHERE portal = ? AND (? IS NULL OR channel = ?) AND {busy} AND run_id < ? ORDER BY run_id DESC LIMIT ?)",
            (portal, channel, channel, portal, channel, channel, run_id, HISTORY_RUNS),
        )
        *found, readers = next(iter(rows))
        told = Counter[str]()
        for each in json.loads(readers):
            told.update(json.loads(each or "{}"))
        counts = {name: count or 0 for name, count in zip(History._fields, found, strict=False)}
        return History(**counts, readers=told)

    def arrivals(self, portal: str, run_id: str, days: int) -> Arrivals:
        """Give what the runs of the last days brought to the lists of a portal, for `crawler.habits`.

        Lines that their list dates more than `FRESH_DAYS` earlier are none: somebody paged back.
        """
        run = self._row("SELECT spider, started FROM runs WHERE id = ?", run_id)
        if run is None:
            return Arrivals({}, {})
        began = local_time(datetime.fromisoformat(run["started"]) - timedelta(days=days))
        runs: dict[str, tuple[datetime, set[str]]] = {}
        for row in self.conn.execute(
            "SELECT r.id, r.started, b.channel FROM runs r LEFT JOIN books b ON b.run_id = r.id AND b.portal = ? "
            "AND b.lines > 0 WHERE r.spider = ? AND r.started >= ? AND r.id <= ? ORDER BY r.started, r.id",
            (portal, run["spider"], began, run_id),
        ):
            read = runs.setdefault(row[0], (datetime.fromisoformat(row[1]), set()))[1]
            if row[2] is not None:
                read.add(row[2])
        seen: dict[str, list[datetime]] = {}
        for row in self.conn.execute(
            "SELECT channel, first_listed FROM listings WHERE portal = ? AND first_listed >= ? "
            "AND (listed IS NULL OR listed >= date(first_listed, ?))",
            (portal, began, f"-{FRESH_DAYS} days"),
        ):
            seen.setdefault(row[0] or "", []).append(datetime.fromisoformat(row[1]))
        return Arrivals(runs, seen)

    def lengths(self, portal: str, channel: str, run_id: str) -> list[int]:
        """Give how long the articles of a channel were that the archive had before a run when they were new, the last first."""
        rows = self.conn.execute(
            "SELECT length(v.text) FROM articles a JOIN versions v ON v.article_id = a.id AND v.version = 1 "
            "WHERE a.portal = ? AND a.channel = ? AND a.first_seen < (SELECT started FROM runs WHERE id = ?) "
            "AND a.part_of IS NULL ORDER BY a.first_seen DESC LIMIT ?",
            (portal, channel, run_id, HISTORY_ARTICLES),
        )
        return [row[0] or 0 for row in rows]

    def listed_days(self, portal: str, today: date) -> dict[str, list[date]]:
        """Give the days of a portal's lines in the last `YEAR` days, by channel, in order, each once."""
        rows = self.conn.execute(
            "SELECT DISTINCT channel, listed FROM listings WHERE portal = ? AND listed BETWEEN ? AND ? ORDER BY 1, 2",
            (portal, str(today - timedelta(days=YEAR)), str(today + timedelta(days=1))),
        )
        found: dict[str, list[date]] = {}
        for channel, listed in rows:
            found.setdefault(channel, []).append(date.fromisoformat(listed))
        return found

    def known_channels(self, portal: str, before: str) -> set[str]:
        """Name the channels of a portal that had lines before a moment."""
        rows = self.conn.execute(
            "SELECT DISTINCT channel FROM listings WHERE portal = ? AND first_listed < ?", (portal, before)
        )
        return {row[0] for row in rows}

    def asked_again(self, at: datetime | str | None = None) -> list[tuple[str, str, str, int]]:
        """Tell what of each portal is asked for again when: portal, state, ``next run``, a day or ``given up``, lines."""
        rows = self.conn.execute(
            "SELECT portal, state, CASE WHEN state = 'pending' OR due <= ? THEN 'next run' "
            "WHEN due IS NULL THEN 'given up' ELSE substr(due, 1, 10) END AS at, count(*) FROM listings "
            "WHERE state IN ('pending', 'failed', 'challenged', 'gone') OR due IS NOT NULL "
            "GROUP BY 1, 2, 3 ORDER BY 1, at = 'given up', at <> 'next run', at, state",
            (local_time(at or now()),),
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]


def written(
    books: Sequence[Books], seen: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Put the books of a run and what it saw of each channel into rows that `write_books` takes."""
    return [book._asdict() | dict(seen.get((book.portal, book.channel), {})) for book in books]
