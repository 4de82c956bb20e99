"""How likely a Chinese character is after the two before it."""

from __future__ import annotations

from functools import cache, lru_cache

from crawler.text import bigrams, tables


@cache
def _rows() -> dict[str, tuple[str, str]]:
    """Give, for one or two characters, the price of an unknown follower and the packed known ones."""
    return {context: (back, followers) for context, back, followers in tables.load("ngrams")}


@cache
def _row(context: str) -> tuple[float, dict[str, float]]:
    """Give, for one or two characters, the price of an unknown follower and the costs of the known ones."""
    back, followers = _rows().get(context, ("0", ""))
    costs: dict[str, float] = {}
    now = 0.0
    for char in followers:
        if "a" <= char <= "z":
            now = (ord(char) - 97) / 2
        else:
            costs[char] = now
    return int(back) / 4, costs


@lru_cache(1 << 14)
def cost(before: str, char: str) -> float:
    """Give the cost in nats of a Simplified character after up to two others (minus the logarithm of its probability).

    ``0`` stands for a number, ``A`` for Latin letters, ``$`` for the end of a line. What the counts do not know
    of two characters is taken from the last one, and then from the character alone.

    >>> cost("连云", "港") < 1 < cost("云", "港") < cost("", "港")
    True
    """
    total = 0.0
    while before:
        back, costs = _row(before)
        found = costs.get(char)
        if found is not None:
            return total + found
        total += back
        before = before[1:]
    return total + bigrams.alone(char)
