"""How versions and printings are shown: what differs between two of them, and who seems to have taken a story from whom.

An article's page gets its `history`; ``/DATABASE/-/diff?a=ID.VERSION&b=ID.VERSION`` compares any two; the SQL function
``diff(before, after)`` does it in a query.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from datasette import NotFound, Response, hookimpl
from datasette.database import Database
from datasette.utils import tilde_decode

from crawler.archive import APPLICATION_ID
from crawler.text.differences import Difference, compare, differ, find_origins, mark, shorten

VERSIONS = 30
"""How many versions an article page compares with the ones before; the table of versions has them all."""
SIGHTINGS = 40
"""How many printings of a story an article page lists."""
LONG = 20_000
"""Characters from which on a comparison shows the changes and their surroundings only, unless it is asked for all."""

SIDE_RE = re.compile(r"(\d{1,15})(?:\.(\d{1,9}))?")
"""An article's id, and the number of a version; without one it is the article as it is now."""

NAMES = {
    "title": ("标题", "title"),
    "subtitle": ("副题", "subtitle"),
    "kicker": ("引题", "kicker"),
    "published": ("发布时间", "published"),
    "source": ("来源", "source"),
    "author": ("作者", "author"),
    "editor": ("编辑", "editor"),
    "document_number": ("文号", "document no."),
}

LEFT, WIDTH = 5.0, 90.0
"""Where the time axis of the graph begins, and how long it is, in per cent of its width."""
LANE, STEP = 58, 26
"""How far the lanes of two portals are apart, and two printings of one portal that are near in time, in pixels."""


@hookimpl
def register_routes() -> list[tuple[str, Callable[..., Any]]]:
    """Give the address of a comparison."""
    return [(r"^/(?P<database>[^/]+)/-/diff$", show_difference)]


@hookimpl
def prepare_connection(conn: Any) -> None:
    """Register the SQL function ``diff``: two texts as one, what went and what came marked."""
    conn.create_function("diff", 2, write_difference, deterministic=True)


def write_difference(before: object, after: object) -> str:
    """Compare two texts; what stays is cut short.

    >>> write_difference("床位300张", "床位350张"), write_difference(None, "甲")
    ('床位[-300-]{+350+}张', '{+甲+}')
    """
    return mark(shorten(differ(str(before or ""), str(after or ""))))


@hookimpl
def extra_template_vars(
    datasette: Any, database: str | None, table: str | None, view_name: str | None, request: Any
) -> Callable[[], Awaitable[dict[str, Any]]]:
    """Give an article's page its history."""

    async def collect() -> dict[str, Any]:
        if view_name != "row" or table != "articles" or database not in datasette.databases:
            return {}
        db = datasette.databases[database]
        if not await is_archive(db):
            return {}
        rows = await fetch(db, "SELECT * FROM articles WHERE id = ?", tilde_decode(request.url_vars["pks"]))
        return {"history": await tell_history(db, rows[0])} if rows else {}

    return collect


async def is_archive(db: Database) -> bool:
    """Tell by the file's application id whether this database is an archive of ours."""
    return not db.is_memory and bool(
        (await db.execute("PRAGMA application_id")).single_value() == APPLICATION_ID
    )


async def fetch(db: Database, sql: str, *values: Any) -> list[dict[str, Any]]:
    """Run one query."""
    return [dict(row) for row in await db.execute(sql, values)]


def whole(row: dict[str, Any]) -> dict[str, Any]:
    """Give a row with its further fields; the text of a withdrawn version is the notice that stood in its place."""
    try:
        fields = json.loads(row.get("fields") or "{}")
    except ValueError:
        fields = {}
    fields = fields if isinstance(fields, dict) else {}
    text = row["text"] if row["text"] is not None else fields.get("notice")
    return {**fields, **row, "text": text, "length": len(text or "")}


async def tell_history(db: Database, article: dict[str, Any]) -> dict[str, Any]:
    """Collect the versions of an article and the printings of its story, each compared with the one before."""
    versions = await fetch(
        db,
        "SELECT * FROM versions WHERE article_id = ? ORDER BY version DESC LIMIT ?",
        article["id"],
        VERSIONS + 1,
    )
    root = article["duplicate_of"] or article["id"]
    sightings = await fetch(
        db,
        "SELECT * FROM articles WHERE id = ? OR duplicate_of = ? ORDER BY duplicate_of IS NOT NULL, published IS NULL, "
        "published, substr(first_seen, 1, 10), key LIMIT ?",
        root,
        root,
        SIGHTINGS,
    )
    told = await asyncio.to_thread(
        lambda: (list_versions(versions), list_sightings(sightings, article["id"]))
    )
    return {
        "versions": told[0][:VERSIONS],
        "more_versions": len(versions) > VERSIONS,
        "sightings": told[1],
        "graph": draw_graph(told[1]),
        "listed": await fetch(
            db,
            "SELECT l.portal, l.channel, c.name, l.title, l.section, l.first_listed, l.last_listed, l.state "
            "FROM listings l LEFT JOIN channels c ON c.portal = l.portal AND c.code = l.channel "
            "WHERE l.article_id = ? ORDER BY l.first_listed, l.channel LIMIT 20",
            article["id"],
        ),
    }


