"""The machine of `crawler.text.mirror`, run backwards: find the bytes that give a captured text.

A captured text is a row of tokens: characters whose bytes are known, marks (`?`) whose bytes are gone, and
notes. `search` feeds their bytes to many readings of the original at once. A reading dies where it would
contradict the machine: a pair that is no character, a note behind the wrong character, a character of the
set without its note. What is left is one original (proven), several (the likeliest is inferred) or none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cache
from typing import Any, NamedTuple

from crawler.text import mirror, ngrams, tables

LETTERS = "a-zāáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜüńňǹḿɡɑ"
NOTE_RE = re.compile(rf"([?\ufffd]?)(\(?)([{LETTERS}]{{1,6}})\)")
"""Evidence of the machine: a reading in brackets, or the rest of one whose opening bracket was swallowed."""

AHEAD = 2
"""Tokens behind a broken place that help to choose what stood in it."""

BEAM = 160
"""Readings kept at a time."""

GUESSES = 4000
"""Broken pairs tried in one stretch; real ones need a few dozen, rows of question marks would take minutes."""

LIKELIEST = 24
"""Readings in which such a pair is looked for."""

GAPS = 40
"""Pairs tried where one may have gone without a mark."""

WIDE = dict(zip(",:;?()!", "，：；？（）！", strict=True))
"""Full-width signs that later hands on the way make half-width."""

LOST = "\ufffd"


class Note(NamedTuple):
    """A note in a captured text."""

    start: int
    end: int
    mark: str
    """``?`` or U+FFFD where a pair broke in front of it."""
    head: bool
    """Whether its opening bracket is there."""
    reading: str


class Piece(NamedTuple):
    """A stretch of the captured text and the original that was found for it."""

    start: int
    end: int
    text: str
    certainty: str


class Habits(NamedTuple):
    """What one page has told about the machine that made it."""

    notes: Mapping[str, str]
    """The page's own table: character -> reading."""
    always: frozenset[str]
    """Characters that carry their note wherever they stand."""
    kin: Set[str]
    """Characters of the kind that is annotated: Traditional forms, or Simplified ones that have such a form;
    empty where any may be."""
    half: frozenset[str]
    """Half-width signs that stand for full-width ones."""
    swallow: bool = True
    """Whether a broken pair swallows an ASCII byte."""
    silent: bool = False
    """Whether broken pairs leave no mark."""
    gaps: bool = False
    """Whether pairs of the user-defined areas leave no mark either."""
    plain: frozenset[str] = frozenset()
    """Characters seen without a note."""
    page: Mapping[str, int] = {}
    """How often each character, pair and row of three stands in the page."""
    signs: Mapping[str, Mapping[str, float]] = {}
    """What the ASCII signs behind Chinese characters cost, by what stands behind them."""
    blank: bool = False
    """Whether empty lines stand between the page's paragraphs."""
    foreign: frozenset[str] = frozenset()
    """Simplified forms that the machine does not leave: they speak against a reading."""
    blind: frozenset[str] = frozenset()
    """What replaced full-width signs in the bytes, without looking where characters begin: `?`, `??`, `;`, `,`."""
    line: str = ""
    """What the page's lines end with, blank lines and indentation included, where all are alike."""


@cache
def syllables() -> frozenset[str]:
    """Give every reading that a Hanzi of GBK can have."""
    return frozenset(reading for _, several in tables.read("readings") for reading in several.split())


@cache
def readings() -> dict[str, tuple[str, ...]]:
    """Give the readings of each Hanzi of GBK, the commonest first."""
    return {char: tuple(several.split()) for char, several in tables.read("readings")}


@cache
def _by_reading() -> dict[tuple[int, str], tuple[int, ...]]:
    """Give, for a lead byte and a reading, the trail bytes above ASCII that make such a Hanzi."""
    found: dict[tuple[int, str], list[int]] = {}
    codes = mirror.codes()
    for char, several in readings().items():
        lead, trail = codes[char]
        if trail >= 0x80:
            for reading in several:
                found.setdefault((lead, reading), []).append(trail)
    return {key: tuple(trails) for key, trails in found.items()}


@cache
def simplified() -> dict[str, str]:
    """Give the Simplified characters that a Traditional one may stand for, the commonest first."""
    return {row[0]: row[1] for row in tables.load("traditional")}


