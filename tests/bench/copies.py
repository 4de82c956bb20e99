"""Make tampered copies of real texts and measure how many come back.

    python tests/bench/copies.py [PAGES] [--documents 300] [--hard]

PAGES is a folder of text files (default: the shared gold texts). Each copy has its own set of annotated
characters, its own order of replacements and one of two tables of Traditional forms. Printed: documents
exact, exact where no ASCII sign was swallowed, wrong characters, documents that are wrong without a mark,
wrong `proven` places.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
import time
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path
from typing import NamedTuple

from crawler.text import mirror, seams
from crawler.text.tampering import Repaired, repair, revert

SHARED = Path(os.environ.get("SHARED_DIR", Path(__file__).parents[3] / "shared"))

KEPT = frozenset(
    "云里后面只干系制筑吃群说并愿范余游占杰几台复升钟松谷丑斗板表别冲出当丁冬范丰干合回伙借克困累"
    "漓梁霉弥蔑辟苹凭仆朴曲确舍胜术苏坛涂团纤咸向凶须淤欲御郁岳扎占折征致制准"
)
"""Simplified characters that older tables of Traditional forms leave alone."""


class Copy(NamedTuple):
    """A tampered copy and what it was made of."""

    captured: str
    original: str
    swallowed: bool
    """Whether an ASCII sign was swallowed: then nobody can know it all."""


@cache
def forms(old: bool) -> dict[str, str]:
    """Give a table Simplified -> Traditional, one by one."""
    import opencc

    convert = opencc.OpenCC("s2t").convert
    table = {}
    for char in seams.readings():
        if old and char in KEPT:
            continue
        traditional = convert(char)
        if traditional != char and len(traditional) == 1 and len(mirror.codes().get(traditional, b"")) == 2:
            table[char] = traditional
    return table | {"着": "著", "臺": "臺"}


def tamper(text: str, draw: random.Random, *, hard: bool = False, share: float | None = None) -> Copy:
    """Make one copy of a text in Simplified characters."""
    table = forms(draw.random() < 0.5)
    original = mirror.read(mirror.encode(text))
    body = "".join(table.get(char, char) for char in original)
    changed = sorted({t for s, t in zip(original, body, strict=True) if s != t})
    pool = sorted(set(table.values()), key=lambda c: (_rank(c), c))[:1500]
    if hard:
        chosen = draw.sample(pool, 600)
    else:
        share = draw.uniform(0.1, 0.9) if share is None else share
        chosen = draw.sample(changed, round(len(changed) * share)) + draw.sample(pool, 60)
    chosen = list(dict.fromkeys(chosen))
    draw.shuffle(chosen)
    notes = [(char, seams.readings()[char][0]) for char in chosen]
    tampered = mirror.annotate(mirror.encode(body), notes)
    captured = mirror.read(tampered)
    kept = mirror.read(tampered, "\x00", swallow=False)
    swallowed = bool(re.search("\x00[\x00-\x7f]", kept.replace("\x00(", "")))
    return Copy(captured, original, swallowed)


def _rank(char: str) -> float:
    from crawler.text import bigrams

    return bigrams.alone(seams.simplified().get(char, char)[0])


def texts(folder: Path) -> Iterator[str]:
    """Give the texts of a folder, without those that hold hardly any Chinese."""
    for path in sorted(folder.glob("*.txt")):
        text = path.read_text(encoding="utf-8", errors="replace").replace("\ufffd", "").lstrip("\ufeff")
        if len(re.findall("[\u4e00-\u9fff]", text)) >= 200:
            yield text


def wrong_proven(copy: Copy, found: Repaired) -> int:
    """Count places that were called proven although the original says something else."""
    wrong = 0
    if found.text == copy.original:
        return 0
    target = copy.original
    for step in found.steps:
        if step.fixer != "broken-pair" or step.certainty != "proven":
            continue
        for edit in step.edits:
            plain = "".join(seams.simplified().get(c, c)[0] for c in edit.after)
            other = "".join(
                c if c != "著" else "着" for c in "".join(seams.simplified().get(c, c)[0] for c in target)
            )
            wrong += plain.replace("著", "着") not in other
    return wrong


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="?", type=Path, default=SHARED / "pages" / "cleaned")
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--hard", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=0)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    sources = list(texts(arguments.pages))
    if not sources:
        sys.exit(f"no texts in {arguments.pages}")
    exact = clean = clean_exact = unmarked = wrong = characters = proven = seamed = 0
    seconds = 0.0
    for number in range(arguments.documents):
        copy = tamper(sources[number % len(sources)], draw, hard=arguments.hard)
        begun = time.perf_counter()
        found = repair(copy.captured)
        seconds += time.perf_counter() - begun
        assert revert(found.text, found.steps) == copy.captured
        right = found.text == copy.original
        exact += right
        clean += not copy.swallowed
        clean_exact += right and not copy.swallowed
        seamed += any(step.fixer == "broken-pair" for step in found.steps)
        characters += len(copy.original)
        if not right:
            proven += wrong_proven(copy, found)
            bad = []
            for tag, a, b, c, d in SequenceMatcher(
                None, copy.original, found.text, autojunk=False
            ).get_opcodes():
                if tag != "equal":
                    bad.append((copy.original[max(0, a - 6) : b + 4], found.text[max(0, c - 6) : d + 4]))
                    if "\ufffd" not in found.text[c:d]:
                        wrong += max(b - a, d - c)
            unmarked += bool(bad) and not any(
                step.certainty != "proven" for step in found.steps if step.fixer == "broken-pair"
            )
            if number < arguments.show or arguments.show < 0:
                print(
                    number,
                    len(copy.captured),
                    [(s.fixer, s.certainty, len(s.edits)) for s in found.steps],
                    bad[:6],
                )
    print(f"documents                       {arguments.documents} ({seamed} with broken characters)")
    print(f"exact                           {exact} ({exact / arguments.documents:.1%})")
    print(f"exact where nothing swallowed   {clean_exact} of {clean} ({clean_exact / max(clean, 1):.1%})")
    print(f"wrong characters, not marked    {wrong} ({wrong / characters * 10000:.2f} in 10,000)")
    print(f"wrong documents without a mark  {unmarked}")
    print(f"wrong proven places             {proven}")
    print(f"seconds a document              {seconds / arguments.documents:.3f}")


if __name__ == "__main__":
    main()
