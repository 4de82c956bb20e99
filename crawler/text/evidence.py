"""One look at a text: whether anything in it is worth a closer look. Most pages hold nothing.

Every character is looked up once in a table of flags; what counts is which flags stand next to each other.
The look is generous: what it lets through is weighed by `crawler.text.mojibake`, `noise` and `tampering`.
"""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

from crawler.text import bigrams, mirror, tables

LATIN, TONE, HIDDEN, LETTER, ODD, HANZI, JUNK = (1 << n for n in range(7))
FIRST, SECOND, THIRD, TWICE = (1 << n for n in range(7, 11))
RARE, AMPERSAND, GONE, HIGH, SIGN = (1 << n for n in range(11, 16))

WINDOWS = {
    bytes((n,)).decode("cp1252"): n for n in range(0x80, 0x100) if n not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
WINDOWS |= {chr(n): n for n in range(0x80, 0x100)}
"""Characters that Latin-1 and Windows-1252 read for the bytes above ASCII, and these bytes."""

OFTEN = "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u2022\xa0\xa7\xa8\xa9\xae\xb0\xb1\xb7\xd7\xf7\x85"
"""Those that clean Chinese pages use."""

CODES = 2047
"""Characters whose pairs are weighed one by one; all others count as one rare character."""


@cache
def gb_bytes() -> dict[str, bytes]:
    """Give the bytes that a reader of GBK or GB 18030 must have seen for a character outside ASCII.

    >>> gb_bytes()["涓"].hex(), gb_bytes()["\u20ac"].hex()
    ('e4b8', '80')
    """
    found = {char: code for char, code in mirror.codes().items() if char >= "\x80"}
    for lead in range(0x81, 0xFF):
        for trail in (*range(0x40, 0x7F), *range(0x80, 0xFF)):
            code = bytes((lead, trail))
            if char := _one(code, "gb18030"):
                found.setdefault(char, code)
    # what GB 18030-2022 and the browsers read where Python keeps private-use characters
    for char, code in zip(
        "\ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16\ufe17\ufe18\ufe19\u1e3f", _NEW, strict=True
    ):
        found.setdefault(char, code)
    return found


_NEW = [bytes((0xA6, n)) for n in (*range(0xD9, 0xE0), 0xEC, 0xED, 0xF3)] + [b"\xa8\xbc"]


@cache
def swaps() -> tuple[dict[str, str], dict[str, str]]:
    """Give two tables of characters: GBK's reading to Big5's of the same two bytes, and the reverse.

    Big5 has several tables and knows some characters twice: there may be more than one answer.

    >>> swaps()[0]["い"], swaps()[1]["笢"], swaps()[1]["⑹"]
    ('中', '中', '区瓢')
    """
    to_big5: dict[str, str] = {}
    to_gbk: dict[str, str] = {}
    gbk = {code: char for char, code in gb_bytes().items()}
    for codec in ("big5", "cp950", "big5hkscs"):
        for lead in range(0x81, 0xFF):
            for trail in (*range(0x40, 0x7F), *range(0xA1, 0xFF)):
                code = bytes((lead, trail))
                char, plain = _one(code, codec), _one(code, "gb18030") or gbk.get(code, "")
                if not char or not plain:
                    continue
                for other in {plain, mirror.pairs().get(code[0] << 8 | code[1], plain), gbk.get(code, plain)}:
                    to_big5[other] = "".join(dict.fromkeys(to_big5.get(other, "") + char))
                to_gbk[char] = "".join(dict.fromkeys(to_gbk.get(char, "") + plain))
    return to_big5, to_gbk


def _one(code: bytes, codec: str) -> str:
    """Decode two bytes; empty where they are not one character."""
    char = code.decode(codec, "ignore")
    return char if len(char) == 1 and char >= "\x80" else ""


@cache
def _flags() -> Any:
    """Give the flags of every character of the basic plane."""
    table = np.zeros(0x10000, np.uint16)

    def mark(flag: int, chars: Any) -> None:
        table[np.fromiter((c if isinstance(c, int) else ord(c) for c in chars), np.int64)] |= flag

    mark(LATIN, set(WINDOWS) - set(OFTEN))
    mark(HIGH, WINDOWS)
    mark(SIGN, (n for n in range(0xA1, 0xC0) if chr(n) not in OFTEN))
    mark(TONE, range(0xE0, 0x1DD))
    mark(TONE, range(0x1E00, 0x1F00))
    mark(HIDDEN, (0xAD, 0x34F, 0x61C, 0x180E, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F)))
    mark(
        HIDDEN, (*range(0x2060, 0x2070), *range(0x300, 0x370), *range(0x20D0, 0x20F0), *range(0xFE00, 0xFE10))
    )
    mark(LETTER, (*range(0x41, 0x5B), *range(0x61, 0x7B)))
    mark(ODD, (*range(0x370, 0x530), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), *range(0x2C80, 0x2CFF)))
    mark(ODD, (*range(0x2E80, 0x2FE0), *range(0xF900, 0xFB00)))
    mark(
        HANZI,
        (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000), 0x3002, 0xFF01, 0xFF1F, 0xFF0C, 0x201D, 0xFF1B),
    )
    mark(AMPERSAND, "&")
    mark(GONE, "锟烫屯?\ufffd")
    mark(JUNK, (n for n in range(0x21, 0x7F) if chr(n) not in "<>\"'&=/"))
    for char, code in gb_bytes().items():
        if len(code) != 2 or ord(char) > 0xFFFF:
            continue
        lead, trail = code
        inside = 0x80 <= trail < 0xC0
        mark(FIRST, char if 0xE2 <= lead < 0xF0 and inside else "")
        mark(SECOND, char if lead < 0xC0 and 0xE2 <= trail < 0xF0 else "")
        mark(THIRD, char if lead < 0xC0 and inside else "")
        mark(TWICE, char if lead in (0xC2, 0xC3) and inside else "")
        mark(RARE, char if lead in (0xC2, 0xC3) and 0x80 <= trail < 0xA1 else "")
    return table


