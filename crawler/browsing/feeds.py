"""Atom feeds (RFC 4287) of anything that can be searched: ``/DATABASE/-/feed.xml`` with the arguments of the results."""

from __future__ import annotations

import asyncio
import hashlib
import re
import sqlite3
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from email.utils import format_datetime
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from datasette import Response
from datasette.database import Database
from lxml import etree
from lxml.builder import ElementMaker

from crawler.browsing.display import find_link, name_unseen, show_both
from crawler.browsing.language import tr
from crawler.browsing.queries import find_archive, name_channels
from crawler.browsing.results import (
    SEARCHES,
    Asked,
    Results,
    cut,
    is_late,
    late,
    open_archive,
    read_asked,
    read_rows,
    search,
)

ATOM = "http://www.w3.org/2005/Atom"
ENTRIES, PAGES = 30, 50
"""Entries of one page of a feed; how many pages lead on (RFC 5005)."""
WHOLE = 20_000
"""Characters of a text that an entry has; the rest is on the article's page."""
SHANGHAI = timezone(timedelta(hours=8))
"""The zone of what the archive knows only the day of."""
NO_XML_RE = re.compile("[\\ud800-\\udfff\\ufffe\\uffff]")
"""What XML 1.0 (section 2.2) has no place for, besides the control characters that `name_unseen` names."""

OF_TAMPERING = """SELECT id, coalesce((SELECT min(v.seen) FROM versions v WHERE v.article_id = a.id AND v.tampered),
    first_seen) AS noticed FROM articles a WHERE tampered"""
"""The tampered articles, and when each was first seen so."""

atom = ElementMaker(namespace=ATOM, nsmap={None: ATOM})


async def give_feed(request: Any, datasette: Any) -> Response:
    """Answer with the newest of what is asked for; a reader that has it already is told so (304)."""
    db = await find_archive(request, datasette)
    asked = read_asked(request.args, ENTRIES)._replace(newest=True)
    asked = asked._replace(page=min(asked.page, PAGES), size=min(asked.size, ENTRIES))
    found = await (list_tampered(db, asked) if is_tampering(asked) else search(db, asked, facets=False))
    if found.late:
        return Response.text(late() + "\n", status=503)
    root = datasette.absolute_url(request, datasette.urls.database(db.name))
    title = datasette.metadata("title", database=db.name) or db.name
    feed, updated = build(found, root, show_both(title), await name_channels(db))
    body = b'<?xml version="1.0" encoding="utf-8"?>\n' + etree.tostring(feed, encoding="utf-8")
    headers = {
        "etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        "last-modified": format_datetime(updated.astimezone(UTC), usegmt=True),
        "cache-control": "no-cache",
    }
    if knows(request.headers, headers["etag"]):
        return Response("", status=304, headers=headers, content_type="application/atom+xml")
    return Response(body, headers=headers, content_type="application/atom+xml; charset=utf-8")


def knows(asked: Mapping[str, str], etag: str) -> bool:
    """Tell whether a reader has this very body (RFC 9110, section 13.1.2); dates alone do not tell that.

    >>> knows({"if-none-match": 'W/"a", "b"'}, '"a"'), knows({}, '"a"')
    (True, False)
    """
    held = re.findall(r'(?:W/)?("[^"]*"|\*)', asked.get("if-none-match", ""))
    return etag in held or "*" in held


# --- what is in it ---


def is_tampering(asked: Asked) -> bool:
    """Tell whether a feed is of tampered pages alone: these come by when the tampering was seen, not by their own dates."""
    return not asked.query and dict(asked.filters).get("tampered") == "1"


async def list_tampered(db: Database, asked: Asked) -> Results:
    """List the tampered articles, last the one whose tampering was seen first."""
    return await asyncio.get_running_loop().run_in_executor(
        SEARCHES, partial(look_for_tampering, str(db.path), asked)
    )


def look_for_tampering(path: str, asked: Asked) -> Results:
    """Look for tampered articles in one archive, for `SECONDS` at most."""
    values = dict(asked.filters)
    tests = [f"{name} = :{name}" for name in ("portal", "channel", "source") if name in values]
    tests += ["substr(coalesce(published, first_seen), 1, 4) = :year"] if "year" in values else []
    sql = " AND ".join([OF_TAMPERING, *tests]) + " ORDER BY noticed DESC, id DESC LIMIT :limit OFFSET :offset"
    try:
        with open_archive(path) as archive:
            wanted = {**values, "limit": asked.size + 1, "offset": (asked.page - 1) * asked.size}
            ids = [row["id"] for row in archive.conn.execute(sql, wanted)]
            rows = read_rows(archive.conn, ids[: asked.size])
    except sqlite3.OperationalError as error:
        if not is_late(error):
            raise
        return Results(asked, [], late=True, whole=False)
    told = [{**row, "snippet": cut(row, "", ""), "reprints": 0} for row in rows]
    return Results(asked, told, len(ids), False, len(ids) > asked.size)


# --- how it is written ---


def build(
    found: Results, root: str, title: str, names: Mapping[tuple[str, str], str]
) -> tuple[Any, datetime]:
    """Make the feed; give also when what is in it changed last. ``root``: absolute address of the archive."""
    asked = found.asked
    entries = [build_entry(row, root, names) for row in found.rows]
    updated = max((moment for _, moment in entries), default=datetime(1970, 1, 1, tzinfo=UTC))
    feed = atom.feed(
        atom.id(name(f"{root.rpartition('/')[2]}?{asked.arguments(sort=None)}")),
        atom.title(plain(" — ".join(filter(None, [say_asked(asked, names), title])))),
        atom.updated(updated.isoformat()),
        atom.author(atom.name(plain(title))),
        atom.generator("govnews-archive"),
        atom.rights(
            tr(
                "原文权利归原发布单位，仅供研究、报道与核查。",
                "Texts belong to their publishers; kept for research, reporting and verification.",
            )
        ),
        *links(found, root),
        *(entry for entry, _ in entries),
    )
    feed.set("{http://www.w3.org/XML/1998/namespace}lang", tr("zh-Hans", "en"))
    return feed, updated


