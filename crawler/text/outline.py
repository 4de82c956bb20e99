"""The one look at a page's elements: its lines, and where its links, pictures, scripts and named parts are.

lxml makes an object for each element that is asked for, and that costs more than the parse. So each element is
touched once, in document order, and what the later stages need is kept in plain lists.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import chain, compress, islice
from typing import Any, NamedTuple

import lxml.etree
from lxml.etree import _Element as Element

from crawler.text.hiding import conceals
from crawler.text.labels import OUTER
from crawler.text.lines import OFTEN, Line, heard, said, tidy
from crawler.text.repeats import WRITTEN, Key, Repeats, source
from crawler.text.tables import read

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
        *("source", "track", "wbr"),  # libxml2 puts what follows them into them
    ]
)
"""Elements that run on within a line."""

SKIP = frozenset(
    [
        "head",
        "title",
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
    ]
)
"""Elements whose inside is no text to read."""

JUNK_TAGS = frozenset(("nav", "footer", "aside"))
JUNK_RE = re.compile(
    r"(?:^|[\s_-])(?:foot(?:er)?|copyright|nav|menu|crumbs?|breadcrumb|sidebar|related|share|bdsharebuttonbox"
    r"|bshare|comments?|pagination|pager|friend-?links?|qrcode|ewm|hot|rank|recommend)(?:$|[\s_-])",
    re.IGNORECASE,
)
"""Names of what surrounds articles, as whole words of ids and classes."""

HIDDEN_RE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


@cache
def containers(field: str) -> dict[str, tuple[int, bool]]:
    """Give selector -> (rank, whether its name alone is trusted) for one field."""
    rows = [(s, trust) for f, trust, s in read("containers") if f == field]
    return {s: (rank, trust == "named") for rank, (s, trust) in enumerate(rows)}


class Traits(NamedTuple):
    """What a tag and its attributes tell of an element."""

    bodies: tuple[str, ...]
    """The selectors of article bodies that it answers to."""
    titles: tuple[str, ...]
    junk: bool
    """Whether it is named as what surrounds articles."""
    hidden: bool
    """Whether it is not shown, by the plainest ways; these serve honest pages too."""
    covered: bool
    """Whether it is not shown, by any way."""


NO_TRAITS = Traits((), (), False, False, False)

TELLING = frozenset(("id", "class", "style", "hidden"))
"""Attributes by which traits are told."""
ODD = frozenset(("marquee", "iframe"))
"""Elements that their size may hide."""


@lru_cache(4096)
def traits(tag: str, attributes: tuple[tuple[str, str], ...]) -> Traits:
    """Look up what a tag and its telling attributes tell; templates repeat them on page after page."""
    own = dict(attributes)
    id_, class_, style = own.get("id"), own.get("class", ""), own.get("style", "")
    names = [f"#{id_}"] if id_ else []
    for word in class_.split():
        names += (f".{word}", f"{tag}.{word}")
    names.append(tag)
    bodies = tuple(name for name in names if name in containers("body"))
    titles = tuple(name for name in names if name in containers("title"))
    junk = not bodies and (tag in JUNK_TAGS or JUNK_RE.search(f"{id_ or ''} {class_}") is not None)
    hidden = "hidden" in own or HIDDEN_RE.search(style) is not None
    found = Traits(bodies, titles, junk, hidden, hidden or conceals(tag, own))
    return NO_TRAITS if found == NO_TRAITS else found


class Spot(NamedTuple):
    """An element by which the page names a part of itself: lines[start:end]."""

    selector: str
    start: int
    end: int
    el: Element


class Anchor(NamedTuple):
    """A link of the page."""

    place: int
    """The number of the line in which it stands; -1 where nobody reads it."""
    el: Element
    href: str
    at: int
    """How many pieces of text stand before it."""
    covered: bool
    """Whether it or what holds it is not shown, as far as attributes tell."""


class Head(NamedTuple):
    """A ``<title>`` or ``<meta>``."""

    name: str
    """The name or property in lower case; ``<title>`` for a title."""
    text: str
    el: Element


class Outline:
    """What the one look has found."""

    __slots__ = (
        "anchors",
        "begun",
        "bodies",
        "comments",
        "heads",
        "images",
        "lines",
        "pieces",
        "scripts",
        "styles",
        "titles",
        "unread",
    )

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.pieces: list[str] = []
        """All text that is read, in order, as it stands in the tree."""
        self.unread: list[str] = []
        """Text in elements that nobody reads, scripts and style sheets left out."""
        self.bodies: list[Spot] = []
        self.titles: list[Spot] = []
        self.images: list[tuple[int, Element]] = []
        """Pictures, each with the number of its line."""
        self.anchors: list[Anchor] = []
        self.heads: list[Head] = []
        self.scripts: list[Element] = []
        """``<script>`` and ``<iframe>``."""
        self.styles: list[Element] = []
        self.comments: list[Element] = []
        self.begun = -1
        """How many lines stand before the page's head, where something was put before ``<html>``."""

    def lists(self) -> tuple[list[Any], ...]:
        """Give all that was found."""
        return (
            *(self.lines, self.pieces, self.unread, self.anchors, self.images),
            *(self.bodies, self.titles, self.heads, self.scripts, self.styles, self.comments),
        )

    def sizes(self) -> tuple[int, ...]:
        """Say how much was found of everything."""
        return tuple(map(len, self.lists()))


