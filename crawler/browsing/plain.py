"""An article as plain text at an address of its own, how to cite it, and the address that stays: by content, not by number."""

from __future__ import annotations

import asyncio
import re
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from datasette import NotFound, Response
from datasette.database import Database
from datasette.utils import tilde_decode

from crawler.archive import Archive, ArchiveError
from crawler.browsing.display import name_unseen, parse_json
from crawler.browsing.language import tr
from crawler.browsing.queries import fetch, is_archive, name_channels

PAGES = ("articles", "versions")
"""The tables whose rows can be had as plain text."""


def register_output_renderer() -> dict[str, Any]:
    """Offer the row of an article or a version as ``.txt``."""
    return {"extension": "txt", "render": render_text, "can_render": can_render_text}


async def can_render_text(datasette: Any, database: str, table: str | None, view_name: str) -> bool:
    """Tell whether a page is the row of an article or a version."""
    return view_name == "row" and table in PAGES and await is_archive(datasette.get_database(database))


async def render_text(
    datasette: Any, database: str, table: str | None, rows: Any, view_name: str
) -> Response | None:
    """Answer with an article as plain text."""
    if not rows or not await can_render_text(datasette, database, table, view_name):
        return None
    written = await write_text(datasette.get_database(database), dict(rows[0]))
    return Response(written, content_type="text/plain; charset=utf-8")


async def write_text(db: Database, row: dict[str, Any]) -> str:
    """Write an article or a version: what is known of it, a blank line, its text.

    The names of the head are the same in every language: programs read them.
    """
    version, article = row, row
    if "article_id" in row:
        article = (await fetch(db, "SELECT * FROM articles WHERE id = ?", row["article_id"]))[0]
    article_id, number = article["id"], row["version"]
    capture = await fetch(
        db,
        'SELECT url, fetched_at, status, digest, warc, "offset" FROM captures WHERE id = ?',
        row["capture_id"],
    )
    edits = await fetch(
        db,
        "SELECT fixer, certainty, count(*) AS times FROM edits WHERE article_id = ? AND version = ? "
        "GROUP BY fixer, certainty ORDER BY times DESC",
        article_id,
        number,
    )
    blocks = await fetch(
        db,
        "SELECT kind, count(*) AS times FROM removed WHERE article_id = ? AND version = ? GROUP BY kind",
        article_id,
        number,
    )
    fields = parse_json(row.get("fields"))
    fields = fields if isinstance(fields, dict) else {}
    names = await name_channels(db)
    channel = names.get((article["portal"], article["channel"])) or article["channel"]
    repaired = [f"{line['fixer']} {line['times']} ({line['certainty']})" for line in edits]
    repaired += [f"{line['times']} block(s) cut out: {line['kind']}" for line in blocks]
    notice = fields.get("notice")
    told = [
        ("Title", row["title"]),
        ("Source", row["source"]),
        ("Author", row["author"]),
        ("Published", row["published"]),
        ("Portal", article["portal"]),
        ("Channel", channel),
        ("URL", article["url"]),
        ("Captured", capture[0]["fetched_at"] if capture else row.get("seen")),
        ("Digest", capture[0]["digest"] if capture else None),
        ("Archive", f"{db.name}/articles/{article_id}"),
        ("Version", f"{number} of {article['version']}"),
        ("Tampered", "yes; the text below is repaired" if row["tampered"] else None),
        ("Repaired", "; ".join(repaired)),
        ("Withdrawn", f"not found on the portal since {article['gone']}" if article["gone"] else None),
        ("Notice", notice),
        ("Reprint-Of", f"{db.name}/articles/{article['duplicate_of']}" if article["duplicate_of"] else None),
        (
            "Continues",
            f"{db.name}/articles/{article['part_of']}" if article.get("part_of") else None,
        ),
    ]
    head = [f"{name}: {' '.join(name_unseen(value).split())}" for name, value in told if value]
    text = (
        ""
        if version["text"] is None
        else name_unseen(version["text"].replace("\r\n", "\n").replace("\r", "\n"))
    )
    return "\n".join(head) + f"\n\n{text}\n"


def permanent(database: str, key: str, version: int | None) -> str:
    """Give the address of an article by what it is: its canonical address, and the number of a version.

    >>> permanent("/demo", "lyg.gov.cn/a.html", 2)
    '/demo/-/at?url=lyg.gov.cn%2Fa.html&version=2'
    """
    asked = {"url": key, **({"version": str(version)} if version else {})}
    return f"{database}/-/at?{urlencode(asked)}"


