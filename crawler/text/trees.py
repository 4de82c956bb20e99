"""The one parse: text in, an lxml tree out, whatever the text is."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import lxml.etree
import lxml.html
from lxml.html import HtmlElement

DEPTH = 2000
"""Levels of nesting that are kept. libxml2 loses all that follows the 2,048th level, without a word."""

PLAIN = "data-plain"
"""The attribute of the root that `parse` makes for a plain-text document; no page can bring it along."""

LINE = "data-line"
"""The attribute of such a document's paragraphs: their line number, from 1."""

MARKUP_RE = re.compile(
    r"<(?:!doctype|/?(?:html|frameset|frame|iframe|noscript|pre|blockquote|article|head|body|title|meta|link|div|p|br|hr|table|tbody|tr|td|th|ul|ol|li|dl|dt|dd"
    r"|a|b|i|em|strong|font|span|img|h[1-6]|script|style|center|section|main|header|footer|form"
    r"|founder-[a-z]+))(?=[\s>/])[^<>]*>",
    re.IGNORECASE,
)
"""Evidence that a text is HTML: one tag that an article page can hold. `<` alone is none."""

TAG_RE = re.compile(r"<([/!]?)([a-zA-Z][a-zA-Z0-9:-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
CONTROL_RE = re.compile("[\x00-\x08\x0b\x0e-\x1f]")
"""Control characters that no page means; libxml2 cuts a page off at some of them."""

SURROGATE_RE = re.compile("[\ud800-\udfff]")
HOST_RE = re.compile(r"\s*(?:https?:)?//(?:[^/?#@]*@)?([^/?#:@\s]+)", re.IGNORECASE)
VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "wbr"))

CLOSING = frozenset(("p", "li", "td", "tr"))
"""Elements that end at the next of their kind, and so nest no deeper however many are left open."""


def parse(text: str) -> HtmlElement:
    """Parse a page into a tree whose root is always ``<html>`` with a ``<body>``.

    A text without any tag is a plain-text document: each line that holds something becomes a ``<p>`` with
    its line number in ``data-line``, so that the same rules serve both. Never raises: control characters
    and lone surrogates are left out, an encoding that the text declares is ignored (it is text already),
    and nesting beyond 2,000 levels is flattened, because libxml2 drops the rest of such a page.

    >>> [p.text for p in parse("题目\\n\\n第一段。\\n").iter("p")]
    ['题目', '第一段。']
    >>> parse("<p>甲<p>乙").findtext(".//p")
    '甲'
    >>> parse("").find("body") is not None
    True
    """
    if not text:
        return _empty()
    if CONTROL_RE.search(text):
        text = CONTROL_RE.sub("", text)
    if SURROGATE_RE.search(text):
        text = SURROGATE_RE.sub("\ufffd", text)
    if not MARKUP_RE.search(text):
        return _plain(text)
    parser = lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
    try:
        tree = lxml.html.document_fromstring(text.encode(), parser=parser)
    except (lxml.etree.LxmlError, ValueError, AssertionError):
        return _plain(TAG_RE.sub(" ", text))  # "Document is empty": comments or a doctype alone
    last = parser.error_log.last_error
    if last is not None and last.message.startswith("Excessive depth"):  # the parser stopped there
        text = _flatten(text)
        tree = lxml.html.document_fromstring(
            text.encode(), parser=lxml.html.HTMLParser(encoding="utf-8", huge_tree=True)
        )
    if tree.tag != "html":
        root = _empty()
        root[0].append(tree)
        return root
    if PLAIN in tree.attrib:
        del tree.attrib[PLAIN]
    if tree.find("body") is None:
        tree.append(lxml.html.Element("body"))
    return tree


def _empty() -> HtmlElement:
    root: HtmlElement = lxml.html.Element("html")
    root.append(lxml.html.Element("body"))
    return root


def _plain(text: str) -> HtmlElement:
    root = _empty()
    root.set(PLAIN, "")
    body = root.find("body")
    for number, line in enumerate(text.splitlines(), 1):
        if line := line.strip("\ufeff \t\r\n\f\v\xa0\u3000"):
            p = lxml.html.Element("p")
            p.set(LINE, str(number))
            p.text = line
            body.append(p)
    return root


def _flatten(text: str) -> str:
    """Leave out the opening tags beyond `DEPTH` levels, and as many closing tags of their names.

    Void elements and what only looks like a tag stay. Unclosed ``<b>`` and ``<font>`` by the thousand, as
    some editors leave them, are the case met in practice; paragraphs stay paragraphs.
    """
    depth = 0
    dropped: dict[str, int] = {}

    def keep(tag: re.Match[str]) -> str:
        nonlocal depth
        name = tag[2].lower()
        if name in VOID or tag[3].endswith("/"):
            return tag[0]
        if name in CLOSING:
            return tag[0]
        if not tag[1]:
            if depth >= DEPTH // 2:
                dropped[name] = dropped.get(name, 0) + 1
                return ""
            depth += 1
        elif dropped.get(name):
            dropped[name] -= 1
            return ""
        else:
            depth = max(0, depth - 1)
        return tag[0]

    return TAG_RE.sub(keep, text)


def is_plain(tree: HtmlElement) -> bool:
    """Say whether `parse` made this tree from a text without tags.

    >>> is_plain(parse("一行")), is_plain(parse("<p>一行"))
    (True, False)
    """
    return PLAIN in tree.attrib


def host_of(url: str | None) -> str:
    """Give the host of a URL in lower case without ``www.`` and port; empty where there is none.

    >>> host_of("http://www.lyg01.net/news/"), host_of("//A.example:80/x"), host_of("/x"), host_of(None)
    ('lyg01.net', 'a.example', '', '')
    """
    found = HOST_RE.match(url) if url else None
    return found[1].lower().removeprefix("www.") if found else ""


def join(base: str | None, href: str) -> str:
    """Make an address absolute; one that cannot be joined comes back as it is.

    >>> join("http://www.lyg.gov.cn/a/b.html", "../c.pdf"), join(None, "c.pdf")
    ('http://www.lyg.gov.cn/c.pdf', 'c.pdf')
    """
    href = href.strip()
    if base is None:
        return href
    try:
        return urljoin(base, href)
    except ValueError:
        return href
