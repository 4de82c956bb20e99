"""Captures are written whole, pass other tools' checks, and come back as they were received."""

from __future__ import annotations

import gzip
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import zipfile
import zlib
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest
from warcio.checker import Checker
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from crawler.captures import (
    Capture,
    CaptureError,
    CaptureRecord,
    CaptureWriter,
    Damage,
    Last,
    RunRecord,
    Unpacked,
    mend,
    payload_digest,
    read_captures,
    read_record,
    read_run,
    sign_file,
    unpack,
)

WHEN = "2026-11-23T10:00:00+08:00"
LATER = "2026-11-24T10:00:00.250000+08:00"
PAGE = "<html><title>港城要闻</title><p>连云港日报讯。</p></html>".encode()
URL = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/1.html"


def writer(directory: Path, run_id: str = "20261123T020000Z-lyg_news") -> CaptureWriter:
    return CaptureWriter(directory, run_id, software="test/1", spider="lyg_news", arguments={"full": "1"})


def write(to: CaptureWriter, url: str = URL, body: bytes = PAGE, **more: Any) -> Capture:
    values: dict[str, Any] = {
        "status": 200,
        "headers": [("Content-Type", b"text/html; charset=utf-8"), ("ETag", b'"a1"')],
        "fetched_at": WHEN,
        "kind": "article",
    }
    return to.write(url=url, body=body, **{**values, **more})


def check(path: Path) -> int:
    """Run ``warcio check``; give its exit code."""
    code: int = Checker(Namespace(inputs=[str(path)], verbose=False)).process_all()
    return code


def records(path: Path, **more: Any) -> list[CaptureRecord]:
    found = list(read_captures(path, **more))
    assert [each for each in found if isinstance(each, Damage)] == []
    return [each for each in found if isinstance(each, CaptureRecord)]


def test_a_response_comes_back_as_it_was_received(tmp_path: Path) -> None:
    headers = [
        ("content-type", b"text/html"),
        ("Content-Disposition", "filename=通知.doc".encode("gbk")),
        ("X", b""),
    ]
    context = {
        "run": "r",
        "portal": "lyg.gov.cn",
        "listed": "2026-11-22",
        "title": "港城\n要闻",
        "ask": ["u", None, [1]],
    }
    with writer(tmp_path) as to:
        kept = write(to, headers=headers, reason="Fine", context=context, flags=["partial"])
        to.finish({"outcome": "finished"})
    path = tmp_path / kept.warc
    assert kept == Capture(
        url=URL,
        fetched_at=WHEN,
        status=200,
        content_type="text/html",
        digest=payload_digest(PAGE),
        warc="20261123T020000Z-lyg_news.warc.gz",
        offset=kept.offset,
        length=kept.length,
        kind="article",
        flags="partial",
    )
    record = CaptureRecord(
        path=str(path),
        offset=kept.offset,
        length=kept.length,
        url=URL,
        fetched_at=WHEN,
        status=200,
        reason="Fine",
        headers=tuple(headers),
        body=PAGE,
        kind="article",
        context=context,
        flags=("partial",),
        digest=kept.digest,
        digest_ok=True,
    )
    assert records(path) == [record]
    assert read_record(path, kept.offset) == record
    assert record.capture == kept
    assert read_run(path) == RunRecord(
        str(path),
        "20261123T020000Z-lyg_news",
        "lyg_news",
        "test/1",
        {"full": "1"},
        {"outcome": "finished"},
        so_far=(kept.offset + kept.length, sign_file(path, kept.offset + kept.length).digest),
    )
    assert check(path) == 0


def test_any_bytes_come_back(tmp_path: Path) -> None:
    chance = random.Random(1)
    bodies = [
        b"",
        b"\r\n\r\n",
        b"WARC/1.1\r\n",
        b"\x1f\x8b\x08",
        gzip.compress(PAGE),
        chance.randbytes(200_000),
    ]
    with writer(tmp_path) as to:
        kept = [write(to, f"http://a.cn/{number}", body) for number, body in enumerate(bodies)]
    found = records(tmp_path / kept[0].warc)
    assert [(each.url, each.body, each.digest_ok) for each in found] == [
        (f"http://a.cn/{number}", body, True) for number, body in enumerate(bodies)
    ]
    assert [each.capture for each in found] == kept
    assert check(tmp_path / kept[0].warc) == 0


