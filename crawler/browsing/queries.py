"""What every page asks of the archives that are served."""

from __future__ import annotations

from typing import Any

from datasette import NotFound
from datasette.database import Database, QueryInterrupted
from datasette.utils import tilde_decode

from crawler.archive import APPLICATION_ID
from crawler.browsing.language import tr

LONG = 300
"""Characters of a query that are read, and of a filter: nobody types more, and each word costs."""


def read_query(typed: object) -> str:
    """Give what is read of a query: one line, `LONG` characters at most.

    >>> read_query(" 民政\\0 \\n局 "), len(read_query("长" * 9999))
    ('民政 局', 300)
    """
    return " ".join(str(typed or "").replace("\0", " ").split())[:LONG].strip()


async def fetch(db: Database, sql: str, *values: Any, **named: Any) -> list[dict[str, Any]]:
    """Run one query with values for its ``?`` or ``:name``; one that takes longer than the server's limit gives no rows."""
    try:
        return [dict(row) for row in await db.execute(sql, values or named)]
    except QueryInterrupted:
        return []


async def is_archive(db: Database) -> bool:
    """Tell by the file's application id whether this database is an archive of ours."""
    if db.is_memory:
        return False
    return bool((await db.execute("PRAGMA application_id")).single_value() == APPLICATION_ID)


async def list_archives(datasette: Any) -> list[Database]:
    """Give the archives that are served, `archive` first."""
    found = [db for db in datasette.databases.values() if await is_archive(db)]
    return sorted(found, key=lambda db: (db.name != "archive", db.name))


async def find_archive(request: Any, datasette: Any) -> Database:
    """Give the archive that the address of one of our own pages names; raises NotFound where there is none."""
    name = tilde_decode(request.url_vars["database"])
    db = datasette.databases.get(name)
    if db is None or not await is_archive(db):
        raise NotFound(tr(f"没有这个档案：{name}", f"No such archive: {name}"))
    await datasette.ensure_permissions(request.actor, [("view-database", name), "view-instance"])
    found: Database = db
    return found


async def list_visible(request: Any, datasette: Any) -> list[str]:
    """Name the databases that a reader may see."""
    await datasette.ensure_permissions(request.actor, ["view-instance"])
    return [
        name
        for name in datasette.databases
        if (await datasette.check_visibility(request.actor, permissions=[("view-database", name)]))[0]
    ]


async def find_archives(request: Any, datasette: Any) -> list[Database]:
    """Give the archives that a reader may see; raises NotFound where there is none."""
    seen = await list_visible(request, datasette)
    found = [db for db in await list_archives(datasette) if db.name in seen]
    if not found:
        raise NotFound(tr("这里没有档案", "No archive here"))
    return found


async def list_columns(db: Database) -> dict[str, frozenset[str]]:
    """Name the columns of each table: an archive of an elder shape lacks some, and some tables."""
    rows = await fetch(
        db,
        "SELECT t.name AS place, c.name FROM sqlite_schema t, pragma_table_info(t.name) c "
        "WHERE t.type = 'table' AND t.sql NOT LIKE 'CREATE VIRTUAL%'",
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["place"], set()).add(row["name"])
    return {place: frozenset(names) for place, names in found.items()}


async def name_channels(db: Database) -> dict[tuple[str, str], str]:
    """Give the name of each channel, by portal and code."""
    rows = await fetch(db, "SELECT portal, code, name FROM channels WHERE name IS NOT NULL")
    return {(row["portal"], row["code"]): row["name"] for row in rows}
