"""What a page's head says about the page: ``<meta>`` tags and JSON-LD."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any, NamedTuple

from crawler.text.labels import SHANGHAI, read_date
from crawler.text.lines import tidy
from crawler.text.outline import Outline


class Claim(NamedTuple):
    """What one place of the page says of a field."""

    value: str
    rule: str


TAGS = {
    "title": "articletitle og:title citation_title dc.title",
    "published": "pubdate article:published_time og:published_time bytedance:published_time og:release_date"
    " weibo:article:create_at datepublished publishdate publish-date publish_date publish_time publishtime pubtime"
    " citation_publication_date citation_date dcterms.issued dc.date.issued dc.date",
    "updated": "article:modified_time og:updated_time bytedance:updated_time weibo:article:update_at datemodified"
    " lastmodifiedtime dcterms.modified",
    "source": "contentsource",
    "author": "author article:author citation_authors citation_author dc.creator",
    "channel_name": "columnname article:section",
}
"""The ``<meta>`` tags that tell a field, the best first: those of the rule for government sites, Open Graph and its
kin, Highwire's and Dublin Core's, which journals use."""
FIELD_TAGS = {field: tuple(tags.split()) for field, tags in TAGS.items()}
KNOWN = frozenset(("<title>", "sitename", *(tag for tags in FIELD_TAGS.values() for tag in tags)))
SHOWN = {
    "articletitle": "ArticleTitle",
    "pubdate": "PubDate",
    "contentsource": "ContentSource",
    "columnname": "ColumnName",
    "author": "Author",
}
"""Tags as the rule for government sites writes them."""

LEAK_RE = re.compile(r"<br\s*/?>|</?[a-zA-Z][^<>]*>|&(?:nbsp|#160);")
QUOTES = " \t\r\n\"'\u201c\u201d\u2018\u2019"
"""What stands around names whose quotation marks a word processor has made."""


def read_meta(outline: Outline) -> dict[str, str]:
    """Collect the first filled value of ``<title>`` and of each ``<meta>`` that tells a field, in lower case."""
    found: dict[str, str] = {}
    for name, text, _ in outline.heads:
        if name[:1] in QUOTES:
            name = name.strip(QUOTES)
        if name in KNOWN and name not in found and text:
            if "&" in text:
                text = html.unescape(text)
            if "<" in text:
                text = LEAK_RE.sub("", text)
            if text := tidy(text):
                found[name] = text
    return found


class Heads:
    """All that the head of a page says: `meta` by tag, `claims` by field."""

    def __init__(self, outline: Outline) -> None:
        self.meta = read_meta(outline)
        ranked: dict[str, list[tuple[int, Claim]]] = {}
        for tag, value in self.meta.items():
            if place := PLACES.get(tag):
                ranked.setdefault(place[0], []).append((place[1], Claim(value, place[2])))
        for name, claim in _linked_data(outline):
            ranked.setdefault(name, []).append((DATA, claim))
        self.said = {
            name: [claim for _, claim in (sorted(claims, key=_rank) if len(claims) > 1 else claims)]
            for name, claims in ranked.items()
        }

    def claims(self, field: str) -> list[Claim]:
        """Give what the head says of a field: the government's own tag, JSON-LD, other tags."""
        return self.said.get(field, [])


DATA = 1
"""The rank of JSON-LD among the tags."""
PLACES = {
    tag: (field, DATA + 1 + n if tag not in SHOWN else 0, f"meta {SHOWN.get(tag, tag)}")
    for field, tags in FIELD_TAGS.items()
    for n, tag in enumerate(tags)
}
"""Tag -> field, rank, and how the rule is called."""
OWN = frozenset(f"meta {tag}" for tag in SHOWN.values())


def _rank(ranked: tuple[int, Claim]) -> int:
    return ranked[0]


TYPES_RE = re.compile(r"(?:Article|Posting|Report|WebPage|Document)$")
"""Types of schema.org that describe what the page tells: NewsArticle, ReportageNewsArticle, BlogPosting …"""
PARTS = ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement")
KEYS = (
    ("title", "headline"),
    ("title", "title"),
    ("published", "datePublished"),
    ("published", "pubDate"),
    ("updated", "dateModified"),
    ("updated", "upDate"),
    ("channel_name", "articleSection"),
)
"""(field, key); ``title``, ``pubDate`` and ``upDate`` are those of Baidu's cambrian.jsonld."""
LONGEST = 200_000
COMMA_RE = re.compile(r",(?=\s*[}\]])")
WRAP_RE = re.compile(r"^\s*(?:<!--|//\s*<!\[CDATA\[|<!\[CDATA\[)|(?:-->|(?://\s*)?\]\]>)\s*$")