INLINED, LINED, ROW, SKIPPED = range(4)
"""How the inside of an element is read: within a line, as lines of its own, cell by cell, not at all."""
BREAK, PICTURE, META, SCRIPT, STYLE, COMMENT, NOTHING = range(4, 11)
"""What has no element in it."""


class _Modes(dict[Any, int]):
    """How each tag is read; a comment has a function for a tag."""

    def __missing__(self, tag: str) -> int:
        return INLINED if ":" in tag else LINED


MODES = _Modes({"tr": ROW, "br": BREAK, "img": PICTURE, "meta": META, "script": SCRIPT, "style": STYLE})
MODES.update(dict.fromkeys(INLINE, INLINED) | dict.fromkeys(SKIP, SKIPPED))
MODES.update(dict.fromkeys(("link", "base", "input", "param"), NOTHING))
MODES.update({lxml.etree.Comment: COMMENT})
MODES.update(dict.fromkeys((lxml.etree.ProcessingInstruction, lxml.etree.Entity), NOTHING))
NAMED = JUNK_TAGS | frozenset(s for _, _, s in read("containers") if s[0] not in "#.")
"""Tags that tell something without an attribute."""


def read_outline(root: Element) -> Outline:
    """Look at each element of a page once, in document order, and give what was found."""
    found = Outline()
    lines, pieces, unread = found.lines, found.pieces, found.unread
    mark = linked = hops = 0  # of the next line: its first piece, its characters of link text, its distance
    filled = False  # whether it has a piece
    # The open element, the tag of its nearest block, how it is read, what it is, and what it lies in.
    el, kind, mode, own = root, "html", ROW, NO_TRAITS
    hidden = covered = junk = in_link = False
    start = before = 0  # of the nearest block: its first line, and the distance if it has none
    cells: list[tuple[int, int]] | None = None  # of the nearest row; None if it holds more than cells
    outer: list[Any] = []  # the same of all that `el` lies in
    new: tuple[Element, Key, tuple[int, ...]] | None = (
        None  # a part to be kept: what it begins with, and where
    )
    written = 0

    def flush() -> None:
        nonlocal mark, linked, hops, filled
        text = pieces[mark] if len(pieces) == mark + 1 else "".join(pieces[mark:])
        text = text.strip(OUTER)
        mark, filled = len(pieces), False
        what = heard(text) if len(text) <= OFTEN else said(tidy(text))
        if what[0]:
            lines.append(Line(what, linked, el, kind, hops, hidden, junk, covered))
            hops = 0
        linked = 0

    walk = root.iterdescendants()
    for child in chain(walk, (None,)):
        up = root if child is None else child.getparent()
        while el is not up:  # it is over
            text = el.tail
            if INLINED < mode < SKIPPED:
                if filled:
                    flush()
                if new is not None and el is new[0]:
                    REPEATS.keep(new[1], _part(found, el, new[2], hops))
                    new = None
                if cells and mode == ROW and _join_cells(found, el, start, before, cells):
                    hops = 0
                first, end, tag = start, len(lines), kind
                if end == first:
                    hops = before  # a blank paragraph is no distance
                if own.bodies or own.titles:
                    found.bodies += [Spot(name, first, end, el) for name in own.bodies]
                    found.titles += [Spot(name, first, end, el) for name in own.titles]
                el, kind, mode, own, hidden, covered, junk, in_link, start, before, cells = outer.pop()
                if mode != ROW:
                    hops += end > first
                elif tag == "td" or tag == "th":
                    if cells is not None:
                        cells.append((first, end))
                else:
                    cells = None
            else:
                el, kind, mode, own, hidden, covered, junk, in_link, start, before, cells = outer.pop()
            if text:
                if mode >= ROW:
                    unread.append(text)
                elif filled or not text.isspace():
                    pieces.append(text)
                    filled = True
                    if in_link:
                        linked += len(text.strip())
        if child is None:
            break
        tag = child.tag
        how = MODES[tag]
        if how > SKIPPED:
            if how == BREAK:
                if filled:
                    flush()
            elif how == PICTURE:
                if mode < ROW:
                    found.images.append((len(lines) + filled, child))
            elif how == META:
                found.heads.append(_head(child))
                if mode == LINED and kind == "body":
                    found.begun = len(lines) + filled
            elif how == SCRIPT:
                found.scripts.append(child)
            elif how == STYLE:
                found.styles.append(child)
            elif how == COMMENT:
                found.comments.append(child)
            text = child.tail
        else:
            if mode == SKIPPED:
                how = SKIPPED
            elif how == INLINED and mode == ROW:
                how = LINED
            if INLINED < how < SKIPPED and filled:
                flush()
            what, inside = NO_TRAITS, in_link
            attributes: Any = ()
            if tag == "a":
                href = None
                for name, value in child.items():
                    if name == "href":
                        href = value
                    elif name == "style" or name == "hidden":
                        what = traits(tag, ((name, value),))
                if href is not None:
                    reads = how < ROW and not in_link
                    place = len(lines) if reads else -1
                    found.anchors.append(Anchor(place, child, href, len(pieces), covered or what.covered))
                    inside = in_link or (reads and href[:1] != "#")
            elif tag == "iframe":
                found.scripts.append(child)
            elif tag == "title":
                found.heads.append(Head("<title>", child.text or "", child))
                if mode == LINED and kind == "body":
                    found.begun = len(lines) + filled
            if len(child) == 0 and how == INLINED:
                text = child.text
                if text and (filled or not text.isspace()):
                    pieces.append(text)
                    filled = True
                    if inside:
                        linked += len(text.strip())
                text = child.tail
            else:
                if tag != "a":
                    attributes = child.items()
                    if attributes and tag not in ODD:
                        attributes = [pair for pair in attributes if pair[0] in TELLING]
                    attributes = tuple(attributes)
                    if attributes or tag in NAMED:
                        what = traits(tag, attributes)
                outer.append((el, kind, mode, own, hidden, covered, junk, in_link, start, before, cells))
                el, mode, own, in_link = child, how, what, inside
                if what is not NO_TRAITS:
                    covered = covered or what.covered
                    if up is root:  # a style of the whole page is taken back by a script
                        own = NO_TRAITS
                    hidden = hidden or own.hidden
                if INLINED < how < SKIPPED:
                    kind, start, before = tag, len(lines), hops
                    if how == ROW:
                        cells = []
                    hops += up is not root
                    junk = junk or own.junk
                    if how == LINED and new is None and up is not root and written < WRITTEN and len(child):
                        opening = tag, attributes
                        if REPEATS.worth(opening):
                            key = source(child), hops, hidden, covered, junk, in_link
                            written += len(key[0])
                            if part := REPEATS.find(key, opening):
                                inner = islice(walk, len(part.held) - 1)
                                part.repeat(found, [*compress(chain((child,), inner), part.held)])
                                mark, hops = len(pieces), part.hops
                                continue
                            if REPEATS.met(key):
                                new = child, key, found.sizes()
                text = child.text
        if text:
            if mode >= ROW:
                unread.append(text)
            elif filled or not text.isspace():
                pieces.append(text)
                filled = True
                if in_link:
                    linked += len(text.strip())
    return found