@cache
def simplified() -> dict[int, str]:
    """Give the commonest Simplified character for each Traditional one, for `str.translate`."""
    return {ord(char): several[0] for char, several in tables.read("traditional")}


@cache
def _costs() -> tuple[Any, Any]:
    """Give an index of common characters, and the cost of each pair of them in eighths of a nat."""
    singles, both = bigrams.known()
    ids: dict[str, int] = {char: n + 1 for n, char in enumerate(list(singles)[:CODES])}
    own = np.array([bigrams.UNSEEN, *(singles[char] for char in ids)]) + bigrams.BACKOFF
    pair = np.tile(own, (CODES + 1, 1))
    known = [(ids[p[0]], ids[p[1]], cost) for p, cost in both.items() if p[0] in ids and p[1] in ids]
    first, second, cost = zip(*known, strict=True)
    pair[list(first), list(second)] = cost
    index = np.zeros(0x10000, np.int32)
    for char, number in ids.items():
        index[ord(char)] = number
    for code, plain in simplified().items():
        if code < 0x10000 and plain in ids:
            index[code] = ids[plain]
    index[0x30:0x3A] = ids["0"]
    index[[*range(0x41, 0x5B), *range(0x61, 0x7B)]] = ids["A"]
    return index, np.clip(pair * 8, 0, 255).astype(np.uint8).ravel()


@cache
def _swapped() -> tuple[Any, Any]:
    """Give the two tables of `swaps` as arrays; 0 where there is no other reading."""
    found = []
    for table in swaps():
        array = np.zeros(0x10000, np.uint16)
        array[:0x80] = np.arange(0x80)
        for char, other in table.items():
            if ord(char) < 0x10000 and ord(other[0]) < 0x10000:
                array[ord(char)] = ord(other[0])
        found.append(array)
    return found[0], found[1]


LOW = 7 * 8
"""Cost of a pair, in eighths of a nat: three dearer ones in a row may be no Chinese."""

HIGHER = 20 * 8
GAIN = 9 * 8
"""What another reading of two or three pairs must save."""

MOST = 11 * 8
"""What each pair may cost in the other reading."""


def _units(text: str) -> Any:
    return np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)


def swapped(text: str) -> list[int]:
    """List the places where Big5 may have been taken for GBK, or the reverse."""
    units = _units(text)
    places = _swapped_places(units)
    if len(units) != len(text):
        # a character outside the basic plane is two units
        before = np.cumsum((units >= 0xDC00) & (units < 0xE000))
        places = [place - int(before[place]) for place in places]
    return places


@cache
def _between() -> Any:
    """Give the ASCII signs that stand inside a phrase: blanks, percent, points, dashes."""
    table = np.zeros(0x81, bool)
    table[[0x20, 0x25, *range(0x2C, 0x30), 0x3A]] = True
    return table


def _better(units: Any, cost: Any, places: Any) -> Any:
    """Say where an exchange of tables makes two or three dear pairs much likelier."""
    index, pair = _costs()
    last = len(units) - 1
    windows = [units.take(np.minimum(places + n, last)) for n in range(4)]
    first, second = cost.take(places).astype(np.int32), cost.take(places + 1).astype(np.int32)
    third = cost.take(np.minimum(places + 2, len(cost) - 1)).astype(np.int32)
    three = (places + 2 < len(cost)) & (third >= LOW)
    two = first + second >= HIGHER
    found = np.zeros(len(places), bool)
    for table in _swapped():
        others = [table.take(window) for window in windows]
        numbers = [index.take(other) for other in others]
        after = [pair.take((a << 11) + b).astype(np.int32) for a, b in pairwise(numbers)]
        some = (others[0] != 0) & (others[1] != 0) & (others[2] != 0)
        total = after[0] + after[1]
        found |= two & some & (total + GAIN < first + second) & (total < 2 * MOST)
        total += after[2]
        found |= (
            three & some & (others[3] != 0) & (total + GAIN < first + second + third) & (total < 3 * MOST)
        )
    return found


