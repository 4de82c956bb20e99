"""Sitemaps: the list of all pages that a portal keeps for search engines, as a list of articles.

A channel is a sitemap, its code the sitemap's path (``sitemap.xml``). An index of sitemaps is followed one after the other,
the newest first, for as long as the run's rule wants more. Only pages that look like articles are lines; addresses on
foreign hosts are none. Titles are only in the sitemaps of news, and ``lastmod`` is taken for the date.
"""

from __future__ import annotations

import re
from datetime import date
from typing import NamedTuple

from lxml.etree import _Element

from crawler.portals import Ask, Channel, Found, Line, Portal, plain
from crawler.portals.feeds import name_of, parse_xml, read_day
from crawler.portals.listing import flatten, is_own, number_of, page_key, path_of, resolve

PLACE = "sitemap.xml"
"""Where a sitemap is, by convention."""
PLACES = (PLACE, "sitemap_index.xml", "sitemap.xml.gz", "sitemap/sitemap.xml")
"""Where else one is looked for, the likeliest first."""
ROBOTS_RE = re.compile(r"^[^\S\n]*sitemap[^\S\n]*:[^\S\n]*(\S+)", re.I | re.M)
"""The line of a robots.txt that names a sitemap (https://www.sitemaps.org/protocol.html#submit_robots)."""
SITEMAPS = 50
"""Sitemaps of one index that are followed."""
ENTRIES = 50_000
"""Addresses of one sitemap that are read: as many as the protocol allows."""
LINES = 5000
"""Addresses that are taken with one answer: a larger sitemap is asked for again, for the ones before."""
LEVELS = 3
"""Indexes within one another that are followed."""


class Entry(NamedTuple):
    """One address of a sitemap or of an index."""

    url: str
    day: date | None
    title: str


def named_in(robots: str, url: str, portal: Portal) -> list[str]:
    """Give the sitemaps on the portal's own hosts that a robots.txt names, each once, in its order.

    >>> import sys
    >>> some = Portal(name="a.cn", platform=sys, hosts=("a.cn",), home="http://a.cn/")
    >>> named_in("User-agent: *\\nDisallow: /x/\\nSitemap: /maps/1.xml\\nsitemap:http://b.cn/2.xml", "http://a.cn/robots.txt", some)
    ['http://a.cn/maps/1.xml']
    """
    found = (resolve(named, url) for named in ROBOTS_RE.findall(robots.replace("\r", "\n")))
    return list(dict.fromkeys(each for each in found if each and is_own(each, portal)))[:SITEMAPS]


def first(portal: Portal, channels: tuple[str, ...], since: date | None, until: date | None) -> list[Ask]:
    """Ask for each sitemap, by default the one at the root; sitemaps older than `since` are not followed."""
    state = (("since", since.isoformat()),) if since else ()
    codes = channels or portal.channels or (PLACE,)
    return [Ask(plain.list_url(portal, code), "list", code, (), state) for code in codes]


def channel_of(url: str, portal: Portal) -> str | None:
    """Give what its folders tell of an article's channel: no address names the sitemap that it is in."""
    return plain.channel_of(url, portal)