@pytest.mark.parametrize(
    "url", ["http://a.cn/新闻 1.html", "http://a.cn/\ud800", "http://a.cn/a\r\nWARC-Type: x"]
)
def test_an_odd_address_cannot_break_a_record(tmp_path: Path, url: str) -> None:
    with writer(tmp_path) as to:
        kept = write(to, url, headers=[("X-Odd", "a\r\nSet-Cookie: s=1")], reason="a\r\nb: c")
    (found,) = records(tmp_path / kept.warc)
    assert (kept.url, found.reason, found.headers) == (url, "a b: c", (("X-Odd", b"a Set-Cookie: s=1"),))
    assert check(tmp_path / kept.warc) == 0


def test_secrets_are_not_written(tmp_path: Path) -> None:
    headers = [
        ("Set-Cookie", b"sid=geheim"),
        ("SET-cookie2", b"geheim"),
        ("Authorization", b"geheim"),
        ("A", b"b"),
    ]
    with writer(tmp_path) as to:
        kept = write(to, headers=headers)
    (found,) = records(tmp_path / kept.warc)
    assert found.headers == (("A", b"b"),)
    assert b"geheim" not in gzip.decompress((tmp_path / kept.warc).read_bytes())


def test_an_unchanged_payload_is_a_revisit(tmp_path: Path) -> None:
    with writer(tmp_path) as to:
        first = write(to)
        last = Last(first.digest, first.url, first.fetched_at, 7)
        same = write(
            to, last=last, fetched_at=LATER, headers=[("Content-Encoding", b"identity"), ("Age", b"2")]
        )
        none = write(to, last=last, fetched_at=LATER, status=304, body=b"", headers=[("Date", b"x")])
        other = write(to, last=last, fetched_at=LATER, body=PAGE + b" ")
        empty = write(to, last=Last(payload_digest(b""), URL, WHEN), body=b"")
    path = tmp_path / first.warc
    assert [(each.revisit_of, each.digest == first.digest) for each in (first, same, none, other, empty)] == [
        (None, True),
        (7, True),
        (7, True),
        (None, False),
        (None, False),
    ]
    found = records(path)
    assert [(each.revisit, each.refers_to, each.body, each.resolved) for each in found] == [
        (None, None, PAGE, True),
        ("same", (URL, WHEN), b"", False),
        ("not-modified", (URL, WHEN), b"", False),
        (None, None, PAGE + b" ", True),
        (None, None, b"", True),
    ]
    assert found[1].capture == same._replace(revisit_of=None)

    def held(record: CaptureRecord) -> CaptureRecord | None:
        return found[0] if record.refers_to == (URL, WHEN) else None

    resolved = records(path, resolve=held)[1:3]
    assert [(each.status, each.body, each.headers, each.resolved) for each in resolved] == [
        (200, PAGE, (("Age", b"2"),), True),
        (304, PAGE, (("Date", b"x"), *found[0].headers), True),
    ]
    assert check(path) == 0


def test_a_run_without_captures_leaves_no_file(tmp_path: Path) -> None:
    with writer(tmp_path / "warc") as to:
        to.sync()
        to.finish({"outcome": "failed"})
    assert list((tmp_path / "warc").iterdir()) == []


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    names = []
    for _ in range(2):
        with writer(tmp_path) as to:
            names.append(write(to).warc)
    assert names == ["20261123T020000Z-lyg_news.warc.gz", "20261123T020000Z-lyg_news-2.warc.gz"]


def test_an_unwritable_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "warc").write_text("in the way")
    with pytest.raises(CaptureError, match=r"wanted a directory to write in, cannot make .*/warc"):
        writer(tmp_path / "warc")


FULL = """
import resource, signal, sys
from crawler.captures import CaptureError, CaptureWriter, read_captures
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
to = CaptureWriter(sys.argv[1], "run", software="s", spider="p", arguments={})
import random
chance, kept = random.Random(3), 0
try:
    while True:
        to.write(url="http://a.cn/", status=200, headers=[], body=chance.randbytes(3000), fetched_at="2026-11-23T10:00:00")
        kept += 1
except CaptureError as error:
    print(kept, len(list(read_captures(sys.argv[1] + "/run.warc.gz"))), error)
"""


