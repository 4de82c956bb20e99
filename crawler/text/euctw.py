"""Read and write EUC-TW, which Python does not know."""

from __future__ import annotations

import codecs
import re
from functools import cache

from crawler.text import tables

CODE_RE = re.compile(rb"[\x00-\x7f]+|\x8e[\xa1-\xb0][\xa1-\xfe]{2}|[\xa1-\xfe]{2}")
"""ASCII; a character of CNS 11643 with its plane; one of plane 1."""


@cache
def _codes() -> dict[bytes, str]:
    """Give the characters of the planes 1 and 2, those that Big5 has too, by code."""
    found = {}
    for plane, row, chars in tables.read("euc-tw"):
        for at, char in enumerate(chars):
            if char != "\ufffd":
                code = bytes((0xA0 + int(row), 0xA1 + at))
                found[bytes((0x8E, 0xA0 + int(plane))) + code] = char
                if plane == "1":
                    found[code] = char
    return found


@cache
def _chars() -> dict[str, bytes]:
    """Give the shortest code of each character."""
    return {char: code for code, char in sorted(_codes().items(), key=lambda item: -len(item[0]))}


def decode(body: bytes, errors: str = "strict") -> tuple[str, int]:
    """Decode EUC-TW, in the manner of ``codecs``.

    >>> decode(b"\\xc4\\xe3\\xa1\\xa3 ok")
    ('中、 ok', 7)
    """
    data = bytes(body)
    codes = _codes()
    out: list[str] = []
    place = 0
    while place < len(data):
        found = CODE_RE.match(data, place)
        text = None if found is None else found[0].decode() if found[0].isascii() else codes.get(found[0])
        if text is None or found is None:
            error = UnicodeDecodeError("euc_tw", data, place, place + 1, "no character of CNS 11643 here")
            mark, place = codecs.lookup_error(errors)(error)
            out.append(str(mark))
            continue
        out.append(text)
        place = found.end()
    return "".join(out), len(data)


def encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
    """Encode EUC-TW, in the manner of ``codecs``.

    >>> encode("中 ok"), encode("连", "replace")
    ((b'\\xc4\\xe3 ok', 4), (b'?', 1))
    """
    chars = _chars()
    out: list[bytes] = []
    place = 0
    while place < len(text):
        char = text[place]
        code = char.encode() if char < "\x80" else chars.get(char)
        if code is None:
            error = UnicodeEncodeError("euc_tw", text, place, place + 1, "not in planes 1 and 2 of CNS 11643")
            mark, place = codecs.lookup_error(errors)(error)
            out.append(mark if isinstance(mark, bytes) else mark.encode("ascii"))
            continue
        out.append(code)
        place += 1
    return b"".join(out), len(text)


def find(name: str) -> codecs.CodecInfo | None:
    """Give the codec under its name, for ``codecs.register``."""
    return codecs.CodecInfo(encode, decode, name="euc_tw") if name == "euc_tw" else None  # type: ignore[arg-type]  # decode takes bytes, not every buffer
