"""The text of a page with every change marked where it was made: both readings at once, and what was cut out in its place.

The edits of all steps are composed to one list of changes between the page as decoded and the page as repaired. Where
they stand in the text is told by the parser itself: the repaired page is parsed a second time with a sign of its own at
both ends of each change. Where the page's text goes is told by its elements: those that were cut out, those that nobody
reads, and the lines that were taken. White space aside, each character of the article is so one character of the page,
and whatever does not come out so is said, not shown.
"""

from __future__ import annotations

import html
import re
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby, pairwise
from typing import NamedTuple

import lxml.etree
import lxml.html
from lxml.etree import _Element as Element

from crawler.text.blocks import Removed, judge_tree
from crawler.text.encoding import decode
from crawler.text.extraction import Extracted, extract_tree, find_places
from crawler.text.lines import WIDTHLESS_RE, Line
from crawler.text.memory import Memory
from crawler.text.outline import INLINED, LINED, MODES, ROW, SKIPPED
from crawler.text.tampering import Edit, Step, apply, repair
from crawler.text.trees import LINE, Tree, parse, text_of

CHANGES = 10_000
"""How many changes of one page are placed; beyond that the page is not marked."""
PAGE = 2_000_000
"""Characters of a page beyond which it is not marked."""
CUT = 20_000
"""Characters of one piece of text within which several cuts are looked for."""

WEIGHT = {"proven": 0, "inferred": 1, "lost": 2}
"""Certainties, the surest first."""


class Change(NamedTuple):
    """What all steps together made of one place."""

    start: int
    """Counts characters in the text after the last step."""
    before: str
    """What stood there before the first step."""
    after: str
    edits: tuple[tuple[int, int], ...]
    """The edits that it is made of: number of the step, number of the edit in it."""


class Segment(NamedTuple):
    """A piece of a line: as it was, or changed."""

    text: str
    """As the article has it; empty where something was cut out."""
    before: str | None = None
    """As the page had it; None where nothing was changed."""
    certainty: str = ""
    """Of a change: that of its least certain edit."""
    fixers: tuple[str, ...] = ()
    edits: tuple[tuple[int, int], ...] = ()
    suspect: int | None = None
    """The number of the suspected block that it belongs to."""
    removed: int | None = None
    """The number of the block that was cut out right here, within the line."""


class Passage(NamedTuple):
    """One line, or one block that was cut out between lines."""

    kind: str
    """``text``; ``title`` and ``info`` for changed lines that tell of the article; ``removed``."""
    segments: tuple[Segment, ...] = ()
    removed: int | None = None


class Marked(NamedTuple):
    """A page's text with all changes in place."""

    passages: tuple[Passage, ...]
    """The lines of the text, and the blocks that were cut out among them, in order."""
    told: tuple[Passage, ...]
    """Lines beside the text that were changed: title, date, source."""
    elsewhere: tuple[tuple[str, str, int], ...]
    """(fixer, certainty, edits) in other places of the page, such as its menus."""
    unplaced: tuple[int, ...]
    """Numbers of removed blocks whose place was not found again."""
    steps: tuple[Step, ...]
    removed: tuple[Removed, ...]
    suspects: tuple[Removed, ...]
    extracted: Extracted
    problem: str | None = None
    """Why the changes could not be placed; then `passages` are the plain lines."""

    @property
    def text(self) -> str:
        """The text as the article has it: what was put in kept, what stood there left out."""
        return "\n".join(read(passage) for passage in self.passages if passage.kind == "text")

    @property
    def captured(self) -> str:
        """The same lines as the page had them: what stood there kept, what was put in left out."""
        return "\n".join(unread(passage) for passage in self.passages if passage.kind == "text")


def read(passage: Passage) -> str:
    """Give a passage as the article has it."""
    return "".join(segment.text for segment in passage.segments)


def unread(passage: Passage) -> str:
    """Give a passage as the page had it."""
    return "".join(segment.text if segment.before is None else segment.before for segment in passage.segments)


