"""What is typed in pinyin, in full or by first letters, and the characters that are read so."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

from crawler.archive.words import folded
from crawler.text.seams import readings

FIRST = 2
"""How many of a character's readings count where only first letters are typed."""
SHORTEST, LONGEST = 3, 40
"""Of how many letters something can be pinyin at all."""
_VOWEL_RE = re.compile("[aeiouv]")
PARTED = 8
"""How many ways of parting letters into syllables are looked at."""


@cache
def _read_so() -> tuple[dict[str, str], dict[str, str]]:
    """Give the folded characters that are read as a syllable, without its tone, and the common ones by first letter."""
    whole: dict[str, set[str]] = {}
    first: dict[str, set[str]] = {}
    for char, several in readings().items():
        plain, common = folded(char), _is_common(char)
        for at, reading in enumerate(map(_toneless, several)):
            if not _VOWEL_RE.search(reading):
                continue  # 嗯 and its like
            whole.setdefault(reading, set()).add(plain)
            if common and at < FIRST:
                first.setdefault(reading[0], set()).add(plain)
    one, other = ({key: "".join(sorted(chars)) for key, chars in found.items()} for found in (whole, first))
    return one, other


def _is_common(char: str) -> bool:
    """Tell whether a character is of the first, common level of GB 2312."""
    return "\xb0" <= char.encode("gb2312", "replace").decode("latin-1")[0] <= "\xd7"


def _toneless(reading: str) -> str:
    """Write a reading as it is typed, ``v`` for ü.

    >>> _toneless("lǜ"), _toneless("zhèng")
    ('lv', 'zheng')
    """
    parts = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(part for part in parts if not unicodedata.combining(part))


@lru_cache(maxsize=256)
def spell(letters: str) -> tuple[tuple[str, ...], ...]:
    """Give all rows of sets of characters that are read as some letters say.

    Letters that can be parted into syllables are two syllables at least; others are first letters of common
    characters, three at least.

    >>> [[len(chars) > 9 for chars in row] for row in spell("minzheng")]
    [[True, True]]
    >>> ["政" in spell("mzj")[0][1], len(spell("xianggang")), spell("gov"), spell("shi")]
    [True, 2, (), ()]
    """
    if not SHORTEST <= len(letters) <= LONGEST or not re.fullmatch("[a-z]+", letters):
        return ()
    whole, first = _read_so()
    parted = _part(letters)
    if parted:
        return tuple(tuple(whole[each] for each in row) for row in parted if len(row) > 1)
    return (tuple(first[letter] for letter in letters),) if {*letters} <= {*first} else ()


def _part(letters: str) -> list[list[str]]:
    """Part letters into syllables in every way, `PARTED` at most, the longest syllables first."""
    whole = _read_so()[0]
    ends: list[list[list[str]]] = [[] for _ in letters] + [[[]]]
    for at in range(len(letters) - 1, -1, -1):
        for end in range(min(at + 6, len(letters)), at, -1):
            if letters[at:end] in whole:
                ends[at] += [[letters[at:end], *rest] for rest in ends[end]]
        del ends[at][PARTED:]
    return ends[0]
