"""The stock pages of tables and rows: their cells, their search box, their facets."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlencode

from datasette.filters import FilterArguments
from datasette.utils.asgi import BadRequest
from markupsafe import Markup

from crawler.archive import ask, in_field
from crawler.browsing.display import show_link, show_unseen
from crawler.browsing.language import tr
from crawler.browsing.queries import is_archive, read_query
from crawler.text.unseen import UNSEEN_RE


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


ADDRESS = 4000
"""Characters that the arguments of a table's address may have."""
FACETS = 4
"""Columns that are counted for one page, besides those of metadata.yaml: each may take the whole time of a count."""

LOOKUPS = {
    "exact": ("等于", "is"),
    "not": ("不等于", "is not"),
    "contains": ("含有", "contains"),
    "notcontains": ("不含", "does not contain"),
    "endswith": ("结尾是", "ends with"),
    "startswith": ("开头是", "starts with"),
    "gt": ("大于", "greater than"),
    "gte": ("不小于", "at least"),
    "lt": ("小于", "less than"),
    "lte": ("不大于", "at most"),
    "in": ("是其中之一", "is one of"),
    "notin": ("不是其中之一", "is none of"),
    "date": ("在这一天", "on the day"),
    "isnull": ("没有值", "has no value"),
    "notnull": ("有值", "has a value"),
    "isblank": ("为空", "is blank"),
    "notblank": ("不为空", "is not blank"),
}
"""Datasette's comparisons in the reader's words; those of SQL itself (``like``, ``glob``, arrays) stay as they are."""


def name_lookup(key: str, stock: str) -> str:
    """Name a comparison of the filter form; one without words of ours keeps Datasette's."""
    return tr(*LOOKUPS[key]) if key in LOOKUPS else stock


def check_address(request: Any) -> None:
    """Refuse what costs too much or cannot be read; raises BadRequest.

    The page repeats its own address in every link; each count may take its whole time; a facet may also be written as
    JSON, which Datasette 0.65 reads without looking what it is.
    """
    if len(request.query_string) > ADDRESS:
        raise BadRequest(
            tr(f"地址超过 {ADDRESS:,} 个字符", f"The address has more than {ADDRESS:,} characters")
        )
    facets = [one for key in request.args if key.startswith("_facet") for one in request.args.getlist(key)]
    if len(facets) > FACETS:
        raise BadRequest(tr(f"一次最多按 {FACETS} 列统计", f"At most {FACETS} columns are counted at once"))
    if any(one.lstrip().startswith(("{", "[")) for one in facets):
        raise BadRequest(tr("统计要写列名", "A facet is named by its column"))


FIELDS = ("title", "source")
"""Columns that the index can be asked for alone."""
SEARCHED = (*FIELDS, "text", "entries")
"""Columns that the stock address ``_search_COLUMN=`` may name."""


def gather_columns(request: Any) -> None:
    """Make of the stock ``_search_COLUMN=`` one ``_search=``, as it would be typed: the index has one column for all."""
    asked, kept = [], []
    for key, value in parse_qsl(request.query_string, keep_blank_values=True):
        column = key.removeprefix("_search_")
        if key == "_search" or (key != column and column in SEARCHED):
            asked.append(in_field(value, column) if column in FIELDS else value)
        else:
            kept.append((key, value))
    if len(asked) > 1 or (asked and "_search" not in request.args):
        typed = f"({') ('.join(asked)})" if len(asked) > 1 else asked[0]
        request.scope["query_string"] = urlencode([*kept, ("_search", typed)]).encode()


def filters_from_request(request: Any, database: str, table: str, datasette: Any) -> Any:
    """Make the stock search box exact: what its index finds is held against the text, and the days are bounded."""

    async def inner() -> FilterArguments:
        check_address(request)
        if table == "articles" and await is_archive(datasette.get_database(database)):
            gather_columns(request)
        query = read_query(request.args.get("_search"))
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
