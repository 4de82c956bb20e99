"""Find what was put into words so that they look the same and are not, and what was hung onto paragraphs.

Each finder tells accident and tampering from honest use: a joiner in an emoji, a full-width letter in a page
that writes so, a rare character that GB 2312 cannot write as an entity, Greek and Russian words all stay.
"""

from __future__ import annotations

import html
import re
import unicodedata

from crawler.text import evidence
from crawler.text.mojibake import Found

HANZI = "\u3400-\u4dbf\u4e00-\u9fff\u3007"

HIDDEN = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
HIDDEN_RE = re.compile(f"(?<=[{HANZI}])[{HIDDEN}]+(?=[{HANZI}])")
"""Characters that nobody sees, between two Hanzi, where they have no work to do."""

MARKS_RE = re.compile(f"(?<=[{HANZI}])[\u0300-\u036f\u0483-\u0489\u20d0-\u20f0\ufe20-\ufe2f]+")
"""Combining marks on Hanzi: no orthography has them, but \u20dd and its like draw a ring or a box."""

RINGS = frozenset("\u20dd\u20de\u20df\u20e0\u20e2\u20e3\u20e4")

WIDE_RE = re.compile("(?<![Ａ-Ｚａ-ｚ])[Ａ-Ｚａ-ｚ]{2,40}(?![Ａ-Ｚａ-ｚ])")
"""Words; the whole alphabet in a row is a table of characters."""


LIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
    "ABESIJKMHOPCTYXaesijopcyxABEZHIKMNOPTYXo",
)
ALIKE = "".join(map(chr, LIKE))
WORD_RE = re.compile("[A-Za-z\u0370-\u03ff\u0400-\u04ff]+")

RADICALS_RE = re.compile("[\u2f00-\u2fd5\u2e80-\u2ef3\uf900-\ufaff]")

ENTITY_RE = re.compile(r"(?:&#(?:[0-9]{5}|[xX][0-9a-fA-F]{4});)+")


def hidden(text: str) -> list[Found]:
    """Find invisible characters inside words.

    >>> hidden("低\u200b保"), hidden("👨\u200d👩")
    ([Found(start=1, end=2, after='', certainty='proven')], [])
    """
    return [Found(m.start(), m.end(), "", "proven") for m in HIDDEN_RE.finditer(text)]


def marks(text: str) -> list[Found]:
    """Find combining marks scattered over Hanzi; fewer than three may be somebody's emphasis.

    >>> len(marks("低\u0336保\u0336标\u0336准")), marks("一\u20dd二\u20dd三\u20dd")
    (3, [])
    """
    found = [
        Found(m.start(), m.end(), "", "proven") for m in MARKS_RE.finditer(text) if not set(m[0]) & RINGS
    ]
    return found if len(found) >= 3 else []


def alike(text: str) -> list[Found]:
    """Find Cyrillic and Greek letters that look Latin in words that are otherwise Latin.

    >>> [f.after for f in alike("Т-shirt, раypal, Москва, µm, Ω")]
    ['pa']
    """
    found = []
    for word in WORD_RE.finditer(text):
        odd = [char for char in word[0] if char > "\x7f"]
        if not odd or len(odd) == len(word[0]) or any(char not in ALIKE for char in odd) or len(word[0]) < 4:
            continue
        for run in re.finditer("[^\x00-\x7f]+", word[0]):
            start = word.start() + run.start()
            found.append(Found(start, start + len(run[0]), run[0].translate(LIKE), "proven"))
    return found


def radicals(text: str) -> list[Found]:
    """Find radicals in the place of Hanzi, as some PDF readers leave them; lists of radicals stay.

    >>> [f.after for f in radicals("⽂化, 部首⽂")]
    ['文']
    """
    found = []
    for match in RADICALS_RE.finditer(text):
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        plain = unicodedata.normalize("NFKC", match[0])
        if len(plain) == 1 and plain != match[0] and re.match(f"[{HANZI}]", after):
            if (before and RADICALS_RE.match(before)) or RADICALS_RE.match(after):
                continue
            found.append(Found(match.start(), match.end(), plain, "proven"))
    return found


def find(text: str, clues: int) -> list[tuple[str, list[Found]]]:
    """List by fixer what is noise in a text; the clues are those of `evidence.look`."""
    found: list[tuple[str, list[Found]]] = []
    if clues & evidence.UNSEEN:
        places = hidden(text)
        found.append(("zero-width" if len(places) >= 3 else "stray-mark", places))
        found.append(("combining-mark", marks(text)))
    if clues & evidence.STRANGE:
        found += [("look-alike", alike(text)), ("radical", radicals(text)), ("wide-latin", wide(text))]
    if clues & evidence.NUMBERED:
        found.append(entities(text))
    if clues & evidence.HUNG_ON:
        found.append(("junk", junk(text)))
    return [(fixer, places) for fixer, places in found if places]


def entities(text: str) -> tuple[str, list[Found]]:
    """Find Hanzi of everyday writing that are written as numbers; gives the fixer's name with them.

    Between plain Hanzi that is a trick against readers of the source (``entity-word``); where a whole text is
    written so, it is a habit of the editor that wrote it (``entity``). What GB 2312 cannot write has to be
    written so, and a few entities in a text about entities are its subject.

    >>> entities("城乡&#20302;&#20445;标准")[1][0].after, entities("朱&#38229;基")[1]
    ('低保', [])
    """
    found = []
    hanzi = 0
    among = 0
    for match in ENTITY_RE.finditer(text):
        plain = html.unescape(match[0])
        if not all("\u3000" <= char <= "\u9fff" or "\uff01" <= char <= "\uff5e" for char in plain):
            continue
        if any(not char.encode("gb2312", "ignore") for char in plain):
            continue
        beside = re.match(f"[{HANZI}]", text[match.start() - 1 : match.start()] or " ") or re.match(
            f"[{HANZI}]", text[match.end() : match.end() + 1]
        )
        among += bool(beside)
        if len(plain) >= 2 or beside:
            found.append((Found(match.start(), match.end(), plain, "proven"), bool(beside), len(plain)))
            hanzi += len(plain)
    if not found:
        return "entity", []
    plain_ones = len(re.findall(f"[{HANZI}]", text))
    if among and (among >= 2 or any(beside and many >= 2 for _, beside, many in found)):
        return "entity-word", [f for f, beside, _ in found if beside]
    if hanzi >= 8 and hanzi > plain_ones * 4:
        return "entity", [f for f, _, _ in found]
    return "entity", []


def wide(text: str) -> list[Found]:
    """Find full-width Latin words in mixed case: words all in capitals are a habit of Chinese typesetting.

    >>> [f.after for f in wide("用ＷｅＣｈａｔ登录, 再用App扫码, 或者下载iOS版与Android版")]
    ['WeChat']
    """
    return [
        Found(m.start(), m.end(), unicodedata.normalize("NFKC", m[0]), "proven")
        for m in WIDE_RE.finditer(text)
        if re.search("[ａ-ｚ]", m[0]) and re.search("[Ａ-Ｚ]", m[0])
    ]


def junk(text: str) -> list[Found]:
    """Find strings of random signs at the ends of paragraphs, the copyright traps of scrapers' sources.

    >>> [text.start for text in junk("标准提高。z8~6Oq5~7lz,;2q\\n下载v2.0.1-beta\\n")]
    [5]
    """
    return [
        Found(m.start(1), m.end(1), "", "inferred")
        for m in evidence.JUNK_RE.finditer(text)
        if evidence.junk(m[1])
    ]
