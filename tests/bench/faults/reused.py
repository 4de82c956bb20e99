"""Proofs that are there already: tests that show a case, and the benches of kills and flipped bits."""

from __future__ import annotations

import subprocess
import sys

from tests.bench.faults.crawls import Verdict
from tests.bench.faults.proofs import Bench, Verdicts, by_tests, proves
from tests.home import ROOT

TESTS = {
    "B097": [
        "tests/test_gates.py::test_whatever_a_page_does_in_the_browser_it_reaches_no_host_but_those_of_the_spider"
    ],
    "B098": [
        "tests/test_gates.py::test_whatever_a_page_does_in_the_browser_it_reaches_no_host_but_those_of_the_spider",
        "tests/test_gates.py::test_the_gateway_refuses_what_no_spider_may_ask",
    ],
    "B100": ["tests/test_gates.py::test_a_page_that_hangs_the_browser_is_closed_and_the_run_goes_on"],
    "F01": ["tests/test_nightly.py::test_a_signal_ends_the_night_in_good_order"],
    "F09": ["tests/test_crawl.py::test_a_second_run_waits_for_the_lock_and_ends_with_75"],
    "F12": ["tests/test_gates.py::test_a_run_that_is_ended_while_its_browser_hangs_leaves_no_process_behind"],
    "F14": ["tests/test_archive.py::test_what_was_committed_survives_kill_9"],
    "F18": ["tests/test_archive.py::test_the_shape_is_whole_or_absent"],
    "F36": [
        "tests/test_for_good.py::test_a_backup_made_while_a_crawl_runs_is_whole_and_is_taken_up_after_a_restore"
    ],
    "F37": ["tests/test_archive.py::test_a_backup_is_made_while_writing_goes_on"],
    "F41": ["tests/test_browse.py::test_a_reader_sees_a_whole_run_or_nothing_of_it_and_is_never_blocked"],
    "F43": ["tests/test_for_good.py::test_a_backup_is_restored_and_what_was_there_is_kept"],
    "F52": ["tests/test_crawl.py::test_a_place_that_cannot_be_written_is_told_before_anything_is_asked"],
    "F54": ["tests/test_nightly.py::test_a_night_ends_in_good_order_when_its_time_is_up"],
    "F57": ["tests/test_nightly.py::test_hostile_log_lines_stay_lines_and_files_are_rotated"],
}
"""The tests that show a case, by case."""

SAME = {"F34": "F36", "F35": "F36", "F33": "F09"}
"""Cases that the project has no way into, and what shows the way that it takes instead."""
for _case, _as in SAME.items():
    TESTS[_case] = TESTS[_as]


@proves(*TESTS)
def prove_by_tests(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Run the tests that show the wanted cases."""
    return by_tests(TESTS, wanted)


def bench_says(seconds: float, *words: str) -> Verdict:
    """Run another bench to its end; its last line is what was seen."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Verdict(False, f"{words[0]} did not end in {seconds:g} s")
    lines = (done.stdout + done.stderr).strip().splitlines() or ["nothing"]
    return Verdict(done.returncode == 0, " ".join(lines[-1].split()))


@proves("F05", "F06", "F15")
def prove_kills(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Kill nightly crawls at random moments and compare the archives with the undisturbed one's."""
    verdict = bench_says(
        600, "tests.bench.kills", "--trials", "2", "--stories", "40", "--seed", str(bench.seed)
    )
    return dict.fromkeys(wanted, verdict)


@proves("F25")
def prove_bits(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Flip single bits and see whether a check names each."""
    words = ("--flips", "8", "--stories", "40", "--places", "halves", "--seed", str(bench.seed))
    return {"F25": bench_says(300, "tests.bench.bits", *words)}
