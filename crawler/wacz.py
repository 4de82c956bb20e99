"""WACZ: the captures packed with an index and a list of pages, for replay tools such as ReplayWeb.page.

Written after WACZ 1.1.1 (specs.webrecorder.net/wacz/1.1.1) as one pass over the files: the capture files are stored
in the ZIP as they are, so that a reader can fetch single records from it. The index is CDXJ, sorted, in gzip members
of `LINES` lines, with ``index.idx`` that leads to them, as pywb and ReplayWeb.page read it. Memory does not grow with
the archive: SQLite sorts the index, in a file where it is large.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes, urlsplit

from crawler.archive import Archive, ArchiveError, Selection

VERSION = "1.1.1"

LINES = 3000
"""How many lines of the index are one gzip member: what pywb's and ReplayWeb.page's indexes have."""

_WWW_RE = re.compile(r"^www\d*\.")


class Packed(NamedTuple):
    """What a WACZ holds."""

    pages: int
    captures: int
    files: int


class _Resource(NamedTuple):
    name: str
    path: str
    hash: str
    bytes: int


def surt(url: str) -> str:
    """Give the key of an address in an index: host turned round, then path and sorted query, in lower case.

    As the library of that name makes it, which pywb and py-wacz look up by.

    >>> surt("http://www.LYG.gov.cn/A//b/?y=2&X=1#top"), surt("https://mzj.lyg.gov.cn:8443"), surt("urn:sha256:0a")
    ('cn,gov,lyg)/a/b?x=1&y=2', 'cn,gov,lyg,mzj:8443)/', 'urn:sha256:0a')
    >>> surt("http://a.cn/中/..%2fa b?c=%2F"), surt("http://10.0.0.1/")
    ('cn,a)/a%20b?c=/', '1,0,0,10)/')
    """
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        return url.lower()
    if parts.scheme.lower() not in ("http", "https") or not host:
        return url.lower()
    if not host.isascii():
        with suppress(UnicodeError):
            host = host.encode("idna").decode("ascii")
    turned = ",".join(reversed(_WWW_RE.sub("", host).split(".")))
    shown = "" if port in (None, 80 if parts.scheme.lower() == "http" else 443) else f":{port}"
    kept: list[str] = []
    for name in _plain(parts.path).split("/"):
        if name == "..":
            del kept[-1:]
        elif name not in ("", "."):
            kept.append(name)
    query = sorted(filter(None, _plain(parts.query).split("&")))
    return f"{turned}{shown})/{'/'.join(kept)}" + (f"?{'&'.join(query)}" if query else "")


def _plain(text: str) -> str:
    """Undo percent-encoding, however often it was done, and do it once where it must be."""
    before, found = b"", unquote_to_bytes(text)
    while found != before:
        before, found = found, unquote_to_bytes(found)
    return quote_from_bytes(found, safe="!\"$&'()*+,-./:;<=>?@[\\]^_`{|}~").lower()


def write_wacz(
    archive: Archive,
    directory: str | os.PathLike[str],
    to: str | os.PathLike[str],
    *,
    selection: Selection,
    software: str,
) -> Packed:
    """Pack the captures of an archive into a file, which takes its place only when it is whole.

    With a selection these are the capture files in which the chosen articles stand, and the list of pages has the
    chosen articles alone. A file that is being written is packed as far as the archive knows it.
    Raises ArchiveError where a capture file is not there or the package cannot be written.
    """
    target = Path(to)
    part = target.with_name(target.name + ".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED, allowZip64=True) as package:
            packed, resources = _pack(archive, Path(directory), package, selection)
            about = {
                "profile": "data-package",
                "wacz_version": VERSION,
                "title": f"Captures of {archive.path.stem}",
                "description": _describe(packed, selection),
                "created": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "software": software,
                "resources": [each._asdict() for each in resources],
            }
            manifest = json.dumps(about, ensure_ascii=False, indent=1).encode()
            _put(package, "datapackage.json", [manifest])
            digest = {"path": "datapackage.json", "hash": "sha256:" + hashlib.sha256(manifest).hexdigest()}
            _put(package, "datapackage-digest.json", [json.dumps(digest).encode()])
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ArchiveError(f"export: cannot write {target}: {error}") from error
    return packed


def _pack(
    archive: Archive, directory: Path, package: zipfile.ZipFile, selection: Selection
) -> tuple[Packed, list[_Resource]]:
    conn = archive.conn
    where, values = selection.where("v")
    chosen = (
        "FROM versions v JOIN articles a ON a.id = v.article_id JOIN captures c ON c.id = v.capture_id WHERE "
        f"v.change <> 'withdrawn' AND {where}" + ("" if selection.versions else " AND v.version = a.version")
    )
    conn.execute("CREATE TEMP TABLE packed (warc TEXT PRIMARY KEY, ends INTEGER)")
    try:
        everything = selection._replace(versions=False) == Selection()
        files = "SELECT DISTINCT warc FROM captures" if everything else f"SELECT DISTINCT c.warc {chosen}"
        conn.execute(
            'INSERT INTO packed SELECT warc, max("offset" + length) FROM captures '
            f"WHERE warc IN ({files}) GROUP BY warc",
            {} if everything else values,
        )
        resources = []
        signed = {link.warc for link in archive.links()}
        for row in conn.execute("SELECT warc, ends FROM packed ORDER BY warc").fetchall():
            end = None if row["warc"] in signed else row["ends"]
            resources.append(
                _put(package, f"archive/{row['warc']}", _chunks(directory / row["warc"], end), large=True)
            )
        count, index = _index(archive, package)
        resources += index
        pages = conn.execute(
            "SELECT a.id, v.version, v.title, c.url, c.fetched_at, count(*) OVER () AS pages "
            f"{chosen} ORDER BY a.id, v.version",
            values,
        )
        listed = _Counted(_page_lines(map(dict, pages)))
        resources.append(_put(package, "pages/pages.jsonl", listed, compression=zipfile.ZIP_DEFLATED))
    finally:
        conn.execute("DROP TABLE temp.packed")
    return Packed(listed.count - 1, count, len(resources) - 3), resources


def _index(archive: Archive, package: zipfile.ZipFile) -> tuple[int, list[_Resource]]:
    """Write the index of the packed captures, and the index of its parts; give the number of lines."""
    archive.conn.create_function("surt", 1, surt, deterministic=True)
    rows = archive.conn.execute(
        "SELECT surt(url) AS key, url, fetched_at, status, content_type, digest, warc, offset, length, revisit_of "
        "FROM captures WHERE warc IN (SELECT warc FROM packed) AND status > 0 ORDER BY 1, fetched_at, id"
    )
    count = 0
    heads = ['!meta 0 {"format": "cdxj-gzip-1.0", "filename": "index.cdx.gz"}\n']

    def members() -> Iterator[bytes]:
        nonlocal count
        at = 0
        lines = map(_index_line, rows)
        while some := list(islice(lines, LINES)):
            count += len(some)
            member = gzip.compress("".join(some).encode(), mtime=0)
            key = " ".join(some[0].split(" ", 2)[:2])
            about = {
                "offset": at,
                "length": len(member),
                "digest": "sha256:" + hashlib.sha256(member).hexdigest(),
                "filename": "index.cdx.gz",
            }
            heads.append(f"{key} {json.dumps(about)}\n")
            at += len(member)
            yield member

    index = _put(package, "indexes/index.cdx.gz", members())
    return count, [index, _put(package, "indexes/index.idx", [head.encode() for head in heads])]


def _index_line(row: Any) -> str:
    """Give the line of a capture in the index (CDXJ)."""
    mime = (row["content_type"] or "").partition(";")[0].strip().lower()
    about = {
        "url": row["url"],
        "mime": "warc/revisit" if row["revisit_of"] is not None else mime or "unk",
        "status": str(row["status"]),
        "digest": row["digest"],
        "length": str(row["length"]),
        "offset": str(row["offset"]),
        "filename": row["warc"],
    }
    return f"{row['key']} {_utc(row['fetched_at']):%Y%m%d%H%M%S} {json.dumps(about, ensure_ascii=False)}\n"


def _page_lines(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    yield b'{"format": "json-pages-1.0", "id": "pages", "title": "Articles"}\n'
    for row in rows:
        page = {
            "id": f"{row['id']}-{row['version']}",
            "url": row["url"],
            "ts": f"{_utc(row['fetched_at']):%Y-%m-%dT%H:%M:%SZ}",
            "title": row["title"] or row["url"],
        }
        yield json.dumps(page, ensure_ascii=False).encode() + b"\n"


class _Counted:
    """Lines, counted as they go by."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self.lines:
            self.count += 1
            yield line


