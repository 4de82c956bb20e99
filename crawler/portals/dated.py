"""Dated pages: the site of the Lianyungang Daily group (lyg01.net), whose addresses carry channel and date.

An article is at ``/CHANNEL/SUB/YYYY/MMDD/ID.shtml``. How the list pages look is not known, so nothing is supposed
of them but links of that shape; what stands in one list with such links belongs to the list too.
"""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import quote

from lxml.html import HtmlElement

from crawler.portals import Ask, Channel, Found, Line, Portal
from crawler.portals.listing import (
    MORE_RE,
    PAGES,
    ask_for_lists,
    base_of,
    choose_name,
    day_of,
    find_again,
    is_own,
    links_in,
    name_block,
    name_link,
    name_list,
    number_of,
    origin_of,
    page_key,
    parse_page,
    path_of,
    read_records,
    same_page,
    send_on,
)
from crawler.portals.paging import find_next

ARTICLE_RE = re.compile(
    r"/(?P<channel>[\w-]+(?:/[\w-]+)*)/(?P<y>(?:19|20)\d{2})/(?P<m>\d{2})(?P<d>\d{2})/\d+\.s?html?"
)
"""The path of an article page."""
CHANNEL_RE = re.compile(r"/(?P<channel>[\w-]+(?:/[\w-]+)+)/(?:index(?:_\d+)?\.s?html?)?")
"""The path of a channel page: two or more folders."""
PAGE_RE = re.compile(r"/.+\.s?html?")


def first(portal: Portal, channels: tuple[str, ...], since: date | None, until: date | None) -> list[Ask]:
    """Ask for the page of each channel; for the home page where the channels are to be discovered there."""
    return ask_for_lists(portal, channels, list_url)


def list_url(portal: Portal, code: str) -> str:
    """Give the address where a channel's list is likely to be: its folder."""
    return f"{origin_of(portal.home)}/{quote(code.strip('/'))}/"


def channel_of(url: str, portal: Portal) -> str | None:
    """Give the channel of an article's address, None where it is not one of this portal's articles.

    >>> import sys
    >>> daily = Portal(name="lyg01.net", platform=sys, hosts=("www.lyg01.net", "lyg01.net"),
    ...                home="http://www.lyg01.net/")
    >>> channel_of("http://lyg01.net/news/lygxw/2025/1226/382539.shtml", daily)
    'news/lygxw'
    >>> channel_of("http://www.lyg01.net/news/lygxw/", daily)
    """
    if not is_own(url, portal):
        return None
    match = ARTICLE_RE.fullmatch(path_of(url))
    return match["channel"] if match else None


def date_of(url: str) -> date | None:
    """Give the date that an article's address carries.

    >>> date_of("http://www.lyg01.net/news/lygxw/2018/0105/99496.shtml")
    datetime.date(2018, 1, 5)
    >>> date_of("http://www.lyg01.net/news/lygxw/2018/1305/99496.shtml")
    """
    match = ARTICLE_RE.fullmatch(path_of(url))
    return day_of(match["y"], match["m"], match["d"]) if match else None


