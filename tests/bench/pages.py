"""Read whole pages and measure: body F1 and dates against gold text, cost as a multiple of lxml's bare parse.

    python -m tests.bench.pages [FOLDER]

FOLDER has ``original/ cleaned/ date/`` (default: the shared pages); without one the replica's pages serve, whose
truth table is the gold. F1 is over characters without white space, by longest common subsequence, so order counts.
Times are CPU time. Peers are measured in the same run, each left out where it is not installed; they get the
page decoded.

Two more measures: *blind*, the replica's honest article pages without ``<meta>`` tags and with every id and class
renamed, so that nothing but the look of a page tells where its text is, as they are and cut down to short notices;
*fields*, what the replica's pages tell of themselves, right field by field, and on real government pages against
a plain reading of their ``<meta>`` tags.
"""

from __future__ import annotations

import html
import logging
import os
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

import lxml.html

from crawler.text import Extracted, decode, extract_tree, parse, read_page, repair, strip_tree
from crawler.text.parts import join
from crawler.text.signatures import in_order
from tests.replica import Replica, dated, media, truecms
from tests.replica.grammar import plain
from tests.replica.stories import DAILY, PAPER, Story, World

SHARED = Path(os.environ.get("SHARED_DIR", Path(__file__).parents[3] / "shared")) / "pages"
ROUNDS = 5


class Gold(NamedTuple):
    """One page and what it really says."""

    name: str
    body: bytes
    url: str
    text: str
    day: str | None
    """``YYYY-MM-DD`` as far as it is known; None where the page shows none; empty where nobody looked."""


def shared_pages(folder: Path) -> list[Gold]:
    """Read the pages that come with gold text."""
    found = []
    for page in sorted((folder / "original").iterdir()):
        said = (folder / "date" / f"{page.stem}.txt").read_text(encoding="utf-8").strip()
        date = re.match(r"(\d{4})(?:-(\d{1,2}))?(?:-(\d{1,2}))?", said)
        day = "-".join(part.zfill(2) for part in date.groups() if part) if date else None if said else ""
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


SHORT = 200
"""Below how many characters a notice is short."""
META_RE = re.compile(r"<meta\s[^>]*\bname=[^>]*>\s*", re.IGNORECASE)
NAMED_RE = re.compile(r"""\b(id|class)="([^"]*)\"""")


def blind(source: str, rng: Random) -> str:
    """Take a page's own word from it: the tags that tell fields, and the names of its elements.

    >>> blind('<meta name="PubDate" content="x"><p class="a b" id="a">c</p>', Random(1))
    '<p class="oubdt qucavlt" id="oubdt">c</p>'
    """
    names: dict[str, str] = {}

    def rename(found: re.Match[str]) -> str:
        for name in found[2].split():
            if name not in names:
                names[name] = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(4, 9)))
        return f'{found[1]}="{" ".join(names[name] for name in found[2].split())}"'

    return NAMED_RE.sub(rename, META_RE.sub("", source))


def render(world: World, story: Story) -> str:
    """Give a story's article page as text; of a story that has several, the first."""
    if story.host == DAILY:
        reply = dated.article(world, story, 1)
    elif story.host == PAPER:
        reply = media.article(media.pieces(story)[0], 1)
    else:
        reply = truecms.article(world, story, 1)
    return reply.body.decode(story.encoding, "replace")


def cut(story: Story) -> Story | None:
    """Make a short notice of a story: its first paragraphs, as many as stay short, and its signature."""
    kept = []
    for block in story.blocks:
        if block.kind == "p" and len(plain((*kept, block))) < SHORT - 20:
            kept.append(block)
        elif kept:
            break
    blocks = (*kept, *(block for block in story.blocks[-2:] if block.kind == "sign"))
    if not kept or len(plain(blocks)) >= SHORT:
        return None
    return replace(story, blocks=blocks, text=plain(blocks), images=[], parts=[], cuts=[], runover="")


def blind_pages() -> dict[str, list[Gold]]:
    """Make the replica's honest article pages without a word of their own, long ones and short ones."""
    replica = Replica(seed=1)
    rng = Random(7)
    found: dict[str, list[Gold]] = {"long": [], "short": []}
    for story in replica.expected():
        if story.tampered:
            continue
        for one in (story, cut(story)):
            if one is not None and (one is not story or len(one.text) >= SHORT):
                page = blind(render(replica.world, one), rng).encode()
                kind = "long" if one is story else "short"
                text = plain(media.pieces(one)[0].page_blocks(1, 1))
                found[kind].append(Gold(f"{kind} {story.url}", page, story.url, text, None))
    return found


def f1(found: str, wanted: str) -> float:
    """Give the F1 of two texts over characters without white space, in order."""
    one, other = ("".join(text.split()) for text in (found, wanted))
    return 2 * in_order(one, other) / max(1, len(one) + len(other))


def forget() -> None:
    """Empty the bounded caches, so that each round meets its pages for the first time."""
    for name, module in list(sys.modules.items()):
        if name.startswith("crawler.text."):
            for thing in vars(module).values():
                if hasattr(thing, "cache_parameters") and thing.cache_parameters()["maxsize"]:
                    thing.cache_clear()


