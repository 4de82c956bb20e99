"""Articles that are split over several pages: which further pages belong to one, told by its pager alone.

The parts stand in one folder and share a name: ``ID.html``, ``ID_1.html`` or ``ID_2.html`` … A pager is links that
are called by a number or 下一页, or the paging script of statically published sites. Neighbouring articles
(上一篇, 下一篇) are none of it: they are called by their titles, or have names of their own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from crawler.portals.listing import (
    TRS_PAGES_RE,
    base_of,
    host_of,
    links_in,
    parse_page,
    path_of,
    resolve,
    same_page,
    text_of,
)
from crawler.text import decode

PARTS = 30
"""How many parts of one article are taken, the first one counted."""
PAGES = 1000
"""Pages that a script says an article has, at the most."""

FILE_RE = re.compile(r"(?P<folder>.*/)(?P<stem>[^/]+)\.(?P<ending>s?html?)", re.I)
NUMBERED_RE = re.compile(r"(?P<stem>.+)(?P<sign>[_-])(?P<number>\d{1,3})")
"""The name of a further part, without its ending."""
NUMBER_RE = re.compile(r"[\[【(<第\s]*(\d{1,3})[\]】)>页頁\s]*")
"""What a link to a part is called by its number: 2, [2], 第2页."""
FORWARD_RE = re.compile(
    r"[\[【(\s]*(?:(?:下|后|後)一?[页頁]|(?:尾|末|最后一|最後一)[页頁]|余下全文|餘下全文|next(?: page)?|[>»›]{1,2})[\]】)\s>»›]*",
    re.I,
)
BACK_RE = re.compile(
    r"[\[【(\s<«‹]*(?:(?:上|前)一?[页頁]|(?:首|第一)[页頁]|prev(?:ious)?(?: page)?|[<«‹]{1,2})[\]】)\s]*",
    re.I,
)
COUNT_RE = re.compile(r"\bcountPage\s*=\s*(\d{1,4})\s*[;/\r\n]")
CURRENT_RE = re.compile(r"\bcurrentPage\s*=\s*(\d{1,4})\s*[;/\r\n]")
"""The variables of the paging script that TRS puts below articles and lists: pages, and this page from 0."""
AFFIX_RE = re.compile(r"""['"]_['"]""")
SCRIPT_RE = re.compile(rb"createPageHTML|countPage")


class Pager(NamedTuple):
    """What a page says about the parts of its article."""

    first: str
    """The address of the first part: the article's."""
    further: tuple[tuple[int, str], ...]
    """The numbers in the names of the others that the page tells, and their addresses, in order."""


class _Name(NamedTuple):
    """The address of a page taken apart."""

    host: str
    folder: str
    stem: str
    ending: str

    def is_beside(self, other: _Name) -> bool:
        """Tell whether two pages stand in one folder of one host."""
        return (self.host, self.folder, self.ending.lower()) == (
            other.host,
            other.folder,
            other.ending.lower(),
        )


def _name_of(url: str) -> _Name | None:
    match = FILE_RE.fullmatch(path_of(url))
    return _Name(host_of(url).removeprefix("www."), *match.groups()) if match else None


def may_be_split(body: bytes, url: str) -> bool:
    """Tell by a glance at its bytes whether a page is worth being asked for its pager.

    >>> may_be_split(b'<a href="7_2.html">2</a>', "http://a.cn/b/7.html")
    True
    >>> may_be_split(b'<a href="8.html">2</a>', "http://a.cn/b/7.html")
    False
    """
    name = _name_of(url)
    if name is None:
        return False
    if SCRIPT_RE.search(body):
        return True
    stems = [name.stem + "_", name.stem + "-"]
    numbered = NUMBERED_RE.fullmatch(name.stem)
    if numbered and int(numbered["number"]) <= PARTS:
        stems += [numbered["stem"] + ".", numbered["stem"] + numbered["sign"]]
    return any(stem.encode("utf-8", "replace") in body for stem in stems)


def find_pager(tree: HtmlElement, url: str) -> Pager | None:
    """Find the parts that the article on a page is split over; None where the page is a whole article.

    Only pages of the same host and folder whose name is the article's with a number are parts, and only those that a
    pager leads to.

    >>> page = parse_page('<div>正文</div><p>1 <a href="7_2.html">2</a> <a href="7_2.html">下一页</a></p>'
    ...                   '<p>下一篇：<a href="8.html">下一则新闻</a></p>')
    >>> find_pager(page, "http://a.cn/b/7.html")
    Pager(first='http://a.cn/b/7.html', further=((2, 'http://a.cn/b/7_2.html'),))
    >>> page = parse_page('<a href="7.html">上一页</a> <a href="7.html">1</a> 2 <a href="7_3.html">3</a>')
    >>> find_pager(page, "http://a.cn/b/7_2.html").first
    'http://a.cn/b/7.html'
    >>> page = parse_page('<script>createPageHTML(3, 0, "t2024_123", "html");</script>')
    >>> [number for number, _ in find_pager(page, "http://a.cn/b/t2024_123.html").further]
    [1, 2]
    >>> find_pager(parse_page('上一篇：<a href="7_2.html">书屋</a>'), "http://a.cn/b/7.html")
    """
    own = _name_of(url)
    if own is None:
        return None
    base = base_of(tree, url)
    links = list(_called(tree, base, own))
    found = _from_first(links, own, url) or _from_further(links, own, url) or _from_script(tree, own, url)
    if found is None:
        return None
    first, further = found
    further = {number: address for number, address in further.items() if not same_page(address, first)}
    return Pager(first, tuple(sorted(further.items()))) if further or not same_page(first, url) else None


