"""Work dealt to the processes and machines of a Dask cluster; without one nothing here is used.

A *deal* is what is never done from two places at once: the portals of one source that belong together, crawled into
a shard of their own by an ordinary ``scrapy nightly --only``. What guards it is the kernel's lock on the shard's
archive, held by the crawling process itself as long as it lives. So Dask may believe a worker lost and deal its work
again while the worker still lives: the second one waits for the lock, finds what the first one did, and goes on there.
All places see one folder of shards (a disk, or a file system with locks that they share).
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from scrapy.settings import BaseSettings

from crawler.archive import SHAPE_VERSION, Archive, ArchiveError, ArchiveLocked, lock, merge, now, seed
from crawler.captures import local_time
from crawler.extensions import SEVERITY, gravest
from crawler.settings import ROOT

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

LOCAL_RE = re.compile(r"local:([1-9][0-9]{0,2})")
ADDRESS_RE = re.compile(r"(?:tcp|tls|ws|wss)://\S+:\d{1,5}")
TRIES = 5
"""How often a place runs one deal whose process was killed, before it gives up."""
LOSSES = 20
"""How often a deal is dealt again whose workers were lost one after the other."""
GRACE = 300.0
"""Seconds that a process may take beyond its time to end in good order."""
PATIENCE = 6 * 3600.0
"""Seconds that a place waits for another one, believed lost, that still crawls the same."""
GIVEN = ("CONTACT",)
"""Variables of the environment that go with the work; all others are those of the place."""
PLACES = ("ARCHIVE_PATH", "CAPTURE_DIR", "LOG_FILE")
"""Settings that are a shard's own."""
STOP = "STOP"
"""The file in the folder of shards that tells all places to end in good order."""

T = TypeVar("T")


class ClusterError(Exception):
    """The cluster cannot be used: the message says what was found, what was wanted, where."""

    def __init__(self, message: str, exitcode: int) -> None:
        """Keep the message, and the exit code that a command ends with."""
        super().__init__(message)
        self.exitcode = exitcode


class Versions(NamedTuple):
    """What has to be the same on all places, so that they do the same."""

    program: str
    shape: int
    python: str

    def __str__(self) -> str:
        """Say them in one line."""
        return f"version {self.program} with archives of shape {self.shape} on Python {self.python}"


def versions() -> Versions:
    """Give the versions of this process."""
    python = "{}.{}".format(*sys.version_info)
    return Versions(importlib.metadata.version("govnews-archive"), SHAPE_VERSION, python)


def probe(token: str) -> tuple[Versions, bool]:
    """Say on a worker which versions it has, and whether it sees a file."""
    return versions(), Path(token).is_file()


@contextmanager
def connect(address: str, shared: Path, seconds: float = 10.0) -> Iterator[Client]:
    """Give a client of the cluster at an address, or of so many processes of this machine (``local:N``).

    Before anything begins it is made sure that there are workers, all of this version, and that they see the folder
    `shared`. Raises ClusterError, with exit code 8 where nobody answers, else 9.
    """
    local = LOCAL_RE.fullmatch(address)
    if not local and not ADDRESS_RE.fullmatch(address):
        raise ClusterError(
            f"cluster: found {address!r}, wanted a scheduler's address as tcp://HOST:8786, or local:N", 9
        )
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ClusterError(
            f"cluster: found no Dask ({error}), wanted the extra: pip install -e '.[cluster]'", 9
        ) from None
    logging.getLogger("distributed").setLevel(
        logging.ERROR
    )  # what it means for us is told as an error of ours
    cluster = None
    try:
        if local:
            cluster = LocalCluster(
                n_workers=int(local[1]),
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.ERROR,
            )
        try:
            if cluster is None:
                greet(address, seconds)
            client = Client(cluster or address, timeout=seconds)
        except (OSError, TimeoutError) as error:
            raise ClusterError(
                f"cluster: nobody answers at {address} within {seconds:g} s ({type(error).__name__}), wanted a Dask scheduler",
                8,
            ) from None
        with client:
            check(client, address, shared, seconds)
            yield client
    finally:
        if cluster is not None:
            cluster.close()


def greet(address: str, seconds: float) -> None:
    """Exchange greetings with a scheduler. Raises OSError or TimeoutError where none answers in time.

    Dask's client waits for ever for one that takes the call and says nothing.
    """
    from distributed.comm import connect
    from distributed.security import Security

    async def call() -> None:
        secured = Security().get_connection_args("client")
        comm = await asyncio.wait_for(connect(address, timeout=seconds, **secured), seconds)
        await comm.close()

    with ThreadPoolExecutor(1) as line:  # this thread's loop is Scrapy's
        line.submit(asyncio.run, call()).result()