@cache
def mapped() -> frozenset[str]:
    """Give the Simplified characters that have a Traditional form of their own."""
    return frozenset(several[0] for char, several in tables.load("traditional")) - simplified().keys()


@cache
def _unreadable() -> tuple[tuple[int, int], ...]:
    """Give the pairs of high bytes that the converter cannot read."""
    known = mirror.pairs()
    return tuple(
        (lead, trail)
        for lead in range(0x81, 0xFF)
        for trail in range(0x81, 0xFF)
        if lead << 8 | trail not in known
    )


@cache
def _vanishing() -> tuple[tuple[int, int], ...]:
    """Give the pairs that a reader without user-defined areas cannot read."""
    known = mirror.pairs()
    return tuple(
        (lead, trail)
        for lead in range(0x81, 0xFF)
        for trail in (*range(0x40, 0x7F), *range(0x80, 0xFF))
        if "\ue000" <= known.get(lead << 8 | trail, "\ue000") <= "\uf8ff"
    )


@cache
def _vanished(before: int, after: int) -> tuple[tuple[int, int], ...]:
    """Give the pairs that may have gone between two bytes, those that make the commonest characters first."""
    known = mirror.pairs()
    found = []
    for first, second in _vanishing():
        one, other = known.get(before << 8 | first, ""), known.get(second << 8 | after, "")
        if one and other and not "\ue000" <= min(one, other) <= max(one, other) <= "\uf8ff":
            one, other = simplified().get(one, one)[0], simplified().get(other, other)[0]
            found.append((ngrams.cost("", one) + ngrams.cost(one, other), first, second))
    return tuple((first, second) for _, first, second in sorted(found)[:GAPS])


def find_notes(text: str, start: int = 0, end: int | None = None) -> list[Note]:
    """List the notes of a text.

    >>> [n.reading for n in find_notes("時(shí)間 (note) 緩?fù)说日")]
    ['shí', 'fù']
    """
    known = syllables()
    found = []
    for match in NOTE_RE.finditer(text, start, len(text) if end is None else end):
        mark, head, reading = match.groups()
        if reading in known and (mark or head):
            found.append(Note(match.start(), match.end(), mark, bool(head), reading))
    return found


TAG_REST_RE = re.compile(
    r"/?(?:a|b|br|p|i|u|em|h[1-6]|hr|li|ul|ol|dl|dd|dt|td|tr|th|div|img|font|span|strong|table|tbody|section|o:p)"
    r"(?:\s[^<>]*|/)?>",
    re.I,
)
ENTITY_REST_RE = re.compile(
    r"(?:nbsp|amp|lt|gt|quot|[lr][sd]quo|mdash|hellip|middot|[ae][mn]sp|#\d{2,5}|#x[0-9a-f]{2,5});", re.I
)
IN_VALUE_RE = re.compile(r"<[a-z][^<>]*=\"[^\"<>]*\Z", re.I)
VALUE_END_RE = re.compile(r"\s+[a-z][\w:-]*=|\s*/?>", re.I)


def swallowed(text: str, end: int, habits: Habits) -> str:
    """Say which ASCII sign a mark swallowed, where markup or layout leaves no other; U+FFFD elsewhere.

    A question mark behind the sign says that it stands only after the end of a sentence.

    >>> page = Habits({}, frozenset(), frozenset(), frozenset())
    >>> swallowed("社保?/span>", 3, page), swallowed("增長?5%", 3, page) == LOST
    ('<', True)
    """
    if end == len(text):
        return LOST
    if TAG_REST_RE.match(text, end):
        return "<"
    if ENTITY_REST_RE.match(text, end):
        return "&"
    if VALUE_END_RE.match(text, end) and IN_VALUE_RE.search(text, max(0, end - 600), end):
        return '"'
    if habits.line[1:] and text.startswith(habits.line[1:], end) and not text.startswith(habits.line, end):
        return habits.line[0]
    if habits.blank and text.startswith("\n", end) and not text.startswith("\n\n", end):
        return "\n?"
    if text[end : end + 1] >= "\u3000" and habits.line == "\n":
        return "\n?"
    return LOST


def _class(char: str) -> str:
    """Give the class that an ASCII sign has in the table of pairs."""
    if char.isdigit():
        return "0"
    if char.isalpha():
        return "A"
    return "$" if char in "\r\n<>" else WIDE.get(char, "，")


