"""The interface in Chinese and in English: which one a reader's browser asks for.

Each text of the interface stands where it is used, in both languages: ``tr("最新", "Newest")``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

LANGUAGES = {"zh": "zh-Hans", "en": "en"}
"""The interface's languages, with the tags that pages carry."""
COOKIE = "language"
"""Keeps what a reader chose by ``?_lang=en``; nothing else is kept of a reader."""

_reader: ContextVar[str] = ContextVar("language", default="zh")


def tr(chinese: str, english: str) -> str:
    """Give the one of two texts that this reader's language wants."""
    return english if _reader.get() == "en" else chinese


def language() -> str:
    """Give this reader's language, `zh` or `en`."""
    return _reader.get()


def counted(number: object, chinese: str, english: str, plural: str | None = None) -> str:
    """Write a number of things.

    >>> counted(1200, "篇", "article")
    '1,200 篇'
    """
    count = number if isinstance(number, int) else 0
    return f"{count:,} {tr(chinese, english if count == 1 else plural or english + 's')}"


def choose(query: str, headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, bool]:
    """Choose the language of a request; say also whether the reader named it in the address.

    The address comes first (``_lang``), then what was chosen before, then ``Accept-Language`` by its weights
    (RFC 9110, section 12.5.4): Chinese where it is wanted as much as English, or where nothing is said.

    >>> choose("", [(b"accept-language", b"en-GB,en;q=0.9,zh;q=0.8")])
    ('en', False)
    >>> choose("_lang=zh", [(b"accept-language", b"fr")]), choose("", [])
    (('zh', True), ('zh', False))
    """
    named = parse_qs(query).get("_lang", [""])[-1]
    if named in LANGUAGES:
        return named, True
    given = {key.lower(): value.decode("latin-1") for key, value in headers}
    try:
        kept = SimpleCookie(given.get(b"cookie", "")).get(COOKIE)
    except CookieError:
        kept = None
    if kept is not None and kept.value in LANGUAGES:
        return kept.value, False
    wanted = _weights(given.get(b"accept-language", "*"))
    chinese = max(wanted.get("zh", 0.0), wanted.get("*", 0.0))
    return ("zh" if chinese and chinese >= wanted.get("en", 0.0) else "en"), False


def _weights(header: str) -> Mapping[str, float]:
    weights: dict[str, float] = {}
    for part in header.split(",")[:20]:
        tag, _, weight = part.strip().partition(";")
        try:
            number = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            number = 0.0
        tag = tag.split("-")[0].strip().lower()
        weights[tag] = max(number, weights.get(tag, 0.0))
    return weights


def enter(chosen: str) -> None:
    """Make this the language of what is written in the present request."""
    _reader.set(chosen)
