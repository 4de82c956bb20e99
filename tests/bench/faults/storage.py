"""Proofs on the archive file and its captures: kills, full disks, damage, other writers."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from crawler.archive import SHAPE_VERSION, Archive, ArchiveError
from tests.bench.faults.badserver import BadServer
from tests.bench.faults.crawls import FAST, SOURCES, Verdict, declare, run, serve
from tests.bench.faults.portals import pages_of, portal_of
from tests.bench.faults.processes import ARTICLE, COUNT, SLOW, after, started
from tests.bench.faults.proofs import Bench, Verdicts, all_of, proves
from tests.home import QUICK, ROOT, Home
from tests.test_crawl import contents

SHAPES = ROOT / "tests" / "cases" / "shapes"
MIB = 2**20


@proves("F16", "F17", "F40")
def prove_pragmas(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    home = bench.copy()
    with Archive(home.archive) as archive:
        said = [
            archive.conn.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        ]
    stock = home.ask("PRAGMA journal_mode")[0][0]
    return dict.fromkeys(
        wanted,
        Verdict(
            (*said, stock) == ("wal", 2, "wal"), f"journal_mode {said[0]}, synchronous {said[1]} (2: FULL)"
        ),
    )


OPEN = "import sys; from crawler.archive import Archive; Archive(sys.argv[1]).close()"


def elder(home: Home) -> dict[str, int]:
    """Put an archive of the eldest shape in place; give how many rows its tables have."""
    shape = sorted(SHAPES.glob("*.sql"))[0]
    with closing(sqlite3.connect(home.archive)) as db:
        db.executescript(shape.read_text(encoding="utf-8"))
        db.commit()
        return {
            table: db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("articles", "versions", "captures", "listings")
        }


def brought_up(home: Home, rows: dict[str, int]) -> str:
    """Say what is wrong with an archive that was brought up; empty where nothing is."""
    with Archive(home.archive) as archive:
        version = archive.conn.execute("PRAGMA user_version").fetchone()[0]
        sound = archive.conn.execute("PRAGMA integrity_check").fetchone()[0]
        counts = {
            table: archive.conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in rows
        }
    return (
        ""
        if (version, sound, counts) == (SHAPE_VERSION, "ok", rows)
        else f"{version} {sound} {counts}, wanted {rows}"
    )


@proves("F19")
def prove_kills_while_brought_up(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Kill the opening of an elder archive at random moments, then open it."""
    wrong, killed = [], 0
    for _ in range(8):
        home = bench.home()
        rows = elder(home)
        child = subprocess.Popen([sys.executable, "-c", OPEN, str(home.archive)], cwd=ROOT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(bench.chance.uniform(0.2, 1.2))
        killed += child.poll() is None
        child.kill()
        child.wait(10)
        if said := brought_up(home, rows):
            wrong.append(said)
    return {"F19": Verdict(not wrong, f"8 openings, {killed} killed; {wrong[:1] or 'all brought up'}")}


@proves("F20")
def prove_two_openings(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    wrong, codes = [], []
    for _ in range(3):
        home = bench.home()
        rows = elder(home)
        both = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN, str(home.archive)], cwd=ROOT, stderr=subprocess.PIPE
            )
            for _ in range(2)
        ]
        said = [child.communicate(timeout=60)[1].decode().strip().splitlines()[-1:] for child in both]
        codes += [child.returncode for child in both]
        wrong += [bad] if (bad := brought_up(home, rows)) else []
        wrong += [
            line[0]
            for line, child in zip(said, both, strict=True)
            if child.returncode and "ArchiveError" not in line[0]
        ]
    return {"F20": Verdict(not wrong, f"3 pairs, exit codes {codes}; {wrong[:1] or 'all whole'}")}


