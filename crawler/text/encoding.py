"""Decode a fetched body: the evidence is weighed, the damage is recorded."""

from __future__ import annotations

import codecs
import re
from contextvars import ContextVar
from functools import cache
from typing import NamedTuple

from charset_normalizer import from_bytes

from crawler.text import bigrams, tables


class Damage(NamedTuple):
    """Bytes that mean nothing in the encoding of the body; each place shows U+FFFD in the text."""

    offset: int
    """Place in the body, in bytes."""
    bytes: bytes


class Decoded(NamedTuple):
    """A body as text."""

    text: str
    encoding: str
    """Python's name of the codec used: ``utf-8``, ``gb18030``, ``big5``, ``utf-16-le`` …"""
    reason: str
    """Why this codec, in one line."""
    damage: tuple[Damage, ...] = ()


HEAD = 8192
"""Bytes in which a page may declare its encoding. Browsers read 1,024; old portals put scripts before it."""

SAMPLE = 160
"""Chinese characters that are enough to tell encodings apart."""

GOOD = 8.2
"""Mean cost in nats of a character after another, in running Chinese text: measured 5 to 7, lists of names 8;
bytes read with the wrong table give 11 and more."""

HIDDEN_RE = re.compile(rb"<!--.*?-->|<(script|style)\b.*?</\1", re.S | re.I)
META_RE = re.compile(rb"<meta\b[^>]{0,400}?\bcharset\s*=\s*[\"']?\s*([\w:.+-]+)", re.I)
XML_RE = re.compile(rb"\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']([\w:.+-]+)", re.I)
HEADER_RE = re.compile(r"charset\s*=\s*[\"']?\s*([\w:.+-]+)", re.I)

LONG_UTF8_RE = re.compile(rb"[\xe0-\xf4][\x80-\xbf]{2}")
SHORT_UTF8_RE = re.compile(rb"(?:[\xc2-\xdf][\x80-\xbf]){2,}")
"""Evidence of doubt: GBK pairs such as C4 AB are valid UTF-8 too when both bytes fit by chance."""

HIGH_RE = re.compile(rb"[\x80-\xff]+")
ASCII = bytes(range(0x80))
BLANKED = bytes(n if n >= 0x80 else 0x20 for n in range(256))
HANZI_RE = re.compile("[\u4e00-\u9fff]{2,}")
STRANGE_RE = re.compile("[\ue5e5\ue78d-\ue796\ue7c7\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864]")

# GB 18030-2022 and the browsers' index-gb18030; Python keeps the private-use characters of the year 2000
BROWSERS = str.maketrans(
    "\ue5e5\ue78d\ue78e\ue78f\ue790\ue791\ue792\ue793\ue794\ue795\ue796\ue7c7"
    "\ue81e\ue826\ue82b\ue82c\ue832\ue843\ue854\ue864",
    "\u3000\ufe10\ufe12\ufe11\ufe13\ufe14\ufe15\ufe16\ufe17\ufe18\ufe19\u1e3f"
    "\u9fb4\u9fb5\u9fb6\u9fb7\u9fb8\u9fb9\u9fba\u9fbb",
)

_found: ContextVar[list[Damage]] = ContextVar("_found")


def _mark(error: UnicodeError) -> tuple[str, int]:
    """Replace one undecodable place by U+FFFD and note it; an ASCII byte in it stays a character."""
    assert isinstance(error, UnicodeDecodeError)
    body, start = error.object, error.start
    if error.encoding == "utf-8":
        end = error.end
    elif body[start] in (0x80, 0xFF):
        # alone, or in the place of a first byte: what follows up to the next ASCII must come in pairs
        rest = HIGH_RE.match(body, start, start + 400)
        even = rest is not None and (rest.end() - start) % 2 == 0
        if body[start] == 0x80 and not even and error.encoding.startswith("gb"):
            return "€", start + 1  # what the browsers' gb18030 reads
        end = start + 1 + even
    else:
        end = start + 1
        if end < len(body) and body[end] >= 0x80:
            end += 1
    _found.get().append(Damage(start, bytes(body[start:end])))
    return "\ufffd", end


