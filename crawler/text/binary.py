"""What a body is when it is no text."""

from __future__ import annotations

MAGIC = {
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP or Office document",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG\r\n": "a PNG picture",
    b"GIF8": "a GIF picture",
    b"Rar!\x1a": "a RAR file",
    b"\x1f\x8b": "a gzip file",
    b"7z\xbc\xaf": "a 7z file",
}


CONTROLS = bytes({*range(0x20), 0x7F} - set(b"\t\n\f\r\x1b"))
"""Bytes that text in no encoding of the web has many of; ESC belongs to ISO-2022."""


def binary_kind(body: bytes) -> str | None:
    """Name what a body is when it is no text: by its first bytes, or by its share of control bytes.

    >>> binary_kind(b"%PDF-1.7 ...")
    'a PDF document'
    >>> binary_kind("连云港".encode("gb18030")) is None
    True
    """
    for magic, kind in MAGIC.items():
        if body.startswith(magic):
            return kind
    head = body[:4096]
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return None  # UTF-16 says so itself
    controls = len(head) - len(head.translate(None, CONTROLS))
    if controls > len(head) // 20:
        return f"{controls} control bytes among the first {len(head)}"
    return None
