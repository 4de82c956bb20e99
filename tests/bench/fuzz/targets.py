"""What is fuzzed: each entry by which bytes from outside come in, its seeds, and the laws of what it gives."""

from __future__ import annotations

import gzip
import json
import re
import tempfile
import zipfile
from collections.abc import Callable
from datetime import date
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from scrapy import Request
from scrapy.robotstxt import ProtegoRobotParser

from crawler.archive import Archive, ask, canonical, cut_snippet
from crawler.archive.values import storable
from crawler.archive.words import in_field, spelled
from crawler.captures import CaptureRecord, CaptureWriter, Damage, mend, read_captures, read_run, unpack
from crawler.documents import DOCX, PDF, read_document, read_docx, sniff
from crawler.landing import links_of, named_address, sent_on
from crawler.portals import Ask, Found, Portal, dated, media, truecms
from crawler.portals.gates import gate_reason
from crawler.portals.pager import Walk
from crawler.replay import read_saved
from crawler.sheets import sheet_text, style_sheets
from crawler.text import (
    bands,
    binary_kind,
    decode,
    digest,
    extract,
    likeness,
    read_page,
    repair,
    revert,
    sign,
    strip,
)
from crawler.text.changes import Shown, find_notice, kind_of_change
from crawler.text.differences import apply, compare, differ
from crawler.text.differences import revert as before
from crawler.text.hiding import hidden_by, hiding_rules
from crawler.text.marks import mark_page
from crawler.text.reading import Reading
from crawler.text.signatures import same_story
from spiders.lyg_epaper import LygEpaper
from spiders.lyg_minzheng import LygMinzheng
from spiders.lyg_news import LygNews
from tests.bench.pages import SHARED
from tests.replica import Replica
from tests.replica.mirror import copy
from tests.replica.replies import docx, pdf

TESTS = Path(__file__).parents[2]
URL = "http://www.lyg.gov.cn/zglygzfmhwz/gcyw/content/f7749317-2a0e-4fa4-83f2-a9338d401663.html"
TYPES = (
    *(
        None,
        None,
        "text/html",
        "text/html; charset=utf-8",
        "text/html;charset=gbk",
        "text/html; charset=Big5",
    ),
    *("text/html; charset=", 'text/html; charset="utf-16"', "text/html; charset=base64", "\ud800;charset=\0"),
)


class Broken(Exception):
    """A law does not hold."""


class Target(NamedTuple):
    """One entry that is fuzzed."""

    seeds: Callable[[], list[bytes]]
    prepare: Callable[[bytes], Any]
    """Makes of bytes what the entry takes; not timed."""
    call: Callable[[Any], Any]
    """The entry itself, timed."""
    check: Callable[[Any, Any], None] = lambda given, found: None
    """Raises Broken where what was found is not what was promised."""
    weigh: Callable[[Any], int] | None = None
    """How many bytes the entry has to read, where that is not how long the input is: what a file unpacks to."""
    unit: str = ""
    """Of what the entry is a stage: whose median seed it is held to instead of its own."""


def hold(law: bool, said: str) -> None:
    if not law:
        raise Broken(said)


def writable(*texts: str | None) -> None:
    """Hold texts to having neither a lone surrogate nor a NUL."""
    for text in texts:
        hold(not re.search("[\0\ud800-\udfff]", text or ""), f"what is no text: {text!r:.80}")


# --- seeds ---


