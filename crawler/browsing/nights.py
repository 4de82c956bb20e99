"""The nights: ``/DATABASE/-/nights``, a line each, and ``/DATABASE/-/nights/2026-11-28``, one of them.

A night is the runs that started from noon to noon in Asia/Shanghai; it bears the date of its morning. The id of a
run begins with when it started, in UTC, so a night is a stretch of the primary key.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from datasette import NotFound, Response
from datasette.database import Database

from crawler.archive import BALANCED, moment_of, night_of_run
from crawler.browsing.alarms import Alarms, group_alarms, read_alarms
from crawler.browsing.charts import Chart, draw_bars
from crawler.browsing.display import parse_json
from crawler.browsing.language import tr
from crawler.browsing.queries import fetch, find_archive, list_columns, name_channels
from crawler.captures import SHANGHAI

NIGHTS = 60
"""How many nights the list and its chart show."""
RUNS = 16
"""How many runs a night has at most on an average: an ingest is a run, too."""
SHOWN = 25
"""How many articles of a kind the page of a night lists; it counts all."""

BROKEN_OFF = ("failed", "interrupted")
"""Outcomes that somebody should look at whatever the alarms say."""

COUNTS = ("listed", "archived", "changed", "failed", "missed", "attachments", "tampered")


class Books(NamedTuple):
    """The books of one channel as a run closed them."""

    portal: str
    channel: str
    listed: int
    states: tuple[int, ...]
    """In the order of `crawler.archive.BALANCED`."""
    total: int | None
    lines: int | None
    pages: int | None
    parsed: int | None

    @property
    def difference(self) -> int:
        """Give how many lines the states do not account for; 0 where the books balance."""
        return self.listed - sum(self.states)

    @property
    def owed(self) -> int:
        """Give how many lines are listed and not archived, and will be asked for."""
        return sum(
            count
            for name, count in zip(BALANCED, self.states, strict=True)
            if name in ("pending", "failed", "challenged")
        )

    @property
    def had(self) -> int:
        """Give how many lines are archived."""
        return sum(
            count
            for name, count in zip(BALANCED, self.states, strict=True)
            if name in ("archived", "unchanged")
        )

    @property
    def coverage(self) -> int | None:
        """Give how much of what the portal says it has was ever listed, in whole per cent, rounded down.

        100 means that nothing is missing; None where the portal names no total.
        """
        return None if not self.total else min(100, 100 * self.listed // self.total)


def read_books(row: Mapping[str, Any]) -> Books:
    """Make the books of one channel from a row, or from sums of rows.

    >>> row = {"portal": "a.cn", "channel": "x", "listed": 9, "archived": 5, "pending": 3, "total": 10}
    >>> books = read_books(row)
    >>> books.difference, books.owed, books.had, books.coverage
    (1, 3, 5, 90)
    """
    return Books(
        row["portal"] or "",
        row["channel"] or "",
        row["listed"] or 0,
        tuple(row.get(name) or 0 for name in BALANCED),
        *(row.get(name) for name in ("total", "lines", "pages", "parsed")),
    )


def sum_books(rows: Iterable[Books]) -> Books | None:
    """Add the books of several channels; the total only where each names one. None for none."""
    books = list(rows)
    if not books:
        return None
    totals = [each.total for each in books]
    return Books(
        books[0].portal,
        "",
        sum(each.listed for each in books),
        tuple(sum(each.states[at] for each in books) for at in range(len(BALANCED))),
        sum(total or 0 for total in totals) if all(totals) else None,
        *(sum(getattr(each, name) or 0 for each in books) for name in ("lines", "pages", "parsed")),
    )


def bound(night: date) -> tuple[str, str]:
    """Give the ids between which the runs of a night are: from the first up to, and not with, the second.

    >>> bound(date(2026, 11, 28))
    ('20261127T040000Z', '20261128T040000Z')
    """
    noon = datetime(night.year, night.month, night.day, 12, tzinfo=SHANGHAI)
    return tuple(f"{at.astimezone(UTC):%Y%m%dT%H%M%SZ}" for at in (noon - timedelta(days=1), noon))  # type: ignore[return-value]


class Night(NamedTuple):
    """The runs of one night together."""

    date: date
    runs: tuple[dict[str, Any], ...]
    """Rows, the first to start first, with ``alarms`` read and ``minutes``."""
    counts: dict[str, int]
    alarms: int
    grave: int
    """Alarms that somebody broke in."""
    seconds: float | None
    """From the first start to the last end; None while a run is under way."""
    outcomes: tuple[tuple[str, int], ...] = ()
    """How many runs ended so; empty for those that are under way."""
    idle: int = 0
    """Nights without a run between this one and the one before."""


async def list_nights(db: Database, before: date | None = None, limit: int = NIGHTS) -> list[Night]:
    """Give the last nights, the newest first; ``before``: only nights before this one."""
    columns = (await list_columns(db)).get("runs", frozenset())
    named = [name for name in ("spider", "finished", "outcome", "alarms", *COUNTS) if name in columns]
    rows = await fetch(
        db,
        f"""SELECT id, {", ".join(named)},
            CASE WHEN json_valid(stats) THEN json_extract(stats, '$."ledger/gone"') END AS gone
            FROM runs WHERE id < :end ORDER BY id DESC LIMIT :limit""",
        end=bound(before)[0] if before else "3",
        limit=limit * RUNS,
    )
    nights = [
        sum_night(night, list(runs), db.name)
        for night, runs in groupby(rows, key=lambda row: night_of_run(row["id"]))
        if night
    ]
    if len(rows) == limit * RUNS:  # the last one may be cut off
        nights = nights[:-1] or nights
    idle = [(newer.date - elder.date).days - 1 for newer, elder in pairwise(nights)]
    return [night._replace(idle=days) for night, days in zip(nights, [*idle, 0], strict=False)][:limit]


def sum_night(night: date, rows: Sequence[dict[str, Any]], archive: str) -> Night:
    """Put the runs of a night together; the rows come with the newest first."""
    runs = []
    for row in reversed(rows):
        began, ended = moment_of(row["id"]), read_moment(row.get("finished"))
        alarms = read_alarms(row.get("alarms"), row.get("spider") or "", archive)
        seconds = (ended - began).total_seconds() if began and ended else None
        runs.append(
            {**row, "night": night, "began": began, "ended": ended, "alarms": alarms, "seconds": seconds}
        )
    ends = [run["ended"] for run in runs]
    begins = [run["began"] for run in runs]
    alarms = [alarm for run in runs for alarm in run["alarms"]]
    return Night(
        night,
        tuple(runs),
        {name: sum(run.get(name) or 0 for run in runs) for name in (*COUNTS, "gone")},
        len(alarms),
        sum(alarm.grave for alarm in alarms),
        (max(ends) - min(begins)).total_seconds() if all(ends) and all(begins) else None,
        tuple(Counter(run.get("outcome") or "" for run in runs).most_common()),
    )


def read_moment(value: object) -> datetime | None:
    """Read a stored time with its offset; None for what is none."""
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else None


def say_seconds(seconds: object) -> str:
    """Say how long something took.

    >>> say_seconds(12.4), say_seconds(150), say_seconds(7500), say_seconds(None)
    ('12 秒', '2 分 30 秒', '2 小时 5 分', '')
    """
    if not isinstance(seconds, int | float) or seconds < 0:
        return ""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return tr(f"{hours} 小时 {minutes} 分", f"{hours} h {minutes} min")
    if minutes:
        return tr(f"{minutes} 分 {rest} 秒", f"{minutes} min {rest} s")
    return tr(f"{rest} 秒", f"{rest} s")


def draw_nights(nights: Sequence[Night], days: int = NIGHTS) -> Chart | None:
    """Draw the articles that each of the last days brought, a night without a run as nothing."""
    if not nights:
        return None
    newest = nights[0].date
    first = max(nights[-1].date, newest - timedelta(days=days - 1))
    first = min(first, newest - timedelta(days=6))
    found = {night.date: night.counts for night in nights}
    all_days = [first + timedelta(days=each) for each in range((newest - first).days + 1)]
    rows = [
        (str(day), [found[day]["archived"], found[day]["changed"]] if day in found else [0, 0])
        for day in all_days
    ]
    return draw_bars(
        "nights-chart",
        tr("每夜新收录与有改动的文章", "Articles that each night brought or found changed"),
        (tr("新收录", "new"), tr("有改动", "changed")),
        rows,
    )


async def show_nights(request: Any, datasette: Any) -> Response:
    """Answer with the list of nights; ``before`` turns its pages."""
    db = await find_archive(request, datasette)
    nights = await list_nights(db, read_date(request.args.get("before") or ""), NIGHTS + 1)
    page = await datasette.render_template(
        "nights.html",
        {
            "database": db.name,
            "nights": nights[:NIGHTS],
            "further": nights[NIGHTS - 1].date if len(nights) > NIGHTS else None,
            "before": request.args.get("before"),
            "chart": draw_nights(nights[:NIGHTS]),
        },
        request=request,
        view_name="nights",
    )
    return Response.html(page)


def read_date(written: str) -> date | None:
    """Read a day from an address; None for what is none."""
    try:
        found = date.fromisoformat(written) if re.fullmatch(r"\d{4}-\d\d-\d\d", written) else None
    except ValueError:
        return None
    # of the first and last years there is no noon in UTC
    return found if found and 1 < found.year < 9999 else None


async def show_night(request: Any, datasette: Any) -> Response:
    """Answer with the report of one night; raises NotFound where no run started in it."""
    db = await find_archive(request, datasette)
    written = request.url_vars["night"]
    night = read_date(written)
    told = await tell_night(db, night) if night else None
    if told is None:
        raise NotFound(tr(f"这一夜没有运行：{written}", f"No run started in this night: {written}"))
    page = await datasette.render_template(
        "night.html", {"database": db.name, **told}, request=request, view_name="night"
    )
    return Response.html(page)


async def tell_night(db: Database, night: date) -> dict[str, Any] | None:
    """Collect the report of a night; None where no run started in it."""
    start, end = bound(night)
    rows = await fetch(db, "SELECT * FROM runs WHERE id >= ? AND id < ? ORDER BY id DESC", start, end)
    if not rows:
        return None
    columns = await list_columns(db)
    summed = sum_night(night, [{**row, "gone": count_gone(row)} for row in rows], db.name)
    names = await name_channels(db)
    since, until = find_stretch(summed)
    stretch = {"since": since, "until": until, "limit": SHOWN}
    runs = [await tell_run(db, run, columns) for run in summed.runs]
    return {
        "night": summed,
        "runs": runs,
        "names": names,
        "balanced": BALANCED,
        "states": [name for at, name in enumerate(BALANCED) if uses(runs, at)],
        "since": since,
        "new": await fetch(
            db,
            "SELECT id, title, source, published, portal, channel, tampered FROM articles "
            "WHERE first_seen >= :since AND first_seen < :until ORDER BY first_seen, id LIMIT :limit",
            **stretch,
        ),
        "new_count": await count(db, "articles WHERE first_seen >= :since AND first_seen < :until", stretch),
        "changed": await list_changes(db, stretch),
        "changed_count": await count(
            db, "versions WHERE version > 1 AND seen >= :since AND seen < :until", stretch
        ),
        "hacked": await list_hacked(db, stretch),
        "hacked_count": await count(
            db, "versions WHERE tampered AND seen >= :since AND seen < :until", stretch
        ),
        "earlier": await find_neighbour(db, f"id < '{start}' ORDER BY id DESC"),
        "later": await find_neighbour(db, f"id >= '{end}' ORDER BY id"),
    }


def find_stretch(night: Night) -> tuple[str, str]:
    """Give when a night's captures began and ended, as the archive writes times; while a run is under way, noon."""
    noon = datetime(night.date.year, night.date.month, night.date.day, 12, tzinfo=SHANGHAI)
    begins = [run["began"] for run in night.runs if run["began"]]
    ends = [run["ended"] for run in night.runs]
    first = min(begins, default=noon - timedelta(days=1))
    last = max(ends) + timedelta(seconds=1) if ends and all(ends) else max(noon, first + timedelta(hours=12))
    return first.astimezone(SHANGHAI).isoformat(), last.astimezone(SHANGHAI).isoformat()


