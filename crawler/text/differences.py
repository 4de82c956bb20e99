"""What differs between two texts, as a value: what stays, what went, what came, in the order of reading.

Paragraphs are aligned first, sentences in what is left between them, then words: a run of Latin letters or digits is
one, a Chinese character is one, and where a change begins or ends inside a word it takes in the word. What stays is the
longest common subsequence, found bit by bit (Hyyrö 2004); where that would cost too much, runs that are unique in both
texts part the work (Cohen's patience diff). Scattered characters that two phrases happen to share are no agreement.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from crawler.text.bigrams import alone, cost

CELLS = 1 << 28
"""Pairs of tokens that are aligned exactly: 32 MB of bits, some 16,000 characters against as many."""
RUN = 8
"""Words in a row that part a larger text, where they stand once in both."""
DEPTH = 4
"""How often a text is parted so; what is too large then is one change."""
CHANCE = 12
"""Up to so many characters between two changes can be chance, where the changes are longer."""
GLUE = 3.5
"""Nats by which a character makes the next one likelier, from which on the two are read as one word."""
NEAR = 12
"""Printings of a story that are compared each with each."""
GROWTH = 2
"""Characters by which a change takes in the rest of a word, at either end."""

LINE_RE = re.compile(r"[^\n]*\n|[^\n]+")
SENTENCE_RE = re.compile(r"[^。！？；!?;\n]*(?:[。！？；!?;]+[”’」』）)]*\n*|\n+)|[^。！？；!?;\n]+")
WORD_RE = re.compile(
    r"\d+(?:[.,:：/-]\d+)*[%‰％]?|[A-Za-z\u00c0-\u024f]+(?:['’.-][A-Za-z\u00c0-\u024f]+)*|[ \t\u3000\xa0]+|.",
    re.S,
)


class Segment(NamedTuple):
    """One stretch of two texts."""

    kind: str
    """``equal``, ``insert``, ``delete`` or ``replace``."""
    before: str
    after: str


class Measure(NamedTuple):
    """How much two texts differ, in letters: white space and punctuation do not count."""

    inserted: int
    deleted: int
    share: float
    """The part of both that is the same, 0 to 1."""


PARTICULARS = ("title", "subtitle", "kicker", "published", "source", "author", "editor", "document_number")
"""What is compared besides the text."""


class Difference(NamedTuple):
    """What differs between two versions or two printings of an article."""

    particulars: tuple[tuple[str, str, str], ...]
    """Name, before, after, of those of `PARTICULARS` that differ."""
    segments: tuple[Segment, ...]
    measure: Measure


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Difference:
    """Compare two versions, given by column: the text, and what is said of it.

    >>> compare({"title": "开闸", "text": "放水。"}, {"title": "又开闸", "text": "放水。"})[0]
    (('title', '开闸', '又开闸'),)
    """
    pairs = [(name, str(before.get(name) or ""), str(after.get(name) or "")) for name in PARTICULARS]
    segments = differ(str(before.get("text") or ""), str(after.get("text") or ""))
    return Difference(tuple(pair for pair in pairs if pair[1] != pair[2]), segments, measure(segments))


class Origin(NamedTuple):
    """From which of the earlier printings of a story one seems to be taken."""

    number: int | None
    """Of the list; None for the first one."""
    measure: Measure


def find_origins(texts: Sequence[str]) -> list[Origin]:
    """Give for each printing of a story, the earliest first, the earlier one that it has most of.

    >>> [origin.number for origin in find_origins(["甲乙丙丁。", "甲乙丙丁戊己。", "甲乙丙丁戊己庚。"])]
    [None, 0, 1]
    """
    found: list[Origin] = []
    for number, text in enumerate(texts):
        # more than a screen of reprints are compared with the first one alone
        earlier = range(number if number <= NEAR else min(number, 1))
        origins = [Origin(each, measure(differ(texts[each], text))) for each in earlier]
        own = Origin(None, Measure(0, 0, 1.0))
        found.append(max(origins, key=lambda each: (each.measure.share, -(each.number or 0)), default=own))
    return found


def mark(segments: Iterable[Segment]) -> str:
    """Write a comparison as plain text: ``[-what went-]{+what came+}``.

    >>> mark(differ("床位300张", "床位350张"))
    '床位[-300-]{+350+}张'
    """
    return "".join(
        each.after
        if each.kind == "equal"
        else (f"[-{each.before}-]" if each.before else "") + (f"{{+{each.after}+}}" if each.after else "")
        for each in segments
    )


def differ(before: str, after: str) -> tuple[Segment, ...]:
    """Compare two texts. The `before` of all segments joined is the one text, the `after` the other.

    >>> for segment in differ("昨日，全市新增床位300张。", "今日，全市新增养老床位350张。"):
    ...     print(*segment)
    replace 昨日 今日
    equal ，全市新增 ，全市新增
    insert  养老
    equal 床位 床位
    replace 300 350
    equal 张。 张。
    >>> differ("同文", "同文")
    (Segment(kind='equal', before='同文', after='同文'),)
    """
    found = _join(_align(before, after, 0))
    for _ in range(2):  # what moved parts what seemed chance, and what was chance bars the way
        found = _join(_absorb(_join(map(_segment, _slide(found)))))
    return tuple(_join(_absorb(_join(map(_segment, _grow(found))))))


def revert(segments: Iterable[Segment]) -> str:
    """Give the text before the changes."""
    return "".join(segment.before for segment in segments)


def apply(segments: Iterable[Segment]) -> str:
    """Give the text after the changes."""
    return "".join(segment.after for segment in segments)


def measure(segments: Sequence[Segment]) -> Measure:
    """Count the letters that came and went.

    >>> measure(differ("全市新增床位300张。", "全市新增养老床位300张！"))
    Measure(inserted=2, deleted=0, share=0.909)
    """
    came = sum(_letters(each.after) for each in segments if each.kind != "equal")
    went = sum(_letters(each.before) for each in segments if each.kind != "equal")
    kept = 2 * sum(_letters(each.after) for each in segments if each.kind == "equal")
    both = kept + came + went
    return Measure(came, went, round(kept / both, 3) if both else 1.0)


def shorten(segments: Sequence[Segment], around: int = 40) -> list[Segment]:
    """Leave out what stays the same farther than `around` characters from a change; ``…`` stands for it.

    >>> [each.after for each in shorten(differ("一" * 50, "一" * 50 + "二"), around=3)]
    ['…一一一', '二']
    """
    found = []
    for number, segment in enumerate(segments):
        if segment.kind == "equal":
            first, last = number == 0, number == len(segments) - 1
            text = segment.after
            head = "" if first else text[:around]
            tail = "" if last else text[-around:]
            if len(text) > len(head) + len(tail) + 1:
                segment = Segment("equal", head + "…" + tail, head + "…" + tail)
        found.append(segment)
    return found


def _letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _segment(pair: tuple[str, str]) -> Segment:
    """Name the kind of a stretch."""
    before, after = pair
    kind = "equal" if before == after else "insert" if not before else "delete" if not after else "replace"
    return Segment(kind, before, after)


def _join(segments: Iterable[Segment]) -> list[Segment]:
    """Make one of neighbours that both stay or both change; leave out empty ones."""
    found: list[Segment] = []
    for segment in segments:
        if not segment.before and not segment.after:
            continue
        if found and (found[-1].kind == "equal") == (segment.kind == "equal"):
            last = found.pop()
            segment = _segment((last.before + segment.before, last.after + segment.after))
        found.append(segment)
    return found


# --- what stays ---


def _words(text: str) -> list[str]:
    return WORD_RE.findall(text)


LEVELS: tuple[tuple[Callable[[str], list[str]], int], ...] = (
    (LINE_RE.findall, 1),
    (SENTENCE_RE.findall, 1),
    (_words, RUN),
)
"""How a text is parted, the coarsest way first, and how many parts in a row are no chance."""


def _align(before: str, after: str, level: int) -> Iterator[Segment]:
    """Compare by the parts of a level, and what is left between them by those of the next one."""
    if before == after or not before or not after or level == len(LEVELS):
        yield _segment((before, after))
        return
    part, run = LEVELS[level]
    one, other = part(before), part(after)
    at = to = 0
    for first, second, length in [*_matches(one, other, run, DEPTH), (len(one), len(other), 0)]:
        if first > at or second > to:
            yield from _align("".join(one[at:first]), "".join(other[to:second]), level + 1)
        text = "".join(one[first : first + length])
        yield Segment("equal", text, text)
        at, to = first + length, second + length


def _matches(one: Sequence[str], other: Sequence[str], run: int, depth: int) -> list[tuple[int, int, int]]:
    """Give what two sequences have in common, in order: place in one, place in the other, length."""
    start = 0
    least = min(len(one), len(other))
    while start < least and one[start] == other[start]:
        start += 1
    end = 0
    while end < least - start and one[-1 - end] == other[-1 - end]:
        end += 1
    middle = (one[start : len(one) - end], other[start : len(other) - end])
    found = [(0, 0, start)]
    found += [(a + start, b + start, n) for a, b, n in _middle(*middle, run, depth)]
    found.append((len(one) - end, len(other) - end, end))
    return [each for each in found if each[2]]


def _middle(one: Sequence[str], other: Sequence[str], run: int, depth: int) -> list[tuple[int, int, int]]:
    if not one or not other:
        return []
    if len(one) * len(other) <= CELLS:
        return [(a, b, 1) for a, b in _longest(one, other)]
    found: list[tuple[int, int, int]] = []
    if not depth:
        return found
    at = to = 0
    anchors = _anchors(one, other, run)
    if not anchors:
        return found
    for a, b in [*anchors, (len(one), len(other))]:
        if a < at or b < to:  # within the run before
            continue
        between = _matches(one[at:a], other[to:b], run, depth - 1)
        found += [(x + at, y + to, n) for x, y, n in between]
        length = run if a < len(one) else 0
        found.append((a, b, length))
        at, to = a + length, b + length
    return found


def _longest(one: Sequence[str], other: Sequence[str]) -> list[tuple[int, int]]:
    """Give the pairs of a longest common subsequence.

    Row by row: a bit that is 0 says that the subsequence grows at that place of `one`. One step of a row is one
    addition of whole numbers as long as `one`.
    """
    places: dict[str, int] = {}
    for at, token in enumerate(one):
        places[token] = places.get(token, 0) | 1 << at
    full = (1 << len(one)) - 1
    row, rows = full, []
    for token in other:
        hit = row & places.get(token, 0)
        row = ((row + hit) | (row - hit)) & full
        rows.append(row)
    found = []
    at, to = len(one), len(other)
    while at and to:
        if rows[to - 1] >> (at - 1) & 1:
            at -= 1
            continue
        to -= 1
        if to == 0 or rows[to - 1] >> (at - 1) & 1:
            at -= 1
            found.append((at, to))
    return found[::-1]


def _anchors(one: Sequence[str], other: Sequence[str], run: int) -> list[tuple[int, int]]:
    """Give the places of runs that stand once in each sequence and in the same order in both."""
    first, second = (_unique(each, run) for each in (one, other))
    pairs = sorted((at, second[text]) for text, at in first.items() if text in second)
    ends: list[int] = []
    tails: list[int] = []
    back: list[int] = []
    for number, (_, to) in enumerate(pairs):
        place = bisect_left(ends, to)
        back.append(tails[place - 1] if place else -1)
        ends[place : place + 1], tails[place : place + 1] = [to], [number]
    found = []
    number = tails[-1] if tails else -1
    while number >= 0:
        found.append(pairs[number])
        number = back[number]
    return found[::-1]


def _unique(tokens: Sequence[str], run: int) -> dict[tuple[str, ...], int]:
    """Give the runs that stand once in a sequence, with their places."""
    runs = [tuple(tokens[at : at + run]) for at in range(len(tokens) - run + 1)]
    counts = Counter(runs)
    return {text: at for at, text in enumerate(runs) if counts[text] == 1}


# --- how it reads best ---


def _absorb(segments: Sequence[Segment]) -> list[Segment]:
    """Take for chance what stays between two changes that are both longer than it is, and make one change of all.

    A sentence, a line or a longer piece that stays is never chance.
    """
    found: list[Segment] = []
    for segment in segments:
        found.append(segment)
        while len(found) >= 3 and found[-1].kind != "equal" and _is_chance(*found[-3:]):
            *_, left, kept, right = found
            del found[-3:]
            found.append(
                _segment((left.before + kept.before + right.before, left.after + kept.after + right.after))
            )
    return found


def _is_chance(left: Segment, kept: Segment, right: Segment) -> bool:
    text = kept.before
    if kept.kind != "equal" or left.kind == "equal" or len(text) > CHANCE or "\n" in text:
        return False
    least = min(_weight(left), _weight(right))
    if left.kind == right.kind and left.kind != "replace":
        # nothing was rewritten: what stays is chance only where it is a crumb of what came or went
        return len(text) == 1 and text.isalnum() and least > 2
    many = len(_words(text))
    if many == 1 and text.isalnum():
        return least >= 1
    return (many + sum(map(text.count, "，、：；。！？"))) * 1.5 <= least


def _weight(segment: Segment) -> int:
    """Count the words of a change, those of the longer side."""
    return max(len(_words(segment.before)), len(_words(segment.after)))


def _slide(segments: Sequence[Segment]) -> Iterator[tuple[str, str]]:
    """Move what came or went to where it reads best, as far as the same letters allow it.

    In 甲。乙。 → 甲。丙。乙。 it is 丙。 that came, not 。丙.
    """
    pairs = [(each.before, each.after) for each in segments]
    for number in range(1, len(pairs) - 1):
        segment = _segment(pairs[number])
        head, tail = pairs[number - 1][0], pairs[number + 1][0]
        if segment.kind not in ("insert", "delete") or not head or not tail:
            continue
        moved = _best_place(head, segment.before or segment.after, tail)
        head, text, tail = moved
        pairs[number - 1] = (head, head)
        pairs[number] = (text, "") if segment.kind == "delete" else ("", text)
        pairs[number + 1] = (tail, tail)
    return iter(pairs)


def _best_place(head: str, text: str, tail: str) -> tuple[str, str, str]:
    """Give the best of all ways in which the same text can be said to stand between the same others."""
    left = 0
    while left < min(len(head), 400) and head[-1 - left] == text[-1 - left % len(text)]:
        left += 1
    right = 0
    while right < min(len(tail), 400) and tail[right] == text[right % len(text)]:
        right += 1
    if not left and not right:
        return head, text, tail
    whole = head[len(head) - left :] + text + tail[:right]
    outer = (head[: len(head) - left], tail[right:])
    edge = (outer[0][-1:], outer[1][:1])

    def rate(at: int) -> tuple[float, int]:
        before = whole[at - 1] if at else edge[0]
        last = at + len(text)
        after = whole[last] if last < len(whole) else edge[1]
        cut = _parting(before, whole[at]) + _parting(whole[last - 1], after)
        return cut, -abs(at - left)

    at = max(range(left + right + 1), key=rate)
    return outer[0] + whole[:at], whole[at : at + len(text)], whole[at + len(text) :] + outer[1]


def _parting(before: str, after: str) -> float:
    """Rate a place between two characters: how well a change may begin or end there."""
    if not before or not after or before == "\n":
        return 6.0
    if before in "。！？；!?;":
        return 5.0
    if after == "\n":
        return 4.0
    if before in "，、：）”》〕】,:)":
        return 3.0
    if after in "，、（“《〔【(":
        return 2.0
    return -1.0 if _glued(before, after) else 0.0


def _glued(before: str, after: str) -> bool:
    """Tell whether two characters are likely parts of one word."""
    if not ("\u3400" <= before <= "\u9fff" and "\u3400" <= after <= "\u9fff"):
        return False
    return alone(after) - cost(before, after) > GLUE


def _grow(segments: Sequence[Segment]) -> Iterator[tuple[str, str]]:
    """Let an exchange that begins or ends inside a word take in the word."""
    pairs = [(each.before, each.after) for each in segments]
    for number, (before, after) in enumerate(pairs):
        if before == after or not before or not after:
            continue
        if number and pairs[number - 1][0] == pairs[number - 1][1]:
            kept = pairs[number - 1][0]
            many = _reach(
                kept[::-1], lambda char, edge: all(_glued(char, each) for each in edge), before[0] + after[0]
            )
            if many:
                taken = kept[len(kept) - many :]
                pairs[number - 1] = (kept[: len(kept) - many],) * 2
                before, after = taken + before, taken + after
        if number + 1 < len(pairs) and pairs[number + 1][0] == pairs[number + 1][1]:
            kept = pairs[number + 1][0]
            many = _reach(
                kept, lambda char, edge: all(_glued(each, char) for each in edge), before[-1] + after[-1]
            )
            if many:
                pairs[number + 1] = (kept[many:],) * 2
                before, after = before + kept[:many], after + kept[:many]
        pairs[number] = (before, after)
    return iter(pairs)


def _reach(kept: str, glued: Callable[[str, str], bool], edge: str) -> int:
    """Count the characters, at most `GROWTH`, that are glued to the edge of a change."""
    many = 0
    while many < min(GROWTH, len(kept)) and glued(kept[many], edge):
        edge = kept[many]
        many += 1
    return many
