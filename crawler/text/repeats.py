"""What a portal's pages repeat: the parts of a page that were read before, letter for letter.

Most of a page is its portal's frame: menus, columns of links, footers. What was found in such a part is found again
by its source, which libxml2 writes out faster than Python can look at a tenth of its elements.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import lxml.etree
from lxml.etree import _Element as Element

BYTES = 2 * 10**6
"""What one generation of parts weighs at most, about; there are two."""
WEIGHT = 5
"""Bytes that are kept for each byte of a part's source, about."""
MANY = 4096
"""How many openings are counted at a time, and how many sources are known by their hashes."""
PATIENCE = 24
"""So often in a row an opening tag is tried in vain; from then on each time in `RARELY`: what it begins is the page's own."""
RARELY = 64
WRITTEN = 4 * 10**5
"""Bytes of one page from which on no further part is written out: a part may hold parts that are tried as well."""

Key = tuple[Any, ...]
"""The source of a part, and all that reading it depends on besides."""
Found = TypeVar("Found")


class Repeats(Generic[Found]):
    """Parts of pages that were met twice, and what was found in them."""

    def __init__(self) -> None:
        self._young: dict[Key, Found] = {}
        self._old: dict[Key, Found] = {}
        self._weight = 0
        self._met: set[int] = set()
        self._vain: dict[Key, int] = {}

    def worth(self, opening: Key) -> bool:
        """Say whether to look for what an element begins, given its tag and attributes."""
        times = self._vain.get(opening, 0)
        if times > PATIENCE and times % RARELY:
            self._vain[opening] = times + 1
            return False
        return True

    def find(self, key: Key, opening: Key) -> Found | None:
        """Give what was found in a part."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.keep(key, found)
        if found is not None:
            self._vain[opening] = 0
            return found
        if len(self._vain) > MANY:
            self._vain.clear()
        self._vain[opening] = self._vain.get(opening, 0) + 1
        return None

    def met(self, key: Key) -> bool:
        """Say whether a part is met again, so that it is worth keeping; one that would fill the memory is not."""
        if WEIGHT * len(key[0]) > BYTES // 2:
            return False
        name = hash(key)
        if name in self._met:
            return True
        if len(self._met) > MANY:
            self._met.clear()
        self._met.add(name)
        return False

    def keep(self, key: Key, found: Found) -> None:
        """Keep what was found in a part; what was not asked for in a whole generation is forgotten."""
        weight = WEIGHT * len(key[0])
        if self._weight + weight > BYTES:
            self._young, self._old, self._weight = {}, self._young, 0
        self._weight += weight
        self._young[key] = found


def source(el: Element) -> bytes:
    """Write an element out: what is written alike is read alike."""
    written: bytes = lxml.etree.tostring(el, encoding="utf-8", with_tail=False)
    return written
