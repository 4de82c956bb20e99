"""Proofs with a clock that jumps while a run is under way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from crawler.archive import now
from tests.bench.faults.badserver import Answer, BadServer, Wire, reply
from tests.bench.faults.crawls import FAST, SOURCES, Portal, Verdict, declare, run, serve
from tests.bench.faults.inputs import mark, story
from tests.bench.faults.proofs import Bench, Verdicts, all_of, proves
from tests.bench.faults.sources import CHANNEL
from tests.home import QUICK, Home
from tests.test_crawl import contents

DAY = 86400
COUNT = 30
JUMPS: dict[str, dict[int, int]] = {
    "on by a day, then back by two": {8: DAY, 20: -DAY},
    "a day too late all night": {0: DAY},
    "a day too early all night": {0: -DAY},
}
"""By how many seconds the clock is wrong once so many pages were asked for."""


@proves("F56")
def prove_jumps(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl a night with a wrong clock, then one with the right clock that finds a page changed."""
    return {"F56": all_of((name, jump(bench, wrong)) for name, wrong in JUMPS.items())}


def jump(bench: Bench, wrong: dict[int, int]) -> Verdict:
    home, asked = bench.home(), 0
    clock = home.folder.with_name(f"{home.folder.name}-clock")
    day = now().date() - timedelta(days=1)
    places = [f"own.example/{CHANNEL}/{day:%Y/%m%d}/{n}.shtml" for n in range(1, COUNT + 1)]

    def served(number: int, changed: str) -> Callable[[Wire], Any]:
        async def answer(wire: Wire) -> None:
            nonlocal asked
            asked += 1
            if asked in wrong and not changed:
                clock.write_text(str(wrong[asked]), encoding="ascii")
            text = story("good", str(number)).replace("2024-03-01", day.isoformat())
            await wire.send(reply(text.replace("明年秋天", changed) if changed and number == 7 else text))

        return answer

    def night(changed: str) -> Any:
        answers: dict[str, Answer] = {place: served(n, changed) for n, place in enumerate(places, 1)}
        lines = [
            (f"http://{place}", f"海州区{mark('good', str(n))}码头开工") for n, place in enumerate(places, 1)
        ]
        portal = Portal("own.example", ("own.example",), tuple(lines))
        declare(home, [portal])
        clock.write_text(str(0 if changed else wrong.get(0, 0)), encoding="ascii")
        env = {"PYTHONPATH": str(Path(__file__).parent / "clock"), "CLOCK_FILE": str(clock)}
        with BadServer(serve([portal], answers)) as server:
            home.env |= server.environment
            return run(home, "nightly", "--max-minutes", "10", *QUICK, *FAST, *SOURCES, env=env)

    first, second = night(""), night("后年春天")
    clock.unlink()
    return judge(home, first, second)


def judge(home: Home, first: Any, second: Any) -> Verdict:
    """Hold what two nights left against what they should."""
    checked = run(home, "verify", *SOURCES)
    built = home.folder / "rebuilt.db"
    rebuilt = run(home, "rebuild", *SOURCES, "--to", str(built))
    same = rebuilt.code == 0 and contents(built) == contents(home.archive)
    versions = home.ask(
        "SELECT version, change FROM versions WHERE article_id IN (SELECT id FROM articles WHERE version > 1)"
    )
    newest = home.ask("SELECT count(*) FROM articles WHERE text LIKE '%后年春天%' AND version = 2")
    rows = home.ask("SELECT count(*) FROM articles")[0][0]
    outcomes = [outcome for (outcome,) in home.ask("SELECT outcome FROM runs ORDER BY rowid")]
    wrong = [
        "" if (first.code, second.code) == (0, 0) else f"exit {first.code}, then {second.code} ({outcomes})",
        first.tells + second.tells,
        "" if rows == COUNT else f"{rows} of {COUNT} articles",
        "" if len(versions) == 2 and newest == [(1,)] else f"versions {versions}, newest {newest}",
        f"verify {checked.code}: {checked.out[:200]}" if checked.code else "",
        "" if same else f"a rebuild gives another archive (exit {rebuilt.code})",
    ]
    said = "; ".join(filter(None, wrong))
    return Verdict(
        not said,
        said
        or f"exit 0, then 0; {rows} of {COUNT}; the changed page has 2 versions, the newer one stands; a rebuild gives the same",
    )