async def lead_on(request: Any, datasette: Any) -> Response:
    """Lead from an address of the portal to what the archive has of it: ``/DATABASE/-/at?url=URL&version=N``."""
    name = tilde_decode(request.url_vars["database"])
    db = datasette.databases.get(name)
    if db is None or not await is_archive(db):
        raise NotFound(tr(f"没有这个档案：{name}", f"no such archive: {name}"))
    await datasette.ensure_permissions(request.actor, [("view-database", name), "view-instance"])
    url, version = (request.args.get("url") or "")[:4000], request.args.get("version") or ""
    number = int(version[:9]) if version.isascii() and version.isdecimal() else None

    def find() -> tuple[int, bool] | None:
        try:
            with Archive(Path(str(db.path)), readonly=True) as archive:
                article = archive.article(url) if url else None
                if article is None:
                    return None
                found = archive.conn.execute(
                    "SELECT 1 FROM versions WHERE article_id = ? AND version = ?", (article["id"], number)
                ).fetchone()
                return int(str(article["id"])), found is not None
        except ArchiveError:
            return None

    article = await asyncio.to_thread(find)
    if article is None or (number is not None and not article[1]):
        raise NotFound(tr(f"档案里没有：{url} {version}", f"the archive has no such page: {url} {version}"))
    place = datasette.urls.row(name, "articles", str(article[0]))
    if number is not None:
        place = datasette.urls.table(name, "versions") + f"/{article[0]},{number}"
    return Response.redirect(str(place))


# ------------------------------------------------------------------------------------------------- citing


def cite(
    row: dict[str, Any], capture: dict[str, Any] | None, database: str, channel: str | None = None
) -> list[tuple[str, str, str]]:
    """Give ways to cite an article: (name, language, text), each with the time of capture and the digest.

    The Chinese form follows GB/T 7714-2015 for electronic sources, the English one APA 7.

    >>> row = {"id": 7, "title": "书屋开放", "source": "示例日报", "author": None, "published": "2024-01-18T09:54:49+08:00",
    ...        "portal": "示例网", "url": "http://a.cn/1.html", "key": "a.cn/1.html", "version": 1}
    >>> capture = {"fetched_at": "2024-01-20T02:00:00+08:00", "digest": "sha256:ab"}
    >>> for _, _, text in cite(row, capture, "demo"): print(text)
    示例日报. 书屋开放[EB/OL]. (2024-01-18)[2024-01-20]. http://a.cn/1.html. 存档：2024-01-20T02:00:00+08:00 抓取，sha256:ab，\
demo/-/at?url=a.cn%2F1.html&version=1.
    示例日报. (2024, January 18). 书屋开放. 示例网. Retrieved January 20, 2024, from http://a.cn/1.html. Archived copy: \
captured 2024-01-20T02:00:00+08:00, sha256:ab, demo/-/at?url=a.cn%2F1.html&version=1.
    @online{demo-7-1,
      author = {{示例日报}},
      title = {书屋开放},
      date = {2024-01-18},
      organization = {示例网},
      url = {http://a.cn/1.html},
      urldate = {2024-01-20},
      note = {Captured 2024-01-20T02:00:00+08:00, sha256:ab, demo/-/at?url=a.cn\\%2F1.html\\&version=1},
    }
    """
    title = _line(row["title"]) or tr("无标题", "Untitled")
    portal = _line(row["portal"])
    who = _line(row["source"]) or _line(row["author"]) or portal
    day, seen = _day(row["published"]), _day(capture["fetched_at"] if capture else row.get("last_seen"))
    url, place = _line(row["url"]), permanent(database, _line(row["key"]), row["version"])
    when = _line(capture["fetched_at"]) if capture else ""
    digest = _line(capture["digest"]) if capture else ""
    chinese = ". ".join(
        (
            who,
            f"{title}[EB/OL]",
            (f"({day.isoformat()})" if day else "") + (f"[{seen.isoformat()}]" if seen else ""),
            url,
            "存档：" + "，".join(part for part in (f"{when} 抓取" if when else "", digest, place) if part),
        )
    )
    said = f"{day:%Y, %B} {day.day}" if day else "n.d."
    retrieved = f"Retrieved {seen:%B} {seen.day}, {seen.year}, from {url}" if seen else url
    copy = ", ".join(part for part in (f"captured {when}" if when else "", digest, place) if part)
    english = f"{who}. ({said}). {title}. {portal}. {retrieved}. Archived copy: {copy}."
    fields = (
        ("author", f"{{{_tex(who)}}}"),
        ("title", _tex(title)),
        ("date", day.isoformat() if day else ""),
        ("organization", _tex(portal)),
        ("url", re.sub(r"[{}\\]", "", url)),
        ("urldate", seen.isoformat() if seen else ""),
        ("note", _tex(copy[:1].upper() + copy[1:])),
    )
    lines = "".join(f"  {name} = {{{value}}},\n" for name, value in fields if value)
    bibtex = f"@online{{{re.sub('[^A-Za-z0-9]', '', database)}-{row['id']}-{row['version']},\n{lines}}}"
    return [
        ("GB/T 7714", "zh-Hans", chinese + "."),
        ("APA", "en", english),
        ("BibTeX", "en", bibtex),
    ]


def _line(value: object) -> str:
    return " ".join(name_unseen(value).split())


def _tex(text: str) -> str:
    """Escape what TeX would obey.

    >>> _tex("5%_{x}\\\\input")
    '5\\\\%\\\\_xinput'
    """
    return re.sub(r"([%&$#_])", r"\\\1", re.sub(r"[{}\\^~]", "", text))


def _day(value: object) -> date | None:
    """Read the day of an ISO time."""
    try:
        return datetime.fromisoformat(str(value or "")).date()
    except ValueError:
        return None
