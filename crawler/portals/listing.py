"""What every kind of list page has: addresses, records, titles, dates, a way to the next page.

Shared by the platform modules. Nothing here raises on odd input: what cannot be read is None or empty.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from html import unescape
from itertools import chain, islice
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import lxml.html
from lxml import etree
from lxml.html import HtmlElement

from crawler.portals import Ask, Channel, Found, Portal
from crawler.text.trees import bound_tags

_DAY = (
    r"(?P<y>(?:19|20)\d{2})\s*(?:[-‐‑–—/.]\s*(?P<m>\d{1,2})\s*[-‐‑–—/.]\s*(?P<d>\d{1,2})"
    r"|年\s*(?P<cm>\d{1,2})\s*月\s*(?P<cd>\d{1,2})\s*日?)(?!\d)"
)
_TIME = r"(?:[\sT]*\d{1,2}[:]\d{2}(?:[:]\d{2})?(?:\.\d+)?)?"
_SHORT_DAY = r"\d{1,2}(?:\s*[-/.]\s*\d{1,2}|\s*月\s*\d{1,2}\s*日?)"

DAY_RE = re.compile(r"(?<!\d)" + _DAY)
"""Evidence of a whole date: 2024-01-18, 2024/1/18, 2024.01.18, 2024年1月18日."""
LONE_DAY_RE = re.compile(
    r"\W*(?:(?:发布|更新|发文|公开|成文)?(?:时间|日期)\W*)?(?:" + _DAY + _TIME + "|" + _SHORT_DAY + r")\W*"
)
"""Evidence that an element is the date of its record and nothing else; 01-18 is one, but names no year."""
SPLIT_DAY_RE = re.compile(
    r"(?:(?P<d1>\d{1,2})日?\s+(?P<y1>(?:19|20)\d{2})\s*[-/.年]\s*(?P<m1>\d{1,2})月?"
    r"|(?P<y2>(?:19|20)\d{2})\s*[-/.年]\s*(?P<m2>\d{1,2})月?\s+(?P<d2>\d{1,2})日?"
    r"|(?P<m3>\d{1,2})\s*[-/.月]\s*(?P<d3>\d{1,2})日?\s+(?P<y3>(?:19|20)\d{2})年?"
    r"|(?P<y4>(?:19|20)\d{2})年?\s+(?P<m4>\d{1,2})\s*[-/.月]\s*(?P<d4>\d{1,2})日?)"
)
"""Evidence of a date set as a calendar leaf: the day in one element, year and month in another."""
EDGE_DAY_RE = re.compile(
    r"(?:[\[(（【]\s*(?P<plain>" + _DAY.replace("?P<", "?P<p") + _TIME + r")\s*[\])）】]"
    r"|(?P<bare>" + _DAY.replace("?P<", "?P<b") + _TIME + r")"
    r"|[\[【]\s*" + _SHORT_DAY + r"\s*[\]】])"
)
"""A date at the edge of a link's text. A bare 2024年1月18日 is rather part of a title, see `split_title`."""

ADDRESS_RE = re.compile(
    r"""(['"])\s*((?:https?:)?//[^'"]+|\.{0,2}/[^'"]+|[^'"\s(),;]+\.s?html?(?:[?#][^'"]*|\s*))\1"""
)
"""Evidence that a quoted argument of a script call is an address: a scheme, a path, or a page's ending."""
CUT = ("..", "…", "。。。")
"""Evidence at its end that a list has cut a title."""
TAG_RE = re.compile(r"</?(?:a|b|br|em|font|i|p|span|strong|sub|sup|u)\b[^<>]*>", re.I)
"""Markup leaked into a title attribute; other angle brackets may belong to the title."""
NEXT_RE = re.compile(r"(?:下一页|下页|下一頁|下頁|后一页|后页|next(?:\s*page)?|[»›>＞])[\s»›>＞]*", re.I)
"""What a link to the next page is called."""
MORE_RE = re.compile(r"[\s\[【(]*(?:更多|查看更多|more|进入栏目|[+＋>＞»›])[\s.…+＋>＞»›\])】]*", re.I)
"""What a link to a column's list is called where it does not name the column."""
TRS_PAGES_RE = re.compile(
    r"createPageHTML\(\s*(\d+)\s*,\s*(\d+)\s*,\s*['\"]([\w-]+)['\"]\s*,\s*['\"](\w+)['\"]"
)
"""The paging call of statically published lists: number of pages, this page from 0, name, ending."""
BOX_PAGES_RE = re.compile(
    r"createPageHTML\(\s*['\"][\w-]+['\"]\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*['\"]([\w-]+)['\"]\s*,\s*['\"](\w+)['\"]"
)
"""The same call where it names a box first: there this page is counted from 1, and the second is ``NAME_2``."""


