"""Proofs with a clock that jumps while a run is under way."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from crawler.archive import now
from tests.bench.faults.badserver import Answer, BadServer, Wire, reply
from tests.bench.faults.crawls import FAST, SOURCES, Done, Portal, Verdict, declare, run, serve
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
    """Crawl a night with a wrong clock, then two with the right clock that find a page changed."""
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

    def night(changed: str, later: int) -> Done:
        answers: dict[str, Answer] = {place: served(n, changed) for n, place in enumerate(places, 1)}
        lines = [
            (f"http://{place}", f"海州区{mark('good', str(n))}码头开工") for n, place in enumerate(places, 1)
        ]
        portal = Portal("own.example", ("own.example",), tuple(lines))
        declare(home, [portal])
        clock.write_text(str(later if changed else wrong.get(0, 0)), encoding="ascii")
        env = {"PYTHONPATH": str(Path(__file__).parent / "clock"), "CLOCK_FILE": str(clock)}
        with BadServer(serve([portal], answers)) as server:
            home.env |= server.environment
            return run(home, "nightly", "--max-minutes", "10", *QUICK, *FAST, *SOURCES, env=env)

    first, second, third = night("", 0), night("后年春天", 0), night("后年春天", 2 * DAY)
    clock.unlink()
    return judge(home, wrong, (first, second, third))


def judge(home: Home, wrong: dict[int, int], nights: tuple[Done, ...]) -> Verdict:
    """Hold what three nights left against what they should."""
    checked = run(home, "verify", *SOURCES)
    built = home.folder / "rebuilt.db"
    rebuilt = run(home, "rebuild", *SOURCES, "--to", str(built))
    texts = [row[:6] for row in contents(home.archive)["articles"]]
    same = rebuilt.code == 0 and [row[:6] for row in contents(built)["articles"]] == texts
    newest = home.ask(
        "SELECT version, (SELECT count(*) FROM versions) FROM articles WHERE text LIKE '%后年春天%'"
    )
    rows = home.ask("SELECT count(*) FROM articles")[0][0]
    told = [
        [alarm["what"] for alarm in json.loads(alarms) if alarm["rule"] == "clock"]
        for (alarms,) in home.ask("SELECT alarms FROM runs ORDER BY rowid")
    ]
    ahead, jumped = max(wrong.values()) > 0, len(wrong) > 1
    said = [bool(each) for each in told]
    amiss = [
        *(night.tells for night in nights),
        ""
        if [night.code for night in nights] == [4 * jumped, 4 * ahead, 0]
        else f"exits {[night.code for night in nights]}",
        "" if said == [jumped, ahead, False] else f"told {told}",
        "" if rows == COUNT else f"{rows} of {COUNT} articles",
        "" if newest == [(2, COUNT + 1)] else f"the changed page: {newest}",
        f"verify {checked.code}: {checked.out[:200]}" if checked.code else "",
        "" if same else f"a rebuild gives other texts (exit {rebuilt.code})",
    ]
    seen = f"exits {[night.code for night in nights]}, {rows} of {COUNT}, the changed page in version 2 of 2; told: {[what for each in told for what in each]}"
    wrong_is = "; ".join(filter(None, amiss))
    return Verdict(not wrong_is, wrong_is or seen)
