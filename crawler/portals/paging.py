"""How a list goes on: by a link, a numbered name, a call of a script, a form; and how it is told that it goes on out of reach."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree
from lxml.html import HtmlElement

from crawler.portals import Portal
from crawler.portals.listing import (
    BOX_PAGES_RE,
    NEXT_RE,
    TRS_PAGES_RE,
    address_of,
    base_of,
    flatten,
    is_own,
    links_in,
    path_of,
    resolve,
    same_page,
    text_of,
)
from crawler.portals.pager import COUNT_RE, CURRENT_RE
from crawler.portals.scripts import Reading, address_of_form

CALL_RE = re.compile(r"\b(?!void\b)\w+\s*\(")
"""A call in ``onclick`` or in a ``javascript:`` address that turns the page."""
DISABLED_RE = re.compile(r"disab|unable|gray|grey", re.I)
TURN_RE = re.compile(r"page|turn|goto|jump|fenye|list|query|search", re.I)
"""What a call is named that turns pages rather than pictures."""
PAGER_RE = re.compile(r"page|paging|pagination|fenye|pager", re.I)
"""Evidence in an ``id`` or ``class`` that a box turns pages."""
TOTAL_RE = re.compile(
    r"共\s*(?P<all>\d{1,5})\s*[页頁]|(?:(?<![\d/-])|页次\s*[:：]\s*)(?P<this>\d{1,5})\s*/\s*(?P<of>\d{1,5})\s*[页頁]"
)
"""What a list says of its number of pages: 共12页, 1/12页."""
SCRIPT_TOTAL_RE = re.compile(
    r"\b(?:total_?pages?|page_?counts?|max_?pages?|count_?page)\s*[=:]\s*['\"]?(\d{1,5})\b", re.I
)
"""What its script says of it."""
INDEX_RE = re.compile(r"/(?:index(?:_\d+)?\.s?html?)?$")
"""The path of a list that is its folder's index."""
FIELD_RE = re.compile(r"page|page_?(?:no|num|index)|p|pn|current_?page", re.I)
"""The name of the field in which the page to go to is written."""
TITLES = frozenset(("a", "script", "style", "title", "h1", "h2", "h3"))
"""Elements whose text says nothing of the list's pages."""
CONTROLS = 4000
"""Elements that are looked at for one that turns the page."""


def find_next(tree: HtmlElement, url: str, portal: Portal, page: int = 2) -> tuple[str | None, str | None]:
    """Find the next page of a list, its page number `page`: by a link, a numbered name, a script, a form.

    ``rel=next``, a link called 下一页, ``index_N`` and ``createPageHTML`` first; then what the page's own scripts make of a
    call. Gives its address (None: there is none), and what shows that there is one where its address cannot be told.
    """
    base = base_of(tree, url)
    for element in tree.iter("a", "link"):
        named = "next" in (element.get("rel") or "").lower().split()
        if not named and element.tag == "a":
            names = (text_of(element), flatten(element.get("title")))
            named = any(name and NEXT_RE.fullmatch(name) for name in names)
        target = resolve(address_of(element), base) if named else None
        if target and is_own(target, portal):
            return (None if same_page(target, url) else target), None
    if further := _find_named(tree, url, portal) or _find_told(tree, url):
        return (None if further == url else further), None
    return _find_called(tree, base, url, portal, page)


def _find_named(tree: HtmlElement, url: str, portal: Portal) -> str | None:
    """Find the link to the page whose name has the number after this one's: ``index_2.html``."""
    folder = path_of(url).rpartition("/")[0] + "/"
    here = re.search(r"_(\d+)\.s?html?$", path_of(url))
    number = int(here[1]) if here and len(here[1]) < 9 else 1
    further: dict[int, str] = {}
    for _, target in links_in(tree, base_of(tree, url)):
        match = re.fullmatch(r"(.*/)(?:index|list)_(\d{1,8})\.s?html?", path_of(target))
        if (
            match
            and match[1] == folder
            and is_own(target, portal)
            and int(match[2]) > number - (here is None)
        ):
            further[int(match[2])] = target
    return further[min(further)] if further else None


def _find_told(tree: HtmlElement, url: str) -> str | None:
    """Find the next page in what the paging script of statically published lists is called with; `url`: this is the last."""
    for script in tree.iter("script"):
        text = script.text or ""
        for call_re, last in ((TRS_PAGES_RE, 1), (BOX_PAGES_RE, 0)):
            if call := call_re.search(text):
                total, current, name, ending = call.groups()
                if len(total) < 9 and len(current) < 9 and int(current) + last < int(total):
                    return resolve(f"{name}_{int(current) + 1}.{ending}", url)
                return url
        count, at = COUNT_RE.search(text), CURRENT_RE.search(text)
        if count and at and INDEX_RE.search(path_of(url)):
            named = re.search(r"\.(s?html?)$", path_of(url))
            if int(at[1]) + 1 < int(count[1]):
                return resolve(f"index_{int(at[1]) + 1}.{named[1] if named else 'html'}", url)
            return url
    return None


