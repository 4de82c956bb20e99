"""Feeds: RSS 2.0, RSS 1.0 and Atom as lists of articles.

A channel is a feed; its code is the feed's path. The XML is read without its document type, so that there are no
entities to expand and nothing to fetch, and damaged XML gives what can still be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from email.utils import parsedate_to_datetime
from html import unescape

from lxml import etree
from lxml.etree import _Element
from lxml.html import HtmlElement

from crawler.portals import Ask, Channel, Found, Line, Portal, plain
from crawler.portals.listing import (
    PAGES,
    ask_for_lists,
    base_of,
    find_day,
    flatten,
    is_own,
    number_of,
    page_key,
    parse_page,
    path_of,
    resolve,
    same_page,
    send_on,
    text_of,
)
from crawler.text.labels import SHANGHAI

ITEMS = 5000
"""Items of one feed that are taken."""
FEEDS = 60
"""Feeds of one page that are taken."""
DOCTYPE_RE = re.compile(r"<!DOCTYPE[^\[>]{0,2000}(?:\[.*?\]\s*)?>", re.S | re.I)
TYPE_RE = re.compile(r"\s*application/(?:rss|atom|rdf)\+xml\s*(?:;.*)?", re.I)
"""What a page calls the type of its feeds."""
XML_RE = re.compile(r"\s*(?:text|application)/xml\s*(?:;.*)?", re.I)
"""What it calls the type of a feed among its alternates, where that may be one."""
PLACE_RE = re.compile(
    r"/(?:(?:[\w-]{0,40}[_-])?(?:rss|atom|feed)[\w-]{0,20}\.xml|[\w-]{1,60}\.(?:rss|rdf)|(?:feed|rss|atom)/?)$",
    re.I,
)
"""How the path of a feed ends that a page links without a type."""
TAG_RE = re.compile(r"<[^<>]{0,500}>")


def parse_xml(text: str) -> _Element | None:
    """Parse XML without its document type, without entities, without network; None where it is none.

    >>> parse_xml('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>x&b;</a>').text
    'x'
    >>> parse_xml("<p>x") is None, parse_xml("no XML") is None
    (False, True)
    """
    plain_text = text.replace("\0", "").lstrip("\ufeff \t\r\n")
    if not plain_text.startswith("<"):
        return None
    body = DOCTYPE_RE.sub("", plain_text, count=1).encode("utf-8", "replace")
    parser = etree.XMLParser(
        encoding="utf-8",
        recover=True,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    try:
        root: _Element | None = etree.fromstring(body, parser)
    except (etree.LxmlError, ValueError):
        return None
    return root


def name_of(element: _Element) -> str:
    """Give the name of an element without its namespace, in lower case; empty for comments and the like."""
    tag = element.tag
    return tag.rpartition("}")[2].lower() if isinstance(tag, str) else ""


def read_day(text: str | None, zone: tzinfo = SHANGHAI) -> date | None:
    """Read a date as feeds and sitemaps write it: RFC 822 or ISO 8601, as the day in a zone.

    >>> read_day("Wed, 17 Jan 2024 23:30:00 GMT"), read_day("2024-01-17T23:30:00Z")
    (datetime.date(2024, 1, 18), datetime.date(2024, 1, 18))
    >>> read_day("2024-01-18"), read_day("2024/1/18 9:05"), read_day("2024-01"), read_day("yesterday")
    (datetime.date(2024, 1, 18), datetime.date(2024, 1, 18), None, None)
    """
    said = flatten(text)[:80]
    moment: datetime | None = None
    if re.match(r"\d{4}-\d{2}-\d{2}T", said):
        try:
            moment = datetime.fromisoformat(said)
        except ValueError:
            moment = None
    elif re.match(r"(?:[A-Za-z]{3,9},?\s*)?\d{1,2}\s+[A-Za-z]{3}", said):
        try:
            moment = parsedate_to_datetime(said)
        except (ValueError, TypeError, OverflowError):
            moment = None
    if moment is None:
        return find_day(said)
    try:
        return moment.astimezone(zone).date() if moment.tzinfo else moment.date()
    except (ValueError, OverflowError):
        return None


def first(portal: Portal, channels: tuple[str, ...], since: date | None, until: date | None) -> list[Ask]:
    """Ask for each feed; for the home page, which may name feeds or be one, where there are no channels."""
    return ask_for_lists(portal, channels, plain.list_url)


def channel_of(url: str, portal: Portal) -> str | None:
    """Give what its folders tell of an article's channel: no address names the feed that it is in."""
    return plain.channel_of(url, portal)


