"""The stock pages of tables and rows: their cells, their search box, their facets."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

from datasette.filters import FilterArguments
from markupsafe import Markup

from crawler.archive import ask
from crawler.browsing.display import UNSEEN_RE, show_link, show_unseen
from crawler.browsing.queries import is_archive


def name_channel(names: dict[tuple[str, str], str], code: str) -> str | None:
    """Give the name of a channel code where all portals that have it call it the same."""
    found = {name for (_, other), name in names.items() if other == code}
    return f"{found.pop()} {code}" if len(found) == 1 else None


def drop_args(request: Any, *names: str, **more: str) -> str:
    """Give the address of this page with other arguments: without ``names``, with ``more``."""
    kept = [(key, value) for key, value in parse_qsl(request.query_string) if key not in {*names, *more}]
    query = urlencode([*kept, *more.items()])
    return f"{request.path}?{query}" if query else str(request.path)


OWN_URLS = {("articles", "url"), ("captures", "url"), ("versions", "url")}
"""Columns whose URLs the archive itself asked for; every other URL is something that a page said."""


ID_COLUMNS = {
    "article_id": "articles",
    "duplicate_of": "articles",
    "part_of": "articles",
    "further_id": "articles",
    "first_id": "articles",
    "capture_id": "captures",
    "revisit_of": "captures",
}
"""Columns that hold the ID of a row of another table: the stock row page does not link them."""


def render_cell(
    value: object, column: str, table: str | None, database: str, row: Any, datasette: Any
) -> Any:
    """Show a cell: own pages linked without referrer, other URLs inert, unseen characters named."""
    if column in ID_COLUMNS and isinstance(value, int | dict):
        key, label = (value["value"], value["label"]) if isinstance(value, dict) else (value, value)
        address = f"{datasette.urls.table(database, ID_COLUMNS[column])}/{key}"
        return Markup('<a href="{}">{}</a>').format(address, show_unseen(label) or key)
    if not isinstance(value, str) or not value:
        return None
    if (table, column) in OWN_URLS:
        return show_link(value)
    if column == "title" and table in ("newest", "tampered", "duplicates", "changes") and "id" in row.keys():  # noqa: SIM118
        address = datasette.urls.table(database, "articles") + f"/{int(row['id'])}"
        return Markup('<a href="{}">{}</a>').format(address, show_unseen(value))
    limit = datasette.setting("truncate_cells_html")
    if re.match(r"\s*(?:https?|ftp|javascript|data):", value, re.IGNORECASE):
        return Markup('<span class="inert">{}</span>').format(show_unseen(value))
    if UNSEEN_RE.search(value):
        return show_unseen(value[:limit]) + ("…" if len(value) > limit else "")
    return None


def filters_from_request(request: Any, database: str, table: str, datasette: Any) -> Any:
    """Make the stock search box exact: what its index finds is held against the text, and the days are bounded."""

    async def inner() -> FilterArguments:
        query = request.args.get("_search")
        if table != "articles" or not query or not await is_archive(datasette.get_database(database)):
            return FilterArguments([])
        asked = ask(query)
        where = []
        if not asked.exact:
            where.append(f"fits(:asked, title, {WHOLE}, source)")
        if asked.since:
            where.append("coalesce(published, first_seen) >= :since")
        if asked.until:
            where.append("substr(coalesce(published, first_seen), 1, length(:until)) <= :until")
        return FilterArguments(where, {"asked": query, "since": asked.since, "until": asked.until})

    return inner


WHOLE = (
    "coalesce(text, '') || coalesce((SELECT char(10) || group_concat(f.text, char(10)) FROM attachments f "
    "WHERE f.article_id = articles.id AND f.withdrawn IS NULL), '')"
)
"""The text of an article with those of its attachments."""
