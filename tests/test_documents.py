"""The text of PDF and Word files, and what hostile ones come to."""

from __future__ import annotations

import io
import os
import random
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from crawler.documents import CHARACTERS, DOCX, PAGES, PDF, Document, ReaderMissing, read_document, sniff
from tests.replica.replies import docx, docx_file, pdf, pdf_file, png

NOTICE = "示例市民政局关于公布社区食堂名单的通知\n一、名单见附表。"


def adobe_gb1() -> bytes:
    """A PDF whose letters are glyph numbers of Adobe-GB1 and which brings no table to Unicode, as print shops make it."""
    page = pdf("民政")
    numbers = {"民": 2806, "政": 4511}  # as Adobe's table GB1-UCS2 has them
    shown = b"".join(b"%04x" % numbers[sign] for sign in "民政")
    objects = [part.split(b" 0 obj\n", 1)[1] for part in page.split(b"\nendobj\n")[:-1]]
    stream = b"BT /F1 12 Tf 72 760 Td <%s> Tj ET" % shown
    objects[2] = objects[2].replace(b"/UniGB-UCS2-H", b"/Identity-H")
    objects[4] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)
    return pdf_file(objects)


def test_a_pdf_is_read_page_after_page() -> None:
    assert read_document(pdf(NOTICE, "第二页"), PDF) == Document(f"{NOTICE}\n第二页")


def test_a_pdf_without_a_table_to_unicode_is_read() -> None:
    assert read_document(adobe_gb1(), PDF) == Document("民政")


def by_character(text: str, size: int = 12, scale: int = 1, within_form: bool = False) -> bytes:
    """A PDF that sets each character by itself, as many print drivers do, in a font that it does not bring along."""
    lines = text.split("\n")
    shown = b" ".join(
        b"%d 0 0 %d %d %d Tm <%s> Tj"
        % (scale, scale, 72 + across * size * scale, 760 - down * 18, sign.encode("utf-16-be").hex().encode())
        for down, line in enumerate(lines)
        for across, sign in enumerate(line)
    )
    stream = b"BT /F1 %d Tf %s ET" % (size, shown)
    objects = [part.split(b" 0 obj\n", 1)[1] for part in pdf("x").split(b"\nendobj\n")[:-1]]
    objects[4] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)
    if within_form:
        form = b"<< /Type /XObject /Subtype /Form /BBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> "
        objects.append(form + objects[4].removeprefix(b"<<"))
        objects[3] = objects[3].replace(b"/Resources <<", b"/Resources << /XObject << /X 6 0 R >>")
        objects[4] = b"<< /Length 5 >>\nstream\n/X Do\nendstream"
    return pdf_file(objects)


@pytest.mark.parametrize(
    ("size", "scale", "within_form"), [(12, 1, False), (1, 12, False), (5, 1, False), (12, 1, True)]
)
def test_a_pdf_that_sets_each_character_by_itself_is_read(size: int, scale: int, within_form: bool) -> None:
    text = "连云港市民政局公告\n现将名单公布如下\n甲\n乙"
    assert read_document(by_character(text, size, scale, within_form), PDF) == Document(text)


def test_lines_of_one_character_stay_apart() -> None:
    text = "一页\n五\n人\n市民政局公告\n一"
    assert read_document(pdf(text), PDF) == Document(text)


def test_a_pdf_without_text_has_an_empty_one() -> None:
    assert read_document(pdf(""), PDF) == Document("")


def test_a_word_file_is_read_with_the_rows_of_its_tables() -> None:
    assert read_document(docx(f"{NOTICE}\n序号\t名称\n1\t<新浦>食堂\n联系人：王某"), DOCX) == Document(
        f"{NOTICE}\n序号\t名称\n1\t<新浦>食堂\n联系人：王某"
    )


def test_what_a_word_file_has_deleted_or_twice_is_not_its_text() -> None:
    again = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"><mc:Choice>'
        "<w:r><w:t>框</w:t></w:r></mc:Choice><mc:Fallback><w:r><w:t>框</w:t></w:r></mc:Fallback></mc:AlternateContent>"
    )
    body = (
        f"<w:body><w:p><w:del><w:r><w:delText>旧</w:delText></w:r></w:del><w:r><w:t>新</w:t><w:tab/></w:r>{again}</w:p>"
        "<w:tbl><w:tr><w:tc><w:tbl><w:tr><w:tc><w:p><w:r><w:t>内</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:tc>"
        "<w:tc><w:p/></w:tc></w:tr></w:tbl></w:body>"
    )
    assert read_document(docx_file(body), DOCX) == Document("新 框\n内\t")


def test_a_file_is_known_by_its_bytes() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as package:
        package.writestr("OFD.xml", "<ofd/>")
    assert [
        sniff(pdf("a"), "text/html"),
        sniff(docx("a"), "application/octet-stream"),
        sniff(held.getvalue()),
        sniff(b"PK\x03\x04 cut off"),
        sniff(png(1), "image/jpeg"),
        sniff("名单".encode(), "text/plain; charset=utf-8"),
        sniff(b"", "../../etc/passwd\x00"),
    ] == [
        PDF,
        DOCX,
        "application/ofd",
        "application/zip",
        "image/png",
        "text/plain",
        "../../etc/passwd\x00",
    ]


# --- hostile files


