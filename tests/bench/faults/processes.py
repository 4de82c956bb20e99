"""Proofs with real signals, limits and several processes at once."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.faults.badserver import Answers, BadServer, reply, silence
from tests.bench.faults.crawls import DAY, FAST, SOURCES, Verdict, declare, run, serve
from tests.bench.faults.inputs import story
from tests.bench.faults.portals import FAILING, pages_of, portal_of
from tests.bench.faults.proofs import Bench, Verdicts, all_of, proves
from tests.bench.faults.sources import CHANNEL
from tests.home import QUICK, ROOT, Home
from tests.test_gates import left_behind

COUNT = 60
SLOW = ("-s", "DOWNLOAD_DELAY=0.1", "-s", "RANDOMIZE_DOWNLOAD_DELAY=0")


class Run:
    """A crawl of a small portal that is under way."""

    def __init__(self, process: subprocess.Popen[bytes], home: Home, server: BadServer, mark: str) -> None:
        self.process = process
        self.home = home
        self.server = server
        self.mark = mark

    def wait_for(self, key: str, seconds: float = 40) -> None:
        """Wait until an address whose name begins so is asked for; RuntimeError where none is."""
        ends = time.monotonic() + seconds
        while not any(asked.startswith(key) for asked in self.server.asked):
            if time.monotonic() > ends or self.process.poll() is not None:
                raise RuntimeError(f"nobody asked for {key}, exit {self.process.poll()}")
            time.sleep(0.05)

    def end(self, *words: signal.Signals, seconds: float = 70) -> float:
        """Send signals shortly after each other; give the seconds until the end (killed where it does not come)."""
        began = time.monotonic()
        for number, word in enumerate(words):
            if number:
                time.sleep(0.2)
            self.process.send_signal(word)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return time.monotonic() - began


@contextmanager
def started(
    bench: Bench,
    answers: Mapping[str, Answers],
    *words: str,
    env: Mapping[str, str] | None = None,
    home: Home | None = None,
) -> Iterator[Run]:
    """Start ``scrapy nightly`` on a portal of `COUNT` pages."""
    home = home or bench.home()
    portal = portal_of("own.example", COUNT)
    declare(home, [portal])
    home.env["MARK"] = mark = f"mark-{home.folder.name}"
    with BadServer(serve([portal], {**pages_of(portal), **answers})) as server:
        home.env |= server.environment
        with open(home.folder / "stderr", "wb") as err:
            process = subprocess.Popen(
                home.command("nightly", *QUICK, *SOURCES, *words), cwd=ROOT, env={**home.env, **(env or {})},
                stdout=subprocess.DEVNULL, stderr=err,
            )  # fmt: skip
        try:
            yield Run(process, home, server, mark)
        finally:
            if process.poll() is None:
                process.kill()
            process.wait(20)


ARTICLE = f"own.example/{CHANNEL}/{DAY}/"


def after(run_: Run) -> tuple[int, int, int]:
    """Crawl the rest; give how many articles there were, how many there are, and what verify ends with."""
    before = run_.home.ask("SELECT count(*) FROM articles")[0][0]
    run(run_.home, "nightly", *QUICK, *FAST, *SOURCES)
    checked = run(run_.home, "verify", *SOURCES)
    return before, run_.home.ask("SELECT count(*) FROM articles")[0][0], checked.code


@proves("F02")
def prove_term_in_a_hung_download(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    with started(bench, {f"{ARTICLE}{COUNT}.shtml": silence, f"{ARTICLE}1.shtml": silence}) as crawl:
        crawl.wait_for(ARTICLE)
        time.sleep(1)
        took = crawl.end(signal.SIGTERM)
        code = crawl.process.returncode
    return {"F02": Verdict(took <= 35 and code == 4, f"{took:.1f} s, exit {code}")}


@proves("F03")
def prove_term_twice(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    with started(bench, {}, *SLOW) as crawl:
        crawl.wait_for(ARTICLE)
        time.sleep(2)
        took = crawl.end(signal.SIGTERM, signal.SIGTERM)
        before, then, checked = after(crawl)
        right = took <= 6 and then == COUNT and checked == 0 and crawl.process.returncode in (4, -15)
    return {
        "F03": Verdict(
            right,
            f"{took:.1f} s, exit {crawl.process.returncode}; {before} articles, {then} of {COUNT} after a rerun, verify {checked}",
        )
    }


@proves("F04", "B073")
def prove_a_stage_without_end(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Let a stage of ours run into an expression without end: the page is broken off, and the signals are heard."""
    from crawler.settings import ITEM_PIPELINES

    stages = f"ITEM_PIPELINES={json.dumps({**ITEM_PIPELINES, FAILING.replace('Failing', 'Endless'): 250})}"
    endless = {"BAD_STAGE": f"/{COUNT}.shtml"}
    found: Verdicts = {}
    if "F04" in wanted:
        with started(bench, {}, "-s", stages, *SLOW, env={"BAD_STAGE": "/"}) as crawl:
            crawl.wait_for(ARTICLE)
            time.sleep(3)
            took = crawl.end(signal.SIGTERM, signal.SIGTERM)
            found["F04"] = Verdict(
                took <= 60 and crawl.process.returncode == 4, f"{took:.1f} s, exit {crawl.process.returncode}"
            )
    if "B073" in wanted:
        with started(bench, {}, "-s", stages, env=endless) as crawl:
            crawl.process.wait(120)
            states = crawl.home.ask("SELECT state, count(*) FROM listings GROUP BY 1 ORDER BY 1")
            errors = crawl.home.ask("SELECT error FROM listings WHERE state = 'failed'")
            right = states == [("archived", COUNT - 1), ("failed", 1)] and "too-slow" in errors[0][0]
            broken_off = Verdict(right, f"exit {crawl.process.returncode}, {states}, {errors[:1]}")
        found["B073"] = all_of((("", broken_off), ("library", prove_a_library_without_end(bench))))
    return found


