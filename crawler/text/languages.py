"""In which language and script a text is written, and how many words it has, by its characters alone."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from crawler.text.tables import read

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
HAN_RE = re.compile(f"[{HAN}]+")
WORD_RE = re.compile(r"[^\W_]+(?:[.,:'’·-][^\W_]+)*")


def count_words(text: str) -> int:
    """Count the words of a text: each Chinese character is one, and each run of other letters or digits.

    Points, commas, colons, hyphens and apostrophes within a run do not end it.

    >>> count_words("图书9,000册,GDP增长5.2%"), count_words("It's a well-known fact."), count_words("——")
    (8, 4, 0)
    """
    rest, runs = HAN_RE.subn(" ", text)
    if not runs:
        return len(WORD_RE.findall(text))
    return len(text) - len(rest) + runs + (len(WORD_RE.findall(rest)) if not rest.isspace() else 0)


class Tongue(NamedTuple):
    """A language by ISO 639 and a script by ISO 15924; None where the characters do not tell."""

    language: str | None = None
    script: str | None = None


SCRIPTS = (
    ("Kana", re.compile("[\u3041-\u3096\u30a1-\u30fa]")),
    ("Kore", re.compile("[\uac00-\ud7af\u1100-\u11ff]")),
    ("Latn", re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")),
    ("Cyrl", re.compile("[\u0400-\u04ff]")),
    ("Arab", re.compile("[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff]")),
    ("Tibt", re.compile("[\u0f40-\u0fbc]")),
    ("Mong", re.compile("[\u1820-\u18aa]")),
)
ENGLISH_RE = re.compile(r"\b(?:the|of|and|to|in|a|is|for|that|on|with|by)\b", re.IGNORECASE)
UYGHUR_RE = re.compile("[\u06d5\u06c7\u06c6\u06c8\u06cb\u06d0\u06ad]")
OTHER_RE = re.compile("[^\\W\\d_]")
SAMPLE = 400
"""How many characters of a text are looked at."""


@cache
def _forms() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Give patterns for what only Traditional and only Simplified texts write.

    Single characters of ``traditional.tsv``: GB2312 does not have the first, Big5 not the second.
    """
    rows = read("traditional")
    old = {row[0] for row in rows if row[0] not in row[1] and not _has("gb2312", row[0])}
    new = {char for row in rows for char in row[1] if char not in old and not _has("big5", char)}
    # beyond U+FFFF a set of characters is searched one by one
    first, second = (
        re.compile(f"[{''.join(sorted(c for c in one if c <= chr(0xFFFF)))}]") for one in (old, new)
    )
    return first, second


def _has(codec: str, char: str) -> bool:
    try:
        char.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def tell_language(text: str) -> Tongue:
    """Tell language and script from the shares of characters in a text's beginning.

    Chinese is Simplified or Traditional by the characters that only one of them writes, two of three at least.
    Latin letters are English where every eighth word is one of its commonest.

    >>> tell_language("示例镇三座书屋昨日开放"), tell_language("範例鎮三座書屋昨日開放")
    (Tongue(language='zh', script='Hans'), Tongue(language='zh', script='Hant'))
    >>> tell_language("The library of the town is open to all."), tell_language("三座大山")
    (Tongue(language='en', script='Latn'), Tongue(language='zh', script=None))
    >>> tell_language("2024-01-18 09:54")
    Tongue(language=None, script=None)
    """
    text = text[:SAMPLE]
    rest, runs = HAN_RE.subn(" ", text)
    han = len(text) - len(rest) + runs
    if not OTHER_RE.search(rest):
        counts = {}
    else:
        counts = {name: len(pattern.findall(rest)) for name, pattern in SCRIPTS}
    kana, latin = counts.get("Kana", 0), counts.get("Latn", 0)
    script = max(counts, key=lambda name: counts[name], default="")
    most = counts.get(script, 0)
    if kana * 8 > han and kana >= most:
        return Tongue("ja", "Jpan")
    if han * 3 >= max(most, 1):  # a Chinese character says as much as a word of some letters
        old, new = (len(pattern.findall(text)) for pattern in _forms())
        form = "Hans" if new > 2 * old else "Hant" if old > 2 * new else None
        return Tongue("zh", form)
    if most < 8:
        return Tongue()
    if script == "Latn":
        words = len(WORD_RE.findall(rest))
        return Tongue("en" if len(ENGLISH_RE.findall(rest)) * 8 >= words and latin >= 12 else None, "Latn")
    if script == "Arab":
        return Tongue("ug" if len(UYGHUR_RE.findall(rest)) * 12 >= most else None, "Arab")
    known = {"Kore": "ko", "Tibt": "bo", "Mong": "mn"}
    return Tongue(known.get(script), script)
