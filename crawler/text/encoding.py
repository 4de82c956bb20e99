"""Decode a fetched body: the evidence is weighed, the damage is recorded."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from charset_normalizer import from_bytes

from crawler.text import bigrams, euctw, stretches, tables


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

PAIRS = 64
"""Pairs of Chinese characters from all over a long text that are enough: they cost 5 to 6 nats, misread ones 9."""

WINDOWS = 2048
"""Characters of a long text, from eight places, that are looked at to tell its encoding."""

NEAR = 24
"""Characters before the end of a slip where it has mostly begun; it is looked for further back if not."""

FAR = {"big5": 4 * NEAR, "gb18030": 80 * NEAR}
"""How far back that is: Big5 comes into step soon, GB may go on to the end of the paragraph."""

SHORT = 64
"""High bytes up to which every encoding is tried: in so few, the second one may fit better than a good first."""

LETTER = 8.0
"""Gain in nats for which a single character with a letter behind it is read as half of others."""

XML_RE = re.compile(rb"\s*<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']([\w:.+-]+)", re.I)
LABEL_RE = re.compile(rb"\s*=\s*[\"']?\s*([\w:.+-]+)")
HEADER_RE = re.compile(r"charset\s*=\s*[\"']?\s*([\w:.+-]+)", re.I)

LONG_UTF8_RE = re.compile(rb"[\xe0-\xf4][\x80-\xbf]{2}")
UTF8_RE = re.compile(rb"(?:[\xe2-\xef][\x80-\xbf]{2}){3,}")
FEW_UTF8_RE = re.compile(rb"(?:[\xe2-\xef][\x80-\xbf]{2}){2,}")
"""Evidence of UTF-8: GBK has such a row of three by chance in one place of 10,000."""
SHORT_UTF8_RE = re.compile(rb"(?:[\xc2-\xdf][\x80-\xbf]){2,}")
"""Evidence of doubt: GBK pairs such as C4 AB are valid UTF-8 too when both bytes fit by chance."""

HIGH_RE = re.compile(rb"[\x80-\xff]+")
ASCII = bytes(range(0x80))
EUC = bytes(range(0xA1, 0xFF))
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
        if error.encoding == "big5" and (char := _hongkong(body[start : start + 2])):
            return char, start + 2
        if end < len(body) and body[end] >= 0x80:
            end += 1
    _found.get().append(Damage(start, bytes(body[start:end])))
    return "\ufffd", end


def _supplement(error: UnicodeError) -> tuple[str, int]:
    """Read a character of the Hong Kong supplement, raise at anything else."""
    assert isinstance(error, UnicodeDecodeError)
    char = _hongkong(error.object[error.start : error.start + 2])
    if char is None:
        raise error
    return char, error.start + 2


def _hongkong(pair: bytes) -> str | None:
    """Give a character of the Hong Kong supplement, which the browsers' Big5 has."""
    try:
        char = pair.decode("big5hkscs")
    except UnicodeDecodeError:
        return None
    return char if char >= "\u3400" else None


codecs.register_error("crawler.text.mark", _mark)
codecs.register_error("crawler.text.hongkong", _supplement)
codecs.register(euctw.find)


def _read(body: bytes, codec: str) -> tuple[str, list[Damage]]:
    """Decode with one codec, whatever happens."""
    found: list[Damage] = []
    token = _found.set(found)
    try:
        text = body.decode(codec, "crawler.text.mark")
    finally:
        _found.reset(token)
    return _as_browsers(text) if codec == "gb18030" else text, found


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
    head = body[:HEAD].lower()
    if b"<?xml" in head[:200] and (xml := XML_RE.match(body)):
        found.append(("xml", xml[1].decode("ascii", "replace")))
    at = head.find(b"charset")
    while at >= 0:
        tag = head.rfind(b"<", 0, at)
        if head.startswith(b"<meta", tag) and b">" not in head[tag:at] and not _hidden(head, tag):
            label = LABEL_RE.match(body, at + 7)
            if label:
                found.append(("meta", label[1].decode("ascii", "replace")))
        at = head.find(b"charset", at + 7)
    known = [(place, label, codec_of(label)) for place, label in found]
    return tuple((place, label, codec) for place, label, codec in known if codec)


def _hidden(head: bytes, at: int) -> bool:
    """Say whether a place is inside a comment, a script or a style."""
    for begin, end in ((b"<!--", b"-->"), (b"<script", b"</script"), (b"<style", b"</style")):
        opened = head.rfind(begin, 0, at)
        if opened >= 0 and head.find(end, opened, at) < 0:
            return True
    return False


