"""The page of an article: its text, where it is from, what was changed in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from datasette.database import Database

from crawler.browsing.display import list_pairs, parse_json
from crawler.browsing.plain import cite
from crawler.browsing.queries import fetch, name_channels

EDITS = 300
"""How many different changes an article page lists; the table of edits has them all."""
SHOWN = 4000
"""How many characters of an attachment's text an article page shows; the row of the attachment has them all."""


async def tell_article(db: Database, key: str, asked: Mapping[str, str]) -> dict[str, Any] | None:
    """Collect everything that an article's page says; None where there is no such article.

    ``key`` is the ID as the address has it: SQLite compares it as Datasette's own row page does. ``asked``:
    ``show=captured`` for the text with its changes marked, and there ``version=N`` for an earlier one.
    """
    rows = await fetch(db, "SELECT * FROM articles WHERE id = ?", key)
    if not rows:
        return None
    article = rows[0]
    article_id = article["id"]
    captured, before = await choose_version(db, article, asked)
    this = {"id": article_id, "version": captured or article["version"]}
    fields = parse_json(article["fields"])
    fields = fields if isinstance(fields, dict) else {}
    capture = await fetch(
        db,
        """SELECT c.*, p.warc AS payload_warc, p."offset" AS payload_offset FROM captures AS c
           LEFT JOIN captures AS p ON p.id = c.revisit_of WHERE c.id = :id""",
        id=article["capture_id"],
    )
    channel = (await name_channels(db)).get((article["portal"], article["channel"])) or fields.get(
        "channel_name"
    )
    return {
        "row": article,
        "captured": captured,
        "earlier": before,
        "lang": tell_language(fields),
        "ways": cite(article, capture[0] if capture else None, db.name),
        "fields": fields,
        "attachments": await list_files(db, article_id, fields),
        "channel_name": channel,
        "capture": capture[0] if capture else None,
        "edits": await fetch(
            db,
            """SELECT stage, fixer, certainty, before, after, count(*) AS times, min(start) AS start
               FROM edits WHERE article_id = :id AND version = :version
               GROUP BY stage, fixer, certainty, before, after ORDER BY stage, min(step), times DESC, start
               LIMIT :limit""",
            **this,
            limit=EDITS,
        ),
        "edited": await fetch(
            db,
            """SELECT stage, fixer, certainty, count(*) AS times FROM edits
               WHERE article_id = :id AND version = :version GROUP BY stage, fixer, certainty
               ORDER BY stage, min(step)""",
            **this,
        ),
        "removed": await list_blocks(db, "removed", this),
        "suspects": await list_blocks(db, "suspects", this),
        "further": await fetch(
            db,
            "SELECT id, title, channel FROM articles WHERE part_of = ? ORDER BY channel",
            article_id,
        )
        if "part_of" in article
        else [],
    }


async def choose_version(
    db: Database, article: dict[str, Any], asked: Mapping[str, str]
) -> tuple[int | None, dict[str, Any] | None]:
    """Say of which version the text is shown as captured, None for none; and its row where it is not the newest text."""
    if asked.get("show") != "captured":
        return None, None
    number = asked.get("version") or ""
    rows = await fetch(
        db,
        "SELECT version, title, text, seen, change FROM versions WHERE article_id = :id AND change <> 'withdrawn' "
        "AND version = coalesce(:version, version) ORDER BY version DESC LIMIT 1",
        id=article["id"],
        version=int(number[:9]) if number.isascii() and number.isdecimal() else None,
    )
    if not rows:
        return article["version"], None
    return rows[0]["version"], rows[0] if number and rows[0]["version"] != article["version"] else None


def tell_language(fields: Mapping[str, Any]) -> str:
    """Give the language tag of an article's text, by the characters of it.

    >>> tell_language({"language": "zh", "script": "Hant"}), tell_language({}), tell_language({"language": "en"})
    ('zh-Hant', 'zh-Hans', 'en')
    """
    language, script = fields.get("language"), fields.get("script")
    if language == "en":
        return "en"
    return "zh-Hant" if script == "Hant" else "zh-Hans"


async def list_blocks(db: Database, table: str, this: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the blocks that were cut out of an article's page, or the suspects in it; an elder archive has none of these."""
    if not await fetch(db, "SELECT 1 FROM sqlite_schema WHERE name = ?", table):
        return []
    rows = await fetch(
        db,
        f"""SELECT id, kind, reasons, place, substr(text, 1, 4000) AS text, length(text) AS length, links
            FROM {table} WHERE article_id = :id AND version = :version ORDER BY id LIMIT 50""",
        **this,
    )
    return [{**row, **{name: read_list(row[name]) for name in ("reasons", "links")}} for row in rows]


def read_list(value: object) -> list[Any]:
    """Read a JSON list; empty where there is none."""
    found = parse_json(value)
    return found if isinstance(found, list) else []


async def list_files(db: Database, article_id: int, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the attachments and pictures of an article; where the archive has no rows of them, what its page named."""
    present = await fetch(db, "SELECT 1 FROM sqlite_schema WHERE name = 'attachments'")
    found = present and await fetch(
        db,
        """SELECT id, kind, name, url, state, mime, size, digest, capture_id, error, withdrawn,
                  substr(text, 1, :shown) AS text, length(text) AS length FROM attachments
           WHERE article_id = :id ORDER BY kind = 'image', withdrawn IS NOT NULL, id LIMIT :limit""",
        id=article_id,
        shown=SHOWN,
        limit=EDITS,
    )
    if found:
        return found
    kinds = (("attachment", "attachments"), ("image", "images"))
    return [
        {"kind": kind, "url": url, "name": name}
        for kind, field in kinds
        for url, name in list_pairs(fields.get(field))
    ]
