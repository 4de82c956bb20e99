"""Read fields with the wrong table and count how many come back exactly; the same for ftfy, where it is installed.

    python -m tests.bench.mojibake [--fields 2000]

Fields (at least four characters, with Chinese) are titles, captions, cells and sentences of the replica's grammar and
of the shared gold texts. Only lossless misreadings count: those whose bytes are all still there. Printed: exact
fields alone, and inside an otherwise healthy page; false repairs of the fields as they are; speed of the gate.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path

import opencc

from crawler.text import repair, revert
from tests.replica import grammar

SHARED = Path(os.environ.get("SHARED_DIR", Path(__file__).parents[3] / "shared"))
FRAME = "<html><body><h1>社会救助</h1><p>来源：本报讯</p><h2>{}</h2><p>市里召开会议，研究部署工作。</p></body></html>"

SHAPES = ("feature", "notice", "interview", "chronicle", "table", "picture", "short", "bulletin")


def misread(text: str, *ways: str) -> str:
    """Encode and decode as each way says: ``utf-8>gb18030``; ``browser`` reads cp1252 as browsers do.

    Raises ``UnicodeError`` where a byte would be lost.
    """
    for way in ways:
        if way == "entities":
            text = "".join(f"&#{ord(char)};" if char >= "\x80" else char for char in text)
            continue
        written, seen = way.split(">")
        body = text.encode(written)
        if seen == "browser":
            text = "".join(
                chr(n) if n in (0x81, 0x8D, 0x8F, 0x90, 0x9D) else bytes((n,)).decode("cp1252") for n in body
            )
        else:
            text = body.decode(seen)
    return text


CASES: dict[str, tuple[str, ...]] = {
    "UTF-8 as GBK": ("utf-8>gbk",),
    "UTF-8 as GB18030": ("utf-8>gb18030",),
    "GBK as Latin-1": ("gb18030>latin-1",),
    "GBK as cp1252": ("gbk>cp1252",),
    "GBK as browsers' cp1252": ("gb18030>browser",),
    "UTF-8 as Latin-1": ("utf-8>latin-1",),
    "UTF-8 as cp1252": ("utf-8>cp1252",),
    "UTF-8 as browsers' cp1252": ("utf-8>browser",),
    "Big5 as GBK": ("big5>gbk",),
    "Big5 as GB18030": ("big5>gb18030",),
    "GBK as Big5": ("gbk>big5",),
    "GBK as Big5 with Hong Kong": ("gbk>big5hkscs",),
    "Big5 as Latin-1": ("big5>latin-1",),
    "UTF-8 as Latin-1, twice": ("utf-8>latin-1", "utf-8>latin-1"),
    "UTF-8 as browsers' cp1252, twice": ("utf-8>browser", "utf-8>browser"),
    "UTF-8 as GBK, twice": ("utf-8>gb18030", "utf-8>gb18030"),
    "UTF-8 as Latin-1, then as GBK": ("utf-8>latin-1", "utf-8>gb18030"),
    "GBK as Latin-1, then UTF-8 as GBK": ("gb18030>latin-1", "utf-8>gb18030"),
    "GBK as Latin-1, then UTF-8 as Latin-1": ("gb18030>latin-1", "utf-8>latin-1"),
    "UTF-8 as GBK, then UTF-8 as Latin-1": ("utf-8>gb18030", "utf-8>latin-1"),
    "UTF-8 as Latin-1, entities": ("utf-8>latin-1", "entities"),
    "GBK as Latin-1, entities": ("gb18030>latin-1", "entities"),
    "UTF-8 as GBK, entities": ("utf-8>gb18030", "entities"),
}

TRADITIONAL = ("Big5",)


def fields(many: int, seed: int = 1) -> list[str]:
    """Draw fields of at least four characters."""
    draw = random.Random(seed)
    found: set[str] = set()
    topics = sorted(grammar.topics())
    texts = []
    for number in range(max(30, many // 40)):
        draft = grammar.compose(
            draw,
            draw.choice(topics),
            date(2024, 1, 1 + number % 28),
            SHAPES[number % len(SHAPES)],
            draw.random(),
        )
        found.add(draft.title)
        found |= {
            draft.office,
            f"记者{draft.reporter}",
            f"通讯员 {draft.correspondent}",
            f"{draft.day.year}年{draft.day.month}月",
        }
        texts.append(draft.text)
    for path in sorted((SHARED / "pages" / "cleaned").glob("*.txt")):
        texts.append(path.read_text(encoding="utf-8", errors="replace"))
    for text in texts:
        pieces = re.split(r"[\n\t]|(?<=。)", text)
        pieces += [piece for line in pieces[:40] for piece in re.split("[，；：、“”（）]", line)]
        found |= {piece.strip() for piece in draw.sample(pieces, min(len(pieces), 40))}
    good = sorted(
        piece
        for piece in found
        if len(piece) >= 4 and len(re.findall("[\u4e00-\u9fff]", piece)) >= 2 and "\ufffd" not in piece
    )
    draw.shuffle(good)
    return good[:many]


@cache
def _peer() -> Callable[[str], str] | None:
    try:
        import ftfy
    except ImportError:
        return None
    return ftfy.fix_text


@cache
def _traditional() -> Callable[[str], str]:
    convert: Callable[[str], str] = opencc.OpenCC("s2t").convert
    return convert


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fields", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0, help="print so many failures of each case")
    arguments = parser.parse_args()
    drawn = fields(arguments.fields, arguments.seed)
    peer = _peer()
    print(f"{'misread':<40}{'fields':>7}{'exact':>9}{'in a page':>11}{'ftfy':>9}")
    all_many = all_exact = all_paged = 0
    for name, ways in CASES.items():
        many = exact = paged = theirs = 0
        shown = 0
        for field in drawn:
            text = _traditional()(field) if name.startswith(TRADITIONAL) else field
            try:
                captured = misread(text, *ways)
            except UnicodeError:
                continue
            many += 1
            found = repair(captured)
            assert revert(found.text, found.steps) == captured
            right = found.text == text
            exact += right
            page = repair(FRAME.format(captured))
            paged += page.text == FRAME.format(text)
            if peer:
                theirs += peer(captured) == text
            if (not right or page.text != FRAME.format(text)) and shown < arguments.show:
                shown += 1
                print(
                    "   ",
                    right,
                    repr(text[:60]),
                    repr(captured[:60]),
                    repr(found.text[:60]),
                    repr(page.text[38:120]),
                )
        all_many += many
        all_exact += exact
        all_paged += paged
        ftfy = f"{theirs / max(many, 1):>9.1%}" if peer else "not installed".rjust(15)
        print(
            f"{name:<40}{many:>7}{exact / max(many, 1):>9.2%}{paged / max(many, 1):>11.2%}{ftfy}", flush=True
        )
    print(f"{'all':<40}{all_many:>7}{all_exact / all_many:>9.3%}{all_paged / all_many:>11.3%}")
    kept = sum(not repair(field).steps for field in drawn)
    kept_traditional = sum(not repair(_traditional()(field)).steps for field in drawn)
    print(f"left alone, as they are               {kept} of {len(drawn)}, Traditional {kept_traditional}")
    text = "\n".join(field for field in drawn if not repair(field).steps)
    repair(text)
    begun = time.perf_counter()
    for _ in range(20):
        repair(text)
    seconds = (time.perf_counter() - begun) / 20
    print(f"gate on clean Chinese                 {len(text.encode()) / seconds / 1e6:.0f} MB/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
