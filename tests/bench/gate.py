"""Measure what repair costs on clean pages: its gate, the whole of it, and its share of reading a page.

    python -m tests.bench.gate

Pages: the shared ones where that folder is present (as they were served, and their gold texts), and articles of the
replica. A page counts as clean where nothing was repaired. Speeds are bytes of UTF-8 in CPU time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import lxml.html

from crawler.text import decode, evidence, read_page, repair
from tests.bench.pages import SHARED, Gold, replica_pages, shared_pages

ROUNDS = 3


def cost(work: Callable[[Any], object], item: Any) -> float:
    """Give the CPU seconds of one piece of work: the best of some rounds."""
    times = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        work(item)
        times.append(time.process_time() - begun)
    return min(times)


def speed(work: Callable[[str], object], texts: Iterable[str]) -> float:
    """Give megabytes of UTF-8 a second."""
    texts = list(texts)
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return size / sum(cost(work, text) for text in texts) / 1e6


def report(name: str, pages: list[Gold]) -> None:
    """Measure one set of pages and print."""
    texts = [decode(page.body).text for page in pages]
    clean = [at for at, text in enumerate(texts) if not repair(text).steps]
    closed = sum(not evidence.look(texts[at]) for at in clean)
    print(f"{name}: {len(pages)} pages, {len(clean)} of them clean, the gate closed at {closed}")
    for kind, several in (
        ("pages", [texts[at] for at in clean]),
        ("article texts", [text for at in clean if (text := pages[at].text) and not repair(text).steps]),
    ):
        gate, whole = speed(evidence.look, several), speed(repair, several)
        print(f"  {kind:<20} gate {gate:.0f} MB/s, repair {whole:.0f} MB/s")
    repairs, readings, floors = (
        [cost(work, item) for item in items]
        for work, items in (
            (repair, [texts[at] for at in clean]),
            (lambda page: read_page(page.body, page.url), [pages[at] for at in clean]),
            (lambda page: lxml.html.document_fromstring(page.body), [pages[at] for at in clean]),
        )
    )
    print(
        f"  a clean page         {1e6 * statistics.mean(repairs):.0f} µs, {100 * sum(repairs) / sum(readings):.1f} % of"
        f" read_page, {sum(repairs) / sum(floors):.2f} x lxml's bare parse"
    )


def main() -> None:
    """Measure and print."""
    report("replica", replica_pages())
    if (SHARED / "original").is_dir():
        report("shared", shared_pages(SHARED))


if __name__ == "__main__":
    main()
