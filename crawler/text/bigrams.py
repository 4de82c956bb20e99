"""How likely one Chinese character is after another."""

from __future__ import annotations

import math
from functools import cache
from operator import add

import numpy as np
import numpy.typing as npt

from crawler.text import tables

UNSEEN = 17.0
"""Cost in nats of a character that the counts do not know."""

BACKOFF = 2.2
"""Cost in nats of a pair that the counts do not know, on top of the second character's own cost."""


@cache
def singles() -> dict[str, float]:
    """Give the costs of single characters, from ``data/tables/bigrams.tsv``."""
    counts = {char: int(count) for char, count, _ in tables.load("bigrams")}
    total = sum(counts.values())
    return {char: math.log(total / count) for char, count in counts.items()}


@cache
def pairs() -> dict[str, float]:
    """Give the costs of pairs, from the same table: 16 MB, which a crawl of clean pages has no need of."""
    return _pairs()


def _pairs() -> dict[str, float]:
    alone = singles()
    both: dict[str, float] = {}
    for first, count, followers in tables.load("bigrams"):
        own = math.log(int(count))
        cost = 0.0
        for second in followers:
            if "a" <= second <= "z":
                cost = max(own - (ord(second) - 97) * math.log(2), 0.01)
            else:
                both[first + second] = min(cost, alone[second] + BACKOFF)
    both[SIGN + SIGN] = 4.0
    return both


def cost(first: str, second: str) -> float:
    """Give the cost in nats of `second` after `first` (minus the logarithm of its probability).

    >>> cost("人", "民") < 2 < cost("人", "锕")
    True
    """
    found = pairs().get(first + second)
    if found is not None:
        return found
    return singles().get(second, UNSEEN) + BACKOFF


def alone(char: str) -> float:
    """Give the cost in nats of a character without its neighbours.

    >>> alone("的") < 4 < alone("赣")
    True
    """
    return singles().get(char, UNSEEN)


def total(text: str) -> float:
    """Give the summed cost in nats of every character of a text after the one before it.

    >>> total("人民") == cost("人", "民")
    True
    """
    single = singles()
    found = 0.0
    for second, step in zip(text[1:], map(pairs().get, map(add, text, text[1:])), strict=True):
        found += step if step is not None else single.get(second, UNSEEN) + BACKOFF
    return found


SLOTS = 1 << 22
"""Places of the table of pairs; its 300,000 pairs are hashed, a pair in some thousand is taken for another."""

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
    found = {char: several[0] for char, several in tables.load("traditional")}
    for code in range(0x80):
        found[chr(code)] = "0" if 0x30 <= code < 0x3A else "A" if 0x40 <= code < 0x7F else "$"
    signs = [*range(0xA1, 0xC0), 0xD7, 0xF7, *range(0x2010, 0x2040), *range(0x2100, 0x2700)]
    signs += [*range(0x3001, 0x3020), *range(0x3200, 0x3300), *range(0xFE30, 0xFE70), *range(0xFF01, 0xFF5F)]
    for char in map(chr, signs):
        if char not in singles():
            found[char] = SIGN
    return found | {"\u3000": "$", "\xa0": "$", "·": "、"}


@cache
def _arrays() -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
    """Give the classes of code units, the costs of single classes, and checks and costs of hashed pairs."""
    table = np.arange(65536, dtype=np.uint16)
    for char, other in classes().items():
        if ord(char) < 65536 and ord(other) < 65536:
            table[ord(char)] = ord(other)
    alone = np.full(65536, round(QUARTERS * (UNSEEN + BACKOFF)), dtype=np.uint8)
    for char, value in (singles() | {SIGN: SIGN_COST}).items():
        alone[ord(char)] = round(QUARTERS * (value + BACKOFF))
    both = _pairs() | {first + second: 0.25 for first in "A0$" for second in "A0$"}
    units = np.frombuffer("".join(both).encode("utf-16-le"), dtype=np.uint16).astype(np.uint32)
    values = np.fromiter(both.values(), dtype=np.float64, count=len(both))
    slots, checks = _slots(units[::2], units[1::2])
    found = np.zeros(SLOTS, dtype=np.uint16)
    found[slots] = checks << 8 | np.maximum(1, np.rint(QUARTERS * values)).astype(np.uint16)
    return table, alone, found


def _slots(
    first: npt.NDArray[np.uint32], second: npt.NDArray[np.uint32]
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint16]]:
    """Give the place of pairs in the table, and what the entry must begin with to be theirs."""
    mixed = first * np.uint32(40503) + second * np.uint32(2654435769)
    return mixed >> np.uint32(10), (first + second * np.uint32(7) & np.uint32(0xFF)).astype(np.uint16)


def singly(units: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Give the cost of every UTF-16 code unit after one that it is not known with, in quarters of a nat.

    >>> common, rare = singly(np.array(list(map(ord, "的锕")), dtype=np.uint16)).tolist()
    >>> common < 30 < 60 < rare
    True
    """
    table, alone, _ = _arrays()
    return alone[table[units]]


def costs(units: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint8]:
    """Give the cost of every UTF-16 code unit but the first after the one before it, in quarters of a nat.

    Many rows are looked over at once, along the last axis. Traditional characters count as their Simplified
    forms, Latin letters and digits as two classes, other ASCII as the end of a line.

    >>> rows = costs(np.array([list(map(ord, "人民")), list(map(ord, "人锕"))], dtype=np.uint16))
    >>> rows.shape, bool(rows[0, 0] < rows[1, 0])
    ((2, 1), True)
    """
    table, alone, hashed = _arrays()
    known_as = table[units].astype(np.uint32)
    second = known_as[..., 1:]
    slots, checks = _slots(known_as[..., :-1], second)
    found = hashed[slots]
    return np.where(found >> 8 == checks, found, alone[second]).astype(np.uint8)
