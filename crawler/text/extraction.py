"""An article page's fields and text, in one pass over the parsed tree.

The pass turns the tree into a flat run of *lines*: one for each paragraph, heading, list item, table row.
Everything else is a decision about that run. Where the page says something about itself (``<meta>`` tags,
info line, open-government table, platform containers) that goes first; `Extracted.rules` tells what did.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import cache, lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

import lxml.etree
from lxml.html import HtmlElement

from crawler.text.blocks import off_topic
from crawler.text.tables import read
from crawler.text.trees import is_plain, join, parse

__all__ = ["Extracted", "extract", "extract_tree", "parse"]

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Extracted(NamedTuple):
    """What one article page says; a field that it does not say is None or empty."""

    title: str | None = None
    text: str = ""
    """Paragraphs joined by a line feed; the cells of a table row are joined by a tab."""
    published: datetime | date | None = None
    """Aware, in Asia/Shanghai; a date where the page gives no time."""
    source: str | None = None
    """来源 as printed."""
    author: str | None = None
    """Names as printed, reporters before correspondents, joined by one space."""
    updated: datetime | date | None = None
    editor: str | None = None
    document_number: str | None = None
    index_number: str | None = None
    office: str | None = None
    channel_name: str | None = None
    images: tuple[tuple[str, str | None], ...] = ()
    """(address, caption) of the pictures in the body."""
    attachments: tuple[tuple[str, str], ...] = ()
    """(address, name) of files that the page offers."""
    links: tuple[str, ...] = ()
    """Other addresses that the body links, in order, each once."""
    rules: tuple[tuple[str, str], ...] = ()
    """(field, rule) for each field that was decided, and ("body", rule) for the container."""


# ------------------------------------------------------------------------------------------------ tables


ROLES = ("comments", "end", "below", "site", "credit", "drop")
"""What a line of furniture does; see ``data/tables/furniture.tsv``. Where two fit a line, the first."""


@cache
def _furniture() -> re.Pattern[str]:
    """Give one pattern for all furniture; the group that matched is the role."""
    rows = read("furniture")
    groups = (f"(?P<{role}>{'|'.join(p for p, r in rows if r == role)})" for role in ROLES)
    return re.compile("|".join(groups), re.IGNORECASE)


@cache
def _containers(field: str) -> dict[str, tuple[int, bool]]:
    """Give selector -> (rank, whether its name alone is trusted) for one field."""
    rows = [(s, trust) for f, trust, s in read("containers") if f == field]
    return {s: (rank, trust == "named") for rank, (s, trust) in enumerate(rows)}


@lru_cache(4096)
def _marks(tag: str, id_: str | None, class_: str | None) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
    """Say which body and title selectors an element answers to, and whether its name is a furniture name."""
    names = [f"#{id_}"] if id_ else []
    for word in (class_ or "").split():
        names += (f".{word}", f"{tag}.{word}")
    names.append(tag)
    bodies, titles = _containers("body"), _containers("title")
    junk = tag in JUNK_TAGS or bool(JUNK_RE.search(f"{id_ or ''} {class_ or ''}"))
    return (
        tuple(n for n in names if n in bodies),
        tuple(n for n in names if n in titles),
        junk and not any(n in bodies for n in names),
    )


JUNK_TAGS = frozenset(("nav", "footer", "aside"))
JUNK_RE = re.compile(
    r"(?:^|[\s_-])(?:foot(?:er)?|copyright|nav|menu|crumbs?|breadcrumb|sidebar|related|share|bdsharebuttonbox"
    r"|bshare|comments?|pagination|pager|friend-?links?|qrcode|ewm|hot|rank|recommend)(?:$|[\s_-])",
    re.IGNORECASE,
)
"""Names of what surrounds articles, as whole words of ids and classes."""

INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "data",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "label",
        "mark",
        "nobr",
        "q",
        "rp",
        "rt",
        "ruby",
        "s",
        "samp",
        "small",
        "span",
        "strike",
        "strong",
        "sub",
        "sup",
        "time",
        "tt",
        "u",
        "var",
        "wbr",
    ]
)
SKIP = frozenset(
    [
        "script",
        "style",
        "head",
        "template",
        "noscript",
        "select",
        "option",
        "button",
        "textarea",
        "iframe",
        "object",
        "embed",
        "applet",
        "svg",
        "canvas",
        "audio",
        "video",
        "map",
        "title",
        "meta",
        "link",
        "base",
        "param",
        "source",
        "track",
        "input",
    ]
)

# --------------------------------------------------------------------------------------------- the lines

SPACE_RE = re.compile(r"[ \t\r\n\f\v\xa0]+")
WRAP_RE = re.compile(
    r"(?<=[\u2018-\u201d\u2e80-\u9fff\uff00-\uffef,;:!?])[ \t]*[\r\n]\s*(?=[\u2018-\u201d\u2e80-\u9fff\uff00-\uffef])"
)
"""A source line that breaks between two Chinese characters: browsers show a space there, no writer meant it."""

UNSEEN_RE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")
OUTER = " \t\r\n\f\v\xa0\u3000\u2002\u2003"
HIDDEN_RE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def tidy(text: str) -> str:
    """Give one line as it is read: outer white space gone, inner runs one space, invisible characters out.

    >>> tidy("\\u3000\\u3000筑牢社保基石\\xa0 托起百姓幸福 ")
    '筑牢社保基石 托起百姓幸福'
    >>> tidy("记者\\u3000张三")
    '记者\\u3000张三'
    """
    text = text.strip(OUTER)
    if not text or text.isalnum():
        return text
    if not text.isprintable():  # line feeds, no-break spaces and invisible characters are not printable
        if "\n" in text or "\r" in text:
            text = WRAP_RE.sub("", text)
        text = UNSEEN_RE.sub("", text)
        return SPACE_RE.sub(" ", text).strip(OUTER)
    return SPACE_RE.sub(" ", text) if "  " in text else text


class _Line:
    """One line of the page."""

    __slots__ = (
        "_info",
        "_role",
        "_weight",
        "cells",
        "el",
        "hidden",
        "hops",
        "junk",
        "kind",
        "link",
        "size",
        "text",
    )

    def __init__(
        self, text: str, link: int, el: HtmlElement, kind: str, hops: int, hidden: bool, junk: bool
    ) -> None:
        self.text = text
        self.size = len(text)
        self.link = link
        """How many of its characters are link text."""
        self.el = el
        self.kind = kind
        """The tag of the nearest block, or ``tr`` for a whole table row."""
        self.hops = hops
        """How many block borders lie between it and the line before: two between sibling paragraphs."""
        self.hidden = hidden
        self.junk = junk
        self.cells: tuple[str, ...] = ()
        self._info: bool | None = None
        self._role: str | None = None
        self._weight: float | None = None

    @property
    def role(self) -> str:
        """What the line does if it is furniture, one of `ROLES`; empty for the rest."""
        if self._role is None:
            found = _furniture().match(self.text) if self.size <= 200 else None
            role = (found.lastgroup or "") if found else ""
            self._role = "" if role == "drop" and self.size > 120 else role
        return self._role

    @property
    def info(self) -> bool:
        """Whether the line is an info line."""
        if self._info is None:
            self._info = _is_info(self)
        return self._info

    @property
    def linked(self) -> bool:
        """Whether most of the line is link text."""
        return self.link * 2 > self.size

    @property
    def prose(self) -> bool:
        """Whether the line is a sentence or more, so that the text goes on at least so far."""
        if self.hidden or self.role or self.linked:
            return False
        return END_RE.search(self.text) is not None or (self.weight >= 10 and not self.info)

    @property
    def weight(self) -> float:
        """How much the line speaks for being part of an article's body; below 0: against."""
        if self._weight is None:
            self._weight = _weigh(self)
        return self._weight


