"""The versions of an article and the printings of its story: what differs, and who seems to have taken it from whom."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from datasette.database import Database

from crawler.browsing.display import parse_json
from crawler.browsing.queries import fetch
from crawler.text.differences import Difference, compare, find_origins

VERSIONS = 30
"""How many versions an article page compares with the ones before; the table of versions has them all."""
SIGHTINGS = 40
"""How many printings of a story an article page lists."""

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


def whole(row: dict[str, Any]) -> dict[str, Any]:
    """Give a row with its further fields; the text of a withdrawn version is the notice that stood in its place."""
    fields = parse_json(row.get("fields"))
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
    return bool(version["change"] != "withdrawn")


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
