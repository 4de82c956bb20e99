"""In which language and script a text is written, and how many words it has, by its characters alone."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crawler.text.tables import read

WORD_RE = re.compile(r"[^\W_]+(?:[.,:'’·-]+[^\W_]+)*")
SIGNS = b".,:'-"
"""What does not end a word between letters or digits."""
SPACED = bytes(code if (code < 128 and chr(code).isalnum()) or code in SIGNS else 32 for code in range(256))
ENGLISH_RE = re.compile(r"\b(?:the|of|and|to|in|a|is|for|that|on|with|by)\b", re.IGNORECASE)
UYGHUR_RE = re.compile("[\u06d5\u06c7\u06c6\u06c8\u06cb\u06d0\u06ad]")

OTHER, HAN, OLD, NEW, LATIN, KANA, HANGUL, CYRILLIC, ARABIC, TIBETAN, MONGOLIAN, ACCENTED = range(12)
"""What a character is; `OLD` and `NEW`: Hanzi that only Traditional, only Simplified texts write."""
RANGES = (
    (HAN, 0x3400, 0x4DBF), (HAN, 0x4E00, 0x9FFF), (HAN, 0xF900, 0xFAFF),
    (HAN, 0xD840, 0xD887),  # the first half of a character of the planes 2 and 3
    (LATIN, 0x41, 0x5A), (LATIN, 0x61, 0x7A), (ACCENTED, 0xC0, 0x24F), (ACCENTED, 0x1E00, 0x1EFF),
    (KANA, 0x3041, 0x3096), (KANA, 0x30A1, 0x30FA), (HANGUL, 0xAC00, 0xD7AF), (HANGUL, 0x1100, 0x11FF),
    (CYRILLIC, 0x370, 0x52F), (ARABIC, 0x620, 0x64A), (ARABIC, 0x66E, 0x6D3), (ARABIC, 0x6FA, 0x6FF),
    (TIBETAN, 0xF40, 0xFBC), (MONGOLIAN, 0x1820, 0x18AA),
)  # fmt: skip
SCRIPTS = {
    HANGUL: ("ko", "Kore"),
    CYRILLIC: (None, "Cyrl"),
    TIBETAN: ("bo", "Tibt"),
    MONGOLIAN: ("mn", "Mong"),
}


class Measure(NamedTuple):
    """How long a text is, its language by ISO 639 and its script by ISO 15924; None where the characters do not tell."""

    words: int = 0
    language: str | None = None
    script: str | None = None


@cache
def _kinds() -> NDArray[Any]:
    """Give what each character up to U+FFFF is.

    Hanzi by the single characters of ``traditional.tsv``: GB2312 does not have the old, Big5 not the new.
    """
    kinds = np.zeros(0x10000, np.uint8)
    for kind, first, last in RANGES:
        kinds[first : last + 1] = kind
    for old, several in read("traditional"):
        if old not in several and ord(old) < 0x10000 and not _has("gb2312", old):
            kinds[ord(old)] = OLD
        for new in several:
            if ord(new) < 0x10000 and kinds[ord(new)] == HAN and not _has("big5", new):
                kinds[ord(new)] = NEW
    return kinds


def _has(codec: str, char: str) -> bool:
    try:
        char.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def measure(text: str) -> Measure:
    """Count the words of a text, and tell its language and script from the shares of its characters.

    Each Chinese character is one word, and each run of other letters or digits; points, commas, colons, hyphens
    and apostrophes between them do not end it. Chinese is Simplified or Traditional by the characters that only
    one of them writes, two of three at least. Latin letters are English where every eighth word is one of its
    commonest.

    >>> measure("图书9,000册,GDP增长5.2%"), measure("范例鎮三座書屋")
    (Measure(words=8, language='zh', script='Hans'), Measure(words=7, language='zh', script='Hant'))
    >>> measure("It is a well-known fact that the library is open."), measure("三座大山")
    (Measure(words=10, language='en', script='Latn'), Measure(words=4, language='zh', script=None))
    >>> measure("2024-01-18 09:54")
    Measure(words=2, language=None, script=None)
    """
    codes = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), np.uint16)
    counts = np.bincount(_kinds()[codes], minlength=12).tolist()
    han = counts[HAN] + counts[OLD] + counts[NEW]
    if any(counts[KANA:]):
        words = han + counts[KANA] + len(WORD_RE.findall(HAN_RE.sub(" ", text)))
    else:
        words = han + _ascii_words(text)
    return Measure(words, *_tell(text, counts, han))


def _ascii_words(text: str) -> int:
    words = text.encode("ascii", "replace").translate(SPACED).split()
    return len([word for word in words if word.strip(SIGNS)])


HAN_RE = re.compile(
    "[\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U00031fff]+"
)


def _tell(text: str, counts: list[int], han: int) -> tuple[str | None, str | None]:
    counts[LATIN] += counts.pop(ACCENTED)
    script = max(range(LATIN, len(counts)), key=counts.__getitem__)
    most = counts[script]
    if (script == KANA and counts[KANA] * 8 > han) or counts[KANA] * 8 > max(han, most):
        return "ja", "Jpan"
    if han * 3 >= max(most, 1):  # a Chinese character says as much as a word of some letters
        old, new = counts[OLD], counts[NEW]
        return "zh", "Hans" if new > 2 * old else "Hant" if old > 2 * new else None
    if most < 8:
        return None, None
    if script == LATIN:
        common = most >= 12 and len(ENGLISH_RE.findall(text)) * 8 >= _ascii_words(text)
        return ("en" if common else None), "Latn"
    if script == ARABIC:
        return ("ug" if len(UYGHUR_RE.findall(text)) * 12 >= most else None), "Arab"
    return SCRIPTS[script]