def write(marked: Marked) -> str:
    """Write a marked text as plain text: ``[-what stood there-]{+what it became+}``, ``[✂ what was cut out]``.

    >>> write(mark_page("<h1>時(shí)間</h1><div id=zoom><p>社會(huì)救助體系,時(shí)候,會(huì)議,實(shí)事。發(fā)展,連(lián)續(xù)。</p></div>".encode(), "a.html"))
    '社[-會(huì)-]{+会+}救助[-體-]{+体+}系,[-時(shí)-]{+时+}候,[-會(huì)議-]{+会议+},[-實(shí)-]{+实+}事。[-發(fā)-]{+发+}展,[-連(lián)續(xù)-]{+连续+}。'
    """
    lines = []
    for passage in marked.passages:
        if passage.removed is not None:
            lines.append(f"[✂ {' '.join(marked.removed[passage.removed].text.split())}]")
            continue
        line = ""
        for changed, run in groupby(passage.segments, key=lambda segment: segment.before is not None):
            held = list(run)
            after, before = read(Passage("", tuple(held))), unread(Passage("", tuple(held)))
            if changed:
                cut = (marked.removed[each.removed].text for each in held if each.removed is not None)
                line += "".join(f"[✂ {' '.join(text.split())}]" for text in cut)
                line += (f"[-{before}-]" if before else "") + (f"{{+{after}+}}" if after else "")
            else:
                line += after
        lines.append(line)
    return "\n".join(lines)


def compose(steps: Sequence[Step]) -> tuple[Change, ...]:
    """Make one list of changes of the edits of several steps; they are sorted and do not overlap.

    >>> steps = (Step("pinyin-note", "proven", (Edit(1, "(shí)", ""),)), Step("traditional", "proven", (Edit(0, "時間", "时间"),)))
    >>> for change in compose(steps): print(*change)
    0 時 时 ((1, 0),)
    1 (shí)  ((0, 0),)
    1 間 间 ((1, 0),)
    >>> compose((Step("mojibake", "inferred", (Edit(2, "ab", "甲"),)), Step("broken-pair", "lost", (Edit(1, "x甲y", "乙"),))))
    (Change(start=1, before='xaby', after='乙', edits=((0, 0), (1, 0))),)
    """
    changes: list[Change] = []
    for number, step in enumerate(steps):
        changes = _take_in(changes, list(_single(step)), number)
    return tuple(changes)


def _take_in(changes: Sequence[Change], edits: Sequence[tuple[Edit, int]], step: int) -> list[Change]:
    """Put the edits of a step among the changes before it."""
    merged: list[Change] = []
    at = done = shift = 0  # the next change, the next edit, how far what follows has moved
    while done < len(edits):
        edit, number = edits[done]
        while at < len(changes) and _is_before(changes[at], edit):
            merged.append(changes[at]._replace(start=changes[at].start + shift))
            at += 1
        first, together, causes = at, [edit], [(step, number)]
        done += 1
        while True:  # a change may reach into the next edit, an edit into the next change
            if at < len(changes) and _touches(changes[at], together[-1]):
                at += 1
            elif done < len(edits) and at > first and _touches(changes[at - 1], edits[done][0]):
                together.append(edits[done][0])
                causes.append((step, edits[done][1]))
                done += 1
            else:
                break
        one = _join(changes[first:at], together, causes)
        merged.append(one._replace(start=one.start + shift))
        shift += sum(len(each.after) - len(each.before) for each in together)
    return [*merged, *(change._replace(start=change.start + shift) for change in changes[at:])]


def _single(step: Step) -> Iterator[tuple[Edit, int]]:
    """Give the edits of a step with their numbers; those that exchange characters one by one come one by one."""
    for number, edit in enumerate(step.edits):
        start, before, after = edit
        if step.fixer == "traditional" and len(before) == len(after):
            for at, (old, new) in enumerate(zip(before, after, strict=True)):
                if old != new:
                    yield Edit(start + at, old, new), number
        else:
            yield edit, number