def _find_called(
    tree: HtmlElement, base: str, url: str, portal: Portal, page: int
) -> tuple[str | None, str | None]:
    """Find the next page behind a call, a choice of pages or a form; where that cannot be told, say what shows it."""
    reading = Reading(tree)
    this, total = count_pages(tree, reading)
    page = max(page, this + 1)
    if total is not None and page > total:
        return None, None
    seen: str | None = None
    for label, call in _controls(tree, page):
        target = resolve(reading.lead(call, page), base)
        if target and same_page(target, url):
            return None, None
        if target and is_own(target, portal):
            return target, None
        seen = seen or label
    places = (_choose_page(tree, reading, page), reading.jump(page), _fill_in(tree, page) if total else None)
    for place in places:
        target = resolve(place, base)
        if target and is_own(target, portal) and not same_page(target, url):
            return target, None
    if seen is None and total is None:
        return None, None
    shown = (
        f"the link {seen!r} that leads nowhere"
        if seen
        else f"a list of {total} pages and no link to the next one"
    )
    return None, f"Found {shown}, wanted the address of page {page}, at {url}"


def count_pages(tree: HtmlElement, reading: Reading) -> tuple[int, int | None]:
    """Give which page of a list this one says it is (0: it says nothing), and how many there are (None: it does not say).

    >>> from crawler.portals.listing import parse_page
    >>> said = [parse_page(text) for text in ("<p>共<b>12</b>页</p>", "<p>当前 3/12 页</p>", "<p>2024/3/12</p>")]
    >>> [count_pages(page, Reading(page)) for page in said]
    [(0, 12), (3, 12), (0, None)]
    """
    found = [*TOTAL_RE.finditer("".join(_shown(tree)))]
    if not found:
        told = [*SCRIPT_TOTAL_RE.finditer(reading.text)]
        return 0, int(told[-1][1]) if told else None
    this = next((int(match["this"]) for match in found if match["this"]), 0)
    return this, int(found[-1]["all"] or found[-1]["of"])


def _shown(tree: HtmlElement) -> Iterator[str]:
    """Give the texts of a page that are not in links, scripts or headings."""
    walk = etree.iterwalk(tree, events=("start", "end", "comment", "pi"))
    for event, element in walk:
        if event == "start" and element.tag in TITLES:
            walk.skip_subtree()
        else:
            yield (element.text if event == "start" else element.tail) or ""


def _controls(tree: HtmlElement, page: int) -> Iterator[tuple[str, str]]:
    """Give what turns to the next page by a call: what it is called, and the call; first what is called 下一页.

    Without a call behind it, it is how a last page ends. Arrows and numbers also turn the pictures of a slide show: only
    those are taken whose call or box is named as one that turns pages.
    """
    called: list[tuple[str, str]] = []
    numbered: list[tuple[str, str]] = []
    for number, element in enumerate(
        tree.iter("a", "button", "input", "span", "li", "div", "em", "b", "i", "td")
    ):
        if number == CONTROLS:
            break
        href = element.get("href") or ""
        call = element.get("onclick") or (href if href.lower().lstrip().startswith("javascript:") else "")
        if not CALL_RE.search(call) and "location" not in call:
            continue
        if DISABLED_RE.search(element.get("class") or "") or element.get("disabled") is not None:
            continue
        label = text_of(element, 60) or flatten(element.get("value") or element.get("title"))
        bare = label.strip("[]【】()（）第页頁 ")
        if NEXT_RE.fullmatch(label) and re.search(r"[页頁]|next", label, re.I):
            called.append((label, call))
        elif (bare == str(page) or NEXT_RE.fullmatch(label)) and (TURN_RE.search(call) or _is_boxed(element)):
            numbered.append((label, call))
    yield from (*called, *numbered)


def _is_boxed(element: HtmlElement) -> bool:
    """Tell whether one of the boxes around an element turns pages."""
    for depth, box in enumerate(element.iterancestors()):
        if PAGER_RE.search(f"{box.get('id') or ''} {box.get('class') or ''}"):
            return True
        if depth == 3:
            break
    return False


def _choose_page(tree: HtmlElement, reading: Reading, page: int) -> str | None:
    """Give the address of a page that is chosen from a box of choices: its value, or where its call leads with that."""
    for box in tree.iter("select"):
        call = box.get("onchange") or ""
        if not call:
            continue
        for option in box.iter("option"):
            value = (option.get("value") or "").strip()
            if text_of(option, 20).strip("第页頁 ") != str(page) or not value or "'" in value:
                continue
            if "location" in call and re.search(r"[/?.]", value):
                return value
            told = re.sub(r"this\.(?:value|options\s*\[[^\]]*\]\.value)", f"'{value}'", call)
            return reading.lead(told, page)
    return None


def _fill_in(tree: HtmlElement, page: int) -> str | None:
    """Give the address of a form in which the page to go to is written."""
    for field in tree.iter("input"):
        kind, name = (field.get("type") or "text").lower(), field.get("name") or ""
        if kind in ("text", "number", "hidden") and FIELD_RE.fullmatch(name):
            return address_of_form(field, {name: page})
    return None