NOTE_RE = re.compile(r"(?m)^[^\S\n]*//.*$")
"""A line of a script that is a comment."""
WIDE = 300
"""So many elements of a link, a record or a date are looked at: none has a hundred, but a page can nest what it likes."""
LONG = 5000
"""So many characters of a title are read."""
SMALL, SHORT = 40, 500
"""An element with more elements in it, or more characters, is no date."""
HEADS = 20
"""So many headings of a block are looked at."""
BASE = 2083
"""Characters of a ``<base>`` that counts: no address of its page could be asked for where it is longer."""

_INLINE = frozenset(("a", "area", "b", "em", "font", "i", "li", "strong", "sub", "sup", "td", "u", "span"))
"""Elements whose text runs on without a space."""


class Link(NamedTuple):
    """One address with the name that the page gives it."""

    url: str
    title: str


class Record(NamedTuple):
    """One record of a list: its links, the first one first, and its date."""

    links: tuple[Link, ...]
    listed: date | None


def parse_page(text: str) -> HtmlElement | None:
    """Parse the text of a page; None where it has nothing to parse."""
    body = bound_tags(text.replace("\0", "").encode("utf-8", "replace"))
    try:
        return lxml.html.document_fromstring(
            body, parser=lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
        )
    except (etree.LxmlError, ValueError):
        return None


def flatten(text: str | None) -> str:
    """Put a text on one line.

    >>> flatten("  a \\u00a0\\n b ")
    'a b'
    """
    return " ".join((text or "").replace("\u200b", "").replace("\ufeff", "").split())


def text_of(element: HtmlElement, most: int = LONG) -> str:
    """Give an element's text on one line, with a space between its parts: `most` characters, of `WIDE` elements.

    Scripts, styles and comments are left out.
    """
    parts = _texts(element, lambda inner: inner.tag in ("script", "style"), most)
    return flatten(" ".join(part for _, part in parts))


def _texts(
    element: HtmlElement, is_out: Callable[[HtmlElement], bool], most: int = LONG
) -> Iterator[tuple[HtmlElement, str]]:
    """Walk over the texts in an element, each with the element that it stands in, without what others hold that are out.

    Ends after `most` characters, or `WIDE` elements.
    """
    count = 0
    walk = etree.iterwalk(element, events=("start", "end", "comment", "pi"))
    for event, node in walk:
        text = None
        if event == "start":
            count += 1
            if count > WIDE:
                return
            if node is not element and is_out(node):
                walk.skip_subtree()
            else:
                text, holder = node.text, node
        elif node is not element:
            text, holder = node.tail, node.getparent()
        if text:
            yield holder, text[:most]
            most -= len(text)
            if most <= 0:
                return


def day_of(year: str, month: str, day: str) -> date | None:
    """Make a date of three figures; None where the calendar has no such day."""
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def find_day(text: str) -> date | None:
    """Find the first whole date in a text. A date without a year is no date: nothing says which year.

    >>> find_day("发布时间：2024年1月18日 09:54")
    datetime.date(2024, 1, 18)
    >>> find_day("[01-18]"), find_day("苏政发〔2024〕3号"), find_day("2024-02-31")
    (None, None, None)
    """
    plain = unicodedata.normalize("NFKC", text)
    for match in DAY_RE.finditer(plain):
        found = day_of(match["y"], match["m"] or match["cm"], match["d"] or match["cd"])
        if found:
            return found
    return None


def is_day(text: str) -> bool:
    """Tell whether a text is a date and nothing else, brackets, a label and a time allowed.

    >>> is_day("[2024-01-18]"), is_day("发布时间：2024/1/18 09:54:49"), is_day("[01-18]"), is_day("18 2024-01")
    (True, True, True, True)
    >>> is_day("2024年1月18日办事指南"), is_day("")
    (False, False)
    """
    if not text or len(text) > 60:
        return False
    plain = flatten(unicodedata.normalize("NFKC", text))
    return bool(LONE_DAY_RE.fullmatch(plain) or SPLIT_DAY_RE.fullmatch(plain))


