"""Read whole pages and measure: body F1 and dates against gold text, cost as a multiple of lxml's bare parse.

    python -m tests.bench.pages [FOLDER]

FOLDER has ``original/ cleaned/ date/`` (default: the shared pages); without one the replica's pages serve, whose
truth table is the gold. F1 is over characters without white space, by longest common subsequence, so order counts.
Times are CPU time. Peers are measured in the same run, each left out where it is not installed; they get the
page decoded.
"""

from __future__ import annotations

import logging
import os
import re
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import lxml.html

from crawler.text import decode, extract_tree, parse, read_page, repair, strip_tree
from crawler.text.signatures import in_order
from tests.replica import Replica, media
from tests.replica.grammar import plain

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
            story.url,
            replica.pages(story.host)[story.path].body,
            story.url,
            plain(media.pieces(story)[0].page_blocks(replica.night, 1)),
            story.published[:10],
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
        started = time.process_time()
        for page in pages:
            work(page)
        times.append(time.process_time() - started)
    return min(times)


Bodies = Callable[[str, str], str | None]
"""(page, address) -> its body text."""
Dates = Callable[[str, str], object]


def peers() -> dict[str, tuple[Bodies | None, Dates | None]]:
    """Give the libraries that are installed: how each reads a body, and how a date."""
    found: dict[str, tuple[Bodies | None, Dates | None]] = {}
    with suppress(ImportError):
        import trafilatura

        found["trafilatura"] = (lambda html, url: trafilatura.extract(html), None)
    with suppress(ImportError):
        import htmldate

        found["htmldate"] = (None, lambda html, url: htmldate.find_date(html))
    with suppress(ImportError):
        import readability

        found["readability-lxml"] = (
            lambda html, url: lxml.html.fromstring(readability.Document(html).summary()).text_content(),
            None,
        )
    with suppress(ImportError):
        import newspaper

        def article(html: str, url: str) -> newspaper.Article:
            page = newspaper.Article(url, language="zh", fetch_images=False)
            page.download(input_html=html)
            page.parse()
            return page

        found["newspaper4k"] = (
            lambda html, url: article(html, url).text,
            lambda html, url: article(html, url).publish_date,
        )
    with suppress(ImportError):
        from resiliparse.extract.html2text import extract_plain_text

        found["resiliparse"] = (lambda html, url: extract_plain_text(html, main_content=True), None)
    with suppress(ImportError):
        import justext

        words = frozenset[str]()  # it has no list for Chinese; its own advice for such a language
        found["jusText"] = (
            lambda html, url: "\n".join(
                p.text
                for p in justext.justext(html, words, 40, 120, 0, 0, 0.2, 200, True)
                if not p.is_boilerplate
            ),
            None,
        )
    with suppress(ImportError):
        import gne

        found["GNE"] = (
            lambda html, url: gne.GeneralNewsExtractor().extract(html)["content"],
            lambda html, url: gne.GeneralNewsExtractor().extract(html)["publish_time"],
        )
    return found


def attempt(work: Callable[[str, str], object], html: str, url: str) -> object:
    """Ask a peer; what it cannot read counts as nothing found."""
    try:
        return work(html, url)
    except Exception:  # any library has its own
        return None


def tell_dates(found: list[object], pages: list[Gold]) -> str:
    """Count the days that are right, wrong and not found."""
    right = wrong = missed = 0
    for date, page in zip(found, pages, strict=True):
        day = str(date)[:10] if date else None
        if page.day is None:
            wrong += day is not None
        elif day is None:
            missed += 1
        else:
            right += day.startswith(page.day)
            wrong += not day.startswith(page.day)
    return f"{right} right, {wrong} wrong, {missed} not found"


def tell_scores(scores: list[float]) -> str:
    """Give mean and median."""
    return f"body F1 mean {statistics.mean(scores):.3f}, median {statistics.median(scores):.3f}"


def main() -> None:
    """Measure and print."""
    logging.disable(logging.CRITICAL)
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SHARED
    sets = {"replica": replica_pages()}
    if (folder / "original").is_dir():
        sets[str(folder.name)] = shared_pages(folder)
    for name, pages in sets.items():
        readings = [read_page(page.body, page.url) for page in pages]
        scores = [f1(reading.text, page.text) for reading, page in zip(readings, pages, strict=True)]
        size = sum(len(page.body) for page in pages)
        floor = seconds(lambda page: lxml.html.document_fromstring(page.body), pages)
        whole = seconds(lambda page: read_page(page.body, page.url), pages)
        print(f"{name}: {len(pages)} pages, {size / 1e6:.2f} MB; costs as multiples of lxml's bare parse")
        print(
            f"  {'read_page':18}{whole / floor:6.1f} x  {tell_scores(scores)}, exact {sum(s == 1 for s in scores)}"
        )
        print(f"  {'':27}dates {tell_dates([reading.published for reading in readings], pages)}")
        decoded = {page.name: decode(page.body).text for page in pages}
        texts = {page.name: repair(decoded[page.name]).text for page in pages}

        def stripped(page: Gold, texts: dict[str, str] = texts) -> None:
            strip_tree(parse(texts[page.name]), page.url)

        def extracted(page: Gold, texts: dict[str, str] = texts) -> None:
            tree = parse(texts[page.name])
            strip_tree(tree, page.url)
            extract_tree(tree, page.url)

        tree = seconds(lambda page, texts=texts: parse(texts[page.name]), pages)
        outline = seconds(lambda page, texts=texts: parse(texts[page.name]).outline, pages)
        strip, extract = seconds(stripped, pages), seconds(extracted, pages)
        for stage, cost in (
            ("decode", seconds(lambda page: decode(page.body), pages)),
            ("repair", seconds(lambda page, decoded=decoded: repair(decoded[page.name]), pages)),
            ("parse", tree),
            ("outline", outline - tree),
            ("strip", strip - outline),
            ("extract", extract - strip),
        ):
            print(f"    {stage:16}{cost / floor:6.1f} x")
        some = pages[:: max(1, len(pages) // 40)]
        floor = seconds(lambda page: lxml.html.document_fromstring(page.body), some)
        for peer, (bodies, dates) in peers().items():
            work = bodies or dates
            assert work is not None
            attempt(work, decoded[some[0].name], some[0].url)  # what a library loads at first is not counted
            started = time.process_time()
            told = [attempt(work, decoded[page.name], page.url) for page in some]
            cost = time.process_time() - started
            line = f"  {peer:18}{cost / floor:6.1f} x  "
            if bodies:
                line += tell_scores([f1(str(t or ""), page.text) for t, page in zip(told, some, strict=True)])
            if dates:
                days = [attempt(dates, decoded[page.name], page.url) for page in some]
                line += ("; " if bodies else "") + f"dates {tell_dates(days, some)}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
