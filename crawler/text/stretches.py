"""Read stretches of bytes that no one codec reads: a byte is missing, or a piece is in another encoding."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from crawler.text import bigrams

SKIPPED = 14.0
"""Price in nats of a byte, or of an undecodable pair, that is left out: two rare characters cost more."""

SWITCHED = 8.0
"""Price in nats of going from one encoding to the other."""

SLIPPED = 10 * bigrams.QUARTERS
"""Gain of the reading one byte off that calls for a closer look. Sound pages gain so much in one place of
thousand, damaged ones in all but one of a hundred."""

LIKELY = 32 * bigrams.QUARTERS
"""Cost of the three characters of that reading above which it is none: so are rows of rare characters."""

COMMON, UNUSUAL, RARE = (nats * bigrams.QUARTERS for nats in (14, 20, 25))
"""Cost of two characters by themselves from which they may be misread: where the second one ends in ASCII in GB,
where a letter stands behind them, and where the second one ends in ASCII in Big5. The more such places there
are in sound pages, the higher."""

STEPS = 60_000
"""Bytes of one body that are searched for the best path: a bound on time, some hundred damaged lines."""

TOKEN_RE = {"big5": re.compile(rb"[\x40-\xff]+"), "gb18030": re.compile(rb"[0-9\x40-\xff]+")}
INSIDE = {"big5": bytes(range(0x40, 0x100)), "gb18030": b"0123456789" + bytes(range(0x40, 0x100))}
"""Bytes outside never belong to a two-byte character, so both sides of them are read by themselves."""


Units = npt.NDArray[np.uint16]


class Path(NamedTuple):
    """A reading of a stretch."""

    cost: float
    text: str
    skipped: tuple[tuple[int, int], ...]
    """Begin and end of the places that were left out; each shows as U+FFFD."""


@cache
def _costs() -> tuple[dict[str, str], dict[str, float], dict[str, float]]:
    """Give what the statistics take a character for, the costs of single characters and of pairs."""
    return bigrams.classes(), bigrams.singles() | {bigrams.SIGN: bigrams.SIGN_COST}, bigrams.pairs()


RARE_RE = re.compile("[\U00010000-\U0010ffff][^\\x00-\\x7f]*[@-~]")
"""Evidence of a slip in Big5: the Hong Kong supplement fills the codes that pairs off step often hit."""

MARKS = frozenset("A0$")

GLUED = 4.0
"""Price in nats of a Latin letter right beside a Chinese character: what is left of half a character looks so."""


def price(text: str) -> float:
    """Give the cost in nats of a text as it stands, between ASCII; a U+FFFD costs what a skipped byte costs.

    >>> price("人民") < price("锕民") < price("\\ufffd民") + price("锕")
    True
    """
    classes, singles, both = _costs()
    total, before = 0.0, "$"
    for char in text:
        if char == "\ufffd":
            total += SKIPPED
            continue
        now = classes.get(char, char)
        if before not in MARKS or now not in MARKS:
            cost = both.get(before + now)
            total += cost if cost is not None else singles.get(now, bigrams.UNSEEN) + bigrams.BACKOFF
            if before == "A" or now == "A":
                total += GLUED
        before = now
    return total


@cache
def _pairs(codec: str) -> dict[bytes, tuple[str, str]]:
    """Give every two-byte code: the character, and what the statistics take it for."""
    names = {"gb18030": ("gbk", "gb18030"), "big5": ("big5", "big5hkscs")}[codec]
    classes = bigrams.classes()
    found = {}
    for lead in range(0x81, 0xFF):
        for trail in range(0x40, 0xFF):
            code = bytes((lead, trail))
            for name in names:
                try:
                    text = code.decode(name)
                except UnicodeDecodeError:
                    continue
                found[code] = (text, classes.get(text, text))
                break
    return found


@cache
def _tables(codec: str) -> tuple[Units, Units]:
    """Give the code of every UTF-16 unit (0: none of two bytes) and the unit of every code (U+FFFD: none)."""
    codes = np.zeros(65536, dtype=np.uint16)
    units = np.full(65536, 0xFFFD, dtype=np.uint16)
    codes[:128] = range(128)
    for code, (char, _) in _pairs(codec).items():
        if len(char) == 1 and char <= "\uffff":
            units[code[0] << 8 | code[1]] = ord(char)
            codes[ord(char)] = code[0] << 8 | code[1]
    return codes, units


def _rare(
    units: Units, high: npt.NDArray[np.bool_], places: npt.NDArray[np.intp], least: int
) -> npt.NDArray[np.intp]:
    """Choose the places where two characters of two bytes end that are rare enough to be none."""
    places = places[high[places - 1]]
    single = bigrams.singly(units[places]).astype(np.uint16) + bigrams.singly(units[places - 1])
    return places[single >= least]


def slips(text: str, codec: str) -> list[int]:
    """Give the places in a text where characters that were paired up one byte off are in step again.

    They come into step at an ASCII byte only: either it is the second byte of a character and stands alone
    now, or it stood alone and is a second byte now. Given are the places after it, where two characters
    before it, one byte off, are likelier.

    >>> body = "全市新建道路三百多公里，群眾".encode("big5")
    >>> text = (body[:6] + body[7:]).decode("big5")
    >>> text, slips(text, "big5"), slips("全市新建道路三百多公里，群眾", "big5")
    ('全市新媢D路三百多公里，群眾', [5], [])
    """
    codes, chars = _tables(codec)
    margin = b"\n\0\n\0\n\0"
    units = np.frombuffer(
        b"".join((margin, text.encode("utf-16-le", "surrogatepass"), margin)), dtype=np.uint16
    )
    high = units >= 0x80

    # an ASCII byte stands alone: one pair back, it is the second byte
    last = np.flatnonzero(high[:-1] > high[1:])
    after = units[last + 1]
    alone = _rare(units, high, last[(after >= 0x40) & (after < 0x7F)], UNUSUAL)
    # it is a second byte; in GB few are, and the text may go on in Chinese behind one
    if codec == "gb18030":
        last = np.flatnonzero(high)
    last = last[codes[units[last]] & 0x80 == 0]
    paired = _rare(units, high, last, COMMON if codec == "gb18030" else RARE)
    if not len(alone) + len(paired):
        return []

    # rows of what is seen and of what may be meant, as long as the longest
    rows = np.full((2, len(alone) + len(paired), 5), ord("\n"), dtype=np.uint16)
    (seen, other), (meant, others) = ((half[: len(alone)], half[len(alone) :]) for half in rows)
    seen[:, :4] = units[alone[:, None] + np.arange(-1, 3)]
    one, two, letter = codes[seen[:, :3]].T
    meant[:, 0], meant[:, 1], meant[:, 2] = chars[one << 8 | two >> 8], chars[two << 8 | letter], seen[:, 3]
    other[:, :4] = units[paired[:, None] + np.arange(-2, 2)]
    one, two, three = codes[other[:, :3]].T
    others[:, 0], others[:, 1] = chars[one << 8 | two >> 8], chars[two << 8 | three >> 8]
    others[:, 2], others[:, 3] = three & 0xFF, other[:, 3]
    cost, less = bigrams.costs(rows).sum(axis=2, dtype=np.int32)
    places = np.concatenate((alone - 1, paired - 2))
    found: list[int] = places[(cost - less >= SLIPPED) & (less < LIKELY)].tolist()
    if len(units) != len(text) + 6:
        found = [len(units[3 : place + 3].tobytes().decode("utf-16-le", "replace")) for place in found]
        found += [place.end() for place in RARE_RE.finditer(text)]
    return sorted(found)


def best(raw: bytes, codecs: Sequence[str], dear: float = SKIPPED) -> Path:
    """Find the likeliest reading of a stretch in one or two encodings, bytes left out where that is cheaper.

    Give ``gb18030`` or ``big5``, with ``utf-8`` too where the stretch may change over, and the price in nats of
    a byte left out.

    >>> best("群众出行条件".encode("gbk")[1:], ["gb18030"])[1:]
    ('\ufffd众出行条件', ((0, 1),))
    >>> best("群众出行".encode() + "条件明显".encode("gbk"), ["utf-8", "gb18030"])[1:]
    ('群众出行条件明显', ())
    """
    size = len(raw)
    classes, singles, both = _costs()
    unseen, backoff = bigrams.UNSEEN, bigrams.BACKOFF
    far = float("inf")
    # at[state][place]: cost, class before, place and state it came from, its text
    at: list[list[tuple[float, str, int, int, str | None]]] = [
        [(far, "$", -1, 0, "")] * (size + 1) for _ in codecs
    ]
    for state in range(len(codecs)):
        at[state][0] = (0.0, "$", -1, state, "")
    for place in range(size):
        if len(codecs) > 1:
            for state, other in ((0, 1), (1, 0)):
                if at[other][place][0] + SWITCHED < at[state][place][0]:
                    cost, before, _, _, _ = at[other][place]
                    at[state][place] = (cost + SWITCHED, before, place, other, "")
        byte = raw[place]
        for state, codec in enumerate(codecs):
            here = at[state]
            cost, before, _, _, _ = here[place]
            if cost == far:
                continue
            options: list[tuple[int, str, str]] = []
            if byte < 0x80:
                char = chr(byte)
                options.append((place + 1, char, classes[char]))
            elif codec == "utf-8":
                length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
                try:
                    char = raw[place : place + length].decode("utf-8")
                except UnicodeDecodeError:
                    pass
                else:
                    options.append((place + length, char, classes.get(char, char)))
            else:
                pair = _pairs(codec).get(raw[place : place + 2])
                if pair is not None:
                    options.append((place + 2, *pair))
                elif codec == "gb18030" and raw[place + 1 : place + 2].isdigit():
                    try:
                        char = raw[place : place + 4].decode("gb18030")
                    except UnicodeDecodeError:
                        pass
                    else:
                        if len(char) == 1:
                            options.append((place + 4, char, classes.get(char, char)))
                elif place + 1 < size and raw[place + 1] >= 0x80 and cost + dear < here[place + 2][0]:
                    here[place + 2] = (cost + dear, before, place, state, None)
            for end, char, now in options:
                if before in MARKS and now in MARKS:
                    more = cost
                else:
                    step = both.get(before + now)
                    more = cost + (step if step is not None else singles.get(now, unseen) + backoff)
                    if before == "A" or now == "A":
                        more += GLUED
                if more < here[end][0]:
                    here[end] = (more, now, place, state, char)
            if byte >= 0x80 and cost + dear < here[place + 1][0]:
                here[place + 1] = (cost + dear, before, place, state, None)
    state = min(range(len(codecs)), key=lambda n: at[n][size][0])
    cost = at[state][size][0]
    place = size
    texts: list[str] = []
    skipped: list[tuple[int, int]] = []
    while place > 0:
        _, _, origin, came, shown = at[state][place]
        if shown is None:
            if skipped and skipped[-1][0] == place:
                skipped[-1] = (origin, skipped[-1][1])
            else:
                skipped.append((origin, place))
                texts.append("\ufffd")
        else:
            texts.append(shown)
        place, state = origin, came
    return Path(cost, "".join(reversed(texts)), tuple(reversed(skipped)))