@cache
def _simplified() -> dict[str, str]:
    return {char: several[0] for char, several in tables.load("traditional")}


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
    joined = "，".join(runs)
    plain = "".join(map(_simplified().get, joined, joined))  # six times as fast as `translate`
    return bigrams.total(plain) / (many + 2 * (len(runs) - 1))


FOREIGN_RE = re.compile("[\u0100-\u024f\u0370-\u052f\u30a0-\u30ff\ue000-\uf8ff\ufffd\uff61-\uffdf]")


@cache
def _is_foreign() -> npt.NDArray[np.bool_]:
    """Say of every character of the basic plane whether it is what `FOREIGN_RE` finds."""
    return np.fromiter((FOREIGN_RE.match(chr(n)) is not None for n in range(0x10000)), np.bool_, 0x10000)


def _foreign(text: str) -> int:
    """Count characters that no Chinese page needs: what a wrong table makes of good bytes."""
    units = np.frombuffer(text[:20000].encode("utf-16-le", "surrogatepass"), dtype=np.uint16)
    return int(np.count_nonzero(_is_foreign().take(units)))


def _weigh(body: bytes, codec: str) -> tuple[float, str, list[Damage]]:
    """Say how badly a codec fits: the doubt about the text, plus a price for damage."""
    text, damage = _read(body, codec)
    cost = doubt(text)
    high = len(body.translate(None, ASCII))
    if cost is None:
        cost = GOOD + 2
    cost += 40 * (len(damage) + _foreign(text) / 4) / max(high, 8)
    return cost, text, damage


def _strict(body: bytes, codec: str) -> str | None:
    """Decode with one codec as browsers understand it, None if a byte does not fit."""
    try:
        text = body.decode(codec, "crawler.text.hongkong" if codec == "big5" else "strict")
    except UnicodeDecodeError:
        return None
    return _as_browsers(text) if codec == "gb18030" else text


def _as_browsers(text: str) -> str:
    """Replace what Python's gb18030 reads in its own way."""
    return STRANGE_RE.sub(lambda found: found[0].translate(BROWSERS), text)


def _mixed(body: bytes, legacy: str) -> tuple[str, list[Damage], int, int]:
    """Read a body that is partly UTF-8 and partly in an older encoding.

    Give the text, the damage, and how many bytes were read in the one and in the other. Each word of bytes
    goes to the encoding in which it is likelier; going over from one word to the next has a price, so that a
    word that could be either goes with its neighbours.
    """
    rows: list[tuple[int, int, list[tuple[float, str, list[Damage]]]]] = []
    left = stretches.STEPS
    for token in stretches.TOKEN_RE[legacy].finditer(body):
        raw = token[0]
        if raw.isascii():
            continue
        one, gone = _read(raw, "utf-8")
        here = [(stretches.price(one), one, gone)]
        if gone or len(raw) < 12:
            other, worse = _read(raw, legacy)
            here.append((stretches.price(other), other, worse))
            if len(raw) >= 6 and gone and (worse or UTF8_RE.search(raw)) and len(raw) < left:
                # perhaps neither: the change-over may be inside
                left -= len(raw)
                path = stretches.best(raw, ("utf-8", legacy))
                marks = [Damage(begin, raw[begin:end]) for begin, end in path.skipped]
                if path.cost + 1.0 < min(here)[0]:
                    here.append((path.cost, path.text, marks))
        rows.append((token.start(), token.end(), here))
    choices = _choose([[cost for cost, _, _ in here] for _, _, here in rows])
    out: list[str] = []
    damage: list[Damage] = []
    amounts = [0, 0, 0]
    last = 0
    for (begin, end, here), choice in zip(rows, choices, strict=True):
        _, text, gone = here[choice]
        out += [body[last:begin].decode("ascii", "replace"), text]
        damage += [Damage(begin + d.offset, d.bytes) for d in gone]
        amounts[choice] += end - begin
        last = end
    out.append(body[last:].decode("ascii", "replace"))
    return "".join(out), damage, amounts[0], amounts[1]


def _choose(rows: list[list[float]]) -> list[int]:
    """Find the cheapest row of choices, where going over from the first to the second choice has a price.

    A third choice has paid that price already.
    """
    costs = [0.0, 0.0]
    back: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for row in rows:
        now, came = [0.0, 0.0], [(0, 0), (0, 0)]
        for state in (0, 1):
            other = 1 - state
            stay, go = costs[state], costs[other] + stretches.SWITCHED
            before, cost = (state, stay) if stay <= go else (other, go)
            own = row[state] if state < len(row) else float("inf")
            choice = state
            if len(row) > 2 and row[2] < own:
                own, choice = row[2], 2
            now[state], came[state] = cost + own, (before, choice)
        costs = now
        back.append((came[0], came[1]))
    state = int(costs[1] < costs[0])
    choices = []
    for step in reversed(back):
        state, choice = step[state]
        choices.append(choice)
    return choices[::-1]


