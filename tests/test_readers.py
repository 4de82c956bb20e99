"""Processes that work ahead: results in order, whatever becomes of a process."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from scrapy.utils.project import get_project_settings

from crawler import guards
from crawler.archive import Prepared, Remembered, words
from crawler.captures import CaptureRecord, CaptureWriter, read_run
from crawler.guards import TooSlow, bounded
from crawler.readers import AHEAD, LOSSES, Readers, ReadersLost
from crawler.rebuilding import Ahead, Known, Task, Tasks, parted
from crawler.replay import Place, Read, Survey
from tests.test_faults import CAPTURE


def make() -> Callable[[int], Callable[[Any], Any]]:
    """Give what multiplies numbers by what all were told; other tasks are called."""

    def begin(factor: int) -> Callable[[Any], Any]:
        return lambda task: task() if callable(task) else task * factor

    return begin


@contextmanager
def two(ended: Callable[[int], None] = lambda pid: None) -> Iterator[Readers[Any, Any]]:
    """Give two processes; none is left."""
    with closing(Readers[Any, Any](2, make, ended)) as readers:
        pids = [hand.process.pid for hand in readers.hands]
        yield readers
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def test_results_come_in_order_with_what_needs_no_reading_between_them() -> None:
    with two() as readers:
        readers.begin(3)
        tasks = [(n if n % 3 else None, n) for n in range(50)]
        assert list(readers.read(tasks)) == [(None if n % 3 == 0 else 3 * n, n) for n in range(50)]
        readers.begin(5)
        assert list(readers.read([(1, "a"), (2, "b")])) == [(5, "a"), (10, "b")]


def test_no_more_is_taken_up_than_a_few_tasks_for_each_process() -> None:
    taken = []

    def tasks() -> Iterator[tuple[int, None]]:
        for number in range(1000):
            taken.append(number)
            yield number, None

    with two() as readers:
        readers.begin(1)
        results = readers.read(tasks())
        assert [next(results)[0] for _ in range(10)] == list(range(10))
        assert len(taken) == 9 + 2 * AHEAD


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGPROF])
def test_what_a_killed_process_had_is_done_by_another(tmp_path: Path, number: int) -> None:
    ended: list[int] = []
    with two(ended.append) as readers:
        first = [hand.process.pid for hand in readers.hands]
        readers.begin(2)
        tasks: list[tuple[Any, Any]] = [(n, None) for n in range(20)]
        tasks[5] = (Once(tmp_path / "mark", number), None)
        assert [result for result, _ in readers.read(tasks)] == [
            "done" if n == 5 else 2 * n for n in range(20)
        ]
        assert len(ended) == 1
        assert ended[0] in first


class Once:
    """A task that ends its process the first time."""

    def __init__(self, mark: Path, number: int) -> None:
        self.mark, self.number = mark, number

    def __call__(self) -> str:
        if not self.mark.exists():
            self.mark.touch()
            os.kill(os.getpid(), self.number)
        return "done"

    def __str__(self) -> str:
        return "a deadly page"


class Deadly(Once):
    """A task that always ends its process."""

    def __call__(self) -> str:
        os.kill(os.getpid(), self.number)
        return "never"


def test_a_task_that_ends_every_process_ends_the_reading_with_its_name(tmp_path: Path) -> None:
    with two() as readers:
        readers.begin(2)
        tasks = [(1, None), (Deadly(tmp_path, signal.SIGKILL), None), *[(n, None) for n in range(50)]]
        with pytest.raises(ReadersLost, match=f"signal 9 over a deadly page, the last of {LOSSES}"):
            list(readers.read(tasks))


def test_a_process_that_fails_is_replaced_and_given_up_in_the_end() -> None:
    def broken() -> Callable[[Any], Callable[[Any], Any]]:
        raise SystemExit(3)

    def read() -> None:
        with closing(Readers[int, int](1, broken, lambda pid: None)) as readers:
            readers.begin(1)
            list(readers.read([(1, None)] * 5))

    with pytest.raises(ReadersLost, match="exit code 3"):
        read()


class Hang:
    """A capture over which a library does not return."""

    def __call__(self) -> str:
        try:
            with bounded("in a test", CAPTURE):
                deque(repeat(1), maxlen=0)
        except TooSlow as slow:
            return str(slow)
        return "read"


def test_a_capture_over_which_two_processes_died_is_given_up_by_the_third(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guards, "STAGE_SECONDS", 0.1)
    monkeypatch.setattr(guards, "LAST_SECONDS", 0.2)
    monkeypatch.setattr(guards.WATCH, "deaths", Counter())
    captures = tmp_path / "warc"

    def watching() -> Callable[[int], Callable[[Any], Any]]:
        guards.WATCH.open_alone(captures)
        return make()

    with closing(Readers[Any, Any](2, watching, partial(guards.WATCH.take_up, captures))) as readers:
        readers.begin(1)
        results = [result for result, _ in readers.read([(1, None), (Hang(), None), (2, None)])]
    said = "too-slow: 2 processes ended over it, wanted one that reads it, in a test"
    assert results == [1, said, 2]
    assert guards.WATCH.deaths == {CAPTURE.digest: 2}
    assert [path.name for path in tmp_path.iterdir()] == ["warc.deadly"]
    assert capfd.readouterr().err.count("Stack (most recent call first)") == 2


def test_a_hanging_process_is_ended_with_the_reading() -> None:
    with two() as readers:
        readers.begin(1)
        results = readers.read([(1, None), *[(Sleep(), None)] * 3])
        assert next(results) == (1, None)


class Sleep:
    """A task that does not return."""

    def __call__(self) -> None:
        time.sleep(600)


def test_no_process_outlives_the_one_that_started_it() -> None:
    out, into = os.pipe()
    parent = os.fork()
    if parent == 0:  # killed with two processes at work, one of them in a task
        readers = Readers[Any, Any](2, make, lambda pid: None)
        readers.begin(1)
        readers.give(0, Nap())
        os.write(into, " ".join(str(hand.process.pid) for hand in readers.hands).encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(into)
    os.waitpid(parent, 0)
    with open(out) as told:
        pids = told.read().split()
    assert len(pids) == 2
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(
        Path(f"/proc/{pid}/fd").exists() and alive(pid) for pid in pids
    ):
        time.sleep(0.01)
    assert [pid for pid in pids if alive(pid)] == []


def alive(pid: str) -> bool:
    """Tell whether a process is there and more than a name that nobody has asked for."""
    try:
        said = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return said.rpartition(")")[2].split()[0] != "Z"


class Nap:
    """A task of a moment."""

    def __call__(self) -> None:
        time.sleep(0.1)


def test_what_asks_the_archive_is_left_to_the_process_that_writes(tmp_path: Path) -> None:
    name, host = "20261128T020000Z-lyg_news", "http://www.lyg.gov.cn"
    story = "<h1>海州区新建书屋三处</h1><div id=zoom><p>海州区昨日新建书屋三处，每处藏书五千册，全年免费开放。</p></div>"
    with CaptureWriter(tmp_path, name, software="", spider="lyg_news", arguments={}) as writer:
        for number, (status, body) in enumerate([(200, story), (404, "没有"), (200, " "), (304, "")]):
            url = f"{host}/zglygzfmhwz/gcyw/content/{number}.html"
            writer.write(
                url=url,
                status=status,
                headers=[("Content-Type", "text/html; charset=utf-8")],
                body=body.encode(),
                fetched_at="2026-11-28T10:00:00+08:00",
                kind="article",
                context={"portal": "www.lyg.gov.cn", "channel": "gcyw", "url": url, "title": "书屋"},
            )
    survey = Survey()
    assert read_run(tmp_path / f"{name}.warc.gz", survey.meet) is not None
    places = [place for place in survey.order if isinstance(place, Place)]
    assert [(place.kind, place.status) for place in places] == [("article", s) for s in (200, 404, 200, 304)]
    remembered = Remembered("www.lyg.gov.cn", frozenset(), frozenset(), {})
    read = Ahead(get_project_settings()).begin(Known("lyg_news", {}, {"www.lyg.gov.cn": remembered}))
    tasks = tuple(Task(place.offset, None) for place in places)
    answers = read(Tasks(str(tmp_path / f"{name}.warc.gz"), tasks))
    told = []
    for record, found in answers:
        assert isinstance(record, CaptureRecord)
        page = found.page if isinstance(found, Read) else None
        told.append(
            (
                record.status,
                record.body,
                page and page.text,
                found.dropped if isinstance(found, Read) else None,
            )
        )
    empty = f"empty: found 1 bytes of white space, wanted a page, at {host}/zglygzfmhwz/gcyw/content/2.html"
    assert told == [
        (200, b"", "海州区昨日新建书屋三处，每处藏书五千册，全年免费开放。", None),
        (404, "没有".encode(), None, None),
        (200, b"", None, empty),
        (304, b"", None, None),
    ]
    first = answers[0].read
    assert isinstance(first, Read)
    page = first.page
    assert (page.body, page.tree, page.capture, first.stats) == (
        b"",
        None,
        None,
        {"encoding/utf-8": 1, **missing()},
    )
    assert page.prepared == Prepared.of(page)._replace(spelled=page.prepared.spelled)
    assert page.prepared.spelled.entries == words("海州区新建书屋三处", page.text, None, "202611")


def missing() -> dict[str, int]:
    """Give what is counted of a page that tells neither when nor by whom."""
    return {f"extraction/without_{field}": 1 for field in ("published", "source")}


def test_towards_the_end_of_a_file_several_processes_get_less_at_once() -> None:
    order = [Place(number, None, 200, None) for number in range(100)]
    for jobs, sizes in (
        (1, [16, 16, 16, 16, 16, 16, 4]),
        (2, [12, 11, 9, 8, 7, 6, 5, 5, 4, 4, 3, 3, *[2] * 11, 1]),
    ):
        parts = list(parted(order, jobs))
        assert [len(part) for part in parts] == sizes
        assert [place for part in parts for place in part] == order
