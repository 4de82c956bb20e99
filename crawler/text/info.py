"""Info lines: what the labels above a text, in tables beside it and below it say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from crawler.text.labels import (
    DATE_RE,
    FIELD_OF,
    LABEL_RE,
    OUTER,
    SQUEEZE_RE,
    TABLE_LABELS,
    TODAY_RE,
    VALUE_END_RE,
    labelled,
    read_date,
    stamp,
)
from crawler.text.lines import Line


class Info(NamedTuple):
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


def _head(lines: Sequence[Line], first: int, end: int, title: str | None, day: date | None) -> int:
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
            and (line.ends or line.weight >= 10 or line.text.endswith(("：", ":")))
        ):
            headline = i == first and line.size <= 60 and not BROKEN_RE.search(line.text)
            if not headline or after is None or not LABEL_RE.match(after.text) or not after.info:
                break
    return top


BROKEN_RE = re.compile("[。；;：:…][”’」』）)]?$")
"""How no headline ends."""


def _is_event(lines: Sequence[Line], i: int, end: int, day: date | None) -> bool:
    """Say whether a labelled date is that of an event: the place stands beside it, or the page has another date."""
    told = list(labelled(lines[i].text))
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


def inform(
    lines: Sequence[Line], start: int, over: int, end: int, plain: bool, title: str | None, day: date | None
) -> Info:
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
        for field, label, value in labelled(line.text):
            if field in ("published", "updated"):
                if found := stamp(value):
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
        for field, label, value in labelled(line.text):
            if field in ("editor", "duty", "source", "author"):
                say(field, VALUE_END_RE.split(value)[0].strip(OUTER), f"line below {label}")
            elif field in ("published", "updated") and label not in VAGUE and stamp(value):
                say(field, value, f"line below {label}")
    return Info(said, used, foot)


def _is_below(line: Line, said: dict[str, tuple[str, str]], day: date | None) -> bool:
    """Say whether a line at the end of the container may stand below the text: names, links, tools of the page.

    The date of an event and a second 来源 that contradicts the page's own are the text's.
    """
    if line.role not in ("", "credit") or line.hidden or line.linked:
        return line.role != "site"
    told = list(labelled(line.text.lstrip("【[（(")))
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
