"""Captures: every response as received, one WARC file a run and spider.

A capture is one fetch at one time. `CaptureWriter` appends it as one gzip member that is whole on disk
before the archive commits anything made of it; `read_captures` gives it back, from our own files and from
those of other tools (wget, browsertrix, a ``.wacz``); `mend` cuts off what a killed process left half
written. Records follow WARC 1.1 (ISO 28500:2017) and pass ``warcio check``.

What a replay through the spiders needs to know about a request (run, channel, listed title, …) stands in
the record itself, in the header ``WARC-JSON-Metadata``, so that the archive can be derived from these
files alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import uuid
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http.client import responses as REASONS
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import IO, Any, NamedTuple, Protocol, Self
from zoneinfo import ZoneInfo

import brotli  # type: ignore[import-untyped]  # ships no types
from warcio.statusandheaders import StatusAndHeadersParser, StatusAndHeadersParserException

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]  # Python 3.14 and later
except ImportError:
    from backports import zstd

SHANGHAI = ZoneInfo("Asia/Shanghai")

WITHHELD = frozenset({"set-cookie", "set-cookie2", "cookie", "authorization", "proxy-authorization"})
"""Header fields that may carry a secret; they are never written."""

MAX_RECORD = 64 * 2**20
"""The largest record read into memory, in bytes: twice the largest download that the settings allow."""

MAX_BODY = 32 * 2**20
"""The largest body that `unpack` inflates to, in bytes."""

MAX_LAYERS = 3
"""How many content encodings are undone one after the other."""

MAX_HEADERS = 2**20
"""The longest head of a record, in bytes; more is damage, not a record."""

CUT_SHORT = "truncated:length"
"""The flag of an answer that is kept without its body, because the body is larger than wanted (WARC 1.1, 5.13)."""

TOO_LARGE = "too-large"
"""The flag of an answer that unpacks to more than `MAX_BODY`; its body is kept as it came."""

TOO_MANY = "too-many-tags"
"""The flag of a page with more than `TAGS` tags: a tree of them takes all memory that a run may have."""

TAGS = 500_000
"""The most tags of a page that is read; a long list of names in a table has 20,000."""

OVERLONG = frozenset({CUT_SHORT, TOO_LARGE, TOO_MANY})
"""Flags of an answer that is larger than any page."""

CUT_OFF = frozenset({"dataloss", "truncated-encoding"})
"""Flags of an answer that ended too early: by the connection, or within its packed body."""

NO_END = "no-end"
"""The flag of a page without ``</html>``: some never have it, but one whose stated length is too short has not, either."""

RENDERED = "rendered"
"""The flag of a page as it stood in a browser after its scripts: no server gave it so."""

SAME_PAYLOAD = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
NOT_MODIFIED = "http://netpreserve.org/warc/1.1/revisit/server-not-modified"
METADATA = "WARC-JSON-Metadata"
HTTP = "application/http; msgtype=response"
LEVEL = 6
"""How hard a record is packed: 9 takes half as long again for a page that gets 0.2 % shorter, 4 makes it 2 % longer."""

_GZIP = b"\x1f\x8b\x08"
_CHUNK = 2**16
_WARC_TYPES = ("WARC/1.1", "WARC/1.0", "WARC/0.18", "WARC/0.17")
_HEAD_END_RE = re.compile(rb"\r?\n\r?\n")
_UNSAFE_URL_RE = re.compile("[\x00-\x20\x7f-\x9f<>\ud800-\udfff]")
_LOCAL_RE = re.compile(r"2\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00", re.ASCII)  # no summer time since 1992
_FRACTION_RE = re.compile(r"(\.\d{6})\d+")  # WARC 1.1 allows nine digits, datetime takes six


class CaptureError(OSError):
    """Captures cannot be written: the message says what was found, what was wanted, where."""


class Last(NamedTuple):
    """What the last capture of a URL showed: enough to ask conditionally and to write a revisit."""

    digest: str
    """Of the payload, ``sha256:HEX``."""
    url: str
    """Of the record that holds the payload."""
    fetched_at: str
    """Of the record that holds the payload."""
    id: int | None = None
    """The row of the record that holds the payload."""
    etag: str | None = None
    """As the newest answer gave it."""
    last_modified: str | None = None
    """As the newest answer gave it."""


class Capture(NamedTuple):
    """One fetch at one time, and where its record is."""

    url: str
    fetched_at: str
    """ISO 8601 with the offset of Asia/Shanghai."""
    status: int
    content_type: str | None
    """The header as received."""
    digest: str
    """``sha256:HEX`` of the payload as received; of a 304 answer: that of the payload it stands for."""
    warc: str
    """File name, relative to the capture directory."""
    offset: int
    """Where the record begins, in bytes."""
    length: int
    """How long the record is in the file, in bytes."""
    kind: str | None = None
    """What was asked for: ``article``, ``list``, ``robots``, ``saved`` …"""
    etag: str | None = None
    last_modified: str | None = None
    flags: str | None = None
    """What was odd about the answer, words separated by spaces."""
    revisit_of: int | None = None
    """The row of the capture that holds the payload, where this one is a revisit."""
    id: int | None = None


class Damage(NamedTuple):
    """A place in a capture file that could not be read."""

    path: str
    offset: int
    what: str


class Unpacked(NamedTuple):
    """A body with its content encodings undone."""

    body: bytes
    flags: tuple[str, ...] = ()
    """``truncated-encoding``, ``bad-encoding``, ``unknown-encoding:NAME``, ``too-large``."""


class Signed(NamedTuple):
    """What a run signs of its capture file."""

    warc: str
    """File name, relative to the capture directory."""
    bytes: int
    digest: str
    """``sha256:HEX`` of those bytes, the closing record among them."""


class RunRecord(NamedTuple):
    """What a capture file says about the run that made it."""

    path: str
    run_id: str
    spider: str
    software: str
    arguments: dict[str, Any]
    outcome: dict[str, Any] | None
    """The closing record; None where the run was interrupted."""
    memory: str | None = None
    """The moment up to which the run remembered; None where the file is older than that."""
    so_far: tuple[int, str] | None = None
    """How many bytes come before the closing record, and their digest, as it states them."""


class CaptureRecord(NamedTuple):
    """One response read back from a capture file."""

    path: str
    offset: int
    length: int
    url: str
    fetched_at: str
    """ISO 8601 with the offset of Asia/Shanghai; empty where the record does not say."""
    status: int
    """0 where the record does not say."""
    reason: str
    headers: tuple[tuple[str, bytes], ...]
    body: bytes
    """As received: content encodings not undone. Of a revisit: that of the record referred to, if resolved."""
    kind: str | None
    context: dict[str, Any]
    flags: tuple[str, ...]
    digest: str
    """``sha256:HEX`` of the payload; of a revisit: the digest that it states."""
    digest_ok: bool | None
    """Whether the digests in the record are right; None where it has none."""
    revisit: str | None = None
    """``same`` or ``not-modified``, None for a record that holds its own payload."""
    refers_to: tuple[str, str] | None = None
    """URL and time of the record that holds the payload."""
    resolved: bool = True
    """False for a revisit whose payload was not found."""
    stated: tuple[tuple[str, bytes], ...] | None = None
    """Of a resolved revisit: its own header fields, without those of the record referred to."""

    def header(self, name: str) -> bytes | None:
        """Give the last value of a header field, None where it is absent."""
        wanted = name.lower()
        return next((value for key, value in reversed(self.headers) if key.lower() == wanted), None)

    @property
    def content_type(self) -> str | None:
        """The Content-Type header as received."""
        value = self.header("content-type")
        return None if value is None else value.decode("utf-8", "replace")

    @property
    def capture(self) -> Capture:
        """The record as a row of ``captures``; its ``warc`` is the file's name without directory."""
        own = self if self.stated is None else self._replace(headers=self.stated)
        etag, modified = own.header("etag"), own.header("last-modified")
        return Capture(
            url=self.url,
            fetched_at=self.fetched_at,
            status=self.status,
            content_type=own.content_type,
            digest=self.digest,
            warc=Path(self.path).name,
            offset=self.offset,
            length=self.length,
            kind=self.kind,
            etag=None if etag is None else etag.decode("utf-8", "replace"),
            last_modified=None if modified is None else modified.decode("utf-8", "replace"),
            flags=" ".join(self.flags) or None,
        )

    def headers_multi(self, *, unpacked: bool = True) -> dict[str, list[bytes]]:
        """Give the header fields by name; by default as they are once `payload` has undone the encoding."""
        found: dict[str, list[bytes]] = {}
        for name, value in self.headers:
            if not unpacked or name.lower() not in ("content-encoding", "content-length"):
                found.setdefault(name, []).append(value)
        return found

    def unpacked(self, limit: int = MAX_BODY) -> Unpacked:
        """Undo the content encodings of the body; see `unpack`."""
        value = b",".join(value for name, value in self.headers if name.lower() == "content-encoding")
        return unpack(self.body, value.decode("latin-1"), limit)

    def payload(self) -> bytes:
        """Give the body with its content encodings undone, as far as that can be done."""
        return self.unpacked().body


