"""Info lines: what the labels above a text, in tables beside it and below it say."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from crawler.text.keeping import keep
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


@keep(2048)
def _told(text: str) -> tuple[tuple[str, str, str], ...]:
    """Give what `labelled` finds; the lines of templates come again and again."""
    return tuple(labelled(text))


VAGUE = frozenset(("时间", "日期"))
"""Labels of a page's date that notices use for their events as well."""

LOOSE = VAGUE | {"发布", "发表", "发表于", "发布于"}
"""The same, and those that a notice can use for what it tells about."""

EVENT_RE = re.compile(
    r"(?:活动|会议|展览|演出|比赛|报名|举办|召开)?(?:地点|地址|场地|主题|对象|主讲人?|嘉宾|方式|内容)[:：]"
)


AROUND_RE = re.compile(r"^[^\w《“‘\"]+|[^\w》”’\")）.]+$")


def _unwrap(value: str) -> str:
    """Give a value without what stands around it; a bracket that opens within it closes there.

    >>> _unwrap("[ 示例日报 ]"), _unwrap("示例网(江苏)|"), _unwrap("示例网)")
    ('示例日报', '示例网(江苏)', '示例网')
    """
    while not value.isalnum():
        kept = AROUND_RE.sub("", value)
        if kept[-1:] in (")", "）") and not ("(" in kept or "（" in kept):
            kept = kept[:-1]
        if kept == value:
            break
        value = kept
    return value


CHANGED_RE = re.compile(r"\s*(?:更新|修改)(?!.*[。；])")
WHO_RE = re.compile(r"\W*([\w·-]{2,16})\s+发[表布]于")
POSTED_RE = re.compile(r"(?:由(\S{1,16}?)\s*)?于\s*(?=(?:19|20)\d\d)")
"""`本帖由甲于2005年8月12日16:12:21在某版发表`, as boards close a text."""


def _posted(text: str) -> tuple[str | None, str] | None:
    """Give who posted a text and when, if a line says only that.

    >>> _posted("本帖由小明于2005年8月12日16:12:21在〖书屋〗发表."), _posted("图书馆于2005年8月12日发表了倡议书。")
    (('小明', '2005年8月12日16:12:21'), None)
    """
    if "于" not in text or ("发表" not in text and "发布" not in text) or len(text) > 80:
        return None
    found = POSTED_RE.search(text)
    day = DATE_RE.match(text, found.end()) if found else None
    if found is None or day is None or not re.search(r"发[表布帖](?:的)?\W*$", text):
        return None
    return found[1], day[0]


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
    told = _told(lines[i].text)
    if _disagrees(told, day):
        return True
    if not told or any(label not in VAGUE for _, label, _ in told):
        return False
    return any(EVENT_RE.match(line.text) for line in (*lines[i - 1 : i], *lines[i + 1 : min(i + 2, end)]))


def _disagrees(told: Sequence[tuple[str, str, str]], day: date | None) -> bool:
    """Say whether a line tells nothing but a date, and another one than the page's; 发布时间 is no event's."""
    if day is None or not told or any(label not in LOOSE for _, label, _ in told):
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
        if not line.info and len(line.cells) < 2:
            return
        if TODAY_RE.search(line.text):
            return
        if len(line.cells) >= 2:
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
        for field, label, value in _told(line.text):
            if field in ("published", "updated"):
                if found := stamp(value):
                    say(field, found[0], f"info line {label}")
                    dated = True
                    if label[-1] == "于" and (who := WHO_RE.match(line.text)):
                        say("author", who[1], f"info line {label}")
            elif field:
                value = VALUE_END_RE.split(value)[0]
                if found := DATE_RE.search(value):
                    value = value[: found.start()]
                say(field, _unwrap(value), f"info line {label}")
        if not dated and DATE_RE.search(line.text):
            undated.append(i)

    def guess() -> None:
        """Take the date of an info line that has no label for it, the nearest to the body."""
        for i in reversed(undated):
            if i >= start - 15 and (found := DATE_RE.search(lines[i].text)):
                changed = CHANGED_RE.match(lines[i].text, found.end())
                say("updated" if changed else "published", found[0], "date line")
                rest = _unwrap(lines[i].text[found.end() :].strip(OUTER + "|《》[]【】()（）"))
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
        foot < over
        and not lines[foot].role
        and not (lines[foot].info and (LABEL_RE.search(lines[foot].text) or _posted(lines[foot].text)))
    ):
        foot += 1
    for i in (*range(foot, min(end, over + 15)), *range(max(end, foot), min(len(lines), end + 15))):
        line = lines[i]
        if line.size > 120 or line.role == "end" or line.linked:
            continue
        if (posted := _posted(line.text)) and line.info:
            used.add(i)
            say("author", posted[0] or "", "line below 由…于")
            say("published", posted[1], "line below 于…发表")
            continue
        if i < end:
            if not line.info or not LABEL_RE.match(line.text.lstrip("【[（(")):
                continue
            used.add(i)
        for field, label, value in _told(line.text):
            if field in ("editor", "duty", "source", "author"):
                say(field, _unwrap(VALUE_END_RE.split(value)[0]), f"line below {label}")
            elif field in ("published", "updated") and label not in VAGUE and stamp(value):
                if label[-1] == "于" and field not in said and (who := WHO_RE.match(line.text)):
                    say("author", who[1], f"line below {label}")
                say(field, value, f"line below {label}")
    return Info(said, used, foot)


def _is_below(line: Line, said: dict[str, tuple[str, str]], day: date | None) -> bool:
    """Say whether a line at the end of the container may stand below the text: names, links, tools of the page.

    The date of an event and a second 来源 that contradicts the page's own are the text's.
    """
    if line.role not in ("", "credit") or line.hidden or line.linked:
        return line.role != "site"
    told = _told(line.text.lstrip("【[（("))
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