class Part(NamedTuple):
    """What was found in a part of a page; elements by their numbers, all else counted from where the part begins."""

    held: bytes
    """Of the element that it begins with and of all in it, in order: whether something below names it."""
    hops: int
    lines: list[tuple[tuple[Any, ...], int]]
    pieces: list[str]
    unread: list[str]
    anchors: list[tuple[int, int, str, int, bool]]
    images: list[tuple[int, int]]
    bodies: list[tuple[str, int, int, int]]
    titles: list[tuple[str, int, int, int]]
    heads: list[tuple[str, str, int]]
    scripts: list[int]
    styles: list[int]
    comments: list[int]

    def repeat(self, found: Outline, els: Sequence[Element]) -> None:
        """Find the same in the same part of another page."""
        first, begun = len(found.lines), len(found.pieces)
        found.lines += [Line.again(told, els[n]) for told, n in self.lines]
        found.pieces += self.pieces
        found.unread += self.unread
        found.anchors += [
            Anchor(place + first if place >= 0 else -1, els[n], href, at + begun, covered)
            for place, n, href, at, covered in self.anchors
        ]
        found.images += [(place + first, els[n]) for place, n in self.images]
        for spots, known in (found.bodies, self.bodies), (found.titles, self.titles):
            spots += [Spot(name, start + first, end + first, els[n]) for name, start, end, n in known]
        found.heads += [Head(name, text, els[n]) for name, text, n in self.heads]
        found.scripts += [els[n] for n in self.scripts]
        found.styles += [els[n] for n in self.styles]
        found.comments += [els[n] for n in self.comments]