def read_lone_day(text: str) -> date | None:
    """Read the date of a text that is nothing else, see `is_day`.

    >>> read_lone_day("18 2024-01"), read_lone_day("[01-18]")
    (datetime.date(2024, 1, 18), None)
    """
    plain = flatten(unicodedata.normalize("NFKC", text))
    if leaf := SPLIT_DAY_RE.fullmatch(plain):
        for n in "1234":
            if leaf[f"y{n}"]:
                return day_of(leaf[f"y{n}"], leaf[f"m{n}"], leaf[f"d{n}"])
    return find_day(plain)


def split_title(text: str) -> tuple[str, date | None]:
    """Part a link's text into title and date where the date stands at its edge.

    >>> split_title("[2024-01-18] 连云港发布新规")
    ('连云港发布新规', datetime.date(2024, 1, 18))
    >>> split_title("连云港发布新规 2024/1/18")
    ('连云港发布新规', datetime.date(2024, 1, 18))
    >>> split_title("2024年1月18日停水通告")
    ('2024年1月18日停水通告', None)
    """
    for match in EDGE_DAY_RE.finditer(text):
        at_start, at_end = not text[: match.start()].strip(), not text[match.end() :].strip()
        if not (at_start or at_end):
            continue
        bare, plain = match["bare"], match["plain"]
        if (bare and "年" in bare) or (plain and "年" in plain and match[0][0] in "(（"):
            continue
        if not bare and not plain and not at_start:
            continue
        if bare and text[match.end() : match.end() + 1].isdigit():
            continue
        rest = flatten(text[: match.start()] + text[match.end() :])
        if rest:
            return rest, find_day(match[0])
    return text, None


def resolve(address: str | None, base: str) -> str | None:
    """Make an address absolute; None where it leads nowhere (empty, a fragment, a script, a mail address).

    >>> resolve("../gcyw/content/1.html", "https://www.lyg.gov.cn/a/b/b.html")
    'https://www.lyg.gov.cn/a/gcyw/content/1.html'
    >>> resolve("javascript:void(0)", "https://www.lyg.gov.cn/"), resolve("#", "https://www.lyg.gov.cn/")
    (None, None)
    """
    plain = re.sub(r"[\t\r\n]", "", address or "").strip()
    if not plain or plain.startswith("#"):
        return None
    try:
        url = urljoin(base, plain)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            return None
    except ValueError:
        return None
    return url.partition("#")[0]


HREF_RE = re.compile(r"""<a\b[^<>]*?\bhref\s*=\s*(?:"([^"<>]*)"|'([^'<>]*)'|([^\s"'<>]+))""", re.I)
IDLE_RE = re.compile(r"#|(?:mailto|tel):|javascript:\s*(?:;|void\b|$)|$", re.I)
"""Links that are not meant to lead anywhere."""


def links_nowhere(text: str, url: str) -> list[str]:
    """Give the addresses of a page's links that are none: other schemes than http, scripts, what cannot be read.

    >>> links_nowhere('<a href="http://[::1">1</a><a href=file:///etc/x>2</a><a href="/3.html">3</a><a href="#">4</a>',
    ...               "http://www.lyg.gov.cn/")
    ['http://[::1', 'file:///etc/x']
    """
    written = dict.fromkeys(next(filter(None, groups), "").strip() for groups in HREF_RE.findall(text))
    return [each for each in written if not IDLE_RE.match(each) and resolve(unescape(each), url) is None]


SAME_FOLDER = 6
"""How often one folder stands in an address that grows with every page: six are no site's own."""


def grown_address(url: str) -> str | None:
    """Say what in the address of a further page shows that it grows without end; None for any other.

    >>> grown_address("http://a.cn/x/x/x/x/x/x/1.html")
    "found the folder 'x' 6 times in http://a.cn/x/x/x/x/x/x/1.html"
    >>> grown_address("http://a.cn/x/2024/x/1.html")
    """
    folders = [folder for folder in path_of(url).split("/")[:-1] if folder]
    name, times = Counter(folders).most_common(1)[0] if folders else ("", 0)
    return f"found the folder {name!r} {times} times in {url[:300]}" if times >= SAME_FOLDER else None


