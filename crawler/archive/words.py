"""Words as the full-text index spells them, and what a person types turned into its expressions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from crawler.archive.values import storable

_WORD_RE = re.compile(r"[^\W_]+")
_LONG_WORD_RE = re.compile(r"[0-9a-z]{3,}")
ASKED_RE = re.compile(r'"([^"]*)"|“([^”]*)”|(\S+)')


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _interleave(runs: Iterable[str]) -> list[str]:
    """Give each character of each run, and between two neighbours the pair of them."""
    found: list[str] = []
    for run in runs:
        for at, char in enumerate(run):
            if at:
                found.append(run[at - 1 : at + 1])
            found.append(char)
    return found


def words(text: str | None) -> str:
    """Spell a text for the full-text index: characters and pairs in turn, longer Latin words at the end.

    With both in one sequence a word of one or two characters is one token, any longer word is a phrase, and
    each is found exactly where the text has it.

    >>> words("连云港，5G")
    '连 连云 云 云港 港 5 5g g'
    """
    if not text:
        return ""
    normal = _normal(text)
    found = _interleave(_WORD_RE.findall(normal))
    found += dict.fromkeys(_LONG_WORD_RE.findall(normal))
    return " ".join(found)


def match_expression(query: str | None) -> str:
    """Turn what a person types into an FTS5 expression.

    White space parts words, all of which must be there; quotation marks keep words together; signs inside a
    word are passed over. Nothing that is typed is an error.

    >>> match_expression("社保 连云港")
    '"社保" "连云 云 云港"'
    >>> match_expression('"5G 基站" OR*')
    '"5g g 基 基站" "or"'
    >>> match_expression("，")
    '""'
    """
    found = []
    for match in ASKED_RE.finditer(_normal(storable(query or ""))):
        runs = _WORD_RE.findall(next((group for group in match.groups() if group is not None), ""))
        if not runs:
            continue
        tokens = _interleave(runs)
        # at the edges the pair implies its outer character
        first = 1 if len(runs[0]) > 1 else 0
        last = len(tokens) - (1 if len(runs[-1]) > 1 else 0)
        found.append('"' + " ".join(tokens[first:last]) + '"')
    return " ".join(found) or '""'


def cut_snippet(text: str, query: str, around: int = 40, *, sought: bool = False) -> str | None:
    """Cut out the first place of the first word that the text has, one line.

    A text with none of the words gives its beginning, or None where a word is `sought`.
    """
    at = length = 0
    for match in ASKED_RE.finditer(query):
        word = next((group for group in match.groups() if group is not None), "")
        found = re.search(re.escape(word), text, re.IGNORECASE) if word else None
        if found:
            at, length = found.start(), len(word)
            break
    if sought and not length:
        return None
    start, end = max(0, at - around), at + length + around
    cut = " ".join(text[start:end].split())
    return ("…" if start else "") + cut + ("…" if end < len(text) else "")
