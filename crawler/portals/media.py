"""Media e-papers: the printed Lianyungang Daily, page by page.

An issue is at ``/Media/PAPER/YYYY-MM-DD`` and lists its printed pages (editions 版面); each edition lists its
articles. A day without an issue does not answer 200.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from urllib.parse import quote, unquote
from zoneinfo import ZoneInfo

from lxml.html import HtmlElement

from crawler.portals import Ask, Channel, Found, Line, Portal
from crawler.portals.listing import (
    base_of,
    choose_name,
    day_of,
    flatten,
    is_own,
    links_in,
    name_link,
    origin_of,
    page_key,
    parse_page,
    path_of,
    resolve,
    text_of,
)

PATH = "/Media/lygrb"
"""The folder of the paper's issues, where neither the options nor the home of a portal tell another."""
LINKS = 50
"""So many links of an edition's item are looked at: it has one or two."""
DAYS = 7
"""Issues asked for where no days are named."""
ZONE = ZoneInfo("Asia/Shanghai")
DAY_RE = re.compile(r"/(?P<y>(?:19|20)\d{2})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?=/|$)")
"""The folder of an issue in an address."""
EDITION_RE = re.compile(r"第?\s*([A-Za-z]?)\s*0*(\d{1,3})\s*版?(?=\D|$)")
"""What an edition is called: 第01版, A01版, 01."""
CODE_RE = re.compile(r"([A-Za-z]?)0*(\d{1,3})")
FILE_RE = re.compile(r"\.(?:pdf|jpe?g|png|gif|css|js|zip|mp3|mp4)$", re.I)


def first(
    portal: Portal,
    channels: tuple[str, ...],
    since: date | None,
    until: date | None,
    today: date | None = None,
) -> list[Ask]:
    """Ask for one issue a day, the newest first: from `since` to `until`, else the last days.

    The option ``days`` says how many days (7), ``paper`` which paper's issues (else the home's). `today` is the day in Shanghai, or
    the option ``today`` (YYYY-MM-DD). Codes of editions in `channels` take only those.
    """
    last = until or today or _option_day(portal) or datetime.now(ZONE).date()
    days = portal.options.get("days", "")
    number = int(days) if re.fullmatch(r"[1-9]\d{0,4}", days) else DAYS
    start = since or last - timedelta(days=min(number, last.toordinal()) - 1)
    want = ",".join(channels or portal.channels)
    asks: list[Ask] = []
    for back in range((last - start).days + 1):
        day = (last - timedelta(days=back)).isoformat()
        state = (("issue", day), ("want", want)) if want else (("issue", day),)
        asks.append(Ask(f"{origin_of(portal.home)}{_folder(portal)}/{day}", "issue", None, (), state))
    return asks


def channel_of(url: str, portal: Portal) -> str | None:
    """Give the edition that an article's address names, None where it is not an article of this paper.

    The form of these addresses is not proven: below the issue's day, what stands first names the edition. Where
    that is the article alone, the channel is empty.

    >>> import sys
    >>> paper = Portal(name="lygrbepaper.lygfb.cn", platform=sys, hosts=("lygrbepaper.lygfb.cn",),
    ...                home="http://lygrbepaper.lygfb.cn/")
    >>> channel_of("http://lygrbepaper.lygfb.cn/Media/lygrb/2024-01-18/A1/31205", paper)
    'A01'
    >>> channel_of("http://lygrbepaper.lygfb.cn/Media/lygrb/2024-01-18", paper)
    """
    if not is_own(url, portal):
        return None
    path = path_of(url)
    match = DAY_RE.search(path)
    if not match or FILE_RE.search(path):
        return None
    folders = [unquote(part) for part in path[match.end() :].split("/") if part]
    return code_of("", folders[0]) if len(folders) > 1 else None


def code_of(name: str, last: str = "", place: int = 0) -> str:
    """Give an edition's code: the number in its address, else in its name, else its place among the editions.

    Letters are upper case and numbers have two figures, so that a code is the same from day to day.

    >>> code_of("第01版：要闻"), code_of("A2版 民生"), code_of("要闻", "3"), code_of("要闻", "x8323", 4)
    ('01', 'A02', '03', '04')
    """
    stem = re.sub(r"\.s?html?$", "", last)
    found = CODE_RE.fullmatch(stem) or EDITION_RE.match(name.strip())
    if found:
        return f"{found[1].upper()}{int(found[2]):02}"
    return f"{place:02}" if place else stem