def _touches(change: Change, edit: Edit) -> bool:
    """Say whether an edit takes in some of what a change before it has made."""
    return change.start < edit.start + len(edit.before) and edit.start < change.start + len(change.after)


def _is_before(change: Change, edit: Edit) -> bool:
    """Say whether a change stands wholly before an edit; what was cut out at its beginning does."""
    return change.start + len(change.after) <= edit.start


def _join(changes: Sequence[Change], edits: Sequence[Edit], causes: Sequence[tuple[int, int]]) -> Change:
    """Make one change of edits and of the changes that they take in."""
    if not changes:
        return Change(*edits[0], tuple(causes))
    spans = [(each.start, each.after) for each in changes] + [(each.start, each.before) for each in edits]
    start = min(first for first, _ in spans)
    letters = [""] * (max(first + len(text) for first, text in spans) - start)
    for first, text in spans:
        letters[first - start : first - start + len(text)] = text
    now = "".join(letters)
    before = apply(now, [Edit(each.start - start, each.after, each.before) for each in changes])
    after = apply(now, [each._replace(start=each.start - start) for each in edits])
    edited = dict.fromkeys(one for change in changes for one in change.edits)
    return Change(start, before, after, tuple(dict.fromkeys((*edited, *causes))))


# ------------------------------------------------------------------------------------------------- places

BLANK_RE = re.compile(rf"[\s{WIDTHLESS_RE.pattern[1:-1]}]+")
"""What does not count where a text is held against another: lines are read without much of it."""
SIGN_RE = re.compile("([\U000f0000-\U0010fffd])")
FIRST_SIGN = 0xF0000
TAG_RE = re.compile(r"<!--.*?-->|<[!/?A-Za-z][^<>]*>", re.DOTALL)
ENTITY_RE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});?")


class _Lost(Exception):
    """Says why changes cannot be placed."""


def solid(text: str) -> str:
    """Leave out white space and invisible characters.

    >>> solid("　昨日， 书\\u200b屋\\n开放")
    '昨日，书屋开放'
    """
    return BLANK_RE.sub("", text)


Slot = tuple[Element, bool]
"""A place for text in a tree: an element's own, or (True) the one behind it."""


def _slots(root: Element) -> Iterator[tuple[Slot, str, Element | None]]:
    """Give the texts of a tree in document order, each with its place and the element in which it stands."""
    above: list[Element] = []
    for event, el in lxml.etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if event == "start":
            yield (el, False), el.text or "", el
            above.append(el)
            continue
        if event == "end":
            above.pop()
        else:  # what a comment says is no text; it has a place
            yield (el, False), "", el
        if above:
            yield (el, True), el.tail or "", above[-1]


class _Sign(NamedTuple):
    """Where one end of a change stands: how many characters stand before it in the tree, and beside it in its text."""

    place: int
    behind: bool
    before: bool


def _whole_tags(text: str, changes: Sequence[Change], tags: Sequence[tuple[int, int]]) -> list[Change]:
    """Let changes that begin or end within a tag take it in wholly: broken, it was no tag but text.

    >>> text = "书屋。</p>"
    >>> _whole_tags(text, [Change(2, "!?", "。<", ((0, 0),))], [(3, 7)])
    [Change(start=2, before='!?/p>', after='。</p>', edits=((0, 0),))]
    """
    out: list[Change] = []
    done = 0
    for number, change in enumerate(changes):
        start, end = change.start, change.start + len(change.after)
        following = changes[number + 1].start if number + 1 < len(changes) else len(text)
        if change.after:
            last, first = _within(tags, end), _within(tags, start)
            until = min(last[1], following) if last and last[0] >= start else end
            since = max(first[0], done) if first and first[1] <= end else start
            before = text[since:start] + change.before + text[end:until]
            change = change._replace(start=since, before=before, after=text[since:until])
        out.append(change)
        done = change.start + len(change.after)
    return out