def read(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    """Read an answered channel page or home page.

    Article links of other channels are lines of their own channel; links to other pages or sites are lines of the
    asked channel where they stand in one list with articles.
    """
    tree = parse_page(text)
    if tree is None:
        return Found(problems=(f"Found an empty page, wanted links to articles, at {url}",))
    lines = _find_lines(tree, url, ask.channel, portal)
    lists = _find_channels(tree, url, portal) if ask.kind == "home" else []
    if not lines and not lists:
        return send_on(ask, tree, url, portal) or Found(
            problems=(f"Found no link to an article, wanted /CHANNEL/SUB/YYYY/MMDD/ID.shtml, at {url}",)
        )
    if ask.kind == "home":
        known = {channel.code for channel in lists}
        for code in dict.fromkeys(line.channel for line in lines):
            if code and code not in known:
                lists.append(Channel(code, code, list_url(portal, code)))
        asks = tuple(Ask(channel.url, "list", channel.code) for channel in lists)
        return Found(lines, None, asks, tuple(lists))
    code = ask.channel or ""
    problems: list[str] = []
    if not any(line.channel == code for line in lines):
        problems.append(f"Found {len(lines)} lines of other channels, wanted some of {code}, at {url}")
    further: Ask | None = None
    number = number_of(dict(ask.state).get("page", 1)) + 1
    target, beyond = find_next(tree, url, portal, number)
    if target and number > PAGES:
        problems.append(f"Found {PAGES} pages of {code}, wanted an end of the list, at {url}")
    elif target:
        further = Ask(target, "list", ask.channel, (), (("page", number),))
    channels = (Channel(code, name_list(tree, code), ask.url),) if code and number == 2 else ()
    return Found(lines, further, (), channels, None, tuple(problems), beyond=beyond)


def moved(
    home_text: str, home_url: str, portal: Portal, code: str, name: str | None = None, gone: str | None = None
) -> Ask | None:
    """Find where a channel whose list was not found is linked from the home page now, by code or else by name.

    `gone` is the address that was asked for in vain, by default the channel's address by rule; it is not given
    again, but another page name in the same folder is.
    """

    def lists_of(tree: HtmlElement) -> list[Channel]:
        links = ((e, u) for e, u in links_in(tree, base_of(tree, home_url)) if is_own(u, portal))
        return [
            Channel(_code_of(u), name_link(e), u) for e, u in links if not ARTICLE_RE.fullmatch(path_of(u))
        ]

    return find_again(home_text, lists_of, code, name, gone or list_url(portal, code))


def _code_of(url: str) -> str:
    match = CHANNEL_RE.fullmatch(path_of(url))
    return match["channel"] if match else ""


def _find_lines(tree: HtmlElement, url: str, code: str | None, portal: Portal) -> tuple[Line, ...]:
    """Find the lines of a page: links to articles, each once, and what stands in one list with them."""
    base = base_of(tree, url)
    names: dict[str, list[str]] = {}
    found: dict[str, tuple[str, str, date | None]] = {}
    boxes: dict[HtmlElement, None] = {}
    for element, target in links_in(tree, base):
        channel = channel_of(target, portal)
        if channel is not None:
            key = page_key(target)
            names.setdefault(key, []).append(name_link(element))
            found.setdefault(key, (target, channel, date_of(target)))
            for box in element.iterancestors("ul", "ol", "dl", "table"):
                boxes[box] = None
                break
    if code:
        for record in read_records(boxes, base)[0]:
            for link in record.links:
                path = path_of(link.url)
                if is_own(link.url, portal) and (CHANNEL_RE.fullmatch(path) or not PAGE_RE.fullmatch(path)):
                    continue
                key = page_key(link.url)
                names.setdefault(key, []).append(link.title)
                found.setdefault(key, (link.url, code, record.listed))
    return tuple(
        Line(target, choose_name(names[key]), listed, channel)
        for key, (target, channel, listed) in found.items()
    )


def _find_channels(tree: HtmlElement, url: str, portal: Portal) -> list[Channel]:
    """Find the channels that a page links, each once, in the page's order."""
    base = base_of(tree, url)
    seen: dict[str, list[tuple[str, HtmlElement]]] = {}
    for element, target in links_in(tree, base):
        if not is_own(target, portal) or same_page(target, url):
            continue
        code = _code_of(target)
        if code and not re.search(r"_\d+\.s?html?$", target):
            seen.setdefault(code, []).append((target, element))
    channels: list[Channel] = []
    for code, links in seen.items():
        names = [name_link(element) for _, element in links]
        named = [name for name in names if name and len(name) <= 40 and not MORE_RE.fullmatch(name)]
        name = named[0] if named else next((n for _, e in links if (n := name_block(e))), "")
        channels.append(Channel(code, name or code, links[0][0]))
    return channels
