"""What proves which case: functions that give a verdict for each, and tests and benches that prove some already."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from copy import copy
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.bench.faults.crawls import Verdict
from tests.home import ROOT, Home
from tests.replica import Replica

Verdicts = dict[str, Verdict]


class Case(NamedTuple):
    """One case of the table."""

    id: str
    group: str
    what: str
    expected: str


def cases() -> dict[str, Case]:
    """Read the table of cases."""
    lines = (Path(__file__).parent / "cases.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return {case.id: case for case in (Case(*line.split("\t")) for line in lines)}


class Bench:
    """Where proofs work, and what chance they have."""

    def __init__(self, folder: Path, seed: int, *, quick: bool = False) -> None:
        self.folder = folder
        self.seed = seed
        self.quick = quick
        """Whether only what takes a moment is wanted."""
        self.chance = random.Random(seed)
        self._crawled: list[Home] = []
        self._lock = threading.Lock()

    def alike(self, name: str) -> Bench:
        """Give a bench that shares all but chance: what a proof draws does not hang on which others run."""
        other = copy(self)
        other.chance = random.Random(f"{self.seed} {name}")
        return other

    def home(self) -> Home:
        """Make an archive of its own."""
        return Home(Path(tempfile.mkdtemp(dir=self.folder)))

    @property
    def crawled(self) -> Home:
        """Give an archive of one night of a small replica, made once; who changes it works on a copy."""
        with self._lock:
            if not self._crawled:
                home = self.home()
                with Replica(seed=5, stories=40) as replica:
                    home.through(replica).crawl("nightly")
                self._crawled.append(home)
        return self._crawled[0]

    def copy(self) -> Home:
        """Copy that archive with its captures."""
        home = self.home()
        for end in ("", ".sums"):
            source = Path(f"{self.crawled.archive}{end}")
            if source.exists():
                Path(f"{home.archive}{end}").write_bytes(source.read_bytes())
        home.captures.mkdir()
        for file in self.crawled.captures.iterdir():
            (home.captures / file.name).write_bytes(file.read_bytes())
        return home


Proof = Callable[[Bench, frozenset[str]], Verdicts]
PROOFS: list[tuple[frozenset[str], Proof]] = []
"""What can be proved by which function; those that come first are run first."""


def proves(*ids: str) -> Callable[[Proof], Proof]:
    """Enter a function as the proof of cases; it is called with those of them that are wanted."""

    def enter(proof: Proof) -> Proof:
        PROOFS.append((frozenset(ids), proof))
        return proof

    return enter


def attempt(bench: Bench, proof: Proof, asked: frozenset[str]) -> Verdicts:
    """Run one proof; one that fails proves nothing, and the others go on."""
    try:
        return proof(bench.alike(proof.__name__), asked)
    except Exception as error:
        said = f"the proof itself failed: {type(error).__name__}: {error}"[:300]
        return dict.fromkeys(asked, Verdict(False, " ".join(said.split())))


def prove(
    bench: Bench, wanted: Collection[str], tell: Callable[[str, Verdict], None], beside: int = 1
) -> Verdicts:
    """Prove the wanted cases, so many proofs `beside` each other, and tell each verdict when it is whole.

    What has no proof is skipped.
    """
    found: Verdicts = {}
    chosen = [(ids & set(wanted), proof) for ids, proof in PROOFS if ids & set(wanted)]
    left = Counter(case for asked, _ in chosen for case in asked)
    with ThreadPoolExecutor(beside) as pool:
        runs = {pool.submit(attempt, bench, proof, asked): asked for asked, proof in chosen}
        for run in as_completed(runs):
            asked, verdicts = runs[run], run.result()
            collect(found, left, asked, verdicts, tell)
    for case in wanted:
        if case not in found:
            found[case] = Verdict(None, "not built")
            tell(case, found[case])
    return {case: found[case] for case in wanted}


def collect(
    found: Verdicts,
    left: Counter[str],
    asked: Collection[str],
    verdicts: Verdicts,
    tell: Callable[[str, Verdict], None],
) -> None:
    """Enter the verdicts of one proof: of several on a case the first that does not hold counts."""
    for case in sorted(asked):
        verdict = verdicts.get(case, Verdict(False, "the proof gave no verdict"))
        before = found.get(case)
        if before is None or (before.survived and verdict.survived is not True):
            found[case] = verdict
        left[case] -= 1
        if not left[case]:
            tell(case, found[case])


def all_of(parts: Iterable[tuple[str, Verdict]]) -> Verdict:
    """Put the verdicts on the variants of a case together: it is survived where each one is."""
    parts = list(parts)
    wrong = [f"{name}: {verdict.seen}".strip(": ") for name, verdict in parts if verdict.survived is False]
    if wrong:
        return Verdict(False, "; ".join(wrong))
    if not parts or any(verdict.survived is None for _, verdict in parts):
        return next((v for _, v in parts if v.survived is None), Verdict(None, "not built"))
    said = dict.fromkeys(verdict.seen for _, verdict in parts)
    return Verdict(True, next(iter(said)) if len(said) == 1 else f"{len(parts)} forms: {next(iter(said))} …")


def by_tests(nodes: dict[str, list[str]], wanted: Collection[str], seconds: float = 400) -> Verdicts:
    """Prove cases by tests that are there already: each case by those whose names it lists."""
    asked = sorted({node for case in wanted for node in nodes[case]})
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *asked],
            cwd=ROOT, env=env, capture_output=True, timeout=seconds, check=False,
        )  # fmt: skip
        ran: dict[str, list[tuple[str, str]]] = {}
        for test in ElementTree.parse(report).iter("testcase"):
            name = (test.get("name") or "").partition("[")[0]
            children = [child.tag for child in test]
            state = next((tag for tag in children if tag in ("failure", "error", "skipped")), "passed")
            why = next((child.get("message") or "" for child in test), "")
            ran.setdefault(name, []).append((state, why))
    return {case: _judge_tests(nodes[case], ran) for case in wanted}


def _judge_tests(nodes: list[str], ran: dict[str, list[tuple[str, str]]]) -> Verdict:
    parts = []
    for node in nodes:
        name = node.rpartition("::")[2].partition("[")[0]
        for state, why in ran.get(name, [("missing", "no such test")]):
            line = why.strip().splitlines()[0] if why.strip() else ""
            seen = f"test {name.removeprefix('test_').replace('_', ' ')}"
            survived = {"passed": True, "skipped": None}.get(state, False)
            parts.append(("", Verdict(survived, seen if survived else f"{seen}: {state} {line}"[:300])))
    return all_of(parts)