class _Spot(NamedTuple):
    """An element by which the page names a part of itself: lines[start:end]."""

    selector: str
    start: int
    end: int
    el: HtmlElement


class _Walk:
    """The one pass. After it: lines, spots of known containers, pictures and links with their places."""

    def __init__(self) -> None:
        self.lines: list[_Line] = []
        self.bodies: list[_Spot] = []
        self.titles: list[_Spot] = []
        self.images: list[tuple[int, HtmlElement]] = []
        self.anchors: list[tuple[int, HtmlElement]] = []
        self.buffer: list[str] = []
        self.linked = 0
        self.in_link = False
        self.hops = 0
        self.hidden = 0
        self.junk = 0

    def flush(self, el: HtmlElement, kind: str) -> None:
        if self.buffer:
            text = tidy("".join(self.buffer))
            self.buffer.clear()
            if text:
                line = _Line(
                    text, min(self.linked, len(text)), el, kind, self.hops, self.hidden > 0, self.junk > 0
                )
                self.lines.append(line)
                self.hops = 0
            self.linked = 0

    def walk(self, el: HtmlElement, kind: str, depth: int) -> None:
        """Read the inside of `el`; `kind` is the tag of the nearest block."""
        buffer = self.buffer
        if text := el.text:
            buffer.append(text)
            if self.in_link:
                self.linked += len(text.strip())
        for child in el:
            tag = child.tag
            if tag.__class__ is not str:  # a comment or an instruction
                pass
            elif tag in INLINE or ":" in tag:
                self.inline(child, tag, kind, depth)
            elif tag == "br":
                self.flush(el, kind)
            elif tag == "img":
                self.images.append((len(self.lines) + (1 if self.pending() else 0), child))
            elif tag not in SKIP:
                self.flush(el, kind)
                before = len(self.lines)
                self.block(child, tag, depth)
                if len(self.lines) > before:
                    self.hops += 1
            if text := child.tail:
                buffer.append(text)
                if self.in_link:
                    self.linked += len(text.strip())

    def pending(self) -> bool:
        return any(not piece.isspace() for piece in self.buffer)

    def inline(self, child: HtmlElement, tag: str, kind: str, depth: int) -> None:
        if depth > DEEP:
            self.deep(child, kind)
            return
        hidden = (style := child.get("style")) is not None and HIDDEN_RE.search(style) is not None
        self.hidden += hidden
        if tag == "a" and not self.in_link and (href := child.get("href")) is not None:
            self.anchors.append((len(self.lines), child))
            self.in_link = not href.startswith("#")
            self.walk(child, kind, depth + 1)
            self.in_link = False
        else:
            self.walk(child, kind, depth + 1)
        self.hidden -= hidden

    def block(self, child: HtmlElement, tag: str, depth: int) -> None:
        hops = self.hops
        self.hops += 1
        if depth > DEEP:
            self.deep(child, tag)
            self.flush(child, tag)
            return
        bodies: Sequence[str] = ()
        titles: Sequence[str] = ()
        junk = hidden = False
        if attributes := child.attrib:
            bodies, titles, junk = _marks(tag, child.get("id"), child.get("class"))
            style = attributes.get("style")
            hidden = (style is not None and HIDDEN_RE.search(style) is not None) or "hidden" in attributes
        elif tag not in PLAIN_BLOCKS:
            bodies, titles, junk = _marks(tag, None, None)
        start = len(self.lines)
        self.junk += junk
        self.hidden += hidden
        if tag == "tr":
            self.row(child, depth)
        else:
            self.walk(child, tag, depth + 1)
            self.flush(child, tag)
        if len(self.lines) == start:  # a blank paragraph is no distance
            self.hops = hops
        self.hidden -= hidden
        self.junk -= junk
        for name in bodies:
            self.bodies.append(_Spot(name, start, len(self.lines), child))
        for name in titles:
            self.titles.append(_Spot(name, start, len(self.lines), child))

    def deep(self, top: HtmlElement, kind: str) -> None:
        """Read what lies too deep for `walk`, without looking at names and styles."""
        steps = lxml.etree.iterwalk(top, events=("start", "end"))
        for event, el in steps:
            tag = el.tag
            inline = tag.__class__ is not str or tag in INLINE or ":" in tag
            if not inline:
                self.flush(el, tag)
                self.hops += 1
            if event == "start":
                if tag in SKIP:
                    steps.skip_subtree()
                elif el.text and tag.__class__ is str:
                    self.buffer.append(el.text)
            elif el.tail and el is not top:
                self.buffer.append(el.tail)
        self.flush(top, kind)

    def row(self, tr: HtmlElement, depth: int) -> None:
        """Read a table row: one line where its cells are short, as in tables of data; else cell by cell."""
        start = len(self.lines)
        cells: list[str] = []
        simple = True
        hops = self.hops
        for cell in tr:
            tag = cell.tag
            if tag.__class__ is not str:
                continue
            if tag not in ("td", "th"):
                self.block(cell, tag, depth + 1)
                simple = False
                continue
            before = len(self.lines)
            self.block(cell, tag, depth + 1)
            inside = self.lines[before:]
            if len(inside) > 4 or sum(line.size for line in inside) > 160:
                simple = False
            if inside:
                cells.append(" ".join(line.text for line in inside))
        if not simple or len(cells) < 2 or next(tr.iter("table"), None) is not None:
            return
        inside = self.lines[start:]
        first = inside[0]
        del self.lines[start:]
        line = _Line(
            "\t".join(cells),
            sum(line.link for line in inside),
            tr,
            "tr",
            hops,
            all(line.hidden for line in inside),
            first.junk,
        )
        line.cells = tuple(cells)
        self.lines.append(line)
        self.hops = 0
        for spots in (self.bodies, self.titles):  # a spot within the row now ends with the row
            for i, spot in enumerate(spots):
                if spot.end > len(self.lines):
                    spots[i] = spot._replace(start=min(spot.start, start), end=len(self.lines))
        for places in (self.images, self.anchors):
            for i in range(len(places) - 1, -1, -1):
                if places[i][0] < len(self.lines):
                    break
                places[i] = (len(self.lines) - 1, places[i][1])


