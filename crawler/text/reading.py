"""The whole pure way of one page: bytes in, article out, with everything that was done to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from typing import NamedTuple

from crawler.text.blocks import Removed, judge_tree
from crawler.text.encoding import Decoded, decode
from crawler.text.extraction import Extracted, extract_tree, parse
from crawler.text.labels import SHANGHAI
from crawler.text.memory import Memory
from crawler.text.tampering import TAMPERING, Step, repair


class Reading(NamedTuple):
    """What one page says, and what was done to it on the way."""

    title: str | None
    text: str
    published: datetime | date | None
    source: str | None
    author: str | None
    encoding: str
    repairs: tuple[Step, ...]
    removed: tuple[Removed, ...]
    tampered: bool
    """True where a block was cut out, or a repair undid tampering rather than an accident."""
    decoded: Decoded
    extracted: Extracted
    suspects: tuple[Removed, ...] = ()
    """Blocks that one signal alone suspects; they are still in the text."""


def read_page(
    body: bytes,
    url: str,
    content_type: str | None = None,
    sheets: Mapping[str, str] | None = None,
    memory: Memory | None = None,
    zone: tzinfo = SHANGHAI,
) -> Reading:
    """Read a page as it was fetched: decode, repair, parse once, strip, extract.

    `sheets` are the texts of style sheets that the page links, by absolute address; `memory` is what is known from
    earlier pages of its portal; `zone` is that of the times that the portal prints.

    Never raises on odd input: a body that holds no article gives an empty ``text``.

    >>> page = read_page("连云港新闻\\n时间:2024-01-18 09:54:49\\n来源:连云港日报\\n我市新建书屋。".encode(), "a.txt")
    >>> page.title, page.text, page.source, page.tampered
    ('连云港新闻', '我市新建书屋。', '连云港日报', False)
    >>> page = read_page(
    ...     "<h1>連云港日報(bào)社會(huì)新聞</h1><div id=zoom><p>時(shí)間:2024-01-18</p><p>民生實(shí)事,社會(huì)救助體系,"
    ...     "時(shí)候,會(huì)議。</p></div>".encode("gb18030"), "http://www.lyg.gov.cn/a/content/1.html")
    >>> page.title, page.text, page.published, page.encoding, page.tampered
    ('连云港日报社会新闻', '民生实事,社会救助体系,时候,会议。', datetime.date(2024, 1, 18), 'gb18030', True)
    >>> read_page(b"", "http://www.lyg.gov.cn/").text
    ''
    """
    decoded = decode(body, content_type)
    repaired = repair(decoded.text)
    tree = parse(repaired.text)
    removed, suspects = judge_tree(tree, url, sheets, memory)
    extracted = extract_tree(tree, url, memory, zone)
    return Reading(
        title=extracted.title,
        text=extracted.text,
        published=extracted.published,
        source=extracted.source,
        author=extracted.author,
        encoding=decoded.encoding,
        repairs=repaired.steps,
        removed=removed,
        tampered=bool(removed) or any(step.fixer in TAMPERING for step in repaired.steps),
        decoded=decoded,
        extracted=extracted,
        suspects=suspects,
    )
