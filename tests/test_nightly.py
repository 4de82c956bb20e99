"""The nightly command as cron and a person at a terminal meet it."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from crawler import progress
from crawler.archive import Archive
from crawler.logs import SafeFormatter, log_to_files
from tests.home import ROOT, Home
from tests.replica import Replica

SLOW = ("-s", "DOWNLOAD_DELAY=0.5", "-s", "AUTOTHROTTLE_ENABLED=0")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--until", "25:00"], "--until: found '25:00', wanted a time as 06:00"),
        (["--max-minutes", "-3"], "--max-minutes: found -3, wanted a number above 0"),
        (["now"], "found 'now', wanted options alone"),
    ],
)
def test_a_wrong_budget_is_refused_before_anything_is_touched(
    make_home: Callable[[], Home], words: list[str], wanted: str
) -> None:
    home = make_home()
    done = home.scrapy("nightly", *words)
    assert done.returncode == 2
    assert wanted in done.stderr.decode()
    assert not home.archive.exists()


def test_a_night_ends_in_good_order_when_its_time_is_up(make_home: Callable[[], Home]) -> None:
    with Replica(seed=3, stories=30) as replica:
        home = make_home().through(replica)
        began = time.monotonic()
        done = home.scrapy("nightly", "--max-minutes", "0.05", "--quiet", *SLOW)
        assert time.monotonic() - began < 60
        assert done.returncode == 4
        outcomes = home.ask("SELECT DISTINCT outcome, json_extract(stats, '$.reason') FROM runs")
        assert outcomes == [("partial", "closespider_timeout")]
        assert home.ask("SELECT count(*) FROM listings WHERE state = 'pending'") != [(0,)]
        assert home.crawl("nightly", "--quiet").returncode == 0
        assert home.ask("SELECT count(*) FROM listings WHERE state = 'pending'") == [(0,)]


def test_a_quiet_good_night_says_nothing_and_logs_into_files(make_home: Callable[[], Home]) -> None:
    with Replica(seed=3, stories=30) as replica:
        home = make_home().through(replica)
        done = home.crawl("nightly", "--quiet")
        assert (done.returncode, done.stderr) == (0, b"")
        # hacked pages are news, on a quiet night too, and told once
        assert [line for line in done.stdout.decode().splitlines() if re.match(r"  \S", line)] == [
            f"  {line['portal']} -: {line['rule']}: {line['what']} ({line['url']})"
            for (alarms,) in home.ask("SELECT alarms FROM runs ORDER BY spider")
            for line in json.loads(alarms)
            if line["rule"] == "signs of hacking"
        ]
        done = home.crawl("nightly", "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    log = (home.folder / "logs" / "nightly.log").read_text(encoding="utf-8")
    assert re.search(r"Run \S*lyg_news\S* finished", log)


def test_a_page_that_is_hacked_since_it_was_seen_stands_first_in_every_report(
    make_home: Callable[[], Home],
) -> None:
    words = ("nightly", "--quiet", "-s", "ATTACHMENT_MAXSIZE=0", "-s", "IMAGE_MAXSIZE=0")
    with Replica(seed=3, stories=30) as replica:
        home = make_home().through(replica)
        home.crawl(*words)
        clean = [story for story in replica.expected("www.lyg.gov.cn") if not story.tampered][:2]
        for number, story in enumerate(clean, 1):
            page = replica.pages("www.lyg.gov.cn")[story.path]
            links = (
                f"<a href='http://a{number}.x7788.example/'>百家乐</a><a href='http://x7.example/'>无码</a>"
            )
            block = f"<div style='display:none'>{links}</div></body>".encode()
            body = page.body.replace(b"</body>", block)
            assert body != page.body
            replica.pages("www.lyg.gov.cn")[story.path] = page._replace(body=body)
        done = home.crawl(*words)
    ((run, alarms, tampered),) = home.ask(
        "SELECT id, alarms, tampered FROM runs WHERE spider = 'lyg_news' ORDER BY id DESC LIMIT 1"
    )
    first, *pages = json.loads(alarms)
    assert (first["portal"], first["rule"], first["what"], tampered) == (
        "www.lyg.gov.cn",
        "signs of hacking",
        "2 pages, 2 of them clean before; leads to x7.example, a1.x7788.example, a2.x7788.example (2 pages)",
        2,
    )
    assert sorted((page["rule"], page["url"]) for page in pages[:2]) == sorted(
        ("hacked since last seen", story.url) for story in clean
    )
    said = done.stdout.decode().splitlines()
    assert said[0].startswith(f"{run}: finished: ")
    assert ", 2 tampered; " in said[0]
    told = f"  www.lyg.gov.cn -: signs of hacking: {first['what']} ({first['url']})"
    assert re.fullmatch(re.escape(told) + r" \[since \d{4}-\d\d-\d\d\]", said[1])
    assert re.fullmatch(rf"    \.venv/bin/scrapy explain '?{re.escape(first['url'])}'?", said[2])
    assert re.fullmatch(r"    capture \d+; \.venv/bin/scrapy explain \S+", said[4])
    assert len(said) == 6
    status = home.scrapy("status").stdout.decode()
    assert f"  www.lyg.gov.cn -: signs of hacking: {first['what']}\n" in status
    assert re.search(
        r"\nwww\.lyg\.gov\.cn: signs of hacking: \d+ pages?, 2 of them clean before; leads to ", status
    )


@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_night_in_good_order(make_home: Callable[[], Home], word: signal.Signals) -> None:
    with Replica(seed=3, stories=30) as replica:
        home = make_home().through(replica)
        with subprocess.Popen(
            home.command("nightly", *SLOW),
            cwd=ROOT, env=home.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            for _ in range(200):
                time.sleep(0.1)
                if any(request.path.endswith("tml") for request in replica.requests):
                    break
            process.send_signal(word)
            _, said = process.communicate(timeout=60)
        assert process.returncode == 4, said
        assert home.ask("SELECT DISTINCT outcome, json_extract(stats, '$.reason') FROM runs") == [
            ("partial", "shutdown")
        ]


def test_hostile_log_lines_stay_lines_and_files_are_rotated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crawler.logs.FILE_BYTES", 2000)
    before = logging.root.handlers[:]
    settings = SimpleNamespace(get={"LOG_LEVEL": "INFO", "LOG_FORMAT": "%(message)s"}.get)
    log_to_files(settings, tmp_path / "logs" / "x.log")  # type: ignore[arg-type]
    (handler,) = (handler for handler in logging.root.handlers if handler not in before)
    try:
        for number in range(100):
            handler.handle(
                logging.makeLogRecord(
                    {"msg": "%s", "args": (f"{number} \x1b[2J\n\u202e伪造\r一行 " + "x" * 80,)}
                )
            )
    finally:
        logging.root.removeHandler(handler)
        handler.close()
    files = sorted((tmp_path / "logs").iterdir())
    assert len(files) == 6
    for file in files:
        assert file.stat().st_size <= 2000
        for line in file.read_text(encoding="utf-8").splitlines():
            assert line.partition(" ")[2].startswith("\\x1b[2J\\n\\u202e伪造\\r一行")


def test_a_traceback_keeps_its_lines() -> None:
    try:
        raise ValueError("one\x1b")
    except ValueError:
        record = logging.makeLogRecord({"msg": "wrong", "exc_info": sys.exc_info()})
    said = SafeFormatter("%(message)s").format(record)
    assert said.startswith("wrong\nTraceback")
    assert said.endswith("ValueError: one\\x1b")


def test_a_line_of_progress_tells_counts_rate_and_time_left() -> None:
    stats = SimpleNamespace(
        get_value=lambda name, default: {"response_received_count": 60}.get(name, default)
    )
    ledger = SimpleNamespace(
        outcome="", counts={"listed": 90, "archived": 50, "changed": 1, "unchanged": 5, "failed": 2}
    )
    crawler = SimpleNamespace(
        spidercls=SimpleNamespace(name="lyg_news"),
        stats=stats,
        get_extension=lambda _: ledger,
        engine=SimpleNamespace(_slot=SimpleNamespace(inprogress={1, 2}, scheduler=range(28))),
    )
    said = " ".join(progress.line(crawler, 30).split())  # type: ignore[arg-type]
    assert said == "lyg_news 90 listed 50 new 1 changed 5 unchanged 2 failed 120 pages/min 0:15 left"


@pytest.mark.skipif(shutil.which("make") is None, reason="wants make")
def test_the_line_of_cron_is_put_in_once_and_taken_out_again(tmp_path: Path) -> None:
    tab = tmp_path / "tab"
    others = f"5 5 * * * other # govnews-archive in {ROOT}2.\n"
    tab.write_text(others)
    program = tmp_path / "crontab"
    program.write_text(
        f"#!/bin/sh\nif [ \"$1\" = -l ]; then cat '{tab}'; else cat > '{tab}.new'; mv '{tab}.new' '{tab}'; fi\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    venv = Path(sys.prefix)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    def make(target: str) -> None:
        subprocess.run(
            ["make", "-s", target, "-o", f"{venv.name}/.ready", "CONTACT=a@example.org"],
            cwd=ROOT, env=env, check=True, capture_output=True, timeout=60,
        )  # fmt: skip

    make("install-cron")
    make("install-cron")
    first, line = tab.read_text().splitlines()
    assert first + "\n" == others
    assert line.startswith(f"0 2 * * * cd '{ROOT}' && CONTACT='a@example.org' .venv/bin/scrapy nightly")
    make("uninstall-cron")
    assert tab.read_text() == others


def test_the_memory_of_what_started_a_crawl_is_not_its_own() -> None:
    measure = (
        "from scrapy.settings import Settings; from scrapy.utils.test import get_crawler;"
        "from crawler.extensions import MemoryUsage;"
        "print(MemoryUsage(get_crawler()).get_virtual_size() >> 20)"
    )
    large = (
        "import subprocess, sys; held = bytes([1]) * (300 << 20);"
        f"print(subprocess.check_output([sys.executable, '-c', {measure!r}]).decode())"
    )
    done = subprocess.run([sys.executable, "-c", large], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert 10 < int(done.stdout) < 250, done.stderr


def test_the_screen_shows_an_alarm_without_what_a_terminal_obeys(make_home: Callable[[], Home]) -> None:
    home = make_home()
    with Archive(home.archive) as archive:
        alarm = {
            "portal": "portal.example",
            "channel": None,
            "rule": "tampered",
            "what": "标题\n\u202e结束",
        }
        archive.finish_run(archive.start_run("lyg_news"), outcome="partial", counts={}, alarms=[alarm])
    said = home.scrapy("status").stdout.decode()
    assert "  portal.example -: tampered: 标题\\n\\u202e结束\n" in said
