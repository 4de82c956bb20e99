"""How likely one Chinese character is after another."""

from __future__ import annotations

import math
from functools import cache
from operator import add
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crawler.text import tables

UNSEEN = 17.0
"""Cost in nats of a character that the counts do not know."""

BACKOFF = 2.2
"""Cost in nats of a pair that the counts do not know, on top of the second character's own cost."""


@cache
def known() -> tuple[dict[str, float], dict[str, float]]:
    """Give the costs of single characters and of pairs, from ``data/tables/bigrams.tsv``."""
    rows = tables.read("bigrams")
    total = sum(int(count) for _, count, _ in rows)
    singles = {char: math.log(total / int(count)) for char, count, _ in rows}
    both: dict[str, float] = {}
    for first, count, followers in rows:
        own = math.log(int(count))
        cost = 0.0
        for second in followers:
            if "a" <= second <= "z":
                cost = max(own - (ord(second) - 97) * math.log(2), 0.01)
            else:
                both[first + second] = min(cost, singles[second] + BACKOFF)
    both[SIGN + SIGN] = 4.0
    return singles, both


def cost(first: str, second: str) -> float:
    """Give the cost in nats of `second` after `first` (minus the logarithm of its probability).

    >>> cost("人", "民") < 2 < cost("人", "锕")
    True
    """
    singles, both = known()
    found = both.get(first + second)
    if found is not None:
        return found
    return singles.get(second, UNSEEN) + BACKOFF


def alone(char: str) -> float:
    """Give the cost in nats of a character without its neighbours.

    >>> alone("的") < 4 < alone("赣")
    True
    """
    return known()[0].get(char, UNSEEN)


def total(text: str) -> float:
    """Give the summed cost in nats of every character of a text after the one before it.

    >>> total("人民") == cost("人", "民")
    True
    """
    singles, both = known()
    found = 0.0
    for pair in map(add, text, text[1:]):
        step = both.get(pair)
        found += step if step is not None else singles.get(pair[1], UNSEEN) + BACKOFF
    return found


SLOTS = 1 << 22
"""Places of the table of pairs; its 300,000 pairs are hashed, a pair in fourteen is taken for another."""

QUARTERS = 4
"""Steps a nat in the arrays."""


SIGN = "※"
"""What stands for every sign that Chinese pages use and the counts do not have: ─ ■ ① →."""

SIGN_COST = 8.0
"""Cost in nats of a sign, without the price of an unknown pair; the next one of a row costs 4."""


@cache
def classes() -> dict[str, str]:
    """Give what the counts take a character for, where that is another character.

    >>> [classes().get(char, char) for char in "會x7\u3000Ｘ─会"]
    ['会', 'A', '0', '$', '※', '※', '会']
    """
    found = {char: several[0] for char, several in tables.read("traditional")}
    for code in range(0x80):
        found[chr(code)] = "0" if 0x30 <= code < 0x3A else "A" if 0x40 <= code < 0x7F else "$"
    signs = [*range(0xA1, 0xC0), 0xD7, 0xF7, *range(0x2010, 0x2040), *range(0x2100, 0x2700)]
    signs += [*range(0x3001, 0x3020), *range(0x3200, 0x3300), *range(0xFE30, 0xFE70), *range(0xFF01, 0xFF5F)]
    for char in map(chr, signs):
        if char not in known()[0]:
            found[char] = SIGN
    return found | {"\u3000": "$", "\xa0": "$", "·": "、"}


@cache
def _arrays() -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Give the classes of code units, the costs of single classes and the costs of hashed pairs (0: unknown)."""
    table = np.arange(65536, dtype=np.uint16)
    for char, other in classes().items():
        if ord(char) < 65536 and ord(other) < 65536:
            table[ord(char)] = ord(other)
    singles, both = known()
    alone = np.full(65536, round(QUARTERS * (UNSEEN + BACKOFF)), dtype=np.uint8)
    for char, value in (singles | {SIGN: SIGN_COST}).items():
        alone[ord(char)] = round(QUARTERS * (value + BACKOFF))
    pairs = np.frombuffer("".join(both).encode("utf-16-le"), dtype=np.uint16).astype(np.uint32)
    values = np.fromiter(both.values(), dtype=np.float64, count=len(both))
    found = np.zeros(SLOTS, dtype=np.uint8)
    found[_slots(pairs[::2], pairs[1::2])] = np.maximum(1, np.rint(QUARTERS * values)).astype(np.uint8)
    marks = np.array([ord(first) for first in "A0$"], dtype=np.uint32)
    found[_slots(np.repeat(marks, 3), np.tile(marks, 3))] = 1
    return table, alone, found


def _slots(first: npt.NDArray[np.uint32], second: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    return (first * np.uint32(40503) + second * np.uint32(2654435769)) >> np.uint32(10)


class Along(NamedTuple):
    """What the characters of a text cost, of those that are not ASCII or come right after such a one."""

    places: npt.NDArray[np.intp]
    """Their places in the text."""
    costs: npt.NDArray[np.uint8]
    """The cost of each after the one before it, in quarters of a nat."""
    chars: npt.NDArray[np.uint32]
    """Their code points."""


def along(text: str) -> Along:
    """Look over a whole page at once.

    Traditional characters count as their Simplified forms, Latin letters and digits as two classes, other
    ASCII as the end of a line. A few costs are too low, because the pairs are hashed.

    >>> places, costs, _ = along("人民ok")
    >>> places.tolist(), bool(costs[1] < costs[0])
    ([0, 1, 2], True)
    """
    table, alone, pairs = _arrays()
    chars = np.frombuffer(("\n" + text).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    high = chars >= 0x80
    places = np.flatnonzero(high[1:] | high[:-1])
    seconds = chars[places + 1]
    first = table[np.minimum(chars[places], 0xFFFF)].astype(np.uint32)
    second = table[np.minimum(seconds, 0xFFFF)]
    found = pairs[_slots(first, second.astype(np.uint32))]
    return Along(places, np.where(found, found, alone[second]), seconds)


def glued(text: str, least: int) -> bool:
    """Say whether a letter somewhere follows two characters that cost more than `least` quarters of a nat.

    What ``along`` finds too, in a third of the time where there is no such place.

    >>> glued("座艙五耋W聲音", 60), glued("，人民A", 60)
    (True, False)
    """
    chars = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype=np.uint16)
    places = np.flatnonzero((chars[1:] < 0x7F) & (chars[:-1] >= 0x80)) + 1
    places = places[(chars[places] >= 0x40) & (places > 2)]
    table, alone, pairs = _arrays()
    first, second, third = (table[chars[places - n]].astype(np.uint32) for n in (3, 2, 1))
    total = np.zeros(len(places), dtype=np.uint16)
    for one, other in ((first, second), (second, third)):
        found = pairs[_slots(one, other)]
        total += np.where(found, found, alone[other])
    return bool((total > least).any())