def _signed(text: str, changes: Sequence[Change], tags: Sequence[tuple[int, int]]) -> str:
    """Put a sign at both ends of each change, as far as they stand in text and not in a tag."""
    entities = [found.span() for found in ENTITY_RE.finditer(text)]
    out: list[str] = []
    at = 0
    for number, change in enumerate(changes):
        ends = [change.start, change.start + len(change.after)]
        for which, place in enumerate(ends):
            if (tag := _within(tags, place)) is not None:
                ends[which] = tag[1 - which]
            elif (entity := _within(entities, place)) is not None:
                ends[which] = entity[which]
        if at <= ends[0] <= ends[1]:
            out += (text[at : ends[0]], chr(FIRST_SIGN + 2 * number))
            out += (text[ends[0] : ends[1]], chr(FIRST_SIGN + 2 * number + 1))
            at = ends[1]
    return "".join((*out, text[at:]))


def _within(spans: Sequence[tuple[int, int]], place: int) -> tuple[int, int] | None:
    """Give the span inside which a place is; not at its ends."""
    at = bisect_left(spans, (place, 0)) - 1
    return spans[at] if at >= 0 and spans[at][0] < place < spans[at][1] else None


def _find_signs(root: Element) -> tuple[str, dict[int, _Sign]]:
    """Read a tree with signs: all its text without them, and where they stand."""
    texts: list[str] = []
    signs: dict[int, _Sign] = {}
    place = 0
    for _, text, _ in _slots(root):
        if not text:
            continue
        here: list[tuple[int, int]] = []
        begun = place
        for number, piece in enumerate(SIGN_RE.split(text)):
            if number % 2:
                here.append((ord(piece) - FIRST_SIGN, place))
            elif piece := solid(piece):
                texts.append(piece)
                place += len(piece)
        signs |= {sign: _Sign(at, at > begun, at < place) for sign, at in here}
    return "".join(texts), signs


class _Ground:
    """A parsed page before it is judged: its whole text, and where each place for text begins in it."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.slots = [(slot, solid(text), inside) for slot, text, inside in _slots(tree.root)]
        self.starts: dict[Slot, int] = {}
        place = 0
        for slot, text, _ in self.slots:
            self.starts[slot] = place
            place += len(text)
        self.text = "".join(text for _, text, _ in self.slots)

    def span(self, el: Element) -> tuple[int, int]:
        """Give where the text of an element stands."""
        start = self.starts[el, False]
        return start, self.starts.get((el, True), len(self.text))


class _Left:
    """The same page after it was judged: which of its characters are read, in order, and what is gone."""

    def __init__(self, ground: _Ground) -> None:
        self.ground = ground
        root = ground.tree.root
        staying = set(root.iter())
        groups: dict[Slot, list[int]] = {}
        current: dict[Element, Slot] = {}
        for number, ((el, tail), _, inside) in enumerate(ground.slots):
            if inside not in staying:
                continue
            assert inside is not None
            if not tail or el in staying:
                current[inside] = (el, tail)
            groups.setdefault(current[inside], []).append(number)
        self.gone: list[tuple[int, str]] = []
        """Pieces of text that were cut out of longer ones: where, and what."""
        self.cut = [el for (el, tail), _, _ in ground.slots if not tail and _is_apart(el, root)]
        """Elements that were cut out, in order."""
        self.where = array("q")
        """For each character that is read: which of the page's it is."""
        text: list[str] = []
        modes: dict[Element | None, int] = {None: ROW}
        for slot, now, inside in _slots(root):
            mode = modes.get(inside)
            if mode is None:
                mode = modes[inside] = _mode(inside, modes)
            now = solid(now)
            places = list(self._places(groups.get(slot, ()), now))
            if mode < ROW:
                self.where.extend(places)
                text.append(now)
        self.text = "".join(text)

    def _places(self, group: Sequence[int], now: str) -> Iterator[int]:
        """Give which characters of the page those of one text are."""
        pieces = [
            (self.ground.starts[slot], text) for slot, text, _ in map(self.ground.slots.__getitem__, group)
        ]
        whole = "".join(text for _, text in pieces)
        places = [start + at for start, text in pieces for at in range(len(text))]
        last = 0
        for start, _, size in _matches(whole, now):
            if start > last:
                self.gone.append((places[last], whole[last:start]))
            yield from places[start : start + size]
            last = start + size


