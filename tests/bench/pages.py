"""Read whole pages and measure: body F1 and dates against gold text, cost against lxml and charset-normalizer.

    python -m tests.bench.pages [FOLDER]

FOLDER has ``original/ cleaned/ date/`` (default: the shared pages); without one the replica's pages serve, whose
truth table is the gold. F1 is over characters without white space, by longest common subsequence, so order counts.
"""

from __future__ import annotations

import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import lxml.html
from charset_normalizer import from_bytes

from crawler.text import decode, parse, read_page, repair
from crawler.text.signatures import in_order
from tests.replica import Replica

SHARED = Path(os.environ.get("SHARED_DIR", Path(__file__).parents[3] / "shared")) / "pages"
ROUNDS = 5


class Gold(NamedTuple):
    """One page and what it really says."""

    name: str
    body: bytes
    url: str
    text: str
    day: str | None
    """``YYYY-MM-DD`` as far as it is known; None where the page shows none."""


def shared_pages(folder: Path) -> list[Gold]:
    """Read the pages that come with gold text."""
    found = []
    for page in sorted((folder / "original").iterdir()):
        said = (folder / "date" / f"{page.stem}.txt").read_text(encoding="utf-8").strip()
        date = re.match(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", said)
        day = "-".join(part.zfill(2) for part in date.groups() if part) if date else None
        text = (folder / "cleaned" / f"{page.stem}.txt").read_text(encoding="utf-8")
        found.append(Gold(page.stem, page.read_bytes(), f"http://example.cn/{page.name}", text, day))
    return found


def replica_pages() -> list[Gold]:
    """Take the replica's article pages, the truth table as gold."""
    replica = Replica(seed=1)
    return [
        Gold(
            story.url, replica.pages(story.host)[story.path].body, story.url, story.text, story.published[:10]
        )
        for story in replica.expected()
    ]


def f1(found: str, wanted: str) -> float:
    """Give the F1 of two texts over characters without white space, in order."""
    one, other = ("".join(text.split()) for text in (found, wanted))
    return 2 * in_order(one, other) / max(1, len(one) + len(other))


def seconds(work: Callable[[Gold], object], pages: list[Gold]) -> float:
    """Time a piece of work over all pages: the best of some rounds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for page in pages:
            work(page)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Measure and print."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    sets = {"replica": replica_pages()}
    if (folder / "original").is_dir():
        sets[str(folder.name)] = shared_pages(folder)
    for name, pages in sets.items():
        readings = [read_page(page.body, page.url) for page in pages]
        scores = [f1(reading.text, page.text) for reading, page in zip(readings, pages, strict=True)]
        right = wrong = missed = 0
        for reading, page in zip(readings, pages, strict=True):
            day = str(reading.published)[:10] if reading.published else None
            if page.day is None:
                wrong += day is not None
            elif day is None:
                missed += 1
            else:
                right += day.startswith(page.day)
                wrong += not day.startswith(page.day)
        size = sum(len(page.body) for page in pages)
        whole = seconds(lambda page: read_page(page.body, page.url), pages)
        floor = seconds(lambda page: lxml.html.document_fromstring(page.body), pages)
        ours = seconds(lambda page: decode(page.body), pages)
        peer = (
            seconds(lambda page: from_bytes(page.body).best(), pages[:40]) * len(pages) / min(40, len(pages))
        )
        texts = [page._replace(url=decode(page.body).text) for page in pages]
        gate = seconds(lambda page: repair(page.url), texts)
        tree = seconds(lambda page: parse(page.url), texts)
        print(f"{name}: {len(pages)} pages, {size / 1e6:.2f} MB")
        print(
            f"  body F1              mean {statistics.mean(scores):.3f}, median {statistics.median(scores):.3f}, exact {sum(s == 1 for s in scores)}"
        )
        print(f"  dates                {right} right, {wrong} wrong, {missed} not found")
        print(
            f"  read_page            {whole / floor:.1f} x lxml's bare parse ({1000 * whole / len(pages):.1f} ms a page)"
        )
        print(f"  parse                {tree / floor:.1f} x lxml's bare parse")
        print(f"  decode               {peer / ours:.0f} x as fast as charset-normalizer")
        print(f"  repair, all pages    {100 * gate / whole:.1f} % of read_page")


if __name__ == "__main__":
    main()
