"""The books of the ledger: the balance of each channel, kept for each run, and what channels are used to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from crawler.archive.listings import PAUSES, Listings
from crawler.archive.shape import STATES, TABLES
from crawler.archive.values import now
from crawler.captures import local_time

HISTORY_RUNS = 30
"""How many earlier runs that read pages of a channel are its history."""
YEAR = 400
"""Days of listed dates that tell a channel's habit: a year, and a holiday that moves by a month."""


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
    """What became of the article pages that earlier runs read of a channel; sums."""

    pages: int
    parsed: int
    titled: int
    dated: int
    sourced: int


class Accounts(Listings):
    """What is reckoned from the rows of listings, and the rows of books."""

    def books(self, portal: str | None = None) -> list[Books]:
        """Balance the books, one row a channel: listed = the sum of all states."""
        sums = ", ".join(f"sum(l.state = '{state}') AS {state}" for state in STATES)
        rows = self.conn.execute(
            f"SELECT l.portal, l.channel, count(*) AS listed, {sums}, max(c.total) AS total FROM listings l "
            "LEFT JOIN channels c ON c.portal = l.portal AND c.code = l.channel "
            "WHERE ? IS NULL OR l.portal = ? GROUP BY l.portal, l.channel ORDER BY l.portal, l.channel",
            (portal, portal),
        )
        return [Books(**{name: row[name] for name in Books._fields}) for row in rows]

    def write_books(self, run_id: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the books as a run closes them: a `Books` and what the run saw of each channel."""
        names = [name for name in TABLES["books"].columns if name != "run_id"]
        with self._write():
            self.conn.executemany(
                f"INSERT OR REPLACE INTO books (run_id, {', '.join(names)}) VALUES (?{', ?' * len(names)})",
                [(run_id, *(row.get(name, 0) for name in names)) for row in rows],
            )

    def imbalances(self, portal: str) -> list[Imbalance]:
        """Find the lines of a portal that are in no state, are archived without an article, or that nobody will ask for."""
        states = ", ".join(f"'{state}'" for state in STATES)
        wrong = {
            "in a state that there is not": f"state NOT IN ({states})",
            "archived without an article": "state IN ('archived', 'unchanged') AND article_id IS NULL",
            "failed and never to be asked for again": "state IN ('failed', 'challenged') AND due IS NULL "
            f"AND attempts <= {len(PAUSES)}",
        }
        found = []
        for what, condition in wrong.items():
            rows = self.conn.execute(
                f"SELECT portal, channel, count(*), min(state), min(url) FROM listings WHERE portal = ? AND {condition} "
                "GROUP BY portal, channel",
                (portal,),
            )
            found += [
                Imbalance(row[0], row[1], f"found {row[2]} lines {what} ({row[3]!r}), wanted none", row[4])
                for row in rows
            ]
        return found

    def history(self, portal: str, channel: str | None, run_id: str) -> History:
        """Give what earlier runs read of a channel's pages, of all channels of a portal where it is None."""
        row = self._row(
            "SELECT coalesce(sum(pages), 0), coalesce(sum(parsed), 0), coalesce(sum(titled), 0), "
            "coalesce(sum(dated), 0), coalesce(sum(sourced), 0) FROM books WHERE portal = ? "
            "AND (? IS NULL OR channel = ?) AND pages > 0 AND run_id IN (SELECT DISTINCT run_id FROM books "
            "WHERE portal = ? AND (? IS NULL OR channel = ?) AND pages > 0 AND run_id < ? ORDER BY run_id DESC LIMIT ?)",
            *(portal, channel, channel, portal, channel, channel, run_id, HISTORY_RUNS),
        )
        return History(*(row or (0, 0, 0, 0, 0)))

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
    books: Sequence[Books], seen: Mapping[tuple[str, str], Mapping[str, int]]
) -> list[dict[str, Any]]:
    """Put the books of a run and what it saw of each channel into rows that `write_books` takes."""
    return [book._asdict() | dict(seen.get((book.portal, book.channel), {})) for book in books]