def host_of(url: str) -> str:
    """Give the host of an address, lower case, without port; empty where there is none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def path_of(url: str) -> str:
    """Give the path of an address with doubled slashes made single."""
    try:
        return re.sub(r"/{2,}", "/", urlsplit(url).path) or "/"
    except ValueError:
        return "/"


def is_own(url: str, portal: Portal) -> bool:
    """Tell whether an address is on one of the portal's hosts, exactly."""
    return host_of(url) in portal.hosts


def origin_of(url: str) -> str:
    """Give scheme and host of an address, with its port."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}"


def same_page(one: str, other: str) -> bool:
    """Tell whether two addresses mean the same page, whatever the scheme and a leading ``www.``."""
    return page_key(one) == page_key(other)


def page_key(url: str) -> str:
    """Give what two addresses of one page have in common, to keep a list from naming a page twice."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return f"{parts.netloc.lower().removeprefix('www.')}{path_of(url)}?{parts.query}"


def base_of(tree: HtmlElement, url: str) -> str:
    """Give the address that the page's links are relative to."""
    for base in tree.xpath("//base[@href]"):
        found = resolve(base.get("href"), url)
        return found if found and len(found) <= BASE else url
    return url


def address_of(element: HtmlElement) -> str | None:
    """Give the address that an element leads to, as written: its ``href`` or what its ``onclick`` is called with.

    >>> page = parse_page('''<a href="#" onclick="name2('/a/content/1.html')">x</a>''')
    >>> address_of(page.find(".//a"))
    '/a/content/1.html'
    """
    href = flatten(element.get("href"))
    if href and not href.startswith("#") and not href.lower().startswith("javascript:"):
        return href
    for script in (href, element.get("onclick") or ""):
        if match := ADDRESS_RE.search(script.replace("\\'", "'").replace('\\"', '"')):
            return match[2].strip()
    return None


def links_in(box: HtmlElement, base: str) -> Iterator[tuple[HtmlElement, str]]:
    """Walk over the elements of a box that lead somewhere, each with its absolute address."""
    for element in box.iter():
        if not isinstance(element.tag, str) or element.tag in ("link", "base", "head"):
            continue
        if (element.get("href") or element.get("onclick")) and (url := resolve(address_of(element), base)):
            yield element, url


def name_link(element: HtmlElement) -> str:
    """Give the title that an element shows or carries: the fullest, for lists cut long titles.

    First its own ``title``, then one inside it (``span.list-text[title]``), its text without a date that
    stands in an element of its own, the name of its picture.
    """
    inside = list(islice(element.iter(), WIDE))
    inner = [e.get("title") for e in inside[1:] if e.get("title")]
    shown = _text_without_days(element)
    pictures = [e.get("alt") for e in inside if e.tag == "img"]
    names = [flatten(TAG_RE.sub("", name or "")) for name in (element.get("title"), *inner, shown, *pictures)]
    return choose_name(names)


def choose_name(names: Iterable[str]) -> str:
    """Choose the first name that was not cut, else the longest.

    >>> choose_name(["", "市民政局开展…", "市民政局开展走访"])
    '市民政局开展走访'
    """
    some = [name for name in names if name]
    whole = [name for name in some if not name.rstrip().endswith(CUT)]
    return re.sub(r"^[·•▪■◆●]\s*", "", whole[0] if whole else max(some, key=len, default=""))


def read_records(boxes: Iterable[HtmlElement], base: str) -> tuple[list[Record], int]:
    """Read the records of a list from the boxes that hold it.

    A record is what the nearest ``li`` holds (else a table row, a paragraph, …); its date may stand beside it as
    long as nothing else's links do. Gives the records in the page's order and how many ``li`` look like records
    but have no link that leads anywhere. A box that another one holds is read once, with that.
    """
    records: list[Record] = []
    blanks = 0
    given = dict.fromkeys(boxes)
    for box in given:
        if any(outer in given for outer in box.iterancestors()):
            continue
        groups: dict[HtmlElement, list[tuple[HtmlElement, str]]] = {}
        for element, url in links_in(box, base):
            groups.setdefault(_record_of(element, box), []).append((element, url))
        linked = {element for group in groups.values() for element, _ in group}
        for holder, group in groups.items():
            own = {element for element, _ in group}
            listed = _find_listed(holder, box, own, linked)
            records.append(_make_record(holder, group, listed))
        blanks += sum(
            1
            for li in box.iter("li")
            if li not in groups
            and li.find(".//li") is None
            and not any(e in linked for e in chain(li.iter(), li.iterancestors()))
            and _promises(li)
        )
    return records, blanks


