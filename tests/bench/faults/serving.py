"""Proofs on reading: Datasette while a crawl writes, damaged and foreign files, hostile questions."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from urllib.parse import quote

from tests.bench.faults.crawls import Verdict, run
from tests.bench.faults.portals import browsing, get
from tests.bench.faults.processes import ARTICLE, COUNT, SLOW, started
from tests.bench.faults.proofs import Bench, Verdicts, proves
from tests.bench.faults.storage import plainly
from tests.home import ROOT

PATHS = (
    "",
    "archive",
    "archive/articles",
    "archive/listings",
    f"archive/articles?_search={quote('码头')}",
    "archive/runs",
)


@proves("F39")
def prove_reading_while_a_crawl_writes(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    answers: list[int] = []
    slowest = 0.0
    with started(bench, {}, *SLOW) as crawl:
        crawl.wait_for(ARTICLE)
        with browsing(crawl.home) as address:
            while crawl.process.poll() is None:
                for path in PATHS:
                    began = time.monotonic()
                    answers.append(get(address + path)[0])
                    slowest = max(slowest, time.monotonic() - began)
        had = crawl.home.ask("SELECT count(*) FROM articles")[0][0]
    good = answers.count(200)
    right = good == len(answers) > 10 and had == COUNT and crawl.process.returncode == 0
    return {
        "F39": Verdict(
            right,
            f"{good} of {len(answers)} answers good, slowest {slowest:.1f} s; {had} of {COUNT} crawled, exit {crawl.process.returncode}",
        )
    }


@proves("F42")
def prove_a_swapped_file(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Rebuild an archive that is served, serve it anew, and ask."""
    home = bench.copy()
    with browsing(home) as address:
        first = get(f"{address}archive/articles.json?_size=0")[0]
        done = run(home, "rebuild", "--yes")
    with browsing(home) as address:
        again = [get(address + path)[0] for path in PATHS]
    right = first == 200 and done.code == 0 and set(again) == {200}
    return {"F42": Verdict(right, f"before {first}; rebuild exit {done.code}; after a restart {again}")}


@proves("F44")
def prove_a_corrupt_file(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    home = bench.copy()
    with open(home.archive, "r+b") as file:
        file.seek(100)
        file.write(bench.chance.randbytes(4096))
    done = run(home, "browse", "--port", "0", seconds=20)
    said = done.log.strip().splitlines()[-1:] or [""]
    right = done.code in (6, 7, 9) and "archive.db" in said[0] and not done.tells
    return {"F44": Verdict(right, f"exit {done.code}: {said[0][:150]}")}


@proves("F45")
def prove_hostile_sql(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    home = bench.copy()
    with browsing(home) as address:
        sql = quote("select printf('%.*c',900000000,'x')")
        codes = [get(f"{address}archive{end}?sql={sql}")[0] for end in ("", ".json", ".csv")]
        alive = get(address)[0]
    return {"F45": Verdict(set(codes) <= {400, 403} and alive == 200, f"{codes}, then the home page {alive}")}


@proves("F46")
def prove_another_users_folder(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    if os.geteuid():
        return {"F46": Verdict(None, "wants root, to read as another user")}
    home = bench.copy()
    for place in (home.folder, home.captures):
        place.chmod(0o555)
    nobody = pwd.getpwnam("nobody").pw_uid
    places = (sys.executable, str(ROOT / "scrapy.cfg"), str(home.folder))
    test = ["sh", "-c", 'test -x "$0" && test -r "$1" && test -x "$2"', *places]
    reachable = subprocess.run(test, user=nobody, check=False)
    if reachable.returncode:
        return {"F46": Verdict(None, "another user cannot reach this checkout")}
    env = {**home.env, "HOME": tempfile.gettempdir(), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        home.command("status"), cwd=ROOT, env=env, user=nobody, capture_output=True, text=True, timeout=60, check=False
    )  # fmt: skip
    right = "Traceback" not in done.stderr and (
        done.returncode == 0 or len(done.stderr.strip().splitlines()) == 1
    )
    said = (done.stdout + done.stderr).strip().splitlines()[:1]
    return {"F46": Verdict(right, f"exit {done.returncode}: {said}")}


@proves("B089")
def prove_invalid_text(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Let another program write bytes that are no UTF-8 into a text."""
    home = bench.copy()
    plainly(home, "UPDATE articles SET title = CAST(x'e6b5b7ff' AS TEXT) WHERE id = 2")
    done = run(home, "verify")
    named = [line for line in done.out.splitlines() if "article 2" in line or "articles 2" in line]
    with browsing(home) as address:
        codes = {
            path: get(address + path)[0] for path in (*PATHS, "archive/articles/1", "archive/articles/2")
        }
    exported = home.folder / "x.jsonl"
    export = run(home, "export", str(exported))
    shutil.rmtree(home.captures)
    bad = {path: code for path, code in codes.items() if code >= 500}
    right = (
        done.code == 1
        and bool(named)
        and not done.tells
        and not bad
        and export.code in (0, 7)
        and not export.tells
    )
    return {
        "B089": Verdict(
            right,
            f"verify exit {done.code} {done.tells}: {named[:1]}; pages that fail: {bad}; export exit {export.code} {export.tells}",
        )
    }