@cache
def pages() -> list[bytes]:
    """Give article pages: the replica's, honest and hijacked, the shared ones, in several charsets."""
    replica = Replica(seed=1)
    found = [replica.pages(story.host)[story.path].body for story in replica.expected()[::6]]
    if (SHARED / "original").is_dir():
        found += [path.read_bytes() for path in sorted((SHARED / "original").iterdir())]
    some = [decode(body).text for body in found[:: max(1, len(found) // 12)]]
    found += [text.encode(codec, "replace") for text in some[:6] for codec in ("gb18030", "big5", "utf-16")]
    found += [copy(text).encode() for text in some[6:]]
    return found


@cache
def cases() -> list[bytes]:
    """Give the inputs of the cases, and what hostile pages are made of."""

    def said(value: object) -> list[str]:
        if isinstance(value, str):
            return [value]
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return [text for each in inner for text in said(each)]

    found: dict[str, None] = {}
    for path in sorted((TESTS / "cases").glob("*.json")):
        found |= dict.fromkeys(text for text in said(json.loads(path.read_text("utf-8"))) if len(text) > 20)
    return [text.encode("utf-8", "surrogatepass") for text in found]


def whole() -> list[bytes]:
    return pages() + cases()[::8]


@cache
def listed() -> list[bytes]:
    """Give lists, home pages, further records and printed pages."""
    lists = TESTS / "pages" / "lists"
    found = [path.read_bytes() for path in sorted(lists.iterdir()) if path.suffix in (".html", ".txt")]
    replica = Replica(seed=1)
    articles = {story.url.split("/", 3)[-1] for story in replica.expected()}
    for portal in PORTALS:
        for host in portal.hosts[:1]:
            served = replica.pages(host)
            found += [
                reply.body
                for path, reply in sorted(served.items())
                if path.lstrip("/") not in articles and reply.body[:1] in b"<;{r"
            ][:12]
    return found


def asked() -> list[bytes]:
    """Give questions as people type them, and as no one does."""
    typed = (
        *(
            "连云港",
            "社保 连云港",
            "(雨 OR 雪) -冰雹",
            '"社区 食堂" 养老',
            "title:养老 source:晚报",
            "gov* since:2024-03",
        ),
        *(
            "until:2024-03-31 NOT 疫情",
            "来源:连云港日报 自:2024 至:2025",
            "lianyungang",
            "a AND (b OR (c AND NOT d))",
        ),
        *(
            "，。",
            "OR OR (",
            ")(",
            '"',
            "-",
            "--x",
            "NOT",
            "title:",
            "“社保”",
            "since:9999-99-99",
            "（雨）",
            "5G ㎡ ﷺ",
        ),
        *(
            "((((((雨))))))",
            "NOT NOT 雨",
            "雨 OR -雪",
            "a" * 300,
            "since:2024 since:2023 until:0000",
            "\ud800",
            "雨\0雪",
        ),
    )
    return [text.encode("utf-8", "surrogatepass") for text in typed]


@cache
def files() -> list[bytes]:
    text = "\n".join(decode(body).text[:2000].replace("\0", "") for body in pages()[:3])
    return [
        docx("通知\n一、名单见附表。"),
        docx("序号\t名称\n1\t食堂"),
        docx(text),
        pdf("通知\n名单"),
        pdf(*["页"] * 20),
    ]


@cache
def packed() -> list[bytes]:
    """Give capture files: as they are written, without gzip, and in a package."""
    with tempfile.TemporaryDirectory() as folder:
        with CaptureWriter(
            folder, "20261123T020000Z-lyg_news", software="test/1", spider="lyg_news", arguments={}
        ) as writer:
            for number, body in enumerate(pages()[:4]):
                headers = [("Content-Type", b"text/html"), ("Content-Encoding", b"gzip"), ("ETag", b'"a"')]
                sent = gzip.compress(body[:6000], mtime=0) if number % 2 else body[:6000]
                for _ in range(2):
                    writer.write(
                        url=f"{URL}?{number}", status=200, headers=headers[: 1 + number % 2], body=sent,
                        fetched_at="2026-11-23T10:00:00+08:00", kind="article",
                    )  # fmt: skip
            writer.finish({"outcome": "finished"})
        written = next(Path(folder).glob("*.warc.gz")).read_bytes()
    plain = gzip.decompress(written)
    held = BytesIO()
    with zipfile.ZipFile(held, "w") as package:
        package.writestr("archive/a.warc.gz", written)
        package.writestr("archive/b.warc", plain)
        package.writestr("datapackage.json", "{}")
    return [written, plain, held.getvalue(), pages()[0], gzip.compress(plain, mtime=0)]


@cache
def sides() -> list[bytes]:
    texts = [read_page(body, URL).text for body in pages()[:40]]
    texts = [text for text in texts if len(text) > 40]
    return [
        f"{one}\n====\n{one[: len(one) // 2]}{two[:100]}{one[len(one) // 2 :]}".encode()
        for one, two in pairwise(texts)
    ]


def robots() -> list[bytes]:
    return [
        b"User-agent: *\nDisallow: /admin/\nAllow: /admin/a$\nCrawl-delay: 5\nSitemap: http://a.cn/s.xml\n",
        "User-Agent: *\r\nDisallow: /*?*id=*&x\r\n# 说明\r\nRequest-rate: 1/5s 0900-1700\r\nVisit-time: 0600-0845\r\n".encode(),
        b"User-agent: a\nUser-agent: b\nDisallow: /a*b*c*d*e*f*g*h\n\nuser-agent: *\nallow: /\n",
    ]


def styles() -> list[bytes]:
    return [
        b"@charset 'gbk'; .a, #b > p:not(.c) { display : none !important } @media screen { .d{visibility:hidden} }",
        b".x{position:absolute;left:-9999px} .y{font-size:0} .z{text-indent:-999em;overflow:hidden} /* c */ @import url(a)",
        b"document.getElementById('a').style.display='none'; document.write('<style>.b{display:none}</style>');"
        b"$('#c').hide(); eval(function(p,a,c,k,e,d){return p}('0',1,1,'a'.split('|'),0,{}))",
    ]


# --- entries ---


def typed(body: bytes) -> str | None:
    return TYPES[crc32(body) % len(TYPES)]


def as_text(body: bytes) -> str:
    """Read bytes as text: as a page is decoded, or so that each byte that is no UTF-8 is a lone surrogate."""
    return body.decode("utf-8", "surrogateescape") if crc32(body) % 3 == 0 else decode(body).text


def in_charset(body: bytes) -> tuple[bytes, str | None]:
    return body, typed(body)


def check_decoded(given: Any, found: Any) -> None:
    found.text.encode()
    hold(found.encoding != "", "no encoding is named")


def check_repaired(text: str, found: Any) -> None:
    hold(revert(found.text, found.steps) == text, "the repair cannot be undone")
    hold(bool(found.steps) or found.text == text, "a text without steps was changed")


def check_stripped(given: Any, found: Any) -> None:
    writable(*(removed.text for removed in found.removed))


def check_reading(given: Any, found: Reading) -> None:
    writable(found.title, found.text, found.source, found.author)
    hold(
        revert(repair(found.decoded.text).text, found.repairs) == found.decoded.text,
        "the repair cannot be undone",
    )


def check_extracted(given: Any, found: Any) -> None:
    writable(found.title, found.text, found.source, found.author)


PORTALS: tuple[Portal, ...] = (*LygNews.portals, *LygMinzheng.portals, *LygEpaper.portals)
BUREAU = next(portal for portal in PORTALS if portal.name == "mzj.lyg.gov.cn")
CITY, DAILY, PAPER = PORTALS[0], PORTALS[1], PORTALS[-1]
LIST = f"{CITY.home}zglygzfmhwz/gcyw/gcyw.html"
STATE = (
    ("call", f"{CITY.home}TrueCMS/messageController/getMessage.do"),
    ("column", "9d1c7a40"),
    ("page", LIST),
)
MORE: tuple[tuple[str, str | int], ...] = (*STATE, ("cursor", 13))


ISSUE = media.first(PAPER, (), None, None, date(2026, 11, 23))[0]
CHANNEL = dated.list_url(DAILY, "news/lygxw")
ASKS = (
    (truecms, Ask(LIST, "list", "gcyw"), CITY),
    (truecms, Ask(BUREAU.home, "home"), BUREAU),
    (truecms, Ask(f"{STATE[0][1]}?startrecord=13", "more", "gcyw", (), MORE), CITY),
    (dated, Ask(CHANNEL, "list", "news/lygxw"), DAILY),
    (dated, Ask(DAILY.home, "home"), DAILY),
    (media, ISSUE, PAPER),
    (media, ISSUE._replace(url=f"{ISSUE.url}/02", kind="edition", channel="02"), PAPER),
)
"""What is asked of each platform: every kind of list page."""


def read_lists(text: str) -> list[Found]:
    """Read a page as every list there is, and as the home page where a lost list is sought."""
    found = [platform.read(ask, text, ask.url, portal) for platform, ask, portal in ASKS]
    moved = (
        truecms.moved(text, CITY.home, CITY, "gcyw", "港城要闻"),
        dated.moved(text, DAILY.home, DAILY, "news/lygxw", "新闻"),
    )
    return [*found, Found(asks=tuple(ask for ask in moved if ask is not None))]


def check_found(given: Any, found: list[Found]) -> None:
    """Hold what a list says to what the crawl does with it: asks it, keeps it as JSON and in the archive."""
    for each in found:
        for more in (*each.asks, *filter(None, (each.next,))):
            Request(more.url, headers=dict(more.headers))
            json.dumps(more.state)
        for line in each.lines:
            canonical(line.url)


def walk_pager(given: tuple[bytes, str | None]) -> object:
    walk = Walk(given[0], URL, given[1])
    while address := walk.next():
        Request(address)
        walk.learn(given[0], address, given[1])
        if len(walk.asked) > 2:
            break
    return walk


def glance(body: bytes) -> object:
    """Take the looks at bytes that the crawl takes before a page is read."""
    links_of(body)
    sent_on(body, URL, typed(body))
    sheet_text(200, (), body, typed(body))
    unpack(body, ("gzip", "br", "zstd", "deflate", "gzip, br")[crc32(body) % 5])
    return (
        *(gate_reason(status, body) for status in (200, 521)),
        *(named_address(body, URL), style_sheets(body, URL), binary_kind(body), sniff(body, typed(body))),
    )


def hide(text: str) -> object:
    return hiding_rules(text), list(hidden_by(text))


@cache
def archive() -> Archive:
    """Give a small archive to ask: what the search does with an expression SQLite does too."""
    found = Archive(Path(tempfile.mkdtemp(prefix="fuzz-")) / "archive.db")
    row = dict.fromkeys(("published", "first_seen", "last_seen"), "2024-01-18") | {
        "tampered": 0,
        "version": 1,
        "source": "连云港日报",
    }
    found.db["articles"].insert_all(
        {**row, "id": number, "url": f"http://a.cn/{number}", "key": f"a.cn/{number}"}
        | {"title": f"连云港新闻{number}", "text": f"社区食堂{number}开业，雨雪 gov。"}
        for number in range(1, 31)
    )
    found.rebuild_index()
    return found


def question(text: str) -> object:
    asked = ask(text)
    spelled(asked.words)
    asked.fits("连云港新闻", "社区食堂开业", "连云港日报")
    in_field(text, "title")
    cut_snippet("社区食堂今日开业。", asked)
    return archive().find(text, 5), archive().find(text, 5, newest=True)


def as_question(body: bytes) -> str:
    return body.decode(
        "utf-8", "surrogateescape" if crc32(body) % 2 else "surrogatepass" if is_passed(body) else "replace"
    )


def is_passed(body: bytes) -> bool:
    try:
        body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def read_word(body: bytes) -> object:
    return sniff(body), read_docx(body)


def unpacked_size(body: bytes) -> int:
    """Give how many bytes a Word file unpacks to, as far as is read, or its own."""
    try:
        with zipfile.ZipFile(BytesIO(body)) as package, package.open("word/document.xml") as part:
            return max(len(body), len(part.read(16 * 2**20)))
    except Exception:
        return len(body)


def rewrite(body: bytes) -> bytes:
    """Take half of the inputs for the XML in a Word file, not for the file, whose check sums forgive nothing."""
    if body[:2] == b"PK" or crc32(body) % 2:
        return body
    held = BytesIO()
    head = b'<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>'
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", body if body.startswith(b"<?xml") else head + body)
    return held.getvalue()


def xml() -> list[bytes]:
    found = []
    for body in files():
        if body[:2] == b"PK":
            with zipfile.ZipFile(BytesIO(body)) as package:
                found.append(package.read("word/document.xml"))
    return [*files(), *found]


def read_pdf(body: bytes) -> object:
    return read_document(body, PDF if crc32(body) % 8 else DOCX, seconds=5)


ROOM = Path("/dev/shm") if Path("/dev/shm").is_dir() else None


@cache
def shelf() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-", dir=ROOM))


def lay(body: bytes) -> Path:
    """Write a capture file, packed anew where it was changed in the clear."""
    clear = body[:5] == b"WARC/" and crc32(body) % 2
    path = shelf() / (
        "a.warc" if body[:5] == b"WARC/" and not clear else "a.wacz" if body[:2] == b"PK" else "a.warc.gz"
    )
    path.write_bytes(gzip.compress(body, 1, mtime=0) if clear else body)
    return path


def read_captured(path: Path) -> list[CaptureRecord | Damage]:
    found = list(read_captures(path))
    for record in found:
        if isinstance(record, CaptureRecord):
            record.unpacked()
            record.headers_multi()
    read_run(path)
    saved = path.rename(path.with_name("saved.html"))
    list(read_saved(saved, None))
    mend(saved.rename(path))
    for each in shelf().iterdir():
        each.unlink()
    return found


def check_captures(given: Any, found: list[CaptureRecord | Damage]) -> None:
    for each in found:
        if isinstance(each, CaptureRecord):
            hold(each.status >= 0 and each.length > 0, f"an odd record: {each!r:.80}")
            json.dumps(each.context)
            Request(each.url)


def halves(body: bytes) -> tuple[str, str]:
    one, _, two = as_text(body).partition("\n====\n")
    return storable(one), storable(two or one[: len(one) // 2])


def both(given: tuple[str, str]) -> object:
    one, two = given
    signed = [sign(one), sign(two)]
    kind_of_change(Shown("甲", one), Shown("乙", two))
    compare({"title": "甲", "text": one}, {"title": "乙", "text": two})
    same_story("甲", one, "乙", two)
    find_notice(one[:40], two)
    return differ(one, two), likeness(*signed), bands(signed[0]), digest(one)


def check_difference(given: tuple[str, str], found: Any) -> None:
    hold((before(found[0]), apply(found[0])) == given, "a difference does not give both texts back")


def obey(body: bytes) -> object:
    rules = ProtegoRobotParser(body, None)
    return [
        rules.allowed(f"{CITY.home}{path}", "bot") for path in ("", "admin/a", "a" * 200 + "?x=1&id=2", "新")
    ]


TARGETS: dict[str, Target] = {
    "decode": Target(whole, in_charset, lambda given: decode(*given), check_decoded, unit="read_page"),
    "repair": Target(whole, as_text, repair, check_repaired, unit="read_page"),
    "strip": Target(whole, as_text, lambda text: strip(text, URL), check_stripped, unit="read_page"),
    "extract": Target(whole, as_text, lambda text: extract(text, URL), check_extracted, unit="read_page"),
    "read_page": Target(whole, in_charset, lambda given: read_page(given[0], URL, given[1]), check_reading),
    "marks": Target(whole, in_charset, lambda given: mark_page(given[0], URL, given[1])),
    "lists": Target(listed, as_text, read_lists, check_found),
    "pager": Target(lambda: pages()[::4] + listed(), in_charset, walk_pager, unit="read_page"),
    "glances": Target(lambda: pages()[::2] + listed(), bytes, glance, unit="read_page"),
    "question": Target(asked, as_question, question),
    "styles": Target(styles, as_text, hide),
    "versions": Target(sides, halves, both, check_difference),
    "word": Target(xml, rewrite, read_word, weigh=unpacked_size),
    "pdf": Target(files, bytes, read_pdf),
    "captures": Target(packed, lay, read_captured, check_captures),
    "robots": Target(robots, bytes, obey),
}