codecs.register_error("crawler.text.mark", _mark)


def _read(body: bytes, codec: str) -> tuple[str, list[Damage]]:
    """Decode with one codec, whatever happens."""
    found: list[Damage] = []
    token = _found.set(found)
    try:
        text = body.decode(codec, "crawler.text.mark")
    finally:
        _found.reset(token)
    if codec == "gb18030" and STRANGE_RE.search(text):
        text = text.translate(BROWSERS)
    return text, found


@cache
def _labels() -> dict[str, str]:
    return {label: codec for label, _, codec in tables.read("encodings")}


def codec_of(label: str | bytes) -> str | None:
    """Give the codec that a declared charset means to browsers, None for what they do not know.

    Only labels of the WHATWG Encoding Standard count, so that no name from a page can call one of
    Python's own or non-text codecs; UTF-16 counts only with a byte order mark.

    >>> codec_of("GB2312"), codec_of("x-sjis"), codec_of("base64"), codec_of("utf-16")
    ('gb18030', 'cp932', None, None)
    """
    if isinstance(label, bytes):
        label = label.decode("ascii", "replace")
    return _labels().get(label.strip().lower())


def declared(body: bytes, content_type: str | None = None) -> tuple[tuple[str, str, str], ...]:
    """List the charsets that a body declares: where, the label, the codec.

    The HTTP header comes first, then the XML declaration and ``<meta>``. A ``charset=`` of a ``<script>``
    or ``<link>`` says how *that* file is encoded and is left out, and so is what stands in a comment.

    >>> declared(b'<script src="a.js" charset="utf-8"></script><meta charset=gb2312>', "text/html")
    (('meta', 'gb2312', 'gb18030'),)
    """
    found = []
    if content_type and (header := HEADER_RE.search(content_type)):
        found.append(("header", header[1]))
    head = body[:HEAD]
    if xml := XML_RE.match(head):
        found.append(("xml", xml[1].decode("ascii", "replace")))
    if b"charset" in head or b"CHARSET" in head:
        found += [
            ("meta", m[1].decode("ascii", "replace")) for m in META_RE.finditer(HIDDEN_RE.sub(b"", head))
        ]
    known = [(place, label, codec_of(label)) for place, label in found]
    return tuple((place, label, codec) for place, label, codec in known if codec)


@cache
def _simplified() -> dict[int, str]:
    return {ord(char): several[0] for char, several in tables.read("traditional")}


def doubt(text: str) -> float | None:
    """Give the mean cost in nats of the Chinese of a text, None where it holds too little of it.

    >>> doubt("全市城乡低保标准由每人每月提高") < GOOD < doubt("鍏ㄥ競鍩庝埂浣庝繚鏍囧噯鐢辨瘡浜�")
    True
    """
    runs: list[str] = []
    many = 0
    for run in HANZI_RE.finditer(text):
        runs.append(run[0][:200])
        many += len(runs[-1]) - 1
        if many >= SAMPLE:
            break
    if many < 2:
        return None
    return bigrams.total("，".join(runs).translate(_simplified())) / (many + 2 * (len(runs) - 1))


FOREIGN_RE = re.compile("[\u0100-\u024f\u0370-\u052f\u30a0-\u30ff\ue000-\uf8ff\ufffd\uff61-\uffdf]")


def _foreign(text: str) -> int:
    """Count characters that no Chinese page needs: what a wrong table makes of good bytes."""
    return len(FOREIGN_RE.findall(text[:20000]))