def payload_digest(body: bytes) -> str:
    """Give the digest of a payload as captures name it.

    >>> payload_digest(b"")[:23]
    'sha256:e3b0c44298fc1c14'
    """
    return "sha256:" + hashlib.sha256(body).hexdigest()


def local_time(when: datetime | str) -> str:
    """Give a time as ISO 8601 with the offset of Asia/Shanghai; one without offset is taken as local.

    >>> local_time("2024-01-18T01:54:49Z")
    '2024-01-18T09:54:49+08:00'
    >>> local_time("2024-01-18T09:54:49")
    '2024-01-18T09:54:49+08:00'

    Raises ValueError for what is no time.
    """
    if isinstance(when, str):
        if _LOCAL_RE.fullmatch(when):
            datetime.fromisoformat(when)
            return when
        moment = datetime.fromisoformat(_FRACTION_RE.sub(r"\1", when))
    else:
        moment = when
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=SHANGHAI)
    return moment.astimezone(SHANGHAI).isoformat()


def _warc_date(when: str) -> str:
    return datetime.fromisoformat(when).astimezone(UTC).isoformat().replace("+00:00", "Z")


def _warc_url(url: str) -> str:
    """Percent-encode what would break a WARC header line."""
    return _UNSAFE_URL_RE.sub(
        lambda m: "".join(f"%{byte:02X}" for byte in m.group().encode("utf-8", "surrogatepass")), url
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _json(value: Mapping[str, Any]) -> str:
    # keys keep their order: what was written first is read first
    return json.dumps(value, ensure_ascii=True, default=str, separators=(",", ":"))


class CaptureWriter:
    """Write the captures of one run of one spider into ``{run_id}.warc.gz``.

    The file is made at the first write and begins with a warcinfo record. Every record is one gzip member,
    appended by one write; a write that fails part-way (disk full) is taken back. Call `sync` before the
    archive commits what was made of the captures: then no article is without its capture, whatever kills
    the process.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        run_id: str,
        *,
        software: str,
        spider: str,
        arguments: Mapping[str, Any],
        memory: str | None = None,
    ) -> None:
        """Prepare to write below `directory`, which is made if need be.

        Raises CaptureError where the directory cannot be made or written.
        """
        self.directory = Path(directory)
        self.run_id = run_id
        self.path: Path | None = None
        """The file, None before the first write."""
        self._about = {
            "software": software,
            "format": "WARC File Format 1.1",
            "conformsTo": "https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/",
            "isPartOf": run_id,
            "spider": spider,
            "arguments": _json(arguments),
        }
        if memory:
            self._about["memory"] = memory
        self._file: IO[bytes] | None = None
        self._info_id = ""
        self._unsynced = False
        self._hash = hashlib.sha256()
        self._length = 0
        self.prepare(self.directory)

    @staticmethod
    def prepare(directory: str | os.PathLike[str]) -> None:
        """Make sure that captures can be written in a directory, which is made if need be.

        Raises CaptureError where it cannot be made or written.
        """
        place = Path(directory)
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CaptureError(
                f"captures: wanted a directory to write in, cannot make {place}: {error.strerror}"
            ) from error
        if not os.access(place, os.W_OK | os.X_OK):
            raise CaptureError(f"captures: wanted a directory to write in, {place} may not be written")

    def __enter__(self) -> Self:
        """Give the writer; leaving the block closes it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close without a closing record."""
        self.close()

    def write(
        self,
        *,
        url: str,
        status: int,
        headers: Iterable[tuple[str | bytes, str | bytes]],
        body: bytes,
        fetched_at: datetime | str,
        reason: str | None = None,
        kind: str | None = None,
        context: Mapping[str, Any] | None = None,
        flags: Sequence[str] = (),
        last: Last | tuple[str, str, str] | None = None,
        saved: bool = False,
    ) -> Capture:
        """Append one response and say where it is.

        `body` is the payload as received, still content-encoded. `last` is what the URL showed before (from
        ``Archive.last_capture``): an equal payload and a 304 answer become revisit records. `context` is any
        JSON; it comes back from `read_captures` as it was. `saved` says that no server gave the body: it
        becomes a ``resource`` record, and of `headers` only Content-Type is kept. `status` 0 without headers says that
        no answer came, and `body` why: it becomes a ``metadata`` record.

        Raises CaptureError where the record cannot be written; the file is then as it was before.
        """
        seen = None if last is None else Last(*last)
        when = local_time(fetched_at)
        digest = payload_digest(body)
        fields = [(_text(name), _text(value)) for name, value in headers]
        fields = [(name, value) for name, value in fields if name.lower() not in WITHHELD]
        # a payload is kept without its chunks, so it must not say that it has them
        fields = [
            (f"X-Archive-Orig-{name}" if name.lower() == "transfer-encoding" else name, value)
            for name, value in fields
        ]
        found = {name.lower(): value for name, value in fields}
        about = dict(context or {})
        if kind is not None:
            about["kind"] = kind
        if stated := [flag for flag in flags if flag != CUT_SHORT]:
            about["flags"] = stated
        head = [
            ("WARC-Target-URI", _warc_url(url)),
            ("WARC-Date", _warc_date(when)),
            (METADATA, _json(about)),
        ]
        if CUT_SHORT in flags:
            head.append(("WARC-Truncated", "length"))
        profile = None
        if seen is not None and status == 304 and not body:
            profile, digest = NOT_MODIFIED, seen.digest
        elif seen is not None and status and body and digest == seen.digest and not saved:
            profile = SAME_PAYLOAD
        head.append(("WARC-Payload-Digest", digest))
        if profile is not None and seen is not None:
            head.append(("WARC-Profile", profile))
            head.append(("WARC-Refers-To-Target-URI", _warc_url(seen.url)))
            head.append(("WARC-Refers-To-Date", _warc_date(local_time(seen.fetched_at))))
        file = self._open()
        if profile is None and saved:
            mime = found.get("content-type", "application/octet-stream")
            offset, length = self._append(file, "resource", head, mime, body)
        elif profile is None and not (status or fields):
            offset, length = self._append(file, "metadata", head, "text/plain", body)
        else:
            said = f"HTTP/1.1 {status} {_one_line(reason or REASONS.get(status, ''))}".strip()
            lines = [said, *(f"{name}: {value}" for name, value in fields), "", ""]
            block = "\r\n".join(lines).encode("latin-1")  # byte by byte as received
            sort, block = ("response", block + body) if profile is None else ("revisit", block)
            offset, length = self._append(file, sort, head, HTTP, block)
        assert self.path is not None  # _open made it
        return Capture(
            url=url,
            fetched_at=when,
            status=status,
            content_type=_utf8(found.get("content-type")),
            digest=digest,
            warc=self.path.name,
            offset=offset,
            length=length,
            kind=kind,
            etag=_utf8(found.get("etag")),
            last_modified=_utf8(found.get("last-modified")),
            flags=" ".join(flags) or None,
            revisit_of=seen.id if profile is not None and seen is not None else None,
        )

    def sync(self) -> None:
        """Bring everything written so far to the disk.

        Raises CaptureError where the disk refuses.
        """
        if self._file is None or not self._unsynced:
            return
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise CaptureError(f"captures: cannot bring {self.path} to the disk: {error.strerror}") from error
        self._unsynced = False

    def finish(self, outcome: Mapping[str, Any]) -> Signed | None:
        """Write the closing record with the run's row, sync and close; give what the file is as a whole now.

        The record also states how many bytes come before it, and their digest. A run without captures has no
        file, and gives None. Raises CaptureError where the record cannot be written.
        """
        if self._file is None or self.path is None:
            return None
        so_far = {"bytes": self._length, "digest": "sha256:" + self._hash.hexdigest()}
        body = _json({**outcome, "captures": so_far}).encode("ascii")
        head = [("WARC-Date", _warc_date(datetime.now(UTC).isoformat(timespec="seconds")))]
        self._append(self._file, "metadata", head, "application/json", body)
        self.close()
        return Signed(self.path.name, self._length, "sha256:" + self._hash.hexdigest())

    def close(self) -> None:
        """Sync and close the file; without `finish` it counts as interrupted."""
        if self._file is not None:
            self.sync()
            self._file.close()
            self._file = None

    def _open(self) -> IO[bytes]:
        if self._file is not None:
            return self._file
        number = 1
        while True:
            name = f"{self.run_id}.warc.gz" if number == 1 else f"{self.run_id}-{number}.warc.gz"
            try:
                file = open(self.directory / name, "xb", buffering=0)  # noqa: SIM115  # closed by close()
                break
            except FileExistsError:
                number += 1  # what is there is never written over
            except OSError as error:
                raise CaptureError(
                    f"captures: wanted to make {self.directory / name}, cannot: {error.strerror}"
                ) from error
        self.path = self.directory / name
        self._file = file
        _sync_directory(self.directory)
        self._info_id = _record_id()
        about = "".join(f"{key}: {value}\r\n" for key, value in self._about.items())
        head = [("WARC-Date", _warc_date(datetime.now(UTC).isoformat())), ("WARC-Filename", name)]
        self._append(file, "warcinfo", head, "application/warc-fields", about.encode())
        return file

    def _append(
        self, file: IO[bytes], kind: str, head: Sequence[tuple[str, str]], content_type: str, block: bytes
    ) -> tuple[int, int]:
        """Append one record; give its place and its length in the file."""
        own = kind == "warcinfo"
        lines = [
            "WARC/1.1",
            f"WARC-Type: {kind}",
            f"WARC-Record-ID: {self._info_id if own else _record_id()}",
            *(f"{name}: {value}" for name, value in head),
            *(() if own else (f"WARC-Warcinfo-ID: {self._info_id}",)),
            f"WARC-Block-Digest: sha1:{base64.b32encode(hashlib.sha1(block, usedforsecurity=False).digest()).decode()}",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(block)}",
        ]
        record = b"".join(("\r\n".join([*lines, "", ""]).encode(), block, b"\r\n\r\n"))
        data = memoryview(zlib.compress(record, LEVEL, wbits=31))
        offset = file.seek(0, os.SEEK_END)
        written = 0
        self._unsynced = True
        try:
            while written < len(data):
                written += file.write(data[written:])
        except OSError as error:
            file.truncate(offset)
            raise CaptureError(
                f"captures: cannot write {len(data)} bytes to {self.path}: {error.strerror}"
            ) from error
        self._hash.update(data)
        self._length += len(data)
        return offset, len(data)


def _record_id() -> str:
    return f"<urn:uuid:{uuid.uuid4()}>"


def _text(value: str | bytes) -> str:
    """Give a header field as text that encodes to the same bytes by Latin-1, without line ends."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return re.sub(r"[\r\n\0]+", " ", raw.decode("latin-1"))


def _utf8(value: str | None) -> str | None:
    return None if value is None else value.encode("latin-1").decode("utf-8", "replace")


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- content encodings ---


class _Inflater(Protocol):
    def __call__(self, data: bytes, limit: int) -> Unpacked: ...


def _inflate_zlib(data: bytes, limit: int, bits: int) -> Unpacked:
    out = bytearray()
    while data:
        stream = zlib.decompressobj(bits)
        try:
            out += stream.decompress(data, limit + 1 - len(out))
        except zlib.error:
            return Unpacked(bytes(out) or data, ("bad-encoding",))
        if len(out) > limit:
            return Unpacked(bytes(out[:limit]), (TOO_LARGE,))
        if not stream.eof:
            return Unpacked(bytes(out), ("truncated-encoding",))
        data = stream.unused_data
        if bits != 31 or not data.startswith(_GZIP):
            break  # bytes behind the end are padding, as servers send them
    return Unpacked(bytes(out))


def _inflate_gzip(data: bytes, limit: int) -> Unpacked:
    got = _inflate_zlib(data, limit, 31)
    if got.flags == ("bad-encoding",) and data.startswith(_GZIP):
        # a wrong check sum hides what was inflated so far: take the stream without its trailer
        try:
            head = zlib.decompressobj(-15).decompress(data[_gzip_head(data) :], limit)
        except (zlib.error, IndexError):
            return got
        return Unpacked(head, got.flags) if head else got
    return got


def _gzip_head(data: bytes) -> int:
    """Measure the header of a gzip member (RFC 1952, 2.3)."""
    flags, at = data[3], 10
    if flags & 4:
        at += 2 + int.from_bytes(data[at : at + 2], "little")
    for bit in (8, 16):
        if flags & bit:
            at = data.index(0, at) + 1
    return at + 2 if flags & 2 else at


def _inflate_deflate(data: bytes, limit: int) -> Unpacked:
    got = _inflate_zlib(data, limit, 15)
    # RFC 9110 means zlib by "deflate"; many servers send the bare stream
    return _inflate_zlib(data, limit, -15) if got == (data, ("bad-encoding",)) else got


def _inflate_brotli(data: bytes, limit: int) -> Unpacked:
    stream = brotli.Decompressor()
    out = bytearray()
    try:
        out += stream.process(data, output_buffer_limit=limit + 1)
        while len(out) <= limit and not stream.is_finished() and not stream.can_accept_more_data():
            out += stream.process(b"", output_buffer_limit=limit + 1 - len(out))
    except brotli.error:
        return Unpacked(bytes(out) or data, ("bad-encoding",))
    if len(out) > limit:
        return Unpacked(bytes(out[:limit]), (TOO_LARGE,))
    return Unpacked(bytes(out), () if stream.is_finished() else ("truncated-encoding",))


def _inflate_zstd(data: bytes, limit: int) -> Unpacked:
    out = bytearray()
    while data:
        stream = zstd.ZstdDecompressor()
        try:
            out += stream.decompress(data, limit + 1 - len(out))
        except zstd.ZstdError:
            return Unpacked(bytes(out) or data, ("bad-encoding",))
        if len(out) > limit:
            return Unpacked(bytes(out[:limit]), (TOO_LARGE,))
        if not stream.eof:
            return Unpacked(bytes(out), ("truncated-encoding",))
        data = stream.unused_data
    return Unpacked(bytes(out))


_INFLATERS: dict[str, _Inflater] = {
    "gzip": _inflate_gzip,
    "x-gzip": _inflate_gzip,
    "deflate": _inflate_deflate,
    "br": _inflate_brotli,
    "zstd": _inflate_zstd,
}


def unpack(body: bytes, content_encoding: str, limit: int = MAX_BODY) -> Unpacked:
    """Undo the content encodings that a response names, the last one first; never raise.

    Gives at most `limit` bytes. What could not be undone is named in the flags, and the bytes are kept as
    far as they could be read; a body that does not begin as its label says is given back as it is.

    >>> unpack(zlib.compress(b"<p>1</p>"), "deflate")
    Unpacked(body=b'<p>1</p>', flags=())
    >>> unpack(b"<p>1</p>", "gzip")
    Unpacked(body=b'<p>1</p>', flags=('bad-encoding',))
    """
    names = [name for name in re.split(r"[,\s]+", content_encoding.lower()) if name not in ("", "identity")]
    flags: list[str] = []
    if len(names) > MAX_LAYERS:
        return Unpacked(body[:limit], (f"unknown-encoding:{len(names)} layers",))
    for name in reversed(names):
        inflate = _INFLATERS.get(name)
        if inflate is None:
            flags.append(f"unknown-encoding:{name[:40]}")
            break
        body, odd = inflate(body, limit)
        flags += odd
        if odd:
            break
    if len(body) > limit:
        body = body[:limit]
        flags.append(TOO_LARGE)
    return Unpacked(body, tuple(dict.fromkeys(flags)))


def is_cut_off(flags: Iterable[str]) -> bool:
    """Tell whether an answer with these flags ended too early."""
    return not CUT_OFF.isdisjoint(flags)


_BEGIN_RE = re.compile(rb"<html\b", re.I)
_END_RE = re.compile(rb"</html\b", re.I)


def lacks_end(body: bytes) -> bool:
    """Tell whether a page that begins as HTML does not say that it ends.

    >>> lacks_end(b"<html><body><p>1"), lacks_end(b"<HTML><p>1</HTML>"), lacks_end(b"<p>1")
    (True, False, False)
    """
    return bool(_BEGIN_RE.search(body, 0, 2**16)) and not _END_RE.search(body)


# --- reading ---


class _Bad(Exception):
    """A record that cannot be read; the message says why."""


class _Stream:
    """Bytes of one gzip member, or of a file without gzip, with as much look-ahead as the parser wants."""

    def __init__(self, file: IO[bytes], start: int, gzipped: bool) -> None:
        file.seek(start)
        self._file = file
        self._zip = zlib.decompressobj(31) if gzipped else None
        self._buffer = bytearray()
        self._pending = b""
        self.at = start
        """Position of the first byte not yet given out; only without gzip."""
        self.end: int | None = None
        """Where the member ends in the file, once it has ended."""

    def _fill(self) -> bool:
        if self._zip is None:
            data = self._file.read(_CHUNK)
            self._buffer += data
            return bool(data)
        while self.end is None:
            if not self._pending:
                self._pending = self._file.read(_CHUNK)
                if not self._pending:
                    raise _Bad("the gzip member is cut off")
            try:
                data = self._zip.decompress(self._pending, 4 * _CHUNK)
            except zlib.error as error:
                raise _Bad(f"the gzip member is damaged: {error}") from None
            self._pending = self._zip.unconsumed_tail
            if self._zip.eof:
                self.end = self._file.tell() - len(self._zip.unused_data)
            self._buffer += data
            if data:
                return True
        return False

    def read(self, size: int) -> bytes:
        while len(self._buffer) < size and self._fill():
            pass
        return self._take(min(size, len(self._buffer)))

    def skip(self, size: int) -> int:
        left = size
        while left:
            if not self._buffer and not self._fill():
                break
            left -= len(self._take(min(left, len(self._buffer))))
        return size - left

    def readline(self, limit: int = MAX_HEADERS) -> bytes:
        searched = 0
        while True:
            found = self._buffer.find(b"\n", searched)
            if found >= 0:
                return self._take(found + 1)
            searched = len(self._buffer)
            if searched > limit:
                raise _Bad(f"no line end within {limit} bytes")
            if not self._fill():
                return self._take(len(self._buffer))

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        self.at += size
        return data


class _Raw(NamedTuple):
    """One WARC record of any type, not yet interpreted."""

    offset: int
    length: int
    head: dict[str, str]
    block: bytes


_PARSER = StatusAndHeadersParser(_WARC_TYPES)


def _read_raw(stream: _Stream, name: str) -> tuple[dict[str, str], bytes, int, int] | None:
    """Read the next record of a stream; None at its end. The numbers: where it begins and ends."""
    begin = stream.at
    line = stream.readline()
    while line and not line.strip():
        begin = stream.at
        line = stream.readline()
    if not line:
        return None
    if not line.startswith(b"WARC/"):
        raise _Bad(f"found {line[:40]!r}, wanted a WARC record")
    try:
        parsed = _PARSER.parse(stream, line)
    except (StatusAndHeadersParserException, EOFError, UnicodeError) as error:
        raise _Bad(f"the head of the record cannot be read: {error}") from None
    head = {key.lower(): value for key, value in parsed.headers}
    text = head.get("content-length", "")
    if not (text.isascii() and text.isdigit()):
        raise _Bad(f"found Content-Length {text[:40]!r}, wanted a number of bytes")
    size = int(text)
    if size > MAX_RECORD:
        stream.skip(size)
        raise _Bad(f"the record has {size} bytes, at most {MAX_RECORD} are read")
    block = stream.read(size)
    if len(block) < size:
        raise _Bad(f"the record ends after {len(block)} of {size} bytes")
    return head, block, begin, stream.at


def _resync(file: IO[bytes], start: int) -> int | None:
    """Find the next place behind `start` where a record begins, in gzip or without."""
    tail = b""
    position = start
    file.seek(start)
    while chunk := file.read(_CHUNK):
        window = tail + chunk
        base = position - len(tail)
        for match in re.finditer(rb"\x1f\x8b\x08|WARC/[01]\.", window):
            where = base + match.start()
            if match.group() != _GZIP:
                return where
            resume = file.tell()
            file.seek(where)
            try:
                begins = zlib.decompressobj(31).decompress(file.read(512), 5) == b"WARC/"
            except zlib.error:
                begins = False
            file.seek(resume)
            if begins:
                return where
        position += len(chunk)
        tail = window[-8:] if len(window) > 8 else b""
        # a match wholly inside the kept tail was tried already and failed; trying it again is harmless
    return None


def _read_file(file: IO[bytes], name: str) -> Iterator[_Raw | Damage]:
    offset = 0
    while True:
        file.seek(offset)
        magic = file.read(3)
        if not magic:
            return
        gzipped = magic == _GZIP
        stream = _Stream(file, offset, gzipped)
        waiting: tuple[dict[str, str], bytes, int, int] | None = None
        try:
            while True:
                # a record is given out only when what follows it is sound: the check sum of a gzip member
                # stands behind its last byte
                got = _read_raw(stream, name)
                if waiting is not None:
                    head, block, begin, end = waiting
                    if gzipped:
                        yield _Raw(offset, (stream.end or stream._file.tell()) - offset, head, block)
                    else:
                        yield _Raw(begin, end - begin, head, block)
                waiting = got
                if got is None:
                    break
        except _Bad as error:
            where = offset if gzipped else stream.at
            if waiting is not None and not gzipped:
                head, block, begin, end = waiting
                yield _Raw(begin, end - begin, head, block)
            yield Damage(name, offset if gzipped else min(where, _end(file)), str(error))
            after = stream.end if stream.end is not None else _resync(file, max(offset + 1, where))
            if after is None:
                return
            offset = after
            continue
        if stream.end is None:
            return
        offset = stream.end


def _end(file: IO[bytes]) -> int:
    return file.seek(0, os.SEEK_END)


def _files(path: str | os.PathLike[str]) -> Iterator[tuple[IO[bytes], str] | Damage]:
    """Open a capture file, or every one inside a ``.wacz``."""
    name = os.fspath(path)
    try:
        if not zipfile.is_zipfile(name):
            with open(name, "rb") as file:
                yield file, name
            return
        with zipfile.ZipFile(name) as package:
            inner = [entry for entry in package.namelist() if entry.lower().endswith((".warc", ".warc.gz"))]
            if not inner:
                yield Damage(name, 0, "found a zip file without captures, wanted archive/*.warc.gz in it")
            for entry in inner:
                with package.open(entry) as member:
                    yield member, f"{name}!{entry}"
    except OSError as error:
        yield Damage(name, 0, f"cannot be read: {error.strerror or error}")
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error) as error:
        yield Damage(name, 0, f"the zip file is damaged: {error}")


