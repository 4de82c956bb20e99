"""The report of a night, and how it reaches people."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from crawler.archive import Archive
from crawler.report import Outbox, Report, deliver
from tests.home import Home
from tests.replica import Replica
from tests.replica.demo import default_stories


class Hook(HTTPServer):
    """A webhook on loopback that keeps what it is sent; `status` is what it answers."""

    status = 200

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        super().__init__(("127.0.0.1", 0), Take)

    @property
    def address(self) -> str:
        return f"json://someone:secret@127.0.0.1:{self.server_port}/hook"


class Take(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def listening() -> Iterator[Hook]:
    with Hook() as hook:
        thread = threading.Thread(target=hook.serve_forever, daemon=True)
        thread.start()
        try:
            yield hook
        finally:
            hook.shutdown()
            thread.join(timeout=10)


def test_the_report_of_a_night_names_what_is_new_and_reaches_whom_the_user_names(home: Home) -> None:
    words = ("nightly", "-s", "ATTACHMENT_MAXSIZE=0", "-s", "IMAGE_MAXSIZE=0")
    with Replica(seed=3, stories=30) as replica, listening() as hook:
        home.through(replica)
        home.env |= {"NOTIFY": hook.address, "no_proxy": "127.0.0.1"}
        done = home.crawl(*words)
        said = done.stdout.decode()
        assert [sent["message"] for sent in hook.got] == [said.rstrip("\n")]
        count = home.ask("SELECT count(*) FROM articles")[0][0]
        assert f"{count} archived" in hook.got[0]["title"]
        titles = {title for (title,) in home.ask("SELECT title FROM articles")}
        named = [line[9:] for line in said.splitlines() if line.startswith("  first: ")]
        assert len(named) > 10
        assert {title for title in named if not title.startswith("and ")} <= titles
        assert " minutes, " in said
        replica.night = 2
        home.crawl(*words)
        changed = [s for s in default_stories(replica) if s.state(2) == "edited"]
        assert changed
        assert any(
            line.startswith(("  corrected: ", "  edited: ")) for line in hook.got[1]["message"].splitlines()
        )


def test_a_report_that_nobody_takes_is_an_alarm_of_the_next_night_and_comes_with_its_report(
    home: Home,
) -> None:
    words = ("nightly", "-s", "ATTACHMENT_MAXSIZE=0", "-s", "IMAGE_MAXSIZE=0")
    with Replica(seed=3, stories=30) as replica, listening() as hook:
        home.through(replica)
        home.env |= {"NOTIFY": hook.address, "no_proxy": "127.0.0.1"}
        hook.status = 500
        first = home.crawl(*words)
        assert first.returncode == 0  # tonight it is no error
        told = first.stderr.decode().splitlines()[-1]
        assert told == (
            f"scrapy: nightly: the report was not delivered: json://someone:****@127.0.0.1:{hook.server_port}/hook "
            "did not take it"
        )
        hook.status = 200
        hook.got.clear()
        second = home.crawl(*words)
        alarms = [alarm for (told,) in home.ask("SELECT alarms FROM runs") for alarm in json.loads(told)]
        assert [alarm["what"] for alarm in alarms if alarm["rule"] == "not delivered"] == [
            f"the last report: json://someone:****@127.0.0.1:{hook.server_port}/hook did not take it"
        ]
        (sent,) = hook.got
        assert sent["message"].startswith(second.stdout.decode().rstrip("\n"))
        assert first.stdout.decode().rstrip("\n") in sent["message"]
        assert not Outbox(home.archive).path.exists()


@pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")  # Apprise mends it for itself
@pytest.mark.parametrize("address", ["nonsense", "http://", "file:///etc/passwd"])
def test_an_address_that_is_none_is_said_and_nothing_of_it_is_told(address: str) -> None:
    assert deliver(Report("title", ["a line"]), [address]) == [
        f"found {address.partition(':')[0]}://…, wanted an address that Apprise knows"
    ]


def test_what_lies_in_a_broken_outbox_does_no_harm(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "archive.db")
    outbox.path.write_bytes(b"\xff[")
    assert (outbox.read(), outbox.send(Report("title", []), ["nonsense"])) == ({}, [])


def test_an_alarm_says_since_when_it_has_been_true(tmp_path: Path) -> None:
    def alarm(rule: str) -> dict[str, Any]:
        return {"portal": "a.cn", "channel": "x", "rule": rule, "what": "", "url": "", "capture": None}

    nights = (
        ["silent list", "few new"],
        [],
        ["few new"],
        ["few new", "unread"],
        ["few new", "unread", "tampered"],
    )
    with Archive(tmp_path / "archive.db") as archive:
        for day, rules in enumerate(nights, 1):
            for spider in ("lyg_news", "lyg_epaper"):
                run = archive.start_run(spider, started=f"2026-11-{day:02}T02:00:00+08:00")
                found = [alarm(rule) for rule in rules if spider == "lyg_news"]
                archive.finish_run(run, outcome="finished", counts={}, alarms=found)
        since = archive.alarmed_since("20261104T180000Z-lyg_news")
    assert since == {
        ("a.cn", "x", "few new"): "2026-11-03T02:00:00+08:00",
        ("a.cn", "x", "unread"): "2026-11-04T02:00:00+08:00",
    }