def _weigh(body: bytes, codec: str) -> tuple[float, str, list[Damage]]:
    """Say how badly a codec fits: the doubt about the text, plus a price for damage."""
    text, damage = _read(body, codec)
    cost = doubt(text)
    high = len(body.translate(None, ASCII))
    if cost is None:
        cost = GOOD + 2
    cost += 40 * (len(damage) + _foreign(text) / 4) / max(high, 8)
    return cost, text, damage


def _pieces(body: bytes, text: str, damage: list[Damage]) -> tuple[str, list[Damage]]:
    """Read the stretches of a UTF-8 page that are GBK as GBK (an include in another encoding)."""
    if not damage:
        return text, damage
    out: list[str] = []
    left: list[Damage] = []
    last = 0
    for run in HIGH_RE.finditer(body):
        inside = [d for d in damage if run.start() <= d.offset < run.end()] if len(damage) < 2000 else damage
        if not inside or len(run[0]) < 4:
            left += inside
            continue
        end = run.end()
        if len(run[0]) % 2 and end < len(body) and 0x40 <= body[end] < 0x7F:
            end += 1
        piece, worse = _read(body[run.start() : end], "gb18030")
        cost = doubt(piece)
        if worse or len(inside) * 4 < len(run[0]) / 2 or cost is None or cost > GOOD + 2:
            left += inside
            continue
        out += [_read(body[last : run.start()], "utf-8")[0], piece]
        last = end
    out.append(_read(body[last:], "utf-8")[0])
    return "".join(out), left


def _realign(body: bytes) -> tuple[str, list[Damage]]:
    """Read GB 18030 so that one byte too few or too many costs a character, not the rest of the line.

    In text of GB 2312 a stretch of high bytes has an even length. Where it is odd, a byte is missing or
    too many: the place is where leaving out one byte makes the stretch likeliest.
    """
    damage: list[Damage] = []
    out: list[str] = []
    last = 0

    def plain(start: int, end: int) -> None:
        text, worse = _read(body[start:end], "gb18030")
        out.append(text)
        damage.extend(Damage(d.offset + start, d.bytes) for d in worse)

    for run in HIGH_RE.finditer(body):
        start, end = run.span()
        if (end - start) % 2 == 0 or end - start > 4000 or end - start < 3:
            continue
        if start < last or _is_long(body[end - 1 : end + 3]):
            continue
        at = _seam(body, start, end)
        if at is None:
            continue
        plain(last, at)
        out.append("\ufffd")
        damage.append(Damage(at, body[at : at + 1]))
        last = at + 1
    plain(last, len(body))
    return "".join(out), damage


def _is_long(piece: bytes) -> bool:
    """Say whether four bytes are one character of GB 18030: high, digit, high, digit."""
    if len(piece) < 4 or not (piece[1:2].isdigit() and piece[3:4].isdigit()):
        return False
    try:
        return len(piece.decode("gb18030")) == 1
    except UnicodeDecodeError:
        return False


def _seam(body: bytes, start: int, end: int) -> int | None:
    """Find the byte to leave out of a stretch of odd length, None where it is fine as it is."""
    # the trail byte of a GBK character outside GB 2312 may be ASCII
    whole = end + 1 if end < len(body) and 0x40 <= body[end] < 0x7F else end
    as_is, worse = _read(body[start:whole], "gb18030")
    price = _price(as_is) + 12 * len(worse)

    def chars(offset: int) -> list[str]:
        return [_read(body[at : at + 2], "gb18030")[0] for at in range(offset, end - 1, 2)]

    before, after = chars(start), chars(start + 1)
    costs, total = [0.0], 0.0
    for index, char in enumerate(before):
        total += _step(before[index - 1] if index else "，", char)
        costs.append(total)
    # a stretch that decodes without an error may just hold a rare character: that takes more to doubt
    best, place = price - (6.0 if worse else 16.0), None
    total = 0.0
    for index in range(len(after), -1, -1):
        if index < len(after):
            total += _step(after[index - 1] if index else "，", after[index])
        # leaving out the byte in front of `after[index]`
        if costs[index] + total + 6.0 < best:
            best, place = costs[index] + total + 6.0, start + 2 * index
    return place


