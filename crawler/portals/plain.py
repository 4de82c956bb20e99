"""Plain lists: any page with rows of links, for portals whose platform is not known.

Nothing is supposed of addresses or markup. The links of a page are put into rows (what holds one link and its date)
and the rows into groups (what stands in the page in the same way); the group that looks most like a list of
articles is the list: dates, long titles and addresses with figures speak for it, menus, side columns and footers
against. The general extractor reads the articles. A channel's code is the path of its list page without the leading
slash, with its query; ``/`` is the home page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from urllib.parse import urlsplit
from zlib import crc32

from lxml.html import HtmlElement

from crawler.portals import Ask, Channel, Found, Line, Portal
from crawler.portals.listing import (
    MORE_RE,
    NEXT_RE,
    PAGES,
    ask_for_lists,
    base_of,
    choose_name,
    day_of,
    find_again,
    find_day_in,
    flatten,
    host_of,
    is_day,
    is_own,
    links_in,
    name_block,
    name_link,
    name_list,
    number_of,
    page_key,
    parse_page,
    path_of,
    resolve,
    same_page,
    send_on,
    split_title,
    text_of,
)
from crawler.portals.paging import find_next

LINKS = 8000
"""Links of one page that are looked at."""
ROW_SIZE = 120
"""Elements that a row of a list has at most."""
COLUMNS = 60
"""Channels that are taken from one page."""
LEVELS = 2
"""How far below a channel's page its sub-columns are looked for."""

DATED_RE = re.compile(r"/(?:19|20)\d{2}[-/_.]?(?:0?[1-9]|1[0-2])(?:[-/_.]?\d{1,2})?/")
"""A folder that is a month or a day."""
DAY_RE = re.compile(
    r"(?<!\d)(?P<y>(?:19|20)\d{2})(?:(?P<m>\d{2})(?P<d>\d{2})|[-/_.](?P<m1>\d{1,2})[-/_.]?(?P<d1>\d{1,2}))(?!\d)"
)
"""A day in an address."""
NUMBER_RE = re.compile(r"\d{3}|[0-9a-f]{8}-[0-9a-f]{4}-|(?=[a-z]*\d)[0-9a-f]{16}", re.I)
"""What the name of an article's page has in it: a number or a UUID."""
ARTICLE_FOLDER_RE = re.compile(
    r"/(?:articles?|contents?|details?|archives?|info|show|view|news|posts?)", re.I
)
"""A folder that holds articles, whose pages may have small numbers."""
ARTICLE_QUERY_RE = re.compile(r"(?:^|&)(?:\w{0,20}id|p|no|sn|docid|key)=[\w-]{0,40}\d", re.I)
LIST_RE = re.compile(
    r"(?:index|list|default|node|col|page|more|channel|column|category|lanmu)[_-]?\d{0,9}(?:[_-]\d{1,9})?",
    re.I,
)
"""The name of a page that is rather a list, without its ending."""
LIST_FOLDER_RE = re.compile(r"/(?:list|channels?|columns?|col|category|categories|lanmu|tags?|page)", re.I)
"""A folder that holds lists."""
FILE_RE = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|wps|zip|rar|7z|jpe?g|png|gif|bmp|mp[34]|apk|exe|css|js|xml|rss|json)$", re.I
)
FURNITURE_RE = re.compile(
    r"\b\w*(?:nav|menu|foot|crumb|position|weizhi|friend|yqlj|copyright|pager|pagination|login|toolbar|share)",
    re.I,
)
"""Evidence in an ``id`` or ``class`` that a box is the page's furniture and no list."""
ASIDE_RE = re.compile(
    r"\b\w*(?:side|aside|hot|rank|recommend|relat|banner|swiper|slide|focus|tuijian|xgyd)", re.I
)
"""Evidence in an ``id`` or ``class`` that a list is beside the page's own."""
DETAIL_RE = re.compile(
    r"[\s\[【(<]*(?:阅读全文|阅读更多|查看详情|查看全文|详细内容?|详情|全文|read\s*more|continue reading)[\s\]】)>.…»›]*",
    re.I,
)
"""What a link to an article is called where it does not name it."""
DESK_RE = re.compile(
    r"首\s*页|网站首页|返回.*|登录|注册|邮箱|站点地图|网站地图|联系我们|关于我们|关于本站|版权.*|隐私.*|使用帮助|帮助"
    r"|设为首页|加入收藏|收藏本站|无障碍.*|长者.*|适老.*|关怀版|繁體?体?|简体|English|RSS.*|订阅|搜索|检索|高级搜索|手机版"
    r"|客户端|微信|微博|home|about.*|contact.*|login|sign.*|search|sitemap|privacy.*|terms.*|tags?|上一页|下一页|尾页|末页|更多",
    re.I,
)
"""What links of a page's furniture are called that lead to no list of articles."""
OLDER_RE = re.compile(
    r"[\s«‹<←]*(?:older(?:\s+(?:posts|entries))?|较早的?文章|更早的?文章|之前的文章)[\s»›>→]*", re.I
)
"""What a blog calls the link to its next page."""


