"""Where an answer for an article came from in the end: redirects, pages that send their reader on, ``rel=canonical``."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urldefrag, urljoin, urlsplit

from crawler.archive import Archive, canonical, retitled
from crawler.portals import Portal
from crawler.portals.listing import find_redirect, parse_page
from crawler.text import decode
from crawler.text.signatures import fold, whole_part

LINK_RE = re.compile(rb"<link\b([^<>]{1,2000})>", re.I)
ATTRIBUTE_RE = re.compile(rb"""\b(rel|href)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.I)
"""The two attributes of a link that matter, on the bytes: they are ASCII in every encoding that portals use."""
ERROR_RE = re.compile(
    r"(?:^|/)(?:40\d|50\d)(?:[/.]|$)|(?:^|[/_.-])(?:err(?:or)?|not_?found|no_?page|deleted?)(?:[/_.-]|$)",
    re.I,
)
"""Evidence in a path that it is of a page that tells of an error."""
STUB_BYTES = 3000
STUB_LETTERS = 60
"""A page that only sends its reader on is small and says little: 正在跳转，请稍候, if it does not lead on click here."""
HOPS = 3
"""How many pages that only send their reader on are followed one after the other."""


def links_of(body: bytes) -> list[tuple[frozenset[str], str]]:
    """Give the ``link`` elements of a page with what they are for, in order.

    >>> links_of(b'<LINK href="/a?x=1&amp;y=2" rel=Canonical><link rel="icon">')
    [(frozenset({'canonical'}), '/a?x=1&y=2')]
    """
    found = []
    for link in LINK_RE.findall(body):
        said = {
            name.lower(): (double or single or bare).decode("utf-8", "replace")
            for name, double, single, bare in ATTRIBUTE_RE.findall(link)
        }
        if said.get(b"href"):
            kinds = frozenset(said.get(b"rel", "").lower().split())
            found.append((kinds, unescape(said[b"href"]).strip()))
    return found


def absolute(href: str, url: str) -> str | None:
    """Make the address of a link absolute, without fragment; None where it is none of the web.

    >>> absolute("../b.html#x", "http://a.cn/c/d.html"), absolute("mailto:a@b.cn", "http://a.cn/")
    ('http://a.cn/b.html', None)
    """
    try:
        target = urldefrag(urljoin(url, href)).url
        parts = urlsplit(target)
        return target if parts.hostname and parts.port != 0 and parts.scheme in ("http", "https") else None
    except ValueError:
        return None


def named_address(body: bytes, url: str) -> str | None:
    """Give the address that a page names as its canonical one; None where it names none, or contradicts itself.

    >>> named_address(b'<link rel="canonical" href="/a/1.html">', "http://a.cn/b/1.html?from=x")
    'http://a.cn/a/1.html'
    >>> named_address(b'<link rel=canonical href="/a"><link rel=canonical href="/b">', "http://a.cn/")
    """
    found = {
        target
        for kinds, href in links_of(body)
        if "canonical" in kinds and (target := absolute(href, url)) is not None
    }
    return found.pop() if len(found) == 1 else None


def sent_on(body: bytes, url: str, content_type: str | None) -> str | None:
    """Give where a page sends its reader that does nothing else; None where it is more than that.

    >>> sent_on('<script>location.href="/b/1.html"</script>正在跳转'.encode(), "http://a.cn/a/1.html", None)
    'http://a.cn/b/1.html'
    """
    if len(body) > STUB_BYTES or not re.search(rb"location|refresh", body, re.I):
        return None
    tree = parse_page(decode(body, content_type).text)
    if tree is None or len(fold("".join(tree.xpath("//body//text()[not(ancestor::script)]")))) > STUB_LETTERS:
        return None
    return find_redirect(tree, url)


def is_place(url: str, portal: Portal, archive: Archive) -> str | None:
    """Say what page of a portal, that is no article, an address is of; None where it may be an article's."""
    key = canonical(url)
    path = key.partition("?")[0].partition("/")[2]
    if not path or key == canonical(portal.home) or path == f"{portal.site}/":
        return "the home page"
    if path.endswith("/") or archive.is_list(portal.name, key):
        return "a list"
    if ERROR_RE.search(path) and not portal.platform.channel_of(url, portal):
        return "an error page"
    return None


def is_astray(
    asked: str, answered: str, portal: Portal, archive: Archive, title: str | None, text: str
) -> str | None:
    """Say why a redirect does not lead to the article that was asked for; None where it may.

    `title` is that of the list, `text` the page that came. It leads to the home page, a list or an error page,
    to another article, or to a page of unknown shape that does not show the title.
    """
    if canonical(asked) == canonical(answered):
        return None
    if place := is_place(answered, portal, archive):
        return f"leads to {place}, {answered}"
    other, own = archive.article(answered), archive.article(asked)
    if other and (own is None or own["id"] != other["id"]) and retitled(title, other["title"]):
        return f"leads to {answered}, which is article {other['id']}, {other['title']!r}"
    if portal.platform.channel_of(asked, portal) and not portal.platform.channel_of(answered, portal):
        shown = fold(whole_part(title or ""))
        if shown and shown not in fold(text):
            return f"leads to {answered}, which does not show the title {title!r}"
    return None