def prove_a_library_without_end(bench: Bench) -> Verdict:
    """Let a library hang on one page: two runs die over it, the third one gives it up and archives the others."""
    from crawler.settings import ITEM_PIPELINES

    stages = f"ITEM_PIPELINES={json.dumps({**ITEM_PIPELINES, FAILING.replace('Failing', 'Hanging'): 250})}"
    env = {"BAD_STAGE": f"/{COUNT // 2}.shtml", "BAD_SECONDS": "5 9"}
    home, codes = bench.home(), []
    for _ in range(3):
        with started(bench, {}, "-s", stages, env=env, home=home) as crawl:
            crawl.process.wait(120)
            codes.append(crawl.process.returncode)
    states = home.ask("SELECT state, count(*) FROM listings GROUP BY 1 ORDER BY 1")
    errors = [error for (error,) in home.ask("SELECT error FROM listings WHERE state = 'failed'")]
    checked = run(home, "verify", *SOURCES)
    left = sorted(path.name for path in home.folder.iterdir() if "reading" in path.name)
    right = (codes, states, checked.code, left) == (
        [-signal.SIGPROF, -signal.SIGPROF, 4],
        [("archived", COUNT - 1), ("failed", 1)],
        0,
        [],
    )
    return Verdict(
        right and "too-slow: 2 processes ended over it" in errors[0],
        f"a library that hangs: exits {codes}, {states}, {errors[:1]}, verify {checked.code}, left {left}",
    )


