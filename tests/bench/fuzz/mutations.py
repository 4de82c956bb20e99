"""Changes that turn a page into a worse one: what bits, cables, editors and attackers do to it.

Coverage does not see into a regular expression, which is where time is lost without end. So beside the changes to
bytes and markup there are fragments that our own expressions begin to match: walks over each compiled pattern of the
modules that are tried, their loops run through a thousand times and their ends spoilt.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from random import Random
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as patterns  # type: ignore[attr-defined]
from typing import Any

LABELS = (
    *(
        "utf-8",
        "gbk",
        "gb2312",
        "gb18030",
        "big5",
        "big5-hkscs",
        "euc-tw",
        "utf-16",
        "utf-16le",
        "utf-7",
        "hz",
    ),
    *(
        "iso-2022-jp",
        "iso-8859-1",
        "windows-1252",
        "shift_jis",
        "euc-kr",
        "base64",
        "unicode_escape",
        "punycode",
        "x",
    ),
)
CHARSET_RE = re.compile(rb"(charset\s*=\s*[\"']?)[\w-]+", re.I)
TAG_RE = re.compile(rb"<[^<>]{0,300}>")
WORD_RE = re.compile(rb"[\x80-\xff]{2,60}|\w{2,40}")

SNIPPETS = tuple(
    each.encode("utf-8", "surrogatepass")
    for each in (
        *(
            "<p>",
            "</p>",
            "<div>",
            "</div>",
            "<b>",
            "<font>",
            "<span>",
            "<td>",
            "<tr>",
            "<table>",
            "<li>",
            "<ul>",
        ),
        *(
            "<a href='/a/content/1.html'>",
            "<a href=",
            "</a>",
            "<br>",
            "<img src=x.jpg>",
            "<h1>",
            "<title>",
            "</title>",
        ),
        *(
            "<script>",
            "</script>",
            "<style>",
            "</style>",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<?xml",
            "<svg>",
            "<math>",
        ),
        *(
            "<meta name='PubDate' content='2024-01-18'>",
            "<meta charset=gbk>",
            "<html>",
            "</html>",
            "<body>",
            "</body>",
        ),
        *(
            "<div style='display:none'>",
            "<div id=zoom>",
            "<div class='",
            "<input value='",
            "<template>",
            "<iframe>",
        ),
        *(
            "&",
            "&#",
            "&#x",
            "&amp;",
            "&amp;amp;",
            "&#0;",
            "&#xD800;",
            "&#x110000;",
            "&nbsp;",
            "&#26032;",
            "&#x65b0;",
        ),
        *(
            "(",
            ")",
            "（",
            "）",
            "[",
            "]",
            "【",
            "】",
            "《",
            "》",
            "〔",
            "{",
            "}",
            '"',
            "'",
            "“",
            "”",
            "<",
            ">",
            "=",
        ),
        *(
            "(bào)",
            "(huì)",
            "(lián)",
            "時(shí)",
            "連(lián)云港",
            "聽(tīng)",
            "ā",
            "?",
            "??",
            "锟斤拷",
            "锘",
            "ï¿½",
            "\ufffd",
        ),
        *(
            "æ–°",
            "é—»",
            "鏂伴椈",
            "新闻",
            "新聞",
            "棋牌",
            "威尼斯人",
            "開戶",
            "彩票",
            "www.bet365.com",
            "http://a.b/",
        ),
        *(
            "来源：",
            "作者：",
            "发布时间：",
            "时间:2024-01-18 09:54:49",
            "2024年1月18日",
            "[2024-01-18]",
            "第1页",
            "下一页",
        ),
        *(
            "责任编辑：",
            "附件：",
            "上接第1版",
            "（下转第3版）",
            "转",
            "\u200b",
            "\u202e",
            "\ufeff",
            "\u3000",
            "\xa0",
            "\u2028",
        ),
        *(
            "\0",
            "\x01",
            "\x1b",
            "\x7f",
            "\x85",
            "\ud800",
            "\udfff",
            "\U0002070e",
            "\U0010ffff",
            "ﷺ",
            "㎡",
            "e\u0301",
        ),
        *(
            "\r\n",
            "\n",
            "\t",
            " ",
            "a",
            "A",
            "1",
            "-",
            "_",
            ".",
            ",",
            "，",
            "。",
            "、",
            ":",
            "：",
            ";",
            "/",
            "\\",
            "//",
        ),
        *(
            "*",
            "+",
            "|",
            "#",
            "@",
            "%",
            "%u65b0",
            "\\u65b0",
            "%E6%96%B0",
            "==",
            "data:",
            "javascript:",
            "void(0)",
        ),
        *(
            "OR",
            " OR ",
            " NOT ",
            " AND ",
            "-",
            "title:",
            "source:",
            "since:2024-13-99",
            "until:2024-02-31",
            "NEAR(",
        ),
        *(
            "document.write(",
            "eval(",
            "String.fromCharCode(",
            "unescape('",
            "location.href='",
            "createPageHTML(3,0,'a',",
        ),
        *(
            "<record>",
            "</record>",
            "<totalrecord>9</totalrecord>",
            '{"result":"',
            "raw(",
            "totalRecord:'",
            "columnId:'",
        ),
        *(
            "WARC/1.0\r\n",
            "WARC-Type: response\r\n",
            "Content-Length: 5\r\n",
            "HTTP/1.1 200 OK\r\n",
            "\x1f\x8b\x08",
        ),
        *(
            "Content-Encoding: gzip\r\n",
            "Transfer-Encoding: chunked\r\n",
            "@media{",
            "display:none",
            "!important",
            "/*",
        ),
    )
)
"""What pages, lists, questions and capture files are made of, whole and begun."""

Mutation = Callable[[Random, bytes, int], bytes]


def pieces(rng: Random) -> bytes:
    """Take a piece out of the box, a fragment of an expression's, or some bytes."""
    chance = rng.random()
    if chance < 0.55:
        return rng.choice(SNIPPETS)
    if chance < 0.9 and (known := expressions()):
        return fragment(rng, rng.choice(known))
    return rng.randbytes(rng.randint(1, 8))