def _utc(when: str) -> datetime:
    return datetime.fromisoformat(when).astimezone(UTC)


def _chunks(path: Path, end: int | None) -> Iterator[bytes]:
    left = path.stat().st_size if end is None else end
    with open(path, "rb") as file:
        while left and (chunk := file.read(min(left, 2**20))):
            left -= len(chunk)
            yield chunk


def _put(
    package: zipfile.ZipFile,
    path: str,
    chunks: Iterable[bytes],
    *,
    large: bool = False,
    compression: int = zipfile.ZIP_STORED,
) -> _Resource:
    """Write a file into the package, and say what it is."""
    entry = zipfile.ZipInfo(path)
    entry.compress_type = compression
    entry.external_attr = 0o644 << 16
    digest = hashlib.sha256()
    length = 0
    file: IO[bytes]
    with package.open(entry, "w", force_zip64=large) as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
            length += len(chunk)
    return _Resource(path.rpartition("/")[2].lower(), path, "sha256:" + digest.hexdigest(), length)


def _describe(packed: Packed, selection: Selection) -> str:
    chosen = ", ".join(f"{name} {value}" for name, value in selection._asdict().items() if value)
    return (
        f"{packed.pages} pages of government news portals and all {packed.captures} answers of {packed.files} crawls "
        f"in which they were fetched; chosen: {chosen or 'everything'}"
    )