class Row(NamedTuple):
    """One row of a page: what holds a link, or a few, and perhaps a date."""

    url: str
    title: str
    listed: date | None
    dated: bool
    """Whether it shows a date, or its address has one; one without a year is none that could be listed."""
    others: tuple[tuple[str, str], ...]
    """Further links to articles in the same row, such as 解读."""


@dataclass
class Group:
    """The rows that stand in a page in the same way."""

    rows: list[Row]
    way: int
    """A digest of the way they stand in, the same on the further pages of a list."""
    furniture: bool
    aside: bool
    folder: str = "/"
    """The folder of the page."""

    @property
    def dated(self) -> float:
        """Give the share of rows that show a date."""
        return sum(row.dated for row in self.rows) / len(self.rows)

    @property
    def shaped(self) -> float:
        """Give the share of rows whose address looks like an article's."""
        return sum(is_article(row.url) for row in self.rows) / len(self.rows)

    @property
    def near(self) -> float:
        """Give the share of rows whose address is below the page's own folder; 0 at the root, where all are."""
        if self.folder == "/":
            return 0
        return sum(path_of(row.url).startswith(self.folder) for row in self.rows) / len(self.rows)

    @property
    def length(self) -> float:
        """Give the mean length of the titles."""
        return sum(min(len(row.title), 60) for row in self.rows) / len(self.rows)

    @property
    def is_list(self) -> bool:
        """Tell whether these are rows of articles at all."""
        if self.dated >= 0.5 and self.length >= 4:
            return len(self.rows) > 1 or (self.shaped > 0 and not self.furniture)
        return not self.furniture and len(self.rows) >= 3 and self.length >= 6 and self.shaped >= 0.6

    @property
    def weight(self) -> float:
        """Say how much a group looks like the list of its page."""
        worth = len(self.rows) * min(self.length, 20) * (self.dated + 0.6 * self.shaped)
        return worth * (0.2 if self.furniture else 1) * (0.4 if self.aside else 1) * (1 + self.near)


def first(portal: Portal, channels: tuple[str, ...], since: date | None, until: date | None) -> list[Ask]:
    """Ask for the page of each channel; for the home page where the channels are to be discovered there."""
    return ask_for_lists(portal, channels, list_url)


def list_url(portal: Portal, code: str) -> str:
    """Give the address of a channel's list: its code is the path."""
    return resolve(code if "://" in code else f"/{code.lstrip('/')}", portal.home) or portal.home