def _step(first: str, second: str) -> float:
    if len(second) != 1 or second == "\ufffd":
        return 30.0
    return bigrams.cost(
        _simplified().get(ord(first[-1:] or "，"), first), _simplified().get(ord(second), second)
    )


def _price(text: str) -> float:
    return sum(_step(first, second) for first, second in zip("，" + text, text, strict=False))


def decode(body: bytes, content_type: str | None = None) -> Decoded:
    """Decode a body as fetched.

    Give the bytes and the ``Content-Type`` header, if there was one. Evidence in this order: a byte order
    mark; strict UTF-8, which other encodings do not imitate by chance; the declared labels with the
    meaning that browsers give them, as long as the Chinese they make is likely; Chinese statistics over
    GB 18030, Big5 and damaged UTF-8; charset-normalizer for the rest. Never raises: what cannot be decoded
    shows as U+FFFD and is listed in ``damage``.

    >>> decode("连云港日报".encode("gb18030"))[:2]
    ('连云港日报', 'gb18030')
    >>> decode('<meta charset="gb2312">连云港'.encode())[1:3]
    ('utf-8', 'valid UTF-8, although meta says gb2312')
    >>> decode(b"plain", "text/plain; charset=base64")[:2]
    ('plain', 'utf-8')
    >>> decode("低保".encode() + b"\\xe6" + "标准".encode()).damage
    (Damage(offset=6, bytes=b'\\xe6'),)
    """
    for mark, codec in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if body.startswith(mark):
            text, damage = _read(body[len(mark) :], codec)
            moved = tuple(Damage(d.offset + len(mark), d.bytes) for d in damage)
            return Decoded(text, codec, "byte order mark", moved)
    labels = declared(body, content_type)
    said = labels[0] if labels else None
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return _undeclared(body, labels)
    if said and said[2] == "utf-8":
        return Decoded(text, "utf-8", f"valid UTF-8, as {said[0]} says")
    if body.isascii():
        if said:
            text, damage = _read(body, said[2])
            return Decoded(text, said[2], f"ASCII; {said[0]} says {said[1]}", tuple(damage))
        return Decoded(text, "utf-8", "ASCII, nothing declared")
    if not LONG_UTF8_RE.search(body) and SHORT_UTF8_RE.search(body):
        cost, other, damage = _weigh(body, "gb18030")
        if not damage and cost < GOOD:
            return Decoded(
                other, "gb18030", f"likely Chinese in gb18030 ({cost:.1f} nats), only by chance valid UTF-8"
            )
    if said:
        return Decoded(text, "utf-8", f"valid UTF-8, although {said[0]} says {said[1]}")
    return Decoded(text, "utf-8", "valid UTF-8, nothing declared")


