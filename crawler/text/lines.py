"""One line of a page: a paragraph, a heading, a list item, a table row, and what can be told from it alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any

from lxml.etree import _Element as Element

from crawler.text.labels import (
    DATE_RE,
    FIELD_OF,
    LABEL_RE,
    OUTER,
    RANGE_RE,
    SQUEEZE_RE,
    TABLE_LABELS,
    TODAY_RE,
    labelled,
)
from crawler.text.tables import read

SPACE_RE = re.compile(r"[ \t\r\n\f\v\xa0]+")
WRAP_RE = re.compile(
    r"(?<=[\u2018-\u201d\u2e80-\u9fff\uff00-\uffef,;:!?])[ \t]*[\r\n]\s*(?=[\u2018-\u201d\u2e80-\u9fff\uff00-\uffef])"
)
"""A source line that breaks between two Chinese characters: browsers show a space there, no writer meant it."""

WIDTHLESS_RE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]")
"""What has no width and no meaning in a line; `unseen` names more, which a reader is shown."""


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
        text = WIDTHLESS_RE.sub("", text)
        return SPACE_RE.sub(" ", text).strip(OUTER)
    return SPACE_RE.sub(" ", text) if "  " in text else text


def bare(text: str) -> str:
    """Leave out all white space of a text, for comparing."""
    return "".join(text.split())


ROLES = ("comments", "end", "below", "site", "credit", "drop")
"""What a line of furniture does; see ``data/tables/furniture.tsv``. Where two fit a line, the first."""


@cache
def _furniture() -> tuple[tuple[str, str], ...]:
    """Give the patterns of furniture with their roles, in the order of `ROLES`."""
    return tuple(
        (pattern, role) for pattern, role in sorted(read("furniture"), key=lambda row: ROLES.index(row[1]))
    )


ATOM_RE = re.compile(r"\[\^?(?:\\.|[^\]\\])+\]|\\?.", re.DOTALL)
WIDE_RE = re.compile(r"\.|\\[DSWwb]|\[\^|\[.*(?:-.|\\[DSWwb])", re.DOTALL)
"""What may be anything, as far as it is worth a look."""
ANYTHING = "\0"
MANY_RE = re.compile(r"(?:[?*+]|\{(\d*),?\d*\})\??")


def _firsts(pattern: str, at: int = 0) -> tuple[str, bool, int]:
    """Give what a match can begin with, whether it can be empty, and where the pattern or its group ends.

    >>> _firsts("(?!上海)[【(]?(?:上|下)一?篇")[:2], _firsts("(?:.{0,3}备|\\\\s*x)")[:2]
    (('【(上下', False), ('\\x00备\\\\sx', False))
    """
    found, empty, fresh = "", False, True  # fresh: nothing has been read that must be there
    while at < len(pattern) and pattern[at] != ")":
        if pattern[at] == "|":
            empty, fresh, at = empty or fresh, True, at + 1
            continue
        first, void = pattern[at], pattern[at] in "^$"
        if first == "(":
            first, void, end = _firsts(pattern, at + 3)
            if pattern[at + 2] != ":":  # it looks ahead
                first, void = "", True
        else:
            atom = ATOM_RE.match(pattern, at)
            assert atom is not None
            end = atom.end() - 1
            first = ANYTHING if WIDE_RE.match(atom[0]) else atom[0][1:-1] if first == "[" else atom[0]
        at = end + 1
        if many := MANY_RE.match(pattern, at):
            at, void = many.end(), void or many[0][0] in "?*" or many[1] in ("", "0")
        if fresh:
            found, fresh = found + first, void
    return found, empty or fresh, at


@cache
def _begun() -> tuple[tuple[tuple[str, str], str, bool], ...]:
    """Give the rows of furniture, each with what a match begins with, in lower case, and whether it can be empty."""
    return tuple(
        (row, firsts.lower(), empty) for row in _furniture() for firsts, empty, _ in [_firsts(row[0])]
    )


@cache
def _loose() -> tuple[str, ...]:
    """Give the words of patterns that begin with anything: what these match holds one of them."""
    rows = [row[0] for row, firsts, _ in _begun() if ANYTHING in firsts]
    return tuple({word for pattern in rows for word in re.findall("[\u4e00-\u9fff]+", pattern)})


@cache
def _beginning(first: str, loose: bool) -> tuple[re.Pattern[str], tuple[str, ...]] | None:
    """Give one pattern of all furniture that a line with such a first character can match, and the roles by group.

    Not `loose`: without those that begin with anything.
    """
    low, space, digit = first.lower(), first.isspace(), first.isdecimal()
    rows = [
        row
        for row, firsts, empty in _begun()
        if empty
        or low in firsts
        or (loose and ANYTHING in firsts)
        or (space and "\\s" in firsts)
        or (digit and "\\d" in firsts)
    ]
    return _together(tuple(rows)) if rows else None


@cache
def _together(rows: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], tuple[str, ...]]:
    whole = "|".join(f"({pattern})" for pattern, _ in rows)
    return re.compile(whole, re.IGNORECASE), ("", *(role for _, role in rows))


Said = tuple[str, int, str, bool, bool, int]
"""What can be told from a line's text alone: the text, its size, its role, whether it has a mark such as sentences
have and is as long as part of one, whether it ends as sentences do, and one of `NEVER`, `ALWAYS` and `UNLINKED`."""

NEVER, ALWAYS, UNLINKED = range(3)
"""Whether a text is an info line: the last if it is not the text of links, as dates in lists of links are."""

OFTEN = 60
"""Characters up to which a line may well stand on the portal's other pages too."""


