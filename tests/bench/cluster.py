"""``python -m tests.bench.cluster``: a night on one, two and four workers, and nights in which workers are killed.

Portals are made on the fly, each a host of its own with a list in the city portal's format; every answer takes 200 ms.
The night is crawled by ``scrapy nightly --cluster local:N``, whose workers take one portal at a time; beside it stands
the plain ``scrapy nightly``, one process that asks all portals at once. Then a part of it is killed with -9 at a random
moment of a small night, again and again: a worker, whose crawl lives on without it; a worker with its crawl, as a lost
machine; a crawl alone. Each time the merged archive must be the one that the plain night makes, nothing may have been
captured twice, and ``scrapy verify`` must find nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.full import CITY, STORY, Column, tell
from tests.bench.kills import TWICE
from tests.home import QUICK, ROOT, Home
from tests.replica import server
from tests.replica.replies import Reply
from tests.test_merge import meaning

if TYPE_CHECKING:
    import psutil

ENTRY = """title = "{host}"
platform = "truecms"
hosts = ["{host}"]
home = "http://{host}/"
site = "zglygzfmhwz"
channels = ["gcyw"]
proven = 2026-11-28
"""
SECONDS = 1800
"""How long one night may take."""


FAULTS = ("worker", "machine", "crawl")


class Portals(Column):
    """Many portals, each with a column of its own; every answer takes a while."""

    latency = 0.2
    base = 0

    def answer(self, scheme: str, host: str, target: str, headers: dict[str, str]) -> Reply:
        """Answer for one of the hosts: the numbers of its stories are its own."""
        self.base = int(host[1:4]) * 1000
        return super().answer("http", CITY, target, headers)

    def _record(self, place: int) -> str:
        number = self.base + self.size - place
        title, _, day = tell(number)
        return f'<li><a href="{STORY.format(number)}" title="{title}">{title}</a><span>{day}</span></li>'

    async def _send(
        self, writer: asyncio.StreamWriter, reply: Reply, method: str, keep: bool, cut: bool = False
    ) -> None:
        await asyncio.sleep(self.latency)
        await super()._send(writer, reply, method, keep, cut)


def declare(folder: Path, count: int) -> dict[str, str]:
    """Write the entries of so many portals; give the environment that names their folder."""
    folder.mkdir()
    for number in range(1, count + 1):
        host = f"p{number:03}.example.gov.cn"
        (folder / f"{host}.toml").write_text(ENTRY.format(host=host), encoding="utf-8")
    server.HOSTS = tuple(path.name.removesuffix(".toml") for path in folder.iterdir())
    return {"PORTALS_DIR": str(folder)}


def home(folder: Path, replica: Portals, entries: dict[str, str]) -> Home:
    """Make an archive of its own whose requests go to the replica."""
    folder.mkdir()
    made = Home(folder).through(replica)
    made.env |= entries
    return made


def night(place: Home, *words: str) -> float:
    """Crawl one night to its end; give the seconds that it took."""
    began = time.monotonic()
    done = place.crawl("nightly", "--quiet", *words, seconds=SECONDS)
    if done.returncode:
        print(done.stdout.decode()[-2000:], done.stderr.decode()[-2000:])
        raise SystemExit(f"a night of {place.folder.name} ended with {done.returncode}, wanted 0")
    return time.monotonic() - began


def crawling(place: Home) -> float:
    """Give the seconds between the begin of the first run and the end of the last one."""
    ((seconds,),) = place.ask(
        "SELECT (max(julianday(finished)) - min(julianday(started))) * 86400 FROM runs WHERE finished IS NOT NULL"
    )
    return float(seconds)


def scale(options: argparse.Namespace) -> bool:
    """Crawl the same portals with one, two and four workers; False where the archives differ or it scales badly."""
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder, Portals(seed=1, stories=20) as replica:
        replica.size, replica.latency = options.stories, options.latency
        entries = declare(Path(folder) / "entries", options.portals)
        plain = home(Path(folder) / "plain", replica, entries)
        took = {"plain": night(plain)}
        wanted = meaning(plain.archive)
        good = len(wanted["articles"]) == options.portals * options.stories
        print(
            f"{options.portals} portals of {options.stories} stories, {options.latency * 1000:.0f} ms an answer: "
            f"{len(wanted['articles'])} articles; one process that asks all at once {took['plain']:.1f} s",
            flush=True,
        )
        busy: dict[int, float] = {}
        for workers in (1, 2, 4):
            place = home(Path(folder) / str(workers), replica, entries)
            took[str(workers)] = night(place, "--cluster", f"local:{workers}")
            same = meaning(place.archive) == wanted
            good = good and same
            busy[workers] = crawling(place)
            print(
                f"{workers} workers: {took[str(workers)]:.1f} s, {took['1'] / took[str(workers)]:.2f} x one; from the "
                f"first run's begin to the last one's end {busy[workers]:.0f} s, {busy[1] / busy[workers]:.2f} x one; "
                f"the archive is {'the same' if same else 'another'}",
                flush=True,
            )
    return good and took["1"] / took["2"] >= 1.8 and took["1"] / took["4"] >= 3.4


def processes(nightly: psutil.Process) -> tuple[list[psutil.Process], list[psutil.Process]]:
    """Give the workers of a night and the crawls that they run, among the processes that it started."""
    import psutil  # comes with the extra

    workers, crawls = [], []
    for process in nightly.children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if "--only" in command:
            crawls.append(process)
        elif any("spawn_main" in word for word in command):
            workers.append(process)
    return workers, crawls


def kill(place: Home, seconds: float, fault: str, chance: random.Random) -> tuple[bool, int]:
    """Crawl a night on two workers and kill a part of it after so many seconds; give whether there was one, and the exit code."""
    import psutil  # comes with the extra

    command = place.command("nightly", *QUICK, "--quiet", "--cluster", "local:2")
    with open(place.folder / "said", "wb") as said:
        running = subprocess.Popen(command, cwd=ROOT, env=place.env, stdout=said, stderr=said)
        try:
            end = time.monotonic() + seconds
            killed = False
            while running.poll() is None and not killed:
                time.sleep(0.2)
                workers, crawls = processes(psutil.Process(running.pid))
                if time.monotonic() < end or not workers or not crawls:
                    continue
                crawl = chance.choice(crawls)
                with_it = [worker for worker in workers if worker.pid == crawl.ppid()]
                for process in {"worker": with_it, "machine": [*with_it, crawl], "crawl": [crawl]}[fault]:
                    try:
                        process.kill()
                        killed = True
                    except psutil.NoSuchProcess:
                        pass
            return killed, running.wait(timeout=SECONDS)
        finally:
            if running.poll() is None:
                running.kill()
                running.wait(timeout=10)


def kills(options: argparse.Namespace) -> bool:
    """Kill parts of small nights; False where one ended in another archive."""
    chance = random.Random(options.seed)
    right = killed = 0
    with tempfile.TemporaryDirectory(prefix="cluster-") as folder, Portals(seed=1, stories=20) as replica:
        replica.size, replica.latency = options.small, options.latency
        entries = declare(Path(folder) / "entries", 4)
        plain = home(Path(folder) / "plain", replica, entries)
        night(plain)
        wanted = meaning(plain.archive)
        whole = home(Path(folder) / "whole", replica, entries)
        took = night(whole, "--cluster", "local:2")
        wrong = [what for what, rows in meaning(whole.archive).items() if rows != wanted[what]]
        for trial in range(options.kills):
            place = home(Path(folder) / f"killed-{trial}", replica, entries)
            fault = FAULTS[trial % len(FAULTS)]
            at = chance.uniform(0.1, 0.9) * took
            hit, code = kill(place, at, fault, chance)
            killed += hit
            found = meaning(place.archive)
            wrong = [what for what, rows in found.items() if rows != wanted[what]]
            wrong += [f"captured twice: {url}" for (url,) in place.ask(TWICE)]
            checked = place.scrapy("verify", seconds=SECONDS)
            wrong += checked.stdout.decode().splitlines() if checked.returncode else []
            wrong += [f"exit {code}"] if code else []
            right += not wrong
            print(
                f"trial {trial}: {fault} {'killed' if hit else 'not met'} after {at:.1f} s: {wrong[:5] or 'the same'}",
                flush=True,
            )
            if wrong:
                print((place.folder / "said").read_text(encoding="utf-8", errors="replace")[-2000:])
    print(f"{killed} kills with -9 in {options.kills} nights: {right} of {options.kills} archives the same")
    return right == options.kills


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was measured; 1 where an archive is another one, or two and four workers are too slow."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--portals", type=int, default=8)
    parser.add_argument("--stories", type=int, default=150)
    parser.add_argument("--latency", type=float, default=0.2)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--small", type=int, default=20, help="stories of a portal in the nights with kills")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("distributed") is None:
        print("found no Dask, wanted the extra cluster: make cluster")
        return 0
    good = scale(options) if options.portals else True
    return int(not (kills(options) and good) if options.kills else not good)


if __name__ == "__main__":
    sys.exit(main())
