"""Hanweb: portals that page with *jpage*, such as those of Jiangsu, Zhejiang and Shandong and of many tax offices.

A list is at ``/col/colN/index.html``. It carries its newest records in a ``<datastore>``, each as markup in CDATA; the rest
comes from ``dataproxy.jsp``: the datastore's ``nextgroup`` is the address of the next group of records, and where it has
none the script of the page says column, unit and number of records. Articles are at ``/art/YYYY/M/D/art_N_ID.html``, N
being the column; newer ones at ``/col/colN/art/YYYY/art_HEX.html`` or below the folders of their column.

The newest portals carry no records: a script (``unitbuild.js``) has the parts of the page built by the server, and says in
``queryData`` which: the answer is JSON whose ``data.html`` is the part. Further pages of a list are asked for by number
and size in ``paramJson``; the part says how many records there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from datetime import date
from html import unescape
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from zlib import crc32

from lxml.html import HtmlElement

from crawler.portals import Ask, Channel, Found, Line, Portal, plain
from crawler.portals.listing import (
    MORE_RE,
    PAGES,
    Record,
    ask_for_lists,
    base_of,
    day_of,
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
    send_on,
)
from crawler.portals.truecms import (
    OVERLAP,
    PARAMETER_RE,
    PARAMETERS_RE,
    PROXY_RE,
    TOTAL_RE,
    read_datastore,
    read_pieces,
)

PROXY = "/module/web/jpage/dataproxy.jsp"
"""The path of the call for records, where the page does not tell another."""
SIZE = 45
"""Records asked for with one call where the page names no next group: three of its pages of 15."""
UNIT = "/api-gateway/jpaas-publish-server/front/page/build/unit"
"""The path of the call that builds a part of a page, where the page does not tell another."""
UNITS = 6
"""Parts of one page that are asked for."""
UNIT_SIZE = 20
"""Records of a built list asked for with one call."""
UNIT_NAME_RE = re.compile(r"列表|内容|信息|栏目|分页|list", re.I)
"""What the part of a page is named that is its list."""
QUERY_RE = re.compile(r"['\"]([\w-]{1,60})['\"]\s*:\s*['\"]([^'\"]{0,400})['\"]")
"""A pair of ``queryData``: ``{'webId':'1','tagId':'当前栏目list'}``."""
STORES = 50
"""Datastores of one page that are read."""
COLUMNS = 200
"""Channels that are taken from one page."""

ARTICLE_RE = re.compile(
    r"/(?:art/(?P<y>(?:19|20)\d{2})/(?P<m>\d{1,2})/(?P<d>\d{1,2})/art_(?P<column>\d+)_\d+"
    r"|(?:col/(?P<col>col\d+)/|(?P<folder>(?!col/)[\w-]+(?:/[\w-]+){0,9})/)?art/(?:19|20)\d{2}/art_[0-9a-f]{32})\.html?"
)
"""The path of an article page."""
LIST_RE = re.compile(r"/col/(?P<code>col\d+)/(?:index\.html?)?")
"""The path of a list page."""
FOLDER_RE = re.compile(r"/(.+)/(?:index\.html?)?")
"""The path of a list page that is a folder's index."""
HREF_RE = re.compile(r"href\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.I)
CALL_RE = re.compile(
    r"(\w*(?:column|unit|web)id|path|webname|permissiontype|sourceContentType|appid|col)['\"]?\s*[:=]\s*['\"]?([^'\",}\s]+)",
    re.I,
)


class Store(NamedTuple):
    """One datastore of a page."""

    records: tuple[str, ...]
    total: int | None
    further: str
    """What follows the question mark in the address of the next group; empty where there is none."""
    whole: bool


def first(portal: Portal, channels: tuple[str, ...], since: date | None, until: date | None) -> list[Ask]:
    """Ask for the list of each channel; for the home page where the channels are to be discovered there."""
    return ask_for_lists(portal, channels, list_url)


def list_url(portal: Portal, code: str) -> str:
    """Give the address where a channel's list is by rule: a column's by its number, another's in its folder."""
    folder = f"col/{code}" if re.fullmatch(r"col\d+", code) else quote(code.strip("/"))
    return f"{origin_of(portal.home)}/{folder}/index.html"


def channel_of(url: str, portal: Portal) -> str | None:
    """Give the channel of an article's address, None where it is not one of this portal's articles.

    >>> import sys
    >>> some = Portal(name="a.gov.cn", platform=sys, hosts=("a.gov.cn",), home="http://a.gov.cn/")
    >>> channel_of("http://a.gov.cn/art/2024/1/18/art_4584_60353.html", some)
    'col4584'
    >>> channel_of("http://a.gov.cn/xw/tt/art/2024/art_0123456789abcdef0123456789abcdef.html", some)
    'xw/tt'
    >>> channel_of("http://a.gov.cn/col/col4584/index.html", some)
    """
    if not is_own(url, portal):
        return None
    match = ARTICLE_RE.fullmatch(path_of(url))
    if match is None:
        return None
    return f"col{match['column']}" if match["column"] else match["col"] or match["folder"] or ""


def date_of(url: str) -> date | None:
    """Give the day that an article's address carries; the newer ones carry only the year."""
    match = ARTICLE_RE.fullmatch(path_of(url))
    return day_of(match["y"], match["m"], match["d"]) if match and match["y"] else None


def read(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    """Read an answered list page, a further group of records, or a home page."""
    if ask.kind == "more":
        reader = _read_unit if "units" in dict(ask.state) else _read_more
        return reader(ask, text, url, portal)
    tree = parse_page(text)
    if tree is None:
        return Found(problems=(f"Found an empty page, wanted a list of records, at {url}",))
    if ask.kind == "home":
        return _read_home(ask, tree, url, portal)
    return _read_list(ask, tree, text, url, portal)


def moved(
    home_text: str, home_url: str, portal: Portal, code: str, name: str | None = None, gone: str | None = None
) -> Ask | None:
    """Find where a channel whose list was not found is linked from the home page now, by code or else by name.

    `gone` is the address that was asked for in vain; it is not given again.
    """
    lost = gone or list_url(portal, code)
    return find_again(home_text, lambda tree: find_channels(tree, home_url, portal), code, name, lost)


def find_channels(tree: HtmlElement, url: str, portal: Portal) -> list[Channel]:
    """Find the columns that a page leads to, each once, in the page's order, then those of its articles."""
    seen: dict[str, list[tuple[HtmlElement, str]]] = {}
    shown: dict[str, None] = {}
    links = [(e, u) for e, u in links_in(tree, base_of(tree, url)) if is_own(u, portal)]
    for element, target in links:
        if code := channel_of(target, portal):
            shown[code] = None
        elif match := LIST_RE.fullmatch(path_of(target)):
            seen.setdefault(match["code"], []).append((element, target))
    for element, target in links:
        folder = FOLDER_RE.fullmatch(path_of(target))
        if folder and folder[1] in shown:
            seen.setdefault(folder[1], []).append((element, target))
    channels: list[Channel] = []
    for code, found in seen.items():
        names = [name_link(element) for element, _ in found]
        named = [name for name in names if name and len(name) <= 40 and not MORE_RE.fullmatch(name)]
        name = named[0] if named else next((n for e, _ in found if (n := name_block(e))), "")
        channels.append(Channel(code, name or code, found[0][1]))
    channels += [Channel(code, code, list_url(portal, code)) for code in shown if code not in seen]
    if find_units(tree, url, portal):  # what it shows is built, and its menu leads to folders, too
        known = {channel.code for channel in channels}
        for channel in plain.find_channels(tree, url, portal):
            folder = FOLDER_RE.fullmatch(path_of(channel.url))
            if folder and folder[1] not in known and not LIST_RE.fullmatch(path_of(channel.url)):
                channels.append(channel._replace(code=folder[1]))
    return channels[:COLUMNS]


def _read_home(ask: Ask, tree: HtmlElement, url: str, portal: Portal) -> Found:
    channels = find_channels(tree, url, portal)
    if not channels:
        return send_on(ask, tree, url, portal) or Found(
            problems=(f"Found a page without a link to a column, wanted /col/colN/index.html, at {url}",)
        )
    state = tuple(pair for pair in ask.state if pair[0] == "depth")
    return Found(
        asks=tuple(Ask(channel.url, "list", channel.code, (), state) for channel in channels),
        channels=tuple(channels),
    )


def read_stores(text: str) -> list[Store]:
    """Read the datastores of a page, the one with most records first.

    >>> page = '<script type="text/xml"><datastore><nextgroup><![CDATA[<a href="/d.jsp?page=1&amp;unitid=7"></a>]]>'
    >>> page += '</nextgroup><recordset><record><![CDATA[<li>x</li>]]></record></recordset></datastore></script>'
    >>> read_stores(page)
    [Store(records=('<li>x</li>',), total=None, further='page=1&unitid=7', whole=True)]
    """
    stores: list[Store] = []
    # By the last end, so that beginnings without one cost nothing.
    for piece in re.split(r"</datastore\s*>", text, flags=re.I)[:-1][:STORES]:
        begin = list(re.finditer(r"<datastore\b", piece, re.I))
        if not begin:
            continue
        store = piece[begin[-1].start() :]
        records, total, whole = read_datastore(f"{store}</datastore>")
        group = re.search(r"<nextgroup\b", store, re.I)
        link = HREF_RE.search(store, group.end(), group.end() + 4000) if group else None
        query = unescape(flatten(link[1] or link[2])).partition("?")[2] if link else ""
        stores.append(Store(records, total, query, whole))
    return sorted(stores, key=lambda store: -len(store.records))


def _read_list(ask: Ask, tree: HtmlElement, text: str, url: str, portal: Portal) -> Found:
    match = LIST_RE.fullmatch(path_of(url))
    code = ask.channel or (match["code"] if match else plain.code_of(url, portal))
    base = base_of(tree, url)
    stores = read_stores(text)
    number = code.removeprefix("col")
    own = [store for store in stores if dict(parse_qsl(store.further)).get("columnid") == number]
    store = next(iter(own or stores), None)
    records, blanks = read_pieces(store.records, base) if store else ([], 0)
    notes: tuple[str, ...] = ()
    if records:
        lines = _list_lines(records, code, portal)
    else:
        rows = _find_rows(tree, url, portal)
        if find_units(tree, url, portal) and not any(channel_of(row.url, portal) is not None for row in rows):
            rows = []  # the list is built, and what stands there is the page's furniture
        lines = plain.list_lines(rows, code, None)
        if lines:
            notes = (f"Found records in rows of the page, wanted them in a datastore, at {url}",)
    script = "\n".join(e.text or "" for e in tree.iter("script"))
    told = TOTAL_RE.search(script)
    total = store.total if store and store.total is not None else int(told[1] or told[2]) if told else None
    units = find_units(tree, url, portal, bool(lines)) if not records else []
    state: dict[str, str | int] = {"page": url, "had": len(lines)}
    built = _ask_unit(code, state, units, 1) if units else None
    if not lines and built:
        return Found(asks=(built,), channels=(Channel(code, name_list(tree, code), ask.url),))
    if not lines:
        sent = None if stores else send_on(ask, tree, url, portal)
        if sent or total == 0:
            return sent or Found(total=0)
        return Found(total=total, problems=(f"Found no record, wanted a datastore with some, at {url}",))
    problems = _say_blanks(blanks, len(records) + blanks, url)
    named = (
        (Channel(code, name_list(tree, code), ask.url),) if number_of(dict(ask.state).get("page")) < 2 else ()
    )
    beyond: str | None = None
    further = _first_call(ask, code, store, script, total, len(records) + blanks, url, portal)
    if further is None and not records:
        further, problem, beyond = plain.go_on(ask, code, tree, url, portal)
        problems += (problem,) if problem else ()
        if further is None and built:
            further, beyond = built, None
    elif further is None and total is not None and len(records) + blanks < total:
        beyond = (
            f"Found {len(records) + blanks} of {total} records, and neither a next group nor columnid and unitid, "
            f"wanted a way to the others, at {url}"
        )
    return Found(lines, further, (), named, total, problems, notes, beyond)


def _find_rows(tree: HtmlElement, url: str, portal: Portal) -> list[plain.Row]:
    """Find the rows of a list that is in no datastore, articles of the portal before all others."""
    return plain.find_rows(tree, url, lambda target: channel_of(target, portal) is not None)


def _list_lines(records: Iterable[Record], code: str, portal: Portal) -> tuple[Line, ...]:
    lines: dict[str, Line] = {}
    for record in records:
        links = [link for link in record.links if not LIST_RE.fullmatch(path_of(link.url))] or record.links[
            :1
        ]
        for link in links:
            listed = record.listed or (date_of(link.url) if is_own(link.url, portal) else None)
            lines.setdefault(page_key(link.url), Line(link.url, link.title, listed, code))
    return tuple(lines.values())


def _say_blanks(blanks: int, count: int, url: str) -> tuple[str, ...]:
    if not blanks:
        return ()
    return (
        f"Found {blanks} of {count} records without a link that leads anywhere, "
        f"wanted an address in href or onclick, at {url}",
    )


# ---------------------------------------------------------------- further records


def _first_call(
    ask: Ask,
    code: str,
    store: Store | None,
    script: str,
    total: int | None,
    count: int,
    url: str,
    portal: Portal,
) -> Ask | None:
    """Make the call for the records after the first screen: by the next group, else by what the script says."""
    if total is not None and count >= total:
        return None
    proxy = PROXY_RE.search(script)
    path = urlsplit(flatten(proxy[1])).path if proxy and "$" not in proxy[1] and "[" not in proxy[1] else ""
    call = (origin_of(url) if is_own(url, portal) else origin_of(portal.home)) + (
        path if path.startswith("/") and path.endswith(".jsp") else PROXY
    )
    state: dict[str, str | int] = {"call": call, "page": url}
    if total is not None:
        state["total"] = total
    if store and store.further:
        return _ask_group(code, state, store.further)
    facts = {name: value for name, value in _facts(script) if value}
    names = {name.lower() for name in facts}
    if not {"columnid", "unitid"} <= names or (total is None and not store):
        return None
    state["extra"] = urlencode(facts)
    return _ask_records(code, state, count)


def _facts(script: str) -> list[tuple[str, str]]:
    """Read what the call wants besides the records' numbers: ``columnid``, ``unitid``, ``webid``, …"""
    for body in PARAMETERS_RE.findall(script)[:1]:
        return [(name, one or two or number) for name, one, two, number in PARAMETER_RE.findall(body)]
    return [(name, unescape(value)) for name, value in CALL_RE.findall(script[:200_000])]


def _headers(state: dict[str, str | int]) -> tuple[tuple[str, str], ...]:
    return (("Referer", str(state["page"])), ("X-Requested-With", "XMLHttpRequest"))


def _ask_group(code: str, state: dict[str, str | int], query: str) -> Ask:
    number = dict(parse_qsl(query)).get("page", "")
    state["group"] = int(number) if number.isdigit() and len(number) < 9 else -1
    safe = quote(query, safe="=&%/:+,;.-_~")
    return Ask(f"{state['call']}?{safe}", "more", code, _headers(state), tuple(state.items()))


def _ask_records(code: str, state: dict[str, str | int], reach: int) -> Ask:
    """Ask for the records after the first `reach`, the last few of them again."""
    start = max(reach - OVERLAP + 1, 1)
    query = urlencode({"startrecord": start, "endrecord": start + SIZE - 1, "perpage": SIZE // 3})
    state["cursor"] = start
    url = f"{state['call']}?{query}&{state['extra']}"
    return Ask(url, "more", code, _headers(state), tuple(state.items()))


def _read_more(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    state = dict(ask.state)
    code = ask.channel or ""
    stores = read_stores(text)
    if not stores:
        markup, told, _ = read_datastore(text)
        stores = [Store(markup, told, "", False)]
    store = stores[0]
    records, blanks = read_pieces(store.records, str(state.get("page") or url))
    problems = _say_blanks(blanks, len(store.records), url)
    if not store.whole:
        problems += (
            f"Found {len(store.records)} whole records and a damaged rest, wanted a datastore, at {url}",
        )
    lines = _list_lines(records, code, portal)
    known = number_of(state.get("total")) if "total" in state else None
    total = known if store.total is None else store.total
    if total is not None:
        state["total"] = total
    mark = crc32("\n".join(line.url for line in lines).encode("utf-8", "replace"))
    again = state.get("mark") == mark
    state["mark"] = mark
    calls = state["calls"] = number_of(state.get("calls")) + 1
    further: Ask | None = None
    if not lines or not {"call", "page"} <= state.keys():
        pass
    elif calls > PAGES:
        problems += (f"Found {calls} groups of {code}, wanted an end of the list, at {url}",)
    elif "extra" in state:
        reach = number_of(state.get("cursor")) + len(store.records) - 1
        if again:
            problems += (
                f"Found the same {len(lines)} lines as in the answer before, wanted further ones, at {url}",
            )
        elif len(store.records) > OVERLAP and (total is None or reach < total):
            further = _ask_records(code, state, reach)
    elif store.further:
        before = number_of(state.get("group"))
        further = _ask_group(code, state, store.further)
        group = number_of(dict(further.state).get("group"))
        # Without a number only the lines tell whether it goes on.
        if (group >= 0 and group <= before) or (group < 0 and again):
            further = None
    return Found(lines, further, (), (), total, problems)


# ---------------------------------------------------------------- parts of a page that are built


def find_units(tree: HtmlElement, url: str, portal: Portal, lists: bool = False) -> list[str]:
    """Find the calls that build the parts of a page, the likeliest list of articles first; `lists`: no others.

    >>> page = parse_page('''<script src="/x/unitbuild.js" url="/api/build/unit" queryData="{'webId':'1','tagId':'list'}">''')
    >>> some = Portal(name="a.cn", platform=plain, hosts=("a.cn",), home="http://a.cn/")
    >>> find_units(page, "http://a.cn/col/col7/index.html", some)
    ['http://a.cn/api/build/unit?webId=1&tagId=list']
    """
    origin = origin_of(url) if is_own(url, portal) else origin_of(portal.home)
    found: list[tuple[bool, str]] = []
    for script in tree.iter("script"):
        query = dict(QUERY_RE.findall(script.get("querydata") or ""))
        path = urlsplit(flatten(script.get("url"))).path if query else ""
        if not query or not (path.endswith("/build/unit") or "unitbuild" in (script.get("src") or "")):
            continue
        is_list = query.get("pageType", "column") == "column" and UNIT_NAME_RE.search(query.get("tagId", ""))
        call = path if path.startswith("/") else UNIT
        if is_list or not lists:
            found.append((not is_list, f"{origin}{call}?{urlencode(query)}"))
    found.sort(key=lambda each: each[0])
    return list(dict.fromkeys(call for _, call in found))[:UNITS]


def _ask_unit(code: str, state: dict[str, str | int], units: list[str], number: int) -> Ask:
    """Ask for a page of the first of these parts, as many records of it as for every other page."""
    told = json.dumps({"pageNo": number, "pageSize": UNIT_SIZE}, separators=(",", ":"))
    state = {**state, "units": "\n".join(units), "number": number}
    return Ask(
        f"{units[0]}&{urlencode({'paramJson': told})}", "more", code, _headers(state), tuple(state.items())
    )


def _read_unit(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    """Read a part of a page that was built, a list of articles as a rule; the next part where it is none."""
    state, code = dict(ask.state), ask.channel or ""
    units, number = str(state.pop("units")).split("\n"), number_of(state.pop("number", 1))
    place = str(state.get("page") or url)
    html = _built(text)
    if html is None:
        return Found(problems=(f"Found no part of a page, wanted JSON with data.html, at {url}",))
    tree = parse_page(html)
    lines = plain.list_lines(_find_rows(tree, place, portal) if tree is not None else (), code, None)
    total, size = _count_built(tree)
    if not lines:
        if number == 1 and units[1:]:
            return Found(asks=(_ask_unit(code, state, units[1:], 1),))
        if number == 1 and total != 0 and not state.get("had"):
            return Found(
                problems=(f"Found no part that is a list, wanted rows of links to articles, at {url}",)
            )
        return Found(total=total)
    mark = crc32("\n".join(line.url for line in lines).encode("utf-8", "replace"))
    again = state.get("mark") == mark
    state["mark"] = mark
    whole = again or (total is not None and number * size >= total)
    problems: tuple[str, ...] = ()
    if again and total is not None:
        problems = (
            f"Found the same {len(lines)} lines as on the page before, wanted further ones, at {url}",
        )
    elif not whole and number >= PAGES:
        problems, whole = (f"Found {PAGES} pages of {code}, wanted an end of the list, at {url}",), True
    further = None if whole else _ask_unit(code, state, units[:1], number + 1)
    return Found(lines, further, (), (), total, problems)


def _built(text: str) -> str | None:
    """Give the markup in the answer of a call that builds a part."""
    try:
        data = json.loads(text.lstrip("\ufeff; \r\n"))["data"]
        html = data["html"] if isinstance(data, dict) else data
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return html if isinstance(html, str) else None


def _count_built(tree: HtmlElement | None) -> tuple[int | None, int]:
    """Give how many records a built list says it has in all, None where it does not say, and how many a page has."""
    for element in tree.iter() if tree is not None else ():
        if not isinstance(element.tag, str):
            continue
        said = {**dict(QUERY_RE.findall(element.get("querydata") or "")), **element.attrib}
        rows, count = str(said.get("rows", "")), str(said.get("count", ""))
        if re.fullmatch(r"\d{1,4}", rows) and re.fullmatch(r"\d{1,8}", count):
            return int(count), max(int(rows), 1)
    return None, UNIT_SIZE