async def count(db: Database, where: str, values: Mapping[str, Any]) -> int:
    """Count rows; 0 where that takes too long."""
    rows = await fetch(db, f"SELECT count(*) AS n FROM {where}", **values)
    return rows[0]["n"] if rows else 0


async def list_changes(db: Database, stretch: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give what had changed when a night looked again: the version, and the last one with a text before it."""
    return await fetch(
        db,
        """SELECT a.id, a.title, a.portal, a.channel, v.version, v.change, v.seen, v.capture_id,
                  (SELECT max(b.version) FROM versions b WHERE b.article_id = a.id AND b.version < v.version
                   AND b.change <> 'withdrawn') AS before
           FROM versions v JOIN articles a ON a.id = v.article_id
           WHERE v.version > 1 AND v.seen >= :since AND v.seen < :until
           ORDER BY v.seen DESC, a.id LIMIT :limit""",
        **stretch,
    )


async def list_hacked(db: Database, stretch: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the pages on which a night saw signs of hacking, those that were clean before first."""
    return await fetch(
        db,
        """SELECT a.id, a.title, a.portal, a.channel, v.version, v.change, v.seen,
                  (SELECT count(*) FROM edits e WHERE e.article_id = a.id AND e.version = v.version) AS edits,
                  (SELECT count(*) FROM removed r WHERE r.article_id = a.id AND r.version = v.version) AS blocks
           FROM (SELECT article_id, version FROM versions WHERE tampered AND seen >= :since AND seen < :until
                 ORDER BY version > 1 DESC, seen, article_id LIMIT :limit) f
           JOIN versions v ON v.article_id = f.article_id AND v.version = f.version
           JOIN articles a ON a.id = f.article_id
           ORDER BY v.change = 'tampered' DESC, v.seen, a.id""",
        **stretch,
    )


async def find_neighbour(db: Database, where: str) -> date | None:
    """Give the night of the nearest run before or after."""
    rows = await fetch(db, f"SELECT id FROM runs WHERE {where} LIMIT 1")
    return night_of_run(rows[0]["id"]) if rows else None


def count_gone(run: Mapping[str, Any]) -> int | None:
    """Read from a run's stats how many articles it found gone."""
    stats = parse_json(run.get("stats"))
    found = stats.get("ledger/gone") if isinstance(stats, dict) else None
    return found if isinstance(found, int) else None


async def tell_run(
    db: Database, run: dict[str, Any], columns: Mapping[str, frozenset[str]]
) -> dict[str, Any]:
    """Add to a run its books, its captures and what it could not have."""
    books = []
    if "books" in columns:
        rows = await fetch(
            db, "SELECT * FROM books WHERE run_id = ? ORDER BY portal, listed DESC, channel", run["id"]
        )
        books = [read_books(row) for row in rows]
    stats = parse_json(run.get("stats"))
    dropped = {
        name.partition("/")[2]: value
        for name, value in (stats.items() if isinstance(stats, dict) else ())
        if name.startswith("dropped/") and isinstance(value, int)
    }
    return {
        **run,
        "groups": group_alarms(run["alarms"]),
        "dropped": sorted(dropped.items(), key=lambda pair: -pair[1]),
        "books": [
            {"portal": portal, "rows": rows, "sum": sum_books(rows)}
            for portal, rows in (
                (portal, list(rows)) for portal, rows in groupby(books, key=lambda book: book.portal)
            )
        ],
        "held": await count(db, "captures WHERE run_id = :run", {"run": run["id"]}),
        "files": await fetch(
            db,
            """SELECT f.id, f.name, f.kind, f.mime, f.size, f.article_id FROM captures c
               JOIN attachments f ON f.capture_id = c.id
               WHERE c.run_id = ? AND c.kind = 'attachment' ORDER BY c.id LIMIT 20""",
            run["id"],
        )
        if "attachments" in columns and run.get("attachments")
        else [],
    }


def uses(runs: Iterable[Mapping[str, Any]], at: int) -> bool:
    """Tell whether any channel has lines in the state of this number: a column of noughts says nothing."""
    return any(book.states[at] for run in runs for group in run["books"] for book in group["rows"])


def join_alarms(
    nights: Sequence[Night], but: Sequence[str] = ()
) -> list[tuple[dict[str, Any], list[Alarms]]]:
    """Give the alarms of the last run of each spider that is over; those of some rules are left out.

    A run that failed or was interrupted is given without alarms, too.
    """
    found: dict[str, dict[str, Any]] = {}
    for night in nights:
        for run in reversed(night.runs):
            if run.get("outcome"):
                found.setdefault(run.get("spider") or "", run)
    standing = [
        (run, group_alarms(alarm for alarm in run["alarms"] if alarm.rule not in but))
        for _, run in sorted(found.items())
    ]
    return [(run, groups) for run, groups in standing if groups or run["outcome"] in BROKEN_OFF]
