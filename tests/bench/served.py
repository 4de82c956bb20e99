"""A portal that costs next to nothing: one column of articles of a given size, made beforehand, from a process of its own.

The pages are made as portals make theirs: navigation, columns of links, scripts and styles around an article, which in the
largest is written by a word processor, each run of characters in a tag of its own. No two articles share a sentence.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import random
from collections import Counter
from datetime import timedelta
from functools import cache
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, NamedTuple

from crawler.text import bigrams
from crawler.text.topics import spam_words
from tests.bench import full
from tests.bench.full import CALL, FIRST_DAY, LIST, PER_DAY, STORY, first_screen, further_records, line_of

COUNTS = "/counts"
"""What the bench itself asks: how often each path was asked for."""


COMMON = 8.0
"""The most that a character of a story may cost, in nats: of so many, some 1,000, most texts are made."""


class Size(NamedTuple):
    """How much there is of everything on a page."""

    columns: int
    """Columns of twelve links each, beside and below the article."""
    scripts: int
    paragraphs: int
    processed: bool
    """Whether the article comes from a word processor."""


SIZES = {5: Size(0, 0, 4, False), 36: Size(9, 6, 12, False), 250: Size(60, 24, 90, True)}
"""By kilobytes, as they come out."""


@cache
def vocabulary() -> list[str]:
    """Give words of common characters to make honest stories of."""
    common = {char for char, cost in bigrams.singles().items() if cost < COMMON}
    return [word for word in full.vocabulary() if common.issuperset(word) and word not in spam_words()]


def sentence(rng: random.Random) -> str:
    """Make a sentence that no other page has."""
    words = vocabulary()
    return "，".join("".join(rng.choices(words, k=rng.randint(4, 7))) for _ in range(5)) + "。"


@cache
def frame(kilobytes: int) -> tuple[bytes, bytes]:
    """Make what stands before and after the articles of a size: it is the same on all of them."""
    size = SIZES[kilobytes]
    rng = random.Random(kilobytes + 1)

    def links(count: int) -> str:
        return "".join(
            f'<li><a href="/zglygzfmhwz/{"".join(rng.choices("abcdefg", k=5))}/content/{rng.randrange(10**8):08d}.html" '
            f'title="{(title := "".join(rng.choices(vocabulary(), k=8)))}" target="_blank">{title}</a><span>2019-0{rng.randint(1, 9)}-1{n % 10}</span></li>'
            for n in range(count)
        )

    def script(number: int) -> str:
        rows = ",".join(
            f'{{"id":{rng.randrange(10**6)},"u":"/site/{n}","w":{n * 7 % 320}}}' for n in range(24)
        )
        return (
            f"<script type='text/javascript'>var conf{number}=[{rows}];$(function(){{$('#tab{number} li').hover(function(){{"
            f"$(this).addClass('on').siblings().removeClass('on');$('.box{number}').eq($(this).index()).fadeIn(200);}});}});</script>"
        )

    def column(number: int) -> str:
        return f'<div class="col c{number}"><h3><a href="/c{number}/">专题{number}</a></h3><ul class="list">{links(12)}</ul></div>'

    half = size.columns // 2
    head = (
        '<!DOCTYPE html><html><head><meta charset="utf-8"><meta name="SiteName" content="示例市政府">'
        "<style>.nav li{float:left;width:80px} .col{margin:0 0 10px} .con{font-size:16px;line-height:2}</style>"
        + "".join(script(n) for n in range(size.scripts // 2))
        + f'</head><body><div class="top"><ul class="nav">{links(8)}</ul></div><div class="main"><div class="left">'
        + "".join(column(n) for n in range(half))
        + '</div><div class="content">'
    )
    foot = (
        '</div><div class="right">'
        + "".join(column(n) for n in range(half, size.columns))
        + "</div></div>"
        + "".join(script(n) for n in range(size.scripts // 2, size.scripts))
        + '<div class="foot"><p>主办单位：示例市人民政府办公室　版权所有</p><p>苏ICP备00000000号</p></div></body></html>'
    )
    return head.encode(), foot.encode()


def article(number: int, size: Size) -> bytes:
    """Make the middle of a page: what no other page has."""
    rng = random.Random(number)
    title = title_of(number)
    day = FIRST_DAY + timedelta(days=number // PER_DAY)
    if size.processed:
        style = "font-family:仿宋_GB2312;font-size:16pt;line-height:150%;mso-bidi-font-family:宋体"
        told = "".join(
            '<p class="MsoNormal" style="text-indent:32.0pt;line-height:150%;margin:0cm 0cm 0pt">'
            + "".join(
                f'<span lang="ZH-CN" style="{style}">{part}，</span>'
                for part in sentence(rng)[:-1].split("，")
            )
            + "</p>"
            for _ in range(size.paragraphs)
        )
    else:
        told = "".join(f"<p>　　{sentence(rng)}{sentence(rng)}</p>" for _ in range(size.paragraphs))
    return (
        f"<title>{title}</title><h1>{title}</h1><div class='info'>时间：{day} 09:00:00 来源：连云港日报 阅读次数：</div>"
        f'<div id="zoom" class="con">{told}</div>'
    ).encode()


def title_of(number: int) -> str:
    """Give the title of a story, as its list tells it."""
    rng = random.Random(-number)
    return f"{''.join(rng.choices(vocabulary(), k=8))}第{number}期"


def page(number: int, kilobytes: int) -> bytes:
    """Make one whole page."""
    head, foot = frame(kilobytes)
    return head + article(number, SIZES[kilobytes]) + foot


class Column:
    """The column, newest story first; it answers requests as a proxy gets them."""

    def __init__(self, stories: int, kilobytes: int) -> None:
        self.stories = stories
        self.head, self.foot = frame(kilobytes)
        self.made = [article(number, SIZES[kilobytes]) for number in range(1, stories + 1)]
        self.counts: Counter[str] = Counter()

    def record(self, place: int) -> str:
        """Give the line of a story."""
        number = self.stories - place
        title, day = title_of(number), FIRST_DAY + timedelta(days=number // PER_DAY)
        return line_of(number, title, day)

    def answer(self, target: str) -> tuple[int, bytes, bytes]:
        """Give status, content type and body."""
        path, _, query = target.partition("?")
        if path == COUNTS:
            counts, self.counts = self.counts, Counter()
            return 200, b"application/json", json.dumps(counts).encode()
        self.counts[target] += 1
        html = b"text/html; charset=utf-8"
        if path.startswith(STORY.partition("{")[0]):
            made = self.made[int(path.rsplit("/", 1)[1][:8], 16) - 1]
            return 200, html, b"".join((self.head, made, self.foot))
        if path == LIST:
            return 200, html, first_screen(self.stories, self.record).encode()
        if path == CALL:
            return 200, html, further_records(self.stories, self.record, query)
        if path == "/robots.txt":
            return 200, b"text/plain", b"User-agent: *\nDisallow:\n"
        return 404, html, b"<html><body>404</body></html>"


class Wire(asyncio.Protocol):
    """One connection that is kept open."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep where answers go."""
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole."""
        self.read += data
        while b"\r\n\r\n" in self.read:
            head, _, self.read = self.read.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1].decode()
            if target.startswith("http://"):  # as a proxy is asked
                target = "/" + target.split("/", 3)[3]
            status, kind, body = self.column.answer(target)
            self.transport.writelines(
                (
                    b"HTTP/1.1 %d OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n"
                    % (status, kind, len(body)),
                    body,
                )
            )


def _serve(pipe: Connection, stories: int, kilobytes: int) -> None:
    async def forever() -> None:
        column = Column(stories, kilobytes)
        server = await asyncio.get_running_loop().create_server(lambda: Wire(column), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


class Served:
    """The column in a process of its own, as long as a block runs."""

    def __init__(self, stories: int, kilobytes: int) -> None:
        self.stories = stories
        self.kilobytes = kilobytes

    def __enter__(self) -> Served:
        here, there = multiprocessing.Pipe()
        self.process = multiprocessing.Process(
            target=_serve, args=(there, self.stories, self.kilobytes), daemon=True
        )
        self.process.start()
        self.url = f"http://127.0.0.1:{here.recv()}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.join()

    @property
    def environment(self) -> dict[str, str]:
        """Give the variables with which a crawler finds the column under the portal's own name."""
        return dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), self.url) | {
            "no_proxy": "",
            "NO_PROXY": "",
        }

    def counts(self) -> Counter[str]:
        """Give how often each address was asked for since the last call."""
        import urllib.request

        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(self.url + COUNTS) as answer:
            return Counter(json.load(answer))
