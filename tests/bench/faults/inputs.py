"""Bad answers for articles, as data: what is served, in which state the line must end, and what must be said of it."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import brotli

from crawler.captures import zstd
from tests.bench.faults.badserver import Answers, broken_off, endless, reply, silence, slow

MIB = 2**20


class Bad(NamedTuple):
    """One bad answer for one article."""

    case: str
    variant: str
    answer: Answers
    state: str = "archived"
    """The state that the article's line must end in."""
    says: str = ""
    """What the line's error must say (an expression)."""
    flags: str = ""
    """What the flags of the last capture must hold (an expression)."""
    kept: bytes | None = None
    """What the capture must hold, byte for byte."""
    lacks: str = "\ufffd"
    """What neither title nor text of the article may hold (an expression); empty: nothing is looked for."""
    asked: int = 0
    """How often it may be asked for in one run at the most; 0: any number."""
    alone: bool = False
    """Whether it gets a crawl of its own, whose memory and processor time are measured."""
    calm: bool = True
    """Whether the article's own words must be in its text, where it is archived."""
    make: Callable[[], bytes] | None = None
    """What makes a large answer, when it is wanted."""


def mark(case: str, variant: str) -> str:
    """Give the word that stands in the text of a bad page's article and nowhere else."""
    number = zlib.crc32(f"{case}{variant}".encode())
    return "".join("甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳"[number >> shift & 15] for shift in range(0, 32, 4))


def story(
    case: str, variant: str = "", *, head: str = "", before: str = "", inside: str = "", after: str = ""
) -> str:
    """Write an article's page around what is bad about it."""
    word = mark(case, variant)
    return (
        f"<!doctype html><html><head>{head}<title>海州区{word}码头开工</title></head><body>{before}"
        f"<h1>海州区{word}码头开工</h1><p>2024-03-01 09:00 来源：海州报</p><div id=zoom class=content>"
        f"<p>记者从{word}码头工地获悉，三座新泊位上午动工，计划明年秋天交付使用。</p>{inside}"
        f"<p>工地负责人介绍，{word}码头建成以后，每天可以停靠二十条货船，附近村民出行也更方便。</p>"
        f"</div>{after}</body></html>"
    )


def good(number: int) -> str:
    """Write a page with nothing bad about it."""
    return story("good", str(number))


# --- compression ---


def cut_in_half(case: str, name: str) -> bytes:
    text = story(case, name, inside="".join(f"<p>第{n}段，{n * 7919 % 1000}号工棚。</p>" for n in range(400)))
    return reply(packed(text.encode(), name)[:-600], f"Content-Encoding: {name}")


def packed(data: bytes, name: str) -> bytes:
    if name == "gzip":
        return gzip.compress(data, mtime=0)
    if name == "deflate":
        return zlib.compress(data)
    return brotli.compress(data) if name == "br" else zstd.compress(data)