def _mend(body: bytes, codec: str, text: str, damage: list[Damage]) -> tuple[str, list[Damage]]:
    """Read the odd places of a body again, so that one byte too few or too many costs one character.

    Odd is what did not decode, and where characters may be paired up one byte off. The words of bytes there
    are read on the likeliest path; it must beat the plain reading clearly.
    """
    out: list[str] = []
    found: list[Damage] = []
    last = 0

    def plain(end: int) -> None:
        piece, gone = _read(body[last:end], codec)
        out.append(piece)
        found.extend(Damage(last + d.offset, d.bytes) for d in gone)

    left = stretches.STEPS
    for begin, end in _spans(body, codec, text, damage):
        if end - begin > left:
            continue
        raw = body[begin:end]
        left -= len(raw)
        as_is, gone = _read(raw, codec)
        path = stretches.best(raw, (codec,))
        if len(path.skipped) > max(1, len(gone)):
            # rows of rare characters are cheaper one byte off: not for a few nats
            path = min(
                path, stretches.best(raw, (codec,), 2 * stretches.SKIPPED), key=lambda p: len(p.skipped)
            )
        if (not gone and len(path.skipped) != 1) or not _better(as_is, path.text, bool(gone)):
            continue
        plain(begin)
        out.append(path.text)
        found += [Damage(begin + at, raw[at:end]) for at, end in path.skipped]
        last = end
    if not last:
        return text, damage
    plain(len(body))
    return "".join(out), found


def _spans(body: bytes, codec: str, text: str, damage: list[Damage]) -> list[tuple[int, int]]:
    """Give begin and end of the bytes to be read again; at both, characters are in step."""
    inside = stretches.INSIDE[codec]
    spans: list[tuple[int, int]] = []

    def word(offset: int, most: int) -> int:
        before = body[max(0, offset - most) : offset]
        return offset - len(before) + len(before.rstrip(inside))

    for d in damage:
        if not spans or d.offset >= spans[-1][1]:
            token = stretches.TOKEN_RE[codec].match(body, word(d.offset, 4000), d.offset + 4000)
            if token is not None and token.end() > d.offset:
                spans.append(token.span())
    at = offset = passed = 0
    for place in stretches.slips(text, codec)[:1000]:
        piece = text[at:place]
        marks = piece.count("\ufffd")
        offset += _size(piece, codec) + sum(len(d.bytes) for d in damage[passed : passed + marks]) - 2 * marks
        passed += marks
        at = place
        for many in (NEAR, FAR[codec]):
            begin = word(offset, _size(text[max(0, place - many) : place], codec))
            raw = body[begin:offset]
            if not text.endswith(_read(raw, codec)[0], 0, place):
                break
            skipped = stretches.best(raw, (codec,)).skipped
            if not skipped:
                break
            if skipped[0][0] > 4 or many == FAR[codec]:
                spans.append((begin, offset))
                break
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _better(as_is: str, other: str, damaged: bool) -> bool:
    """Say whether another reading of a word is clearly likelier, where it differs.

    Rows of rare characters (tables of code, lists of names) are about as unlikely one byte off, so that
    each character must gain, more of them where the plain reading is without a fault.
    """
    begin, end = 0, 0
    least = min(len(as_is), len(other))
    while begin < least and as_is[begin] == other[begin]:
        begin += 1
    while end < least - begin and as_is[-1 - end] == other[-1 - end]:
        end += 1
    old = as_is[max(begin - 1, 0) : len(as_is) - end + 1 if end > 1 else None]
    new = other[max(begin - 1, 0) : len(other) - end + 1 if end > 1 else None]
    gain, many = stretches.price(old) - stretches.price(new), len(new)
    if damaged:
        return gain > 0.75 * many
    if sum(char >= "\x80" for char in as_is[begin : len(as_is) - end]) < 2:
        # a character and a letter, as in 由づd舞: there are such
        return gain > LETTER
    return gain > 0.2 * many and stretches.price(new) <= stretches.SKIPPED + (GOOD + 1) * many