def _swapped_places(units: Any) -> list[int]:
    if len(units) < 3:
        return []
    index, pair = _costs()
    # the Chinese, one sign on each side of it, and one digit of each number
    wide = units >= 0x370
    wide &= (units < 0x2190) | (units > 0x25FF)  # lines and arrows say nothing
    digit = (units < 0x3A) & (units > 0x2F)
    near = wide.copy()
    near[1:] |= wide[:-1]
    near[:-1] |= wide[1:]
    near &= ~_between()[np.minimum(units, 0x80)]
    kept = np.flatnonzero(near)
    numbers = digit.take(kept)
    numbers[1:] &= numbers[:-1]
    numbers[:1] = False
    kept = kept[~numbers]
    if len(kept) < 3:
        return []
    wide |= digit
    units, wide = units.take(kept), wide.take(kept)
    ids = index.take(units)
    cost = pair.take((ids[:-1] << 11) + ids[1:])
    cost *= wide[1:]
    cost *= wide[:-1]
    found: list[int] = []
    # signs of Big5's commonest characters: private ones beside Chinese, kana between digits
    own = (units >= 0xE000) & (units < 0xF900)
    if own.any():
        wide[own] = True
        found += kept[np.flatnonzero(own[1:-1] & (wide[2:] | wide[:-2])) + 1].tolist()
    kana = (units > 0x3040) & (units < 0x3100)
    if kana.any():
        digit = digit.take(kept)
        found += kept[np.flatnonzero(kana[1:-1] & digit[2:] & digit[:-2]) + 1].tolist()
    dear = cost >= LOW
    places = np.flatnonzero(dear[1:] & dear[:-1])
    if len(places):
        found += kept[places[_better(units, cost, places)]].tolist()
    return sorted(found)


AS_LATIN, AS_GBK, SWAPPED, GONE_FOR_GOOD, ROW = (1 << n for n in range(5))
UNSEEN, STRANGE, NUMBERED, HUNG_ON, MACHINE = (1 << n for n in range(5, 10))
"""What a text may hold: bytes read as Latin-1, UTF-8 read as GBK, Big5 and GBK exchanged, characters gone for
good, entities in a row; invisible characters, foreign and full-width letters, Hanzi as numbers, strings behind
paragraphs; notes of the copying machine."""

MOJIBAKE = AS_LATIN | AS_GBK | SWAPPED | ROW
NOISE = UNSEEN | STRANGE | NUMBERED | HUNG_ON


def look(text: str) -> int:
    """Say what a text may hold, as a sum of the names above; 0 for nothing at all.

    >>> look("昨日，市里召开会议。"), look("杩炰簯") == AS_GBK, look("低\u200b保") == UNSEEN
    (0, True, True)
    """
    units = _units(text)
    if not len(units):
        return 0
    flags = _flags().take(units)
    seen = int(np.bitwise_or.reduce(flags))
    found = 0
    if seen & TONE:
        found |= MACHINE
    found |= UNSEEN * bool(seen & HIDDEN) | STRANGE * bool(seen & ODD)
    if seen & AMPERSAND:
        found |= NUMBERED * ("&#" in text) | ROW * (";&" in text)
    if seen & GONE and any(mark in text for mark in ("锟斤拷", "烫烫", "屯屯", "???", "\ufffd")):
        found |= GONE_FOR_GOOD
    if seen & LATIN:
        latin, high = (flags & LATIN).astype(bool), (flags & HIGH).astype(bool)
        if (latin[1:] & high[:-1] | high[1:] & latin[:-1]).any():
            found |= AS_LATIN
        elif seen & SIGN:
            sign, letter = (flags & SIGN).astype(bool), (flags & LETTER).astype(bool)
            if (sign[2:] & letter[1:-1] & sign[:-2]).any():
                found |= AS_LATIN
    if seen & JUNK and seen & HANZI:
        junk = (flags & JUNK).astype(bool)
        if len(junk) > 8:
            two = junk[1:] & junk[:-1]
            four = two[2:] & two[:-2]
            eight = four[4:] & four[:-4]
            if (eight[1:] & (flags[: len(eight) - 1] & HANZI).astype(bool)).any():
                found |= HUNG_ON
    if len(units) < 3:
        return found
    if seen & FIRST and ((flags[:-2] & FIRST) & (flags[1:-1] & SECOND) >> 1 & (flags[2:] & THIRD) >> 2).any():
        found |= AS_GBK
    elif seen & TWICE:
        two = flags & (TWICE | RARE)
        two = two[1:] & two[:-1]
        if (two & RARE).any() or (two[1:] & two[:-1]).any():
            found |= AS_GBK
    if _swapped_places(units):
        found |= SWAPPED
    return found