@cache
def bomb(name: str, size: int = 1024 * MIB) -> bytes:
    """Pack a page that unpacks to `size` bytes of one letter."""
    head = b"<html><body><p>"
    piece = b"a" * (16 * MIB)
    if name == "br":
        packer = brotli.Compressor(quality=5)
        out = packer.process(head)
        out += b"".join(packer.process(piece) for _ in range(size // len(piece)))
        return out + packer.finish()
    if name == "zstd":
        return zstd.compress(head) + zstd.compress(piece) * (size // len(piece))
    bits = 31 if name == "gzip" else 15
    stream = zlib.compressobj(6, zlib.DEFLATED, bits)
    out = stream.compress(head) + stream.flush(zlib.Z_FULL_FLUSH)
    once = stream.compress(piece) + stream.flush(zlib.Z_FULL_FLUSH)
    # a piece after a full flush stands for itself, so it is packed once; the sum at the end is computed over all
    tail = zlib.compressobj(6, zlib.DEFLATED, -15)
    last = tail.flush(zlib.Z_FINISH)
    sum_of = zlib.crc32 if name == "gzip" else zlib.adler32
    total = sum_of(head)
    for _ in range(size // len(piece)):
        total = sum_of(piece, total)
    end = (
        struct.pack("<II", total, (size + len(head)) % 2**32) if name == "gzip" else struct.pack(">I", total)
    )
    return out + once * (size // len(piece)) + last + end


def layered() -> bytes:
    body = bomb("gzip", 304 * MIB)
    for _ in range(2):
        body = gzip.compress(body, 9, mtime=0)
    return body


TOO_LARGE = r"larger|too large|more than"


def compression() -> Iterator[Bad]:
    for case, name in (("B001", "gzip"), ("B002", "br"), ("B003", "zstd"), ("B004", "deflate")):
        yield Bad(
            case, name, b"", "failed", TOO_LARGE, "too-large", alone=True,
            make=lambda name=name: reply(bomb(name), f"Content-Encoding: {name}"),
        )  # fmt: skip
    yield Bad(
        "B005", "", b"", "failed", TOO_LARGE, "too-large", alone=True,
        make=lambda: reply(layered(), "Content-Encoding: gzip, gzip, gzip"),
    )  # fmt: skip
    for case, name in (("B006", "gzip"), ("B007", "deflate"), ("B007", "br"), ("B007", "zstd")):
        body = cut_in_half(case, name)
        yield Bad(
            case, name, body, "failed", "cut off", "truncated-encoding",
            kept=body.partition(b"\r\n\r\n")[2], asked=2,
        )  # fmt: skip
    wire = bytearray(packed(story("B008").encode(), "gzip"))
    wire[-8] ^= 0xFF
    yield Bad(
        "B008", "", reply(bytes(wire), "Content-Encoding: gzip"), flags="bad-encoding", kept=bytes(wire)
    )
    for case, name in (("B009", "gzip"), ("B010", "br"), ("B010", "zstd")):
        text = story(case, name).encode()
        yield Bad(case, name, reply(text, f"Content-Encoding: {name}"), flags="bad-encoding", kept=text)
    yield Bad("B011", "", reply(b"", "Content-Encoding: gzip"), "failed", "empty", "empty", kept=b"")
    text = story("B012").encode()
    yield Bad("B012", "", reply(text, "Content-Encoding: foo"), flags="unknown-encoding:foo", kept=text)


# --- framing ---


def framing() -> Iterator[Bad]:
    text = story("B013").encode()
    yield Bad(
        "B013", "", reply(text, length=len(text) + 500), "failed", "cut off", "dataloss", kept=text, asked=2
    )
    text = story("B014").encode()
    short = len(text) - 200
    yield Bad("B014", "", reply(text, length=short), flags="no-end", kept=text[:short], lacks="")
    text = story("B015").encode()
    yield Bad("B015", "", reply(text, "Content-Length: 77"), "failed", "Content-Length|length", asked=3)
    for variant, said in (("minus", "-5"), ("letters", "abc")):
        answer = reply(text).replace(b"Content-Length: %d" % len(text), b"Content-Length: " + said.encode())
        yield Bad("B016", variant, answer, "failed", r"\w", asked=3)
    yield Bad(
        "B017", "", reply(b"<html>", length=3 * 2**30), "failed", TOO_LARGE, "truncated:length", asked=1
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"100000\r\n" + b"x" * MIB + b"\r\n"
    yield Bad("B018", "", endless(head, piece), "failed", TOO_LARGE, "truncated:length", asked=3, alone=True)
    text = story("B019").encode()
    yield Bad("B019", "size", head + b"zz\r\n" + text + b"\r\n0\r\n\r\n", "failed", r"\w", asked=3)
    yield Bad(
        "B019", "end", head + b"%x\r\n" % len(text) + text + b"\r\n", "failed", "cut off", "dataloss",
        kept=text, asked=2,
    )  # fmt: skip
    text = story("B020").encode()
    yield Bad("B020", "", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + text, kept=text)
    yield Bad(
        "B021", "", broken_off(reply(story("B021"), length=90_000)), "failed", "cut off|Connection", asked=3
    )
    yield Bad("B022", "nothing", broken_off(b"", reset=False), "failed", r"\w", asked=3)
    yield Bad("B022", "HTTP/0.9", b"<html><p>" + b"x" * 60 + b"</html>\n", "failed", r"\w", asked=3)
    yield Bad("B023", "999", reply("<p>no</p>", status="999 Denied"), "failed", "answers 999")
    yield Bad("B023", "letters", reply("<p>no</p>", status="abc OK"), "failed", r"\w", asked=3)
    text = story("B024").encode()
    yield Bad("B024", "", reply(text, status="206 Partial Content"), "failed", "answers 206", kept=text)
    yield Bad("B025", "204", reply(b"", status="204 No Content"), "failed", "answers 204")
    yield Bad("B025", "200", reply(b""), "failed", "empty", "empty", kept=b"")
    yield Bad("B026", "", b"HTTP/1.1 304 Not Modified\r\nConnection: close\r\n\r\n", "failed", "304")
    for variant, line in (("no colon", b"a line without one"), ("NUL", b"X-Nul: a\0b")):
        text = story("B027", variant).encode()
        answer = reply(text).replace(b"Content-Type", line + b"\r\nContent-Type", 1)
        yield Bad("B027", variant, answer, kept=text)
    text = story("B027", "LF").encode()
    headers = b"HTTP/1.1 200 OK\nContent-Length: %d\nContent-Type: text/html\n\n" % len(text)
    yield Bad("B027", "LF", headers + text, kept=text)
    start = b"HTTP/1.1 200 OK\r\n"
    lines = b"".join(b"X-Filler-%d: %s\r\n" % (n, b"y" * 1000) for n in range(1000))
    yield Bad("B028", "", endless(start, lines), "failed", "head", asked=3, alone=True)
    yield Bad(
        "B029",
        "",
        start + b"X-Long: " + b"y" * 8 * MIB + b"\r\n\r\n<p>",
        "failed",
        r"\w",
        asked=3,
        alone=True,
    )
    yield Bad(
        "B030", "", endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n", 0.01), "failed", "within|head", asked=3
    )
    yield Bad("B031", "head", slow(reply(story("B031")), 1, 0.5), "failed", "within", asked=3)
    text = reply(story("B031"))
    yield Bad("B031", "body", endless(text[:400], b"x", 0.5), "failed", r"within|cut off", asked=3)
    yield Bad("B032", "", silence, "failed", "within", asked=3)


# --- charset ---


def charset() -> Iterator[Bad]:
    names = {
        "B051": ("base64", "hex", "rot13", "zlib", "bz2", "uu", "quopri"),
        "B052": ("undefined", "idna"),
        "B054": ("unicode_escape", "raw_unicode_escape"),
        "B055": ("punycode",),
        "B057": ("utf-16", "utf-32", "hz", "iso-2022-jp"),
        "B058": ("gb2312",),
    }
    for case, labels in names.items():
        for label in labels:
            text = story(case, label).encode()
            yield Bad(case, label, reply(text, content_type=f"text/html; charset={label}"), kept=text)
    for label in ("base64", "undefined"):
        text = story("B053", label, head=f"<meta charset={label}>").encode()
        yield Bad("B053", label, reply(text), kept=text)
    word = "+ADw-script+AD4-alert(1)+ADw-/script+AD4-"
    text = story("B056", inside=f"<p>{word}</p>").encode()
    yield Bad("B056", "", reply(text, content_type="text/html; charset=utf-7"), kept=text, lacks="<script")
    text = story("B059").encode()
    answer = reply(text, "Content-Type: text/html; charset=big5", content_type="text/html; charset=utf-8")
    yield Bad("B059", "", answer, kept=text)
    text = story("B060").encode("gb18030")
    yield Bad("B060", "", reply(text), kept=text)
    text = story("B061", inside="<p>甲\0乙</p>").encode()
    yield Bad("B061", "", reply(text), kept=text, lacks="\0")


# --- markup ---


def markup() -> Iterator[Bad]:
    for variant, depth in (("2,047", 2047), ("5,000", 5000)):
        text = story("B062", variant, before="<div>" * depth).encode()
        yield Bad("B062", variant, reply(text), kept=text)
    for tag in ("b", "font", "span"):
        text = story("B063", tag, before=f"<{tag}>" * 5000).encode()
        yield Bad("B063", tag, reply(text), kept=text)
    for variant, before in (("nested", "<div>" * 1_000_000), ("side by side", "<p><b>" * 2_000_000)):
        text = story("B064", variant, before=before).encode()
        yield Bad(
            "B064", variant, reply(text), "failed", "more than 500000 tags", "too-many", text, alone=True
        )
    text = story("B064", "480,000", before="<p><b></b>" * 160_000).encode()
    yield Bad("B064", "480,000", reply(text), kept=text, alone=True)
    flood = " ".join(f"a{n}=1" for n in range(100_000))
    text = story("B065", before=f"<div {flood}></div>").encode()
    yield Bad("B065", "", reply(text), kept=text, alone=True)
    yield Bad(
        "B066", "100 MB", b"", "failed", TOO_LARGE, "truncated:length", alone=True,
        make=lambda: reply(story("B066", "100 MB", inside="<p>" + "工地一切正常，" * (100 * MIB // 21))),
    )  # fmt: skip
    text = story("B066", "15 MB", inside="<p>" + "工地一切正常，" * (15 * MIB // 21)).encode()
    yield Bad("B066", "15 MB", reply(text), kept=text, alone=True)
    links = "".join(f"<a href=/x/{n}.shtml>{n}</a> " for n in range(100_000))
    text = story("B067", after=f"<div>{links}</div>").encode()
    yield Bad("B067", "", reply(text), kept=text, alone=True)
    text = story("B068", before="<!-- never closed ").encode()
    yield Bad("B068", "", reply(text), "failed", "no-article", "no-article", kept=text)
    text = story("B069", inside="<p>甲&#0;乙&#xD800;丙&#x110000;丁</p>").encode()
    yield Bad("B069", "", reply(text), kept=text, lacks="[\0\ud800-\udfff]")
    odd = "".join(map(chr, (0x202E, 0x2066, 0x200B, 0x1B, 0x07, 0x85)))
    text = story("B070", inside=f"<p>甲{odd}乙</p>").encode()
    yield Bad("B070", "", reply(text), kept=text, lacks="[\x00-\x08\x0b-\x1f\x7f-\x9f]")
    hostile = "a" * 30_000 + " " * 30_000 + "!" + "（" * 30_000 + "字 " * 30_000
    text = story("B073", inside=f"<p>{hostile}</p>").encode()
    yield Bad("B073", "", reply(text), kept=text, alone=True)
    many = "".join(f"<p>{'啊(' * n}{'a' * n}{'=' * n}</p>" for n in range(1, 400))
    text = story("B073", "many", inside=many).encode()
    yield Bad("B073", "many", reply(text), kept=text, alone=True)


# --- XML and JSON where a page of HTML is wanted ---

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(10))
    + "]>"
)


def documents() -> Iterator[Bad]:
    text = f"{LAUGHS}<urlset><url><loc>&k;</loc></url></urlset>".encode()
    yield Bad(
        "B074", "", reply(text, content_type="application/xml"), "failed", "no-article", kept=text, alone=True
    )
    entity = '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    text = (entity + story("B075", inside="<p>&x;</p>").partition("html>")[2]).encode()
    yield Bad("B075", "", reply(text, content_type="application/xml"), kept=text)
    deep = ("[" * 100_000).encode()
    for variant, body in (("levels", deep), ("digits", b"9" * 5000)):
        yield Bad(
            "B077", variant, reply(body, content_type="application/json"), "failed", r"\w", kept=body
        )  # fmt: skip


# --- values that a store cannot take ---


def values() -> Iterator[Bad]:
    text = story("B080", inside="<p>&#xD83D; 半个字符</p>").encode("utf-8")
    text = text.replace("半个".encode(), b"\xed\xa0\xbd" + "半个".encode())
    yield Bad("B080", "", reply(text), kept=text, lacks="[\ud800-\udfff]")
    text = story("B082", inside="<p>甲\0乙&#0;丙</p>").encode()
    yield Bad("B082", "", reply(text), kept=text, lacks="\0")
    for variant, word in (("2^63", "9223372036854775808"), ("NaN", "NaN"), ("1e999", "1e999")):
        case = "B083" if variant == "2^63" else "B084"
        head = f'<meta name="ContentId" content="{word}"><meta name="PubDate" content="{word}">'
        text = story(case, variant, head=head, inside=f"<p>点击 {word} 次</p>").encode()
        yield Bad(case, variant, reply(text), kept=text)
    row = "<tr><th>{}</th><td>{}</td></tr>"
    table = row.format("发文字号]\"'`;--", "连工办[2024]1号") + row.format("id) VALUES (1", "x")
    text = story("B086", before=f"<table>{table}</table>").encode()
    yield Bad("B086", "", reply(text), kept=text)


# --- what a view may not show ---

HOSTILE = "".join(map(chr, (0x202E, 0x200B, 0x1B))) + "[31m"


def views() -> Iterator[Bad]:
    text = story(
        "B090", inside="<p>&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt;</p>"
    )
    yield Bad("B090", "", reply(text), kept=text.encode())
    text = story(
        "B091", inside='<p><a href="javascript:alert(3)">javascript:alert(3)</a> data:text/html,x</p>'
    )
    yield Bad("B091", "", reply(text), kept=text.encode())
    text = story("B092", inside="<p>http://spam.example/win 更多</p>")
    yield Bad("B092", "", reply(text), kept=text.encode())
    text = story("B093").replace("<title>", "<title>=HYPERLINK(1)").replace("<h1>", "<h1>=HYPERLINK(1)")
    yield Bad("B093", "", reply(text), kept=text.encode())
    text = story("B094", inside=f"<p>甲{HOSTILE}乙</p>")
    yield Bad("B094", "", reply(text), kept=text.encode())


# --- dates ---


def dates() -> Iterator[Bad]:
    for variant, day in (("9999", "9999-12-31 09:00"), ("next year", "2099-01-01")):
        text = story("F56", variant).replace("2024-03-01 09:00", day)
        yield Bad("F56", variant, reply(text), kept=text.encode(), lacks="")


def mutants(count: int, chance: random.Random) -> Iterator[Bad]:
    """Spoil good pages at random: bits, cuts, splices, repeated tags, labels, NUL bytes."""
    ways: list[Callable[[bytearray], bytearray]] = [
        lambda b: _flip(b, chance),
        lambda b: b[: chance.randrange(1, len(b))],
        lambda b: b[: len(b) // 2] + b[chance.randrange(len(b)) :],
        lambda b: b.replace(b"<p>", b"<p><b>" * chance.randrange(1, 200)),
        lambda b: b.replace(b"<head>", b"<head><meta charset=" + chance.choice(LABELS) + b">"),
        lambda b: b.replace(b"<p>", b"<p>&#%d;" % chance.choice((0, 55296, 1114112, 8238))),
        lambda b: b.replace(b"<", b"\0<", chance.randrange(5)),
    ]
    for number in range(count):
        text = story("mutant", str(number))
        body = bytearray(text.encode(chance.choice(("utf-8", "gb18030"))))
        for _ in range(chance.randrange(1, 4)):
            body = chance.choice(ways)(body) or bytearray(b"x")
        data = bytes(body[:MIB])  # three ways together can make much of it
        yield Bad("mutants", str(number), reply(data), "", kept=data, lacks="[\0\ud800-\udfff]", calm=False)


LABELS = (b"utf-16", b"big5", b"base64", b"gb2312", b"iso-8859-1", b"undefined")


def _flip(body: bytearray, chance: random.Random) -> bytearray:
    for _ in range(chance.randrange(1, 30)):
        body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return body


def all_bad() -> list[Bad]:
    """Give every bad answer for an article."""
    groups = (compression, framing, charset, markup, documents, values, views, dates)
    return [bad for group in groups for bad in group()]