REPEATS: Repeats[Part] = Repeats()


def _part(found: Outline, top: Element, sizes: Sequence[int], hops: int) -> Part:
    """Give what was found in an element, given how much there was of everything before it."""
    lines, pieces, unread, anchors, images, bodies, titles, heads, *rest = (
        some[size:] for some, size in zip(found.lists(), sizes, strict=True)
    )
    first, begun = sizes[:2]
    els = [top, *top.iterdescendants()]
    named = {entry.el for entry in chain(lines, anchors, bodies, titles, heads)}
    named.update(el for _, el in images)
    named.update(*rest)
    held = bytes(el in named for el in els)
    number = {el: n for n, el in enumerate(compress(els, held))}
    return Part(
        held,
        hops,
        [(line.told(), number[line.el]) for line in lines],
        pieces,
        unread,
        [
            (a.place - first if a.place >= 0 else -1, number[a.el], a.href, a.at - begun, a.covered)
            for a in anchors
        ],
        [(place - first, number[el]) for place, el in images],
        [(spot.selector, spot.start - first, spot.end - first, number[spot.el]) for spot in bodies],
        [(spot.selector, spot.start - first, spot.end - first, number[spot.el]) for spot in titles],
        [(head.name, head.text, number[head.el]) for head in heads],
        *([number[el] for el in some] for some in rest),
    )


def _head(el: Element) -> Head:
    name = el.get("name") or el.get("property") or el.get("itemprop") or ""
    return Head(name.strip().lower(), el.get("content", ""), el)


def _join_cells(found: Outline, tr: Element, start: int, hops: int, cells: Sequence[tuple[int, int]]) -> bool:
    """Make one line of a table row if its cells are short, as in tables of data."""
    lines = found.lines
    texts = []
    for first, end in cells:
        if first + 1 == end:
            text = lines[first].text
        elif first < end <= first + 4:
            text = " ".join(line.text for line in lines[first:end])
        elif first == end:
            continue
        else:
            return False
        if len(text) > 160 + end - first - 1:
            return False
        texts.append(text)
    if len(texts) < 2 or next(tr.iter("table"), None) is not None:
        return False
    inside = lines[start:]
    link, hidden = sum(line.link for line in inside), all(line.hidden for line in inside)
    covered = all(line.covered for line in inside)
    line = Line(said("\t".join(texts)), link, tr, "tr", hops, hidden, inside[0].junk, covered, tuple(texts))
    lines[start:] = [line]
    end = len(lines)
    for spots in (found.bodies, found.titles):  # a spot within the row now ends with the row
        for i, spot in enumerate(spots):
            if spot.end > end:
                spots[i] = spot._replace(start=min(spot.start, start), end=end)
    for i in range(len(found.images) - 1, -1, -1):
        if found.images[i][0] < end:
            break
        found.images[i] = (end - 1, found.images[i][1])
    for i in range(len(found.anchors) - 1, -1, -1):
        if found.anchors[i].place >= end:
            found.anchors[i] = found.anchors[i]._replace(place=end - 1)
        elif found.anchors[i].place >= 0:
            break
    return True