def check(client: Client, address: str, shared: Path, seconds: float) -> None:
    """Make sure that there are workers, of this version, that see the folder. Raises ClusterError."""
    try:
        client.wait_for_workers(1, timeout=seconds)
    except TimeoutError:
        raise ClusterError(f"cluster: found no worker at {address}, wanted one at least", 8) from None
    shared.mkdir(parents=True, exist_ok=True)
    token = shared / f".seen-{uuid.uuid4().hex}"
    token.touch()
    try:
        found: Mapping[str, Any] = client.run(probe, str(token), on_error="return")
    finally:
        token.unlink()
    for worker, said in sorted(found.items()):
        if isinstance(said, BaseException):
            raise ClusterError(
                f"cluster: the worker {worker} cannot run this program ({type(said).__name__}: {said}), wanted {versions()}",
                9,
            )
        if said[0] != versions():
            raise ClusterError(f"cluster: found {said[0]} on the worker {worker}, wanted {versions()}", 9)
        if not said[1]:
            raise ClusterError(
                f"cluster: the worker {worker} does not see {shared}, wanted a file system that it shares with this machine",
                9,
            )


def deal_out(
    client: Client, work: Callable[..., T], deals: Mapping[str, tuple[Any, ...]], *, kind: str
) -> Iterator[tuple[str, T | BaseException]]:
    """Have every deal done, and give what came of it, by name, as it ends: a result, or why there is none.

    What a lost worker had is dealt again. `kind` is the first word of its key on Dask's dashboard.
    """
    from distributed import KilledWorker, as_completed

    round_ = uuid.uuid4().hex[:8]
    losses = dict.fromkeys(deals, 0)
    names: dict[str, str] = {}

    def submit(name: str) -> Any:
        key = f"{kind}-{name}-{round_}-{losses[name]}"
        names[key] = name
        # neither remembered nor done beforehand: it changes the world
        return client.submit(work, *deals[name], key=key, pure=False, retries=0)

    going = as_completed([submit(name) for name in deals])
    for future in going:
        name = names[future.key]
        error = future.exception() if future.status == "error" else None
        if isinstance(error, KilledWorker) and losses[name] < LOSSES:
            losses[name] += 1
            going.add(submit(name))
            continue
        yield name, error if error is not None else future.result()


class Deal(NamedTuple):
    """One part of a night: what is crawled into one shard."""

    name: str
    """The word for ``scrapy nightly --only``, and the name of the shard."""
    portals: tuple[str, ...]
    hosts: tuple[str, ...]


class Done(NamedTuple):
    """What came of a deal."""

    code: int
    said: str = ""
    """Why, where nobody can read it in ``runs``."""


class DealFailed(Exception):
    """A crawl ended with an error; Dask's dashboard shows it."""

    def __init__(self, done: Done) -> None:
        """Keep what came of the deal."""
        super().__init__(done)
        self.done = done


def crawl(
    deal: Deal, folder: str, night: str, words: Sequence[str], settings: Mapping[str, str], end: float | None
) -> Done:
    """Crawl a deal into its shard, on a worker, unless that is done; `end`: the time at which all is over.

    Raises DealFailed where the run ended with an error.
    """
    shard = Path(folder) / deal.name
    own = {
        "HOST_LOCKS": str(shard.parent / "hosts"),
        "SHARD": deal.name,
        "NIGHT": night,
        "NOTIFY": "",
    }
    command = ["nightly", "--only", deal.name, "--quiet", *words]
    return do_once(shard, command, {**settings, **own}, lambda archive: read_done(archive, night), end)


def do_once(
    shard: Path,
    words: Sequence[str],
    settings: Mapping[str, str],
    done_before: Callable[[Path], Done | None],
    end: float | None = None,
) -> Done:
    """Run a command of this project upon a shard, unless `done_before` finds that it is done; wait while another process does it.

    Raises DealFailed where it ended with an error.
    """
    archive = shard / "archive.db"
    killed = 0
    patience = time.monotonic() + PATIENCE
    while True:
        left = None if end is None else end - time.time()
        try:
            with lock(archive, seconds=1.0):
                done = done_before(archive)
        except ArchiveLocked as held:  # whoever holds it may have been believed lost, and still works
            if time.monotonic() > patience:
                return Done(4, str(held))
            continue
        if done is None and ((shard.parent / STOP).exists() or (left is not None and left <= 0)):
            return Done(4, "the night was over before its turn came")
        if done is None and killed < TRIES:
            code = run_command(shard, words, settings, left)
            killed += code < 0
            if code < 0 or code == 75:
                continue
            done = done_before(archive) or Done(code)
        done = done or Done(5, f"its process was killed {killed} times")
        if done.code not in (0, 3, 4):
            raise DealFailed(done._replace(said=done.said or last_line(shard)))
        return done