def _is_apart(el: Element, root: Element) -> bool:
    return el is not root and el.getparent() is None


def _mode(el: Element | None, modes: Mapping[Element | None, int]) -> int:
    """Say how the text in an element is read, as `outline.read_outline` does."""
    assert el is not None
    up = el.getparent()
    above = modes.get(up)
    if above is None:
        above = _mode(up, modes)
    if up is None:
        return ROW  # the root
    how = MODES[el.tag]
    if above == SKIPPED or how > SKIPPED:
        return SKIPPED
    return LINED if how == INLINED and above == ROW else how


def _matches(whole: str, now: str) -> list[tuple[int, int, int]]:
    """Say which stretches of a text are left of it: (start before, start now, length), the last one empty."""
    end = (len(whole), len(now), 0)
    if whole == now:
        return [(0, 0, len(now)), end]
    first = next(
        (at for at, (one, other) in enumerate(zip(whole, now, strict=False)) if one != other), len(now)
    )
    rest = len(now) - first
    if len(now) <= len(whole) and (not rest or whole.endswith(now[first:])):
        return [(0, 0, first), (len(whole) - rest, first, rest), end]
    if len(whole) > CUT:
        raise _Lost(f"found {len(whole)} characters with several cuts in one piece, wanted {CUT} at most")
    blocks = SequenceMatcher(None, whole, now, autojunk=False).get_matching_blocks()
    if sum(block.size for block in blocks) != len(now):
        raise _Lost("what is left of a text is no part of it")
    return [(block.a, block.b, block.size) for block in blocks]


# -------------------------------------------------------------------------------------------------- marks


class _Spot(NamedTuple):
    """What is to be marked in a line: its characters [start, end), counted without blanks."""

    start: int
    end: int
    number: int
    """Of the change."""
    back: bool = False
    """Of a cut: whether it stands right behind the character before it."""


def mark_page(
    body: bytes,
    url: str,
    content_type: str | None = None,
    sheets: Mapping[str, str] | None = None,
    memory: Memory | None = None,
) -> Marked:
    """Read a page as `read_page` does, and mark in its text what was done to it.

    >>> page = "<h1>連云港日報(bào)社會(huì)新聞</h1><div id=zoom><p>時(shí)間:2024-01-18</p><p>民生實(shí)事,社會(huì)救助體系,時(shí)候,會(huì)議。</p></div>"
    >>> found = mark_page(page.encode("gb18030"), "http://www.lyg.gov.cn/a/content/1.html")
    >>> [(s.text, s.before) for s in found.passages[0].segments][:4]
    [('民生', None), ('实', '實'), ('', '(shí)'), ('事,社', None)]
    >>> found.text, found.captured
    ('民生实事,社会救助体系,时候,会议。', '民生實(shí)事,社會(huì)救助體系,時(shí)候,會(huì)議。')
    >>> mark_page("<p>书屋昨日开放，市民免费借阅。</p>".encode(), "a.html").passages
    (Passage(kind='text', segments=(Segment(text='书屋昨日开放，市民免费借阅。', before=None, certainty='', fixers=(), edits=(), \
suspect=None, removed=None),), removed=None),)
    """
    repaired = repair(decode(body, content_type).text)
    tree = parse(repaired.text)
    ground = _Ground(tree) if len(repaired.text) <= PAGE else None
    judged = judge_tree(tree, url, sheets, memory)
    extracted = extract_tree(tree, url, memory)
    bare = Marked((), (), (), (), repaired.steps, judged.removed, judged.suspects, extracted)
    try:
        if ground is None:
            raise _Lost(f"found a page of {len(repaired.text)} characters, wanted {PAGE} at most")
        return _mark(bare, repaired.text, ground, memory)
    except _Lost as problem:
        lines = extracted.text.split("\n") if extracted.text else []
        told: Counter[tuple[str, str]] = Counter()
        for step in repaired.steps:
            told[step.fixer, step.certainty] += len(step.edits)
        return bare._replace(
            passages=tuple(Passage("text", (Segment(line),)) for line in lines),
            elsewhere=tuple((*key, many) for key, many in told.items()),
            unplaced=tuple(range(len(judged.removed))),
            problem=str(problem),
        )