def _undeclared(body: bytes, labels: tuple[tuple[str, str, str], ...]) -> Decoded:
    """Decide what is not valid UTF-8."""
    found = body.translate(None, ASCII)
    high = len(found)
    if 3 * len(LONG_UTF8_RE.findall(found[:9000])) >= 0.6 * len(found[:9000]):
        text, damage = _read(body, "utf-8")
        text, damage = _pieces(body, text, damage)
        why = f"UTF-8 but for {len(damage)} damaged places" if damage else "UTF-8 with pieces in GBK"
        return Decoded(text, "utf-8", why, tuple(damage))
    order = list(dict.fromkeys([*(codec for _, _, codec in labels), "gb18030", "big5"]))
    places = {codec: f"{place} says {label}" for place, label, codec in reversed(labels)}
    best: tuple[float, str, str, list[Damage]] | None = None
    for codec in order:
        if codec == "utf-8":
            continue
        if codec == "big5":
            codec = _big5(body)
        cost, text, damage = _weigh(body, codec)
        if best is None or cost < best[0] - 0.3:
            best = (cost, codec, text, damage)
        if cost < GOOD and not damage:
            break
    assert best is not None
    cost, codec, text, damage = best
    if cost < GOOD + 1.5 or (codec in places and cost < GOOD + 4):
        if codec == "gb18030":
            text, damage = _repair_gb(body, text, damage)
        why = (
            places.get(codec) or "nothing declared"
            if codec in places or not labels
            else f"although {labels[0][0]} says {labels[0][1]}"
        )
        return Decoded(text, codec, f"likely Chinese in {codec} ({cost:.1f} nats), {why}", tuple(damage))
    for place, label, codec in labels:
        if codec != "utf-8":
            text, damage = _read(body, codec)
            if len(damage) * 20 <= high:
                return Decoded(text, codec, f"{place} says {label}, nothing against it", tuple(damage))
    if max(map(len, HIGH_RE.findall(body))) == 1:
        text, damage = _read(body, "cp1252")
        return Decoded(text, "cp1252", "high bytes stand alone: what browsers fall back to", tuple(damage))
    voted = _voted(body)
    if voted and len(body) > 24:
        text, damage = _read(body, voted)
        if not damage:
            return Decoded(text, voted, "charset-normalizer's guess, nothing else fits", ())
    if len(damage := best[3]) * 4 <= high and best[0] < GOOD + 4:
        return Decoded(best[2], best[1], f"{best[1]} fits best, not well ({best[0]:.1f} nats)", tuple(damage))
    text, damage = _read(body, "cp1252")
    if high <= 8 and not damage:
        return Decoded(text, "cp1252", "few high bytes and no Chinese: what browsers fall back to", ())
    return Decoded(best[2], best[1], f"{best[1]} fits best, not well ({best[0]:.1f} nats)", tuple(best[3]))


def _repair_gb(body: bytes, text: str, damage: list[Damage]) -> tuple[str, list[Damage]]:
    """Read a GB 18030 page again where bytes are missing or pieces are UTF-8."""
    runs = body.translate(BLANKED).split()
    odd = any(len(run) % 2 for run in runs)
    pieces: list[re.Match[bytes]] = []
    if any(len(run) % 3 == 0 and len(run) >= 6 and run[0] >= 0xE2 and max(run[1:3]) < 0xC0 for run in runs):
        pieces = [run for run in HIGH_RE.finditer(body) if len(run[0]) >= 6 and _is_utf8(run[0])]
    if not pieces:
        return _realign(body) if odd else (text, damage)
    out: list[str] = []
    found: list[Damage] = []
    last = 0
    for start, end in [*(run.span() for run in pieces), (len(body), len(body))]:
        part, worse = _realign(body[last:start])
        out += [part, body[start:end].decode("utf-8")]
        found += [Damage(d.offset + last, d.bytes) for d in worse]
        last = end
    return "".join(out), found


def _is_utf8(run: bytes) -> bool:
    """Say whether a stretch inside a GB page is likelier as UTF-8."""
    try:
        text = run.decode("utf-8")
    except UnicodeDecodeError:
        return False
    here, there = doubt(text), doubt(_read(run, "gb18030")[0])
    return here is not None and (there is None or here + 2 < there)


def _big5(body: bytes) -> str:
    """Choose between plain Big5 and the browsers' Big5 with the Hong Kong supplement."""
    try:
        body.decode("big5")
    except UnicodeDecodeError:
        return "big5hkscs"
    return "big5"


def _voted(body: bytes) -> str | None:
    """Ask charset-normalizer about a sample; only codecs that browsers know count."""
    guess = from_bytes(body[:4096], threshold=0.3).best()
    if guess is None:
        return None
    name = guess.encoding.replace("_", "-")
    for codec in _labels().values():
        if codec.replace("_", "-") == name:
            return codec
    return {"gbk": "gb18030", "gb2312": "gb18030", "cp950": "big5hkscs"}.get(name)
