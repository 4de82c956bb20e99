"""Plain rows of other tables: where each leads."""

from __future__ import annotations

from typing import Any

from datasette.database import Database

from crawler.archive import night_of_run
from crawler.browsing.language import tr
from crawler.browsing.queries import fetch

VERSIONS = 20
"""How many versions a capture's page lists."""


async def tell_row(datasette: Any, db: Database, table: str, key: str) -> dict[str, Any]:
    """Give what the page of a row offers besides its cells: ``ways`` as (text, address), ``versions`` of a capture."""
    urls = datasette.urls
    given: dict[str, Any] = {"ways": [], "versions": []}
    if table in ("edits", "removed", "suspects"):
        rows = await fetch(db, f"SELECT article_id, version FROM {table} WHERE id = ?", key)
        if rows:
            page = urls.row(db.name, "articles", str(rows[0]["article_id"]))
            asked = f"?show=captured&version={rows[0]['version']}#text"
            given["ways"].append((tr("在正文中看", "see it in the text"), f"{page}{asked}"))
    elif table == "runs":
        if night := night_of_run(key):
            address = f"{urls.database(db.name)}/-/nights/{night}"
            given["ways"].append((tr("这一夜的全部运行", "all runs of that night"), address))
    elif table == "captures":
        given["versions"] = await fetch(
            db,
            "SELECT v.article_id, v.version, v.title, v.change, v.seen FROM versions v WHERE v.capture_id = ? "
            "ORDER BY v.article_id, v.version LIMIT ?",
            key,
            VERSIONS,
        )
        given["articles"] = await fetch(
            db,
            "SELECT id, title, last_seen FROM articles WHERE capture_id = ? ORDER BY id LIMIT ?",
            key,
            VERSIONS,
        )
    elif table == "versions":
        article, _, number = key.partition(",")
        given["ways"] += await _around(datasette, db, article, number)
    return given


async def _around(datasette: Any, db: Database, article: str, number: str) -> list[tuple[str, str]]:
    """Give where a version leads: to the article, to the text as captured, to a comparison with the one before."""
    urls = datasette.urls
    rows = await fetch(
        db,
        "SELECT article_id, version, change FROM versions WHERE article_id = ? AND version = ?",
        article,
        number,
    )
    if not rows:
        return []
    this, version = rows[0]["article_id"], rows[0]["version"]
    page = urls.row(db.name, "articles", str(this))
    ways = [(tr("这篇文章现在的样子", "the article as it is now"), str(page))]
    if rows[0]["change"] != "withdrawn":
        ways.append((tr("抓取原貌", "as captured"), f"{page}?show=captured&version={version}#text"))
    if version > 1:
        ways.append(
            (
                tr("与前一版比较", "compare with the one before"),
                f"{urls.database(db.name)}/-/diff?a={this}.{version - 1}&b={this}.{version}",
            )
        )
    return ways