def _mark(bare: Marked, text: str, ground: _Ground, memory: Memory | None) -> Marked:
    tree = ground.tree
    tags = [found.span() for found in TAG_RE.finditer(text)]
    changes = _whole_tags(text, compose(bare.steps), tags)
    if len(changes) > CHANGES:
        raise _Lost(f"found {len(changes)} changes, wanted {CHANGES} at most")
    if SIGN_RE.search(text):
        raise _Lost("the page uses the characters with which changes are marked")
    signs: dict[int, _Sign] = {}
    if changes:
        whole, signs = _find_signs(parse(_signed(text, changes, tags)).root)
        if whole != ground.text:
            raise _Lost("the page is parsed otherwise with the changes marked")
    left = _Left(ground)
    lines = tree.outline.lines
    if solid("".join(line.text for line in lines)) != left.text:
        raise _Lost("the lines of the page are not its text")
    ends = _ends(lines)
    spots = _place(changes, signs, left.where, ends)
    suspected = _suspected(bare.suspects, ground, left)
    blocks, unplaced = _find_blocks(bare.removed, ground, left)
    places = find_places(tree, memory)
    marker = _Marker(changes, bare.steps, lines, ends, spots, suspected)
    kept = [i for i in places.text if lines[i].text]
    passages: list[Passage] = []
    waiting = sorted(blocks)
    for i in kept:
        start, end = (ends[i - 1] if i else 0), ends[i]
        while waiting and waiting[0][0] <= start:
            passages.append(Passage("removed", removed=waiting.pop(0)[1]))
        inside = [block for block in waiting if block[0] < end]
        waiting = waiting[len(inside) :]
        passages.append(Passage("text", marker.line(i, inside)))
    passages += (Passage("removed", removed=number) for _, number in waiting)
    told = []
    for i in range(len(lines)):
        if i in spots and i not in kept:
            titled = bare.extracted.title is not None and solid(bare.extracted.title) in solid(lines[i].text)
            if titled or i in places.info:
                told.append(Passage("title" if titled else "info", marker.line(i, ())))
    if bare.extracted.title and all(passage.kind != "title" for passage in told):
        told = [*marker.title(bare.extracted.title, text), *told]
    found = bare._replace(
        passages=tuple(passages),
        told=tuple(told),
        elsewhere=_elsewhere(bare.steps, (*passages, *told)),
        unplaced=tuple(unplaced),
    )
    if found.text != bare.extracted.text:
        raise _Lost("the lines that were marked are not the article's text")
    return found


def _ends(lines: Sequence[Line]) -> list[int]:
    """Give where each line ends in what is read of the page."""
    ends: list[int] = []
    place = 0
    for line in lines:
        place += len(solid(line.text))
        ends.append(place)
    return ends


def _place(
    changes: Sequence[Change], signs: Mapping[int, _Sign], where: Sequence[int], ends: Sequence[int]
) -> dict[int, list[_Spot]]:
    """Say for each line what of the changes stands in it."""
    spots: dict[int, list[_Spot]] = {}

    def put(line: int, start: int, end: int, number: int, back: bool = False) -> None:
        first = ends[line - 1] if line else 0
        spots.setdefault(line, []).append(_Spot(start - first, end - first, number, back))

    for number in range(len(changes)):
        first, last = signs.get(2 * number), signs.get(2 * number + 1)
        if first is None or last is None:
            continue
        start, end = bisect_left(where, first.place), bisect_left(where, last.place)
        if start < end:
            line = _line_at(ends, start)
            while start < end:
                upto = min(end, ends[line])
                put(line, start, upto, number)
                start, line = upto, line + 1
        elif first.place == last.place:  # cut out without a trace
            behind = start > 0 and where[start - 1] == first.place - 1
            before = start < len(where) and where[start] == first.place
            if behind and (first.behind or not first.before):
                put(_line_at(ends, start - 1), start, start, number, True)
            elif before and not first.behind:
                put(_line_at(ends, start), start, start, number)
    return spots


