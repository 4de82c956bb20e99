"""Decode real pages in many encodings, whole, cut, mixed and damaged; count what comes back, against the peers.

    python -m tests.bench.decoding [FOLDER] [--seed 1] [--rounds 3] [--only WORD] [--show 3]

FOLDER has pages as they were served (default: the shared pages; without them the replica's). Each page is read
once with the strict codec that is known to be right, and written anew in each encoding; what an encoding cannot
write is left out before. `exact` is equality of the whole text, `<= 2 lost` counts the characters of the original
that the decoded text does not have at their place (by alignment around the damage). The peers (charset-normalizer,
resiliparse, chardet) are measured where they are installed: `pip install --group bench`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import random
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from crawler.text.encoding import BROWSERS, decode
from tests.replica import Replica

SHARED = Path(os.environ.get("SHARED_DIR", Path(__file__).parents[3] / "shared")) / "pages" / "original"

Reader = Callable[[bytes], str]

META_RE = re.compile(r"<meta\b[^>]*\bcharset\b[^>]*>|<\?xml[^>]*>", re.I)
HANZI_RE = re.compile("[\u4e00-\u9fff]{8,}")
LABELS = ("utf-8", "gb2312", "big5", "iso-8859-1", "shift_jis")
SCRIPT = '<script src="a.js" charset="{}"></script><link rel="stylesheet" href="a.css" charset="{}">'


class Case(NamedTuple):
    """Bytes and what they say."""

    body: bytes
    text: str
    name: str = ""


def ours(body: bytes) -> str:
    """Read with the project."""
    return decode(body).text


def peers() -> dict[str, Reader | None]:
    """Give the peers by name, None for one that is not installed."""

    def normalizer() -> Reader:
        from_bytes = importlib.import_module("charset_normalizer").from_bytes

        def read(body: bytes) -> str:
            best = from_bytes(body).best()
            return "" if best is None else str(best)

        return read

    def resiliparse() -> Reader:
        module = importlib.import_module("resiliparse.parse.encoding")

        def read(body: bytes) -> str:
            return str(module.bytes_to_str(body, module.detect_encoding(body)))

        return read

    def chardet() -> Reader:
        detect = importlib.import_module("chardet").detect

        def read(body: bytes) -> str:
            name = detect(body)["encoding"] or "utf-8"
            # the meaning that its user would give it
            name = "gb18030" if name.lower() in ("gb2312", "gbk") else name
            return body.decode(name, "replace")

        return read

    found: dict[str, Reader | None] = {}
    for name, make in (
        ("charset-normalizer", normalizer),
        ("resiliparse", resiliparse),
        ("chardet", chardet),
    ):
        try:
            found[name] = make()
        except ImportError:
            found[name] = None
    return found


def originals(folder: Path) -> list[Case]:
    """Read the pages as they were served, by the codec that reads them strictly."""
    found = []
    bodies = (
        [path.read_bytes() for path in sorted(folder.glob("*.html"))]
        if folder.is_dir()
        else [page.body for page in _replica()]
    )
    for body in bodies:
        for codec in ("utf-8-sig", "gb18030"):
            try:
                text = body.decode(codec)
            except UnicodeDecodeError:
                continue
            found.append(Case(body, text.translate(BROWSERS) if codec == "gb18030" else text))
            break
    return found


def _replica() -> list[object]:
    replica = Replica(seed=1)
    return [replica.pages(story.host)[story.path] for story in replica.expected()]


def traditional(text: str) -> str:
    """Write a text as Taiwan would."""
    import opencc

    return str(opencc.OpenCC("s2t").convert(text))


def writable(text: str, codec: str) -> str:
    """Leave out what a codec cannot write, and what it does not read back."""
    return text.encode(codec, "ignore").decode(codec)


class Bench:
    """The pages in every encoding, and the cases made of them."""

    def __init__(self, pages: list[Case], seed: int) -> None:
        self.pages = pages
        self.draw = random.Random(seed)
        plain = [META_RE.sub("", page.text) for page in pages]
        self.texts = {
            "GB18030": [writable(text, "gb18030").translate(BROWSERS) for text in plain],
            "GBK": [writable(text, "gbk") for text in plain],
            "Big5": [writable(traditional(text), "big5") for text in plain],
            "UTF-8": plain,
        }
        # a page with next to no Chinese cannot be told
        self.bodies = {
            name: [Case(text.encode(CODECS[name]), text) for text in texts]
            for name, texts in self.texts.items()
        }

    def served(self) -> Iterator[Case]:
        yield from self.pages

    def whole(self, name: str) -> Iterator[Case]:
        for text in self.texts[name]:
            heads = ["", *(f'<meta charset="{label}">' for label in LABELS)]
            heads += [SCRIPT.format(label, label) for label in LABELS]
            for head in heads:
                # behind a doctype, where pages have their head
                said = head + text
                yield Case(said.encode(CODECS[name]), said, head)

    def cut(self, name: str) -> Iterator[Case]:
        for case in self.bodies[name]:
            for size in (2048, 2047, 2046):
                body = case.body[:size]
                text = body.decode(CODECS[name], "ignore").translate(BROWSERS)
                yield Case(body, text, "cut")

    def titles(self, name: str) -> Iterator[Case]:
        runs = [run[0] for text in self.texts[name] for run in HANZI_RE.finditer(text)]
        for run in self.draw.sample(runs, min(len(runs), 2500)):
            start = self.draw.randint(0, len(run) - 8)
            title = run[start : start + 8]
            yield Case(title.encode(CODECS[name]), title)

    def mixed(self, page: str, piece: str) -> Iterator[Case]:
        """Put a piece of one page, three lines or a sentence, into another page."""
        sources = [
            line.strip()
            for text in self.texts["GBK"]
            for line in text.splitlines()
            if len(re.findall("[\u4e00-\u9fff]", line)) >= 8
        ]
        for text in self.texts["GBK"]:
            lines = text.splitlines(keepends=True)
            for _ in range(6):
                at = self.draw.randrange(len(lines) + 1)
                start = self.draw.randrange(len(sources))
                several = "\n".join(sources[start : start + self.draw.choice((1, 1, 3))]) + "\n"
                before, after = "".join(lines[:at]), "".join(lines[at:])
                yield Case(
                    before.encode(CODECS[page]) + several.encode(CODECS[piece]) + after.encode(CODECS[page]),
                    before + several + after,
                )

    def damaged(self, name: str, how: str) -> Iterator[Case]:
        """Drop, add or change one byte: half of the places among the Chinese, half anywhere."""
        for case in self.bodies[name]:
            high = [at for at, byte in enumerate(case.body) if byte >= 0x80]
            for turn in range(8):
                body = bytearray(case.body)
                at = self.draw.choice(high) if turn % 2 and high else self.draw.randrange(len(body))
                other = self.draw.randrange(1, 256)
                if how == "dropped":
                    del body[at]
                elif how == "added":
                    body.insert(at, other)
                else:
                    body[at] = other
                yield Case(bytes(body), case.text, f"{how} {at} {other:02x}")


CODECS = {"GB18030": "gb18030", "GBK": "gbk", "Big5": "big5", "UTF-8": "utf-8"}


def lost(original: str, found: str) -> int:
    """Count the characters of the original that are not there: between the common beginning and the common end."""
    begin, least = 0, min(len(original), len(found))
    if original == found:
        return 0
    low, high = 0, least
    while low < high:
        begin = (low + high + 1) // 2
        if original[:begin] == found[:begin]:
            low = begin
        else:
            high = begin - 1
    begin = low
    low, high = 0, least - begin
    while low < high:
        middle = (low + high + 1) // 2
        if original[-middle:] == found[-middle:]:
            low = middle
        else:
            high = middle - 1
    return len(original) - begin - low


def exact(case: Case, text: str) -> bool:
    """Compare the whole text."""
    return text == case.text


def nearly(case: Case, text: str) -> bool:
    """Allow two characters to be lost."""
    return lost(case.text, text) <= 2


def whole_but_the_end(case: Case, text: str) -> bool:
    """Allow a mark for the character that the cut went through."""
    return text.rstrip("\ufffd") == case.text.rstrip("\ufffd") or text[:-1] == case.text


def seconds(read: Reader, cases: list[Case], rounds: int) -> float:
    """Time a reader over all cases in CPU time, the best of some rounds."""
    times = []
    for _ in range(rounds):
        started = time.process_time()
        for case in cases:
            read(case.body)
        times.append(time.process_time() - started)
    return min(times)


def row(title: str, bar: str, cells: Iterable[str]) -> None:
    print(f"{title:44} {bar:>9} " + " ".join(f"{cell:>18}" for cell in cells), flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path, default=SHARED)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="rows whose name holds this word")
    parser.add_argument("--show", type=int, default=0, help="print so many of our misses a row")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    arguments = parser.parse_args()
    pages = originals(arguments.folder)
    if not pages:
        sys.exit(f"no pages in {arguments.folder}")
    bench = Bench(pages, arguments.seed)
    others = {} if arguments.alone else peers()
    readers: dict[str, Reader | None] = {"ours": ours, **others}
    print(f"{len(pages)} pages, {sum(len(page.body) for page in pages) / 1e6:.2f} MB, seed {arguments.seed}")
    row("", "bar", readers)

    def share(
        title: str, bar: str, cases: Iterable[Case], right: Callable[[Case, str], bool], most: int = 150
    ) -> None:
        if arguments.only not in title:
            return
        listed = list(cases)
        cells = []
        for read in readers.values():
            if read is None:
                cells.append("not installed")
                continue
            # the peers get a part: one of them takes a second for a damaged page
            some = listed if read is ours else listed[:: max(1, len(listed) // most)]
            hits = 0
            shown = 0
            for case in some:
                good = right(case, read(case.body))
                hits += good
                if not good and read is ours and shown < arguments.show:
                    shown += 1
                    found = decode(case.body)
                    same = next(
                        (n for n, (a, b) in enumerate(zip(case.text, found.text, strict=False)) if a != b), -1
                    )
                    print(
                        f"   {case.name!r} {found.reason} at {same}: {case.text[max(0, same - 8) : same + 16]!r}"
                        f" | {found.text[max(0, same - 8) : same + 16]!r} lost {lost(case.text, found.text)}"
                    )
            cells.append(f"{hits / len(some):.1%} of {len(some)}")
        row(title, bar, cells)

    share("as served", "100 %", bench.served(), exact)
    for name in CODECS:
        share(f"whole pages, {name}", "100 %", bench.whole(name), exact)
    for name in CODECS:
        share(f"first 2 kB, {name}", ">= 99 %", bench.cut(name), whole_but_the_end)
    share("titles of eight characters, GBK", ">= 99 %", bench.titles("GBK"), exact, 3000)
    share("titles of eight characters, Big5", "", bench.titles("Big5"), exact, 500)
    share("titles of eight characters, UTF-8", "", bench.titles("UTF-8"), exact, 500)
    share("a GBK piece inside UTF-8", ">= 98 %", bench.mixed("UTF-8", "GBK"), exact, 60)
    share("a UTF-8 piece inside GBK", ">= 98 %", bench.mixed("GBK", "UTF-8"), exact, 60)
    for name in ("UTF-8", "GBK", "Big5"):
        for how in ("dropped", "added", "changed"):
            bar = "100 %" if name == "UTF-8" else ">= 98 %"
            share(f"one byte {how}, {name}, <= 2 lost", bar, bench.damaged(name, how), nearly, 60)

    for name in ("GBK", "Big5", "UTF-8"):
        title = f"speed, {name}"
        if arguments.only not in title:
            continue
        if name == "UTF-8":
            text = '<meta charset="utf-8">'
            cases = [Case((text + case.text).encode(), "") for case in bench.bodies[name]]
            floor = seconds(lambda body: body.decode("utf-8"), cases, 3 * arguments.rounds)
            mine = seconds(ours, cases, 3 * arguments.rounds)
            row(f"{title}, declared: x a strict decode's time", "<= 2", [f"{mine / floor:.2f}"])
            continue
        cases = bench.bodies[name]
        mine = seconds(ours, cases, 3 * arguments.rounds)
        times = {
            who: seconds(read, cases, 1 if who == "chardet" else arguments.rounds)
            for who, read in others.items()
            if read is not None
        }
        base = times.get("charset-normalizer")
        if base is None:
            row(f"{title}: ms a page", "", [f"{mine / len(cases) * 1000:.2f}"])
            continue
        row(
            f"{title}: x charset-normalizer",
            ">= 3",
            [
                f"{base / mine:.1f}",
                *(f"{base / times[who]:.1f}" if who in times else "not installed" for who in others),
            ],
        )


if __name__ == "__main__":
    main()