def read(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    """Read an answered feed, or a home page that names some."""
    root = parse_xml(text)
    if root is not None and is_feed(root):
        return _read_feed(ask, root, url, portal)
    tree = parse_page(text)
    feeds = find_feeds(tree, url, portal) if tree is not None and ask.kind == "home" else []
    if feeds:
        return Found(asks=tuple(Ask(c.url, "list", c.code) for c in feeds), channels=tuple(feeds))
    sent = send_on(ask, tree, url, portal) if tree is not None else None
    return sent or Found(problems=(f"Found no feed, wanted RSS or Atom, at {url}",))


def moved(
    home_text: str, home_url: str, portal: Portal, code: str, name: str | None = None, gone: str | None = None
) -> Ask | None:
    """Find the feed that the home page names now instead of one that was not found: by its name, or the only one."""
    tree = parse_page(home_text)
    if tree is None:
        return None
    lost = gone or plain.list_url(portal, code)
    feeds = [feed for feed in find_feeds(tree, home_url, portal) if not same_page(feed.url, lost)]
    named = [feed for feed in feeds if name and feed.name == name]
    chosen = named[0] if named else feeds[0] if len(feeds) == 1 else None
    return Ask(chosen.url, "list", code) if chosen else None


def is_feed(root: _Element) -> bool:
    """Tell whether an XML document is a feed."""
    return name_of(root) in ("rss", "rdf", "feed")


def find_feeds(tree: HtmlElement, url: str, portal: Portal) -> list[Channel]:
    """Find the feeds of the portal's own hosts that a page names, each once: by their type, else by their address."""
    base = base_of(tree, url)
    named: dict[str, Channel] = {}
    linked: dict[str, Channel] = {}
    for link in tree.iter("link", "a"):
        target = resolve(link.get("href"), base)
        if not target or not is_own(target, portal) or same_page(target, url):
            continue
        kind, alternate = link.get("type") or "", "alternate" in (link.get("rel") or "").lower().split()
        code = plain.code_of(target, portal)
        if TYPE_RE.fullmatch(kind) or (alternate and XML_RE.fullmatch(kind)):
            named.setdefault(page_key(target), Channel(code, flatten(link.get("title")) or code, target))
        elif link.tag == "a" and PLACE_RE.search(path_of(target)):
            title = flatten(link.get("title")) or text_of(link) or code
            linked.setdefault(page_key(target), Channel(code, title, target))
    return list((named or linked).values())[:FEEDS]


def name_feed(root: _Element) -> str:
    """Give a feed's own title; empty where it has none."""
    for element in root.iter():
        if name_of(element) == "title":
            return _text(element)
        if name_of(element) in ("item", "entry"):
            return ""
    return ""


def _read_feed(ask: Ask, root: _Element, url: str, portal: Portal) -> Found:
    code = ask.channel or plain.code_of(url, portal)
    lines: dict[str, Line] = {}
    blanks = count = 0
    for item in _items(root):
        count += 1
        target = _link_of(item, url)
        if target is None:
            blanks += 1
            continue
        lines.setdefault(page_key(target), Line(target, _title_of(item), _day_of(item, portal.zone), code))
    problems: tuple[str, ...] = ()
    if blanks:
        problems = (f"Found {blanks} of {count} items without an address, wanted a link, at {url}",)
    page = max(number_of(dict(ask.state).get("page")), 1)
    further: Ask | None = None
    target = _next_of(root, url)
    if target and is_own(target, portal) and not same_page(target, url) and page < PAGES:
        further = Ask(target, "list", code, (), (("page", page + 1),))
    named = (Channel(code, name_feed(root) or code, ask.url),) if page == 1 else ()
    return Found(tuple(lines.values()), further if lines else None, (), named, None, problems)


def _items(root: _Element) -> Iterator[_Element]:
    count = 0
    for element in root.iter():
        if name_of(element) in ("item", "entry"):
            count += 1
            if count > ITEMS:
                return
            yield element


def _link_of(item: _Element, url: str) -> str | None:
    """Give the address of an item: its link, the alternate one in Atom, else an identifier that is an address."""
    base = _base_of(item, url)
    found: dict[str, str] = {}
    for child in item:
        name = name_of(child)
        if name == "link" and child.get("href"):
            if (child.get("rel") or "alternate") == "alternate":
                found.setdefault("link", child.get("href") or "")
        elif name == "link":
            found.setdefault("link", child.text or "")
        elif name == "origlink":
            found["link"] = child.text or ""
        elif name in ("guid", "id") and (child.get("isPermaLink") or "true").lower() == "true":
            found.setdefault("guid", child.text or "")
    about = next((value for key, value in item.attrib.items() if key.endswith("}about")), "")
    named = found.get("guid", "")
    for address in (found.get("link"), named if re.match(r"\s*https?://", named) else "", about):
        if target := resolve(flatten(address), base):
            return target
    return None


def _base_of(item: _Element, url: str) -> str:
    """Give the address that an item's links are relative to: the nearest ``xml:base``, else the feed's."""
    bases = [
        value
        for element in (item, *item.iterancestors())
        if (value := element.get("{http://www.w3.org/XML/1998/namespace}base"))
    ]
    base = url
    for value in reversed(bases):
        base = resolve(value, base) or base
    return base


def _title_of(item: _Element) -> str:
    return next((_text(child) for child in item if name_of(child) == "title"), "")


def _text(element: _Element) -> str:
    """Give an element's text on one line; markup in it, escaped or not, is left out."""
    said = "".join(element.xpath(".//text()"))
    return flatten(unescape(TAG_RE.sub("", unescape(said) if "&lt;" in said else said)))


def _day_of(item: _Element, zone: tzinfo) -> date | None:
    """Give the day of an item: published before updated."""
    said: dict[str, str] = {}
    for child in item:
        said.setdefault(name_of(child), "".join(child.itertext()))
    for name in ("pubdate", "published", "issued", "date", "created", "updated", "modified"):
        if day := read_day(said.get(name), zone):
            return day
    return None


def _next_of(root: _Element, url: str) -> str | None:
    """Give the address of an Atom feed's next page."""
    for element in root.iter():
        if name_of(element) in ("item", "entry"):
            break
        if name_of(element) == "link" and element.get("rel") == "next":
            return resolve(element.get("href"), url)
    return None