def _size(text: str, codec: str) -> int:
    """Give the bytes that a text takes; a U+FFFD takes two."""
    if codec == "gb18030":
        return len(text.replace("\ufffd", "??").encode(codec, "replace"))
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return len(text) + int(np.count_nonzero(codes >= 0x80))


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
    high = int(np.count_nonzero(np.frombuffer(body, dtype=np.uint8) >= 0x80))
    order = list(dict.fromkeys([*(codec for _, _, codec in labels), "gb18030", "big5", "euc_tw"]))
    said = {codec: f"{place} says {label}" for place, label, codec in reversed(labels)}
    fits: list[tuple[float, str, str]] = []
    for codec, text in _readings(body, order):
        if codec == "euc_tw" and fits:
            continue
        cost = _sampled(text) if high > SHORT else None
        if cost is None or cost >= GOOD:
            cost = doubt(text)
        if cost is None or cost >= GOOD:
            continue
        if high > SHORT:
            return _fitting(body, high, text, codec, cost, _why(codec, labels, said))
        # the first one must be clearly worse to lose, more so when the page says it
        fits.append((cost - (0.6 if codec in said else 0.3 if not fits else 0.0), codec, text))
    if fits:
        cost, codec, text = min(fits, key=lambda fit: fit[0])
        return _fitting(body, high, text, codec, cost, _why(codec, labels, said))
    return _unfit(body, labels, said, order)


def _readings(body: bytes, order: list[str]) -> Iterator[tuple[str, str]]:
    """Read a body strictly with each codec in turn, where that can be done."""
    for codec in order:
        if codec == "gb18030":
            # faster, fails sooner, and without the codes that Python's gb18030 reads in its own way
            text = _strict(body, "gbk")
        elif codec == "euc_tw" and (text := _strict(body, "gb18030")) is not None:
            yield "gb18030", text
            text = _strict(body, codec)
        else:
            text = None if codec == "utf-8" else _strict(body, codec)
        if text is not None:
            yield codec, text