def said(text: str) -> Said:
    """Tell what a line says, given its text as it is read."""
    size = len(text)
    marked = size >= 10 and MARKS_RE.search(text) is not None
    ends = text[-1:] in LAST and END_RE.search(text, max(0, size - 3)) is not None
    return text, size, _role(text), marked, ends, _tells(text, ends)


@lru_cache(4096)
def heard(raw: str) -> Said:
    """Tell what a line says, given its text as it stands in the page; for those that pages repeat."""
    return said(tidy(raw))


class Line:
    """One line of the page."""

    __slots__ = (
        "cells",
        "covered",
        "el",
        "ends",
        "hidden",
        "hops",
        "info",
        "junk",
        "kind",
        "link",
        "role",
        "size",
        "text",
        "weight",
    )

    def __init__(
        self,
        said: Said,
        link: int,
        el: Element,
        kind: str,
        hops: int,
        hidden: bool,
        junk: bool,
        covered: bool,
        cells: tuple[str, ...] = (),
    ) -> None:
        self.text, size, role, marked, self.ends, info = said
        self.size = size
        self.role = role
        """What the line does if it is furniture, one of `ROLES`; empty for the rest."""
        if link > size:
            link = size
        self.link = link
        """How many of its characters are link text."""
        self.el = el
        self.kind = kind
        """The tag of the nearest block, or ``tr`` for a whole table row."""
        self.hops = hops
        """How many block borders lie between it and the line before: two between sibling paragraphs."""
        self.hidden = hidden
        """Whether it is not shown by the plainest ways, which honest pages use too."""
        self.covered = covered
        """Whether it is not shown by any way that its elements' own attributes tell."""
        self.junk = junk
        self.cells = cells
        table = bool(cells) and is_table_row(cells)
        if hidden or table:
            weight = -1.0
        elif role:
            weight = -3.0 if role == "credit" else -12.0
        elif link * 2 > size:
            weight = -6.0 - min(size, 60) * 0.4
        elif marked:
            weight = float(size - 3 * link)
        elif size >= 25:
            weight = 0.4 * size - 3 * link
        elif self.ends or kind in SHORT:
            weight = -1.0
        else:
            weight = -3.0
        self.weight = weight * 0.2 if junk and weight > 0 else weight
        """How much the line speaks for being part of an article's body; below 0: against."""
        self.info = info == ALWAYS or (info == UNLINKED and link * 2 <= size) or (table and size <= 160)
        """Whether the line is an info line."""

    def told(self) -> tuple[Any, ...]:
        """Give all that the line tells, apart from its element."""
        return TOLD(self)

    @classmethod
    def again(cls, told: tuple[Any, ...], el: Element) -> Line:
        """Make the line of what `told` gave and of its element."""
        line = cls.__new__(cls)
        line.el = el
        (
            line.cells,
            line.covered,
            line.ends,
            line.hidden,
            line.hops,
            line.info,
            line.junk,
            line.kind,
            line.link,
            line.role,
            line.size,
            line.text,
            line.weight,
        ) = told
        return line

    @property
    def linked(self) -> bool:
        """Whether most of the line is link text."""
        return self.link * 2 > self.size

    @property
    def prose(self) -> bool:
        """Whether the line is a sentence or more, so that the text goes on at least so far."""
        if self.hidden or self.role or self.linked:
            return False
        return self.ends or (self.weight >= 10 and not self.info)


