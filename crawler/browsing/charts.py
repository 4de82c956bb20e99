"""Bar charts as plain values: `_charts.html` draws them the same on every page, and gives their numbers as a table.

Across in per cent, so that the letters stay as large as they are on a narrow screen; down in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from crawler.browsing.language import tr

LEFT = 9.0
"""Where the bars begin, in per cent of the width; the numbers of the scale stand before."""
TOP, HEIGHT, FOOT = 14.0, 120.0, 24.0
"""Pixels above the highest bar, of the highest bar, and for the names below."""
NAMES = 6
"""How many names may stand below the bars: six years or days do on a telephone."""
LEAST = 1.5
"""Pixels of the lowest bar that is not nothing."""
SERIES = 5
"""How many kinds of bars can be told apart; those of the least sum are put together from there on."""


class Part(NamedTuple):
    """One rectangle: of the series with this number."""

    series: int
    y: float
    height: float


class Bar(NamedTuple):
    """What stands above one name: parts on top of each other."""

    x: float
    width: float
    parts: tuple[Part, ...]
    said: str


class Mark(NamedTuple):
    """A line of the scale, or a name below the bars: where, and what is written there."""

    place: float
    text: str
    end: bool = False
    """The text ends there, lest it leave the page."""


class Chart(NamedTuple):
    """Everything that is drawn, and the numbers as rows of a table."""

    name: str
    title: str
    about: str
    """The chart in a sentence, for who does not see it."""
    height: float
    bars: tuple[Bar, ...]
    scale: tuple[Mark, ...]
    names: tuple[Mark, ...]
    head: tuple[str, ...]
    """The series, in the order of their colours; one alone has no legend."""
    rows: tuple[tuple[str, tuple[int, ...]], ...]


def draw_bars(
    name: str,
    title: str,
    head: Sequence[str],
    rows: Sequence[tuple[str, Sequence[int]]],
    named: Sequence[bool] | None = None,
) -> Chart | None:
    """Draw a bar for each row, its numbers on top of each other; None where there is nothing to draw.

    ``name``: an id on the page. ``head``: what each number of a row counts. ``named``: which rows may have their
    name below; `NAMES` of those have it.

    >>> chart = draw_bars("new", "New articles", ["articles"], [("2026-01", [4]), ("2026-02", [0]), ("2026-03", [10])])
    >>> [(bar.x, bar.parts, bar.said) for bar in chart.bars][:2]
    [(9.0, (Part(series=0, y=86.0, height=48.0),), '2026-01: 4'), (39.33, (), '2026-02: 0')]
    >>> [mark.text for mark in chart.scale], chart.about
    (['0', '5', '10'], '2026-01 – 2026-03, 合计 14，最多 10（2026-03）')
    >>> draw_bars("new", "New articles", ["articles"], [("2026-01", [0])]) is None
    True
    """
    head, rows = put_together(head, rows)
    sums = [sum(numbers) for _, numbers in rows]
    highest = max(sums, default=0)
    if not highest:
        return None
    top, step = find_scale(highest)
    room = (100.0 - LEFT) / len(rows)
    bars = [
        Bar(
            round(LEFT + room * number, 2),
            round(room * (0.78 if len(rows) < 100 else 0.9), 2),
            stack(numbers, top),
            say_bar(label, head, numbers),
        )
        for number, (label, numbers) in enumerate(rows)
    ]
    most = sums.index(highest)
    return Chart(
        name,
        title,
        tr(
            f"{rows[0][0]} – {rows[-1][0]}, 合计 {sum(sums):,}，最多 {highest:,}（{rows[most][0]}）",
            f"{rows[0][0]} – {rows[-1][0]}, {sum(sums):,} in all, most {highest:,} ({rows[most][0]})",
        ),
        TOP + HEIGHT + FOOT,
        tuple(bars),
        tuple(
            Mark(round(TOP + HEIGHT * (1 - value / top), 1), shorten(value))
            for value in range(0, top + 1, step)
        ),
        place_names([label for label, _ in rows], named, room),
        tuple(head),
        tuple((label, tuple(numbers)) for label, numbers in rows),
    )


def put_together(
    head: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]]
) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Put the series of the least sums together where there are more than `SERIES`.

    >>> put_together(list("abcdef"), [("2026", [1, 9, 9, 9, 9, 2])])
    (['b', 'c', 'd', 'e', '其余'], [('2026', [9, 9, 9, 9, 3])])
    """
    if len(head) <= SERIES:
        return list(head), [(label, list(numbers)) for label, numbers in rows]
    order = sorted(range(len(head)), key=lambda each: -sum(numbers[each] for _, numbers in rows))
    kept, rest = sorted(order[: SERIES - 1]), order[SERIES - 1 :]
    return [*(head[each] for each in kept), tr("其余", "others")], [
        (label, [*(numbers[each] for each in kept), sum(numbers[each] for each in rest)])
        for label, numbers in rows
    ]


def stack(numbers: Sequence[int], top: int) -> tuple[Part, ...]:
    """Put the parts of one bar on top of each other, the first series at the bottom."""
    parts, y = [], TOP + HEIGHT
    for series, value in enumerate(numbers):
        if value > 0:
            height = max(LEAST, HEIGHT * value / top)
            y -= height
            parts.append(Part(series, round(y, 1), round(height, 1)))
    return tuple(parts)


def say_bar(label: str, head: Sequence[str], numbers: Sequence[int]) -> str:
    """Say one bar in words."""
    if len(head) == 1:
        return f"{label}: {numbers[0]:,}"
    told = ", ".join(f"{name} {value:,}" for name, value in zip(head, numbers, strict=True) if value)
    return f"{label}: {told or 0}"


def find_scale(highest: int) -> tuple[int, int]:
    """Give the round number at the top of the scale, and the step to it.

    >>> find_scale(1), find_scale(10), find_scale(431), find_scale(100_000)
    ((1, 1), (10, 5), (500, 250), (100000, 50000))
    """
    power = 1
    while True:
        for step in (1, 2, 5):
            if 2 * step * power >= highest or (step * power == highest == 1):
                unit = step * power
                return (unit, unit) if unit >= highest else (2 * unit, unit)
            if step == 2 and 5 * power >= highest and power >= 10:
                return 5 * power, 5 * power // 2
        power *= 10


def shorten(number: int) -> str:
    """Write a number of the scale in few letters.

    >>> shorten(250), shorten(2500), shorten(20_000)
    ('250', '2500', '2万')
    """
    if number < 10_000:
        return str(number)
    return tr(f"{number / 10_000:g}万", f"{number / 1000:g}k")


def place_names(labels: Sequence[str], named: Sequence[bool] | None, room: float) -> tuple[Mark, ...]:
    """Choose which bars have their names below: as many as there is room for, evenly."""
    wanted = [number for number in range(len(labels)) if named is None or named[number]]
    if named is not None and not wanted:
        wanted = [0]
    every = -(-len(wanted) // NAMES) or 1
    marks = []
    for number in wanted[::every]:
        middle = LEFT + room * (number + 0.39)
        # of a day the year is left out: six of them stand beside each other on a telephone then
        text = labels[number][5:] if len(labels[number]) == 10 else labels[number]
        marks.append(Mark(round(min(middle, 100.0), 2), text, middle > 94))
    return tuple(marks)