CLASSES = 0.5
"""Weight of what the counts say of classes of signs: they know less of them than of characters."""

UNKNOWN = 2.0
"""Cost in nats of an annotated character that the page does not show elsewhere."""

USUAL = {
    "0": {"0": 4.0, " ": 0.5, "$": 0.5, "-": 0.5, "A": 0.2},
    "A": {"A": 3.0, " ": 1.0, "-": 1.0, "0": 0.5, "$": 0.3},
    "字": {"0": 2.0, "$": 1.0, " ": 1.0, "A": 0.5, "-": 0.5},
    "\u3000": {"$": 5.0, " ": 0.3, "-": 0.3, "0": 0.2, "A": 0.2},
    "$": {"$": 3.0, " ": 0.5, "-": 0.5, "0": 0.5, "A": 0.3},
    " ": {"$": 1.0, "0": 1.0, "A": 1.0, " ": 1.0, "-": 1.0},
    "-": {"0": 2.0, "A": 2.0, "-": 1.0, "$": 0.5, " ": 0.5},
}
"""How often a kind of ASCII sign stands between a Chinese character and a kind of character, as far as a page
does not tell: 0 digit, A letter, $ end of line, blank, - other sign, 字 Chinese."""


def _next(char: str) -> str:
    """Give the kind of character that stands behind a sign."""
    if char == "\u3000" or char == " ":
        return char
    if char > "\x7f":
        return "字"
    kind = _class(char) if char else "$"
    return kind if kind in "0A$" else "-"


def spread(seen: Iterable[str], after: str) -> dict[str, float]:
    """Give the costs in nats of the kinds of sign, from those that a page has shown."""
    counts = dict(USUAL[after])
    for char in seen:
        kind = char if char == " " else _class(char)
        counts[kind if kind in "0A$ " else "-"] += 1.0
    total = sum(counts.values())
    return {kind: math.log(total / count) for kind, count in counts.items()}


SIGN_RE = re.compile("(?<=[^\\x00-\\x7f\ufffd])([\\x00->@-\\x7f])(?=(.))", re.S)
"""An ASCII sign behind a Chinese character; a question mark may be the mark of a broken pair."""


def signs(bare: str) -> dict[str, dict[str, float]]:
    """Learn from a page without its notes which ASCII signs stand behind Chinese characters."""
    seen: dict[str, list[str]] = {}
    for sign, after in SIGN_RE.findall(bare):
        seen.setdefault(_next(after), []).append(sign)
    return {after: spread(several, after) for after, several in seen.items()}


NEAR = 3.0
"""Kinds of sign that cost so much more in nats than the likeliest are not followed."""

AT_END = 3.0
"""Cost in nats of an end of line that was swallowed at the end of the text, where none may have stood."""

STRADDLED = 1.5
"""Cost in nats of a sign that was replaced across two characters."""

GLUED = 10.0
"""Cost in nats of a question mark with a lone letter or another one close behind it."""

GLUED_RE = re.compile(r"(?<=[^\x00-(*->@-\x7f].)(?:[@-~](?![A-Za-z=&#%/_.-])|[^\x00-\x7f]{0,2}\?)", re.S)

GAP = 5.0
"""Cost in nats of a pair that went without a mark."""

CLOSERS = frozenset("。！？”：；…）")


PAGE = (0.0, 0.1, 0.4)
"""Weight of what the page itself shows behind one character and behind two."""


def _known(cost: float, page: Mapping[str, int], seen: str, char: str) -> float:
    """Mix the cost of a character with how often the page has it behind the same ones: names come back."""
    here = page.get(seen + char) if seen else None
    if here:
        weight = PAGE[len(seen)]
        return -math.log((1 - weight) * math.exp(-cost) + weight * here / (page[seen] + 0.5))
    if len(seen) == 2:
        return _known(cost, page, seen[1:], char)
    return cost


BRACKET_RE = re.compile("[（）\n]")
BRACKETED = 60
"""How far apart two brackets of a pair stand at most."""
UNOPENED, UNCLOSED = 8.0, 2.0
"""Nats for an opening bracket where the text closes one that was never opened, against one that nothing closes."""


