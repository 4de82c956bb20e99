"""The home page: what an archive holds, how it grows, what it still owes, and what a person should look at."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby, pairwise
from typing import Any

from datasette import Response
from datasette.database import Database

from crawler.archive import HACKED, HACKING, now
from crawler.browsing.charts import Chart, draw_bars
from crawler.browsing.language import tr
from crawler.browsing.nights import Books, join_alarms, list_nights, read_books, sum_books
from crawler.browsing.queries import fetch, list_archives, list_columns, list_visible, name_channels
from crawler.portals.entries import by_name

NEWEST = 14
"""How many articles the home page lists."""
NIGHTS = 7
"""How many nights it lists; alarms are looked for in as many as a spider may have been silent."""
BROKEN, BROKEN_DAYS = 5, 30
"""How many pages that were broken into it lists, and for how long they are news."""
SILENT = 2
"""From how many nights without a run on the home page says so; of `archive` alone, a copy or a sample has no runs to come."""
MONTHS = 60
"""How many months the charts of growth show; what is older is told as a number."""

TOLD = (HACKED, HACKING, "tampered")
"""Alarms that the home page does not repeat: it tells how things stand."""

COUNTS = {
    "articles": "SELECT count(*) FROM articles",
    "versions": "SELECT count(*) FROM versions",
    "tampered": "SELECT count(*) FROM articles WHERE tampered",
    "duplicates": "SELECT count(*) FROM articles WHERE duplicate_of IS NOT NULL",
    "captures": "SELECT count(*) FROM captures",
}
"""What is counted, each in an index of its own."""


async def show_home(request: Any, datasette: Any) -> Response:
    """Answer with the home page: of the first archive, with the others and all further databases listed."""
    seen = await list_visible(request, datasette)
    archives = [db for db in await list_archives(datasette) if db.name in seen]
    page = await datasette.render_template(
        "index.html",
        {
            "databases": seen,
            "metadata": datasette.metadata(),
            "sum": await sum_up(archives[0]) if archives else None,
            "others": {db.name: await count_articles(db) for db in archives[1:]},
        },
        request=request,
        view_name="index",
    )
    return Response.html(page)


async def count_articles(db: Database) -> int | None:
    """Count what an archive has: all that the home page says of one that is not the house."""
    rows = await fetch(db, "SELECT count(*) AS articles FROM articles")
    return rows[0]["articles"] if rows else None


async def sum_up(db: Database) -> dict[str, Any]:
    """Collect what the home page says of one archive."""
    columns = await list_columns(db)
    names = await name_channels(db)
    nights = await list_nights(db, limit=NIGHTS * 4)
    books = await close_books(db, columns)
    counts: dict[str, int | None] = {}
    for name, sql in COUNTS.items():
        rows = await fetch(db, f"{sql.replace('count(*)', 'count(*) AS n')}")
        counts[name] = rows[0]["n"] if rows else None
    return {
        "name": db.name,
        "counts": counts,
        "owed": sum(book.owed for book in books) if books else await count_owed(db),
        "portals": await list_portals(db, books, names),
        "closed": bool(books),
        "newest": await list_newest(db, columns),
        "nights": nights[:NIGHTS],
        "broken": await list_broken(db),
        "standing": join_alarms(nights, TOLD),
        "silent": count_silence(nights[0].date) if nights and db.name == "archive" else None,
        "growth": await draw_growth(db),
        "names": names,
    }


def count_silence(last: date) -> int | None:
    """Give how many nights ago the last run was; None where it is not `SILENT` nights yet."""
    nights = (now().date() - last).days
    return nights if nights >= SILENT else None


async def list_broken(db: Database) -> list[dict[str, Any]]:
    """Give the pages that were clean once and are hacked now, found so within the last days, the last found first."""
    return await fetch(
        db,
        """SELECT a.id, a.title, a.portal, a.channel, v.seen FROM versions v JOIN articles a ON a.id = v.article_id
           WHERE v.tampered AND v.version > 1 AND v.change = 'tampered' AND a.tampered AND a.version = v.version
           AND v.seen >= (SELECT date(substr(max(first_seen), 1, 10), :days) FROM articles)
           ORDER BY v.seen DESC, a.id LIMIT :limit""",
        days=f"-{BROKEN_DAYS} days",
        limit=BROKEN + 1,
    )


async def close_books(db: Database, columns: Mapping[str, frozenset[str]]) -> list[Books]:
    """Give the newest books of each channel; an elder archive has none."""
    if "books" not in columns:
        return []
    rows = await fetch(
        db,
        """SELECT b.* FROM (SELECT portal, channel, max(run_id) AS run_id FROM books GROUP BY portal, channel) l
           JOIN books b USING (run_id, portal, channel) ORDER BY portal, listed DESC, channel""",
    )
    return [read_books(row) for row in rows]


async def count_owed(db: Database) -> int | None:
    """Count in the lists what is still owed, where there are no books; None where that takes too long."""
    rows = await fetch(
        db, "SELECT count(*) AS n FROM listings WHERE state IN ('pending', 'failed', 'challenged')"
    )
    return rows[0]["n"] if rows else None


async def list_portals(
    db: Database, books: Sequence[Books], names: Mapping[tuple[str, str], str]
) -> list[dict[str, Any]]:
    """Give the portals with their channels: articles, the oldest and the newest day, and the books of each.

    A day is what begins like a year: a portal may write anything where a date should be.
    """
    rows = await fetch(
        db,
        """SELECT g.*, (SELECT substr(min(published), 1, 10) FROM articles a WHERE a.portal IS g.portal
                        AND a.channel IS g.channel AND a.published >= '1' AND a.published < '3') AS oldest,
                  (SELECT substr(max(published), 1, 10) FROM articles a WHERE a.portal IS g.portal
                   AND a.channel IS g.channel AND a.published >= '1' AND a.published < '3') AS newest
           FROM (SELECT portal, channel, count(*) AS articles FROM articles GROUP BY portal, channel) g""",
    )
    hacked = await fetch(db, "SELECT portal, count(*) AS pages FROM articles WHERE tampered GROUP BY portal")
    tampered = {row["portal"] or "": row["pages"] for row in hacked}
    kept = {(book.portal, book.channel): book for book in books}
    had = {(row["portal"] or "", row["channel"] or ""): row for row in rows}
    portals, titles = [], by_name()
    places = sorted({*kept, *had, *((name, "") for name in tampered)}, key=lambda place: place[0])
    for portal, group in groupby(places, key=lambda place: place[0]):
        channels: list[dict[str, Any]] = [
            {
                "channel": channel,
                "name": names.get((portal, channel)),
                "books": kept.get((portal, channel)),
                **{
                    name: had.get((portal, channel), {}).get(name)
                    for name in ("articles", "oldest", "newest")
                },
            }
            for _, channel in group
        ]
        days = [each[name] for each in channels for name in ("oldest", "newest") if each[name]]
        portals.append(
            {
                "portal": portal,
                "title": titles[portal].title if portal in titles else None,
                "articles": sum(each["articles"] or 0 for each in channels),
                "tampered": tampered.get(portal, 0),
                "oldest": min(days, default=None),
                "newest": max(days, default=None),
                "books": sum_books([each["books"] for each in channels if each["books"]]),
                "channels": sorted(channels, key=lambda each: (-(each["articles"] or 0), each["channel"])),
            }
        )
    return sorted(portals, key=lambda each: (-each["articles"], each["portal"]))


async def list_newest(db: Database, columns: Mapping[str, frozenset[str]]) -> list[dict[str, Any]]:
    """Give the newest articles without reprints; what claims to be of later than its archiving is left out."""
    parted = "AND part_of IS NULL" if "part_of" in columns.get("articles", ()) else ""
    return await fetch(
        db,
        f"""SELECT id, title, source, published, portal, channel, tampered, version, gone FROM articles
            WHERE coalesce(published, first_seen) <= (SELECT substr(max(first_seen), 1, 10) || '~' FROM articles)
            AND duplicate_of IS NULL {parted}
            ORDER BY coalesce(published, first_seen) DESC, id DESC LIMIT :limit""",
        limit=NEWEST,
    )


async def draw_growth(db: Database) -> list[dict[str, Any]]:
    """Draw the articles by month of publication and of first archiving, and say what the charts leave out."""
    ends = await fetch(
        db,
        """SELECT (SELECT substr(max(first_seen), 1, 7) FROM articles) AS last,
                  (SELECT count(*) FROM articles WHERE published IS NULL) AS undated""",
    )
    last = read_month(ends[0]["last"]) if ends else None
    if last is None:
        return []
    published = await count_months(db, "published", last)
    seen = await count_months(db, "first_seen", last)
    drawn = (
        (
            published,
            "growth-published",
            tr("按发布月份的文章", "Articles by month of publication"),
            ends[0]["undated"],
        ),
        (seen, "growth-seen", tr("按首次收录月份的文章", "Articles by month of first archiving"), 0),
    )
    return [
        {"chart": chart, "earlier": months["earlier"], "first": months["rows"][0][0], "undated": undated}
        for months, name, title, undated in drawn
        if (chart := draw_months(months["rows"], name, title))
    ]


def draw_months(rows: Sequence[tuple[str, int]], name: str, title: str) -> Chart | None:
    """Draw the months; the years have their names below where there are enough of them."""
    if not rows:
        return None
    januaries = [month.endswith("-01") for month, _ in rows]
    return draw_bars(
        name,
        title,
        [tr("文章", "articles")],
        [(month, [number]) for month, number in rows],
        januaries if sum(januaries) > 1 else None,
    )


async def count_months(db: Database, column: str, last: tuple[int, int]) -> dict[str, Any]:
    """Count the articles of each of the last `MONTHS` months by ranges of an index, and those before.

    The months begin with the first that has any, or half a year before the last.
    """
    months = [count_back(last, back) for back in range(MONTHS - 1, -2, -1)]
    rows = await fetch(
        db,
        f"""SELECT j.value ->> 0 AS month, (SELECT count(*) FROM articles
                   WHERE {column} >= j.value ->> 0 AND {column} < j.value ->> 1) AS n
            FROM json_each(:months) j ORDER BY j.key""",
        months=json.dumps(list(pairwise(months))),
    )
    earlier = await fetch(
        db,
        f"SELECT count(*) AS n FROM articles WHERE {column} >= '1' AND {column} < :first",
        first=months[0],
    )
    counted = [(row["month"], row["n"]) for row in rows]
    begin = next((at for at, (_, number) in enumerate(counted) if number), len(counted))
    return {
        "rows": counted[min(begin, max(0, len(counted) - 6)) :],
        "earlier": earlier[0]["n"] if earlier else 0,
    }


def read_month(written: object) -> tuple[int, int] | None:
    """Read a month as year and number; None for what is none."""
    try:
        day = date.fromisoformat(f"{written}-01")
    except ValueError:
        return None
    return day.year, day.month


def count_back(last: tuple[int, int], back: int) -> str:
    """Name the month so many months before another one.

    >>> count_back((2026, 1), 1), count_back((2026, 12), -1)
    ('2025-12', '2027-01')
    """
    number = last[0] * 12 + last[1] - 1 - back
    return f"{number // 12:04}-{number % 12 + 1:02}"