def plainly(home: Home, *statements: str) -> None:
    """Change an archive as another program would."""
    with closing(sqlite3.connect(home.archive)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


@proves("F21", "F22")
def prove_foreign_writes(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    found: Verdicts = {}
    columns = {
        "F21": "UPDATE articles SET title = '换了的标题', text = '换了的正文，索引不知道。' WHERE id = 2",
        "F22": "REPLACE",
    }
    for case in wanted:
        home = bench.copy()
        sql = columns[case]
        if sql == "REPLACE":
            names = [row[1] for row in home.ask("PRAGMA table_info(articles)")]
            chosen = ", ".join("'别的正文，谁也没有写过。'" if name == "text" else name for name in names)
            sql = f"INSERT OR REPLACE INTO articles SELECT {chosen} FROM articles WHERE id = 2"
        plainly(home, sql)
        home.archive.with_name("archive.db.sums").unlink(
            missing_ok=True
        )  # without the seal, which says it at once
        done = run(home, "verify")
        named = [line for line in done.out.splitlines() if "index" in line or "article 2" in line]
        found[case] = Verdict(
            done.code == 1 and bool(named) and not done.tells, f"exit {done.code}: {'; '.join(named)[:200]}"
        )
    return found


WRITE = """
import os, signal, sys
from crawler.archive import Archive
archive = Archive(sys.argv[1])
for number in range(60):
    archive.start_run("bad", {"number": number}, run_id=f"20240101T0000{number:02}Z-bad")
    archive.commit()
os.kill(os.getpid(), signal.SIGKILL)
"""


@proves("F23", "F24")
def prove_damaged_logs(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Cut and spoil the write-ahead log that a killed writer left; what opens is a whole prefix of what it wrote."""
    source = bench.home()
    subprocess.run([sys.executable, "-c", WRITE, str(source.archive)], cwd=ROOT, check=False, timeout=60)
    log = Path(f"{source.archive}-wal").read_bytes()
    main_file = source.archive.read_bytes()
    found: Verdicts = {}
    for case in wanted:
        wrong, counts = [], []
        for number in range(40):
            home = bench.home()
            home.archive.write_bytes(main_file)
            spoilt = bytearray(log)
            if case == "F23":
                del spoilt[bench.chance.randrange(len(log)) :]
            elif number % 2:
                spoilt[bench.chance.randrange(32, len(log))] ^= 1 << bench.chance.randrange(8)
            else:
                tail = bench.chance.randrange(len(log))
                spoilt[tail:] = bytes(len(log) - tail)
            Path(f"{home.archive}-wal").write_bytes(spoilt)
            try:
                with Archive(home.archive) as archive:
                    numbers = [row[0] for row in archive.conn.execute("SELECT id FROM runs ORDER BY id")]
                    sound = archive.conn.execute("PRAGMA integrity_check").fetchone()[0]
            except ArchiveError as error:
                wrong.append(str(error))
                continue
            counts.append(len(numbers))
            if sound != "ok" or numbers != [f"20240101T0000{n:02}Z-bad" for n in range(len(numbers))]:
                wrong.append(f"{sound}, {len(numbers)} runs")
            shutil.rmtree(home.folder)
        found[case] = Verdict(
            not wrong,
            f"{len(counts)} of 40 opened with {min(counts)} to {max(counts)} of 60 commits; {wrong[:2]}",
        )
    return found


@proves("F26")
def prove_overwritten_pages(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    home = bench.copy()
    before = contents(home.archive)
    size = home.archive.stat().st_size
    with open(home.archive, "r+b") as file:
        for _ in range(5):
            file.seek(bench.chance.randrange(1, size // 4096) * 4096)
            file.write(bench.chance.randbytes(4096))
    noticed = run(home, "verify")
    built = home.folder / "rebuilt.db"
    rebuilt = run(home, "rebuild", "--to", str(built))
    same = built.exists() and contents(built) == before
    right = noticed.code in (1, 7) and not noticed.tells and rebuilt.code == 0 and same and not rebuilt.tells
    return {
        "F26": Verdict(
            right,
            f"verify exit {noticed.code}; rebuild exit {rebuilt.code}, {'every row back' if same else 'not the same'}; {noticed.tells} {rebuilt.tells}",
        )
    }


def fill(bench: Bench, home: Home, *words: str, limits: object = None) -> tuple[Verdict, str]:
    """Crawl until no more can be written; say whether it ended as it should."""
    portal = portal_of("own.example", 400)
    declare(home, [portal])
    with BadServer(serve([portal], pages_of(portal))) as server:
        home.env |= server.environment
        done = run(home, "nightly", *QUICK, *FAST, *SOURCES, *words, limits=limits)
        had = home.ask("SELECT count(*) FROM articles")[0][0]
        sound = home.ask("PRAGMA integrity_check")[0][0]
        shutil.rmtree(home.folder / "logs", ignore_errors=True)
        roomy = bench.home()
        for file in home.folder.iterdir():
            if file.is_dir():
                shutil.copytree(file, roomy.folder / file.name, dirs_exist_ok=True)
            else:
                shutil.copyfile(file, roomy.folder / file.name)
        declare(roomy, [portal])
        roomy.env |= server.environment
        again = run(roomy, "nightly", *QUICK, *FAST, *SOURCES)
    then = roomy.ask("SELECT count(*) FROM articles")[0][0]
    checked = run(roomy, "verify", *SOURCES)
    right = (done.code, sound, again.code, then, checked.code) == (6, "ok", 0, 400, 0) and 0 < had < 400
    tells = "a traceback" if "Traceback" in done.log + done.out else ""
    seen = f"exit {done.code} with {had} of 400, {sound}; then exit {again.code} with {then}, verify {checked.code} {tells}"
    return Verdict(right and not tells, seen), done.log


@proves("F27")
def prove_a_full_disk(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl on a file system of 3 MB; and see that a run does not even begin where the floor is reached."""
    home = bench.home()
    declare(home, [portal_of("own.example")])
    floor = run(home, "nightly", *QUICK, *SOURCES, "-s", "DISK_FLOOR_MB=100000000")
    said = floor.log.strip().splitlines()[-1]
    early = Verdict(
        floor.code == 6 and "disk nearly full" in said and not floor.tells, f"exit {floor.code}: {said[:90]}"
    )
    if os.geteuid():
        return {
            "F27": Verdict(
                early.survived and None, f"wants root, to mount a small file system; the floor: {early.seen}"
            )
        }
    home = bench.home()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(home.folder)], capture_output=True, check=False
    )  # fmt: skip
    if mounted.returncode:
        return {
            "F27": Verdict(
                early.survived and None,
                f"wants a mount: {mounted.stderr.decode().strip()[:80]}; the floor: {early.seen}",
            )
        }
    try:
        verdict, _ = fill(bench, home, "-s", "DISK_FLOOR_MB=0")
    finally:
        subprocess.run(["umount", "-l", str(home.folder)], check=True)
    return {"F27": all_of([("floor", early), ("full", verdict)])}


@proves("F28")
def prove_a_limit_of_size(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))

    verdict, log = fill(bench, bench.home(), limits=limit)
    said = [line for line in log.splitlines() if "exit 6" in line or "the run ends here" in line]
    return {"F28": Verdict(verdict.survived and bool(said), f"{verdict.seen}; {said[-1:]}"[:300])}