DEEP = 200
"""Levels of nesting that are walked by recursion, which costs two frames each; honest pages have 10 to 40."""

PLAIN_BLOCKS = frozenset(
    ("p", "div", "td", "tr", "tbody", "table", "li", "ul", "th", "h1", "h2", "h3", "center")
)

# ---------------------------------------------------------------------------------------------- the body

HEADINGS = frozenset(("h1", "h2", "h3"))
MARKS_RE = re.compile("[，。、；：！？,;!?”“…]")
END_RE = re.compile("[。！？!?；;…][”’」』）)]?$")


def _weigh(line: _Line) -> float:
    """Say how much a line speaks for being part of an article's body; below 0: against."""
    size, link = line.size, line.link
    if line.hidden or (line.cells and _is_table_row(line)):
        return -1.0
    if line.role:
        return -3.0 if line.role == "credit" else -12.0
    if link * 2 > size:
        return -6.0 - min(size, 60) * 0.4
    text = line.text
    marks = len(MARKS_RE.findall(text))
    weight = -3.0
    if marks and size >= 10:
        weight = float(size - 3 * link)
    elif size >= 25:
        weight = 0.4 * size - 3 * link
    elif line.kind in ("h2", "h3", "h4", "li", "tr") or END_RE.search(text):
        weight = -1.0
    if line.junk and weight > 0:
        weight *= 0.2
    return weight


def _core(lines: Sequence[_Line]) -> tuple[int, int]:
    """Find the run of lines with the largest sum of weights: [start, end).

    What readers wrote below an article can be longer than the article, and counts little.
    """
    best, best_run = 0.0, (0, 0)
    total, start = 0.0, 0
    factor = 1.0
    for i, line in enumerate(lines):
        if total > 0:
            total -= 2.5 * max(0, line.hops - 3)
            if line.size <= 40 and total > 100 and line.role == "comments":
                total, factor = 0.0, 0.03
        if total <= 0:
            total, start = 0.0, i
        total += factor * line.weight
        if total > best:
            best, best_run = total, (start, i + 1)
    return best_run


def _lca(first: HtmlElement, last: HtmlElement) -> HtmlElement:
    """Find the lowest element that holds both."""
    above = [first, *first.iterancestors()]
    seen = set(above)
    for el in (last, *last.iterancestors()):
        if el in seen:
            return el
    return above[-1]


def _worth(lines: Sequence[_Line]) -> float:
    return sum(line.weight for line in lines if line.weight > 0)


def _choose(walk: _Walk, plain: bool) -> tuple[int, int, str, HtmlElement | None]:
    """Say where the body is, lines[start:end], by which rule, and which element holds it."""
    lines = walk.lines
    if plain:
        return 0, len(lines), "plain text", None
    start, end = _core(lines)
    core = [line for line in lines[start:end] if not line.info]
    whole = _worth([line for line in core if line.kind not in HEADINGS] or core)
    best: tuple[float, float, int] | None = None
    chosen: _Spot | None = None
    known = _containers("body")
    for spot in walk.bodies:
        rank, named = known[spot.selector]
        inside = lines[spot.start : spot.end]
        if not inside or all(line.link * 2 > line.size for line in inside):
            continue
        shared = _worth(lines[max(start, spot.start) : min(end, spot.end)])
        covers = shared >= 0.8 * whole if whole else sum(line.weight for line in inside) > -6 * len(inside)
        if not covers and not (named and any(line.size >= 8 and not line.link for line in inside)):
            continue
        if covers and not named and sum(line.link for line in inside) * 2 > sum(line.size for line in inside):
            continue
        key = (0 if covers else 1, 0 if named else 1, spot.end - spot.start if covers else rank)
        if best is None or key < best:
            best, chosen = key, spot
    if chosen is not None:
        return chosen.start, chosen.end, chosen.selector, chosen.el
    if end == start:
        return 0, 0, "", None
    top = _lca(lines[start].el, lines[end - 1].el)
    if top.tag in ("tr", "tbody", "p"):
        top = top.getparent()

    def held(line: _Line) -> bool:
        return line.el is top or top in line.el.iterancestors()

    while start > 0 and lines[start].hops <= 3 and _joins(lines[start - 1]) and held(lines[start - 1]):
        start -= 1
    while end < len(lines) and lines[end].hops <= 3 and held(lines[end]):
        if _joins(lines[end]) or _is_signed(lines[end], lines[end - 1]):
            end += 1
            continue
        after = end  # a line of names between paragraphs parts no text
        while after < min(end + 6, len(lines) - 1) and lines[after].hops <= 3 and _passes(lines[after]):
            after += 1
        line = lines[after]
        if not (line.prose and line.hops <= 3 and held(line) and _beside(line, lines[end - 1])):
            break
        end = after + 1
    return start, end, "density", top


def _passes(line: _Line) -> bool:
    return line.role in ("credit", "site") or (not line.role and not line.linked and not line.prose)


def _beside(line: _Line, other: _Line) -> bool:
    """Say whether two lines stand in the same element, as paragraphs of one text do."""
    one, two = line.el, other.el
    return one is two or one.getparent() is two.getparent()


def _is_signed(line: _Line, before: _Line) -> bool:
    """Say whether a line is the day below the signature of a notice."""
    found = DATE_RE.fullmatch(line.text)
    if found is None or found[4] is not None:
        return False
    right = (line.el.get("align") or line.el.get("style") or "").replace(" ", "")
    return (
        right == "right" or "align:right" in right or (before.size <= 40 and not END_RE.search(before.text))
    )


def _joins(line: _Line) -> bool:
    """Say whether a short line beside the body belongs to it, such as a first sentence or a signature."""
    return not line.linked and not line.hidden and not line.role and not line.info


# ------------------------------------------------------------------------------------- dates and labels

DATE_RE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)\s?[-/.年]\s?(1[0-2]|0?[1-9])\s?[-/.月]\s?(3[01]|[12]\d|0?[1-9])(?!\d*[./-]\d)\s?日?"
    r"(?:[\sT\u3000]*(?:上午|下午)?([01]?\d|2[0-3])\s?[:：时点]\s?([0-5]\d)(?:\s?[:：分]\s?([0-5]\d)(?!\d))?)?"
)
URL_DATE_RE = re.compile(
    r"/((?:19|20)\d\d)(?:/|-|_)?(0[1-9]|1[0-2])(?:/|-|_)?(0[1-9]|[12]\d|3[01])(?=[/_.]|$)"
    r"|/t((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])_"
)
TODAY_RE = re.compile("今天是|今天:|今天：|星期[一二三四五六日天]|农历|欢迎")
"""What a page's clock line says; its date is the visitor's."""


