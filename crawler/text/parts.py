"""An article that is split over several pages, put together from what each of them says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from crawler.text.extraction import Extracted
from crawler.text.languages import measure

HEADLINE = ("subtitle", "kicker")
"""What only the first part tells, and its disagreements: further ones repeat its headline, cut or numbered."""


def join(parts: Sequence[Extracted]) -> Extracted:
    """Put the parts of one article together: texts in order, files and links united, all else from the first that has it.

    Words, language and script are those of the whole text; what stands beside the headline, and what contradicts it,
    only the first part tells.

    >>> whole = join([Extracted(title="书屋", text="一。", links=("http://a.cn/",)),
    ...               Extracted(title="书屋（2）", text="二。", editor="王五", links=("http://a.cn/", "http://b.cn/"))])
    >>> whole.title, whole.text, whole.editor, whole.links, whole.words
    ('书屋', '一。\\n二。', '王五', ('http://a.cn/', 'http://b.cn/'), 2)
    >>> join([Extracted(text="一。")]) == Extracted(text="一。")
    True
    """
    first, *further = parts
    if not further:
        return first
    parts = [first, *map(_without_headline, further)]
    joined: dict[str, Any] = {}
    for name, said in zip(Extracted._fields, zip(*parts, strict=True), strict=True):
        if isinstance(said[0], tuple):
            joined[name] = _unite(said)
        else:
            joined[name] = next((value for value in said if value), said[0])
    joined["text"] = "\n".join(part.text for part in parts if part.text)
    joined |= measure(joined["text"])._asdict()
    return Extracted(**joined)


def _without_headline(part: Extracted) -> Extracted:
    rules = tuple(rule for rule in part.rules if rule[0] not in HEADLINE)
    return part._replace(subtitle=None, kicker=None, disagreements=(), rules=rules)


def _unite(lists: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Give what the parts have of a list, each once; of a file or rule its address or field tells it from others."""
    found: dict[Any, Any] = {}
    for entry in (entry for entries in lists for entry in entries):
        found.setdefault(entry[0] if isinstance(entry, tuple) else entry, entry)
    return tuple(found.values())