def run_command(shard: Path, words: Sequence[str], settings: Mapping[str, str], left: float | None) -> int:
    """Run a command of this project upon a shard to its end; give its exit code, below 0 where it was killed."""
    places = {"ARCHIVE_PATH": str(shard / "archive.db"), "CAPTURE_DIR": str(shard / "warc")}
    command = [sys.executable, "-m", "scrapy", *words]
    if left is not None:
        command += ["--max-minutes", f"{left / 60:.3f}"]
    with open(shard / "said", "wb") as said:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **settings, **places},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
        asked = None
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=1.0)
            left = None if left is None else left - 1.0
            if asked is None and ((shard.parent / STOP).exists() or (left is not None and left < -GRACE)):
                asked = time.monotonic()
                process.send_signal(signal.SIGTERM)
            elif asked is not None and time.monotonic() - asked > GRACE:
                process.kill()


def read_done(archive: Path, night: str) -> Done | None:
    """Read how the run of a night ended in a shard; None where there was none that ended. Its lock must be held."""
    if not archive.exists():
        return None
    with Archive(archive, readonly=True) as shard:
        codes = shard.ended(night)
    return Done(codes[-1]) if codes else None


def last_line(shard: Path) -> str:
    """Give the last line that a command upon a shard said."""
    try:
        lines = (shard / "said").read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def crawl_night(
    address: str,
    settings: BaseSettings,
    deals: Sequence[Deal],
    words: Sequence[str],
    *,
    seconds: float | None,
    told: Callable[[str, Done], None],
) -> tuple[int, str]:
    """Crawl the deals of a night on a cluster and merge their shards into the archive; give the exit code and the night.

    `words` go to each crawl, `seconds` bound the night, `told` hears of each deal that ended. Raises ClusterError or
    ArchiveError where it cannot begin.
    """
    archive = Path(settings["ARCHIVE_PATH"]).resolve()
    captures = Path(settings["CAPTURE_DIR"]).resolve()
    folder = archive.with_name(archive.name + ".shards")
    with lock(archive, seconds=settings.getfloat("ARCHIVE_LOCK_SECONDS")):
        with Archive(archive) as whole:  # what cannot be used is told before anything is fetched
            took = whole.last_minutes()
        deals = sorted(
            deals, key=lambda deal: -took.get(deal.name, float("inf"))
        )  # what takes long begins first
        with connect(address, folder) as client:
            night = local_time(now().replace(microsecond=0))
            for deal in deals:
                if not (place := folder / deal.name / "archive.db").exists():
                    seed(place, archive, captures, deal.portals, deal.hosts)
            end = None if seconds is None else time.time() + seconds
            given = {name: os.environ[name] for name in GIVEN if name in os.environ}
            given["WHOLE_ARCHIVE"] = str(archive)
            found = crawl_all(client, deals, folder, night, words, given, end, told)
        codes = [done.code if done.code in SEVERITY or not done.code else 4 for done in found.values()]
        codes.append(merge_shards([folder / deal.name for deal in deals], archive, captures, told))
    return gravest(codes), night


def merge_shards(
    shards: Iterable[Path], archive: Path, captures: Path, told: Callable[[str, Done], None]
) -> int:
    """Merge the shards of a night; one that does not fit is told and left out. Give the exit code."""
    there = [shard for shard in shards if (shard / "archive.db").exists()]
    with suppress(ArchiveError):
        if there:
            merge(there, archive, captures, seconds=1.0)
        return 0
    codes = []
    for shard in there:
        try:
            merge([shard], archive, captures, seconds=1.0)
        except ArchiveError as wrong:
            codes.append(wrong.exitcode if wrong.exitcode in SEVERITY else 4)
            told(shard.name, Done(codes[-1], str(wrong)))
    return gravest(codes)


def crawl_all(
    client: Client,
    deals: Iterable[Deal],
    folder: Path,
    night: str,
    words: Sequence[str],
    settings: Mapping[str, str],
    end: float | None,
    told: Callable[[str, Done], None],
) -> dict[str, Done]:
    """Have all deals of a night crawled; `told` hears of each that ended."""
    (folder / STOP).unlink(missing_ok=True)
    for deal in deals:
        (folder / deal.name).mkdir(parents=True, exist_ok=True)
    work = {deal.name: (deal, str(folder), night, tuple(words), dict(settings), end) for deal in deals}
    found: dict[str, Done] = {}
    try:
        for name, result in deal_out(client, crawl, work, kind="crawl"):
            found[name] = as_done(result)
            told(name, found[name])
    except KeyboardInterrupt:
        (folder / STOP).touch()
        wait = time.monotonic() + GRACE
        for name in work.keys() - found.keys():
            found[name] = Done(4, "told to end")
            with suppress(ArchiveError), lock(folder / name / "archive.db", seconds=wait - time.monotonic()):
                pass  # it has ended
    (folder / STOP).unlink(missing_ok=True)
    return found