def code_of(url: str, portal: Portal) -> str:
    """Give the code of the channel whose list is at an address: path and query; all of it on another host.

    >>> import sys
    >>> some = Portal(name="a.cn", platform=sys, hosts=("a.cn", "b.a.cn"), home="http://a.cn/")
    >>> code_of("http://a.cn/xwzx/tzgg/", some), code_of("http://a.cn/", some), code_of("http://b.a.cn/x/", some)
    ('xwzx/tzgg/', '/', 'http://b.a.cn/x/')
    >>> code_of("http://a.cn/list.asp?id=3", some)
    'list.asp?id=3'
    """
    if host_of(url).removeprefix("www.") != host_of(portal.home).removeprefix("www."):
        return url.replace(",", "%2C")
    query = _query_of(url)
    code = path_of(url).lstrip("/") + (f"?{query}" if query else "")
    return code.replace(",", "%2C") or "/"


def _query_of(url: str) -> str:
    try:
        return urlsplit(url).query
    except ValueError:
        return ""


def is_article(url: str) -> bool:
    """Tell whether an address looks rather like that of an article than like that of a list.

    >>> is_article("http://a.cn/xw/202401/t20240118_9.html"), is_article("http://a.cn/show.asp?id=12")
    (True, True)
    >>> is_article("http://a.cn/xw/index_2.html"), is_article("http://a.cn/xw/tzgg/"), is_article("http://a.cn/")
    (False, False, False)
    """
    path, query = path_of(url), _query_of(url)
    if len(path) > 1000 or FILE_RE.search(path):
        return False
    folder, _, last = path.rstrip("/").rpartition("/")
    stem = re.sub(r"\.\w{2,5}$", "", last)
    if LIST_RE.fullmatch(stem):
        return bool(ARTICLE_QUERY_RE.search(query[:300])) and stem.lower() in ("index", "default")
    if DATED_RE.search(folder + "/") and not re.fullmatch(r"\d{1,2}", last):
        return True
    asked = bool(ARTICLE_QUERY_RE.search(query[:300]))
    if path.endswith("/") or LIST_FOLDER_RE.fullmatch(folder[folder.rfind("/") :]):
        return asked and path == "/"
    named = ARTICLE_FOLDER_RE.fullmatch(folder[folder.rfind("/") :]) and re.search(r"\d", stem)
    return asked or bool(named or NUMBER_RE.search(stem))


def date_of(url: str) -> date | None:
    """Give the day that an address carries; None where it carries none or only a month.

    >>> date_of("http://a.cn/xw/202401/t20240118_9.html"), date_of("http://a.cn/2024/0118/9.html")
    (datetime.date(2024, 1, 18), datetime.date(2024, 1, 18))
    >>> date_of("http://a.cn/art/2024/1/18/art_1_2.html"), date_of("http://a.cn/xw/20240188.html")
    (datetime.date(2024, 1, 18), None)
    """
    for match in DAY_RE.finditer(path_of(url)[:1000]):
        if found := day_of(match["y"], match["m"] or match["m1"], match["d"] or match["d1"]):
            return found
    return None


def channel_of(url: str, portal: Portal) -> str | None:
    """Give the channel of an article's address: the declared one whose folder it is in, else its first folders.

    >>> import sys
    >>> some = Portal(name="a.cn", platform=sys, hosts=("a.cn",), home="http://a.cn/", channels=("xw/tzgg/index.html",))
    >>> channel_of("http://a.cn/xw/tzgg/202401/t20240118_9.html", some), channel_of("http://a.cn/rs/0118/9321.html", some)
    ('xw/tzgg/index.html', 'rs/')
    >>> channel_of("http://a.cn/xw/tzgg/index.html", some)
    """
    if not is_own(url, portal) or not is_article(url):
        return None
    path = path_of(url).lstrip("/")
    holding = [code for code in portal.channels if path.startswith(_folder_of(code)) and _folder_of(code)]
    if holding:
        return max(holding, key=lambda code: len(_folder_of(code)))
    folders = re.match(r"(?:(?![^/]*\d{2})[^/]+/)*", path)
    return (folders[0] if folders else "") or "/"


def _folder_of(code: str) -> str:
    path = path_of(code).lstrip("/") if "://" in code else code.partition("?")[0].lstrip("/")
    return path.rpartition("/")[0] + "/" if "/" in path else ""


