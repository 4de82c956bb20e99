"""Which platform a page comes from, told by what the page says: calls in its scripts, markup, shapes of addresses.

Each platform has signs, and each sign a weight: what only this platform writes (a call by its own path) counts 3, several
addresses of its shape 2, a single one or a mark that others may have too 1. The platform with the most weight is it, from
`ENOUGH` on; where none has that much, rows of links to articles make a page ``plain``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import NamedTuple

from lxml.html import HtmlElement

from crawler.portals import (
    Ask,
    Channel,
    Portal,
    dated,
    feeds,
    founder,
    hanweb,
    media,
    plain,
    sitemaps,
    trs,
    truecms,
)
from crawler.portals.listing import (
    BOX_PAGES_RE,
    TRS_PAGES_RE,
    base_of,
    host_of,
    links_in,
    parse_page,
    path_of,
)

PLATFORMS: dict[str, ModuleType] = {
    "truecms": truecms,
    "dated": dated,
    "media": media,
    "hanweb": hanweb,
    "trs": trs,
    "founder": founder,
    "feeds": feeds,
    "sitemaps": sitemaps,
    "plain": plain,
}
"""The platform modules by name; `plain` is the one for portals whose platform is none of the others."""

ENOUGH = 2
"""The weight of signs from which on a page is taken for one of a platform."""
ROWS = 3
"""Rows of links to articles that make a page of no known platform `plain`."""
CHANNELS = 60
"""Channels given at most."""
LINKS = 5000
"""Links looked at."""


XML_RE = re.compile(
    r"[\s\ufeff]*<(?:\?xml\b(?!.{0,300}<html)|rss\b|feed\b|rdf:RDF\b|urlset\b|sitemapindex\b)", re.S | re.I
)
"""How XML begins that is no page."""
XML_ROOTS = {
    "rss": "feeds",
    "rdf": "feeds",
    "feed": "feeds",
    "urlset": "sitemaps",
    "sitemapindex": "sitemaps",
}


class Recognised(NamedTuple):
    """What a page tells about the portal that it comes from."""

    platform: str
    """A key of `PLATFORMS`."""
    channels: tuple[tuple[str, str], ...]
    """The channels that it leads to: code, as a portal declares it, and title."""
    site: str | None
    """The site code in the path, where the platform has one: the value of `Portal.site`."""
    evidence: tuple[str, ...]
    """What spoke for the platform, each one sentence."""


class Sign(NamedTuple):
    """One thing that speaks for a platform."""

    weight: int
    said: str


class Look(NamedTuple):
    """A page as the signs are looked for in it."""

    tree: HtmlElement
    text: str
    script: str
    """Its scripts that are not fetched."""
    paths: tuple[str, ...]
    """The paths of its links to its own host, each once; first its own."""


def recognise(html: str, url: str) -> Recognised | None:
    """Tell which platform a page comes from and which channels it leads to; None where nothing tells.

    `url` is the address that answered. A page that only sends its reader on is None: ask where it leads. Links to other
    hosts than the page's (with or without ``www.``) tell nothing and are no channels.

    >>> page = '<a href="/zt/bmdt/bmdt.html">部门动态</a><a href="/zt/gsgg/gsgg.html">公告</a><ul id="initData"></ul>'
    >>> recognise(page, "http://jyj.lyg.gov.cn/")  # doctest: +NORMALIZE_WHITESPACE
    Recognised(platform='truecms', channels=(('bmdt', '部门动态'), ('gsgg', '公告')), site='zt',
        evidence=('records hidden in #initData', '2 links of the shape COL/COL.html, such as /zt/bmdt/bmdt.html'))
    >>> recognise("<p>维护中</p>", "http://jyj.lyg.gov.cn/")
    """
    if not host_of(url):
        return None
    if XML_RE.match(html):
        return _recognise_xml(html, url)
    tree = parse_page(html)
    if tree is None:
        return None
    look = _look(tree, html, url)
    best = ""
    signs: list[Sign] = []
    for name, find in SIGNS.items():
        found = list(find(look))
        if sum(sign.weight for sign in found) > sum(sign.weight for sign in signs):
            best, signs = name, found
    if sum(sign.weight for sign in signs) >= ENOUGH:
        channels = read_channels(PLATFORMS[best], html, url)
        return Recognised(best, channels, _site_of(best, look), tuple(sign.said for sign in signs))
    return (
        _recognise_plain(tree, html, url) or _recognise_paper(tree, html, url) or _recognise_feeds(tree, url)
    )


def portal_at(url: str, platform: ModuleType) -> Portal:
    """Declare the portal that a page is of, for a first look: its host, with and without ``www.``."""
    host = host_of(url)
    bare = host.removeprefix("www.")
    return Portal(
        name=bare, platform=platform, hosts=tuple(dict.fromkeys((host, bare, f"www.{bare}"))), home=url
    )


def read_channels(platform: ModuleType, html: str, url: str) -> tuple[tuple[str, str], ...]:
    """Give the channels that a page leads to, as its platform reads it: code and title, at most `CHANNELS`.

    A list page that leads to no other list is itself the one channel.
    """
    portal = portal_at(url, platform)
    channels: tuple[Channel, ...] = ()
    for kind in ("home", "list"):
        channels = channels or platform.read(Ask(url, kind), html, url, portal).channels
    return tuple((channel.code, channel.name) for channel in channels)[:CHANNELS]


def _recognise_plain(tree: HtmlElement, html: str, url: str) -> Recognised | None:
    rows = plain.find_rows(tree, url)
    if len(rows) < ROWS:
        return None
    days = sum(row.dated for row in rows)
    said = f"{len(rows)} rows of links to articles, {days} of them dated, such as {rows[0].title!r}"
    return Recognised("plain", read_channels(plain, html, url), None, (said,))


def _recognise_paper(tree: HtmlElement, html: str, url: str) -> Recognised | None:
    """Tell a page that has nothing else of a platform, and leads to an issue of a printed paper."""
    known = founder.newest_issue(tree, url, portal_at(url, founder))
    if known is None:
        return None
    said = f"a page without lists that leads to the issue of {known[2]} at {known[0]}"
    return Recognised("founder", read_channels(founder, html, url), None, (said,))


def _recognise_feeds(tree: HtmlElement, url: str) -> Recognised | None:
    found = feeds.find_feeds(tree, url, portal_at(url, feeds))
    if not found:
        return None
    said = f"a page without lists that names {len(found)} feeds, such as {found[0].url}"
    return Recognised("feeds", tuple((c.code, c.name) for c in found)[:CHANNELS], None, (said,))


def _recognise_xml(text: str, url: str) -> Recognised | None:
    """Tell a feed or a sitemap by its root."""
    root = feeds.parse_xml(text)
    kind = feeds.name_of(root) if root is not None else ""
    platform = XML_ROOTS.get(kind)
    if platform is None:
        return None
    said = f"XML whose root is <{kind}>"
    return Recognised(platform, read_channels(PLATFORMS[platform], text, url), None, (said,))


def _look(tree: HtmlElement, html: str, url: str) -> Look:
    host = host_of(url).removeprefix("www.")
    paths = {path_of(url): None}
    for number, (_, target) in enumerate(links_in(tree, base_of(tree, url))):
        if host_of(target).removeprefix("www.") == host:
            paths[path_of(target)[:500]] = None
        if number == LINKS:
            break
    script = "\n".join((e.text or "") for e in tree.iter("script"))
    return Look(tree, html, script, tuple(paths))


def _shaped(look: Look, shape: re.Pattern[str], called: str, weight: int = 2) -> Iterator[Sign]:
    """Look for addresses of a shape: two or more have the whole weight, one has 1."""
    found = [path for path in look.paths if shape.fullmatch(path)]
    if found:
        many = f"{len(found)} links" if len(found) > 1 else "a link"
        yield Sign(weight if len(found) > 1 else 1, f"{many} of the shape {called}, such as {found[0]}")


def _having(look: Look, **attributes: str) -> bool:
    """Tell whether an element has one of these values of ``id`` or ``class``."""
    return any(
        value in (element.get(name) or "").split()
        for element in look.tree.iter()
        if isinstance(element.tag, str)
        for name, value in attributes.items()
    )


# ---------------------------------------------------------------- signs


TRUECMS_LIST_RE = re.compile(r"/(?:(?P<site>[\w-]+)/(?:[\w-]+/)*)?(?P<code>[\w-]+)/(?P=code)\.s?html?")
"""The path of a TrueCMS list: the column's code twice. Index pages are everybody's."""


def _truecms(look: Look) -> Iterator[Sign]:
    if "getMessage.do" in look.script:
        yield Sign(3, "a script that calls getMessage.do for further records")
    if _having(look, id="initData"):
        yield Sign(2, "records hidden in #initData")
    yield from _shaped(look, TRUECMS_LIST_RE, "COL/COL.html")
    yield from _shaped(look, truecms.ARTICLE_RE, "COL/content/ID.html")


def _dated(look: Look) -> Iterator[Sign]:
    yield from _shaped(look, dated.ARTICLE_RE, "CHANNEL/SUB/YYYY/MMDD/ID.shtml")


MEDIA_RE = re.compile(r"/Media/[\w-]+/(?:19|20)\d{2}-\d{1,2}-\d{1,2}(?:/.*)?", re.I)


def _media(look: Look) -> Iterator[Sign]:
    yield from _shaped(look, MEDIA_RE, "/Media/PAPER/YYYY-MM-DD")
    if _having(look, **{"class": "item2-menu-item"}):
        yield Sign(2, "articles of a printed page in li.item2-menu-item")


def _hanweb(look: Look) -> Iterator[Sign]:
    if "dataproxy.jsp" in look.text:
        yield Sign(3, "a call of dataproxy.jsp for further records")
    if "jpaas-publish-server" in look.text or re.search(r"<script[^<>]{0,600}\bunitbuild\.js", look.text):
        yield Sign(3, "a script that has the parts of the page built, unitbuild.js")
    if re.search(r"<datastore\b", look.text):
        yield Sign(2, "records in a datastore within the page")
    yield from _shaped(look, hanweb.LIST_RE, "/col/colN/index.html")
    yield from _shaped(look, hanweb.ARTICLE_RE, "/art/YYYY/M/D/art_N_ID.html")


def _trs(look: Look) -> Iterator[Sign]:
    if TRS_PAGES_RE.search(look.script) or BOX_PAGES_RE.search(look.script):
        yield Sign(1, "a script that pages with createPageHTML")
    if re.search(r"\bTRS_(?:Editor|UEDITOR|PreAppend)\b", look.text):
        yield Sign(1, "the editor's box TRS_Editor")
    yield from _shaped(look, trs.ARTICLE_RE, "tYYYYMMDD_ID.html", 3)


def _founder(look: Look) -> Iterator[Sign]:
    if "<founder-" in look.text:
        yield Sign(3, "the marks <founder-title>, <founder-content>")
    yield from _shaped(look, founder.NODE_RE, "YYYY-MM/DD/node_N.htm")
    if any(founder.NODE_RE.fullmatch(path) for path in look.paths):
        yield from _shaped(look, founder.CONTENT_RE, "YYYY-MM/DD/content_ID.htm")


SIGNS: dict[str, Callable[[Look], Iterator[Sign]]] = {
    "truecms": _truecms,
    "dated": _dated,
    "media": _media,
    "hanweb": _hanweb,
    "trs": _trs,
    "founder": _founder,
}
"""How each platform is told; the first one of two with the same weight wins."""


def _site_of(platform: str, look: Look) -> str | None:
    """Give the site code that most lists have in front of their path."""
    if platform == "media":
        papers = (re.match(r"/Media/([\w-]+)/", path, re.I) for path in look.paths)
        return next((match[1] for match in papers if match), None)
    if platform != "truecms":
        return None
    found = (TRUECMS_LIST_RE.fullmatch(path) for path in look.paths)
    sites = Counter(match["site"] for match in found if match and match["site"])
    return sites.most_common(1)[0][0] if sites else None