def as_done(result: Done | BaseException) -> Done:
    """Give what came of a deal, also where its worker could not say."""
    if isinstance(result, DealFailed):
        return result.done
    if isinstance(result, ArchiveError):
        return Done(result.exitcode, str(result))
    if isinstance(result, BaseException):
        return Done(5, f"{type(result).__name__}: {result}")
    return result


# -- rebuild --


FILE_RE = re.compile(r"\d{8}T\d{6}Z-(.+?)(?:-\d+)?\.warc\.gz")
"""A capture file's name: when its run began, its spider, its shard where it has one."""


def part_captures(names: Iterable[str], spiders: Iterable[str]) -> dict[str, list[str]]:
    """Part capture files into what is derived by itself: those of one source, or of its shards where all have one.

    >>> names = ["20261128T020000Z-news.warc.gz", "20261129T020000Z-news-2.warc.gz", "20261128T020000Z-portals-a.cn.warc.gz"]
    >>> part_captures(names, ["news", "portals"])  # doctest: +NORMALIZE_WHITESPACE
    {'news': ['20261128T020000Z-news.warc.gz', '20261129T020000Z-news-2.warc.gz'],
     'portals-a.cn': ['20261128T020000Z-portals-a.cn.warc.gz']}
    >>> list(part_captures([*names, "20261130T020000Z-portals.warc.gz"], ["news", "portals"]))
    ['news', 'portals']
    """
    known = sorted(spiders, key=len, reverse=True)
    groups: dict[str, dict[str, list[str]]] = {}
    for name in sorted(names):
        match = FILE_RE.fullmatch(name)
        made_by = match[1] if match else name
        spider = next((each for each in known if made_by == each or made_by.startswith(f"{each}-")), made_by)
        groups.setdefault(spider, {}).setdefault(made_by, []).append(name)
    found: dict[str, list[str]] = {}
    for spider, shards in groups.items():
        if spider in shards:
            found[spider] = sorted(name for files in shards.values() for name in files)
        else:
            found |= shards
    return found


def list_captures(place: str) -> list[str]:
    """Name the capture files of a folder, or of any place that fsspec knows (``s3://…``, ``hdfs://…``)."""
    if "://" not in place:
        return sorted(path.name for path in Path(place).glob("*.warc.gz"))
    from fsspec.core import url_to_fs

    files, root = url_to_fs(place)
    return sorted(path.rpartition("/")[2] for path in files.glob(f"{root.rstrip('/')}/*.warc.gz"))


def derive(
    name: str, names: Sequence[str], captures: str, folder: str, words: Sequence[str], whole: str
) -> Done:
    """Derive the archive of some capture files, on a worker, unless that is done.

    Files of this machine are linked into the shard's folder, others are fetched. Raises DealFailed.
    """
    shard = Path(folder) / name
    warc = shard / "warc"
    warc.mkdir(parents=True, exist_ok=True)
    for each in names:
        if (warc / each).exists():
            continue
        part = warc / f"{each}.{os.getpid()}.part"
        part.unlink(missing_ok=True)
        if "://" in captures:
            from fsspec.core import url_to_fs

            files, root = url_to_fs(captures)
            files.get_file(f"{root.rstrip('/')}/{each}", str(part))
        else:
            part.symlink_to(Path(captures).resolve() / each)
        part.replace(warc / each)
    command = ["rebuild", "--yes", *words]
    return do_once(
        shard, command, {"WHOLE_ARCHIVE": whole}, lambda archive: Done(0) if archive.exists() else None
    )


def rebuild_on(
    address: str,
    captures: str,
    folder: Path,
    spiders: Iterable[str],
    words: Sequence[str],
    elder: Path | None,
    told: Callable[[str, Done], None],
) -> list[Path]:
    """Derive the shards of all captures on a cluster; give their folders.

    Spam of other portals counts as the `elder` archive knows it: they are derived at the same time.

    Raises ClusterError where it cannot be begun, or where one of them could not be made.
    """
    parts = part_captures(list_captures(captures), spiders)
    with connect(address, folder) as client:
        (folder / STOP).unlink(missing_ok=True)
        deals = {
            name: (name, tuple(names), captures, str(folder), tuple(words), str(elder or ""))
            for name, names in parts.items()
        }
        failed = []
        for name, result in deal_out(client, derive, deals, kind="rebuild"):
            done = as_done(result)
            told(name, done)
            if done.code:
                failed.append((name, done))
    if failed:
        name, done = failed[0]
        raise ClusterError(f"rebuild: {name}: {done.said or f'exit {done.code}'}", done.code)
    return [folder / name for name in parts]
