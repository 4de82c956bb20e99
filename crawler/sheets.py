"""The style sheets of a page: which it links, and what counts as one."""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from crawler.captures import CUT_SHORT, is_cut_off
from crawler.landing import absolute, links_of
from crawler.text import decode

WEB_PAGE_RE = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<!--(?:(?!-->).)*+-->\s*+)*+<(?:!doctype\s+html|html)\b", re.I | re.S
)
"""Evidence that what answers for a file is a page about something else, such as that it is not there."""


SHEETS = 8
"""How many style sheets of one page are fetched."""


def style_sheets(body: bytes, url: str) -> list[str]:
    """Give the addresses of the style sheets that a page links on its own host, `SHEETS` at most.

    >>> style_sheets(b'<LINK href="/css/a.css?v=2" rel=StyleSheet><link rel="icon" href="/i.css">', "http://a.cn/b/c.html")
    ['http://a.cn/css/a.css?v=2']
    >>> style_sheets(b"<link rel='stylesheet' href='http://cdn.cn/a.css'>", "http://a.cn/b/c.html")
    []
    """
    found: dict[str, None] = {}
    for kinds, href in links_of(body):
        target = absolute(href, url) if "stylesheet" in kinds else None
        if target and urlsplit(target).hostname == urlsplit(url).hostname:
            found.setdefault(target)
    return list(found)[:SHEETS]


def sheet_text(status: int, flags: Collection[str], body: bytes, content_type: str | None) -> str | None:
    """Give the text of an answer for a style sheet; None where it is no whole style sheet."""
    cut = CUT_SHORT in flags or is_cut_off(flags)
    if status != 200 or not body or cut or WEB_PAGE_RE.match(body):
        return None
    return decode(body, content_type).text