def list_versions(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Compare each version, the newest first, with the last one before it that has a text."""
    versions = [whole(row) for row in rows]
    for number, version in enumerate(versions):
        before = next((each for each in versions[number + 1 :] if rows_text(each)), None)
        version["before"] = before["version"] if before else None
        version["summary"] = summarise(compare(before, version)) if before and rows_text(version) else None
    return versions


def rows_text(version: dict[str, Any]) -> bool:
    """Tell whether a version is a text of the article, not a notice in its place."""
    return version["change"] != "withdrawn"


def list_sightings(rows: list[dict[str, Any]], here: int) -> list[dict[str, Any]]:
    """Compare each printing of a story with the earlier one that it has most of."""
    if len(rows) < 2:
        return []
    sightings = [whole(row) for row in rows]
    origins = find_origins([sighting["text"] or "" for sighting in sightings])
    for sighting, origin in zip(sightings, origins, strict=True):
        sighting["here"] = sighting["id"] == here
        sighting["origin"] = origin.number
        sighting["share"] = origin.measure.share
        if origin.number is not None:
            earlier = sightings[origin.number]
            sighting["summary"] = summarise(
                Difference(
                    compare({**earlier, "text": ""}, {**sighting, "text": ""}).particulars, (), origin.measure
                )
            )
    return sightings


def summarise(found: Difference) -> dict[str, Any]:
    """Say in numbers and names how much differs."""
    return {
        "inserted": found.measure.inserted,
        "deleted": found.measure.deleted,
        "names": [NAMES[name] for name, _, _ in found.particulars],
    }


def draw_graph(sightings: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Place the printings of a story: a lane for each portal, time from left to right; None for one alone.

    Across in per cent, so that the letters stay as large as they are on a narrow screen; down in pixels.
    """
    if len(sightings) < 2:
        return None
    times = [moment(sighting) for sighting in sightings]
    known = [time for time in times if time is not None]
    first, last = (min(known), max(known)) if known else (0.0, 0.0)
    lanes: dict[str, list[int]] = {}
    for number, sighting in enumerate(sightings):
        lanes.setdefault(sighting["portal"] or "—", []).append(number)
    places: dict[int, tuple[float, int]] = {}
    drawn, top = [], 0
    for portal, numbers in lanes.items():
        rows: list[float] = []
        for number in numbers:
            time = times[number]
            part = 0.5 if last == first else 1.0 if time is None else (time - first) / (last - first)
            across = round(LEFT + WIDTH * part, 1)
            row = next((at for at, end in enumerate(rows) if across - end > 9), len(rows))
            rows[row : row + 1] = [across]
            places[number] = (across, top + 40 + row * STEP)
        height = LANE + (len(rows) - 1) * STEP
        drawn.append({"name": portal, "top": top + 16, "middle": top + 40})
        top += height
    return {
        "lanes": drawn,
        "nodes": [
            {"x": x, "y": y, "number": number + 1, "here": sightings[number]["here"]}
            for number, (x, y) in sorted(places.items())
        ],
        "edges": [
            (*places[sighting["origin"]], *places[number])
            for number, sighting in enumerate(sightings)
            if sighting["origin"] is not None
        ],
        "height": top + 22,
        "ends": [datetime.fromtimestamp(each, UTC).strftime("%Y-%m-%d") for each in (first, last)]
        if known
        else [],
    }


def moment(sighting: dict[str, Any]) -> float | None:
    """Give when a printing was published as a number, noon where no time is known; None where no day is."""
    written = str(sighting["published"] or sighting["first_seen"] or "")
    try:
        return datetime.fromisoformat(
            written + "T12:00:00" if len(written) == 10 else written[:19]
        ).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


# the page of a comparison


async def show_difference(request: Any, datasette: Any) -> Response:
    """Answer with the page that compares two versions or two printings."""
    name = tilde_decode(request.url_vars["database"])
    db = datasette.databases.get(name)
    if db is None or not await is_archive(db):
        raise NotFound(f"没有这个档案 no such archive: {name}")
    await datasette.ensure_permissions(request.actor, [("view-database", name), "view-instance"])
    before, after = [await find_side(db, request.args.get(side) or "") for side in ("a", "b")]
    found = await asyncio.to_thread(compare, before, after)
    long = before["length"] + after["length"] > LONG
    only = request.args.get("only") == "1" or (long and request.args.get("only") != "0")
    page = await datasette.render_template(
        "diff.html",
        {
            "database": name,
            "before": before,
            "after": after,
            "particulars": [(*NAMES[field], differ(old, new)) for field, old, new in found.particulars],
            "segments": shorten(found.segments) if only else found.segments,
            "measure": found.measure,
            "same": before["text"] == after["text"],
            "only": only,
            "sides": [request.args.get(side) for side in ("a", "b")],
        },
        request=request,
        view_name="diff",
    )
    return Response.html(page)


async def find_side(db: Database, asked: str) -> dict[str, Any]:
    """Give a version, or an article as it is now; raises NotFound where it is not there."""
    wanted = SIDE_RE.fullmatch(asked)
    if wanted is None:
        raise NotFound("要比较的两篇写作 a=编号.版本&b=编号.版本 · wanted a=ID.VERSION&b=ID.VERSION")
    number, version = wanted.groups()
    rows = await fetch(db, "SELECT * FROM articles WHERE id = ?", int(number))
    if rows and version:
        shown = await fetch(
            db, "SELECT * FROM versions WHERE article_id = ? AND version = ?", int(number), int(version)
        )
        rows = [{**shown[0], **{name: rows[0][name] for name in ("id", "url", "portal")}}] if shown else []
    elif rows:
        rows = [{**rows[0], "seen": rows[0]["last_seen"], "change": None}]
    if not rows:
        raise NotFound(f"没有这一篇或这一版 no such article or version: {asked}")
    return whole(rows[0])
