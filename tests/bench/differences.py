"""Compare two versions of a text: how long it takes and how it reads, against difflib on the same characters.

    python -m tests.bench.differences [--rounds 3]

The stories are the replica's. `changes` is how many stretches a reader is shown, `short` how many of what stays between
two changes is a single character: confetti. `difflib` is the standard library's SequenceMatcher without its heuristic
for frequent elements, which would make it miss most of a Chinese text; what takes it longer than the limit is left out.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Callable
from difflib import SequenceMatcher
from typing import NamedTuple

from crawler.text.differences import Segment, apply, differ, revert
from tests.replica import Replica

PEER_LIMIT = 12_000
"""Characters of both texts up to which difflib ends in seconds."""


class Case(NamedTuple):
    """Two texts to compare."""

    name: str
    before: str
    after: str


def peer(before: str, after: str) -> list[Segment]:
    """Compare with difflib, character by character."""
    kinds = {"equal": "equal", "insert": "insert", "delete": "delete", "replace": "replace"}
    found = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    return [Segment(kinds[tag], before[a:b], after[c:d]) for tag, a, b, c, d in found]


def cases(seed: int = 1) -> list[Case]:
    """Make pairs of texts: edited, rewritten, reprinted, unrelated, and made to be slow."""
    draw = random.Random(seed)
    stories = [story for story in Replica(seed=seed).truth if len(story.text) > 600]
    by_url = {story.url: story for story in stories}
    reprint = next(story for story in stories if story.duplicate_of in by_url)
    edited = next(story for story in stories if story.changes.get(2) == "corrected")
    long = "\n".join(story.text for story in stories)[:66_000]
    letters = "".join(sorted(set(long)))

    def exchanged(text: str, share: float) -> str:
        return "".join(draw.choice(letters) if draw.random() < share else char for char in text)

    return [
        Case("corrected story", edited.text, edited.later_text or ""),
        Case("reprint", by_url[reprint.duplicate_of or ""].text, reprint.text),
        Case("two other stories", stories[0].text, stories[1].text),
        Case("66,000 characters, 1 % other", long, exchanged(long, 0.01)),
        Case("66,000 characters, 10 % other", long, exchanged(long, 0.1)),
        Case("66,000 characters, all other", long, exchanged(long, 1.0)),
        Case("200,000 of two letters", *("".join(draw.choices("的一", k=200_000)) for _ in range(2))),
        Case("100,000 lines", "\n" * 100_000, "甲\n" * 100_000),
    ]


def timed(compare: Callable[[str, str], object], case: Case, rounds: int) -> float:
    """Give the seconds of the quickest round."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        compare(case.before, case.after)
        best = min(best, time.perf_counter() - started)
    return best


def confetti(segments: list[Segment]) -> tuple[int, int]:
    """Count the changes, and the single characters that stay between two of them."""
    inner = segments[1:-1]
    return sum(each.kind != "equal" for each in segments), sum(
        each.kind == "equal" and len(each.before) == 1 for each in inner
    )


def main() -> int:
    """Print a line for each case; 1 where a comparison does not give the texts back."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print(f"{'':32} {'ms':>8} {'changes':>8} {'short':>6}   {'difflib':>9} {'changes':>8} {'short':>6}")
    wrong = 0
    for case in cases():
        found = list(differ(case.before, case.after))
        wrong |= (revert(found), apply(found)) != (case.before, case.after)
        own = timed(differ, case, rounds)
        told = f"{case.name:32} {own * 1000:8.1f} {confetti(found)[0]:8} {confetti(found)[1]:6}"
        if len(case.before) + len(case.after) <= PEER_LIMIT:
            other = peer(case.before, case.after)
            ratio = timed(peer, case, rounds) / own
            told += f"   {ratio:7.1f} × {confetti(other)[0]:8} {confetti(other)[1]:6}"
        print(told)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