def _line_at(ends: Sequence[int], place: int) -> int:
    """Give the line in which a character stands."""
    return bisect_left(ends, place + 1)


class _Marker:
    """What marks the changes of lines."""

    def __init__(
        self,
        changes: Sequence[Change],
        steps: Sequence[Step],
        lines: Sequence[Line],
        ends: Sequence[int],
        spots: Mapping[int, Sequence[_Spot]],
        suspected: Sequence[tuple[int, int, int]],
    ) -> None:
        self.changes = changes
        self.steps = steps
        self.lines = lines
        self.ends = ends
        self.spots = spots
        self.suspected = suspected
        self.shown: set[int] = set()

    def line(self, number: int, blocks: Sequence[tuple[int, int]]) -> tuple[Segment, ...]:
        """Give a line in segments; ``blocks``: (place, number) of what was cut out of it."""
        text = self.lines[number].text
        first = self.ends[number - 1] if number else 0
        places = [at for at, char in enumerate(text) if not BLANK_RE.match(char)]
        # each with where it begins and ends in the line's text
        marks: list[tuple[int, int, Segment]] = []
        for start, end, change, back in self.spots.get(number, ()):
            begin, over = _slice(places, len(text), start, end, back)
            marks.append((begin, over, self.segment(change, text[begin:over])))
        for place, block in blocks:
            at = places[place - first] if place - first < len(places) else len(text)
            marks.append((at, at, Segment("", "", removed=block)))
        marks.sort(key=lambda mark: mark[:2])
        edges = []
        for start, end, which in self.suspected:
            if start < self.ends[number] and end > first:
                begin, over = _slice(
                    places, len(text), max(0, start - first), min(len(places), end - first), False
                )
                edges.append((begin, over, which))
        return _filled(text, marks, edges)

    def segment(self, number: int, text: str) -> Segment:
        """Give what a change made; where it goes on in a further line it has nothing before it any more."""
        change = self.changes[number]
        before = "" if number in self.shown else change.before
        self.shown.add(number)
        causes = [self.steps[step] for step, _ in change.edits]
        certainty = max((step.certainty for step in causes), key=WEIGHT.__getitem__)
        fixers = tuple(dict.fromkeys(step.fixer for step in causes))
        return Segment(text, before, certainty, fixers, change.edits)

    def title(self, title: str, text: str) -> list[Passage]:
        """Mark a title that stands in no line, as the page's source has it."""
        at = text.find(title)
        while at >= 0:
            inside = [
                (change.start - at, change.start - at + len(change.after), self.segment(number, change.after))
                for number, change in enumerate(self.changes)
                if at <= change.start and change.start + len(change.after) <= at + len(title)
            ]
            if inside:
                return [Passage("title", _filled(title, inside, ()))]
            at = text.find(title, at + 1)
        return []


def _slice(places: Sequence[int], size: int, start: int, end: int, back: bool) -> tuple[int, int]:
    """Give where characters that are counted without blanks begin and end in a line."""
    if start < end:
        return places[start], places[end - 1] + 1
    at = places[start - 1] + 1 if back and start else places[start] if start < len(places) else size
    return at, at


