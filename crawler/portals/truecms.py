"""TrueCMS: the portals of Lianyungang's government and its bureaus, also those of Nantong, Haimen and Qidong.

A list page carries its newest records hidden in ``#initData``; the rest comes from ``getMessage.do``. What the
page says about itself (its column id, its number of records, the path of the call) is read before anything is
supposed. Where the records are written differently from column to column, `listing.read_records` copes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from copy import deepcopy
from datetime import date
from html import unescape
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urljoin, urlsplit
from zlib import crc32

from lxml.html import HtmlElement

from crawler.portals import Ask, Channel, Found, Line, Portal
from crawler.portals.listing import (
    DEPTH,
    MORE_RE,
    NOTE_RE,
    PAGES,
    Record,
    base_of,
    find_again,
    flatten,
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

SIZE = 50
"""Records asked for with one call: clients ask for 30 to 50, and 100 have been seen to bring nothing."""
OVERLAP = 3
"""Records asked for twice from call to call: some servers count from 0, others from 1, and a story taken down
between two calls moves all later ones up by one."""

ARTICLE_RE = re.compile(
    r"/(?:[\w.-]+/)*?(?P<channel>[\w-]+)/content/"
    r"(?:[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"  # a UUID
    r"|[0-9A-F]{34}"
    r"|[A-Za-z]+_[0-9A-Fa-f]{32}"  # zwgk_…
    r"|(?=[\w-]*\d)[\w-]{16,}"  # kinds to come: long, with figures
    r")\.s?html?"
)
"""The path of an article page."""
LIST_RE = re.compile(
    r"/(?:(?P<site>[\w-]+)/(?:[\w-]+/)*)?(?P<code>[\w-]+)/(?:(?P=code)|(?P<index>index))\.s?html?"
)
"""The path of a list page: a column's code twice, or its index page."""
CONTAINERS = (
    "ul.xxgk-list-con",
    "ul.list-ul",
    "li.main-list-li",
    "ul#msg",
    "ul.list_page",
    "ul.right_news_list",
    "ul.container-main-body",
    "div#msgList",
    "ul#msgList",
)
"""Where the records have been seen on pages without ``#initData``, in this order."""
FURNITURE_RE = re.compile(r"nav|menu|head|foot|crumb|position|weizhi|top|friend|yqlj|copyright", re.I)
"""Evidence in an ``id`` or ``class`` that a box is the page's furniture and no list."""

COLUMN_RE = re.compile(r"columnId['\"]?\s*[:=]\s*['\"]?([0-9A-Za-z_-]{8,64})")
TOTAL_RE = re.compile(r"totalRecord['\"]?\s*[:=]\s*['\"]?(\d{1,9})|<totalrecord>\s*(\d{1,9})", re.I)
PROXY_RE = re.compile(r"proxyUrl['\"]?\s*[:=]\s*['\"]([^'\"]+)['\"]")
PARAMETERS_RE = re.compile(r"ajaxParam['\"]?\s*:\s*\{([^{}]*)\}")
PARAMETER_RE = re.compile(r"['\"]?(\w+)['\"]?\s*:\s*(?:'([^']*)'|\"([^\"]*)\"|(\d+))")
RECORD_RE = re.compile(r"<record\b[^<>]*>", re.I)
OVER_RE = re.compile(r"</record\s*>", re.I)
CDATA_RE = re.compile(r"\s*<!\[CDATA\[(.*)\]\]>\s*", re.S)


class Facts(NamedTuple):
    """What the script of a list page says about the list."""

    column: str | None
    total: int | None
    path: str | None
    """The path of the call that brings further records."""
    extra: tuple[tuple[str, str], ...] = ()
    """What the call wants besides."""


def first(portal: Portal, channels: tuple[str, ...], since: date | None, until: date | None) -> list[Ask]:
    """Ask for the list of each channel; for the home page where the channels are to be discovered there.

    A portal without a site code and without channels of its own is asked for its home page even where channels
    are named: only that page tells the paths of its columns.
    """
    codes = channels or portal.channels
    if codes and (portal.channels or portal.site):
        return [Ask(list_url(portal, code), "list", code) for code in codes]
    state: tuple[tuple[str, str | int], ...] = (("want", ",".join(codes)),) if codes else ()
    return [Ask(portal.home, "home", None, (), state)]