def read_date(text: str) -> datetime | date | None:
    """Read the first date of a text, with its time where it has one.

    >>> read_date("2021-04-06 15:13:48").isoformat()
    '2021-04-06T15:13:48+08:00'
    >>> read_date("2024年1月18日"), read_date("1.2.3.4"), read_date("2023-02-30")
    (datetime.date(2024, 1, 18), None, None)
    """
    found = DATE_RE.search(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = found.groups()
    try:
        if hour is None:
            return date(int(year), int(month), int(day))
        hours = int(hour)
        if "下午" in found[0] and hours < 12:
            hours += 12
        return datetime(
            int(year), int(month), int(day), hours, int(minute), int(second or 0), tzinfo=SHANGHAI
        )
    except ValueError:
        return None


def _url_date(url: str | None) -> date | None:
    if url and (found := URL_DATE_RE.search(url)):
        year, month, day = (g for g in found.groups() if g is not None)
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            return None
    return None


LABELS = {
    "published": "发布时间 发布日期 发表时间 发表日期 发表于 发布于 发稿时间 时间 日期 发文日期 公开日期 发布 成文日期"
    " 生成日期",
    "updated": "更新时间 更新日期 最后更新 修改时间",
    "source": "信息来源 稿件来源 文章来源 新闻来源 消息来源 内容来源 来源 稿源 出处",
    "author": "作者 撰稿 供稿 撰文",
    "editor": "责任编辑 编辑 责编",
    "duty": "总值班",
    "index_number": "索引号",
    "document_number": "发文字号 发文文号 文件编号 文号",
    "office": "发布机构 发布单位 发文机关 发文单位 公开责任部门 信息公开机构 制发机关",
    "": "阅读次数 浏览次数 点击次数 访问次数 点击数 点击率 点击 浏览量 阅读量 访问量 阅读 浏览 人气 字体 字号 字体大小"
    " 视力保护色 保护视力色 打印 关闭 分享 分享到 收藏 审核 校对 摄影 主题词 主题分类 分类 体裁分类 组配分类 时效"
    " 有效性 效力状况 内容概述 标题 名称 关键词 信息名称 文件名称 公开方式 公开程序 公开形式 公开时限 公开范围 生效日期"
    " 废止日期 实施日期 有效期 评论 评论数 背景色",
}
FIELD_OF = {label: field for field, labels in LABELS.items() for label in labels.split()}
TABLE_LABELS = frozenset(
    [
        "索引号",
        "分类",
        "发布机构",
        "发文日期",
        "标题",
        "文号",
        "主题词",
        "内容概述",
        "时效",
        "发布日期",
        "发文字号",
        "主题分类",
        "体裁分类",
        "组配分类",
        "名称",
        "发文机关",
        "成文日期",
        "有效性",
        "公开日期",
        "生成日期",
        "发布单位",
        "关键词",
        "公开方式",
        "公开形式",
        "生效日期",
        "废止日期",
        "效力状况",
        "信息名称",
        "文件名称",
        "文件编号",
        "公开责任部门",
        "公开范围",
        "公开时限",
        "发文单位",
        "制发机关",
    ]
)
_ANY_LABEL = "|".join(
    r"[ \u3000\xa0]*".join(label) for label in sorted(FIELD_OF, key=lambda label: -len(label))
)
LABEL_RE = re.compile(
    rf"(?<![\u4e00-\u9fff])({_ANY_LABEL})(?:[】\]]?\s*(?:[:：]\s*|$)|(?<=[表布]于)\s*(?=[12]\d{{3}}))"
)
"""A label of an info line or of an open-government table; `来 源：` is written with spaces too."""

RUN_ON_RE = re.compile(rf"({_ANY_LABEL})(?:[】\]]?\s*[:：]\s*|(?<=[表布]于)\s*(?=[12]\d{{3}}))")
"""The same behind another value, where a style sheet makes the distance: `作者：张三来源：…`."""

SQUEEZE_RE = re.compile(r"\s+")
VALUE_END_RE = re.compile(r"\s{2,}|[\u3000\t|]|【|\s(?=字体|字号|打印|关闭|分享|收藏|阅读|点击|浏览|我要)")


RANGE_RE = re.compile(
    r"\s*(?:[（(]?(?:星期|周)[一二三四五六日天][）)]?\s*(?=[上下中]午|晚|早|凌晨|\d))?"
    rf"(?:[至到起前止后以内—–~～、。]|[，,](?!\s*(?:{_ANY_LABEL}|$))|-+\s*\d|[上下中]午|晚|早|凌晨|\d{{1,2}}\s?[时点:：])"
)
"""What follows the date of an event or of a term, and never the date of a page."""


def _stamp(value: str) -> re.Match[str] | None:
    """Match the date that a label's value is; the time of an event is none.

    >>> _stamp("2021-04-06 15:13:48")[0], _stamp("2026年12月1日上午9:00至11:30"), _stamp("2026年12月1日起")
    ('2021-04-06 15:13:48', None, None)
    """
    found = DATE_RE.match(value)
    return None if found is None or RANGE_RE.match(value, found.end()) else found


def _labelled(text: str) -> Iterator[tuple[str, str, str]]:
    """Give (field, label, value) for each label of a line."""
    found = list(LABEL_RE.finditer(text))
    if found and (found[0].start() <= 1 or DATE_RE.match(text)):
        found = list(RUN_ON_RE.finditer(text))
    for this, after in zip(found, [*found, None][1:], strict=True):
        label = SQUEEZE_RE.sub("", this[1])
        value = text[this.end() : after.start() if after else len(text)].strip(OUTER + "|[]【】()（）;；,，")
        yield FIELD_OF[label], label, value


def _is_table_row(line: _Line) -> bool:
    """Say whether a row is one of an open-government table: the label, then its value."""
    return any(SQUEEZE_RE.sub("", cell).rstrip(":：") in TABLE_LABELS for cell in line.cells[::2])


SENTENCE_RE = re.compile("[。！？]")
HINT_RE = re.compile("[:：】]|[0-9]{4}|今天|星期|农历|欢迎|[表布]于|(?:[\u4e00-\u9fff]{2,6})$")
"""What every info line has one of; spares the longer looks."""


def _is_info(line: _Line) -> bool:
    """Say whether a line is an info line: a date or labels with short values, and nothing besides.

    A line of the story may hold a date or `时间：` as well, but then much else.
    """
    text = line.text
    if line.size > 160 or not (line.cells or HINT_RE.search(text)):
        return False
    if line.cells and _is_table_row(line):
        return True
    term = any(RANGE_RE.match(text, day.end()) for day in DATE_RE.finditer(text))
    if TODAY_RE.search(text):
        return not text.endswith(("。", "；")) and not (term and LABEL_RE.match(text))
    if term:
        return False
    rest = DATE_RE.sub("", text)
    found = list(LABEL_RE.finditer(rest))
    if not found:
        return rest != text and len(rest) <= 44 and not END_RE.search(text) and not line.linked
    if any(FIELD_OF[SQUEEZE_RE.sub("", m[1])] in ("editor", "duty") for m in found) and found[0].start() == 0:
        return line.size <= 80 and not SENTENCE_RE.search(text)
    values = [value for _, _, value in _labelled(rest)]
    return found[0].start() <= 44 and all(
        len(value) <= 30 and not SENTENCE_RE.search(value) for value in values
    )


# ------------------------------------------------------------------------------------------------ fields

NAME = r"(?!通讯员|记者|摄影|报道|本报|本网|本台)[\u4e00-\u9fff·]{2,4}"
NAMES = rf"{NAME}(?:[ \u3000、，,/]+{NAME}){{0,7}}"
REPORTER_RE = re.compile(
    rf"(?:全媒体|见习|实习|首席|特约|融媒体|总台)?记者[ \u3000:：/]+({NAMES})"
    rf"(?:[ \u3000、，,/]+(?:特约|本报)?通讯员[ \u3000:：/]+({NAMES}))?(?=[）)】\s\u3000。；;/]|$)"
)
"""`记者 张三 李四 通讯员 王五` as Chinese papers print it, with a space: `记者从…获悉` is the story."""

PAPER_RE = re.compile(
    r"[（(【]\s*([\u4e00-\u9fff]{2,8}(?:日报|晚报|早报|晨报|时报|商报))社?(?:全媒体|融媒体)?[\u4e00-\u9fff]{0,2}记者"
)
NUMBER_RE = re.compile(
    r"[\u4e00-\u9fff]{2,12}(?:〔|\[|【|（|\()(?:19|20)\d\d(?:〕|\]|】|）|\))\s?第?\d{1,4}\s?号"
)
"""发文字号: office, year in hexagonal brackets, number."""

FILE_RE = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|zip|rar|7z|wps|et|ofd|csv|txt)(?:$|[?#])|attachmentController/download\.do\?"
    r"|/download(?:\.do|\.jsp)?\?(?:\S*&)?(?:id|file\w*)=",
    re.IGNORECASE,
)
UPLOAD_RE = re.compile(r"/upload(?:file|files|s)?/", re.IGNORECASE)
PICTURE_RE = re.compile(r"\.(?:jpe?g|png|gif|bmp|webp|svg)(?:$|[?#])", re.IGNORECASE)
PAGE_RE = re.compile(r"\.(?:s?html?|jsp|aspx?|php)(?:$|[?#])|/(?:$|[?#])", re.IGNORECASE)
SUFFIX_RE = re.compile(r"\s*(?:__+|--+|::|[_|｜]|\s[-–—]\s|-(?=[^-]{2,20}$)|(?<=\S)–(?=\S)|<)\s*")
SITE_RE = re.compile(
    r"(?:网|网站|门户|政府|新闻|频道|日报|晚报|在线|局|委员会|办公室|社区|论坛|中心|博客|官网|平台|资讯|连网)$"
)
LEAK_RE = re.compile(r"<br\s*/?>|</?[a-zA-Z][^<>]*>|&(?:nbsp|#160);")


def _meta(tree: HtmlElement) -> dict[str, str]:
    """Collect the first filled value of each ``<meta>`` name, in lower case."""
    found: dict[str, str] = {}
    for el in tree.iter("meta"):
        name = el.get("name") or el.get("property")
        content = el.get("content")
        if name and content:
            name = name.strip().lower()
            if name not in found and (value := tidy(LEAK_RE.sub("", content))):
                found[name] = value
    return found


def _bare(text: str) -> str:
    return SQUEEZE_RE.sub("", text)


def _parts(title: str) -> list[str]:
    return [part for part in (p.strip(OUTER) for p in SUFFIX_RE.split(title)) if part]


def _title(
    walk: _Walk, meta: dict[str, str], tree: HtmlElement, start: int, plain: bool
) -> tuple[str | None, str]:
    """Choose the title, in order of what is trusted; see `extract`."""
    lines = walk.lines
    if plain:
        return (lines[0].text, "first line") if lines else (None, "")
    head = tidy(next((t.text_content() for t in tree.iter("title")), ""))
    heads = [line.text for line in lines[: start + 3] if line.kind == "h1" and not line.hidden]
    if len(heads) > 1 and head:
        heads = [h for h in heads if _bare(h) in _bare(head)] or heads
    own = meta.get("articletitle")
    if own and own not in (meta.get("sitename"), meta.get("columnname")):
        spoilt = off_topic(own) >= 0.5 and all(_bare(own) != _bare(h) for h in heads)
        if not spoilt:
            return own, "meta ArticleTitle"
    spots = [
        tidy(" ".join(line.text for line in lines[spot.start : spot.end]))
        for spot in walk.titles
        if 0 < spot.end - spot.start <= 3 and spot.start <= start + 2 and not lines[spot.start].link
    ]
    whole = _bare(head)
    for h in heads:
        if len(h) >= 4 and (not head or _bare(h) in whole or not SITE_RE.search(h)):
            return h, "h1"
    for spot in spots:
        if len(spot) >= 5 and _bare(spot) in whole:
            return spot, "title container"
    # a title of the open-government table; else the longest line above the body that <title> begins with or has as one of its parts
    for line in lines[max(0, start - 60) : start + 24]:
        for name, value in zip(line.cells, line.cells[1:], strict=False):
            if (
                SQUEEZE_RE.sub("", name).rstrip(":：") == "标题"
                and SQUEEZE_RE.sub("", value) not in TABLE_LABELS
            ):
                return value, "table 标题"
    best = ""
    for line in lines[max(0, start - 40) : start + 2]:
        text = line.text
        if 5 <= len(text) <= 120 and len(text) > len(best) and not line.link and _bare(text) in whole:
            best = text
    parts = _parts(head)
    if best and (not parts or len(best) >= 0.6 * len(parts[0])):
        return best, "line that <title> repeats"
    if spots and not head and len(spots[0]) >= 4:
        return spots[0], "title container"
    if parts and not all(SITE_RE.search(part) or len(part) <= 4 for part in parts):
        while len(parts) > 1 and (SITE_RE.search(parts[-1]) or len(parts[-1]) <= 4):
            parts.pop()
        if len(parts) > 1 and SITE_RE.search(parts[0]) and len(parts[0]) < len(parts[1]):
            parts.pop(0)
        return max(parts[:2], key=len), "<title>"
    for line in (*reversed(lines[max(0, start - 8) : start]), *lines[start : start + 1]):
        centred = line.el.get("align") == "center" or line.kind in ("h1", "h2", "h3", "th", "center")
        if 4 <= line.size <= 80 and not line.info and (_joins(line) or line.kind in ("h1", "h2", "h3")):
            if centred or (not END_RE.search(line.text) and line.size >= 6):
                return line.text, "line above the body"
            break
    return (parts[0], "<title>") if parts else (None, "")


class _Info(NamedTuple):
    """What labels and info lines say: field -> (value, rule), the first that was found."""

    said: dict[str, tuple[str, str]]
    lines: set[int]
    foot: int
    """Where the labels below the text begin."""


VAGUE = frozenset(("时间", "日期"))
"""Labels of a page's date that notices use for their events as well."""

EVENT_RE = re.compile(
    r"(?:活动|会议|展览|演出|比赛|报名|举办|召开)?(?:地点|地址|场地|主题|对象|主讲人?|嘉宾|方式|内容)[:：]"
)


def _over(lines: Sequence[_Line], start: int, end: int, named: bool) -> int:
    """Say where in the body its text is over: at the first line of what stands below articles.

    Within a container that the page itself names such a line is text if prose follows in it.
    """
    last = max((i for i in range(start, end) if lines[i].prose), default=start - 1)
    left = _worth(lines[start:end])
    had = 0.0
    begun = False
    for i in range(start, end):
        line = lines[i]
        role = line.role
        if line.weight > 0:
            had, left = had + line.weight, left - line.weight
        if not role:
            begun = begun or not (line.info or line.hidden)
            continue
        if role == "site":
            ends = not named and not (i < last and _beside(lines[last], line))
        else:
            ends = role in ("comments", "end", "below")
        if begun and ends and (i > last if named else left <= had):
            return i
    return end


def _head(lines: Sequence[_Line], first: int, end: int, title: str | None, day: date | None) -> int:
    """Say where the info lines within the top of a container end: no label behind prose is the page's."""
    top = first
    for i in range(first, min(end, first + 24)):
        line = lines[i]
        after = lines[i + 1] if i + 1 < end else None
        if line.info:
            if not line.cells and _is_event(lines, i, end, day):
                break
            top = i + 1
        elif (
            line.text != title
            and not line.cells
            and (END_RE.search(line.text) or line.weight >= 10 or line.text.endswith(("：", ":")))
        ):
            headline = i == first and line.size <= 60 and not BROKEN_RE.search(line.text)
            if not headline or after is None or not LABEL_RE.match(after.text) or not after.info:
                break
    return top


BROKEN_RE = re.compile("[。；;：:…][”’」』）)]?$")
"""How no headline ends."""


def _is_event(lines: Sequence[_Line], i: int, end: int, day: date | None) -> bool:
    """Say whether a labelled date is that of an event: the place stands beside it, or the page has another date."""
    told = list(_labelled(lines[i].text))
    if _disagrees(told, day):
        return True
    if not told or any(label not in VAGUE for _, label, _ in told):
        return False
    return any(EVENT_RE.match(line.text) for line in (*lines[i - 1 : i], *lines[i + 1 : min(i + 2, end)]))


def _disagrees(told: Sequence[tuple[str, str, str]], day: date | None) -> bool:
    """Say whether a line tells nothing but a date, and another one than the page's."""
    if day is None or not told or any(field != "published" for field, _, _ in told):
        return False
    found = read_date(told[0][2])
    return found is not None and found.timetuple()[:3] != day.timetuple()[:3]


def _inform(
    lines: Sequence[_Line], start: int, over: int, end: int, plain: bool, title: str | None, day: date | None
) -> _Info:
    """Read the info lines and the table above the body and within its top, and the labels below its text.

    `day` is the date that the page's ``<meta>`` tags tell.
    """
    said: dict[str, tuple[str, str]] = {}
    used: set[int] = set()
    undated: list[int] = []

    def say(field: str, value: str, rule: str) -> None:
        if field and value and field not in said:
            said[field] = (value, rule)

    def hear(i: int) -> None:
        line = lines[i]
        if TODAY_RE.search(line.text):
            return
        if line.kind == "tr" and len(line.cells) >= 2:
            names = [SQUEEZE_RE.sub("", c).rstrip(":：") for c in line.cells]
            for k in range(len(names) - 1):
                if names[k] in TABLE_LABELS and names[k + 1] not in TABLE_LABELS:
                    say_field = FIELD_OF.get(names[k], "")
                    rule = "table " + names[k]
                    if say_field == "published":
                        say("table:" + names[k], line.cells[k + 1], rule)
                    else:
                        say(say_field, line.cells[k + 1], rule)
                    used.add(i)
            if i in used:
                return
        if not line.info:
            return
        used.add(i)
        dated = False
        for field, label, value in _labelled(line.text):
            if field in ("published", "updated"):
                if found := _stamp(value):
                    say(field, found[0], f"info line {label}")
                    dated = True
            elif field:
                value = VALUE_END_RE.split(value)[0].strip(OUTER + "[]【】（）()|")
                if found := DATE_RE.search(value):
                    value = value[: found.start()].strip(OUTER)
                say(field, value, f"info line {label}")
        if not dated and DATE_RE.search(line.text):
            undated.append(i)

    def guess() -> None:
        """Take the date of an info line that has no label for it, the nearest to the body."""
        for i in reversed(undated):
            if i >= start - 15 and (found := DATE_RE.search(lines[i].text)):
                say("published", found[0], "date line")
                rest = lines[i].text[found.end() :].strip(OUTER + "|《》[]【】()（）")
                if re.fullmatch(r"[\u4e00-\u9fff]{2,12}(?:报|网|社|台|周刊|杂志|发布)|新[浪华]\S{0,6}", rest):
                    say("source", rest, "date line")
        undated.clear()

    first = start if not plain else min(1, len(lines))
    for i in range(max(0, start - 60), first):
        hear(i)
    guess()
    day = day or read_date(said.get("published", ("", ""))[0])
    top = _head(lines, first, over, title, day)
    for i in range(first, top):
        hear(i)
    guess()
    foot = over  # where the labels below the text begin, within the container
    while foot > top and _is_below(lines[foot - 1], said, day):
        foot -= 1
    while (
        foot < over and not lines[foot].role and not (lines[foot].info and LABEL_RE.search(lines[foot].text))
    ):
        foot += 1
    for i in (*range(foot, min(end, over + 15)), *range(max(end, foot), min(len(lines), end + 15))):
        line = lines[i]
        if line.size > 120 or line.linked:
            continue
        if i < end:
            if not line.info or not LABEL_RE.match(line.text.lstrip("【[（(")):
                continue
            used.add(i)
        for field, label, value in _labelled(line.text):
            if field in ("editor", "duty", "source", "author"):
                say(field, VALUE_END_RE.split(value)[0].strip(OUTER), f"line below {label}")
            elif field in ("published", "updated") and label not in VAGUE and _stamp(value):
                say(field, value, f"line below {label}")
    return _Info(said, used, foot)


def _is_below(line: _Line, said: dict[str, tuple[str, str]], day: date | None) -> bool:
    """Say whether a line at the end of the container may stand below the text: names, links, tools of the page.

    The date of an event and a second 来源 that contradicts the page's own are the text's.
    """
    if line.role not in ("", "credit") or line.hidden or line.linked:
        return line.role != "site"
    told = list(_labelled(line.text.lstrip("【[（(")))
    if (told and all(label in VAGUE for _, label, _ in told)) or _disagrees(told, day):
        return False
    for field, _, value in told:
        if (
            field == "source"
            and field in said
            and value not in said[field][0]
            and said[field][0] not in value
        ):
            return False
    return line.role == "credit" or line.info


def extract(html: str, url: str | None = None) -> Extracted:
    """Take the article's fields and text out of a page, or out of a plain-text document.

    `url` makes addresses absolute and is the last resort for the date. The order of trust, the rule that
    decided being told in ``rules``:

    - title: ``ArticleTitle`` unless it is spam that no heading repeats, ``h1``, the platform's title
      container, a line above the body that ``<title>`` repeats, ``<title>`` without the site's name; the
      first line of plain text;
    - published: ``PubDate``, the info line, the open-government table, the date in the URL; never a date of
      the story or of the footer;
    - source: the info line or a line below the body, ``ContentSource``, and where no 来源 is printed at all
      the paper that the reporter's line names (``(连云港日报全媒体记者 …)``, as lyg01.net prints it);
    - text: the platform's container that holds the page's densest run of prose, else that run.

    >>> page = extract('''<h1>示例镇建成三座书屋</h1><div>时间：2021-04-06 15:13:48 来源：示例日报 阅读次数：</div>
    ... <div id=zoom><p>　　示例镇三座书屋昨日开放,市民可以免费借阅。</p><p>图书共有九千册。</p></div>''')
    >>> page.title, page.published.isoformat(), page.source
    ('示例镇建成三座书屋', '2021-04-06T15:13:48+08:00', '示例日报')
    >>> page.text
    '示例镇三座书屋昨日开放,市民可以免费借阅。\\n图书共有九千册。'
    >>> extract("")
    Extracted(title=None, text='', published=None, source=None, author=None, updated=None, editor=None, \
document_number=None, index_number=None, office=None, channel_name=None, images=(), attachments=(), links=(), \
rules=())
    """
    return extract_tree(parse(html), url)


def extract_tree(tree: HtmlElement, url: str | None = None) -> Extracted:
    """Do what `extract` does, on a parsed tree; the tree stays as it is."""
    plain = is_plain(tree)
    walk = _Walk()
    for part in tree:
        if part.tag.__class__ is str and part.tag not in SKIP:
            walk.walk(part, part.tag, 0)
            walk.flush(part, part.tag)
    lines = walk.lines
    meta = _meta(tree)
    start, end, how, top = _choose(walk, plain)
    named = _containers("body").get(how, (0, False))[1]
    over = _over(lines, start, end, named)
    title, title_rule = _title(walk, meta, tree, start, plain)
    info = _inform(lines, start, over, end, plain, title, read_date(meta.get("pubdate", "")))
    files = _file_lines(walk, start, over)
    kept = _trim(lines, start, over, info, title, named, files)
    rules: list[tuple[str, str]] = []
    if kept:
        rules.append(("body", how))
    said = info.said
    values: dict[str, str | None] = {}

    def settle(field: str, *found: tuple[str | None, str]) -> str | None:
        for value, rule in found:
            if value:
                rules.append((field, rule))
                return value
        return None

    def printed(field: str) -> tuple[str | None, str]:
        return said.get(field, (None, ""))

    if title:
        rules.append(("title", title_rule))
    published: datetime | date | None = None
    dated = ""
    for text, rule in (
        (meta.get("pubdate"), "meta PubDate"),
        printed("published"),
        printed("table:发布日期"),
        printed("table:公开日期"),
        printed("table:发文日期"),
        printed("table:成文日期"),
        printed("table:生成日期"),
        printed("updated"),
        (meta.get("article:published_time"), "meta article:published_time"),
        (meta.get("publishdate"), "meta publishdate"),
    ):
        if not text or (found := read_date(text)) is None:
            continue
        if published is None or (rule != "info line 更新时间" and _refines(found, published)):
            published, dated = found, rule
    if published is not None:
        rules.append(("published", dated))
    if published is None and (published := _url_date(url)):
        rules.append(("published", "URL"))
    updated = read_date(said["updated"][0]) if "updated" in said else None
    if updated:
        rules.append(("updated", said["updated"][1]))
    text = "\n".join(lines[i].text for i in kept)
    byline = _byline(lines, kept)
    paper = PAPER_RE.search(text[:400])
    values["source"] = settle(
        "source",
        printed("source"),
        (meta.get("contentsource"), "meta ContentSource"),
        (paper[1] if paper else None, "reporter line"),
    )
    values["author"] = settle(
        "author", printed("author"), (byline, "reporter line"), (_name(meta), "meta Author")
    )
    values["editor"] = settle("editor", printed("editor"))
    number = next((m[0] for i in kept[:4] if (m := NUMBER_RE.fullmatch(lines[i].text))), None)
    values["document_number"] = settle(
        "document_number", printed("document_number"), (number, "line of its own")
    )
    values["index_number"] = settle("index_number", printed("index_number"))
    values["office"] = settle("office", printed("office"))
    values["channel_name"] = settle(
        "channel_name", (meta.get("columnname"), "meta ColumnName"), (_crumb(lines, start), "breadcrumb")
    )
    images = _images(walk, kept, top, url, files)
    attachments, links = _files(walk, start, end, url)
    return Extracted(
        title=title,
        text=text,
        published=published,
        updated=updated,
        images=images,
        attachments=attachments,
        links=links,
        rules=tuple(rules),
        **values,
    )


def _refines(found: datetime | date, known: datetime | date) -> bool:
    """Say whether one date tells the same moment more exactly than another."""
    if not isinstance(found, datetime):
        return False
    if not isinstance(known, datetime):
        return found.date() == known
    return known.second == 0 and found.second > 0 and found.replace(second=0) == known


def _trim(
    lines: Sequence[_Line],
    start: int,
    over: int,
    info: _Info,
    title: str | None,
    named: bool,
    files: set[int],
) -> list[int]:
    """Say which lines of the body are text: no info lines, no furniture, nothing after it is over."""
    kept: list[int] = []
    same = _bare(title) if title else None
    visible = sum(lines[i].size for i in range(start, over) if not lines[i].hidden)
    hidden = sum(lines[i].size for i in range(start, over) if lines[i].hidden)
    listed = False  # in a list of links below a heading of such lists
    for i in range(start, over):
        line = lines[i]
        if i in info.lines or (line.hidden and hidden <= visible):
            continue
        role = line.role
        listed = listed and line.linked
        if listed or role == "drop" or (line.linked and i >= info.foot):
            continue
        if role == "credit" and (not kept or i >= info.foot):
            continue
        if role in ("comments", "end", "below"):
            listed = i + 1 < over and lines[i + 1].linked
            if not named or listed or line.link * 3 > line.size or (role != "below" and not kept):
                continue
        if role == "site" and not named and not kept:
            continue
        if not kept and same and _bare(line.text) == same:
            continue
        kept.append(i)
    foot = len(kept)
    while foot and (kept[foot - 1] in files or FILES_RE.fullmatch(lines[kept[foot - 1]].text)):
        foot -= 1  # a list of files at the end, and its heading
    if foot or not kept or kept[0] not in files:
        del kept[foot:]
    return kept


FILES_RE = re.compile(r"[【\[]?(?:相关)?附件(?:下载|列表)?[】\]]?[:：]?")
FILE_HEAD_RE = re.compile(
    r"[\s【\[(（]*(?:相关)?(?:附件|附表)[\d一二三四五六七八九十]{0,3}(?:下载|列表)?[】\])）]*\s*[:：]"
)
BESIDE_FILE_RE = re.compile(
    r"(?:点击|文件)?(?:下载|查看)|[KM]B?(?![a-z])|[\d一二三四五六七八九十\W_]+", re.IGNORECASE
)
"""What a list of files has besides their names: numbers, sizes, brackets."""


def _is_file(href: str) -> bool:
    return FILE_RE.search(href) is not None or (
        UPLOAD_RE.search(href) is not None and not PICTURE_RE.search(href) and not PAGE_RE.search(href)
    )


def _file_lines(walk: _Walk, start: int, over: int) -> set[int]:
    """Find the lines of the text that are nothing but files offered: ``附件：``, links to files, or a file's name."""
    names: dict[int, list[str]] = {}
    others: set[int] = set()
    for place, el in walk.anchors:
        if _is_file(el.get("href").strip()):
            names.setdefault(place, []).append(tidy(el.text_content()))
        else:
            others.add(place)
    found: set[int] = set()
    for i in range(start, over):
        line = walk.lines[i]
        if i in names and i not in others:
            rest = line.text
            for name in names[i]:
                rest = rest.replace(name, " ", 1)
            rest = FILE_HEAD_RE.sub("", rest, count=1)
            if not BESIDE_FILE_RE.sub("", rest):
                found.add(i)
        elif (
            line.size <= 120
            and (head := FILE_HEAD_RE.match(line.text))
            and FILE_RE.search(line.text, head.end())
        ):
            found.add(i)
    return found


def _byline(lines: Sequence[_Line], kept: Sequence[int]) -> str | None:
    """Read the reporters' and correspondents' names from the body's first and last lines."""
    for i in (*kept[:2], *kept[-3:]):
        text = lines[i].text
        for found in REPORTER_RE.finditer(text):
            before, after = text[: found.start()], text[found.end() :]
            inside = max(before.rfind("("), before.rfind("（")) > max(before.rfind(")"), before.rfind("）"))
            if inside or (len(before) <= 24 and len(after) <= 12):
                names = [n for group in found.groups() if group for n in re.split(r"[ \u3000、，,/]+", group)]
                return " ".join(names)
    return None


def _name(meta: dict[str, str]) -> str | None:
    """Give ``Author`` if it is people's names: publishing systems put their maker there."""
    name = meta.get("author", "")
    return name if re.fullmatch(NAMES, name) and not SITE_RE.search(name) and "网络" not in name else None


CRUMB_RE = re.compile(r"\s*(?:>+|»|›|＞|→|/|·|\t|-)\s*")


def _crumb(lines: Sequence[_Line], start: int) -> str | None:
    """Read the channel from the breadcrumbs: their last part that is not the page itself."""
    for line in reversed(lines[:start]):
        text = line.text
        if line.size <= 120 and (
            re.match(r"(?:您|你)?(?:现在|当前)?(?:所在|的)?的?位置|当前位置|首页\s*[>»›＞→]", text)
            or (line.link * 3 > line.size and re.search(r"\S\s*[>»›＞]\s*\S", text))
            or re.fullmatch(r"[\u4e00-\u9fff]{2,8}\s*[>»›＞]\s*[\u4e00-\u9fff]{2,12}", text)
        ):
            parts = [p.strip(OUTER) for p in CRUMB_RE.split(re.sub(r"^[^:：>]*[:：]", "", text))]
            parts = [
                p for p in parts if p and p not in ("正文", "内容", "详情", "详细内容", "首页", "浏览文章")
            ]
            if parts and len(parts[-1]) <= 20:
                return parts[-1]
    return None


def _images(
    walk: _Walk, kept: Sequence[int], top: HtmlElement | None, url: str | None, files: set[int]
) -> tuple[tuple[str, str | None], ...]:
    """Pair each picture of the body with its caption: the short line right after it."""
    if not kept or top is None:
        return ()
    found: list[tuple[str, str | None]] = []
    lines = walk.lines
    text = set(kept)
    first, last = max(0, kept[0] - 3), kept[-1] + 1
    for k, (place, el) in enumerate(walk.images):
        src = el.get("src") or el.get("data-src") or ""
        if not first <= place <= last or not src or src.startswith("data:"):
            continue
        if ICON_RE.search(src) or ICON_RE.search(el.get("alt") or "") or top not in el.iterancestors():
            continue
        following = walk.images[k + 1][0] if k + 1 < len(walk.images) else None
        caption = None
        if place in text and place not in files and following != place:
            line = lines[place]
            if (line.size <= 60 and not line.text.endswith(("。", "：", ":"))) or (
                line.size <= 80 and re.search(r"(?:摄|供图|图片|图)[）)]?$", line.text)
            ):
                caption = line.text
        found.append((join(url, src), caption))
    return tuple(found)


ICON_RE = re.compile(
    r"(?:^|[/_-])(?:ewm|qr|qrcode|icon|logo|share|print|close|dot|blank|spacer)\w*\.|二维码", re.IGNORECASE
)
"""Pictures that belong to the page and not to the article, by their names."""


def _files(
    walk: _Walk, start: int, end: int, url: str | None
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Sort the links of the body, and the files offered around it, into attachments and other links."""
    files: dict[str, str] = {}
    links: dict[str, None] = {}
    for place, el in walk.anchors:
        href = (el.get("href") or "").strip()
        if not href or href[0] == "#" or href[:11].lower() == "javascript:" or href[:7].lower() == "mailto:":
            continue
        if _is_file(href):
            if place >= start - 3:
                address = join(url, href)
                name = tidy(el.text_content()) or tidy(el.get("title") or "") or address.rsplit("/", 1)[-1]
                files.setdefault(address, name)
        elif start <= place < end and not PICTURE_RE.search(href):
            address = join(url, href)
            if address.startswith(("http://", "https://")):
                links.setdefault(address)
    return tuple(files.items()), tuple(links)
