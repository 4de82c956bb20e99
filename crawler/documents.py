"""The text of PDF and Word files, read by a child process that may be stopped.

A file that somebody else wrote can be endless, encrypted, a bomb or a trap for its reader. So `read_document`
starts this file as a program of its own, with limits on processor time and memory, gives it the bytes and waits;
what it does not answer in time is a sentence in ``error``, never a crawl that stands still.

PDF is read by PDFium, which knows the Adobe-GB1 tables: Chinese print files often have no ToUnicode of their own.
A Word file (ECMA-376) is a zip with ``word/document.xml`` in it, read here.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

PAGES = 500
"""How many pages of a PDF are read."""
CHARACTERS = 400_000
"""How many characters of a text are kept."""
PART = 16 * 2**20
"""How many bytes of a Word file's XML are read once unpacked."""
FORMS = 8
"""How deep forms of a PDF may lie in one another for their text to be read."""
WIDTH = 15
"""How many characters a printed line has at least, for its end to say nothing."""
SECONDS = 30
"""How much processor time a file may cost; on the clock it is twice that."""
MEMORY = 1024 * 2**20
"""How much address space the child process may use, in bytes."""

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
READABLE = (PDF, DOCX)
"""The kinds of file that have a text for us."""

_OFFICE = "application/vnd.openxmlformats-officedocument."
_PARTS = (
    ("word/document.xml", DOCX),
    ("xl/workbook.xml", _OFFICE + "spreadsheetml.sheet"),
    ("ppt/presentation.xml", _OFFICE + "presentationml.presentation"),
    ("OFD.xml", "application/ofd"),
)
"""What a zip is, by a part that it must have."""
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\x1f\x8b\x08", "application/gzip"),
)
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"


class Document(NamedTuple):
    """What could be read of a file."""

    text: str | None
    """Lines joined by a line feed, cells of a table row by a tab; empty: a file without a text, such as a scan."""
    error: str | None = None
    """What kept the text, or the rest of it, from being read."""


class ReaderMissing(RuntimeError):
    """The reader itself cannot run, which says nothing about the file."""


NO_READER = 3
"""The child's exit code where it lacks a library."""


def sniff(body: bytes, said: str | None = None) -> str:
    """Name the media type of a file: by its first bytes, else as the server said.

    >>> sniff(b"%PDF-1.7 ...", "application/octet-stream"), sniff(b"a,b", "text/csv; charset=gbk"), sniff(b"?")
    ('application/pdf', 'text/csv', 'application/octet-stream')
    """
    if b"%PDF-" in body[:1024]:
        return PDF
    if body[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        try:
            with zipfile.ZipFile(BytesIO(body)) as package:
                names = set(package.namelist())
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, UnicodeError):
            names = set()
        return next((kind for part, kind in _PARTS if part in names), "application/zip")
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    stated = (said or "").partition(";")[0].strip().lower()
    found = next((kind for magic, kind in _MAGIC if body.startswith(magic)), None)
    return found or (stated if stated.isascii() and "/" in stated else "") or "application/octet-stream"


def read_document(body: bytes, mime: str, *, seconds: int = SECONDS) -> Document:
    """Read the text of a file of one of the `READABLE` kinds, in a process of its own; never raise for what it holds.

    Raises ReaderMissing where no file could be read: no process to be had, a library not installed.
    """
    command = [sys.executable, "-P", __file__, mime, str(seconds)]
    try:
        done = subprocess.run(command, input=body, capture_output=True, timeout=2 * seconds, check=False)
    except subprocess.TimeoutExpired:
        return Document(None, f"took longer than {2 * seconds} s to read")
    except OSError as error:
        raise ReaderMissing(f"cannot start a reader of documents: {error.strerror}") from error
    why = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode == NO_READER:
        raise ReaderMissing(f"cannot read documents: {why[-1] if why else 'a library is missing'}")
    try:
        said = json.loads(done.stdout)
        return Document(said["text"], said["error"])
    except (ValueError, KeyError, TypeError):
        if done.returncode == -9 or done.returncode == -24:  # SIGKILL, SIGXCPU: the limit on processor time
            return Document(None, f"took more than {seconds} s of processor time to read")
        return Document(None, f"the reader failed ({done.returncode}): {why[-1] if why else 'no word'}"[:300])