def _promises(li: HtmlElement) -> bool:
    """Tell whether an item without an address looks like a record: it has a title, and a link or a date beside."""
    text = text_of(li)
    if not text or is_day(text):
        return False
    return any(e.tag == "a" or e.get("onclick") for e in li.iter()) or find_day_in(li, set()) is not None


def _record_of(element: HtmlElement, box: HtmlElement) -> HtmlElement:
    """Give the element that holds the record which a link belongs to."""
    nearest: HtmlElement | None = None
    for node in chain((element,), element.iterancestors()):
        if node.tag in ("li", "tr"):
            return node
        if node is box:
            break
        if nearest is None and node is not element and node.tag in ("dd", "dt", "p", "ul", "div"):
            nearest = node
    return element if nearest is None else nearest


def _make_record(holder: HtmlElement, group: list[tuple[HtmlElement, str]], listed: date | None) -> Record:
    names: dict[str, list[str]] = {}
    for element, url in group:
        names.setdefault(url, []).append(name_link(element))
    first = group[0][1]
    names[first] += [
        flatten(e.get("title")) for e in holder.xpath(".//span[contains(@class, 'list-text')][@title]")
    ]
    links: list[Link] = []
    for url, found in names.items():
        title = choose_name(found)
        if listed is None:
            title, listed = split_title(title)
        links.append(Link(url, title))
    if not links[0].title:
        links[0] = Link(first, _text_without_days(holder))
    return Record(tuple(links), listed)


def _text_without_days(element: HtmlElement) -> str:
    """Give the text of an element without the descendants that are a date and nothing else."""
    parts = (
        part if holder.tag in _INLINE else f" {part} "
        for holder, part in _texts(
            element, lambda inner: inner.tag in ("script", "style") or _is_day_alone(inner)
        )
    )
    return flatten("".join(parts))


def _is_day_alone(element: HtmlElement) -> bool:
    return next(islice(element.iterdescendants(), SMALL, None), None) is None and is_day(
        text_of(element, SHORT)
    )


def _find_listed(
    holder: HtmlElement, box: HtmlElement, own: set[HtmlElement], linked: set[HtmlElement]
) -> date | None:
    """Find a record's date in its holder, else around it while no other record's link comes into sight."""
    node: HtmlElement | None = holder
    while node is not None:
        inside = list(islice(node.iter(), WIDE + 1))
        if node is not holder and (len(inside) > WIDE or any(e in linked and e not in own for e in inside)):
            return None
        if day := find_day_in(node, own):
            return day
        if node is box:
            return None
        node = node.getparent()
    return None


def find_day_in(node: HtmlElement, own: set[HtmlElement]) -> date | None:
    """Find a date in an element of its own, else in a short bare text beside the links."""
    for element in islice(node.iter(), WIDE):
        if not isinstance(element.tag, str) or element in own or not _is_day_alone(element):
            continue
        if day := read_lone_day(text_of(element)):
            return day
    for _, part in _texts(node, lambda inner: inner in own or inner.tag == "script"):
        text = flatten(part)
        # A longer text is a summary, whose dates are the story's and not the list's.
        if len(text) <= 45 and (day := find_day(text)):
            return day
    return None


DEPTH = 3
"""How many times a page may send its reader on before it counts as a circle."""
PAGES = 5000
"""Pages of one list; one with more goes round in a circle."""
REDIRECT_RE = re.compile(
    r"""(?:\b(?:window|self|top|document|parent)\s*\.\s*)?\blocation\s*
    (?:\.\s*href\s*=(?!=)|\.\s*(?:replace|assign)\s*\(|=(?!=))\s*['"]([^'"<>]+)['"]""",
    re.X,
)
"""Evidence that a page only sends its reader on: `location.href="…"`, `location.replace("…")` and kin."""


