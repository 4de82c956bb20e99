"""TRS: statically published portals, such as those of ministries and of many provinces.

A column is a folder; its list is the folder's ``index.html``, further pages are ``index_1.html``, ``index_2.html`` …, which a
script call names: ``createPageHTML(pages, this page from 0, "index", "html")``. Articles are at
``FOLDER/YYYYMM/tYYYYMMDD_ID.html``, the month's folder may be left out.
"""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import quote

from lxml.html import HtmlElement

from crawler.portals import Ask, Channel, Found, Line, Portal, plain
from crawler.portals.listing import (
    PAGES,
    ask_for_lists,
    base_of,
    choose_name,
    day_of,
    find_again,
    is_own,
    links_in,
    name_link,
    name_list,
    number_of,
    origin_of,
    page_key,
    parse_page,
    path_of,
    same_page,
    send_on,
)
from crawler.portals.paging import find_next

COLUMNS = 200
"""Channels that are taken from one page."""
ARTICLE_RE = re.compile(
    r"/(?P<channel>(?:[\w.-]+/){0,12}?)(?:(?:19|20)\d{4}/)?t(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})_\d+\.s?html?"
)
"""The path of an article page."""
CHANNEL_RE = re.compile(r"/(?P<channel>[\w.-]+(?:/[\w.-]+){0,11})/(?:index(?P<page>_\d+)?\.s?html?)?")
"""The path of a list page."""


def first(portal: Portal, channels: tuple[str, ...], since: date | None, until: date | None) -> list[Ask]:
    """Ask for the page of each channel; for the home page where the channels are to be discovered there."""
    return ask_for_lists(portal, channels, list_url)


def list_url(portal: Portal, code: str) -> str:
    """Give the address where a channel's list is: its folder."""
    return f"{origin_of(portal.home)}/{quote(code.strip('/'))}/"


def channel_of(url: str, portal: Portal) -> str | None:
    """Give the channel of an article's address, None where it is not one of this portal's articles.

    >>> import sys
    >>> some = Portal(name="a.gov.cn", platform=sys, hosts=("a.gov.cn",), home="http://a.gov.cn/")
    >>> channel_of("http://a.gov.cn/xwzx/tzgg/202401/t20240118_5791.html", some)
    'xwzx/tzgg'
    >>> channel_of("http://a.gov.cn/xwzx/tzgg/index_1.html", some)
    """
    if not is_own(url, portal):
        return None
    match = ARTICLE_RE.fullmatch(path_of(url))
    return match["channel"].strip("/") if match else None


def date_of(url: str) -> date | None:
    """Give the day that an article's address carries."""
    match = ARTICLE_RE.fullmatch(path_of(url))
    return day_of(match["y"], match["m"], match["d"]) if match else None


def read(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    """Read an answered list page or home page."""
    tree = parse_page(text)
    if tree is None:
        return Found(problems=(f"Found an empty page, wanted links to articles, at {url}",))
    return _read_home(ask, tree, url, portal) if ask.kind == "home" else _read_list(ask, tree, url, portal)


def moved(
    home_text: str, home_url: str, portal: Portal, code: str, name: str | None = None, gone: str | None = None
) -> Ask | None:
    """Find where a channel whose list was not found is linked from the home page now, by folder or else by name.

    `gone` is the address that was asked for in vain; it is not given again.
    """
    lost = gone or list_url(portal, code)
    return find_again(home_text, lambda tree: find_channels(tree, home_url, portal), code, name, lost)


def find_channels(tree: HtmlElement, url: str, portal: Portal) -> list[Channel]:
    """Find the folders with lists that a page leads to, each once, then those of the articles that it shows."""
    channels: dict[str, Channel] = {}
    for channel in plain.find_channels(tree, url, portal):
        match = CHANNEL_RE.fullmatch(path_of(channel.url))
        if match and not match["page"]:
            channels.setdefault(match["channel"], channel._replace(code=match["channel"]))
    for _, target in links_in(tree, base_of(tree, url)):
        if code := channel_of(target, portal):
            channels.setdefault(code, Channel(code, code, list_url(portal, code)))
    return list(channels.values())[:COLUMNS]


def _read_home(ask: Ask, tree: HtmlElement, url: str, portal: Portal) -> Found:
    channels = find_channels(tree, url, portal)
    if not channels:
        return send_on(ask, tree, url, portal) or Found(
            problems=(f"Found neither a folder with a list nor an article tYYYYMMDD_ID.html at {url}",)
        )
    state = tuple(pair for pair in ask.state if pair[0] == "depth")
    return Found(
        asks=tuple(Ask(channel.url, "list", channel.code, (), state) for channel in channels),
        channels=tuple(channels),
    )


def _read_list(ask: Ask, tree: HtmlElement, url: str, portal: Portal) -> Found:
    match = CHANNEL_RE.fullmatch(path_of(url))
    code = ask.channel or (match["channel"] if match else "")
    lines = _find_lines(tree, url, code, portal)
    page = max(number_of(dict(ask.state).get("page")), 1)
    asks: tuple[Ask, ...] = ()
    if page == 1 and "section" not in dict(ask.state):
        asks = _ask_children(tree, url, code, portal) if not lines else ()
    if not lines and not asks:
        return send_on(ask, tree, url, portal) or Found(
            problems=(f"Found no row with a link to an article, wanted tYYYYMMDD_ID.html, at {url}",)
        )
    target, beyond = find_next(tree, url, portal, page + 1)
    problems: tuple[str, ...] = ()
    further: Ask | None = None
    if target and page >= PAGES:
        problems += (f"Found {PAGES} pages of {code}, wanted an end of the list, at {url}",)
    elif target and not same_page(target, url):
        kept = (pair for pair in ask.state if pair[0] == "section")
        further = Ask(target, "list", code, (), (*kept, ("page", page + 1)))
    section = str(dict(ask.state).get("section", "")) or None
    named = (Channel(code, name_list(tree, code), ask.url),) if code and page == 1 and not section else ()
    if section:
        lines = tuple(line._replace(section=section) for line in lines)
    return Found(lines, further if lines else None, asks, named, None, problems, beyond=beyond)


def _find_lines(tree: HtmlElement, url: str, code: str, portal: Portal) -> tuple[Line, ...]:
    """Find the lines of a list page: its rows, and what else leads to articles of the channel or below it."""

    def is_of(target: str) -> bool:
        channel = channel_of(target, portal)
        return channel is not None and f"{channel}/".startswith(f"{code.strip('/')}/")

    rows = plain.find_rows(tree, url, is_of)
    lines = {page_key(line.url): line for line in plain.list_lines(rows, code, None)}
    names: dict[str, list[str]] = {}
    others: dict[str, str] = {}
    for element, target in links_in(tree, base_of(tree, url)):
        if is_of(target) and page_key(target) not in lines:
            names.setdefault(page_key(target), []).append(name_link(element))
            others.setdefault(page_key(target), target)
    for key, target in others.items():
        lines[key] = Line(target, choose_name(names[key]), date_of(target), code)
    return tuple(lines.values())


def _ask_children(tree: HtmlElement, url: str, code: str, portal: Portal) -> tuple[Ask, ...]:
    """Ask for the lists below a folder that has none itself: their lines are sections of its channel."""
    below = [c for c in plain.find_channels(tree, url, portal) if not same_page(c.url, url)]
    folder = f"/{code.strip('/')}/"
    return tuple(
        Ask(channel.url, "list", code, (), (("section", channel.name),))
        for channel in below
        if path_of(channel.url).startswith(folder) and CHANNEL_RE.fullmatch(path_of(channel.url))
    )