def many(rng: Random, most: int) -> int:
    """Choose how often something is repeated: any order of magnitude alike, `most` at the most."""
    return max(1, min(most, int(10 ** rng.uniform(0, 5.2))))


def flip(rng: Random, body: bytes, room: int) -> bytes:
    out = bytearray(body)
    for _ in range(rng.randint(1, 1 + len(out) // 200)):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def cut(rng: Random, body: bytes, room: int) -> bytes:
    start, end = span(rng, body)
    return body[:start] + body[end:]


def break_off(rng: Random, body: bytes, room: int) -> bytes:
    return body[: rng.randrange(1, len(body) + 1)]


def repeat(rng: Random, body: bytes, room: int) -> bytes:
    """Say a stretch of the page again and again."""
    start, end = span(rng, body)
    count = many(rng, room // max(1, end - start))
    return body[:end] + body[start:end] * count + body[end:]


def insert(rng: Random, body: bytes, room: int) -> bytes:
    at = place(rng, body)
    return body[:at] + pieces(rng) + body[at:]


def storm(rng: Random, body: bytes, room: int) -> bytes:
    """Put one or two pieces, or a period of several, into the page a great many times."""
    period = b"".join(pieces(rng) for _ in range(rng.choice((1, 1, 1, 2, 3))))
    at = place(rng, body)
    end = pieces(rng) if rng.random() < 0.5 else b""
    return body[:at] + period * many(rng, room // max(1, len(period))) + end + body[at:]


def scatter(rng: Random, body: bytes, room: int) -> bytes:
    """Put a piece behind each of another."""
    marks = [b">", b"<", b"\n", b" ", b"=", b"\xef\xbc\x8c", b"\xe3\x80\x82", b'"']
    return body.replace(rng.choice(marks), rng.choice(marks) + pieces(rng), many(rng, 5000))


def nest(rng: Random, body: bytes, room: int) -> bytes:
    """Lay the page, or a part of it, into a great many elements, closed or not."""
    name = rng.choice(
        (b"div", b"b", b"font", b"span", b"table", b"ul", b"li", b"p", b"a", b"x", b"select", b"q:r")
    )
    opening = (
        b"<" + name + rng.choice((b"", b" id=zoom", b" style='color:red'", b" href=/a/content/1.html")) + b">"
    )
    count = many(rng, room // (2 * len(opening)))
    start, end = span(rng, body)
    closing = b"</" + name + b">" if rng.random() < 0.5 else b""
    return body[:start] + opening * count + body[start:end] + closing * count + body[end:]


def crowd(rng: Random, body: bytes, room: int) -> bytes:
    """Give a tag a great many attributes, or one that does not end."""
    tags = list(TAG_RE.finditer(body))
    at = rng.choice(tags).end() - 1 if tags else len(body)
    value = rng.choice((b"1", b"'", b'"', b"'x'", b"", pieces(rng)))
    words = (b" a%d=" % number + value for number in range(many(rng, room // (8 + len(value)))))
    return body[:at] + b"".join(words) + body[at:]


def swap_tags(rng: Random, body: bytes, room: int) -> bytes:
    tags = list(TAG_RE.finditer(body))
    if len(tags) < 2:
        return insert(rng, body, room)
    one, two = sorted(rng.sample(tags, 2), key=lambda each: each.start())
    return body[: one.start()] + two[0] + body[one.end() : two.start()] + one[0] + body[two.end() :]


def lengthen(rng: Random, body: bytes, room: int) -> bytes:
    """Make one word of the page a word without end."""
    words = list(WORD_RE.finditer(body))
    if not words:
        return storm(rng, body, room)
    word = rng.choice(words)
    return body[: word.end()] + word[0] * many(rng, room // len(word[0])) + body[word.end() :]


def relabel(rng: Random, body: bytes, room: int) -> bytes:
    """Say another charset than the page has."""
    label = rng.choice(LABELS).encode()
    changed = CHARSET_RE.sub(lambda found: found[1] + label, body)
    return changed if changed != body else b'<meta charset="' + label + b'">' + body


def recode(rng: Random, body: bytes, room: int) -> bytes:
    """Write the page in another charset, or once too often."""
    before = rng.choice(("utf-8", "gb18030", "big5", "latin-1", "cp1252", "utf-16-le"))
    after = rng.choice(("gb18030", "big5", "utf-8", "utf-16", "utf-16-be", "utf-32", "hz", "gbk", "latin-1"))
    start, end = (0, len(body)) if rng.random() < 0.7 else span(rng, body)
    return body[:start] + body[start:end].decode(before, "replace").encode(after, "replace") + body[end:]


def spell_out(rng: Random, body: bytes, room: int) -> bytes:
    """Write a stretch as character references, decimal or not, some of them broken."""
    start, end = span(rng, body, 3000)
    form = rng.choice(("&#{};", "&#x{:x};", "&#{}", "&amp;#{};", "%u{:04x}", "\\u{:04x}", "&#{}; "))
    text = body[start:end].decode("utf-8", "replace")
    return body[:start] + "".join(form.format(ord(char)) for char in text).encode() + body[end:]


def annotate(rng: Random, body: bytes, room: int) -> bytes:
    """Put readings behind the characters of a stretch, as the copying machines of hijacked pages do."""
    start, end = span(rng, body, 3000)
    notes = ("(bào)", "(huì)", "(shí)", "(de)", "(zhì)", "（lián）", "(x)", "(yóu)")
    text = body[start:end].decode("utf-8", "replace")
    said = (char + rng.choice(notes) if char > "\u3000" and rng.random() < 0.3 else char for char in text)
    return body[:start] + "".join(said).encode() + body[end:]


def shuffle(rng: Random, body: bytes, room: int) -> bytes:
    sign = rng.choice((b"\n", b"<p>", b"<", b">", b"\xe3\x80\x82"))
    parts = body.split(sign)
    rng.shuffle(parts)
    return sign.join(parts)


CHANGES: tuple[Mutation, ...] = (
    *(
        flip,
        cut,
        break_off,
        repeat,
        insert,
        insert,
        storm,
        storm,
        storm,
        scatter,
        nest,
        crowd,
        swap_tags,
        lengthen,
    ),
    *(relabel, recode, spell_out, annotate, shuffle),
)


def span(rng: Random, body: bytes, most: int = 0) -> tuple[int, int]:
    """Choose a stretch: of any order of magnitude, often from tag to tag."""
    start = place(rng, body)
    size = int(10 ** rng.uniform(0, 4))
    end = min(len(body), start + min(size, most or size))
    close = body.find(b">", end)
    return start, close + 1 if close >= 0 and not most and rng.random() < 0.4 else end


def place(rng: Random, body: bytes) -> int:
    at = rng.randrange(len(body) + 1)
    if rng.random() < 0.5 and (close := body.find(b">", at)) >= 0:
        return close + 1
    return at


def change(rng: Random, body: bytes, others: list[bytes], most: int) -> bytes:
    """Change a page in one to four ways, or join it with another; the outcome has `most` bytes at the most."""
    room = most if rng.random() < 0.25 else min(most, 8 * max(4000, len(body)))
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4))):
        if rng.random() < 0.06:
            other = rng.choice(others)
            body = body[: place(rng, body)] + other[place(rng, other) :]
        else:
            body = rng.choice(CHANGES)(rng, body or b" ", max(1, room - len(body)))
        body = body[:room]
    return body


# --- fragments of expressions ---


@cache
def expressions(rooms: tuple[str, ...] = ("crawler",)) -> tuple[re.Pattern[Any], ...]:
    """Give the compiled expressions of the modules that are loaded."""
    found: dict[re.Pattern[Any], None] = {}
    for name, module in sorted(sys.modules.items()):
        if name.partition(".")[0] in rooms:
            for value in list(vars(module).values()):
                found.update(dict.fromkeys(_patterns(value)))
    return tuple(found)


def _patterns(value: object, depth: int = 2) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, tuple | list | dict):
        inner: Iterable[object] = value.values() if isinstance(value, dict) else value
        for each in inner:
            yield from _patterns(each, depth - 1)


@cache
def _read(expression: re.Pattern[Any]) -> Any:
    return patterns.parse(expression.pattern, expression.flags & ~re.DEBUG)


def fragment(rng: Random, expression: re.Pattern[Any]) -> bytes:
    """Walk over an expression and give what it would match, some of its loops run through a thousand times."""
    out: list[int] = []
    budget = many(rng, 20_000)
    _walk(rng, _read(expression), out, budget)
    if out and rng.random() < 0.6:
        del out[rng.randrange(len(out)) :]
    if isinstance(expression.pattern, bytes):
        return bytes(code & 0xFF for code in out)
    return "".join(map(chr, out)).encode("utf-8", "surrogatepass")


def _walk(rng: Random, parsed: Any, out: list[int], budget: int) -> None:
    for code, value in parsed:
        if len(out) >= budget:
            return
        if code in (codes.LITERAL, codes.NOT_LITERAL):
            out.append(value if code is codes.LITERAL else _other(rng, value))
        elif code is codes.ANY:
            out.append(ord(rng.choice("a1 <中")))
        elif code is codes.IN:
            out.append(_member(rng, value))
        elif code is codes.BRANCH:
            _walk(rng, rng.choice(value[1]), out, budget)
        elif code is codes.SUBPATTERN:
            _walk(rng, value[3], out, budget)
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT, getattr(codes, "POSSESSIVE_REPEAT", None)):
            least, most, inner = value
            most = min(int(most), budget)
            count = rng.choice(
                (least, most, rng.randint(least, max(least, min(most, 3))), many(rng, max(1, most)))
            )
            start = len(out)
            for number in range(count):
                _walk(rng, inner, out, budget)
                if number and len(out) >= budget:
                    break
                if number == 3 and rng.random() < 0.7:  # a period, not noise
                    out += out[start:] * ((budget - len(out)) // max(1, len(out) - start))
                    del out[budget:]
                    break


def _member(rng: Random, members: Any) -> int:
    if members[0][0] is codes.NEGATE:
        return _other(rng, ord("<"))
    code, value = rng.choice(members)
    if code is codes.LITERAL:
        return int(value)
    if code is codes.RANGE:
        return rng.randint(value[0], min(value[1], value[0] + 2000))
    return ord(
        rng.choice({"CATEGORY_DIGIT": "0123", "CATEGORY_SPACE": " \t\n\u3000"}.get(str(value), "a中_9"))
    )


def _other(rng: Random, code: int) -> int:
    return next(other for other in iter(lambda: ord(rng.choice("ab1 中，.(")), None) if other != code)