def _read_all(path: str | os.PathLike[str]) -> Iterator[_Raw | Damage]:
    for opened in _files(path):
        if isinstance(opened, Damage):
            yield opened
            continue
        file, name = opened
        try:
            for raw in _read_file(file, name):
                yield raw if isinstance(raw, Damage) else raw._replace(head={**raw.head, "": name})
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            yield Damage(name, 0, f"cannot be read on: {error}")


def _fields(head: bytes) -> list[tuple[str, bytes]]:
    fields: list[tuple[str, bytes]] = []
    for line in re.split(rb"\r?\n", head):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + b" " + line.strip())
            continue
        name, colon, value = line.partition(b":")
        if colon:
            fields.append((name.strip().decode("latin-1"), value.strip()))
    return fields


def _dechunk(body: bytes) -> bytes:
    """Undo chunked transfer coding; bytes that do not have it are given back as they are."""
    out = bytearray()
    at = 0
    while True:
        end = body.find(b"\r\n", at, at + 64)
        size_text = body[at:end].split(b";")[0].strip() if end >= 0 else b""
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size_text):
            return bytes(out) if out else body
        size = int(size_text, 16)
        if size == 0:
            return bytes(out)
        out += body[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
        if at > len(body):
            return bytes(out)


def _matches(data: bytes, stated: str | None) -> bool | None:
    """Compare bytes with a digest as WARC states it: ``algorithm:value`` in base 16 or 32."""
    if not stated:
        return None
    algorithm, _, value = stated.partition(":")
    try:
        actual = hashlib.new(algorithm.lower().replace("-", ""), data, usedforsecurity=False).digest()
    except (ValueError, TypeError):
        return None
    try:
        if len(value) == 2 * len(actual):
            return bytes.fromhex(value) == actual
        return base64.b32decode(value.upper() + "=" * (-len(value) % 8)) == actual
    except (ValueError, binascii.Error):
        return False


def _interpret(raw: _Raw, *, check: bool = True) -> CaptureRecord | Damage | None:
    """Make a capture of a record; None for records that are no answer from a web server.

    Without `check` its digests are taken as they are stated.
    """
    head, block = raw.head, raw.block
    name = head[""]
    kind = head.get("warc-type", "").lower()
    url = head.get("warc-target-uri", "").strip().removeprefix("<").removesuffix(">")
    unanswered = kind == "metadata" and METADATA.lower() in head
    if not (unanswered or kind in ("response", "revisit", "resource")) or not url.lower().startswith(
        ("http://", "https://", "urn:sha256:")
    ):
        return None
    try:
        when = local_time(head.get("warc-date", ""))
    except ValueError:
        when = ""
    about: dict[str, Any] = {}
    flags: list[str] = []
    if METADATA.lower() in head:
        try:
            loaded = json.loads(head[METADATA.lower()])
        except ValueError:
            return Damage(name, raw.offset, f"the header {METADATA} is no JSON")
        about = loaded if isinstance(loaded, dict) else {METADATA: loaded}
    stated_flags = about.pop("flags", [])
    if isinstance(stated_flags, list):
        flags += map(str, stated_flags)
    asked = about.pop("kind", None)
    status, reason, fields, payload = 0, "", [], block
    if kind == "resource":
        status, reason = 200, "OK"
        fields = [("Content-Type", head.get("content-type", "").encode("latin-1", "replace"))]
    elif block and not unanswered:
        ending = _HEAD_END_RE.search(block)
        lines, payload = (block, b"") if ending is None else (block[: ending.start()], block[ending.end() :])
        first, _, rest = lines.partition(b"\n")
        parts = first.decode("latin-1").split(None, 2)
        if len(parts) < 2 or not parts[0].startswith("HTTP/"):
            return Damage(name, raw.offset, f"found {first[:40]!r}, wanted an HTTP status line")
        status = int(parts[1]) if parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 6 else 0
        reason = parts[2].strip() if len(parts) > 2 else ""
        fields = _fields(rest)
    stated = head.get("warc-payload-digest", "")
    verdicts = [_matches(block, head.get("warc-block-digest"))] if check else []
    if check and kind != "revisit":
        verdicts.append(_matches(payload, stated))
    known = [verdict for verdict in verdicts if verdict is not None]
    if head.get("warc-truncated"):
        flags.append(f"truncated:{head['warc-truncated']}")
    body = payload
    if any(key.lower() == "transfer-encoding" and b"chunked" in value.lower() for key, value in fields):
        body = _dechunk(payload)
        if not all(known) and _matches(body, stated):
            known = [True]  # some tools state the digest of the payload without its chunks
    revisit: str | None = None
    refers: tuple[str, str] | None = None
    digest = stated
    if kind == "revisit":
        revisit = "not-modified" if head.get("warc-profile", "").endswith("server-not-modified") else "same"
        try:
            date = local_time(head.get("warc-refers-to-date", ""))
        except ValueError:
            date = ""
        refers = (head.get("warc-refers-to-target-uri", url).strip("<>"), date)
    elif check and not (
        body is payload and verdicts[-1] and stated.startswith("sha256:") and stated == stated.lower()
    ):
        digest = payload_digest(body)  # no payload is hashed twice
    return CaptureRecord(
        path=name,
        offset=raw.offset,
        length=raw.length,
        url=url,
        fetched_at=when,
        status=status,
        reason=reason,
        headers=tuple(fields),
        body=body,
        kind=asked if isinstance(asked, str) else None,
        context=about,
        flags=tuple(flags),
        digest=digest,
        digest_ok=all(known) if known else None,
        revisit=revisit,
        refers_to=refers,
        resolved=revisit is None,
    )


Resolver = Callable[[CaptureRecord], CaptureRecord | None]
"""Finds the record that holds the payload of a revisit (see its ``refers_to``), None where it is not kept."""


def _resolve(record: CaptureRecord, resolve: Resolver | None) -> CaptureRecord:
    if record.revisit is None or resolve is None:
        return record
    held = resolve(record)
    if held is None or held.revisit is not None:
        return record
    fields = record.headers
    if record.revisit == "not-modified":
        # a 304 answer leaves out what describes the payload (RFC 9110, 15.4.5)
        said = {key.lower() for key, _ in fields}
        fields += tuple((key, value) for key, value in held.headers if key.lower() not in said)
    # Content-Encoding belongs to the bytes, so the record that holds the bytes has the last word on it
    fields = tuple(pair for pair in fields if pair[0].lower() != "content-encoding")
    fields += tuple(pair for pair in held.headers if pair[0].lower() == "content-encoding")
    return record._replace(body=held.body, headers=fields, resolved=True, stated=record.headers)


def read_captures(
    path: str | os.PathLike[str], resolve: Resolver | None = None
) -> Iterator[CaptureRecord | Damage]:
    """Read every response of a WARC file (gzip or not) or ``.wacz``; never raise for what the file holds.

    What cannot be read comes as a `Damage` in its place, and reading goes on at the next sound record.
    A record whose digest is wrong is given with ``digest_ok=False``. Revisits come with the payload that
    `resolve` finds for them, or with an empty body and ``resolved=False``.
    """
    for raw in _read_all(path):
        record = raw if isinstance(raw, Damage) else _interpret(raw)
        if isinstance(record, CaptureRecord):
            yield _resolve(record, resolve)
        elif record is not None:
            yield record


def capture_file(directory: str | os.PathLike[str], name: str) -> Path:
    """Give the place of a capture file that an archive names; never one outside its directory.

    Names are read from archives that others made, too.

    >>> capture_file("warc", "20261121T180000Z-lyg_news.warc.gz").as_posix()
    'warc/20261121T180000Z-lyg_news.warc.gz'
    >>> capture_file("warc", "../../home/other.warc.gz").as_posix(), capture_file("warc", "..").as_posix()
    ('warc/other.warc.gz', 'warc')
    """
    last = PurePosixPath(name).name
    return Path(directory, last) if last not in ("", "..") else Path(directory)


def read_record(
    path: str | os.PathLike[str], offset: int, resolve: Resolver | None = None
) -> CaptureRecord | Damage:
    """Read the one response that begins at `offset` of a WARC file."""
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            file.seek(offset)
            stream = _Stream(file, offset, file.read(3) == _GZIP)
            got = _read_raw(stream, name)
            if got is None:
                return Damage(name, offset, "the file ends before this place")
            if stream._zip is not None:
                stream.skip(16)  # reaches the check sum of the member
            length = (stream.end if stream.end is not None else got[3]) - offset
    except OSError as error:
        return Damage(name, offset, f"cannot be read: {error.strerror or error}")
    except _Bad as error:
        return Damage(name, offset, str(error))
    record = _interpret(_Raw(offset, length, {**got[0], "": name}, got[1]))
    if record is None:
        return Damage(name, offset, f"found a record of type {got[0].get('warc-type')}, wanted a response")
    return _resolve(record, resolve) if isinstance(record, CaptureRecord) else record


def read_run(
    path: str | os.PathLike[str], meet: Callable[[CaptureRecord | Damage], None] | None = None
) -> RunRecord | None:
    """Read what one of our capture files says about its run; None for other files.

    On the way `meet` is given every response of the file, with digests as they are stated, and every damage.
    """
    about: dict[str, str] = {}
    outcome: dict[str, Any] | None = None
    for raw in _read_all(path):
        if meet is not None and (met := raw if isinstance(raw, Damage) else _interpret(raw, check=False)):
            meet(met)
        if isinstance(raw, Damage):
            continue
        kind = raw.head.get("warc-type")
        if kind == "warcinfo" and not about:
            about = {name: value.decode("utf-8", "replace") for name, value in _fields(raw.block)}
            if "spider" not in about and meet is None:
                return None
        elif kind == "metadata" and raw.head.get("content-type") == "application/json" and about:
            outcome = _loads(raw.block)
    if "spider" not in about:
        return None
    so_far = (outcome or {}).pop("captures", None)
    return RunRecord(
        path=os.fspath(path),
        run_id=about.get("isPartOf", ""),
        spider=about.get("spider", ""),
        software=about.get("software", ""),
        arguments=_loads(about.get("arguments", "{}")) or {},
        outcome=outcome,
        memory=about.get("memory"),
        so_far=(so_far["bytes"], so_far["digest"]) if so_far else None,
    )


def _loads(text: str | bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def sign_file(path: str | os.PathLike[str], end: int | None = None) -> Signed:
    """Give name, length and digest of a capture file as it lies there, or of its bytes before `end`.

    Raises OSError where it cannot be read.
    """
    digest = hashlib.sha256()
    length = 0
    with open(path, "rb") as file:
        while chunk := file.read(2**20 if end is None else min(2**20, end - length)):
            digest.update(chunk)
            length += len(chunk)
    return Signed(Path(path).name, length, "sha256:" + digest.hexdigest())


def mend(path: str | os.PathLike[str]) -> int:
    """Cut a record that was not written to its end off a gzip WARC file; give the bytes moved.

    They go to ``{name}.torn`` beside it. A file of whole records is left alone, and so is damage in the
    middle of a file: later records are never touched. A file without one whole record is moved as a whole.

    Raises OSError where the file cannot be read or changed.
    """
    name = Path(path)
    with open(name, "rb") as file:
        size = _end(file)
        sound = _sound_end(file, size)
        if sound >= size or (sound == 0 and _begins_plain(file)):
            return 0
        file.seek(sound)
        with open(name.with_name(name.name + ".torn"), "ab") as torn:
            while chunk := file.read(2**20):
                torn.write(chunk)
            torn.flush()
            os.fsync(torn.fileno())
    if sound == 0:
        name.unlink()
    else:
        with open(name, "r+b") as file:
            file.truncate(sound)
            os.fsync(file.fileno())
    _sync_directory(name.parent)
    return size - sound


def _begins_plain(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(5) == b"WARC/"


def _sound_end(file: IO[bytes], size: int) -> int:
    """Find the end of the last whole gzip member."""
    sound = offset = 0
    while offset < size:
        file.seek(offset)
        if file.read(3) == _GZIP:
            stream = _Stream(file, offset, True)
            try:
                while stream.end is None:
                    stream.skip(2**20)
                offset = sound = stream.end
                continue
            except _Bad:
                pass
        after = _resync(file, offset + 1)
        if after is None:
            break
        offset = after
    return sound