def list_url(portal: Portal, code: str) -> str:
    """Give the address where a channel's list is by rule. A code may carry a query: ``zfwj?id=2``."""
    name, mark, query = code.partition("?")
    name = quote(name, safe="")
    folder = f"{quote(portal.site, safe='')}/" if portal.site else ""
    return f"{origin_of(portal.home)}/{folder}{name}/{name}.html{mark}{query}"


def channel_of(url: str, portal: Portal) -> str | None:
    """Give the channel of an article's address, None where it is not one of this portal's articles.

    >>> import sys
    >>> lyg = Portal(name="lyg.gov.cn", platform=sys, hosts=("www.lyg.gov.cn",), home="https://www.lyg.gov.cn/")
    >>> channel_of("https://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/f7749317-2a0e-4fa4-83f2-a9338d401663.html", lyg)
    'gcyw'
    >>> channel_of("https://www.lyg.gov.cn/zglygzfmhwz/gcyw/gcyw.html", lyg)
    >>> channel_of("https://other.example/gcyw/content/f7749317-2a0e-4fa4-83f2-a9338d401663.html", lyg)
    """
    if not is_own(url, portal):
        return None
    match = ARTICLE_RE.fullmatch(path_of(url))
    return match["channel"] if match else None


def read(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    """Read an answered list page, a further page of records, or a home page."""
    if ask.kind == "more":
        return _read_more(ask, text, url, portal)
    tree = parse_page(text)
    if tree is None:
        return Found(problems=(f"Found an empty page, wanted a list of records, at {url}",))
    if ask.kind == "home":
        return _read_home(ask, tree, url, portal)
    return _read_list(ask, tree, url, portal)


def missing(ask: Ask, seen: int) -> str | None:
    """Say in one sentence what stays out when a call for further records is not answered.

    `ask` is the call, `seen` the number of lines that the list has given so far. None where nothing is known to
    be missing.
    """
    total = dict(ask.state).get("total")
    if ask.kind != "more" or (isinstance(total, int) and seen >= total):
        return None
    return (
        f"Found the first {seen} lines of {ask.channel}, wanted {total if total is not None else 'all'}: "
        f"no answer with further records at {ask.url}"
    )


def moved(
    home_text: str, home_url: str, portal: Portal, code: str, name: str | None = None, gone: str | None = None
) -> Ask | None:
    """Find where a channel whose list was not found is linked from the home page now, by code or else by name.

    `gone` is the address that was asked for in vain, by default the channel's address by rule; it is not given
    again.
    """
    lost = gone or list_url(portal, code)
    return find_again(
        home_text,
        lambda tree: _find_lists(tree, home_url, portal, lost),
        code,
        name,
        lost,
        lambda other: code in (other, other.partition("?")[0]),
    )


# ---------------------------------------------------------------- home pages


def _find_lists(tree: HtmlElement, url: str, portal: Portal, gone: str | None = None) -> list[Channel]:
    """Find the columns that a page links, each once, in the page's order; links to `gone` do not count."""
    base = base_of(tree, url)
    seen: dict[str, list[tuple[str, HtmlElement]]] = {}
    sites = {portal.site} if portal.site else set()
    shapes: dict[str, re.Match[str]] = {}
    for element, target in links_in(tree, base):
        if not is_own(target, portal) or (gone and same_page(target, gone)):
            continue
        path = path_of(target)
        if match := LIST_RE.fullmatch(path):
            if match["site"]:
                sites.add(match["site"])
            query = urlsplit(target).query
            code = match["code"] + (f"?{query}" if query else "")
            shapes.setdefault(code, match)
            seen.setdefault(code, []).append((target, element))
        elif channel_of(target, portal) and path.count("/") > 3:
            sites.add(path.split("/")[1])
    if (parts := path_of(url).strip("/").split("/"))[0] and len(parts) <= 2:
        sites.add(parts[0].partition(".")[0])
    lists: list[Channel] = []
    for code, found in seen.items():
        match = shapes[code]
        if match["code"] == "content" or (match["site"] is None and match["code"] in sites):
            continue  # a site's own front page has the shape of a column
        names = [name_link(element) for _, element in found]
        named = [name for name in names if name and len(name) <= 40 and not MORE_RE.fullmatch(name)]
        name = named[0] if named else next((n for _, e in found if (n := name_block(e))), "")
        lists.append(Channel(code, name or code, found[0][0]))
    return lists


def _read_home(ask: Ask, tree: HtmlElement, url: str, portal: Portal) -> Found:
    want = [code for code in str(dict(ask.state).get("want", "")).split(",") if code]
    lists = _find_lists(tree, url, portal, str(dict(ask.state).get("gone", "")) or None)
    if portal.site:
        lists = [c for c in lists if f"/{portal.site}/" in path_of(c.url)] or lists
    articles: dict[str, list[tuple[str, str]]] = {}
    for element, target in links_in(tree, base_of(tree, url)):
        if code := channel_of(target, portal):
            articles.setdefault(code, []).append((target, name_link(element)))
    if not lists and not articles:
        return send_on(ask, tree, url, portal) or Found(
            problems=(f"Found a page without a link to a column, wanted COL/COL.html, at {url}",)
        )
    known = dict.fromkeys(channel.code.partition("?")[0] for channel in lists)
    lines: list[Line] = []
    for code, links in articles.items():
        if code in known:
            continue
        # The front page shows stories of a column that it does not link: its list is where the platform
        # puts it, and these stories are listed here in case it is not.
        folder = links[0][0].partition("/content/")[0]
        lists.append(Channel(code, code, f"{folder}/{code}.html"))
        known[code] = None
        if not want or code in want:
            titles: dict[str, str] = {}
            for target, title in links:
                titles[target] = max(titles.get(target, ""), title, key=len)
            lines += [Line(target, title, None, code) for target, title in titles.items()]
    problems: list[str] = []
    if want:
        lists = [channel for channel in lists if channel.code in want]
        here = {channel.code for channel in lists}
        problems = [
            f"Found no link to the column {code}, wanted one, at {url}" for code in want if code not in here
        ]
    state = (("known", ",".join(known)), *(pair for pair in ask.state if pair[0] == "depth"))
    asks = tuple(Ask(channel.url, "list", channel.code, (), state) for channel in lists)
    return Found(tuple(lines), None, asks, tuple(lists), None, tuple(problems))


# ---------------------------------------------------------------- list pages


def read_facts(tree: HtmlElement, url: str) -> Facts:
    """Read what the script of a list page says: column id, number of records, path of the call.

    An address on an internal host counts with its path only.
    """
    script = "\n".join(e.text or "" for e in tree.iter("script"))
    script = NOTE_RE.sub("", script)
    column = COLUMN_RE.search(script)
    totals = [m[1] or m[2] for m in TOTAL_RE.finditer(script)]
    proxy = PROXY_RE.search(script)
    path: str | None = None
    if proxy and "$" not in proxy[1]:
        try:
            path = path_of(urljoin(url, flatten(proxy[1])))
        except ValueError:
            path = None
    known = {"columnid", "startrecord", "endrecord", "perpage", "contenttemplate", "callback"}
    extra = [
        (name, one or two or number)
        for body in PARAMETERS_RE.findall(script)[:1]
        for name, one, two, number in PARAMETER_RE.findall(body)
        if name.lower() not in known
    ]
    return Facts(
        column[1] if column else None,
        int(totals[0]) if totals else None,
        path if path and path.endswith(".do") and re.match("/[^/]", path) else None,
        tuple(extra),
    )


def _read_list(ask: Ask, tree: HtmlElement, url: str, portal: Portal) -> Found:
    code = ask.channel or _code_of(url) or ""
    if code and same_page(url, portal.home) and not same_page(url, ask.url):
        further = _ask_home(ask, url, ask.url)
        return _read_home(further, tree, url, portal) if further else _in_circles(ask, url)
    base = base_of(tree, url)
    facts = read_facts(tree, url)
    section = str(dict(ask.state).get("section", "")) or None
    problems: list[str] = []
    notes: list[str] = []
    boxes = tree.xpath("//*[@id='initData']")
    records, blanks = read_records(_open(boxes), base)
    children: list[Channel] = []
    if not records:
        records, where = _fall_back(tree, base, code, portal)
        if not records and not boxes and facts.column is None:
            children = _find_children(tree, url, ask, portal)
            if not children and (sent := send_on(ask, tree, url, portal)):
                if code and sent.asks and same_page(sent.asks[0].url, portal.home):
                    further = _ask_home(ask, sent.asks[0].url, url)
                    return Found(asks=(further,)) if further else _in_circles(ask, url)
                return sent
        if records:
            there = "#initData empty and records" if boxes else "records"
            notes.append(f"Found {there} in {where}, wanted them in #initData, at {url}")
        elif (not children or section) and facts.total != 0:
            told = "no total" if facts.total is None else f"a total of {facts.total}"
            problems.append(f"Found no record and {told}, wanted a list, at {url}")
    elif all(_is_list(record.links[0].url, portal) for record in records):
        children = [
            Channel(_code_of(record.links[0].url) or "", record.links[0].title, record.links[0].url)
            for record in records
            if not same_page(record.links[0].url, url)
        ]
    if children and section is None:
        return Found(asks=tuple(_ask_child(code, child) for child in children))
    if blanks:
        problems.append(
            f"Found {blanks} of {len(records) + blanks} records without a link that leads anywhere, "
            f"wanted an address in href or onclick, at {url}"
        )
    lines = _list_lines(records, code, section, portal)
    if lines and not any(line.listed for line in lines):
        notes.append(f"Found {len(lines)} lines without a whole date, wanted year, month and day, at {url}")
    further, problem, beyond = _go_on(ask, code, facts, len(records) + blanks, tree, url, portal)
    problems += [problem] if problem else []
    named = (Channel(code, name_list(tree, code), ask.url),) if code and lines and section is None else ()
    return Found(lines, further, (), named, facts.total, tuple(problems), tuple(notes), beyond)


def _ask_home(ask: Ask, home: str, gone: str) -> Ask | None:
    """Ask the home page where a list is that sent its reader there instead of answering; None in a circle."""
    depth = number_of(dict(ask.state).get("depth")) + 1
    state = (("want", ask.channel or _code_of(gone) or ""), ("gone", gone), ("depth", depth))
    return Ask(home, "home", None, (), state) if depth <= DEPTH else None


def _in_circles(ask: Ask, url: str) -> Found:
    return Found(problems=(f"Found the home page again instead of {ask.url}, wanted a list, at {url}",))


def _open(boxes: Iterable[HtmlElement]) -> list[HtmlElement]:
    """Give the boxes of the records; markup kept as text (in a script or textarea) is parsed."""
    opened: list[HtmlElement] = []
    for box in boxes:
        inner = [box, *box.iter("script", "textarea", "template")]
        kept = "".join(e.text or "" for e in inner if "<li" in (e.text or "") or "<a " in (e.text or ""))
        page = parse_page(f"<div>{kept}</div>") if kept else None
        opened.append(box if page is None else page)
    return opened


def _fall_back(tree: HtmlElement, base: str, code: str, portal: Portal) -> tuple[list[Record], str]:
    """Read the records of a page that has none in ``#initData``, and say where they were."""
    for container in CONTAINERS:
        boxes = _find_boxes(tree, container)
        records, _ = read_records(boxes, base)
        if any(
            record.listed or any(channel_of(link.url, portal) for link in record.links) for record in records
        ):
            return records, container
    return _read_by_shape(tree, base, code, portal), "links of the article shape"


def _find_boxes(tree: HtmlElement, container: str) -> list[HtmlElement]:
    """Find the elements that one of `CONTAINERS` names: a tag with a class or an id."""
    tag, mark, name = re.split(r"([.#])", container)
    if mark == "#":
        return [e for e in tree.iter(tag) if e.get("id") == name]
    return [e for e in tree.iter(tag) if name in (e.get("class") or "").split()]


def _read_by_shape(tree: HtmlElement, base: str, code: str, portal: Portal) -> list[Record]:
    """Read the records that hold links of the article shape: those of the column's own and what stands with them."""
    homes: dict[HtmlElement, bool] = {}
    for element, url in links_in(tree, base):
        channel = channel_of(url, portal)
        if channel is None:
            continue
        holder = next((e for e in element.iterancestors() if e.tag in ("ul", "ol", "table", "dl")), None)
        if holder is None:
            holder = next((e for e in element.iterancestors() if e.tag == "div"), element)
        homes[holder] = homes.get(holder, False) or channel == code
    return read_records([box for box, own in homes.items() if own] or homes, base)[0]


def _list_lines(
    records: Iterable[Record], code: str, section: str | None, portal: Portal
) -> tuple[Line, ...]:
    """Make lines of records: each link that is not merely another way to a list is one, an address once."""
    lines: dict[str, Line] = {}
    for record in records:
        links = [link for link in record.links if not _is_list(link.url, portal)] or list(record.links[:1])
        for link in links:
            key = page_key(link.url)
            if key not in lines:
                lines[key] = Line(link.url, link.title, record.listed, code, section)
    return tuple(lines.values())


def _is_list(url: str, portal: Portal) -> bool:
    return is_own(url, portal) and LIST_RE.fullmatch(path_of(url)) is not None


def _code_of(url: str) -> str | None:
    """Give the code of the column that a list page's address names."""
    match = LIST_RE.fullmatch(path_of(url))
    return match["code"] if match else None


def _find_children(tree: HtmlElement, url: str, ask: Ask, portal: Portal) -> list[Channel]:
    """Find the columns that a page without records lists, its furniture left aside.

    Columns that are asked for anyway, or on request only, are not below this one.
    """
    known = {ask.channel, _code_of(url), *portal.channels, *portal.on_request}
    known.update(str(dict(ask.state).get("known", "")).split(","))
    page = deepcopy(tree)
    for element in list(page.iter()):
        if not isinstance(element.tag, str) or element.tag in ("html", "body"):
            continue
        names = f"{element.get('id') or ''} {element.get('class') or ''}"
        if element.tag in ("nav", "header", "footer") or FURNITURE_RE.search(names):
            element.clear(keep_tail=True)  # to take it out would join texts that lxml may refuse to write
    return [child for child in _find_lists(page, url, portal) if child.code not in known]


def _ask_child(code: str, child: Channel) -> Ask:
    """Ask for the list of a column below one that has no list itself: its lines are a section of that channel."""
    return Ask(child.url, "list", code, (), (("section", child.name or child.code),))


def _go_on(
    ask: Ask, code: str, facts: Facts, count: int, tree: HtmlElement, url: str, portal: Portal
) -> tuple[Ask | None, str | None, str | None]:
    """Say how the list goes on after its first screen: the call for more, or a page that the list links.

    Gives besides what is wrong, and what lies beyond: see `Found.problems` and `Found.beyond`.
    """
    if facts.total is not None and count >= facts.total:
        return None, None, None
    if facts.column is None:
        page = number_of(dict(ask.state).get("page", 1)) + 1
        target, beyond = find_next(tree, url, portal, page)
        if target and page > PAGES:
            return None, f"Found {PAGES} pages of {code}, wanted an end of the list, at {url}", None
        if target:
            kept = (pair for pair in ask.state if pair[0] in ("known", "section"))
            return Ask(target, "list", code, (), (*kept, ("page", page))), None, None
        if facts.total is not None:
            return (
                None,
                f"Found {count} of {facts.total} records and no columnId, wanted one to ask for more, at {url}",
                None,
            )
        return None, None, beyond
    origin = origin_of(url) if is_own(url, portal) else origin_of(portal.home)
    folder = "TrueCMS" if any(host.endswith("lyg.gov.cn") for host in portal.hosts) else "truecms"
    path = facts.path or f"/{folder}/messageController/getMessage.do"
    state: dict[str, str | int] = {"call": origin + path, "column": facts.column, "page": url}
    if facts.extra:
        state["extra"] = urlencode(facts.extra)
    if section := dict(ask.state).get("section"):
        state["section"] = section
    if facts.total is not None:
        state["total"] = facts.total
    return _ask_more(code, state, count), None, None


# ---------------------------------------------------------------- further records


def _ask_more(code: str, state: dict[str, str | int], reach: int, mark: int | None = None) -> Ask:
    """Ask for the records after the first `reach`, the last few of them again."""
    start = max(reach - OVERLAP + 1, 0)
    query = urlencode(
        {
            "startrecord": start,
            "endrecord": start + SIZE - 1,
            "perpage": SIZE,
            "contentTemplate": "",
            "columnId": state["column"],
        }
    )
    extra = f"&{state['extra']}" if state.get("extra") else ""
    kept = {**state, "cursor": start}
    if mark is not None:
        kept["mark"] = mark
    headers = (("Referer", str(state["page"])), ("X-Requested-With", "XMLHttpRequest"))
    return Ask(f"{state['call']}?{query}{extra}", "more", code, headers, tuple(kept.items()))


def read_datastore(body: str) -> tuple[tuple[str, ...], int | None, bool]:
    """Read an answer of ``getMessage.do``: the markup of its records, the list's total, whether it is whole.

    The answer is JSON or JSONP under any callback's name, perhaps after a semicolon; under ``result`` it holds
    XML with the records in CDATA. Damaged JSON and XML give the records that can still be told apart.

    >>> read_datastore(r';raw({"result":"<datastore><totalrecord>1<\\/totalrecord><recordset><record>'
    ...                r'<![CDATA[<li>x<\\/li>]]><\\/record><\\/recordset><\\/datastore>"})')
    (('<li>x</li>',), 1, True)
    >>> read_datastore('{"result":""}'), read_datastore('<html>404</html>')
    (((), None, True), ((), None, False))
    """
    store, whole = _open_result(body)
    total = TOTAL_RE.search(store)
    records: list[str] = []
    begun = RECORD_RE.search(store)
    while begun and (over := OVER_RE.search(store, begun.end())):
        said = store[begun.end() : over.start()]
        cdata = CDATA_RE.fullmatch(said)
        records.append(cdata[1] if cdata else unescape(said))
        begun = RECORD_RE.search(store, over.end())
    opened = len(re.findall(r"<record\b", store, re.I))
    count = (total[1] or total[2]) if total else None
    return tuple(records), int(count) if count else None, whole and opened == len(records)


def read_pieces(markup: Iterable[str], base: str) -> tuple[list[Record], int]:
    """Read pieces of markup that are a record each; gives the records and how many pieces lead nowhere."""
    records: list[Record] = []
    blanks = 0
    for piece in markup:
        row = re.match(r"\s*<t[rd]\b", piece, re.I)
        tree = parse_page(f"<table>{piece}</table>" if row else f"<ul>{piece}</ul>")
        if tree is None:
            blanks += 1
            continue
        some, blank = read_records([tree], base)
        records += some
        blanks += blank if some else 1
    return records, blanks


def _open_result(body: str) -> tuple[str, bool]:
    """Take the XML out of its JSON or JSONP; False beside it where the wrapping is damaged or not there."""
    plain = body.strip().lstrip("\ufeff;").strip()
    start = plain.find("{")
    if start >= 0:
        try:
            value: Any = json.JSONDecoder(strict=False).raw_decode(plain, start)[0]
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and "result" in value:
            result = value["result"]
            if isinstance(result, dict):
                result = result.get("result") or ""
            return (result if isinstance(result, str) else "", isinstance(result, str) or result is None)
    if plain[:10].lower().startswith(("<datastor", "<?xml")):
        return plain, True
    if "<record" not in plain:
        return plain, False
    cut = re.sub(r"\\u([0-9A-Fa-f]{4})", lambda m: chr(int(m[1], 16)), plain)
    return re.sub(r"\\(.)", lambda m: {"n": "\n", "r": "\r", "t": "\t"}.get(m[1], m[1]), cut), False


def _read_more(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    state = dict(ask.state)
    code = ask.channel or ""
    markup, told, whole = read_datastore(text)
    page = str(state.get("page") or url)
    records, blanks = read_pieces(markup, page)
    problems: list[str] = []
    if not whole:
        problems.append(f"Found {len(markup)} whole records and a damaged rest, wanted a datastore, at {url}")
    if blanks:
        problems.append(
            f"Found {blanks} of {len(markup)} records without a link that leads anywhere, "
            f"wanted an address in href or onclick, at {url}"
        )
    lines = _list_lines(records, code, str(state.get("section", "")) or None, portal)
    known = number_of(state.get("total")) if "total" in state else None
    total = known if told is None else told
    if total is not None:
        state["total"] = total
    mark = crc32("\n".join(line.url for line in lines).encode("utf-8", "replace"))
    reach = number_of(state.get("cursor")) + len(markup) - 1
    # A server that counts from 0 is one record further than this says.
    missed = total is not None and max(reach + 1, len(markup)) < total
    further: Ask | None = None
    if lines and state.get("mark") == mark:
        problems.append(
            f"Found the same {len(lines)} lines as in the answer before, wanted further ones, at {url}"
        )
    elif len(markup) > OVERLAP and {"call", "column", "page"} <= state.keys():
        if total is None or max(reach, len(markup)) < total or (told is None and len(markup) >= SIZE):
            further = _ask_more(code, state, reach, mark)
    elif missed and whole:
        problems.append(
            f"Found the end of the list after {max(reach, 0)} of {total} records, wanted all, at {url}"
        )
    return Found(lines, further, (), (), total, tuple(problems))