def read(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    """Read an answered list page or home page."""
    tree = parse_page(text)
    if tree is None:
        return Found(problems=(f"Found an empty page, wanted rows of links, at {url}",))
    return _read_home(ask, tree, url, portal) if ask.kind == "home" else _read_list(ask, tree, url, portal)


def moved(
    home_text: str, home_url: str, portal: Portal, code: str, name: str | None = None, gone: str | None = None
) -> Ask | None:
    """Find where a channel whose list was not found is linked from the home page now, by folder or else by name.

    `gone` is the address that was asked for in vain; it is not given again.
    """
    lost, folder = gone or list_url(portal, code), _folder_of(code)
    return find_again(
        home_text,
        lambda tree: find_channels(tree, home_url, portal),
        code,
        name,
        lost,
        lambda other: bool(folder) and _folder_of(other) == folder,
    )


# ---------------------------------------------------------------- pages


def _read_home(ask: Ask, tree: HtmlElement, url: str, portal: Portal) -> Found:
    channels = find_channels(tree, url, portal)
    group = find_group(tree, url)
    own = code_of(portal.home, portal)
    further, _, beyond = go_on(ask, own, tree, url, portal)
    lines: tuple[Line, ...] = ()
    if group and (further or not channels):
        # The home page is a list itself, as a blog's is.
        lines = list_lines(group.rows, own, None)
        further = further._replace(state=(*further.state, ("way", group.way))) if further else None
        others = [channel for channel in channels if channel.code != own]
        channels = [Channel(own, name_list(tree, portal.name), url), *others][:COLUMNS]
    if not lines and not channels:
        return send_on(ask, tree, url, portal) or Found(
            problems=(f"Found neither a menu nor rows of links, wanted links to lists, at {url}",)
        )
    state = tuple(pair for pair in ask.state if pair[0] == "depth")
    asks = tuple(Ask(c.url, "list", c.code, (), state) for c in channels if c.code != own)
    return Found(lines, further if lines else None, asks, tuple(channels), beyond=beyond if lines else None)


def _read_list(ask: Ask, tree: HtmlElement, url: str, portal: Portal) -> Found:
    code = ask.channel or code_of(url, portal)
    state = dict(ask.state)
    section = str(state.get("section", "")) or None
    way = state.get("way")
    group = find_group(tree, url, None, way if isinstance(way, int) else None)
    lines = list_lines(group.rows, code, section) if group else ()
    asks: tuple[Ask, ...] = ()
    level = number_of(state.get("level"))
    further, problem, beyond = go_on(ask, code, tree, url, portal)
    if further and group:
        further = further._replace(state=(*further.state, ("way", group.way)))
    if level < LEVELS and further is None and number_of(state.get("page")) < 2:
        asks = _ask_children(ask, code, level, tree, url, portal)
    if not lines and not asks:
        return send_on(ask, tree, url, portal) or Found(
            problems=(f"Found no rows of links to articles, wanted a list, at {url}",)
        )
    problems = (problem,) if problem and lines else ()
    notes: tuple[str, ...] = ()
    if lines and not any(line.listed for line in lines):
        notes = (f"Found {len(lines)} lines without a whole date, wanted year, month and day, at {url}",)
    named = ask.channel and not section and number_of(state.get("page")) < 2
    channels = (Channel(code, name_list(tree, code), ask.url),) if named else ()
    return Found(
        lines, further if lines else None, asks, channels, None, problems, notes, beyond if lines else None
    )


def list_lines(rows: Iterable[Row], code: str, section: str | None) -> tuple[Line, ...]:
    """Make lines of rows, an address once."""
    lines: dict[str, Line] = {}
    for row in rows:
        for url, title in ((row.url, row.title), *row.others):
            lines.setdefault(page_key(url), Line(url, title, row.listed, code, section))
    return tuple(lines.values())


def go_on(
    ask: Ask, code: str, tree: HtmlElement, url: str, portal: Portal
) -> tuple[Ask | None, str | None, str | None]:
    """Say how the list goes on: 下一页 and its kin, a blog's older posts, the number after this page's.

    Gives besides what is wrong, and what lies beyond: see `Found.problems` and `Found.beyond`.
    """
    page = max(number_of(dict(ask.state).get("page")), 1) + 1
    target, beyond = find_next(tree, url, portal, page)
    target = target or _find_numbered(tree, url, portal, page)
    if target is None or same_page(target, url) or same_page(target, ask.url):
        return None, None, None if target else beyond
    if page > PAGES:
        return None, f"Found {PAGES} pages of {code}, wanted an end of the list, at {url}", None
    kept = (pair for pair in ask.state if pair[0] in ("section", "level"))
    return Ask(target, "list", code, (), (*kept, ("page", page))), None, None


def _find_numbered(tree: HtmlElement, url: str, portal: Portal, page: int) -> str | None:
    """Find the link that is called by the next page's number, or as a blog calls it, and differs from this in figures."""
    base = base_of(tree, url)
    here = re.sub(r"\d+", "", path_of(url)).removesuffix("/")
    stem = re.sub(r"(?:index)?[_-]?(?:\.\w+)?$", "", here)
    for element in tree.iter("a"):
        name = flatten(element.text_content()) if len(element) < 4 else ""
        older = OLDER_RE.fullmatch(name)
        if not older and name.strip("[]【】()（） ") != str(page):
            continue
        target = resolve(element.get("href"), base)
        if not target or not is_own(target, portal) or same_page(target, url):
            continue
        there = re.sub(r"\d+", "", path_of(target)).removesuffix("/")
        if older or (there.startswith(stem) and str(page) in re.findall(r"\d+", target)) or there == here:
            return target
    return None


def _ask_children(
    ask: Ask, code: str, level: int, tree: HtmlElement, url: str, portal: Portal
) -> tuple[Ask, ...]:
    """Ask for the sub-columns of a channel's front page: what its 更多 links lead to, below its own folder."""
    folder = path_of(url).rpartition("/")[0] + "/"
    asks: dict[str, Ask] = {}
    for element, target in _links(tree, base_of(tree, url)):
        if not MORE_RE.fullmatch(text_of(element) or flatten(element.get("title"))):
            continue
        if not is_own(target, portal) or same_page(target, url) or is_article(target):
            continue
        if not path_of(target).startswith(folder) or FILE_RE.search(path_of(target)):
            continue
        state = (("section", name_block(element) or code_of(target, portal)), ("level", level + 1))
        asks.setdefault(page_key(target), Ask(target, "list", code, (), state))
    return tuple(asks.values())[:COLUMNS]


# ---------------------------------------------------------------- channels


def find_channels(tree: HtmlElement, url: str, portal: Portal) -> list[Channel]:
    """Find the lists that a home page leads to: its menu and the 更多 links of its blocks, each once, bounded.

    A menu is what `Group` calls furniture, or three short links and more beside one another; what leads off-site, to
    an article, to a file or to the desk of the site (登录, 网站地图) is no channel.
    """
    base = base_of(tree, url)
    seen: dict[str, tuple[str, str]] = {}
    boxes: dict[HtmlElement | None, list[tuple[str, str]]] = {}
    for element, target in _links(tree, base):
        if not is_own(target, portal) or same_page(target, url) or same_page(target, portal.home):
            continue
        path = path_of(target)
        if FILE_RE.search(path) or is_article(target) or path == "/":
            continue
        name = name_link(element)
        if MORE_RE.fullmatch(name):
            if len(boxes.get(None, ())) < COLUMNS and (block := name_block(element)):
                boxes.setdefault(None, []).append((target, block))
            continue
        if not 1 < len(name) <= 14 or DESK_RE.fullmatch(name) or NEXT_RE.fullmatch(name) or is_day(name):
            continue
        if name.isdigit():
            continue
        box = next((e for e in element.iterancestors("ul", "ol", "nav", "table", "div", "dl")), None)
        boxes.setdefault(box, []).append((target, name))
    for box, links in boxes.items():
        if box is not None and len({page_key(target) for target, _ in links}) < 3 and not _is_menu(box):
            continue
        for target, name in links:
            seen.setdefault(page_key(target), (target, name))
    return [Channel(code_of(target, portal), name, target) for target, name in seen.values()][:COLUMNS]


def _is_menu(box: HtmlElement) -> bool:
    for depth, element in enumerate((box, *box.iterancestors())):
        names = f"{element.get('id') or ''} {element.get('class') or ''}"
        if element.tag == "nav" or re.search(r"nav|menu", names, re.I):
            return True
        if depth == 6:
            break
    return False


def _links(tree: HtmlElement, base: str) -> list[tuple[HtmlElement, str]]:
    """Give the links of a page that are small enough to be one, at most `LINKS`."""
    links: list[tuple[HtmlElement, str]] = []
    for element, target in links_in(tree, base):
        if len(links) >= LINKS:
            break
        if element.tag not in ("body", "html", "form") and _is_small(element):
            links.append((element, target))
    return links


def _is_small(element: HtmlElement) -> bool:
    """Tell whether an element has few enough others in it to be a row or a link."""
    return all(number < ROW_SIZE for number, _ in enumerate(element.iter()))


# ---------------------------------------------------------------- rows


def find_rows(tree: HtmlElement, url: str, own: Callable[[str], bool] | None = None) -> list[Row]:
    """Find the rows of the list of articles that a page is, in the page's order; empty where it has none.

    Where `own` tells addresses of the page's own articles, a group that has some goes before all others.
    """
    group = find_group(tree, url, own)
    return group.rows if group else []


def find_group(
    tree: HtmlElement, url: str, own: Callable[[str], bool] | None = None, way: int | None = None
) -> Group | None:
    """Find the group of rows that is the list of a page: the one in the `way` of its first page, else the weightiest."""
    groups = _group(tree, url)
    chosen = [group for group in groups if group.way == way]
    if own and not chosen:
        chosen = [group for group in groups if any(own(row.url) for row in group.rows)]
    chosen = chosen or [group for group in groups if group.is_list]
    if not chosen:
        return None
    best = max(chosen, key=lambda group: group.weight)
    best.rows = [row for row in best.rows if _belongs(row, best.way == way)]
    return best if best.rows else None


def _belongs(row: Row, known: bool) -> bool:
    """Tell whether a row among rows of articles is one: not 更多, not a page's number, not a way to another list.

    `known`: the group is the list for certain, and a short title without a date is one, too.
    """
    if not row.title or row.title.isdigit() or MORE_RE.fullmatch(row.title) or NEXT_RE.fullmatch(row.title):
        return False
    if row.dated or is_article(row.url):
        return True
    return (known or len(row.title) >= 8) and not path_of(row.url).endswith("/")


def _group(tree: HtmlElement, url: str) -> list[Group]:
    base = base_of(tree, url)
    links = _links(tree, base)
    held = _held(tree, links)
    groups: dict[tuple[str, ...], Group] = {}
    rows: dict[HtmlElement, list[tuple[HtmlElement, str]]] = {}
    for element, target in links:
        if not same_page(target, url):
            rows.setdefault(_holder_of(element, held), []).append((element, target))
    folder = path_of(url).rpartition("/")[0] + "/"
    for holder, group in rows.items():
        row = _make_row(holder, group)
        way = _way_to(holder)
        if way not in groups:
            marks = _matches(holder, FURNITURE_RE, True), _matches(holder, ASIDE_RE)
            groups[way] = Group([], crc32("/".join(way).encode("utf-8", "replace")), *marks, folder)
        groups[way].rows.append(row)
    return list(groups.values())


def _held(tree: HtmlElement, links: list[tuple[HtmlElement, str]]) -> dict[HtmlElement, frozenset[str]]:
    """Tell for each element which addresses it holds, up to four: in one walk, children before parents."""
    keys = {element: page_key(target) for element, target in links}
    held: dict[HtmlElement, frozenset[str]] = {}
    for element in reversed(list(tree.iter())):
        if not isinstance(element.tag, str):
            continue
        own = held.get(element, frozenset())
        if element in keys:
            own |= {keys[element]}
        held[element] = own
        parent = element.getparent()
        if own and parent is not None and len(held.get(parent, ())) < 5:
            held[parent] = held.get(parent, frozenset()) | own
    return held


def _holder_of(element: HtmlElement, held: dict[HtmlElement, frozenset[str]]) -> HtmlElement:
    """Climb from a link to the row that holds it: as long as no other address comes into sight.

    One step further where that is an item, a table row or a line with a few links and one date, for many rows have a
    second link (解读, the name of a column).
    """
    node = element
    while node.tag not in ("li", "tr", "dd", "article"):
        parent = node.getparent()
        if (
            parent is None
            or parent.tag in ("body", "html")
            or len(held[parent]) != 1
            or not _is_small(parent)
        ):
            break
        node = parent
    for steps, outer in enumerate(node.iterancestors(), 1):
        if (
            steps > 3
            or not 1 <= len(held[outer]) <= 3
            or not _is_small(outer)
            or node.tag in ("li", "tr", "article")
        ):
            break
        if outer.tag in ("li", "tr", "article") or (
            len(held[outer]) > 1 and sum(is_day(text_of(e)) for e in outer if isinstance(e.tag, str)) == 1
        ):
            return outer
    return node


def _make_row(holder: HtmlElement, links: list[tuple[HtmlElement, str]]) -> Row:
    names: dict[str, list[str]] = {}
    for element, target in links:
        names.setdefault(target, []).append(name_link(element))
    own = {element for element, _ in links}
    listed = find_day_in(holder, own)
    dated = listed is not None or any(
        is_day(text_of(e)) for e in holder.iter() if isinstance(e.tag, str) and e not in own
    )
    titles: dict[str, str] = {}
    for target, some in names.items():
        title = choose_name([name for name in some if not DETAIL_RE.fullmatch(name) and not is_day(name)])
        if listed is None and title:
            title, day = split_title(title)
            listed, dated = day, dated or day is not None
        titles[target] = title
    main = max(titles, key=lambda target: (is_article(target), len(titles[target])))
    if not titles[main]:
        heads = [text_of(e) for e in holder.iter("h1", "h2", "h3", "h4", "h5", "strong", "b")]
        titles[main] = next((head for head in heads if head and not is_day(head)), "")
    if listed is None:
        listed = date_of(main)
    others = tuple(
        (target, title)
        for target, title in titles.items()
        if target != main and title and is_article(target) and not title.isdigit()
    )
    return Row(main, titles[main], listed, dated or listed is not None, others)


def _way_to(holder: HtmlElement) -> tuple[str, ...]:
    """Describe how a row stands in its page: its tag, and the tags and classes of what it stands in."""
    way = [str(holder.tag)]
    for depth, element in enumerate(holder.iterancestors()):
        names = " ".join(sorted((element.get("class") or "").split()))
        way.append(f"{element.tag}.{re.sub(r'[0-9]+', '', names)}")
        if depth == 7:
            break
    return tuple(way)


def _matches(holder: HtmlElement, sign: re.Pattern[str], tags: bool = False) -> bool:
    """Tell whether one of the boxes around a row is marked so."""
    for depth, element in enumerate(holder.iterancestors()):
        if element.tag in ("body", "html") or depth > 12:
            return False
        if (tags and element.tag in ("nav", "header", "footer")) or (not tags and element.tag == "aside"):
            return True
        if sign.search(f"{element.get('id') or ''} {element.get('class') or ''}"):
            return True
    return False