class _Path:
    """One reading of the original so far."""

    __slots__ = ("cost", "due", "last", "origins", "out", "pending", "previous", "seen", "shown")

    def __init__(self) -> None:
        self.cost = 0.0
        self.pending: int | None = None
        """The first byte of a character whose second is still to come."""
        self.last: tuple[int, ...] = ()
        """The last two bytes of the original; a note between them makes them strangers."""
        self.shown: tuple[int, ...] = ()
        """The last two bytes, notes or not: what a note belongs to."""
        self.due = False
        """Whether the pair just read must carry a note now."""
        self.previous = "，"
        """The last two characters, Simplified, or their classes."""
        self.seen = ""
        """The last two characters as they stand in the page."""
        self.out: Any = None
        """What was emitted, a linked list of (rest, text, index of token)."""
        self.origins = 1
        """How many readings were merged into this one."""

    def copy(self) -> _Path:
        new = _Path.__new__(_Path)
        for name in _Path.__slots__:
            setattr(new, name, getattr(self, name))
        return new

    def emit(self, char: str, token: int, page: Mapping[str, int], foreign: Set[str]) -> None:
        """Add one character to the original."""
        self.out = (self.out, char, token)
        if char <= "\x7f":
            if char == "." and self.previous[-1:] == "0":
                return  # the point of a number
            self.sign(_class(char), page)
            return
        before = self.previous
        cost, plain = min((ngrams.cost(before, s), s) for s in simplified().get(char, char))
        if char in foreign or (char == self.seen[-1:] and char in "，。、；："):
            cost += 4.0
        self.cost += _known(cost, page, self.seen, char)
        self.previous = before[-1:] + plain
        self.seen = self.seen[-1:] + char

    def sign(self, kin: str, page: Mapping[str, int]) -> None:
        """Add an ASCII sign of one class; numbers and words count once."""
        if kin != self.previous[-1:] or kin not in "0A$":
            self.cost += CLASSES * _known(ngrams.cost(self.previous, kin), page, self.seen, kin)
            self.previous = self.previous[-1:] + kin
            self.seen = self.seen[-1:] + kin if kin in "0A$" else ""


