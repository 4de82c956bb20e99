"""A night that is dealt to a Dask cluster makes the archive of a plain one; a cluster that cannot be used is told at once."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from crawler import cluster
from crawler.archive import ArchiveLocked, lock, report
from crawler.cluster import ClusterError, Deal, DealFailed, Done, Versions, connect, deal_out, versions
from tests.home import Home
from tests.replica import Replica
from tests.replica.server import Request
from tests.test_merge import meaning

distributed = pytest.importorskip("distributed", reason="no Dask here: make cluster")


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """A scheduler with a worker that is a thread of this process."""
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None, silence_logs=50
        ) as made,
        distributed.Client(made) as client,
    ):
        yield client


@pytest.mark.parametrize(
    "address", ["", "local:0", "local:x", "127.0.0.1:8786", "http://127.0.0.1:8786", "tcp://here"]
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, address: str) -> None:
    wanted = r"wanted a scheduler's address as tcp://HOST:8786, or local:N"
    with pytest.raises(ClusterError, match=wanted) as wrong, connect(address, tmp_path):
        pass
    assert wrong.value.exitcode == 9


def test_a_silent_address_ends_with_8_before_anything_begins(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:  # takes the call, and says nothing
        address = f"tcp://127.0.0.1:{door.getsockname()[1]}"
        wanted = f"nobody answers at {address} within 0.5 s"
        with (
            pytest.raises(ClusterError, match=wanted) as wrong,
            connect(address, home.folder / "shards", seconds=0.5),
        ):
            pass
    assert wrong.value.exitcode == 8
    done = home.scrapy("nightly", "--quiet", "--cluster", address)
    assert done.returncode == 8
    assert f"nobody answers at {address} within 10 s" in done.stderr.decode()
    assert home.ask("SELECT count(*) FROM runs") == [(0,)]


def test_a_scheduler_without_workers_ends_with_8(tmp_path: Path) -> None:
    with (
        distributed.LocalCluster(
            n_workers=0, processes=False, dashboard_address=None, protocol="tcp", silence_logs=50
        ) as empty,
        pytest.raises(ClusterError, match="found no worker at") as wrong,
        connect(empty.scheduler_address, tmp_path, seconds=0.5),
    ):
        pass
    assert wrong.value.exitcode == 8


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"program": "0.0.9"}, "version 0.0.9"),
        ({"shape": 3}, "archives of shape 3"),
        ({"python": "3.9"}, "Python 3.9"),
    ],
)
def test_workers_of_another_version_end_with_9(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], found: str
) -> None:
    own, here = versions(), threading.get_ident()

    def other() -> Versions:
        return own if threading.get_ident() == here else own._replace(**change)

    cluster.check(client, "here", tmp_path, 5.0)
    monkeypatch.setattr(cluster, "versions", other)
    with pytest.raises(ClusterError, match=rf"found .*{found}.* on the worker .*, wanted {own}") as wrong:
        cluster.check(client, "here", tmp_path, 5.0)
    assert wrong.value.exitcode == 9


def test_workers_that_do_not_see_the_folder_of_shards_end_with_9(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "probe", lambda token: (versions(), Path(f"{token}.elsewhere").is_file()))
    with pytest.raises(ClusterError, match=r"does not see .*, wanted a file system that it shares") as wrong:
        cluster.check(client, "here", tmp_path, 5.0)
    assert wrong.value.exitcode == 9
    assert list(tmp_path.iterdir()) == []


def test_every_deal_is_told_once_also_one_that_fails(client: Any) -> None:
    def work(number: int) -> int:
        if number == 2:
            raise DealFailed(Done(5, "why"))
        return number * number

    told = dict(deal_out(client, work, {str(number): (number,) for number in range(4)}, kind="test"))
    failed = told.pop("2")
    assert told == {"0": 0, "1": 1, "3": 9}
    assert isinstance(failed, DealFailed)
    assert cluster.as_done(failed) == Done(5, "why")
    assert cluster.as_done(ArchiveLocked("held", 75)) == Done(75, "held")


def test_a_deal_waits_for_the_process_that_still_crawls_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawled: list[str] = []
    monkeypatch.setattr(cluster, "run_command", lambda shard, *rest: crawled.append(shard.name) or 0)
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    deal = Deal("jia", ("jia.gov.cn",), ("jia.gov.cn",))
    with lock(tmp_path / "jia" / "archive.db"):
        done = cluster.crawl(deal, str(tmp_path), "2026-11-28T02:00:00+08:00", (), {}, None)
    assert (done.code, crawled) == (4, [])
    assert "holds the lock" in done.said
    assert cluster.crawl(deal, str(tmp_path), "2026-11-28T02:00:00+08:00", (), {}, None) == Done(0)
    assert crawled == ["jia"]


def test_a_deal_whose_process_is_killed_again_and_again_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "run_command", lambda *rest: -9)
    with pytest.raises(DealFailed) as wrong:
        cluster.crawl(Deal("jia", (), ()), str(tmp_path), "2026-11-28T02:00:00+08:00", (), {}, None)
    assert wrong.value.done == Done(5, f"its process was killed {cluster.TRIES} times")


class Nights(NamedTuple):
    """A plain night, the same one dealt to two workers, and what that asked for and said."""

    plain: Home
    dealt: Home
    asked: list[Request]
    done: subprocess.CompletedProcess[bytes]


@pytest.fixture(scope="module")
def nights(make_home: Callable[[], Home]) -> Nights:
    with Replica(seed=7, stories=24) as replica:
        plain, dealt = make_home().through(replica), make_home().through(replica)
        assert plain.crawl("nightly", "--quiet").returncode == 0
        begun = len(replica.requests)
        done = dealt.crawl("nightly", "--cluster", "local:2")
        return Nights(plain, dealt, replica.requests[begun:], done)


def test_a_night_on_a_cluster_is_a_plain_night(nights: Nights) -> None:
    plain, dealt, asked, done = nights
    assert done.returncode == 0, done.stderr.decode()
    assert meaning(dealt.archive) == meaning(plain.archive)
    assert sorted(dealt.ask("SELECT spider, json_extract(arguments, '$.shard'), outcome FROM runs")) == [
        (name, name, "finished") for name in ("lyg_epaper", "lyg_minzheng", "lyg_news")
    ]
    assert dealt.scrapy("verify").returncode == 0
    articles = [request.url for request in asked if "/content/" in request.path and request.status == 200]
    assert len(articles) == len(set(articles))
    assert done.stdout.decode().count(": finished: ") == 3


def test_a_rebuild_on_a_cluster_is_a_plain_one(nights: Nights) -> None:
    home = nights.dealt
    place = home.folder / "rebuilt.db"
    done = home.scrapy("rebuild", "--cluster", "local:2", "--to", str(place))
    assert done.returncode == 0, done.stderr.decode()
    assert report(home.archive, place).same
    assert meaning(place) == meaning(home.archive)
    assert not home.archive.with_name("archive.db.parts").exists()


def test_captures_are_read_from_wherever_fsspec_finds_them(tmp_path: Path) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe(
        {f"/captures/2026112{day}T020000Z-news.warc.gz": b"x" for day in range(3)} | {"/captures/x": b""}
    )
    wanted = [f"2026112{day}T020000Z-news.warc.gz" for day in range(3)]
    assert cluster.list_captures("memory://captures") == wanted
    for name in wanted:
        (tmp_path / name).touch()
    assert cluster.list_captures(str(tmp_path)) == wanted