def read(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    """Read an answered issue or edition."""
    tree = parse_page(text)
    if tree is None:
        return Found(problems=(f"Found an empty page, wanted an issue of the paper, at {url}",))
    state = dict(ask.state)
    asked = _day(str(state.get("issue", ""))) or _day_of(ask.url)
    shown = _day_of(url)
    if asked and shown and asked != shown:
        return Found(problems=(f"Found the issue of {shown}, wanted that of {asked}, at {url}",))
    issue = asked or shown
    if ask.kind == "edition":
        return _read_edition(ask, tree, url, issue, portal)
    want = {code for code in str(state.get("want", "")).split(",") if code}
    base = base_of(tree, url)
    editions = [(Channel(c.code, c.name, c.url), e) for c, e in _find_editions(tree, base, portal)]
    if not editions:
        lines = _article_lines(tree, base, "01", "", issue, portal, set())
        problem = f"Found no edition, wanted li.item with a link, at {url}"
        return Found(lines, problems=(problem,))
    taken = [channel for channel, _ in editions if not want or channel.code in want]
    shown_now = _open_edition(editions, url)
    addresses = {page_key(channel.url) for channel, _ in editions}
    lines = ()
    attachments: tuple[tuple[str, str], ...] = ()
    if shown_now in taken:
        lines = _article_lines(
            tree, base, shown_now.code, shown_now.name, issue, portal, addresses, strict=True
        )
        attachments = _find_files(tree, base, shown_now.name)
    asks = tuple(
        Ask(channel.url, "edition", channel.code, (), _state(issue, channel.name))
        for channel in taken
        if page_key(channel.url) != page_key(url)
    )
    missed = sorted(want - {channel.code for channel in taken})
    problems = [f"Found no edition {code}, wanted one, at {url}" for code in missed]
    return Found(lines, None, asks, tuple(taken), None, tuple(problems), attachments=attachments)


def _read_edition(ask: Ask, tree: HtmlElement, url: str, issue: date | None, portal: Portal) -> Found:
    base = base_of(tree, url)
    code = ask.channel or ""
    name = str(dict(ask.state).get("name", "")) or code
    others = {page_key(channel.url) for channel, _ in _find_editions(tree, base, portal)} | {page_key(url)}
    lines = _article_lines(tree, base, code, name, issue, portal, others, strict=True)
    problems: tuple[str, ...] = ()
    if not lines:
        lines = _article_lines(tree, base, code, name, issue, portal, others)
        rest = f"{len(lines)} links below the issue" if lines else "no article"
        problems = (f"Found {rest}, wanted li.item2-menu-item with a link, at {url}",)
    return Found(lines, problems=problems, attachments=_find_files(tree, base, name))


def _folder(portal: Portal) -> str:
    if paper := portal.options.get("paper"):
        return f"/Media/{quote(paper, safe='')}"
    path = "/" + path_of(portal.home).strip("/")
    return path if path != "/" else PATH


def _option_day(portal: Portal) -> date | None:
    return _day(portal.options.get("today", ""))


def _day(text: str) -> date | None:
    match = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text)
    return day_of(*match.groups()) if match else None


def _day_of(url: str) -> date | None:
    match = DAY_RE.search(path_of(url))
    return day_of(match["y"], match["m"], match["d"]) if match else None


def _state(issue: date | None, name: str) -> tuple[tuple[str, str | int], ...]:
    state: list[tuple[str, str | int]] = [("issue", issue.isoformat())] if issue else []
    return (*state, ("name", name))


def _having(tree: HtmlElement, tag: str, name: str) -> list[HtmlElement]:
    """Find the elements of a tag that have a class."""
    return [e for e in tree.iter(tag) if name in (e.get("class") or "").split()]


def _find_editions(tree: HtmlElement, base: str, portal: Portal) -> list[tuple[Channel, HtmlElement]]:
    """Find the editions that a page lists, each with its element."""
    editions: dict[str, tuple[Channel, HtmlElement]] = {}
    for place, item in enumerate(_having(tree, "li", "item"), 1):
        inside = list(islice(links_in(item, base), LINKS))
        own = [(e, u) for e, u in inside if e.getparent() is item] or inside
        own = [(e, u) for e, u in own if is_own(u, portal)]
        if not own:
            continue
        element, target = own[0]
        boxes = _having(item, "div", "titlebox")
        name = next((text_of(span) for box in boxes for span in box.iter("span") if text_of(span)), "")
        name = name or next((text_of(box) for box in boxes if text_of(box)), "") or name_link(element)
        last = path_of(target).rstrip("/").rpartition("/")[2]
        code = code_of(name, "" if DAY_RE.search(f"/{last}") else last, place)
        editions.setdefault(page_key(target), (Channel(code, name or code, target), item))
    return list(editions.values())


def _open_edition(editions: list[tuple[Channel, HtmlElement]], url: str) -> Channel:
    """Tell which edition a page shows: the one it has the address of, the one marked, else the first."""
    for channel, _ in editions:
        if page_key(channel.url) == page_key(url):
            return channel
    for channel, item in editions:
        if {"active", "on", "cur", "current", "selected"} & set((item.get("class") or "").split()):
            return channel
    return editions[0][0]


def _article_links(tree: HtmlElement, base: str, strict: bool) -> Iterator[tuple[HtmlElement, str]]:
    if not strict:
        yield from links_in(tree, base)
        return
    items = dict.fromkeys(_having(tree, "li", "item2-menu-item"))
    for item in items:
        if not any(outer in items for outer in item.iterancestors()):  # which has been read with this one
            yield from links_in(item, base)


def _article_lines(
    tree: HtmlElement,
    base: str,
    code: str,
    name: str,
    issue: date | None,
    portal: Portal,
    others: set[str],
    strict: bool = False,
) -> tuple[Line, ...]:
    """Make lines of an edition's articles; not `strict`: of every page below the issue's folder."""
    names: dict[str, list[str]] = {}
    addresses: dict[str, str] = {}
    for element, target in _article_links(tree, base, strict):
        key = page_key(target)
        if key in others:
            continue
        if not strict:
            path = path_of(target)
            match = DAY_RE.search(path)
            if (
                not is_own(target, portal)
                or not match
                or not path[match.end() :].strip("/")
                or FILE_RE.search(path)
            ):
                continue
        names.setdefault(key, []).append(name_link(element))
        addresses.setdefault(key, target)
    return tuple(
        Line(target, choose_name(names[key]), issue, code, name or None) for key, target in addresses.items()
    )


def _find_files(tree: HtmlElement, base: str, name: str) -> tuple[tuple[str, str], ...]:
    """Find the PDF of a printed page."""
    files: dict[str, str] = {}
    for item in tree.xpath("//*[@id='pdf_toolbar']"):
        for link in item.iter("a"):
            if target := resolve(link.get("href"), base):
                files.setdefault(target, flatten(f"{name} {text_of(link)}"))
    return tuple(files.items())