class _Search:
    def __init__(self, text: str, habits: Habits) -> None:
        self.text = text
        self.habits = habits
        codes = mirror.codes()
        self.always = {tuple(codes[char]) for char in habits.always if len(codes.get(char, b"")) == 2}
        self.pairs = mirror.pairs()
        self.codes = mirror.sources()
        self.guesses = 0
        self.blind = [(sign, tuple(codes[WIDE[sign[0]]])) for sign in sorted(habits.blind)]

    def signs(self, after: str) -> Mapping[str, float]:
        """Give the kinds of sign that may have stood in front of a character, with their costs in nats."""
        return self.habits.signs.get(_next(after)) or spread((), _next(after))

    def told(self, path: _Path, kind: str) -> float:
        """Give by how many nats a kind of sign is dearer behind a reading than elsewhere."""
        if kind not in "0A$":
            return 0.0
        here = _known(ngrams.cost(path.previous, kind), self.habits.page, path.seen, kind)
        return CLASSES * (here - ngrams.cost("", kind))

    def feed(self, path: _Path, byte: int, token: int) -> bool:
        """Give one byte of the original to a reading; False where it dies of it."""
        if path.due:
            return False
        if path.pending is not None:
            char = self.pairs.get(path.pending << 8 | byte)
            if char is None or "\ue000" <= char <= "\uf8ff":
                return False
            path.emit(char, token, self.habits.page, self.habits.foreign)
            path.pending = None
        elif byte > 0x80 and byte < 0xFF:
            path.pending = byte
        else:
            path.emit("€" if byte == 0x80 else chr(byte), token, self.habits.page, self.habits.foreign)
        path.last = (*path.last[-1:], byte)
        path.shown = (*path.shown[-1:], byte)
        path.due = path.last in self.always
        return True

    def fits(self, pair: tuple[int, ...], reading: str) -> bool:
        """Say whether the machine would put this note behind these two bytes."""
        if len(pair) < 2:
            return False
        char = self.pairs.get(pair[0] << 8 | pair[1])
        if char is None:
            return False
        known = self.habits.notes.get(char)
        if known is not None:
            return known == reading
        return reading in readings().get(char, ()) and char not in self.habits.plain

    def note(self, path: _Path, note: Note) -> bool:
        if not self.fits(path.shown, note.reading):
            return False
        path.due = False
        path.last = ()
        return True

    def broken_note(self, path: _Path, note: Note, token: int) -> Iterable[_Path]:
        """Try every byte that may have stood between the last one and a note without a head."""
        if not path.shown or path.shown[-1] < 0x81 or path.due:
            return
        lead = path.shown[-1]
        for trail in _by_reading().get((lead, note.reading), ()):
            char = self.pairs[lead << 8 | trail]
            # a lone 0x80 is a character of its own in CP936; readers of GB18030 leave a mark
            whole = trail > 0x80 or (note.mark == LOST and note.head)
            if whole and self.allowed(char, note.reading):
                new = path.copy()
                if self.feed(new, trail, token) and self.note(new, note):
                    # a character that the page annotates elsewhere is likelier than one that it does not show
                    new.cost += 0.0 if char in self.habits.notes else UNKNOWN
                    yield new

    def allowed(self, char: str, reading: str) -> bool:
        known = self.habits.notes.get(char)
        if known is not None:
            return known == reading
        if char in self.habits.plain:
            return False
        return not self.habits.kin or char in self.habits.kin

    def broken_pair(self, path: _Path, token: int, swallow: bool, sign: str, end: int) -> Iterable[_Path]:
        """Try every second byte that a mark may stand for, with the ASCII sign that it swallowed.

        A `sign` with a question mark behind it counts only after a character that ends a sentence.
        """
        lead = path.pending
        self.guesses += 1
        if lead is None or path.due or self.guesses > GUESSES:
            return
        trails: Iterable[int] = range(0x81, 0xFF)
        if not swallow and end < len(self.text) and not self.habits.silent:
            # a lone first byte leaves a mark where ASCII follows; 0x80 leaves one everywhere
            trails = range(0x80, 0xFF) if self.text[end] < "\x80" else (0x80,)
        for trail in trails:
            if lead << 8 | trail not in self.pairs:
                continue
            new = path.copy()
            if not self.feed(new, trail, token) or new.due:
                continue
            if new.previous[-1:] == "（":
                new.cost += self.opening(token, end)
            if not isinstance(trails, tuple):
                new.origins = max(2, new.origins)
            if swallow:
                closes = new.previous[-1:] in CLOSERS
                known = sign[0] if sign[1:] != "?" or closes else LOST
                new.out = (new.out, known, token)
                new.last = new.shown = ()
                if known != LOST:
                    new.sign(_class(known), self.habits.page)
                    yield new
                    continue
                if end == len(self.text):
                    new.cost += AT_END
                    new.sign("$", self.habits.page)
                    yield new
                    continue
                costs = {
                    kind: cost + self.told(new, kind)
                    for kind, cost in self.signs(self.text[end : end + 1]).items()
                }
                least = min(costs.values())
                for kind, cost in costs.items():
                    if cost < least + NEAR:
                        one = new.copy()
                        one.cost += cost
                        one.previous = new.previous[-1:] + kind if kind in "0A$" else "，"
                        one.seen = new.seen[-1:] + kind if kind in "0A$" else ""
                        yield one
                continue
            if end == len(self.text):
                new.sign("$", self.habits.page)
            yield new
        if end == len(self.text):
            return
        for first, second in _unreadable():
            new = path.copy()
            if self.feed(new, first, token) and self.feed(new, second, token):
                new.cost += 8.0
                new.origins = max(2, new.origins)
                yield new

    def opening(self, start: int, end: int) -> float:
        """Give what an opening bracket costs at a place beyond its own rarity: less where one is missing."""
        ahead = BRACKET_RE.search(self.text, end, end + BRACKETED)
        behind = BRACKET_RE.findall(self.text, max(0, start - BRACKETED), start)
        missing = ahead is not None and ahead[0] == "）" and behind[-1:] != ["（"]
        return -UNOPENED if missing else UNCLOSED

    def across(self, path: _Path, code: tuple[int, ...], token: int) -> bool:
        """Give a reading the bytes that were replaced, the end of one character and the first byte of the next.

        They were gone when the notes were put in: neither character has one.
        """
        path.last = ()
        for byte in code:
            if not self.feed(path, byte, token):
                return False
            path.last = ()
        return path.pending is not None

    def straddled(self, path: _Path, kind: str, token: int, end: int) -> Iterable[_Path]:
        """Try every first byte that a sign put blindly into the bytes may have broken off.

        海縣 is BA A3 BF 68: where A3 BF was replaced, BA has no second byte and the mark may swallow the sign.
        """
        self.guesses += 1
        if path.due or self.guesses > GUESSES:
            return
        swallow = self.habits.swallow or kind == "??"
        for sign, code in self.blind:
            if (kind == "??") != (sign == "??") or not (swallow or self.text.startswith(sign, end)):
                continue
            for lead in range(0x81, 0xFF):
                if lead << 8 | code[0] not in self.pairs:
                    continue
                new = path.copy()
                # a sign that was given back is the next token
                if self.feed(new, lead, token) and (not swallow or self.across(new, code, token)):
                    new.cost += STRADDLED
                    new.origins = max(2, new.origins)
                    yield new

    def gap(self, path: _Path, kind: str | Note, token: int, end: int) -> Iterable[_Path]:
        """Try the pairs that may have gone in front of a character."""
        if path.pending is None or path.due or isinstance(kind, Note):
            return
        for way in self.codes.get(kind, ()):
            if way[0] < 0x40:
                continue
            for pair in _vanished(path.pending, way[0]):
                new = path.copy()
                if all(self.feed(new, byte, token) for byte in (*pair, *way)):
                    new.cost += GAP
                    new.origins = max(2, new.origins)
                    yield new

    def step(self, path: _Path, kind: str | Note, token: int, end: int) -> Iterable[_Path]:
        """Give a reading the next token, which ends at a place of the text: what may become of it."""
        if isinstance(kind, Note):
            if kind.head and not kind.mark:
                new = path.copy()
                if self.note(new, kind):
                    yield new
                elif self.habits.silent:
                    yield from self.broken_note(path, kind, token)
                return
            yield from self.broken_note(path, kind, token)
            return
        if kind == "??":
            new = path.copy()
            if path.pending is None:
                if self.feed(new, 0x3F, token) and self.feed(new, 0x3F, token):
                    new.cost += GLUED if GLUED_RE.match(self.text, end) else 0.0
                    yield new
                yield from self.straddled(path, kind, token, end)
            else:
                if self.across(new, (0xA3, 0xBF), token):
                    new.origins = max(2, new.origins)
                    yield new
                yield from self.broken_pair(path, token, True, "?", end - 1)
            return
        if kind in ("?", LOST):
            glued = GLUED if self.habits.blind and GLUED_RE.match(self.text, end) else 0.0
            if path.pending is None:
                yield from self.straddled(path, kind, token, end)
            given_back = kind in self.habits.blind and self.text[end - 2 : end - 1] == LOST
            if path.pending is not None and not given_back:
                sign = swallowed(self.text, end, self.habits) if self.habits.swallow else ""
                yield from self.broken_pair(path, token, self.habits.swallow, sign, end)
                if end == len(self.text) and self.habits.swallow:
                    yield from self.broken_pair(path, token, False, "", end)
            elif kind == "?":
                new = path.copy()
                if self.feed(new, 0x3F, token):
                    new.cost += glued
                    yield new
            if kind == "?" and path.pending is not None and kind in self.habits.blind:
                new = path.copy()
                if self.across(new, (0xA3, 0xBF), token):
                    yield new
            elif kind == "?" and kind in self.habits.half:
                new = path.copy()
                if self.feed(new, 0xA3, token) and self.feed(new, 0xBF, token):
                    new.cost += glued
                    yield new
            return
        if kind not in self.codes:
            # put in after the machine had run
            if path.pending is None and not path.due:
                new = path.copy()
                new.out = (new.out, kind, token)
                new.last = new.shown = ()
                new.previous = "，"
                yield new
            return
        if kind in self.habits.blind and path.pending is not None:
            new = path.copy()
            if self.across(new, tuple(mirror.codes()[WIDE[kind]]), token):
                yield new
            return
        ways = [*self.codes[kind]]
        if kind in self.habits.half and (
            path.pending is not None
            or ((seam := NOTE_RE.match(self.text, end)) and not (seam[2] and not seam[1]))
        ):
            ways = [*self.codes[WIDE[kind]]]
        for way in ways:
            new = path.copy()
            if all(self.feed(new, byte, token) for byte in way):
                yield new
            elif self.habits.silent and path.pending is not None and len(way) == 1 and way[0] < 0x40:
                for open_path in self.broken_pair(path, token, False, "", end):
                    if self.feed(open_path, way[0], token):
                        yield open_path