def find_redirect(tree: HtmlElement, url: str) -> str | None:
    """Find where a page that has nothing of its own sends its reader: ``meta`` refresh or a script.

    >>> page = parse_page('<script>window.location.href="/smzj/index.html"</script>')
    >>> find_redirect(page, "http://mzj.lyg.gov.cn/")
    'http://mzj.lyg.gov.cn/smzj/index.html'
    """
    for meta in tree.xpath("//meta[translate(@http-equiv, 'REFSH', 'refsh') = 'refresh']"):
        match = re.search(r"url\s*=\s*['\"]?([^'\"]+)", meta.get("content") or "", re.I)
        target = resolve(match[1], url) if match else None
        if target and not same_page(target, url):
            return target
    scripts = [script.text or "" for script in tree.iter("script")]
    scripts += [element.get("onload") or "" for element in tree.iter("body")]
    for script in scripts:
        for match in REDIRECT_RE.finditer(NOTE_RE.sub("", script)):
            target = resolve(match[1], url)
            if target and not same_page(target, url):
                return target
    return None


def number_of(value: str | int | None) -> int:
    """Take a number out of a state; 0 where there is none."""
    return value if isinstance(value, int) else 0


def ask_for_lists(
    portal: Portal, channels: tuple[str, ...], list_url: Callable[[Portal, str], str]
) -> list[Ask]:
    """Ask for the list of each channel, by default all that are declared; for the home page where there are none."""
    codes = channels or portal.channels
    if not codes:
        return [Ask(portal.home, "home")]
    return [Ask(list_url(portal, code), "list", code) for code in codes]


def find_again(
    home_text: str,
    lists_of: Callable[[HtmlElement], Iterable[Channel]],
    code: str,
    name: str | None,
    lost: str,
    is_it: Callable[[str], bool] | None = None,
) -> Ask | None:
    """Ask for the list that has a channel's code among those that a home page leads to, else for the one of its name.

    `lists_of` finds those lists, `lost` is where the channel's was asked for in vain, and `is_it` tells a code that means
    the channel, by default the same one.
    """
    tree = parse_page(home_text)
    if tree is None:
        return None
    lists = [channel for channel in lists_of(tree) if not same_page(channel.url, lost)]
    chosen = [channel for channel in lists if (is_it(channel.code) if is_it else channel.code == code)]
    chosen = chosen or [channel for channel in lists if name and channel.name == name]
    return Ask(chosen[0].url, "list", code) if chosen else None


def send_on(ask: Ask, tree: HtmlElement, url: str, portal: Portal) -> Found | None:
    """Follow a page that only sends its reader on; None where it does not.

    The same question goes to where the page leads, at most `DEPTH` times and never off the portal's hosts.
    """
    target = find_redirect(tree, url)
    if target is None:
        return None
    if not is_own(target, portal):
        problem = f"Found a page that leads on to {target}, wanted one on a host of the portal, at {url}"
        return Found(problems=(problem,))
    state = dict(ask.state)
    depth = number_of(state.get("depth")) + 1
    if depth > DEPTH:
        return Found(problems=(f"Found {depth} pages that lead on to each other, wanted a list, at {url}",))
    state["depth"] = depth
    return Found(asks=(ask._replace(url=target, state=tuple(state.items())),))


def name_list(tree: HtmlElement, fallback: str = "") -> str:
    """Give the name that a list page has for its column: ``ColumnName``, else the head of its title."""
    for meta in tree.xpath("//meta[translate(@name, 'COLUMNAE', 'columnae') = 'columnname'][@content]"):
        if name := flatten(meta.get("content")):
            return name
    for title in tree.iter("title"):
        name = re.split(r"\s*[-_|—–>＞]+\s*", text_of(title))[0]
        if name:
            return name
    return fallback


HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "strong", "span", "b", "dt"))


def name_block(element: HtmlElement) -> str:
    """Give the heading of the block that a 更多 link stands in; empty where none is near."""
    node = element
    for _ in range(3):
        parent = node.getparent()
        if parent is None or parent.tag in ("body", "html"):
            return ""
        heads = (inner for inner in islice(parent.iter(), WIDE) if inner.tag in HEADINGS)
        for heading in islice(heads, HEADS):
            if element in (heading, *heading.iterancestors()) or heading in element.iterancestors():
                continue
            name = text_of(heading)
            if 1 < len(name) <= 16 and not is_day(name) and not MORE_RE.fullmatch(name):
                return name
        node = parent
    return ""