def _linked_data(outline: Outline) -> Iterator[tuple[str, Claim]]:
    """Give (field, claim) for what the page's JSON-LD says of an article; what cannot be read says nothing."""
    for script in outline.scripts:
        if "ld+json" not in (script.get("type") or ""):
            continue
        for thing in _things(_load(script.text or ""), 0):
            yield from _describe(thing)


def _load(text: str) -> Any:
    """Read JSON as pages have it: in a comment, with a comma too many, with raw line feeds in its strings.

    >>> _load('<!-- {"headline": "三座书屋\\\\n昨日开放",} -->'), _load('{"headline": ')
    ({'headline': '三座书屋\\n昨日开放'}, None)
    """
    if len(text) > LONGEST:
        return None
    text = WRAP_RE.sub("", text).strip(" \t\r\n\xa0\ufeff;")
    for attempt in (text, COMMA_RE.sub("", text)):
        try:
            return json.loads(attempt, strict=False)
        except (ValueError, RecursionError):
            continue
    return None


def _things(data: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Give each object that may describe an article, through lists and graphs."""
    if isinstance(data, list):
        for item in data[:200]:
            yield from _things(item, depth + 1) if depth < 6 else ()
    elif isinstance(data, dict):
        yield data
        for part in PARTS:
            if depth < 6 and isinstance(data.get(part), (list, dict)):
                yield from _things(data[part], depth + 1)


def _describe(thing: dict[str, Any]) -> Iterator[tuple[str, Claim]]:
    kinds = thing.get("@type")
    kind = next((k for k in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(k, str)), "")
    baidu = "cambrian" in str(thing.get("@context"))
    if not baidu and not TYPES_RE.search(kind):
        return
    page = kind == "WebPage"  # it is called by its site, often
    for field, key in KEYS:
        if (page and field == "title") or (key in ("title", "pubDate", "upDate") and not baidu):
            continue
        value = _string(thing.get(key))
        if value:
            yield field, Claim(value, f"JSON-LD {key}")
    for field, key in (("author", "author"), ("source", "publisher")):
        if names := " ".join(_names(thing.get(key), field == "author")):
            yield field, Claim(names, f"JSON-LD {key}")


def _string(value: Any) -> str:
    """Give a value that is text, tidied; the first of a list."""
    if isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, str) or len(value) > 1000:
        return ""
    value = html.unescape(value) if "&" in value else value
    return tidy(LEAK_RE.sub("", value) if "<" in value else value)


def _names(value: Any, people: bool) -> Iterator[str]:
    """Give the names of persons or organisations; an organisation is no author."""
    for item in value[:12] if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            if people and "Organization" in str(item.get("@type")):
                continue
            item = item.get("name")
        if (name := _string(item)) and len(name) <= 40:
            yield name


ZONE_RE = re.compile(r"\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?\s?(?:(Z)|([+-])(\d\d):?(\d\d))\s*$")
COMPACT_RE = re.compile(
    r"((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?:T?([01]\d|2[0-3])([0-5]\d)([0-5]\d)?)?Z?"
)


def read_instant(text: str) -> datetime | date | None:
    """Read the date of a tag: as printed ones, with a zone as ISO 8601 writes it, or in digits alone.

    >>> read_instant("2024-01-18T01:54:49Z").isoformat(), read_instant("2024-01-18T09:54:49+08:00").isoformat()
    ('2024-01-18T09:54:49+08:00', '2024-01-18T09:54:49+08:00')
    >>> read_instant("20240118"), read_instant("2024-01-18 09:54").isoformat(), read_instant("昨日")
    (datetime.date(2024, 1, 18), '2024-01-18T09:54:00+08:00', None)
    """
    if text[:8].isdigit() and (digits := COMPACT_RE.fullmatch(text)):
        year, month, day, hour, minute, second = digits.groups()
        text = f"{year}-{month}-{day}" + (f" {hour}:{minute}:{second or '00'}" if hour else "")
    found = read_date(text)
    if text[-3:].isascii() and isinstance(found, datetime) and (zone := ZONE_RE.search(text, 10)):
        try:
            away = timedelta(hours=int(zone[3] or 0), minutes=int(zone[4] or 0))
            there = timezone(-away if zone[2] == "-" else away)
            return found.replace(tzinfo=there).astimezone(SHANGHAI)
        except (ValueError, OverflowError):
            return found
    return found
