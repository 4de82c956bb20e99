"""One look at a text: whether anything in it is worth a closer look. Most pages hold nothing.

Every character outside ASCII is looked up once in a table of flags and once in a table of what an exchange of
Big5 and GBK would gain; what counts is which of them stand next to each other, and the ASCII signs beside them.
The look is generous: what it lets through is weighed by `crawler.text.mojibake`, `noise` and `tampering`.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from crawler.text import bigrams, mirror, tables

FIRST, SECOND, THIRD, TWICE, RARE = (1 << n for n in range(5))
LATIN, HIGH, SIGN, TONE, HIDDEN, ODD, HANZI, GONE, FORM, WRONG, BESIDE = (1 << n for n in range(5, 16))

WINDOWS = {
    bytes((n,)).decode("cp1252"): n for n in range(0x80, 0x100) if n not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
}
WINDOWS |= {chr(n): n for n in range(0x80, 0x100)}
"""Characters that Latin-1 and Windows-1252 read for the bytes above ASCII, and these bytes."""

OFTEN = "\u2018\u2019\u201c\u201d\u2013\u2014\u2026\u2022\xa0\xa7\xa8\xa9\xae\xb0\xb1\xb7\xd7\xf7\x85"
"""Those that clean Chinese pages use."""


@cache
def gb_bytes() -> dict[str, bytes]:
    """Give the bytes that a reader of GBK or GB 18030 must have seen for a character outside ASCII.

    >>> gb_bytes()["涓"].hex(), gb_bytes()["\u20ac"].hex()
    ('e4b8', '80')
    """
    found = {char: code for char, code in mirror.codes().items() if char >= "\x80"}
    for code, char in mirror.read_pairs("gb18030").items():
        found.setdefault(char, code.to_bytes(2, "big"))
    # what GB 18030-2022 and the browsers read where Python keeps private-use characters
    for char, pair in zip(
        "\ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16\ufe17\ufe18\ufe19\u1e3f", _NEW, strict=True
    ):
        found.setdefault(char, pair)
    return found


_NEW = [bytes((0xA6, n)) for n in (*range(0xD9, 0xE0), 0xEC, 0xED, 0xF3)] + [b"\xa8\xbc"]


BIG5 = ("big5", "cp950", "big5hkscs")
"""Its tables."""


@cache
def swaps() -> tuple[dict[str, str], dict[str, str]]:
    """Give two tables of characters: GBK's reading to Big5's of the same two bytes, and the reverse.

    Big5 has several tables and knows some characters twice: there may be more than one answer.

    >>> swaps()[0]["い"], swaps()[1]["笢"], swaps()[1]["⑹"]
    ('中', '中', '区瓢')
    """
    to_big5: dict[str, str] = {}
    to_gbk: dict[str, str] = {}
    gbk = {int.from_bytes(code, "big"): char for char, code in gb_bytes().items()}
    known, mirrored = mirror.read_pairs("gb18030"), mirror.pairs()
    for codec in BIG5:
        for code, char in mirror.read_pairs(codec).items():
            plain = known.get(code) or gbk.get(code)
            if plain is None or 0x80 <= code & 0xFF < 0xA1:
                continue
            for other in {plain, mirrored.get(code, plain), gbk.get(code, plain)}:
                if char not in (before := to_big5.get(other, "")):
                    to_big5[other] = before + char
            if plain not in (before := to_gbk.get(char, "")):
                to_gbk[char] = before + plain
    return to_big5, to_gbk


@cache
def readers() -> tuple[tuple[dict[str, str], ...], ...]:
    """Give the tables of `swaps` once for each of Big5's tables: one reader uses one of them throughout.

    >>> [table.get("ロ", "") for table in readers()[1]]
    ['千', '千', '情']
    """
    found: tuple[list[dict[str, str]], ...] = ([], [])
    for codec in BIG5:
        to_big5: dict[str, str] = {}
        to_gbk: dict[str, str] = {}
        known = mirror.read_pairs(codec)
        for plain, code in sorted(gb_bytes().items(), key=lambda item: item[1]):
            if char := known.get(int.from_bytes(code, "big")):
                to_big5[plain] = char
                to_gbk[char] = to_gbk.get(char, "") + plain
        found[0].append(to_big5)
        found[1].append(to_gbk)
    return tuple(found[0]), tuple(found[1])


@cache
def simplified() -> dict[str, str]:
    """Give the commonest Simplified character for each Traditional one."""
    return {char: several[0] for char, several in tables.load("traditional")}


TRADITIONAL = "這們國會來時說對發個後"
"""No text of some length in Traditional characters is without these."""


@cache
def _charwise() -> frozenset[str]:
    """Give the pairs that only a conversion one by one writes."""
    return frozenset(wrong for wrong, _ in tables.load("charwise"))


@cache
def _flags() -> Any:
    """Give the flags of every character of the basic plane."""
    table = np.zeros(0x10000, np.uint16)

    def mark(flag: int, *chars: int | str | range) -> None:
        for some in chars:
            table[
                np.array(
                    [some]
                    if isinstance(some, int)
                    else [*some]
                    if isinstance(some, range)
                    else [*map(ord, some)]
                )
            ] |= flag

    mark(HIGH, "".join(WINDOWS))
    mark(LATIN, "".join(set(WINDOWS) - set(OFTEN)))
    mark(SIGN, "".join(chr(n) for n in range(0xA1, 0xC0) if chr(n) not in OFTEN))
    mark(TONE, range(0xE0, 0x1DD))
    mark(HIDDEN, 0xAD, 0x34F, 0x61C, 0x180E, 0xFEFF, range(0x200B, 0x2010), range(0x202A, 0x202F))
    mark(HIDDEN, range(0x2060, 0x2070), range(0x300, 0x370), range(0x483, 0x48A), range(0x20D0, 0x20F1))
    mark(HIDDEN, range(0xFE00, 0xFE30))
    mark(ODD, range(0x370, 0x530), range(0xFF21, 0xFF3B), range(0xFF41, 0xFF5B))
    mark(ODD, range(0x2E80, 0x2FE0), range(0xF900, 0xFB00))
    mark(HANZI, range(0x3400, 0x4DC0), range(0x4E00, 0xA000), 0x3007)
    mark(GONE, "锟斤拷烫屯\ufffd")
    mark(FORM, TRADITIONAL)
    mark(WRONG, "".join(pair[0] for pair in _charwise()))
    mark(BESIDE, "".join(pair[1] for pair in _charwise()))
    coded = [(ord(char), *code) for char, code in gb_bytes().items() if len(code) == 2 and char <= "\uffff"]
    numbers, leads, trails = np.array(coded, np.uint16).T
    inside = (trails >= 0x80) & (trails < 0xC0)
    twice = np.isin(leads, (0xC2, 0xC3))
    table[numbers] |= (
        FIRST * ((leads >= 0xE2) & (leads < 0xF0) & inside)
        | SECOND * ((leads < 0xC0) & (trails >= 0xE2) & (trails < 0xF0))
        | THIRD * ((leads < 0xC0) & inside)
        | TWICE * (twice & inside)
        | RARE * (twice & (trails >= 0x80) & (trails < 0xA1))
    ).astype(np.uint16)
    return table


SCRIPT_RE = re.compile("[\u3041-\u30ff]{2}|[\u0370-\u03ff]{2}|[\u0400-\u04ff]{2}|[\u3100-\u312f]{2}")


def costs(text: str) -> list[float]:
    """Give the cost in nats of every character after the one before it; numbers and words count once."""
    singles, pairs = bigrams.singles(), bigrams.pairs()
    last = "，"
    costs = []
    for char in map(simplified().get, text, text):
        if char < "\x80":
            # the same signs stand in every reading
            last = "0" if char.isdigit() else "A" if char.isalpha() else "，"
            costs.append(0.0 if char >= " " else 24.0)
            continue
        cost = pairs.get(last + char)
        if cost is None:
            cost = singles.get(char, bigrams.UNSEEN) + bigrams.BACKOFF
        if "\u2000" <= char < "\u3040" or "\uff00" <= char <= "\uff65":
            cost = min(cost, 7.0)
        elif "\ue000" <= char <= "\uf8ff" or char < "\xa0":
            cost = 24.0
        elif char < "\u3130" and SCRIPT_RE.fullmatch(last + char):
            cost = 6.0
        costs.append(cost)
        last = char
    return costs


@cache
def _exchange() -> tuple[dict[str, str], ...]:
    """Give the tables of `swaps` with the first answers only."""
    return tuple({char: others[0] for char, others in table.items()} for table in swaps())


SAVING = 12.6
"""What an exchange of tables must save in nine characters to be worth a closer look."""


def saving(run: str, number: int) -> float:
    """Give the most nats that an exchange of tables saves in any part of a few characters.

    The number is that of the table in `swaps`.

    >>> saving("い地て猭", 0) > SAVING > saving("秸秆还田", 0)
    True
    """
    best = total = 0.0
    for old, new in zip(costs(run), costs("".join(map(_exchange()[number].get, run, run))), strict=True):
        total = max(total + old - new, 0.0)
        best = max(best, total)
    return best


NATS = 3
"""Steps a nat in the table of gains: two gains of at most 20 nats fit into a byte."""

ENOUGH = 6
"""Nats that two neighbours must gain by an exchange of tables to be worth a closer look."""


@cache
def _gains() -> Any:
    """Give for every character what it gains when Big5 and GBK are exchanged, as if it stood alone."""

    def cost(char: str) -> float:
        if "\ue000" <= char <= "\uf8ff":
            return 24.0
        found = singles.get(plain.get(char, char), bigrams.UNSEEN)
        return min(found, 7.0) if "\u2000" <= char < "\u3040" or "\uff00" <= char <= "\uff65" else found

    plain, singles = simplified(), bigrams.singles()
    costs = {char: cost(char) for exchange in swaps() for char in {*exchange, *"".join(exchange.values())}}
    table = [-20 * NATS] * 0x10000
    for exchange in swaps():
        for char, others in exchange.items():
            # lines and arrows say nothing
            if 0x370 <= (number := ord(char)) <= 0xFFFF and not 0x2190 <= number < 0x2600:
                gain = costs[char] - (
                    costs[others] if len(others) == 1 else min(map(costs.__getitem__, others))
                )
                table[number] = max(table[number], round(NATS * min(max(gain, -20), 20)))
    return np.array(table, np.int8)


class _Sight(NamedTuple):
    """The characters of a text as numbers, and those that are not ASCII with their places."""

    units: Any
    places: Any
    high: Any


def _see(text: str) -> _Sight:
    """Read a text; characters outside the basic plane count as U+FFFF."""
    body = text.encode("utf-16-le", "surrogatepass")
    if len(body) == 2 * len(text):
        units = np.frombuffer(body, np.uint16)
    else:
        wide = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        units = np.minimum(wide, 0xFFFF).astype(np.uint16)
    places = (units > 0x7F).nonzero()[0]
    return _Sight(units, places, units.take(places))


HEALTHY = -8 * NATS
"""The gain of a character that would be spoilt by an exchange."""


def _exchanged(sight: _Sight) -> Any:
    """Give the places of two neighbours that an exchange of Big5 and GBK may make likelier.

    Two at healthy Hanzi and nothing else are a rare word.
    """
    _, places, high = sight
    gains = _gains().take(high)
    both = gains[1:] + gains[:-1]
    if not len(both) or np.maximum.reduce(both) < ENOUGH * NATS:
        return both[:0]
    at = (both >= ENOUGH * NATS).nonzero()[0]
    rare = np.ones(len(at), bool)
    ends = np.zeros(len(at), np.uint8)
    for step, side in (1, np.maximum(at - 1, 0)), (-1, np.minimum(at + 2, len(high) - 1)):
        edge = at + (step < 0)
        beside = (places.take(edge) - places.take(side) == step) & (
            _flags().take(high.take(side)) & HANZI != 0
        )
        healthy = beside & (gains.take(side) <= HEALTHY)
        rare &= healthy | ~beside
        ends += healthy
    return places.take(at[~(rare & (ends > 0))])


def swapped(text: str) -> list[int]:
    """List the places where Big5 may have been taken for GBK, or the reverse."""
    found: list[int] = _exchanged(_see(text)).tolist()
    return found


AS_LATIN, AS_GBK, SWAPPED, GONE_FOR_GOOD, ROW = (1 << n for n in range(5))
UNSEEN, STRANGE, NUMBERED, HUNG_ON, MACHINE, CONVERTED = (1 << n for n in range(5, 11))
"""What a text may hold: bytes read as Latin-1, UTF-8 read as GBK, Big5 and GBK exchanged, characters gone for
good, entities in a row; invisible characters, foreign and full-width letters, Hanzi as numbers, strings behind
paragraphs; notes of the copying machine, Traditional characters put in one by one."""

MOJIBAKE = AS_LATIN | AS_GBK | SWAPPED | ROW
NOISE = UNSEEN | STRANGE | NUMBERED | HUNG_ON

JUNK_RE = re.compile(
    r"(?<=[\u3400-\u9fff。！？”；])([!#-%(-.0-;?-~]{9,40}+)(?=\s*(?:</p>|<br|\r?\n|$))", re.I
)
"""Evidence of a string hung onto a paragraph: signs and letters without a blank between the last Hanzi and its
end."""


def junk(string: str) -> bool:
    """Say whether a string behind a paragraph is random: signs, digits and letters in quick turns, no address.

    >>> junk("z8~6Oq5~7lz,;2q"), junk("v2.0.1-beta.7")
    (True, False)
    """
    kinds = ["d" if c.isdigit() else "a" if c.islower() else "A" if c.isupper() else "s" for c in string]
    turns = sum(a != b for a, b in pairwise(kinds))
    several = Counter(kinds)
    return (
        several["s"] >= 2
        and several["d"] >= 2
        and several["a"] + several["A"] >= 3
        and turns * 2 >= len(string)
        and not {*"~;|`^%#?!"}.isdisjoint(string)
        and not ADDRESS_RE.search(string)
    )


ADDRESS_RE = re.compile(r"://|@|www|\.[a-z]{2,4}\b|[A-Za-z]{4}", re.I)
"""Evidence of an address, a file or a word."""

ENTITY_RE = re.compile(r"&(?:#[0-9]{2,7}|#[xX][0-9a-fA-F]{2,6}|[A-Za-z]{2,8}[0-9]{0,2});")
NUMBER_RE = re.compile(r"&#(?:[0-9]{5}|[xX][0-9a-fA-F]{4});")


def look(text: str) -> int:
    """Say what a text may hold, as a sum of the names above; 0 for nothing at all.

    >>> look("昨日，市里召开会议。"), look("杩炰簯") == AS_GBK, look("低\u200b保") == UNSEEN
    (0, True, True)
    """
    sight = _see(text)
    found = _entities(text, sight.units)
    if not len(sight.places):
        return found
    _, places, high = sight
    flags = _flags().take(high)
    seen = int(np.bitwise_or.reduce(flags))
    gaps = places[1:] - places[:-1]
    if seen & FIRST and len(high) > 2:
        two = flags[1:] >> 1 & flags[:-1]
        three = two[1:] >> 1 & two[:-1] & FIRST
        if np.count_nonzero(three) and (three & (gaps[1:] + gaps[:-1] == 2)).any():
            found |= AS_GBK
    pairs = flags[1:] & flags[:-1]
    both = int(np.bitwise_or.reduce(pairs)) if len(pairs) else 0
    if both & RARE or (both & TWICE and np.count_nonzero(pairs[1:] & pairs[:-1] & TWICE)):
        found |= AS_GBK * _twice(flags, gaps)
    # portals say the same again and again
    runs = {text[max(at - 1, 0) : at + 8] for at in _exchanged(sight).tolist()}
    if any(saving(run, 0) > SAVING or saving(run, 1) > SAVING for run in runs):
        found |= SWAPPED
    if seen & (LATIN | SIGN | TONE | HIDDEN | ODD | FORM):
        found |= _rarer(sight, flags, gaps, seen, both)
    if both & GONE and any(mark in text for mark in ("锟斤拷", "烫烫烫", "屯屯屯屯", "\ufffd\ufffd\ufffd")):
        found |= GONE_FOR_GOOD
    return found | _hung_on(text, sight, gaps)


def _pairs(sight: _Sight, flags: Any, gaps: Any) -> list[str]:
    wrong = (flags[:-1] & WRONG) << 1 & flags[1:] & ((gaps == 1) * BESIDE)
    text: str = sight.high.tobytes().decode("utf-16-le", "surrogatepass")
    return [text[at : at + 2] for at in wrong.nonzero()[0].tolist() if text[at : at + 2] in _charwise()]


def charwise(text: str) -> list[str]:
    """List the pairs of a text that only a conversion one by one writes, as often as they stand there.

    >>> charwise("關系很復雜，后來")
    ['關系', '復雜', '后來']
    """
    sight = _see(text)
    return _pairs(sight, _flags().take(sight.high), sight.places[1:] - sight.places[:-1])


def _twice(flags: Any, gaps: Any) -> bool:
    """Say whether letters of Latin-1 in UTF-8 may have been read as GBK: three in a row, or two rare ones."""
    at = (flags & TWICE).nonzero()[0]
    at = at[:-1][(at[1:] - at[:-1] == 1) & (gaps.take(at[:-1]) == 1)] if len(at) > 1 else at[:0]
    # each is the first of two neighbours
    return bool((at[1:] - at[:-1] == 1).any() or (flags.take(at) & flags.take(at + 1) & RARE).any())


def _rarer(sight: _Sight, flags: Any, gaps: Any, seen: int, both: int) -> int:
    """Look at the neighbours of characters that few pages hold."""
    units, places, high = sight
    found = 0
    last = len(units) - 1
    beside = gaps == 1
    before, after = flags[:-1], flags[1:]
    if (
        seen & LATIN
        and both & HIGH
        and ((before & HIGH != 0) & (after & HIGH != 0) & ((before | after) & LATIN != 0) & beside).any()
    ):
        found |= AS_LATIN
    if seen & SIGN and ((before & after & SIGN != 0) & (gaps == 2)).any():
        found |= AS_LATIN
    if seen & TONE:
        at = places[flags & TONE != 0]
        if any((units.take(np.minimum(at + n, last)) == 0x29).any() for n in (1, 2, 3)):
            found |= MACHINE
    if seen & HIDDEN and ((before & HANZI != 0) & (after & HIDDEN != 0) & beside).any():
        found |= UNSEEN
    if seen & ODD:
        odd = flags & ODD != 0
        at = places[odd]
        letters = at[units.take(at) < 0x530]
        for n in (-1, 1):
            near = units.take(np.clip(letters + n, 0, last)) | 0x20
            if ((near >= 0x61) & (near <= 0x7A)).any():
                found |= STRANGE
        # full-width letters in a row, radicals before a Hanzi
        if (odd[:-1] & (high[:-1] > 0x2000) & (after & (ODD | HANZI) != 0) & beside).any():
            found |= STRANGE
    # one in twenty-five characters of a Traditional text is such a form
    if np.count_nonzero(flags & FORM) * 250 >= len(high) and len(_pairs(sight, flags, gaps)) >= 5:
        found |= CONVERTED
    return found


@cache
def _signs() -> Any:
    """Say of every ASCII sign whether it may stand in a string that was hung onto a paragraph."""
    return np.array([bool(re.match("[!#-%(-.0-;?-~]", chr(n))) for n in range(0x80)])


def _hung_on(text: str, sight: _Sight, gaps: Any) -> int:
    """Look behind the last Chinese character of each stretch: for junk, and for rows of question marks."""
    units, places, _ = sight
    starts = places.take((gaps > 4).nonzero()[0])
    signs = _signs()
    for n in (1, 2, 3, 4):
        if len(starts):
            starts = starts[signs.take(units.take(starts + n))]
    found = 0
    for at in (*starts.tolist(), int(places[-1])):
        found |= GONE_FOR_GOOD * text.startswith("????", at + 1)
        hung = JUNK_RE.match(text, at + 1)
        found |= HUNG_ON * (hung is not None and junk(hung[1]))
    return found


def _entities(text: str, units: Any) -> int:
    """Look at the characters that are written as entities."""
    at = (units == 0x26).nonzero()[0]
    if not len(at):
        return 0
    found = 0
    for place in at[units.take(at + 1, mode="clip") == 0x23].tolist():
        number = NUMBER_RE.match(text, place)
        if number and "\u3000" < html.unescape(number[0]) <= "\uff5e":
            found = NUMBERED
            break
    for place in at[units.take(at - 1) == 0x3B].tolist():
        # behind another entity, and no blank
        entity = None if text.startswith("nb", place + 1) else ENTITY_RE.match(text, place)
        if entity and _foreign(entity[0]):
            return found | ROW
    return found


@cache
def _misread() -> frozenset[str]:
    return frozenset(set(WINDOWS) - set(OFTEN))


def _foreign(entity: str) -> bool:
    """Say whether an entity may stand for a byte, or for a character that was misread."""
    char = html.unescape(entity)
    return char in _misread() or char >= "\u3003" or "\u0370" <= char < "\u2000"