# --- what runs in the child process ---


def read_pdf(body: bytes) -> Document:
    """Read the text of a PDF, page after page."""
    import pypdfium2

    lines: list[str] = []
    length = 0
    try:
        with pypdfium2.PdfDocument(body) as file:
            pages = len(file)
            for number in range(min(pages, PAGES)):
                page = file[number]
                _give_extent(page)
                held = page.get_textpage()
                said = held.get_text_bounded()
                held.close()
                page.close()
                lines += unwrap([line for part in said.splitlines() if (line := part.strip())])
                length += len(said)
                if length > CHARACTERS:
                    pages = min(pages, number + 1)
                    break
    except pypdfium2.PdfiumError as error:
        password = "password" in str(error).lower()
        why = "encrypted: it wants a password" if password else f"cannot be read as PDF: {error}"
        return Document("\n".join(lines) or None, why)
    more = f"{pages} pages, the first {PAGES} were read" if pages > PAGES else None
    return _cut("\n".join(lines), more)


def _give_extent(page: Any, form: Any = None, depth: int = 0) -> None:
    """Let PDFium see the text of a font that neither the file nor this machine has.

    Without glyphs such text has no extent: PDFium passes over a piece of one character, and does not see that two of
    them stand below each other. Many a print driver writes each character as a piece of its own, so that nothing at
    all would be read. An outline of more than half a line's height, never drawn, gives them one; 4.5 points are what
    PDFium wants for a line.
    """
    import ctypes

    import pypdfium2.raw as pdfium

    count = pdfium.FPDFFormObj_CountObjects(form) if form else pdfium.FPDFPage_CountObjects(page)
    left, bottom, right, top, size = (ctypes.c_float() for _ in range(5))
    matrix = pdfium.FS_MATRIX()
    for at in range(count):
        piece = pdfium.FPDFFormObj_GetObject(form, at) if form else pdfium.FPDFPage_GetObject(page, at)
        kind = pdfium.FPDFPageObj_GetType(piece)
        if kind == pdfium.FPDF_PAGEOBJ_FORM and depth < FORMS:
            _give_extent(page, piece, depth + 1)
        if kind != pdfium.FPDF_PAGEOBJ_TEXT or pdfium.FPDFFont_GetIsEmbedded(
            pdfium.FPDFTextObj_GetFont(piece)
        ):
            continue
        pdfium.FPDFPageObj_GetBounds(piece, left, bottom, right, top)
        if right.value - left.value >= 0.01 and top.value - bottom.value >= 0.1:
            continue
        pdfium.FPDFTextObj_GetFontSize(piece, size)
        pdfium.FPDFPageObj_GetMatrix(piece, matrix)
        height = size.value * float(matrix.c**2 + matrix.d**2) ** 0.5
        pdfium.FPDFTextObj_SetTextRenderMode(piece, pdfium.FPDF_TEXTRENDERMODE_FILL_STROKE)
        pdfium.FPDFPageObj_SetStrokeWidth(piece, max(6.0, 0.6 * height))
        pdfium.FPDFPageObj_SetMatrix(piece, matrix)  # which works the extent out anew


def unwrap(lines: list[str]) -> list[str]:
    """Join the lines of a page that only its margin broke: several of one width that end within a sentence.

    >>> unwrap(["连云港市民政局昨日公布了今年新增的社区", "养老服务站名单,共有十二处,其中海州区五", "处。", "附表"])
    ['连云港市民政局昨日公布了今年新增的社区养老服务站名单,共有十二处,其中海州区五处。', '附表']
    >>> unwrap(["连云港市民政局关于公布名单的通知", "各县区民政局："])
    ['连云港市民政局关于公布名单的通知', '各县区民政局：']
    """
    full = max(WIDTH, max(map(len, lines), default=0) * 0.9)
    margin = sum(len(line) >= full for line in lines) > 1
    joined: list[str] = []
    broken = False
    for line in lines:
        if broken:
            joined[-1] += line
        else:
            joined.append(line)
        broken = margin and len(line) >= full and line[-1] > "\u3000" and line[-1] not in "。！？：；"
    return joined


