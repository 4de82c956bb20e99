"""The page that compares two versions, or two printings: ``/DATABASE/-/diff?a=ID.VERSION&b=ID.VERSION``."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from datasette import NotFound, Response
from datasette.database import Database

from crawler.browsing.history import NAMES, whole
from crawler.browsing.language import tr
from crawler.browsing.queries import fetch, find_archive
from crawler.text.differences import compare, differ, shorten

LONG = 20_000
"""Characters from which on a comparison shows the changes and their surroundings only, unless it is asked for all."""

SIDE_RE = re.compile(r"(\d{1,15})(?:\.(\d{1,9}))?")
"""An article's id, and the number of a version; without one it is the article as it is now."""


async def show_difference(request: Any, datasette: Any) -> Response:
    """Answer with the page that compares two versions or two printings."""
    db = await find_archive(request, datasette)
    before, after = [await find_side(db, request.args.get(side) or "") for side in ("a", "b")]
    found = await asyncio.to_thread(compare, before, after)
    long = before["length"] + after["length"] > LONG
    only = request.args.get("only") == "1" or (long and request.args.get("only") != "0")
    page = await datasette.render_template(
        "diff.html",
        {
            "database": db.name,
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
        raise NotFound(tr("要比较的两篇写作 a=编号.版本&b=编号.版本", "wanted a=ID.VERSION&b=ID.VERSION"))
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
        raise NotFound(tr(f"没有这一篇或这一版：{asked}", f"no such article or version: {asked}"))
    return whole(rows[0])
