"""``python -m tests.bench.kills``: nightly crawls of the replica, killed with -9 at random moments and started again.

In each trial both nights are crawled; in each night the run is killed at a moment drawn evenly from the time that
an undisturbed run takes (start-up included), one to three times in a row, and then left to end. The archive must be
the undisturbed one's: the same articles, versions, edits, removed blocks, attachments and memory, no page captured
twice, every record of every capture file accounted for (``scrapy verify``), and every story as the truth table has it.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.home import QUICK, ROOT, Home
from tests.replica import Replica
from tests.replica.audit import audit, default_stories
from tests.test_crawl import contents

NIGHTS = (1, 2)
SECONDS = 300
"""How long one run may take."""

TWICE = (
    "SELECT url FROM captures WHERE kind IN ('article', 'attachment') AND status = 200 AND revisit_of IS NULL "
    "GROUP BY url, digest HAVING count(*) > 1 ORDER BY url"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the trials; 1 where one ended in another archive."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--stories", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, Replica(seed=7, stories=options.stories) as replica:
        replica.add_default_faults()
        whole = home(Path(folder) / "whole", replica)
        took = {}
        wanted = []
        for night in NIGHTS:
            replica.night = night
            started = time.monotonic()
            whole.crawl("nightly", seconds=SECONDS)
            took[night] = time.monotonic() - started
            wanted.append(contents(whole.archive))
        twice = whole.ask(TWICE)
        print(f"undisturbed: {took[1]:.1f} s and {took[2]:.1f} s, {len(wanted[1]['articles'])} articles")
        right = kills = 0
        for trial in range(options.trials):
            killed = home(Path(folder) / f"killed-{trial}", replica)
            wrong: list[str] = []
            for night in NIGHTS:
                replica.night = night
                for _ in range(chance.randint(1, 3)):
                    kills += kill(killed, chance.uniform(0, took[night]))
                killed.crawl("nightly", seconds=SECONDS)
                found = contents(killed.archive)
                wrong += [
                    f"night {night}: {what}" for what in found if found[what] != wanted[night - 1][what]
                ]
                wrong += [
                    f"night {night}: {each}"
                    for each in audit(killed.archive, default_stories(replica), night)
                ]
            wrong += [f"captured twice: {url}" for (url,) in killed.ask(TWICE) if (url,) not in twice]
            checked = killed.scrapy("verify", seconds=SECONDS)
            wrong += checked.stdout.decode().splitlines() if checked.returncode else []
            right += not wrong
            for line in wrong[:10]:
                print(f"trial {trial}: {line}")
        print(
            f"killed with -9 {kills} times in {options.trials} trials: {right} of {options.trials} archives the same"
        )
    return int(right < options.trials)


def home(folder: Path, replica: Replica) -> Home:
    """Make an archive of its own whose requests go to the replica."""
    folder.mkdir()
    return Home(folder).through(replica)


def kill(home: Home, seconds: float) -> int:
    """Start a nightly run and kill it after so many seconds; 1 where it had not ended by itself."""
    running = subprocess.Popen(
        home.command("nightly", *QUICK),
        cwd=ROOT,
        env=home.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        running.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait(timeout=10)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
