"""Change pages, lists, questions and files at random, and look for what raises, breaks a law or takes too long.

    python -m tests.bench.fuzz [--minutes 10] [--only decode,repair] [--seed 7] [--keep FOLDER]

Each target (`targets.TARGETS`) runs in a process of its own over real-shaped seeds and changes of them
(`mutations.change`): up to 256 KB, one in fifty up to 2 MB. Where atheris is installed (`pip install --group bench`), it
chooses by coverage what is changed further; without it chance does. A process that does not answer for `SILENT` seconds
is ended and its input is named.

*Slow* is told afterwards, by a process without coverage: the slowest inputs are timed anew (processor time, the best
of three) and divided by the median seed, each per byte. An input counts as at least as long as the median seed, so that
what one call costs whatever it is given is not held against a short one: ten bytes may take a hundred times as long as a
page, not as ten bytes of a page. Two ratios are given: against the target's own median, and, for what is a stage of
reading a page, against the median of a page read whole. The second has the bar, `BAR`, where there is one: a clean page
is decoded in C and passes the gate of the repair, so that any damage costs hundreds of times as much there and nearly
nothing of a page.

Exit code 1 where anything raised, broke a law, was slower than the bar or did not end; such inputs are in FOLDER.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import mmap
import os
import re
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

try:
    import atheris
except ImportError:
    atheris = None

USUAL, MOST = 256 * 1024, 2 * 2**20
"""Bytes of an input: all but a few have `USUAL` at the most."""
SECONDS = 20
"""How much processor time an input may take under coverage before it is broken off and counts as one without end."""
SILENT = 300.0
"""After so many seconds a process is ended that does not even notice that."""
SLOWEST = 12
"""So many of the slowest inputs are timed anew."""
BAR = 100.0
"""How much slower than the median seed an input may be, per byte."""
KINDS = 40
"""So many kinds of failure of one target are kept."""


class Endless(BaseException):
    """An input took longer than `SECONDS`."""


class Cost(NamedTuple):
    """What targets cost: seconds per byte, and a length below which nothing is divided further."""

    median: float
    floor: float

    def ratio(self, seconds: float, size: int) -> float:
        return seconds / max(size, self.floor) / self.median


# --- one target, in a process of its own ---


class Bench:
    """One target: takes inputs, times them, keeps what fails and what is slow."""

    def __init__(self, name: str, keep: Path, tray: mmap.mmap | None) -> None:
        from tests.bench.fuzz.targets import TARGETS

        self.name, self.keep, self.tray = name, keep, tray
        self.target = TARGETS[name]
        self.seeds = [body[:USUAL] for body in self.target.seeds() if body]
        self.failures: dict[str, dict[str, Any]] = {}
        self.slow: list[tuple[float, str]] = []
        self.inputs = 0
        self.cost: Cost | None = None
        for body in self.seeds[:20]:  # tables are read once
            self.take(body)
        self.cost = self.weigh(1)

    def size(self, body: bytes) -> int:
        return self.target.weigh(self.target.prepare(body)) if self.target.weigh else len(body)

    def weigh(self, rounds: int) -> Cost:
        """Give the median seconds per byte of the seeds that are no fragments, and their median length."""
        whole = [(self.size(body), body) for body in self.seeds]
        floor = statistics.median(size for size, _ in whole)
        times = [min(self.take(body) for _ in range(rounds)) / size for size, body in whole if size >= floor]
        return Cost(statistics.median(times), floor)

    def take(self, body: bytes) -> float:
        """Give an input to the target; gives the seconds of processor time that it took."""
        self.inputs += 1
        if self.tray is not None:
            self.tray[:16] = struct.pack("<QQ", self.inputs, len(body))
            self.tray[16 : 16 + len(body)] = body
        begun = time.thread_time()
        try:
            given = self.target.prepare(body)
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            begun = time.thread_time()
            found = self.target.call(given)
            spent = time.thread_time() - begun
            signal.setitimer(signal.ITIMER_PROF, 0)
            self.target.check(given, found)
        except (Exception, Endless) as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            spent = time.thread_time() - begun
            self.fail(error, body)
        self.rank(spent, body)
        return spent

    def fail(self, error: BaseException, body: bytes) -> None:
        trail = traceback.extract_tb(error.__traceback__)
        own = next(
            (each for each in reversed(trail) if f"{os.sep}crawler{os.sep}" in each.filename), trail[-1]
        )
        where = f"{Path(own.filename).name}:{own.lineno} {own.name}"
        kind = (
            f"{type(error).__name__} in {where}" if not isinstance(error, Endless) else f"no end in {where}"
        )
        if kind in self.failures:
            self.failures[kind]["count"] += 1
            with suppress(FileNotFoundError):
                kept = Path(self.failures[kind]["file"])
                if len(body) < kept.stat().st_size:
                    kept.write_bytes(body)
        elif len(self.failures) < KINDS:
            file = self.put("failed", body)
            self.failures[kind] = {"count": 1, "said": f"{error}"[:200], "file": str(file)}

    def rank(self, spent: float, body: bytes) -> None:
        if self.cost is None:
            return
        ratio = self.cost.ratio(spent, len(body))
        if len(self.slow) == SLOWEST and ratio <= self.slow[-1][0]:
            return
        if self.target.weigh:
            ratio = self.cost.ratio(spent, self.size(body))
        self.slow.append((ratio, str(self.put("slow", body))))
        self.slow.sort(reverse=True)
        for _, file in self.slow[SLOWEST:]:
            Path(file).unlink(missing_ok=True)
        del self.slow[SLOWEST:]

    def put(self, what: str, body: bytes) -> Path:
        file = self.keep / f"{self.name}-{what}-{hashlib.sha256(body).hexdigest()[:12]}"
        file.write_bytes(body)
        return file

    def outcome(self) -> dict[str, Any]:
        return {"inputs": self.inputs, "failures": self.failures, "slow": self.slow}


def endless(number: int, frame: object) -> None:
    raise Endless(f"no end after {SECONDS} s")


def run(name: str, seconds: float, seed: int, keep: Path, tray: mmap.mmap, report: Path) -> None:
    """Fuzz one target until its time is over, and write down what was found."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, endless)
    if atheris is not None:
        with atheris.instrument_imports(include=["crawler"], enable_loader_override=False):
            import_module("tests.bench.fuzz.targets")
    from tests.bench.fuzz.mutations import change

    bench = Bench(name, keep, tray)
    ends = time.monotonic() + seconds
    told = time.monotonic()

    def one(body: bytes) -> None:
        nonlocal told
        if body:
            bench.take(body)
        now = time.monotonic()
        if now > told + 2 or now > ends:
            told = now
            report.write_text(json.dumps(bench.outcome()))
        if now > ends:
            sys.stderr.flush()
            os._exit(0)  # libFuzzer knows no other way out

    def mutate(body: bytes, most: int, number: int) -> bytes:
        rng = Random(number)
        return change(rng, body, bench.seeds, MOST if rng.random() < 0.02 else USUAL)[:most]

    if atheris is None:
        rng = Random(seed)
        while True:
            one(mutate(rng.choice(bench.seeds), MOST, rng.getrandbits(32)))
    corpus = keep / f"{name}-corpus"
    corpus.mkdir(exist_ok=True)
    for body in bench.seeds:
        (corpus / hashlib.sha256(body).hexdigest()[:16]).write_bytes(body)
    options = [
        f"-max_len={MOST}",
        f"-seed={seed}",
        "-timeout=86400",  # 0 would be no second at all; the watchdog is our own
        "-rss_limit_mb=0",
        "-len_control=0",
        "-detect_leaks=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one, custom_mutator=mutate)
    atheris.Fuzz()


def measure(name: str, files: Sequence[str]) -> dict[str, Any]:
    """Time the seeds of a target and some inputs of it, the best of three each, without coverage."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGPROF, endless)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(name, Path(folder), None)
        cost = bench.weigh(3)
        held = cost
        if bench.target.unit:
            held = Bench(bench.target.unit, Path(folder), None).weigh(3)
        found = []
        for file in files:
            body = Path(file).read_bytes()
            spent = bench.take(body)
            if spent < 5:
                spent = min(spent, *(bench.take(body) for _ in range(2)))
            size = bench.size(body)
            found.append((held.ratio(spent, size), cost.ratio(spent, size), spent, len(body), file))
    return {"median": cost.median, "floor": cost.floor, "slow": sorted(found, reverse=True)}


# --- all of them ---


def watch(name: str, minutes: float, seed: int, keep: Path) -> dict[str, Any]:
    """Run one target in processes of its own until its time is over; gives what they found."""
    ends = time.monotonic() + 60 * minutes
    total: dict[str, Any] = {"inputs": 0, "failures": {}, "slow": [], "edges": 0}
    while (left := ends - time.monotonic()) > 1 and len(total["failures"]) < KINDS:
        with tempfile.TemporaryDirectory() as folder:
            tray_file, report, log = Path(folder, "tray"), Path(folder, "report"), Path(folder, "log")
            tray_file.write_bytes(bytes(16 + MOST))
            with open(log, "wb") as told:
                child = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "tests.bench.fuzz", "--run", name, "--seconds", f"{left}"),
                        *("--seed", f"{seed}", "--keep", str(keep)),
                        *("--tray", str(tray_file), "--report", str(report)),
                    ],
                    stdout=told,
                    stderr=told,
                )
                silent = wait(child, tray_file)
            found = (
                json.loads(report.read_text())
                if report.exists()
                else {"inputs": 0, "failures": {}, "slow": []}
            )
            total["inputs"] += found["inputs"]
            total["failures"] |= found["failures"]
            total["slow"] += found["slow"]
            said = log.read_text(errors="replace")
            edges = [int(number) for number in re.findall(r"cov: (\d+)", said)]
            total["edges"] = max([total["edges"], *edges])
            if child.returncode == 0:
                break
            number, size = struct.unpack("<QQ", tray_file.read_bytes()[:16])
            if not number:
                raise RuntimeError(f"{name} did not begin:\n{said}")
            body = tray_file.read_bytes()[16 : 16 + size]
            file = keep / f"{name}-ended-{hashlib.sha256(body).hexdigest()[:12]}"
            file.write_bytes(body)
            kind = "no end outside of Python" if silent else f"the process ended ({child.returncode})"
            total["failures"][f"{kind}, input {number}"] = {
                "count": 1, "said": said.strip()[-300:], "file": str(file),
            }  # fmt: skip
            seed += 1
    return total


def wait(child: subprocess.Popen[bytes], tray: Path) -> bool:
    """Wait for a process; end it, and give True, where it takes one input for longer than `SILENT`."""
    number, since = -1, time.monotonic()
    while True:
        try:
            child.wait(2)
            return False
        except subprocess.TimeoutExpired:
            with open(tray, "rb") as file:
                at = struct.unpack("<Q", file.read(8))[0]
            if at != number or not at:  # 0: it has not begun
                number, since = at, time.monotonic()
            elif time.monotonic() - since > SILENT:
                child.kill()
                child.wait()
                return True


def timed(name: str, found: dict[str, Any], keep: Path) -> dict[str, Any]:
    """Time the slowest inputs anew in a process without coverage."""
    files = [file for _, file in sorted(found["slow"], reverse=True)[:SLOWEST] if Path(file).exists()]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.fuzz", "--measure", name, *files],
        stdout=subprocess.PIPE, check=True, timeout=1800,
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz the targets one after the other and print a line of each; 1 where one of them fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=0.25, help="of each target (%(default)s)")
    parser.add_argument("--only", help="targets, parted by commas")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="the folder for inputs that fail and the slowest ones")
    for hidden in ("run", "measure", "seconds", "tray", "report"):
        parser.add_argument(f"--{hidden}", help=argparse.SUPPRESS)
    parser.add_argument("files", nargs="*", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.run:
        with open(options.tray, "r+b") as file:
            tray = mmap.mmap(file.fileno(), 0)
        run(options.run, float(options.seconds), options.seed, options.keep, tray, Path(options.report))
    if options.measure:
        print(json.dumps(measure(options.measure, options.files)))
        return 0
    from tests.bench.fuzz.targets import TARGETS

    names = options.only.split(",") if options.only else list(TARGETS)
    if unknown := sorted(set(names) - set(TARGETS)):
        parser.error(f"--only: found {', '.join(unknown)}, wanted some of {', '.join(TARGETS)}")
    with tempfile.TemporaryDirectory() as folder:
        keep = options.keep or Path(folder)
        keep.mkdir(parents=True, exist_ok=True)
        how = "atheris, by coverage" if atheris is not None else "by chance (atheris is not installed)"
        print(f"{options.minutes:g} minutes a target, {how}, seed {options.seed}")
        print("target       inputs  failed   edges   ns/byte  slowest: x page    x own       s     bytes")
        return max([show(name, options.minutes, options.seed, keep) for name in names])


def show(name: str, minutes: float, seed: int, keep: Path) -> int:
    """Fuzz one target and print what came of it; 1 where it fails."""
    found = watch(name, minutes, seed, keep)
    cost = timed(name, found, keep)
    ratio, own, seconds, size, _ = cost["slow"][0] if cost["slow"] else (0.0, 0.0, 0.0, 0, "")
    failed = sum(each["count"] for each in found["failures"].values())
    print(
        f"{name:<10}{found['inputs']:9}{failed:8}{found['edges']:8}{1e9 * cost['median']:10.1f}"
        f"{ratio:17.1f}{own:9.1f}{seconds:8.2f}{size:10}",
        flush=True,
    )
    for kind, each in sorted(found["failures"].items()):
        print(f"    {each['count']} x {kind}: {each['said']!r}, {each['file']}", flush=True)
    slow = [each for each in cost["slow"] if each[0] > BAR]
    for ratio, _, seconds, size, file in slow:
        print(f"    {ratio:.0f} x the median: {seconds:.2f} s for {size} bytes, {file}", flush=True)
    return int(bool(found["failures"] or slow))


if __name__ == "__main__":
    sys.exit(main())
