"""Answers that are kept for the next page, because portals repeat their lines and styles on all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

Answer = TypeVar("Answer")

LONGEST = 2000
"""A text of more characters is not kept: no template repeats it, and thousands of such would fill the memory."""


def keep(count: int, longest: int = LONGEST) -> Callable[[Callable[[str], Answer]], Callable[[str], Answer]]:
    """Keep what a function says of the last `count` texts of at most `longest` characters.

    >>> asked = []
    >>> @keep(2, longest=3)
    ... def size(text):
    ...     asked.append(text)
    ...     return len(text)
    >>> [size(text) for text in ("abc", "abc", "abcd", "abcd")], asked
    ([3, 3, 4, 4], ['abc', 'abcd', 'abcd'])
    """

    def around(find: Callable[[str], Answer]) -> Callable[[str], Answer]:
        kept = lru_cache(count)(find)

        @wraps(find)
        def answer(text: str) -> Answer:
            return kept(text) if len(text) <= longest else find(text)

        return answer

    return around
