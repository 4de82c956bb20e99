"""Founder e-papers 方正: printed papers page by page, in the layout of most of China's daily papers.

The first printed page (node 版面) of a day is at ``…/html/YYYY-MM/DD/node_N.htm`` or ``…/layout/YYYYMM/DD/node_N.html``; each
node links the others of its day and its own articles, ``…/content_ID.htm``. The home page leads to the newest issue, from
which the addresses of other days are made: a day without an issue answers 404.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import NamedTuple

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
    send_on,
)
from crawler.portals.media import CODE_RE, DAYS, EDITION_RE, code_of

NODES = 200
"""Printed pages of one issue that are taken."""
NODE_RE = re.compile(
    r"(?P<stem>/(?:[\w.-]+/){0,8})(?P<y>(?:19|20)\d{2})(?P<dash>-?)(?P<m>\d{2})/(?P<d>\d{2})/(?P<name>(?:node_|nbs\.)[\w.-]+?)\.html?"
)
"""The path of a printed page."""
CONTENT_RE = re.compile(
    r"(?P<stem>/(?:[\w.-]+/){0,8})(?P<y>(?:19|20)\d{2})-?(?P<m>\d{2})/(?P<d>\d{2})/(?:content_\w+|c\d+|nw\.[\w.-]+?)\.html?"
)
"""The path of an article page."""
KIND_RE = re.compile(r"(?:html|layout|content|column|node|page|mpaper|attachment)/$", re.I)
"""The folder that tells what the pages below it are, rather than which paper they are of."""
SKIP_RE = re.compile(
    r"上一[版期篇]|下一[版期篇]|(?:前|后)一[版期天]|往期.*|返回.*|目录|首页|pdf|[<>«»◄►\s]*", re.I
)
"""What links between nodes are called that do not name one."""


class Issue(NamedTuple):
    """How the nodes of a paper are addressed."""

    stem: str
    dash: str
    name: str
    ending: str

    def path(self, day: date) -> str:
        """Give the path of the first node of a day."""
        return f"{self.stem}{day:%Y}{self.dash}{day:%m}/{day:%d}/{self.name}.{self.ending}"


def first(
    portal: Portal,
    channels: tuple[str, ...],
    since: date | None,
    until: date | None,
    today: date | None = None,
) -> list[Ask]:
    """Ask for the home page, which leads to the newest issue; the wanted days go with the question.

    From `since` to `until`, else the last days: the option ``days`` says how many (7), counted from `today`, the option
    ``today`` or the day in the portal's zone. Codes of nodes in `channels` take only those.
    """
    last = until or today or _read_day(portal.options.get("today", "")) or datetime.now(portal.zone).date()
    days = portal.options.get("days", "")
    number = int(days) if re.fullmatch(r"[1-9]\d{0,4}", days) else DAYS
    start = since or last - timedelta(days=min(number, last.toordinal()) - 1)
    if start > last:
        return []
    state: list[tuple[str, str | int]] = [("first", start.isoformat()), ("last", last.isoformat())]
    if want := ",".join(channels or portal.channels):
        state.append(("want", want))
    return [Ask(portal.home, "home", None, (), tuple(state))]


def channel_of(url: str, portal: Portal) -> str | None:
    """Give an empty channel for an article's address, which names no node; None where it is no article of this paper.

    >>> import sys
    >>> paper = Portal(name="p.cn", platform=sys, hosts=("p.cn",), home="http://p.cn/")
    >>> channel_of("http://p.cn/html/2024-01/18/content_603581.htm", paper)
    ''
    >>> channel_of("http://p.cn/html/2024-01/18/node_1.htm", paper)
    """
    return "" if is_own(url, portal) and CONTENT_RE.fullmatch(path_of(url)) else None


def read(ask: Ask, text: str, url: str, portal: Portal) -> Found:
    """Read the home page, the first node of an issue, or another node."""
    tree = parse_page(text)
    if tree is None:
        return Found(problems=(f"Found an empty page, wanted an issue of the paper, at {url}",))
    if ask.kind == "home":
        return _read_home(ask, tree, url, portal)
    asked = _read_day(str(dict(ask.state).get("issue", ""))) or _day_of(ask.url)
    shown = _day_of(url)
    if asked and shown and asked != shown:
        return Found(problems=(f"Found the issue of {shown}, wanted that of {asked}, at {url}",))
    issue = asked or shown
    if ask.kind == "edition":
        name = str(dict(ask.state).get("name", "")) or (ask.channel or "")
        return _read_node(tree, url, ask.channel or "", name, issue, portal)
    return _read_issue(ask, tree, url, issue, portal)


def moved(
    home_text: str, home_url: str, portal: Portal, code: str, name: str | None = None, gone: str | None = None
) -> Ask | None:
    """Give None: a node belongs to its day, and is not elsewhere."""
    return None


def _read_day(text: str) -> date | None:
    match = re.fullmatch(r"(\d{4})-(\d{1,2})-(\d{1,2})", text)
    return day_of(*match.groups()) if match else None


def _day_of(url: str) -> date | None:
    match = NODE_RE.fullmatch(path_of(url)) or CONTENT_RE.fullmatch(path_of(url))
    return day_of(match["y"], match["m"], match["d"]) if match else None


def read_issue(url: str) -> tuple[Issue, date] | None:
    """Read from a node's address how the paper's nodes are addressed, and the day; None where it is no node's.

    >>> issue, day = read_issue("http://p.cn/rb/html/2024-01/18/node_1.htm")
    >>> issue.path(date(2024, 2, 3))
    '/rb/html/2024-02/03/node_1.htm'
    >>> read_issue("http://p.cn/pc/layout/202401/18/node_01.html")[0].path(date(2024, 2, 3))
    '/pc/layout/202402/03/node_01.html'
    """
    path = path_of(url)
    match = NODE_RE.fullmatch(path)
    day = day_of(match["y"], match["m"], match["d"]) if match else None
    if match is None or day is None:
        return None
    return Issue(match["stem"], match["dash"], match["name"], path.rpartition(".")[2]), day


def paper_of(url: str) -> str | None:
    """Give the folder of the paper that a node or an article is of; None for any other address.

    >>> paper_of("http://p.cn/rb/html/2024-01/18/node_1.htm"), paper_of("http://p.cn/pc/content/202401/18/content_9.html")
    ('/rb/', '/pc/')
    >>> paper_of("http://p.cn/html/2024-01/18/node_1.htm"), paper_of("http://p.cn/rb/")
    ('/', None)
    """
    match = NODE_RE.fullmatch(path_of(url)) or CONTENT_RE.fullmatch(path_of(url))
    return KIND_RE.sub("", match["stem"]) if match else None


def fronts_of(url: str) -> list[str]:
    """Give where the home page of a node's or an article's paper may be: the folders above, the nearest first.

    Above an article last what its issue's first page is often called.

    >>> fronts_of("http://p.cn/pc/layout/202401/18/node_02.html")
    ['http://p.cn/pc/layout/', 'http://p.cn/pc/', 'http://p.cn/']
    >>> fronts_of("http://p.cn/html/2024-01/18/content_9.htm")[1:]
    ['http://p.cn/', 'http://p.cn/html/2024-01/18/node_1.htm', 'http://p.cn/html/2024-01/18/node_2.htm']
    """
    match = NODE_RE.fullmatch(path_of(url)) or CONTENT_RE.fullmatch(path_of(url))
    folders = match["stem"].strip("/").split("/") if match and match["stem"] != "/" else []
    above = ["".join(f"{folder}/" for folder in folders[:number]) for number in range(len(folders), -1, -1)]
    if match is None:
        return []
    path = path_of(url)
    day, ending = path.rpartition("/")[0].replace("/content/", "/layout/"), path.rpartition(".")[2]
    named = ("node_01",) if "/layout/" in day else ("node_1", "node_2")
    nodes = [] if NODE_RE.fullmatch(path) else [f"{day}/{name}.{ending}".lstrip("/") for name in named]
    return [f"{origin_of(url)}/{place}" for place in (*above, *nodes)]


def newest_issue(tree: HtmlElement, url: str, portal: Portal) -> tuple[str, Issue, date] | None:
    """Find the newest issue that a page leads to: the address of its first page, how its nodes are addressed, its day.

    The first link of the newest day is its first page, unless the page itself is one.
    """
    base = base_of(tree, url)
    frames = (resolve(frame.get("src"), base) for frame in tree.iter("frame", "iframe"))
    places = [url, *(each for each in frames if each), *(target for _, target in links_in(tree, base))]
    known = [(place, *found) for place in places if is_own(place, portal) and (found := read_issue(place))]
    newest = max((day for _, _, day in known), default=None)
    return next((each for each in known if each[2] == newest), None)


def _read_home(ask: Ask, tree: HtmlElement, url: str, portal: Portal) -> Found:
    """Follow the home page to the newest issue, and ask for that of each wanted day."""
    state = dict(ask.state)
    known = newest_issue(tree, url, portal)
    if sent := send_on(ask, tree, url, portal):
        onward = read_issue(sent.asks[0].url) if sent.asks else None
        if onward is None:
            return sent
        known = (sent.asks[0].url, *onward)
    if known is None:
        return Found(
            problems=(
                f"Found no way to an issue, wanted YYYY-MM/DD/node_N.htm or YYYYMM/DD/node_N.html, at {url}",
            )
        )
    place, issue, newest = known
    if _read_day(str(state.get("last", ""))) is None:
        return (
            _read_issue(ask, tree, url, newest, portal)
            if read_issue(url)
            else Found(asks=(Ask(place, "issue", None, (), (("issue", newest.isoformat()),)),))
        )
    last = _read_day(str(state["last"])) or newest
    start = _read_day(str(state.get("first", ""))) or last
    kept = tuple(pair for pair in ask.state if pair[0] == "want")
    asks: list[Ask] = []
    for back in range((last - start).days + 1):
        day = last - timedelta(days=back)
        address = place if day == newest else origin_of(place) + issue.path(day)
        asks.append(Ask(address, "issue", None, (), (("issue", day.isoformat()), *kept)))
    return Found(asks=tuple(asks))


def _find_nodes(tree: HtmlElement, url: str, issue: date | None, portal: Portal) -> list[Channel]:
    """Find the nodes of an issue that a page links, the page itself among them, each once, in order."""
    names: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    for element, target in links_in(tree, base_of(tree, url)):
        if not is_own(target, portal) or not NODE_RE.fullmatch(path_of(target)) or _day_of(target) != issue:
            continue
        name = name_link(element)
        names.setdefault(page_key(target), []).extend([name] if name and not SKIP_RE.fullmatch(name) else [])
        places.setdefault(page_key(target), target)
    places.setdefault(page_key(url), url)
    nodes: list[Channel] = []
    codes: set[str] = set()
    for place, (key, target) in enumerate([*places.items()][:NODES], 1):
        name = choose_name(names.get(key, []))
        stem = path_of(target).rpartition("/")[2].rpartition(".")[0]
        bare = re.sub(r"^(?:node_|nbs\\.)", "", stem)
        last = bare if not EDITION_RE.match(name.strip()) and CODE_RE.fullmatch(bare) else ""
        code = code_of(name, last, place)
        while code in codes:  # its place is another one's number
            place += 1
            code = f"{place:02}"
        codes.add(code)
        nodes.append(Channel(code, name, target))
    return nodes


def _read_issue(ask: Ask, tree: HtmlElement, url: str, issue: date | None, portal: Portal) -> Found:
    want = {code for code in str(dict(ask.state).get("want", "")).split(",") if code}
    nodes = _find_nodes(tree, url, issue, portal)
    own = next(node for node in nodes if page_key(node.url) == page_key(url))
    found = _read_node(tree, url, own.code, own.name, issue, portal)
    if len(nodes) == 1 and not found.lines:
        return Found(
            problems=(f"Found neither a node nor an article, wanted node_N or content_ID, at {url}",)
        )
    taken = [node for node in nodes if not want or node.code in want]
    asks = tuple(
        Ask(node.url, "edition", node.code, (), _state(issue, node.name))
        for node in taken
        if page_key(node.url) != page_key(url)
    )
    missed = sorted(want - {node.code for node in nodes})
    problems = tuple(f"Found no node {code}, wanted one, at {url}" for code in missed)
    channels = tuple(Channel(node.code, node.name or node.code, node.url) for node in taken)
    if own not in taken:
        return Found(asks=asks, channels=channels, problems=problems)
    return found._replace(asks=asks, channels=channels, problems=found.problems + problems)


def _state(issue: date | None, name: str) -> tuple[tuple[str, str | int], ...]:
    state: list[tuple[str, str | int]] = [("issue", issue.isoformat())] if issue else []
    return (*state, ("name", name))


def _is_file_of(element: HtmlElement, url: str) -> bool:
    """Tell whether a PDF is that of this node: a list of nodes has each one's beside it."""
    item = next(element.iterancestors("li", "tr", "dd"), None)
    if item is None:
        return True
    beside = [target for _, target in links_in(item, url) if NODE_RE.fullmatch(path_of(target))]
    return not beside or any(page_key(target) == page_key(url) for target in beside)


def _read_node(
    tree: HtmlElement, url: str, code: str, name: str, issue: date | None, portal: Portal
) -> Found:
    """Read the articles of a printed page, each once, under the fullest of its titles, and the page's PDF."""
    names: dict[str, list[str]] = {}
    places: dict[str, str] = {}
    files: dict[str, str] = {}
    for element, target in links_in(tree, base_of(tree, url)):
        path = path_of(target)
        if path.lower().endswith(".pdf") and is_own(target, portal) and _is_file_of(element, url):
            files.setdefault(target, flatten(f"{name} PDF"))
        if not is_own(target, portal) or not CONTENT_RE.fullmatch(path) or _day_of(target) != issue:
            continue
        names.setdefault(path, []).append(name_link(element))
        places.setdefault(path, target)
    lines = tuple(
        Line(target.partition("?")[0], choose_name(names[path]), issue, code, name or None)
        for path, target in places.items()
    )
    # A page of advertisements has none.
    notes = () if lines else (f"Found no article, wanted links content_ID.htm, at {url}",)
    return Found(lines, notes=notes, attachments=tuple(files.items()))
