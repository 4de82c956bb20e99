"""The quick ones of the bad inputs and faults, through the case table of the bench, in as few crawls as possible."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crawler import guards
from crawler.captures import Capture, lacks_end
from crawler.guards import TooSlow, bounded
from crawler.settings import ITEM_PIPELINES
from crawler.text.trees import parse
from tests.bench.faults import browsers, clocks, mix, portals, processes, reused, serving, storage  # noqa: F401  # they enter their proofs
from tests.bench.faults.inputs import all_bad
from tests.bench.faults.portals import (
    ROBOTS,
    crawl_portal,
    prove_articles,
    prove_lists,
    prove_redirects,
    prove_robots,
)
from tests.bench.faults.proofs import PROOFS, Bench, cases
from tests.home import ROOT, Home
from tests.replica import Replica
from tests.test_crawl import contents

CAPTURE = Capture("http://a.cn/1.html", "2026-01-01T00:00:00+08:00", 200, None, "sha256:0", "a.warc.gz", 7, 1)

QUICK = frozenset(bad.case for bad in all_bad() if not bad.alone) - {"B030", "B031", "B032"}
"""The cases of articles that need neither a crawl of their own nor a time-out."""


def not_survived(verdicts: dict[str, tuple[bool | None, str]]) -> dict[str, str]:
    return {case: seen for case, (survived, seen) in verdicts.items() if survived is not True}


def test_every_case_of_the_table_has_a_proof() -> None:
    proved = {case for ids, _ in PROOFS for case in ids}
    assert sorted(set(cases()) ^ proved) == []


def test_no_bad_page_ends_a_run_is_lost_or_goes_unnamed(tmp_path: Path) -> None:
    assert not_survived(prove_articles(Bench(tmp_path, 1, quick=True), QUICK | {"B085", "B095"})) == {}


def test_no_redirect_leads_to_where_nobody_may_go(tmp_path: Path) -> None:
    wanted = frozenset(("B033", "B034", "B035", "B038", "B039", "B044"))
    assert not_survived(prove_redirects(Bench(tmp_path, 1), wanted)) == {}


def test_lines_that_lead_nowhere_are_passed_over(tmp_path: Path) -> None:
    wanted = frozenset(("B040", "B041", "B042", "B043", "B072", "B074", "B087"))
    assert not_survived(prove_lists(Bench(tmp_path, 1), wanted)) == {}


def test_robots_that_cannot_be_read_are_a_no(tmp_path: Path) -> None:
    assert not_survived(prove_robots(Bench(tmp_path, 1), frozenset(ROBOTS) - {"B047"})) == {}


def test_a_nearly_full_disk_is_said_and_ends_the_run_before_it_is_full(tmp_path: Path) -> None:
    home, done, _ = crawl_portal(Bench(tmp_path, 1), {}, {}, "-s", "DISK_LOW_MB=100000000")
    alarms = [
        (alarm["rule"], alarm["what"].partition(" MB free")[2].partition(", wanted")[2])
        for alarm in json.loads(home.ask("SELECT alarms FROM runs")[0][0])
    ]
    assert (done.code, alarms) == (0, [("disk nearly full", " 100000000 MB (DISK_LOW_MB)")])
    _, done, server = crawl_portal(Bench(tmp_path, 1), {}, {}, "-s", "DISK_FLOOR_MB=100000000")
    assert (done.code, list(server.asked)) == (6, [])
    assert "scrapy: disk nearly full: found " in done.log


def test_a_stage_that_does_not_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "STAGE_SECONDS", 0.2)
    hostile = re.compile(r"(\w+\s?)*$")
    said = r"too-slow: found no end after 0\.2 seconds, wanted one, in a test"
    with bounded("in a test"):
        found = 1 + 1
    with pytest.raises(TooSlow, match=said), bounded("in a test"):
        hostile.match("a" * 60 + "!")
    assert found == 2


def test_a_capture_over_which_two_processes_died_is_read_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hang = (
        "import sys, pathlib; from collections import deque; from itertools import repeat; from crawler import guards;"
        "from tests.test_faults import CAPTURE; guards.STAGE_SECONDS, guards.LAST_SECONDS = 0.2, 0.5;"
        "guards.WATCH.open(pathlib.Path(sys.argv[1]));\n"
        "with guards.bounded('in a test', CAPTURE): deque(repeat(1), maxlen=0)"
    )
    watch, captures = guards.Watch(), tmp_path / "warc"
    monkeypatch.setattr(guards, "WATCH", watch)
    died = []
    for deaths in range(2):
        watch.open(captures)
        with bounded("in a test", CAPTURE):  # what only took its time is no death
            pass
        watch.close()
        assert sum(watch.deaths.values()) == deaths
        done = subprocess.run(
            [sys.executable, "-c", hang, captures], cwd=ROOT, capture_output=True, timeout=60, check=False
        )
        died.append((done.returncode, b"Stack (most recent call first)" in done.stderr))
    watch.open(captures)
    said = "too-slow: 2 processes ended over it, wanted one that reads it, in a test"
    with pytest.raises(TooSlow, match=said), bounded("in a test", CAPTURE):
        pass
    with bounded("in a test", CAPTURE._replace(digest="sha256:1")):
        pass
    watch.close()
    assert (died, [path.name for path in tmp_path.iterdir()]) == (
        [(-signal.SIGPROF, True)] * 2,
        ["warc.deadly"],
    )


def test_attributes_without_end_are_cut_and_the_page_is_read() -> None:
    flood = " ".join(f"a{number}='>'" for number in range(30_000))
    tree = parse(f"<html><body><div {flood} id=last><p class=x>字</p></div></body></html>")
    (block,) = tree.root.iter("div")
    assert (len(block.attrib), block.findtext("p")) == (500, "字")


@pytest.mark.parametrize(
    ("body", "lacks"),
    [
        (b"<html><p>1", True),
        (b"<!doctype html><HTML><p>1</HTML >\n", False),
        ("纯文本".encode(), False),
        (b"", False),
    ],
)
def test_a_page_that_does_not_say_that_it_ends_is_flagged(body: bytes, lacks: bool) -> None:
    assert lacks_end(body) is lacks


def test_a_rebuild_that_is_told_to_end_is_not_put_in_place(home: Home) -> None:
    with Replica(seed=3, stories=30) as replica:
        for source in ("lyg_minzheng", "lyg_epaper"):
            home.through(replica).crawl("crawl", source)
    before = contents(home.archive)
    ending = {**ITEM_PIPELINES, "tests.bench.faults.sources.EndingPipeline": 50}
    done = home.scrapy("rebuild", "--yes", "-s", f"ITEM_PIPELINES={json.dumps(ending)}")
    assert (done.returncode, contents(home.archive)) == (4, before)
    assert done.stderr.decode().splitlines()[-1].endswith("archive.db is as it was")