def links(found: Results, root: str) -> list[Any]:
    """Link the page of the same results, this feed, and the pages before and after (RFC 5005, section 3)."""
    asked = found.asked
    feed = f"{root}/-/feed.xml"
    size = str(asked.size) if asked.size != ENTRIES else None

    def at(page: int) -> str:
        return f"{feed}?{asked.arguments(sort=None, size=size, page=str(page))}".rstrip("?")

    given = [
        ("alternate", "text/html", f"{root}/-/search?{asked.arguments(size=None)}".rstrip("?")),
        ("self", "application/atom+xml", at(asked.page)),
        ("first", "application/atom+xml", at(1)),
    ]
    if asked.page > 1:
        given.append(("previous", "application/atom+xml", at(asked.page - 1)))
    if found.more and asked.page < PAGES:
        given.append(("next", "application/atom+xml", at(asked.page + 1)))
    return [atom.link(rel=rel, type=kind, href=plain(href)) for rel, kind, href in given]


def build_entry(
    row: Mapping[str, Any], root: str, names: Mapping[tuple[str, str], str]
) -> tuple[Any, datetime]:
    """Make the entry of an article; give also when its present text was seen."""
    updated = read_moment(row["seen"]) or datetime(1970, 1, 1, tzinfo=UTC)
    page = f"{root}/articles/{row['id']}"
    entry = atom.entry(
        atom.id(name(row["key"])),
        atom.title(plain(row["title"]) or tr("（无标题）", "(untitled)"), type="text"),
        atom.updated(updated.isoformat()),
        atom.link(rel="alternate", type="text/html", href=page),
        atom.link(rel="alternate", type="text/plain", href=f"{page}.txt"),
    )
    if published := read_moment(row["published"]):
        entry.append(atom.published(published.isoformat()))
    if live := find_link(row["url"]):
        entry.append(atom.link(rel="via", href=plain(live)))
    named = [row["source"] or row["portal"] or "—", row["author"]]
    entry.extend(atom.author(atom.name(plain(one))) for one in named if one)
    entry.extend(build_categories(row, names))
    text = row["text"] or ""
    if snippet := row["snippet"]:
        entry.append(atom.summary(plain(snippet), type="text"))
    entry.append(atom.content(plain(text[:WHOLE]) + ("…" if len(text) > WHOLE else ""), type="text"))
    return entry, updated


def build_categories(row: Mapping[str, Any], names: Mapping[tuple[str, str], str]) -> list[Any]:
    """Name portal, channel and marks of an article; ``scheme`` says which of them a term is."""
    code = row["channel"]
    terms = [
        ("portal", row["portal"], row["portal"]),
        ("channel", code, names.get((row["portal"], code), code)),
        ("mark", "tampered" if row["tampered"] else None, tr("被篡改，已修复", "tampered with, repaired")),
        ("mark", "withdrawn" if row["gone"] else None, tr("已撤下", "withdrawn")),
        ("mark", "reprint" if row["duplicate_of"] else None, tr("转载", "reprint")),
    ]
    return [
        atom.category(term=plain(term), label=plain(label), scheme=f"urn:x-govnews:{scheme}")
        for scheme, term, label in terms
        if term
    ]


def say_asked(asked: Asked, names: Mapping[tuple[str, str], str]) -> str:
    """Say in a title what a feed is of."""
    picked = dict(asked.filters)
    channel = next((name for (_, code), name in names.items() if code == picked.get("channel")), None)
    parts = [
        *([f"“{asked.query}”"] if asked.query else []),
        *([tr("被篡改的页面", "Tampered pages")] if "tampered" in picked else []),
        *(
            value
            for key in ("portal", "channel", "year", "source")
            if (value := channel or picked.get(key) if key == "channel" else picked.get(key))
        ),
    ]
    return " · ".join(parts) or tr("最新文章", "Newest articles")


def name(key: str) -> str:
    """Give the name that an article, or a feed, keeps in every rebuild: it hangs on the canonical URL, not on a row (RFC 9562, 5.5).

    >>> name("lyg.gov.cn/a.html")
    'urn:uuid:5efdc761-fb3a-57ac-84b8-aca513cc6dde'
    """
    return uuid5(NAMESPACE_URL, key).urn


def plain(text: object) -> str:
    r"""Give text that XML can hold: what it cannot, and what nobody sees, is named.

    >>> plain("a\x00\ufffe\u202eb")
    'a[U+0000][U+FFFE][U+202E]b'
    """
    return NO_XML_RE.sub(lambda found: f"[U+{ord(found[0]):04X}]", name_unseen(text))


def read_moment(written: str | None) -> datetime | None:
    """Read an ISO time or day; a day begins at midnight in Shanghai. None for anything else.

    >>> read_moment("2024-01-19").isoformat(), read_moment("不详")
    ('2024-01-19T00:00:00+08:00', None)
    """
    try:
        if len(written or "") == 10:
            return datetime.combine(date.fromisoformat(written or ""), time(tzinfo=SHANGHAI))
        moment = datetime.fromisoformat(written or "").replace(microsecond=0)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)