def seconds(work: Callable[[Gold], object], pages: list[Gold]) -> float:
    """Time a piece of work over all pages: the best of some rounds."""
    times = []
    for _ in range(ROUNDS):
        forget()
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
        if page.day == "":
            continue
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


UTF8 = "text/html; charset=utf-8"


def show_blind() -> None:
    """Measure bodies on pages that say nothing about themselves."""
    for kind, pages in blind_pages().items():
        texts = [page.body.decode() for page in pages]
        scores = [f1(read_page(page.body, page.url, UTF8).text, page.text) for page in pages]
        print(f"blind, {kind}: {len(pages)} pages\n  {'read_page':18}{tell_bad(scores)}")
        step = max(1, len(pages) // 120)
        for peer, (bodies, _) in peers().items():
            if bodies is not None:
                told = [
                    attempt(bodies, text, page.url)
                    for text, page in zip(texts[::step], pages[::step], strict=True)
                ]
                scores = [f1(str(t or ""), page.text) for t, page in zip(told, pages[::step], strict=True)]
                print(f"  {peer:18}{tell_bad(scores)}", flush=True)


def tell_bad(scores: list[float]) -> str:
    """Give mean and median, and the share of pages that were not found."""
    return f"{tell_scores(scores)}, below 0.5: {sum(score < 0.5 for score in scores) / len(scores):.1%}"


def told_by(story: Story) -> dict[str, object]:
    """Give what a story's page tells of itself.

    The e-paper's pages name no source and no channel, the Daily's of 2021 no channel; where a page shows no date,
    the Daily's and the e-paper's have it in their addresses.
    """
    bare = story.host not in (DAILY, PAPER) and story.info == "none"
    return {
        "title": story.title,
        "published": None if bare else story.published,
        "source": None if story.host == PAPER else story.source,
        "channel_name": None if story.host == PAPER or story.template == "2021" else story.channel_name,
        **{
            name: getattr(story, name)
            for name in ("author", "editor", "document_number", "index_number", "office")
        },
        "images": tuple((address, caption or None) for address, caption in story.images),
        "attachments": tuple((address, name) for address, name in story.attachments),
    }


TAG_RE = re.compile(r"<meta\b([^>]*(?:>[^>\"']*</\w+>)?[^>]*)>", re.IGNORECASE)
PAIR_RE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
ASKED = {
    "title": "ArticleTitle",
    "published": "PubDate",
    "source": "ContentSource",
    "channel_name": "ColumnName",
}


def tags_of(source: str) -> Iterator[tuple[str, str]]:
    """Give (name, content) of a page's filled ``<meta>`` tags, read with patterns alone."""
    for tag in TAG_RE.findall(source):
        own = {name.lower(): double or single for name, double, single in PAIR_RE.findall(tag)}
        content = re.sub(r"<[^>]*>", "", html.unescape(own.get("content", ""))).strip()
        if own.get("name") and content:
            yield own["name"].lower(), content


def show_fields(folder: Path) -> None:
    """Count the fields that are right on pages that tell them."""
    replica = Replica(seed=1)
    right: Counter[str] = Counter()
    asked: Counter[str] = Counter()

    def count(wanted: dict[str, object], found: Extracted, where: str) -> None:
        for name, value in wanted.items():
            got = getattr(found, name)
            got = got.isoformat() if name == "published" and got else got
            if value or got:
                asked[name] += 1
                right[name] += got == value
                if got != value:
                    print(f"  {name} of {where}: found {got!r}, wanted {value!r}")

    def tell(kind: str, pages: int) -> None:
        print(
            f"fields, {kind}: {pages} pages\n  " + ", ".join(f"{n} {right[n]} of {asked[n]}" for n in asked)
        )
        right.clear()
        asked.clear()

    stories = [
        story
        for story in replica.truth
        if story.state(1) in ("present", "edited", "unlisted") and not story.late
    ]
    for story in stories:
        pages = [(url, replica.pages(story.host)[urlsplit(url).path]) for url in (story.url, *story.parts)]
        read = [read_page(page.body, url, page.content_type).extracted for url, page in pages]
        count(told_by(story), join(read), story.url)
    tell("replica", len(stories))
    some = shared_pages(folder) if (folder / "original").is_dir() else []
    pages = 0
    for gold in some:
        said: dict[str, str] = {}
        for name, value in tags_of(decode(gold.body).text):
            said.setdefault(name, value)
        if "siteidcode" in said:
            pages += 1
            found = read_page(gold.body, gold.url).extracted
            wanted: dict[str, object] = {
                n: said[tag.lower()] for n, tag in ASKED.items() if tag.lower() in said
            }
            if "published" in wanted:
                when = str(wanted["published"])
                wanted["published"] = f"{when[:10]}T{when[11:]}{':00' if len(when) == 16 else ''}+08:00"
            count(wanted, found, gold.name)
    if pages:
        tell("government pages by their own tags", pages)


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
    show_blind()
    show_fields(folder)


if __name__ == "__main__":
    main()