def _thin(paths: Iterable[_Path], beam: int) -> list[_Path]:
    """Merge readings that no longer differ in what matters and keep the likeliest."""
    best: dict[tuple[object, ...], _Path] = {}
    for path in paths:
        key = (path.pending, path.last, path.shown, path.due, path.previous)
        known = best.get(key)
        if known is None:
            best[key] = path
        elif path.cost < known.cost:
            path.origins += known.origins
            best[key] = path
        else:
            known.origins += path.origins
    kept = sorted(best.values(), key=lambda p: p.cost)
    for path in kept[beam:]:
        kept[0].origins += path.origins
    return kept[:beam]


def _tokens(text: str, start: int, end: int, habits: Habits) -> Iterable[tuple[int, int, str]]:
    """Give the characters of a text, each with its place; two question marks are one where they replaced one."""
    at = start
    while at < end:
        many = 2 if "??" in habits.blind and text.startswith("??", at) and at + 1 < end else 1
        yield at, at + many, text[at : at + many]
        at += many


def search(
    text: str, start: int, end: int, notes: Sequence[Note], habits: Habits, *, last: bool, beam: int = BEAM
) -> list[Piece]:
    """Find the original of a stretch of captured text.

    Give the text, the stretch (it begins and ends in step), its notes and what the page has told. `last`
    says that the text ends here, perhaps in the middle of a character. Gives the broken places only, each
    with what stood there; empty where no original fits.
    """
    machine = _Search(text, habits)
    tokens: list[tuple[int, int, str | Note]] = []
    at = start
    for note in notes:
        tokens += _tokens(text, at, note.start, habits)
        tokens.append((note.start, note.end, note))
        at = note.end
    tokens += _tokens(text, at, end, habits)

    paths = [_Path()]
    pieces: list[Piece] = []
    opened: int | None = None  # the token that the broken place begins with
    healed: int | None = None  # the token in front of which every reading is in step again

    def close() -> None:
        """End a broken place: give what the likeliest reading made of it."""
        nonlocal opened, healed, paths
        if opened is None or healed is None:
            return
        best = min(paths, key=lambda p: p.cost)
        emitted: list[str] = []
        out = best.out
        while out is not None and out[2] >= opened:
            if out[2] < healed:
                emitted.append(out[1])
            out = out[0]
        found = "".join(reversed(emitted))
        certainty = (
            "lost" if LOST in found else "proven" if sum(p.origins for p in paths) == 1 else "inferred"
        )
        pieces.append(Piece(tokens[opened][0], tokens[healed - 1][1], found, certainty))
        best.origins = 1
        paths = [best]
        opened = healed = None

    for index, (_, to, kind) in enumerate(tokens):
        broken = isinstance(kind, Note) and bool(kind.mark or not kind.head)
        if opened is not None:
            if any(path.pending is not None for path in paths) or broken:
                healed = None
            else:
                healed = index if healed is None else healed
                # the characters behind a broken place help to choose what stood in it
                if (len(paths) == 1 and paths[0].origins == 1) or index - healed >= AHEAD:
                    close()
        found = [new for path in paths for new in machine.step(path, kind, index, to)]
        if habits.gaps:
            found += [new for path in paths[:LIKELIEST] for new in machine.gap(path, kind, index, to)]
        found = _thin(found, beam)
        if not found:
            return []
        if opened is None and (broken or any(path.pending is not None for path in found)):
            opened = index
        paths = found
    if last and any(path.pending is not None for path in paths):
        # the text ends in the middle of a character
        index = len(tokens) - 1
        cut = [new for path in paths for new in machine.broken_pair(path, index, False, "", end)]
        for path in cut:
            path.cost += 6.0
        paths = _thin([path for path in paths if path.pending is None] + cut, beam)
    paths = [path for path in paths if path.pending is None and not path.due]
    if not paths:
        return []
    if opened is not None and healed is None:
        healed = len(tokens)
    close()
    return pieces