def _sampled(text: str) -> float | None:
    """Give the mean cost in nats of two Chinese characters beside each other, at places all over a text."""
    step = max(1, len(text) // 8)
    pieces = [text[at : at + WINDOWS // 8] for at in range(0, len(text), step)]
    for piece in ("".join(pieces), text):
        units = np.frombuffer(piece.encode("utf-16-le", "surrogatepass"), dtype=np.uint16)
        chinese = (units >= 0x4E00) & (units < 0xA000)
        places = np.flatnonzero(chinese[:-1] & chinese[1:])
        if len(places) >= PAIRS // 2:
            places = places[:: max(1, len(places) // PAIRS)]
            costs = bigrams.costs(units[places[:, None] + np.arange(2)])
            return int(costs.sum(dtype=np.int32)) / costs.size / bigrams.QUARTERS
    return None


def _why(codec: str, labels: tuple[tuple[str, str, str], ...], said: dict[str, str]) -> str:
    if codec in said:
        return said[codec]
    return f"although {labels[0][0]} says {labels[0][1]}" if labels else "nothing declared"


def _fitting(body: bytes, high: int, text: str, codec: str, cost: float, why: str) -> Decoded:
    """Give a text that decodes strictly and is likely; look for pieces and lost bytes where there may be some."""
    reason = f"likely Chinese in {codec} ({cost:.1f} nats), {why}"
    if codec == "gb18030":
        if (
            body.translate(None, ASCII + EUC)
            and _three_utf8(body.translate(None, ASCII))
            and any(_is_utf8(run[0]) for run in UTF8_RE.finditer(body))
        ):
            mixed, gone, of_utf8, _ = _mixed(body, "gb18030")
            if of_utf8:
                return Decoded(mixed, codec, f"{reason}; pieces in UTF-8", tuple(gone))
        if 2 * (len(body) - len(text)) == high:
            # no character ends in ASCII: behind a lost byte, one would
            return Decoded(text, codec, reason)
    elif codec != "big5":
        return Decoded(text, codec, reason)
    text, damage = _mend(body, codec, text, [])
    return Decoded(text, codec, reason, tuple(damage))


def _three_utf8(high: bytes) -> bool:
    """Say whether three characters of UTF-8 follow each other somewhere: UTF8_RE's question, forty times as fast."""
    codes = np.frombuffer(high, dtype=np.uint8)
    if len(codes) < 9:
        return False
    more = codes < 0xC0
    one = (codes[:-2] >= 0xE2) & (codes[:-2] < 0xF0) & more[1:-1] & more[2:]
    return bool((one[:-6] & one[3:-3] & one[6:]).any())


def _mostly_utf8(high: bytes) -> bool:
    """Say whether characters of UTF-8 make up 60 of 100 bytes."""
    codes = np.frombuffer(high, dtype=np.uint8)
    more = codes < 0xC0
    one = (codes[:-2] >= 0xE0) & (codes[:-2] < 0xF5) & more[1:-1] & more[2:]
    if 3 * np.count_nonzero(one) < 0.6 * len(high):
        return False
    return 3 * len(LONG_UTF8_RE.findall(high)) >= 0.6 * len(high)


def _is_utf8(run: bytes) -> bool:
    """Say whether bytes that are valid UTF-8 inside a GB page are likelier as such."""
    text = _read(run, "gb18030")[0]
    return stretches.price(run.decode("utf-8", "replace")) + stretches.SWITCHED < stretches.price(text)


def _unfit(
    body: bytes,
    labels: tuple[tuple[str, str, str], ...],
    said: dict[str, str],
    order: list[str],
) -> Decoded:
    """Decide where no codec reads the body strictly as likely Chinese: it is mixed, damaged, or not Chinese."""
    high = body.translate(None, ASCII)
    if len(high) > SHORT:
        rows = UTF8_RE.findall(body) if _three_utf8(high) else []
    else:
        rows = FEW_UTF8_RE.findall(body)
    if rows:
        text, damage = _read(body, "utf-8")
        share = sum(map(len, rows)) / len(high)
        if share < 0.98 or len(damage) > 1:
            text, damage, of_utf8, of_other = _mixed(body, _second(UTF8_RE.sub(b" ", body)))
            if of_utf8 >= of_other:
                why = (
                    "UTF-8 with pieces in GBK" if of_other else f"UTF-8 but for {len(damage)} damaged places"
                )
                return Decoded(text, "utf-8", why, tuple(damage))
            if of_utf8:
                return Decoded(text, "gb18030", "GBK with pieces in UTF-8", tuple(damage))
        else:
            return Decoded(text, "utf-8", f"UTF-8 but for {len(damage)} damaged places", tuple(damage))
    elif _mostly_utf8(high[:9000]):
        text, damage = _read(body, "utf-8")
        return Decoded(text, "utf-8", f"UTF-8 but for {len(damage)} damaged places", tuple(damage))
    best: tuple[float, str, str, list[Damage]] | None = None
    for codec in order:
        if codec in ("utf-8", "euc_tw"):
            continue
        cost, text, damage = _weigh(body, codec)
        if best is None or cost < best[0] - 0.3:
            best = (cost, codec, text, damage)
    assert best is not None
    cost, codec, text, damage = best
    if cost < GOOD + 1.5 or (codec in said and cost < GOOD + 4):
        if codec in ("gb18030", "big5"):
            text, damage = _mend(body, codec, text, damage)
        why = _why(codec, labels, said)
        return Decoded(text, codec, f"likely Chinese in {codec} ({cost:.1f} nats), {why}", tuple(damage))
    for place, label, codec in labels:
        if codec != "utf-8":
            text, damage = _read(body, codec)
            if len(damage) * 20 <= len(high):
                return Decoded(text, codec, f"{place} says {label}, nothing against it", tuple(damage))
    if max(map(len, HIGH_RE.findall(body))) == 1:
        text, damage = _read(body, "cp1252")
        return Decoded(text, "cp1252", "high bytes stand alone: what browsers fall back to", tuple(damage))
    voted = _voted(body)
    if voted and len(body) > 24:
        text, damage = _read(body, voted)
        if not damage:
            return Decoded(text, voted, "charset-normalizer's guess, nothing else fits", ())
    cost, codec, text, damage = best
    poor = Decoded(text, codec, f"{codec} fits best, not well ({cost:.1f} nats)", tuple(damage))
    if len(damage) * 4 <= len(high) and cost < GOOD + 4:
        return poor
    text, damage = _read(body, "cp1252")
    if len(high) <= 8 and not damage:
        return Decoded(text, "cp1252", "few high bytes and no Chinese: what browsers fall back to", ())
    return poor


def _second(body: bytes) -> str:
    """Choose the older encoding of a body of which the UTF-8 was taken out."""
    return "big5" if _weigh(body, "big5")[0] < _weigh(body, "gb18030")[0] - 0.5 else "gb18030"


def _voted(body: bytes) -> str | None:
    """Ask charset-normalizer about a sample; only codecs that browsers know count."""
    guess = from_bytes(body[:4096], threshold=0.3).best()
    if guess is None:
        return None
    name = guess.encoding.replace("_", "-")
    for codec in _labels().values():
        if codec.replace("_", "-") == name:
            return codec
    return {"gbk": "gb18030", "gb2312": "gb18030", "cp950": "big5", "big5hkscs": "big5"}.get(name)
