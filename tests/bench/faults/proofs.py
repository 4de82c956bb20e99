"""What proves which case: functions that give a verdict for each, and tests and benches that prove some already."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterable
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
        self._crawled: Home | None = None

    def home(self) -> Home:
        """Make an archive of its own."""
        return Home(Path(tempfile.mkdtemp(dir=self.folder)))

    @property
    def crawled(self) -> Home:
        """Give an archive of one night of a small replica, made once; who changes it works on a copy."""
        if self._crawled is None:
            self._crawled = self.home()
            with Replica(seed=5, stories=40) as replica:
                self._crawled.through(replica).crawl("nightly")
        return self._crawled

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


def prove(bench: Bench, wanted: Collection[str], tell: Callable[[str, Verdict], None]) -> Verdicts:
    """Prove the wanted cases, and tell each verdict when it is whole; what has no proof is skipped."""
    found: Verdicts = {}
    left = Counter(case for ids, _ in PROOFS for case in ids)
    for ids, proof in PROOFS:
        asked = ids & set(wanted)
        if not asked:
            continue
        try:
            verdicts = proof(bench, asked)
        except Exception as error:  # a proof that fails proves nothing, and the others go on
            said = f"the proof itself failed: {type(error).__name__}: {error}"[:300]
            verdicts = dict.fromkeys(asked, Verdict(False, " ".join(said.split())))
        for case in sorted(asked):
            verdict = verdicts.get(case, Verdict(False, "the proof gave no verdict"))
            before = found.get(case)
            if before is None or (before.survived and verdict.survived is not True):
                found[case] = verdict  # of several proofs the first that does not hold counts
            left[case] -= 1
            if not left[case]:
                tell(case, found[case])
    for case in wanted:
        if case not in found:
            found[case] = Verdict(None, "not built")
            tell(case, found[case])
    return {case: found[case] for case in wanted}


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
