"""Mark the changes of hijacked pages in place: how much dearer than reading them, and whether the two readings come out.

    python -m tests.bench.marks [--seeds 1,2,3]

The stories are the replica's, its copying machine made copies of them. `exact`: the marked text is the article to the letter,
and without its repairs, white space aside, what the captured page says, line after line. The floor is `read_page`.
"""

from __future__ import annotations

import argparse
import sys
import time

from crawler.browsing.marked import show
from crawler.rereading import Part, Reread
from crawler.text import read_page
from crawler.text.marks import Marked, compose, mark_page, solid, unescape, unread
from tests.replica import Replica
from tests.replica.mirror import copy

URL = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/1.html"
SIZES = ((1, 40), (4, 20), (16, 6))
"""How many stories a page holds, and how many such pages are marked."""


def page(texts: list[str]) -> bytes:
    """Make a page of some stories, and hijack it."""
    lines = "".join(f"<p>　　{line}</p>" for text in texts for line in text.split("\n"))
    html = (
        "<html><head><title>社会新闻</title></head><body><h1>社会新闻发布</h1>"
        f"<div>时间：2024-01-18 09:54:49 来源：连云港日报</div><div id=zoom>{lines}</div></body></html>"
    )
    return copy(html).encode()


def is_exact(found: Marked, body: bytes) -> bool:
    """Tell whether both readings come out of the marks."""
    source = solid(unescape(body.decode()))
    at = 0
    for passage in found.passages:
        line = solid(unescape(unread(passage)))
        at = source.find(line, at) + len(line)
        if at < len(line):
            return False
    return found.problem is None and found.text == found.extracted.text


def main() -> int:
    """Print what marking costs and how much of it is exact; 1 where any page is not."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="1")
    seeds = [int(word) for word in parser.parse_args().seeds.split(",")]
    stories = [
        story.text
        for seed in seeds
        for story in Replica(seed=seed, stories=200).truth
        if len(story.text) > 300
    ]
    mark_page(page(stories[:1]), URL, "text/html; charset=utf-8")  # the tables are read once
    print("stories   pages   changes/page   exact   read   mark   paint   mark:read")
    inexact = 0
    for size, wanted in SIZES:
        groups = [stories[at : at + size] for at in range(0, len(stories) - size, size)][:wanted]
        spent = [0.0, 0.0, 0.0]
        changes = exact = 0
        for group in groups:
            body = page(group)
            began = time.perf_counter()
            read_page(body, URL, "text/html; charset=utf-8")
            read = time.perf_counter()
            found = mark_page(body, URL, "text/html; charset=utf-8")
            marked = time.perf_counter()
            show(Reread((Part(None, URL, found),)))
            painted = time.perf_counter()
            spent = [
                a + b for a, b in zip(spent, (read - began, marked - read, painted - marked), strict=True)
            ]
            changes += len(compose(found.steps))
            exact += is_exact(found, body)
        inexact += len(groups) - exact
        per = [1000 * each / len(groups) for each in spent]
        print(
            f"{size:7} {len(groups):7} {changes / len(groups):14.0f} {exact:4}/{len(groups):<3}"
            f" {per[0]:4.0f}ms {per[1]:4.0f}ms {per[2]:5.0f}ms {per[1] / per[0]:10.1f}x"
        )
    return 1 if inexact else 0


if __name__ == "__main__":
    sys.exit(main())
