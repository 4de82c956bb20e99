"""How likely one Chinese character is after another."""

from __future__ import annotations

import math
from functools import cache
from operator import add

from crawler.text import tables

UNSEEN = 17.0
"""Cost in nats of a character that the counts do not know."""

BACKOFF = 2.2
"""Cost in nats of a pair that the counts do not know, on top of the second character's own cost."""


@cache
def _costs() -> tuple[dict[str, float], dict[str, float]]:
    """Give the costs of single characters and of pairs, from ``data/tables/bigrams.tsv``."""
    rows = tables.read("bigrams")
    total = sum(int(count) for _, count, _ in rows)
    singles = {char: math.log(total / int(count)) for char, count, _ in rows}
    both: dict[str, float] = {}
    for first, count, followers in rows:
        own = math.log(int(count))
        cost = 0.0
        for second in followers:
            if "a" <= second <= "z":
                cost = max(own - (ord(second) - 97) * math.log(2), 0.01)
            else:
                both[first + second] = min(cost, singles[second] + BACKOFF)
    return singles, both


def cost(first: str, second: str) -> float:
    """Give the cost in nats of `second` after `first` (minus the logarithm of its probability).

    >>> cost("人", "民") < 2 < cost("人", "锕")
    True
    """
    singles, both = _costs()
    found = both.get(first + second)
    if found is not None:
        return found
    return singles.get(second, UNSEEN) + BACKOFF


def alone(char: str) -> float:
    """Give the cost in nats of a character without its neighbours.

    >>> alone("的") < 4 < alone("赣")
    True
    """
    return _costs()[0].get(char, UNSEEN)


def total(text: str) -> float:
    """Give the summed cost in nats of every character of a text after the one before it.

    >>> total("人民") == cost("人", "民")
    True
    """
    singles, both = _costs()
    found = 0.0
    for pair in map(add, text, text[1:]):
        known = both.get(pair)
        found += known if known is not None else singles.get(pair[1], UNSEEN) + BACKOFF
    return found
