"""Where two places of a page say different things of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import NamedTuple

from crawler.text.bylines import SPLIT_RE
from crawler.text.heads import Claim
from crawler.text.outlets import name_outlet


class Disagreement(NamedTuple):
    """Two places that contradict each other; the first decided the field."""

    field: str
    rule: str
    value: str
    other_rule: str
    other: str


Same = Callable[[str, str], bool]


def contradict(field: str, first: Claim, others: Iterable[Claim], same: Same) -> list[Disagreement]:
    """Give those that say something else than the one that decided a field, each value once."""
    found: dict[str, Disagreement] = {}
    for other in others:
        if other.value != first.value and not same(first.value, other.value):
            found.setdefault(
                other.value, Disagreement(field, first.rule, first.value, other.rule, other.value)
            )
    return list(found.values())


SIGNS_RE = re.compile(r"[\W_]+")


def same_title(one: str, other: str) -> bool:
    """Say whether one title is the other, or a part of it: cut short, with the site's name or a subtitle.

    >>> same_title("三座书屋，昨日开放", "三座书屋 昨日开放_示例网"), same_title("三座书屋昨日开放", "本地新闻")
    (True, False)
    """
    if one in other:
        return True
    one, other = (SIGNS_RE.sub("", text).casefold() for text in (one, other))
    return not one or not other or one in other or (other in one and len(other) >= 4)


def same_outlet(one: str, other: str) -> bool:
    """Say whether two sources name the same, or one of them names nobody.

    >>> same_outlet("《示例日报》", "示例日报社"), same_outlet("本站", "示例日报"), same_outlet("新华社", "示例日报")
    (True, True, False)
    """
    first, second = name_outlet(one), name_outlet(other)
    return not first or not second or first in second or second in first


def same_people(one: str, other: str) -> bool:
    """Say whether two bylines have a name in common."""
    first, second = (set(SPLIT_RE.split(text)) for text in (one, other))
    return not first.isdisjoint(second) or "".join(SPLIT_RE.split(one)) == "".join(SPLIT_RE.split(other))


def same_number(one: str, other: str) -> bool:
    """Say whether two document numbers are the same, whatever brackets they have.

    >>> same_number("示政发〔2023〕5号", "示政发 [2023] 第5号")
    True
    """
    first, second = (re.sub(r"[\W_第]+", "", text) for text in (one, other))
    return first == second


def same_moment(one: datetime | date, other: datetime | date) -> bool:
    """Say whether two dates can be of the same minute, or of the same day where one tells no time.

    >>> same_moment(datetime(2021, 4, 6, 15, 13, 48), datetime(2021, 4, 6, 15, 13)), same_moment(
    ...     datetime(2021, 4, 6, 15, 13), date(2021, 4, 7))
    (True, False)
    """
    if one.timetuple()[:3] != other.timetuple()[:3]:
        return False
    clocks = [when.timetuple()[3:5] for when in (one, other) if isinstance(when, datetime)]
    return len(clocks) < 2 or (0, 0) in clocks or clocks[0] == clocks[1]