def test_a_full_disk_leaves_whole_records(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    kept, read, message = told.split(" ", 2)
    assert (kept, message.strip()[:22]) == (read, "captures: cannot write")
    assert (check(tmp_path / "run.warc.gz"), mend(tmp_path / "run.warc.gz")) == (0, 0)


def ten(directory: Path) -> tuple[Path, list[Capture]]:
    chance = random.Random(2)
    with writer(directory) as to:
        kept = [write(to, f"http://a.cn/{number}", chance.randbytes(2000)) for number in range(10)]
        to.finish({"outcome": "finished"})
    return directory / kept[0].warc, kept


def test_mend_cuts_off_what_is_torn_wherever_it_was_torn(tmp_path: Path) -> None:
    path, kept = ten(tmp_path)
    whole = path.read_bytes()
    ends = [0, kept[0].offset, *(each.offset + each.length for each in kept), len(whole)]
    chance = random.Random(4)
    for cut in [1, 2, 9, *ends[1:], *(chance.randrange(len(whole)) for _ in range(20))]:
        path.write_bytes(whole[:cut])
        torn = path.with_name(path.name + ".torn")
        torn.unlink(missing_ok=True)
        sound = max(end for end in ends if end <= cut)
        assert mend(path) == cut - sound
        rest = path.read_bytes() if path.exists() else b""
        assert rest + (torn.read_bytes() if torn.exists() else b"") == whole[:cut]
        assert len(rest) == sound
        if sound:
            assert (mend(path), check(path)) == (0, 0)


def test_mend_takes_zeros_behind_the_last_record_for_torn(tmp_path: Path) -> None:
    path, _ = ten(tmp_path)
    size = path.stat().st_size
    with path.open("ab") as file:
        file.write(bytes(5000))
    assert (mend(path), path.stat().st_size) == (5000, size)


def test_mend_leaves_damage_in_the_middle_and_other_files_alone(tmp_path: Path) -> None:
    path, kept = ten(tmp_path)
    data = bytearray(path.read_bytes())
    data[kept[4].offset + 30] ^= 1
    path.write_bytes(data)
    plain = tmp_path / "plain.warc"
    plain.write_bytes(b"WARC/1.0\r\nWARC-Type: response\r\n")
    assert (mend(path), path.read_bytes(), mend(plain), plain.stat().st_size) == (0, bytes(data), 0, 31)


def test_every_flipped_bit_costs_at_most_its_own_record_and_is_named(tmp_path: Path) -> None:
    path, kept = ten(tmp_path)
    whole = path.read_bytes()
    chance = random.Random(5)
    for _ in range(60):
        at = chance.randrange(kept[0].offset, kept[-1].offset + kept[-1].length)
        data = bytearray(whole)
        data[at] ^= 1 << chance.randrange(8)
        path.write_bytes(data)
        found = list(read_captures(path))
        hit = next(each for each in kept if each.offset <= at < each.offset + each.length)
        sound = [each.capture for each in found if isinstance(each, CaptureRecord) and each.digest_ok]
        damaged = [each.offset for each in found if isinstance(each, Damage)]
        # the gzip header has bytes (time, system) that no check sum covers and nothing depends on
        assert sound == [each for each in kept if each != hit or not damaged], at
        assert damaged in ([hit.offset], []), at
        assert damaged or at - hit.offset < 10, at


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_a_cut_file_gives_what_is_whole_and_says_where_it_ends(tmp_path: Path, share: float) -> None:
    path, kept = ten(tmp_path)
    data = path.read_bytes()
    cut = int(len(data) * share)
    path.write_bytes(data[:cut])
    *found, last = read_captures(path)
    whole = [each for each in kept if each.offset + each.length <= cut]
    assert [each.capture for each in found if isinstance(each, CaptureRecord)] == whole
    assert last == Damage(
        str(path), max(each.offset for each in kept if each.offset < cut), "the gzip member is cut off"
    )


# --- files of others ---


def foreign(file: Any, gzipped: bool) -> None:
    """Write what wget and browsertrix write: a request, a chunked answer, a DNS record, a resource."""
    to = WARCWriter(file, gzip=gzipped, warc_version="WARC/1.0")
    chunked = b"5\r\n<p>1<\r\n3\r\n/p>\r\n0\r\n\r\n"
    head = StatusAndHeaders("200 OK", [("Transfer-Encoding", "chunked"), ("A", "b")], protocol="HTTP/1.1")
    dated = {"WARC-Date": "2024-01-18T01:54:49Z"}
    to.write_record(to.create_warcinfo_record("other.warc", {"software": "wget"}))
    ask = StatusAndHeaders("/ HTTP/1.1", [("Host", "a.cn")], protocol="GET")
    to.write_record(
        to.create_warc_record("http://a.cn/", "request", http_headers=ask, warc_headers_dict=dated)
    )
    to.write_record(
        to.create_warc_record(
            "<http://a.cn/>",
            "response",
            io.BytesIO(chunked),
            len(chunked),
            http_headers=head,
            warc_headers_dict=dated,
        )
    )
    for url, kind, text in (
        ("dns:a.cn", "resource", "text/dns"),
        ("http://a.cn/b.txt", "resource", "text/plain"),
        ("urn:pageinfo:x", "resource", "application/json"),
    ):
        to.write_record(
            to.create_warc_record(
                url, kind, io.BytesIO(b"x"), 1, warc_content_type=text, warc_headers_dict=dated
            )
        )


def seen(path: Path) -> list[tuple[Any, ...]]:
    return [
        (each.url, each.fetched_at, each.status, each.body, each.content_type, each.kind, each.digest_ok)
        for each in records(path)
    ]


FOREIGN = [
    ("http://a.cn/", "2024-01-18T09:54:49+08:00", 200, b"<p>1</p>", None, None, True),
    ("http://a.cn/b.txt", "2024-01-18T09:54:49+08:00", 200, b"x", "text/plain", None, True),
]


@pytest.mark.parametrize("name", ["other.warc.gz", "other.warc"])
def test_files_of_other_tools_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with path.open("wb") as file:
        foreign(file, name.endswith("gz"))
    assert seen(path) == FOREIGN
    assert read_run(path) is None
    for each in records(path):
        assert read_record(path, each.offset) == each


def test_a_file_compressed_as_a_whole_is_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    foreign(buffer, False)
    path = tmp_path / "one.warc.gz"
    path.write_bytes(gzip.compress(buffer.getvalue()))
    assert seen(path) == FOREIGN


def test_a_package_of_captures_is_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    foreign(buffer, True)
    path = tmp_path / "other.wacz"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("datapackage.json", "{}")
        package.writestr("archive/data.warc.gz", buffer.getvalue())
    assert seen(path) == FOREIGN
    assert {each.path for each in records(path)} == {f"{path}!archive/data.warc.gz"}


def no_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("readme.txt", "x")


WRONG: dict[str, tuple[Callable[[Path], Any], list[str]]] = {
    "missing": (lambda path: None, ["cannot be read: No such file or directory"]),
    "directory": (lambda path: path.mkdir(), ["cannot be read: Is a directory"]),
    "empty": (lambda path: path.write_bytes(b""), []),
    "html": (lambda path: path.write_bytes(PAGE), ["wanted a WARC record"]),
    "gzip html": (lambda path: path.write_bytes(gzip.compress(PAGE)), ["wanted a WARC record"]),
    "zip": (no_zip, ["found a zip file without captures"]),
    "no length": (
        lambda path: path.write_bytes(b"WARC/1.0\r\nWARC-Type: response\r\n\r\n"),
        ["Content-Length ''"],
    ),
    "too long": (
        lambda path: path.write_bytes(b"WARC/1.0\r\nContent-Length: 99999999999\r\n\r\nx"),
        ["has 99999999999 bytes"],
    ),
    "short": (
        lambda path: path.write_bytes(b"WARC/1.0\r\nContent-Length: 9\r\n\r\nx"),
        ["after 1 of 9 bytes"],
    ),
    "version": (lambda path: path.write_bytes(b"WARC/9.9\r\nContent-Length: 1\r\n\r\nx"), ["cannot be read"]),
    "no http": (
        lambda path: path.write_bytes(
            b"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.cn/\r\nContent-Length: 4\r\n\r\nabcd\r\n\r\n"
        ),
        ["found b'abcd', wanted an HTTP status line"],
    ),
    "no line end": (lambda path: path.write_bytes(b"WARC/" + b"x" * 2_000_000), ["no line end"]),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_capture_file_is_named_and_never_raised(tmp_path: Path, name: str) -> None:
    path = tmp_path / "odd.warc.gz"
    make, wanted = WRONG[name]
    make(path)
    found = list(read_captures(path))
    assert [type(each) for each in found] == [Damage] * len(wanted)
    for each, words in zip(found, wanted, strict=True):
        assert isinstance(each, Damage)
        assert (each.path, words in each.what) == (str(path), True), each
    assert isinstance(read_record(path, 0), Damage)
    assert read_run(path) is None


def test_random_bytes_are_never_raised(tmp_path: Path) -> None:
    path, _ = ten(tmp_path)
    whole = path.read_bytes()
    plain = gzip.decompress(whole)
    chance = random.Random(6)
    for number in range(80):
        source = bytearray((whole, plain)[number % 2])
        for _ in range(chance.randrange(1, 30)):
            at = chance.randrange(len(source))
            source[at : at + chance.randrange(40)] = chance.randbytes(chance.randrange(40))
        path.write_bytes(source)
        for each in read_captures(path):
            assert isinstance(each, CaptureRecord | Damage)


# --- content encodings ---


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


LONG = PAGE * 50
WRONG_SUM = gzip.compress(LONG)[:-8] + bytes(4) + gzip.compress(LONG)[-4:]


@pytest.mark.parametrize(
    ("label", "body", "wanted"),
    [
        ("", LONG, Unpacked(LONG)),
        ("identity", LONG, Unpacked(LONG)),
        ("gzip", gzip.compress(LONG), Unpacked(LONG)),
        ("X-GZIP", gzip.compress(LONG) + b"\0\0", Unpacked(LONG)),
        ("gzip", gzip.compress(LONG) + gzip.compress(PAGE), Unpacked(LONG + PAGE)),
        ("deflate", zlib.compress(LONG), Unpacked(LONG)),
        ("deflate", raw_deflate(LONG), Unpacked(LONG)),
        ("br", brotli.compress(LONG), Unpacked(LONG)),
        ("deflate, gzip", gzip.compress(zlib.compress(LONG)), Unpacked(LONG)),
        ("gzip", PAGE, Unpacked(PAGE, ("bad-encoding",))),
        ("br", PAGE, Unpacked(PAGE, ("bad-encoding",))),
        ("zstd", PAGE, Unpacked(PAGE, ("bad-encoding",))),
        ("gzip", b"", Unpacked(b"")),
        ("gzip", WRONG_SUM, Unpacked(LONG, ("bad-encoding",))),
        ("foo", PAGE, Unpacked(PAGE, ("unknown-encoding:foo",))),
        ("gzip,gzip,gzip,gzip", PAGE, Unpacked(PAGE, ("unknown-encoding:4 layers",))),
    ],
)
def test_content_encodings_are_undone(label: str, body: bytes, wanted: Unpacked) -> None:
    assert unpack(body, label) == wanted


def zstd_compress(data: bytes) -> bytes:
    from crawler import captures

    packed: bytes = captures.zstd.compress(data)
    return packed


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd_compress,
}


@pytest.mark.parametrize("label", PACKERS)
def test_a_cut_stream_gives_its_beginning_and_a_flag(label: str) -> None:
    data = random.Random(8).randbytes(30_000)
    packed = PACKERS[label](data)
    got = unpack(packed[: len(packed) // 2], label)
    assert (got.flags, data.startswith(got.body)) == (("truncated-encoding",), True)
    assert unpack(packed, label) == Unpacked(data)


@pytest.mark.parametrize("label", PACKERS)
def test_a_bomb_stops_at_the_limit(label: str) -> None:
    packed = PACKERS[label](bytes(50_000_000))
    assert unpack(packed, label, limit=100_000) == Unpacked(bytes(100_000), ("too-large",))


def test_a_packed_answer_is_kept_packed_and_read_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress(PAGE)
    with writer(tmp_path) as to:
        kept = write(to, body=packed, headers=[("Content-Encoding", b"gzip"), ("B", b"1"), ("B", b"2")])
    (found,) = records(tmp_path / kept.warc)
    assert (found.body, found.payload(), found.headers_multi()) == (packed, PAGE, {"B": [b"1", b"2"]})


# --- killed ---

ENDLESS = """
import os, random, sys
from crawler.captures import CaptureWriter
to = CaptureWriter(sys.argv[1], "run", software="s", spider="p", arguments={})
chance, number = random.Random(9), 0
while True:
    kept = to.write(url=f"http://a.cn/{number}", status=200, headers=[], body=chance.randbytes(20000),
                    fetched_at="2026-11-23T10:00:00")
    to.sync()
    os.write(1, b"%d %d\\n" % (number, kept.offset + kept.length))
    number += 1
"""


def test_what_was_synced_survives_kill_9(tmp_path: Path) -> None:
    for number in range(3):
        directory = tmp_path / str(number)
        child = subprocess.Popen([sys.executable, "-c", ENDLESS, str(directory)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(5 + 7 * number)]
        os.kill(child.pid, signal.SIGKILL)
        said += child.stdout.readlines()
        child.stdout.close()
        child.wait()
        last, end = map(int, [line for line in said if line.endswith(b"\n")][-1].split())
        path = directory / "run.warc.gz"
        mend(path)
        assert path.stat().st_size >= end
        found = records(path)
        assert [each.url for each in found][: last + 1] == [f"http://a.cn/{n}" for n in range(last + 1)]
        assert (check(path), all(each.digest_ok for each in found)) == (0, True)
        shutil.rmtree(directory)