@proves("F29", "F30")
def prove_feeds(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Crawl with a feed beside the archive: one that takes nothing, one whose run is killed."""
    found: Verdicts = {}
    if "F29" in wanted:
        home = bench.home()
        portal = portal_of("own.example", COUNT)
        declare(home, [portal])
        with BadServer(serve([portal], pages_of(portal))) as server:
            home.env |= server.environment
            done = run(home, "crawl", "bad", *QUICK, *FAST, *SOURCES, "-o", "/dev/full:jsonlines")
        had = home.ask("SELECT count(*) FROM articles")[0][0]
        checked = run(home, "verify", *SOURCES)
        lost = home.ask("SELECT json_extract(stats, '$.\"feed/lost\"') FROM runs")[0][0]
        found["F29"] = Verdict(
            (done.code, lost, had, checked.code, done.tells) == (6, COUNT, COUNT, 0, ""),
            f"exit {done.code}, {lost} lost to the feed, {had} of {COUNT} in the archive, verify {checked.code} {done.tells}",
        )
    if "F30" in wanted:
        with started(bench, {}, *SLOW) as crawl:
            crawl.wait_for(ARTICLE)
            time.sleep(2)
            crawl.end(signal.SIGKILL)
            before, then, code = after(crawl)
        found["F30"] = Verdict(
            then == COUNT and code == 0,
            f"killed with {before} committed, then {then} of {COUNT}, verify {code}",
        )
    return found


@proves("F31")
def prove_another_writer(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Hold the archive for writing while a crawl begins: it waits, and loses nothing."""
    home = bench.home()
    Archive(home.archive).close()
    with closing(sqlite3.connect(home.archive, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with started(bench, {}, home=home) as crawl:
            time.sleep(5)
            waited = crawl.process.poll() is None and not crawl.server.asked
            other.execute("ROLLBACK")
            crawl.process.wait(90)
    had = home.ask("SELECT count(*) FROM articles")[0][0]
    checked = run(home, "verify", *SOURCES)
    right = waited and (crawl.process.returncode, had, checked.code) == (0, COUNT, 0)
    seen = f"held for 5 s, waited: {waited}; exit {crawl.process.returncode}, {had} of {COUNT}, verify {checked.code}"
    return {"F31": Verdict(right, seen)}


@proves("F32")
def prove_a_long_reader(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    """Hold the archive for reading while a crawl goes on: it is not held up, and the log stays small."""
    largest = 0
    with started(bench, {}, *SLOW) as crawl:
        crawl.wait_for(ARTICLE)
        with closing(sqlite3.connect(crawl.home.archive, isolation_level=None)) as other:
            other.execute("BEGIN")
            other.execute("SELECT count(*) FROM articles").fetchone()
            began = time.monotonic()
            while time.monotonic() - began < 90 and crawl.process.poll() is None:
                log = Path(f"{crawl.home.archive}-wal")
                largest = max(largest, log.stat().st_size if log.exists() else 0)
                time.sleep(0.1)
            held = time.monotonic() - began
            other.execute("ROLLBACK")
    had = crawl.home.ask("SELECT count(*) FROM articles")[0][0]
    checked = run(crawl.home, "verify", *SOURCES)
    right = (crawl.process.returncode, had, checked.code) == (0, COUNT, 0) and largest <= 64 * MIB
    seen = f"held for {held:.0f} s; exit {crawl.process.returncode}, {had} of {COUNT}, WAL {largest / MIB:.1f} MB, verify {checked.code}"
    return {"F32": Verdict(right, seen)}


@proves("F38")
def prove_a_cut_capture(bench: Bench, wanted: frozenset[str]) -> Verdicts:
    home = bench.copy()
    file = max(home.captures.glob("*.warc.gz"), key=lambda path: path.stat().st_size)
    with open(file, "r+b") as opened:
        opened.truncate(file.stat().st_size // 2)
    done = run(home, "verify", "--quick")
    named = [line for line in done.out.splitlines() if file.name in line]
    byte = [line for line in named if re.search(r"byte|at \d|bytes", line)]
    return {
        "F38": Verdict(
            done.code == 1 and bool(byte) and not done.tells,
            f"exit {done.code}: {byte[:1]}, {len(named)} lines",
        )
    }