TOLD = attrgetter(*(name for name in Line.__slots__ if name != "el"))

MARKS_RE = re.compile("[，。、；：！？,;!?”“…]")
END_RE = re.compile("[。！？!?；;…][”’」』）)]?$")
LAST = frozenset("。！？!?；;…”’」』）)\n")
"""What can be the last character of a text that `END_RE` finds."""


def _role(text: str) -> str:
    if not text or len(text) > 200:
        return ""
    known = _beginning(text[0], any(map(text.__contains__, _loose())))
    if known is None:
        return ""
    pattern, roles = known
    found = pattern.match(text)
    role = roles[found.lastindex or 0] if found else ""
    return "" if role == "drop" and len(text) > 120 else role


SHORT = frozenset(("h2", "h3", "h4", "li", "tr"))
"""Blocks of a text that are short by nature."""


def is_table_row(cells: Sequence[str]) -> bool:
    """Say whether a row is one of an open-government table: the label, then its value."""
    return any(SQUEEZE_RE.sub("", cell).rstrip(":：") in TABLE_LABELS for cell in cells[::2])


SENTENCE_RE = re.compile("[。！？]")
ENDS = frozenset(("", " ", "】", "]", *(label[-1] for label in FIELD_OF)))
"""How a line ends that is nothing but a label."""


TELLING_RE = re.compile("[12：:于今星农欢]")
"""What all but labels at the end of a line have in them: years, colons, 发布于, 发表于, the words of clock lines."""


def _tells(text: str, ends: bool) -> int:
    """Say whether a text is an info line: a date or labels with short values, and nothing besides.

    A line of the story may hold a date or `时间：` as well, but then much else.
    """
    if len(text) > 160 or (text[-1:] not in ENDS and TELLING_RE.search(text) is None):
        return NEVER
    # Looking for plain characters first spares most lines the patterns.
    clock = "今天" in text or "星期" in text or "农历" in text or "欢迎" in text
    if ends and not clock and "：" not in text and ":" not in text and "于" not in text:
        return NEVER  # a sentence
    dated = "20" in text or "19" in text
    days = list(DATE_RE.finditer(text)) if dated else []
    term = days and any(RANGE_RE.match(text, day.end()) for day in days)
    if clock and TODAY_RE.search(text):
        return NEVER if text.endswith(("。", "；")) or (term and LABEL_RE.match(text)) else ALWAYS
    if term:
        return NEVER
    rest = DATE_RE.sub("", text) if days else text
    labels = "：" in rest or ":" in rest or rest[-1:] in ENDS or "布于" in rest or "表于" in rest
    found = list(LABEL_RE.finditer(rest)) if labels else []
    if not found:
        if not days or len(rest) > 44 or ends:
            return NEVER
        return ALWAYS if text.startswith("http") else UNLINKED  # the site's address, linked, then the date
    if any(FIELD_OF[SQUEEZE_RE.sub("", m[1])] in ("editor", "duty") for m in found) and found[0].start() == 0:
        return ALWAYS if len(text) <= 80 and not SENTENCE_RE.search(text) else NEVER
    values = [value for _, _, value in labelled(rest)]
    short = all(len(value) <= 30 and not SENTENCE_RE.search(value) for value in values)
    return ALWAYS if short and found[0].start() <= 44 else NEVER