class _Link(NamedTuple):
    """A link of a pager."""

    number: int
    """By which it is called; 0 for 下一页 and kin, -1 for 上一页 and kin."""
    name: _Name
    url: str


def _called(tree: HtmlElement, base: str, own: _Name) -> Iterator[_Link]:
    """Walk over the links to pages beside this one that are called as those of a pager are."""
    for element, target in links_in(tree, base):
        name = _name_of(target)
        if name is None or not name.is_beside(own) or urlsplit(target).query:
            continue
        called = unicodedata.normalize("NFKC", text_of(element))
        if match := NUMBER_RE.fullmatch(called):
            yield _Link(int(match[1]), name, target)
        elif FORWARD_RE.fullmatch(called):
            yield _Link(0, name, target)
        elif BACK_RE.fullmatch(called):
            yield _Link(-1, name, target)


def _further(links: list[_Link], stem: str) -> dict[int, str]:
    """Give the further parts of the article `stem`: called forward, or by the number of their name or the one after."""
    found: dict[int, str] = {}
    for link in links:
        numbered = NUMBERED_RE.fullmatch(link.name.stem)
        if numbered is None or numbered["stem"] != stem:
            continue
        number = int(numbered["number"])
        if number and (not link.number or (link.number > 1 and link.number - number in (0, 1))):
            found.setdefault(number, link.url)
    return found


def _from_first(links: list[_Link], own: _Name, url: str) -> tuple[str, dict[int, str]] | None:
    further = _further(links, own.stem)
    return (url, further) if further else None


def _from_further(links: list[_Link], own: _Name, url: str) -> tuple[str, dict[int, str]] | None:
    """Read the pager of a part that is not ``ID.html``: ``ID_2.html``, or the first one where that is ``ID_1.html``."""
    numbered = NUMBERED_RE.fullmatch(own.stem)
    if numbered is None or not 0 < int(numbered["number"]) <= PARTS:
        return None
    stem, number = numbered["stem"], int(numbered["number"])
    further = _further(links, stem)
    for link in links:
        if link.name.stem == stem and link.number in (1, -1):
            return link.url, further
    # Without ``ID.html`` the names must be the numbers that the pager calls, and this page's the one it leaves out.
    called = {
        link.number: link.url for link in links if link.name.stem == f"{stem}{numbered['sign']}{link.number}"
    }
    if number in called or (2 if number == 1 else 1) not in called:
        return None
    return called[1] if number > 1 else url, further


def _from_script(tree: HtmlElement, own: _Name, url: str) -> tuple[str, dict[int, str]] | None:
    """Read the paging script: the first part has the bare name, the second ``_1``."""
    for script in tree.iter("script"):
        text = script.text or ""
        if call := TRS_PAGES_RE.search(text):
            total, current, stem, ending = _count(call[1]), _count(call[2]), call[3], call[4]
        elif count := COUNT_RE.search(text):
            at = CURRENT_RE.search(text)
            total, current, ending = int(count[1]), int(at[1]) if at else 0, own.ending
            stem = own.stem.removesuffix(f"_{current}") if current else own.stem
            boxed = any(box.get("id") == "autopage" for box in script.iterancestors())
            if not (boxed or AFFIX_RE.search(text) or f'"{stem}' in text or f"'{stem}" in text):
                continue  # the same variables page comments and pictures
        else:
            continue
        if total < 2 or own.stem != (f"{stem}_{current}" if current else stem):
            continue
        further = {
            number: address
            for number in range(1, total)
            if (address := resolve(f"{stem}_{number}.{ending}", url))
        }
        first = resolve(f"{stem}.{ending}", url) if current else url
        if first:
            return first, further
    return None


def _count(figures: str) -> int:
    """Read a number of pages; no article has more than `PAGES`, whatever its script says."""
    return int(figures) if len(figures) < len(str(PAGES)) else PAGES


class Walk:
    """The way from one page over all parts of its article: `next` names what to ask for, `learn` takes the answer.

    >>> walk = Walk(b'<a href="7_2.html">2</a>', "http://a.cn/b/7.html", None)
    >>> walk.next()
    'http://a.cn/b/7_2.html'
    >>> walk.learn(b'<a href="7.html">1</a> 2 <a href="7_3.html">3</a>', "http://a.cn/b/7_2.html", None)
    >>> walk.next(), walk.next()
    ('http://a.cn/b/7_3.html', None)
    """

    def __init__(self, body: bytes, url: str, content_type: str | None) -> None:
        """Begin at a page as it was answered."""
        pager = _pager_of(body, url, content_type) if may_be_split(body, url) else None
        self.first = pager.first if pager else url
        """The address of the article's first part."""
        self.is_first = same_page(self.first, url)
        """Whether the page is the article's first part, or a whole article."""
        self.known = dict(pager.further) if pager and self.is_first else {}
        """The addresses of the further parts, by the number in their name."""
        self.asked: dict[int, str] = {}

    def next(self) -> str | None:
        """Name the next part to ask for; None where all are asked for that are known, or `PARTS`."""
        left = sorted(set(self.known) - set(self.asked))
        if not left or len(self.asked) >= PARTS - 1:
            return None
        self.asked[left[0]] = self.known[left[0]]
        return self.known[left[0]]

    def learn(self, body: bytes, url: str, content_type: str | None) -> None:
        """Take up what the pager of a further part tells."""
        pager = _pager_of(body, url, content_type)
        if pager and same_page(pager.first, self.first):
            for number, address in pager.further:
                self.known.setdefault(number, address)

    @property
    def rest(self) -> int:
        """How many parts are known and will not be asked for."""
        return len(set(self.known) - set(self.asked))


def _pager_of(body: bytes, url: str, content_type: str | None) -> Pager | None:
    tree = parse_page(decode(body, content_type).text)
    return None if tree is None else find_pager(tree, url)