def read(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    """Read an answered sitemap or index of sitemaps."""
    root = parse_xml(text)
    kind = name_of(root) if root is not None else ""
    if root is None or kind not in ("urlset", "sitemapindex"):
        return Found(problems=(f"Found no sitemap, wanted urlset or sitemapindex, at {url}",))
    return (
        _read_index(ask, root, url, portal) if kind == "sitemapindex" else _read_set(ask, root, url, portal)
    )


def moved(
    home_text: str, home_url: str, portal: Portal, code: str, name: str | None = None, gone: str | None = None
) -> Ask | None:
    """Give None: no page links its sitemap."""
    return None


def read_entries(root: _Element, url: str, portal: Portal, start: int = 0) -> tuple[list[Entry], int, int]:
    """Read the addresses of a sitemap on the portal's own hosts, each once, the newest first, `LINES` from `start`.

    Those without a day keep their places behind. Gives besides how many are elsewhere or none, and how many there are.
    """
    told = _read_raw(root)
    told.sort(key=lambda each: each[1], reverse=True)  # dates of ISO 8601 sort as texts
    entries: dict[str, Entry] = {}
    left = 0
    for place, day, title in told[start : start + LINES]:
        target = resolve(flatten(place), url)
        if target is None or not is_own(target, portal):
            left += 1
        else:
            entries.setdefault(page_key(target), Entry(target, read_day(day, portal.zone), flatten(title)))
    return list(entries.values()), left, len(told)


def _read_raw(root: _Element) -> list[tuple[str, str, str]]:
    """Read the entries as they are written: address, day, title of a news sitemap."""
    told: list[tuple[str, str, str]] = []
    for element in root:
        if len(told) >= ENTRIES:
            break
        if name_of(element) not in ("url", "sitemap"):
            continue
        said: dict[str, str] = {}
        for number, child in enumerate(element.iter()):
            if number == 100:
                break
            if isinstance(child.tag, str) and child.text:
                news = "news" in child.tag.rpartition("}")[0]
                said.setdefault(("news:" if news else "") + name_of(child), child.text.strip())
        day = said.get("news:publication_date") or said.get("lastmod", "")
        told.append((said.get("loc", ""), day, said.get("news:title", "")))
    return told


def _read_index(ask: Ask, root: _Element, url: str, portal: Portal) -> Found:
    state = dict(ask.state)
    level = number_of(state.get("level")) + 1
    entries, _, _ = read_entries(root, url, portal)
    since = read_day(str(state.get("since", "")))
    wanted = [entry for entry in entries if not (since and entry.day and entry.day < since)]
    problems: tuple[str, ...] = ()
    if not entries:
        problems = (f"Found no sitemap of the portal in the index, wanted some, at {url}",)
    elif level > LEVELS:
        return Found(problems=(f"Found {level} indexes within one another, wanted a sitemap, at {url}",))
    elif len(wanted) > SITEMAPS:
        problems = (f"Found {len(wanted)} sitemaps, the {SITEMAPS} newest were taken up, at {url}",)
    rest = [entry.url for entry in wanted[:SITEMAPS]] + _rest(ask)
    further = _ask_next(ask, rest[:SITEMAPS], level)
    return Found(asks=(further,) if further else (), channels=_named(ask, url, portal), problems=problems)


def _rest(ask: Ask) -> list[str]:
    return str(dict(ask.state).get("rest", "")).split()


def _ask_next(ask: Ask, rest: list[str], level: int) -> Ask | None:
    if not rest:
        return None
    kept = tuple(pair for pair in ask.state if pair[0] == "since")
    state = (*kept, ("level", level), ("rest", " ".join(rest[1:])))
    return Ask(rest[0], "list", ask.channel or PLACE, (), state)


def _named(ask: Ask, url: str, portal: Portal) -> tuple[Channel, ...]:
    code = ask.channel or plain.code_of(url, portal)
    return () if number_of(dict(ask.state).get("level")) else (Channel(code, code, ask.url),)


def _read_set(ask: Ask, root: _Element, url: str, portal: Portal) -> Found:
    code = ask.channel or plain.code_of(url, portal)
    start = number_of(dict(ask.state).get("start"))
    entries, left, count = read_entries(root, url, portal, start)
    pages = [e for e in entries if not plain.FILE_RE.search(path_of(e.url)) and path_of(e.url) != "/"]
    articles = [e for e in pages if e.title or plain.is_article(e.url)]
    if not articles:
        # An address tells nothing here: all pages but the folders, which are lists.
        articles = [e for e in pages if not path_of(e.url).endswith("/")]
    lines = tuple(Line(e.url, e.title, e.day, code) for e in articles)
    problems: tuple[str, ...] = ()
    if not entries:
        problems = (f"Found no address of the portal, wanted some, at {url}",)
    notes = (
        (f"Found {left} of {count} entries that lead to other hosts, wanted the portal's, at {url}",)
        if left
        else ()
    )
    if start + LINES < count:
        kept = tuple(pair for pair in ask.state if pair[0] != "start")
        further: Ask | None = Ask(ask.url, "list", code, (), (*kept, ("start", start + LINES)))
    else:
        further = _ask_next(ask, _rest(ask), number_of(dict(ask.state).get("level")))
    # A sitemap without articles proves nothing about the next one.
    asks = (further,) if further and not lines else ()
    channels = _named(ask, url, portal) if not start else ()
    return Found(lines, further if lines else None, asks, channels, None, problems, notes)