def bomb() -> bytes:
    """A Word file of 200 kB that is 200 MB of paragraphs."""
    many = b"<w:p><w:r><w:t></w:t></w:r></w:p>" * 30_000
    held = io.BytesIO()
    head = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
    with (
        zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as package,
        package.open("word/document.xml", "w") as part,
    ):
        part.write(head)
        for _ in range(200 * 2**20 // len(many)):
            part.write(many)
    return held.getvalue()


def entities() -> bytes:
    """A Word file that names a file of the machine, and one entity that doubles thirty times."""
    doubled = "".join(f'<!ENTITY e{n} "&e{n - 1};&e{n - 1};">' for n in range(1, 31))
    source = (
        f'<!DOCTYPE w:document [<!ENTITY own SYSTEM "file:///etc/hostname"><!ENTITY e0 "ha">{doubled}]>'
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
        "<w:t>前&own;&e30;后</w:t></w:r></w:p></w:body></w:document>"
    )
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as package:
        package.writestr("word/document.xml", source)
    return held.getvalue()


def cycle() -> bytes:
    """A PDF whose tree of pages is its own branch, a thousand million pages by its own count."""
    return pdf_file(
        [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 1000000000 >>"]
    )


def packed() -> bytes:
    """A PDF whose one page is a gigabyte of blanks, packed twice."""
    inner = zlib.compressobj()
    squeezed = b"".join(inner.compress(b" " * 2**20) for _ in range(1024)) + inner.flush()
    stream = zlib.compress(squeezed)
    page = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>"
    return pdf_file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            page,
            b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >>\nstream\n%s\nendstream"
            % (len(stream), stream),
        ]
    )


def encrypted() -> bytes:
    """A PDF that only a password opens: its trailer says so, with keys that nothing fits."""
    key = b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (b"41" * 32, b"42" * 32)
    return pdf("密").replace(b"/Root 1 0 R", b"/Root 1 0 R /ID [<41><41>] /Encrypt " + key)


def astray() -> bytes:
    """A Word file whose directory begins before the file does, by its own word."""
    whole = docx("a")
    return whole[whole.index(b"PK\x01\x02") :]


@pytest.mark.parametrize(
    ("body", "mime", "found", "said"),
    [
        (bomb, DOCX, None, "more than 16777216 bytes of XML"),
        (entities, DOCX, None, None),
        (cycle, PDF, None, "cannot be read as PDF"),
        (packed, PDF, None, None),
        (encrypted, PDF, None, "encrypted: it wants a password"),
        (lambda: pdf(*["页"] * (PAGES + 5)), PDF, "\n".join(["页"] * PAGES), f"{PAGES + 5} pages, the first"),
        (lambda: docx("长" * (CHARACTERS + 5)), DOCX, "长" * CHARACTERS, "a long text, the first"),
        (lambda: b"%PDF-1.4 and nothing", PDF, None, "cannot be read as PDF"),
        (lambda: docx("a")[:-30], DOCX, None, "cannot be read as a Word file"),
        (lambda: b"", PDF, None, "cannot be read as PDF"),
        (astray, DOCX, None, "cannot be unpacked: negative seek value"),
    ],
    ids=[
        "bomb",
        "entities",
        "cycle",
        "packed",
        "encrypted",
        "pages",
        "long",
        "no pdf",
        "cut",
        "empty",
        "astray",
    ],
)
def test_a_hostile_file_ends_with_a_sentence(
    body: Callable[[], bytes], mime: str, found: str | None, said: str | None
) -> None:
    document = read_document(body(), mime)
    if said is not None:
        assert (document.text, (document.error or "")[: len(said)]) == (found, said)
    assert document.text is None or len(document.text) <= CHARACTERS
    secret = os.uname().nodename
    assert not secret or secret not in (document.text or "")


def test_a_reader_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = "import sys,time\nsys.stdin.buffer.read()\ntime.sleep(60)"
    path = tmp_path / "slow.py"
    path.write_text(slow, encoding="utf-8")
    monkeypatch.setattr("crawler.documents.__file__", str(path))
    began = time.monotonic()
    assert read_document(b"%PDF-", PDF, seconds=1) == Document(None, "took longer than 2 s to read")
    assert time.monotonic() - began < 20


def test_processor_time_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "busy.py"
    busy = "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (1, 2))\nwhile True: pass"
    path.write_text(busy, encoding="utf-8")
    monkeypatch.setattr("crawler.documents.__file__", str(path))
    found = read_document(b"%PDF-", PDF, seconds=30)
    assert found == Document(None, "took more than 30 s of processor time to read")


def test_a_missing_library_is_not_the_fault_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(ReaderMissing, match="cannot start a reader of documents: No such file"):
        read_document(b"%PDF-", PDF)


def test_a_reader_without_its_library_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pypdfium2.py").write_text("raise ImportError('no PDFium here')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ReaderMissing, match="cannot read documents: no PDFium here"):
        read_document(b"%PDF-", PDF)


def test_no_bytes_raise() -> None:
    chance = random.Random(4)
    whole = pdf(NOTICE * 3), docx(NOTICE * 3)
    for mime, body in zip((PDF, DOCX), whole, strict=True):
        for _ in range(6):
            torn = bytearray(body)
            for _ in range(8):
                torn[chance.randrange(len(torn))] = chance.randrange(256)
            found = read_document(bytes(torn), mime)
            assert found.text is not None or found.error
