"""The article among a page's lines: where it begins and ends, and what in it is text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lxml.etree import _Element as Element

from crawler.text.files import FILES_RE
from crawler.text.info import Info
from crawler.text.labels import DATE_RE
from crawler.text.lines import Line, bare
from crawler.text.memory import Memory
from crawler.text.outline import Outline, Spot, containers

HEADINGS = frozenset(("h1", "h2", "h3"))


def densest(lines: Sequence[Line]) -> tuple[int, int]:
    """Find the run of lines with the largest sum of weights: [start, end).

    What readers wrote below an article can be longer than the article, and counts little.
    """
    best, best_run = 0.0, (0, 0)
    total, start = 0.0, 0
    factor = 1.0
    for i, line in enumerate(lines):
        if total > 0:
            if line.hops > 3:
                total -= 2.5 * (line.hops - 3)
            if line.size <= 40 and total > 100 and line.role == "comments":
                total, factor = 0.0, 0.03
        if total <= 0:
            total, start = 0.0, i
        total += factor * line.weight
        if total > best:
            best, best_run = total, (start, i + 1)
    return best_run


def _lca(first: Element, last: Element) -> Element:
    """Find the lowest element that holds both."""
    above = [first, *first.iterancestors()]
    seen = set(above)
    for el in (last, *last.iterancestors()):
        if el in seen:
            return el
    return above[-1]


def worth(lines: Sequence[Line]) -> float:
    return sum(line.weight for line in lines if line.weight > 0)


def choose(outline: Outline, plain: bool) -> tuple[int, int, str, Element | None]:
    """Say where the body is, lines[start:end], by which rule, and which element holds it."""
    lines = outline.lines
    if plain:
        return 0, len(lines), "plain text", None
    start, end = densest(lines)
    if 0 < end - start <= 2 and end < len(lines) and (lines[end].info or lines[start].kind == "h1"):
        # a headline above an info line weighs more than the one sentence of a short notice
        first, last = densest(lines[end : end + 30])
        if first < last:
            start, end = end + first, end + last
    core = [line for line in lines[start:end] if not line.info]
    whole = worth([line for line in core if line.kind not in HEADINGS] or core)
    best: tuple[float, float, int] | None = None
    chosen: Spot | None = None
    known = containers("body")
    for spot in outline.bodies:
        rank, named = known[spot.selector]
        inside = lines[spot.start : spot.end]
        if not inside or all(line.link * 2 > line.size for line in inside):
            continue
        shared = worth(lines[max(start, spot.start) : min(end, spot.end)])
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

    def held(line: Line) -> bool:
        return line.el is top or top in line.el.iterancestors()

    while start > 0 and lines[start].hops <= 3 and joins(lines[start - 1]) and held(lines[start - 1]):
        start -= 1
    while end < len(lines) and lines[end].hops <= 3 and held(lines[end]):
        if joins(lines[end]) or _is_signed(lines[end], lines[end - 1]):
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


def recall(outline: Outline, memory: Memory) -> list[tuple[Line, float, str]]:
    """Let lines that the portal repeats on its pages count as furniture; give those that changed, as they were.

    Where a container that the page names holds the body, and beside sentences of the page's own, nothing changes;
    nor where nothing would be left.
    """
    lines = outline.lines
    known = [line.weight > 0 and memory.furniture(line.text) for line in lines]
    standing = [
        line
        for i, line in enumerate(lines)
        if known[i]
        and not any(
            0 <= at < len(lines) and not known[at] and lines[at].prose and _beside(line, lines[at])
            for at in (i - 1, i + 1)
        )
    ]
    if not standing or containers("body").get(choose(outline, False)[2], (0, False))[1]:
        return []
    before = [(line, line.weight, line.role) for line in standing]
    for line in standing:
        line.weight, line.role = -12.0, "drop"
    start, end, _, _ = choose(outline, False)
    if not any(line.prose for line in lines[start:end]):
        restore(before)
        return []
    return before


def restore(before: Iterable[tuple[Line, float, str]]) -> None:
    """Undo what `recall` did."""
    for line, weight, role in before:
        line.weight, line.role = weight, role


def _passes(line: Line) -> bool:
    return line.role in ("credit", "site") or (not line.role and not line.linked and not line.prose)


def _beside(line: Line, other: Line) -> bool:
    """Say whether two lines stand in the same element, as paragraphs of one text do."""
    one, two = line.el, other.el
    return one is two or one.getparent() is two.getparent()


def _is_signed(line: Line, before: Line) -> bool:
    """Say whether a line is the day below the signature of a notice."""
    found = DATE_RE.fullmatch(line.text)
    if found is None or found[4] is not None:
        return False
    right = (line.el.get("align") or line.el.get("style") or "").replace(" ", "")
    return right == "right" or "align:right" in right or (before.size <= 40 and not before.ends)


def joins(line: Line) -> bool:
    """Say whether a short line beside the body belongs to it, such as a first sentence or a signature."""
    return not line.linked and not line.hidden and not line.role and not line.info


def find_over(lines: Sequence[Line], start: int, end: int, named: bool) -> int:
    """Say where in the body its text is over: at the first line of what stands below articles.

    Within a container that the page itself names such a line is text if prose follows in it.
    """
    last = max((i for i in range(start, end) if lines[i].prose), default=start - 1)
    left = worth(lines[start:end])
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


def trim(
    lines: Sequence[Line],
    start: int,
    over: int,
    info: Info,
    title: str | None,
    named: bool,
    files: set[int],
) -> list[int]:
    """Say which lines of the body are text: no info lines, no furniture, nothing after it is over."""
    kept: list[int] = []
    same = bare(title) if title else None
    covered = sum(lines[i].size for i in range(start, over) if lines[i].covered)
    shown = sum(lines[i].size for i in range(start, over)) - covered
    listed = False  # in a list of links below a heading of such lists
    for i in range(start, over):
        line = lines[i]
        if i in info.lines or (line.covered and covered <= shown):
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
        if not kept and same and bare(line.text) == same:
            continue
        kept.append(i)
    foot = len(kept)
    while foot and (kept[foot - 1] in files or FILES_RE.fullmatch(lines[kept[foot - 1]].text)):
        foot -= 1  # a list of files at the end, and its heading
    if foot or not kept or kept[0] not in files:
        del kept[foot:]
    return kept