def _filled(
    text: str, marks: Iterable[tuple[int, int, Segment]], edges: Sequence[tuple[int, int, int]]
) -> tuple[Segment, ...]:
    """Put what was not changed between the marks."""

    def suspect_at(place: int) -> int | None:
        return next((which for begin, over, which in edges if begin <= place < over), None)

    def plain(start: int, end: int) -> Iterator[Segment]:
        cuts = sorted({start, end, *(at for edge in edges for at in edge[:2] if start < at < end)})
        for one, other in pairwise(cuts):
            yield Segment(text[one:other], suspect=suspect_at(one))

    out: list[Segment] = []
    at = 0
    for begin, over, segment in marks:
        out += plain(at, begin)
        segment = segment._replace(suspect=suspect_at(begin))
        out.append(segment)
        at = over
    return (*out, *plain(at, len(text)))


def _elsewhere(steps: Sequence[Step], passages: Iterable[Passage]) -> tuple[tuple[str, str, int], ...]:
    """Count the edits that are marked nowhere."""
    shown = {edit for passage in passages for segment in passage.segments for edit in segment.edits}
    told: Counter[tuple[str, str]] = Counter()
    for number, step in enumerate(steps):
        told[step.fixer, step.certainty] += sum(
            (number, edit) not in shown for edit in range(len(step.edits))
        )
    return tuple((*key, many) for key, many in told.items() if many)


def _suspected(suspects: Sequence[Removed], ground: _Ground, left: _Left) -> list[tuple[int, int, int]]:
    """Give the suspected blocks that are found again, as (start, end, number) in what is read of the page."""
    found = []
    for number, block in enumerate(suspects):
        el = _find_suspect(block, ground.tree.root)
        if el is not None and (el, False) in ground.starts:
            start, end = (bisect_left(left.where, place) for place in ground.span(el))
            found.append((start, end, number))
    return found


def _find_suspect(block: Removed, root: Element) -> Element | None:
    """Find the element of a suspected block: by its place, or, as elements before it went, by its text."""
    wanted = solid(block.text)
    try:
        at = root.getroottree().xpath(block.place)
    except lxml.etree.XPathError:
        at = []
    if (
        isinstance(at, list)
        and len(at) == 1
        and isinstance(at[0], Element)
        and solid(text_of(at[0])) == wanted
    ):
        return at[0]
    tag = re.sub(r"\[\d+\]$", "", block.place.rsplit("/", 1)[-1])
    if not wanted or not re.fullmatch("[a-z0-9]+", tag):
        return None
    return next((el for el in root.iter(tag) if solid(text_of(el)) == wanted), None)


def _find_blocks(
    removed: Sequence[Removed], ground: _Ground, left: _Left
) -> tuple[list[tuple[int, int]], list[int]]:
    """Give where the blocks stood that were cut out, as (place in what is read, number), and those not found again."""
    cut = list(left.cut)
    gone = list(left.gone)
    sources = [_source(el) for el in cut]
    found: list[tuple[int, int]] = []
    unplaced: list[int] = []
    for number, block in enumerate(removed):
        place = None
        if ground.tree.plain:
            numbers = re.findall(r"\d+", block.place)
            place = next((ground.starts[el, False] for el in cut if el.get(LINE) in numbers), None)
        else:
            at = next(
                (i for i, source in enumerate(sources) if source and block.html.startswith(source)), None
            )
            if at is not None:
                place = ground.starts[cut[at], False]
                rest = block.html
                while at < len(sources) and sources[at] and rest.startswith(sources[at]):
                    rest = rest[len(sources[at]) :]
                    del cut[at], sources[at]
            else:
                at = next((i for i, (_, text) in enumerate(gone) if text and text in solid(block.html)), None)
                if at is None:
                    at = next((i for i, (_, text) in enumerate(gone) if solid(block.html) in text), None)
                if at is not None:
                    place = gone.pop(at)[0]
        if place is None:
            unplaced.append(number)
        else:
            found.append((bisect_left(left.where, place), number))
    return found, unplaced


def _source(el: Element) -> str:
    return str(lxml.html.tostring(el, encoding="unicode", with_tail=False))


def unescape(text: str) -> str:
    """Give a piece of a page's source as it is read: without tags, its entities as characters.

    >>> unescape("会&nbsp;议</p>")
    '会\\xa0议'
    """
    return html.unescape(TAG_RE.sub("", text))
