"""The machine that makes tampered copies, run forward.

The rule was worked out from the bytes of real copies (hijacked mirror sites that serve other people's
pages): a page is turned into Traditional characters one by one and encoded as GBK; then, for a fixed set
of characters, the *bytes* of the character are replaced by the same bytes and its reading in brackets,
without looking where characters begin; the result is read by a converter that behaves as PHP's CP936.
Where the last byte of one character and the first byte of the next happen to be a character of the set,
the note lands in the middle of a character, and from there on the bytes pair up one off.

A repair is accepted only if this machine, run over it, gives the captured text again; the benchmarks make
their copies with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import repeat

# PHP's CP936 gives private-use characters for pairs that the standard leaves open: libmbfl,
# unicode_table_cp936.h; (first character, first pair), as long as Python's GBK knows none of the pairs.
_OPEN = (
    (0xE766, 0xA2AB, 6),
    (0xE76D, 0xA2E4, 1),
    (0xE76E, 0xA2EF, 2),
    (0xE770, 0xA2FD, 2),
    (0xE772, 0xA4F4, 11),
    (0xE77D, 0xA5F7, 8),
    (0xE785, 0xA6B9, 8),
    (0xE78D, 0xA6D9, 7),
    (0xE794, 0xA6EC, 2),
    (0xE796, 0xA6F3, 1),
    (0xE797, 0xA6F6, 9),
    (0xE7A0, 0xA7C2, 15),
    (0xE7AF, 0xA7F2, 13),
    (0xE7BC, 0xA896, 11),
    (0xE7C7, 0xA8BC, 1),
    (0xE7C9, 0xA8C1, 4),
    (0xE7CD, 0xA8EA, 21),
    (0xE7E2, 0xA958, 1),
    (0xE7E3, 0xA95B, 1),
    (0xE7E4, 0xA95D, 3),
    (0xE7F4, 0xA997, 13),
    (0xE801, 0xA9F0, 15),
    (0xE810, 0xD7FA, 5),
    (0xE815, 0xFE50, 47),
    (0xE844, 0xFE80, 33),
)


def read_pairs(codec: str) -> dict[int, str]:
    """Give the character that a codec of two bytes reads for each code, in their order; what it cannot read is left out.

    All are read at once, with line ends between them, which are no second byte of any of them. They are not kept: what
    is made of them is, and each of the tables takes 3 MB.

    >>> read_pairs("gbk")[0xCDCB], read_pairs("big5")[0xA4A4], 0xCD28 in read_pairs("gbk")
    ('退', '中', False)
    """
    codes = [lead << 8 | trail for lead in range(0x81, 0xFF) for trail in TRAILS]
    chars = b"\n".join([code.to_bytes(2, "big") for code in codes]).decode(codec, "ignore").split("\n")
    return {code: char for code, char in zip(codes, chars, strict=True) if len(char) == 1 and char >= "\x80"}


TRAILS = (*range(0x40, 0x7F), *range(0x80, 0xFF))
"""The second bytes of GBK; Big5 uses some of them."""


@cache
def pairs() -> dict[int, str]:
    """Give the character that PHP's CP936 reads for every two-byte code that it can read.

    Codes that are missing become ``?``. The user-defined areas and the open pairs are private-use
    characters (U+E000 to U+E864).

    >>> pairs()[0xCDCB], pairs()[0xFEB2], 0xCD28 in pairs()
    ('退', '\\ue479', False)
    """
    found = dict(read_pairs("gbk"))
    for lead in range(0x81, 0xFF):
        for trail in TRAILS if 0xA1 <= lead <= 0xA7 or 0xAA <= lead <= 0xAF or lead >= 0xF8 else ():
            code = lead << 8 | trail
            if (0xAA <= lead <= 0xAF or lead >= 0xF8) and trail >= 0xA1:
                row = lead - 0xAA if lead <= 0xAF else lead - 0xF2
                found[code] = chr(0xE000 + 94 * row + trail - 0xA1)
            elif 0xA1 <= lead <= 0xA7 and trail <= 0xA0:
                found[code] = chr(0xE4C6 + 96 * (lead - 0xA1) + trail - (0x41 if trail >= 0x80 else 0x40))
    for first, code, many in _OPEN:
        for step in range(many):
            found[code + step] = chr(first + step)
    return found


@cache
def codes() -> dict[str, bytes]:
    """Give the bytes that PHP's CP936 must have read for a character; the inverse of `pairs`.

    >>> codes()["退"].hex(), codes()["\\ue479"].hex(), codes()["A"], codes()["€"].hex()
    ('cdcb', 'feb2', b'A', '80')
    """
    found = {chr(code): bytes((code,)) for code in range(0x80)}
    found |= {char: code.to_bytes(2, "big") for code, char in pairs().items()}
    return found | {"€": b"\x80", "\uf8f5": b"\xff"}


@cache
def sources() -> dict[str, tuple[bytes, ...]]:
    """Give every code that PHP's CP936 or a reader of GB18030 may have read as a character, the likeliest first.

    >>> sources()["€"], sources()["退"] == (codes()["退"],)
    ((b'\x80', b'\xa2\xe3'), True)
    """
    found: dict[str, tuple[bytes, ...]] = {char: (code,) for char, code in codes().items()}
    for number, char in read_pairs("gb18030").items():
        code = number.to_bytes(2, "big")
        if code not in found.get(char, ()):
            found[char] = (*found.get(char, ()), code)
    return found


def encode(text: str) -> bytes:
    """Encode a text as the machine does: what GBK cannot write becomes ``?``."""
    return b"".join(map(codes().get, text, repeat(b"?")))


def annotate(body: bytes, notes: Iterable[tuple[str, str]]) -> bytes:
    """Put the reading behind every occurrence of the bytes of a character, one character after the other.

    The order of `notes` decides where two occurrences overlap.

    >>> annotate("缓退".encode("gbk"), []) == "缓退".encode("gbk")
    True
    >>> read(annotate(encode("緩退"), [("復", "fù")]))
    '緩?fù)?'
    """
    for char, reading in notes:
        code = char.encode("gbk")
        body = body.replace(code, code + b"(" + encode(reading) + b")")
    return body


def read(body: bytes, mark: str = "?", *, swallow: bool = True) -> str:
    """Read bytes as PHP's CP936 does.

    A pair that it cannot read costs both bytes, an ASCII one too, and leaves `mark`. With ``swallow=False``
    an ASCII second byte is given back, as other converters do.

    >>> read(bytes.fromhex("be8fcd28"))
    '緩?'
    >>> read(bytes.fromhex("be8fcd28"), "", swallow=False)
    '緩('
    """
    known = pairs()
    out: list[str] = []
    at, end = 0, len(body)
    while at < end:
        lead = body[at]
        at += 1
        if lead < 0x80:
            out.append(chr(lead))
        elif lead == 0x80:
            out.append("€")
        elif lead == 0xFF:
            out.append("\uf8f5")
        elif at == end:
            out.append(mark)
        else:
            trail = body[at]
            char = known.get(lead << 8 | trail)
            if char is None:
                out.append(mark)
                if not swallow and trail < 0x80:
                    continue
            else:
                out.append(char)
            at += 1
    return "".join(out)