def read_docx(body: bytes) -> Document:
    """Read the text of a Word file: paragraphs and table rows, no headers, footers, comments or deletions."""
    from lxml import etree

    lines: list[str] = []
    length = 0
    problem: str | None = None
    source: _Bounded | None = None
    try:
        with zipfile.ZipFile(BytesIO(body)) as package, package.open("word/document.xml") as part:
            source = _Bounded(part, PART)
            for line in _lines(etree.iterparse(source, events=("start", "end"), resolve_entities=False)):
                lines.append(line)
                length += len(line)
                if length > CHARACTERS:
                    break
    except (etree.XMLSyntaxError, zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        ended = source is not None and source.left < 0
        problem = f"more than {PART} bytes of XML" if ended else f"cannot be read as a Word file: {error}"
    except (RuntimeError, NotImplementedError, ValueError, OSError) as error:
        # an encrypted part, an unknown packing, a directory that leads out of the file
        problem = f"cannot be unpacked: {error}"
    return _cut("\n".join(lines), problem) if lines or not problem else Document(None, problem)


class _Bounded:
    """A file that ends after so many bytes."""

    def __init__(self, file: Any, left: int) -> None:
        self.file = file
        self.left = left

    def read(self, size: int = -1) -> bytes:
        if self.left < 0:
            return b""
        found: bytes = self.file.read(min(size, 2**16) if size > 0 else 2**16)
        self.left -= len(found)
        return found


def _lines(events: Any) -> Iterator[str]:
    """Give the lines of a ``document.xml``: a paragraph is one, outside of tables; a table row is one."""
    words: list[str] = []
    cells: list[str] = []
    rows = skipped = 0
    for event, element in events:
        tag = element.tag
        if tag == _FALLBACK:  # the same once more, for older programs
            skipped += 1 if event == "start" else -1
        if skipped:
            continue
        if event == "start":
            rows += tag == _W + "tr"
            continue
        if tag == _W + "t":
            words.append(element.text or "")
        elif tag in (_W + "tab", _W + "br", _W + "cr"):
            words.append(" ")
        elif tag == _W + "p":
            if rows:
                words.append(" ")
            elif line := " ".join("".join(words).split()):
                yield line
            if not rows:
                words.clear()
                _forget(element)
        elif tag == _W + "tc" and rows == 1:
            cells.append(" ".join("".join(words).split()))
            words.clear()
        elif tag == _W + "tr":
            rows -= 1
            if not rows:
                if any(cells):
                    yield "\t".join(cells)
                cells.clear()
                _forget(element)
        elif tag == _W + "tbl" and not rows:
            _forget(element)


def _forget(element: Any) -> None:
    """Give back the memory of an element that was read, and of those before it."""
    element.clear()
    while element.getprevious() is not None:
        del element.getparent()[0]


def _cut(text: str, problem: str | None) -> Document:
    if len(text) > CHARACTERS:
        return Document(
            text[:CHARACTERS], problem or f"a long text, the first {CHARACTERS} characters were kept"
        )
    return Document(text, problem)


def main() -> None:
    """Read the bytes on standard input as the kind that the first word names; print a `Document` as JSON."""
    mime, seconds = sys.argv[1], int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    body = sys.stdin.buffer.read()
    try:
        found = read_pdf(body) if mime == PDF else read_docx(body)
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(NO_READER)
    except MemoryError:
        found = Document(None, f"wanted more than {MEMORY >> 20} MB of memory")
    json.dump(found._asdict(), sys.stdout)


if __name__ == "__main__":
    main()