@proves("F07")
def prove_term_and_the_rest(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    with started(bench, {}, *SLOW) as crawl:
        crawl.wait_for(ARTICLE)
        time.sleep(2)
        took = crawl.end(signal.SIGTERM)
        code = crawl.process.returncode
        before, then, checked = after(crawl)
    right = code == 4 and before < COUNT and then == COUNT and checked == 0
    return {"F07": Verdict(right, f"exit {code} after {took:.1f} s with {before}, then {then} of {COUNT}")}


@proves("F08")
def prove_a_leak(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    home = bench.home()
    portal = portal_of("own.example", 3 * COUNT)
    declare(home, [portal])
    with BadServer(serve([portal], pages_of(portal))) as server:
        home.env |= server.environment
        done = run(
            home, "nightly", *QUICK, *SOURCES, *SLOW, "-s", "MEMUSAGE_LIMIT_MB=300", env={"BAD_MISTAKE": "leak"}
        )  # fmt: skip
    outcome = home.ask("SELECT outcome, json_extract(stats, '$.reason') FROM runs")
    right = done.code == 4 and done.rss <= 400 and outcome == [("partial", "memusage_exceeded")]
    return {"F08": Verdict(right, f"exit {done.code}, {done.rss} MB, {outcome}")}


@proves("F10")
def prove_a_killed_shell(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Kill the shell that started a run: the run lives on and keeps its lock."""
    home = bench.home()
    portal = portal_of("own.example", COUNT)
    declare(home, [portal])
    with BadServer(serve([portal], pages_of(portal))) as server:
        home.env |= server.environment
        words = " ".join(home.command("nightly", *QUICK, *SOURCES, "-s", "DOWNLOAD_DELAY=1"))
        shell = subprocess.Popen(
            ["sh", "-c", f"{words} & echo $!; wait"], cwd=ROOT, env=home.env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )  # fmt: skip
        assert shell.stdout is not None
        child = int(shell.stdout.readline())
        try:
            ends = time.monotonic() + 40
            while not server.asked and time.monotonic() < ends:
                time.sleep(0.1)
            shell.kill()
            shell.wait(10)
            third = run(home, "nightly", *QUICK, *SOURCES)
        finally:
            os.kill(child, signal.SIGKILL)
            shell.stdout.close()
    said = third.log.strip().splitlines()[-1] if third.log.strip() else ""
    return {
        "F10": Verdict(third.code == 75 and "Traceback" not in third.log, f"exit {third.code}: {said[:150]}")
    }


@proves("F13")
def prove_no_job_files(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    home_folder = bench.home().folder
    state = {
        "HOME": str(home_folder),
        "XDG_STATE_HOME": str(home_folder / "state"),
        "XDG_CACHE_HOME": str(home_folder / "cache"),
    }
    with started(bench, {}, *SLOW, env=state) as crawl:
        crawl.wait_for(ARTICLE)
        crawl.end(signal.SIGKILL)
    left = [str(path.relative_to(home_folder)) for path in home_folder.rglob("*") if path.is_file()]
    return {"F13": Verdict(not left, f"files left in the home folder: {left}")}


def gated(page: str) -> list[Answers]:
    """Give the answers of a gate to a plain request, and a page to the browser after it."""
    script = (
        "<html><body><script>document.cookie='gate=open;path=/';location.reload();</script></body></html>"
    )
    return [reply(script, status="521 Gate"), reply(page), reply(page)]  # type: ignore[list-item]


@proves("F11")
def prove_kill_with_a_browser(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Kill a run whose browser hangs in a page: the browser ends with it."""
    from tests.bench.faults.browsers import BROWSER, missing

    if why := missing():
        return {"F11": Verdict(None, why)}
    page = story("F11", after="<script>while (true) {}</script>")
    answers: dict[str, Any] = {f"{ARTICLE}{n}.shtml": gated(page) for n in range(1, COUNT + 1)}
    with started(bench, answers, *BROWSER, "-s", "BROWSER_SECONDS=60") as crawl:
        ends = time.monotonic() + 60
        while not any("chromium" in line for line in left_behind(crawl.mark)):
            if time.monotonic() > ends:
                return {"F11": Verdict(False, "no browser was started")}
            time.sleep(0.3)
        had = len(left_behind(crawl.mark))
        crawl.end(signal.SIGKILL)
        ends = time.monotonic() + 10
        while left_behind(crawl.mark) and time.monotonic() < ends:
            time.sleep(0.3)
        left = left_behind(crawl.mark)
    for place in Path("/proc").glob("[0-9]*"):  # what was started here is ended here, whatever the verdict
        with contextlib.suppress(OSError, ValueError):
            if crawl.mark.encode() in (place / "environ").read_bytes():
                os.kill(int(place.name), signal.SIGKILL)
    names = [re.split(r"[ /]", line.strip())[-1][:40] for line in left]
    return {"F11": Verdict(not left, f"{had} processes before, {len(left)} after 10 s {names[:3]}")}
