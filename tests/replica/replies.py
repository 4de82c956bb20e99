"""What the replica answers: a body with its labels, and the small files that pages link to."""

from __future__ import annotations

import base64
import hashlib
import io
import struct
import zipfile
import zlib
from email.utils import formatdate
from html import escape
from typing import NamedTuple


class Reply(NamedTuple):
    """One answer before it goes over a connection."""

    body: bytes
    content_type: str = "text/html"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    modified: int | None = None
    """Last-Modified in seconds since 1970; the server puts the night's time where there is none."""

    @property
    def etag(self) -> str:
        """Give the entity tag: a digest of the body."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:20]}"'


def page(source: str, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Make a UTF-8 page of a source; its type names no charset, as TrueCMS does it."""
    return Reply(source.encode(), "text/html", status, headers)


def by_script(reply: Reply) -> Reply:
    """Give a page that has nothing in it until its script puts the whole of another page there."""
    packed = base64.b64encode(reply.body).decode()
    script = f"new TextDecoder().decode(Uint8Array.from(atob('{packed}'), c => c.charCodeAt(0)))"
    source = f"<html><head><meta charset='utf-8'></head><body><script>document.documentElement.innerHTML={script}</script></body></html>"
    return reply._replace(body=source.encode())


def http_date(seconds: int) -> str:
    """Write a time as HTTP wants it.

    >>> http_date(0)
    'Thu, 01 Jan 1970 00:00:00 GMT'
    """
    return formatdate(seconds, usegmt=True)


def pdf(*pages: str) -> bytes:
    """Make a valid PDF of these pages, one printed line for each line of text.

    The font is one of those that a Chinese reader has and no file brings along, as Word and WPS name it.
    """
    font = (
        b"<< /Type /Font /Subtype /Type0 /BaseFont /STSong-Light /Encoding /UniGB-UCS2-H /DescendantFonts [<< /Type /Font"
        b" /Subtype /CIDFontType0 /BaseFont /STSong-Light /CIDSystemInfo << /Registry (Adobe) /Ordering (GB1)"
        b" /Supplement 2 >> /DW 1000 >>] >>"
    )
    kids = b" ".join(b"%d 0 R" % (4 + 2 * number) for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        font,
    ]
    for number, text in enumerate(pages):
        lines = b" ".join(
            b"<%s> Tj T*" % line.encode("utf-16-be").hex().encode() for line in text.split("\n")
        )
        stream = zlib.compress(b"BT /F1 12 Tf 72 760 Td 18 TL %s ET" % lines)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * number),
            b"<< /Length %d /Filter /FlateDecode >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
    return pdf_file(objects)


def pdf_file(objects: list[bytes]) -> bytes:
    """Put the objects of a PDF, the first its catalogue, into a file with a table of their places."""
    body = b"%PDF-1.4\n"
    places = []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(body))
    )


def png(seed: int) -> bytes:
    """Make a PNG of two by two pixels whose colour comes from a number."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    colour = bytes((seed % 256, seed * 7 % 256, seed * 13 % 256))
    rows = (b"\0" + colour * 2) * 2
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def docx(text: str) -> bytes:
    """Make a Word document of these lines, the same bytes every time; a line with tabs is the row of a table."""
    body = ""
    for line in text.split("\n"):
        cells = [f"<w:p><w:r><w:t>{escape(cell)}</w:t></w:r></w:p>" for cell in line.split("\t")]
        row = "".join(f"<w:tc>{cell}</w:tc>" for cell in cells)
        body += cells[0] if len(cells) == 1 else f"<w:tbl><w:tr>{row}</w:tr></w:tbl>"
    return docx_file(f"<w:body>{body}</w:body>")


def docx_file(body: str) -> bytes:
    """Put the body of a ``document.xml`` into the package that makes it a Word document."""
    parts = {
        "[Content_Types].xml": '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument'
        '.wordprocessingml.document.main+xml"/></Types>',
        "_rels/.rels": '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"'
        ' Target="word/document.xml"/></Relationships>',
        "word/document.xml": '<?xml version="1.0" encoding="UTF-8"?><w:document'
        f' xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">{body}</w:document>',
    }
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            entry = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return held.getvalue()
