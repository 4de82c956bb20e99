"""The one parse: text in, an lxml tree out, whatever the text is."""

from __future__ import annotations

import re
from itertools import islice

import lxml.etree
import numpy as np
from lxml.etree import _Element as Element

from crawler.text.outline import Outline, read_outline

DEPTH = 2000
"""Levels of nesting that are kept. libxml2 loses all that follows the 2,048th level, without a word."""

LINE = "data-line"
"""The attribute of a plain-text document's paragraphs: their line number, from 1."""

MARKUP_RE = re.compile(
    r"<(?:!doctype|/?(?:html|frameset|frame|iframe|noscript|pre|blockquote|article|head|body|title|meta|link|div|p|br|hr|table|tbody|tr|td|th|ul|ol|li|dl|dt|dd"
    r"|a|b|i|em|strong|font|span|img|h[1-6]|script|style|center|section|main|header|footer|form"
    r"|founder-[a-z]+))(?=[\s>/])[^<>]*>",
    re.IGNORECASE,
)
"""Evidence that a text is HTML: one tag that an article page can hold. `<` alone is none."""

TAG_RE = re.compile(r"<([/!]?)([a-zA-Z][a-zA-Z0-9:-]*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
CONTROLS = bytes((*range(9), 11, *range(14, 32)))
"""Control characters that no page means; libxml2 cuts a page off at some of them."""
UNFIT_RE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What no text may hold that lxml is given; the parser itself makes such characters of ``&#xFFFE;`` and ``&#1;``."""

SURROGATE_RE = re.compile("[\ud800-\udfff]")
VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "wbr"))

HEADED = frozenset(("title", "meta", "link", "base", "script", "style", "noscript", "template", "object"))
"""Elements that a head can hold."""

CLOSING = frozenset(("p", "li", "td", "tr"))
"""Elements that end at the next of their kind, and so nest no deeper however many are left open."""


class Tree:
    """A parsed page: its elements, and what the one look at them has found."""

    __slots__ = ("_outline", "plain", "root")

    def __init__(self, root: Element, plain: bool = False) -> None:
        self.root = root
        """``<html>``; it always has a ``<body>``."""
        self.plain = plain
        """Whether the text had no tag at all, and so is read line by line."""
        self._outline: Outline | None = None

    @property
    def outline(self) -> Outline:
        """The page's lines, links, scripts and tags of the head, read at the first asking."""
        if self._outline is None:
            self._outline = read_outline(self.root)
        return self._outline

    def changed(self) -> None:
        """Forget the outline: elements were cut out."""
        self._outline = None


def parse(text: str) -> Tree:
    """Parse a page into a tree whose root is always ``<html>`` with a ``<body>``.

    A text without any tag is a plain-text document: each line that holds something becomes a ``<p>`` with
    its line number in ``data-line``, so that the same rules serve both. Never raises: control characters
    and lone surrogates are left out, an encoding that the text declares is ignored (it is text already),
    nesting beyond 2,000 levels is flattened, and what follows ``</html>`` belongs to the page as in browsers,
    because libxml2 drops the rest of such pages.

    >>> [p.text for p in parse("题目\\n\\n第一段。\\n").root.iter("p")]
    ['题目', '第一段。']
    >>> parse("<p>甲<p>乙").root.findtext(".//p")
    '甲'
    >>> [p.text for p in parse("<html><body><p>甲</p></body></html><p>乙").root.iter("p")]
    ['甲', '乙']
    >>> parse("").root.find("body") is not None, parse("一行").plain, parse("<p>一行").plain
    (True, True, False)
    """
    body = _printable(text)
    if not MARKUP_RE.search(text):
        return _plain(body.decode())
    root = _elements(_undivided(bound_tags(body)))
    if root is None:
        return _plain(TAG_RE.sub(" ", body.decode()))  # comments or a doctype alone
    if root.tag != "html":
        html = _empty()
        html[0].append(root)
        root = html
    elif root.find("body") is None:
        inside = lxml.etree.SubElement(root, "body")
        for head in root.findall("head"):  # what follows an element that libxml2 does not know lands there
            strange = next((el for el in head if el.tag.__class__ is str and el.tag not in HEADED), None)
            if strange is not None:
                inside.extend([strange, *strange.itersiblings()])
    return Tree(root)


def _printable(text: str) -> bytes:
    """Encode a text, without control characters, and a sign for each lone surrogate."""
    try:
        body = text.encode()
    except UnicodeEncodeError:
        body = SURROGATE_RE.sub("\ufffd", text).encode()
    return body.translate(None, CONTROLS)


ATTRIBUTES = 500
"""Attributes of one tag that are kept: libxml2 compares each with all before it, 100,000 of them for minutes."""

LONG_TAG_RE = re.compile(rb"<[a-zA-Z][^>\"']*+(?:(?:\"[^\"]*+\"|'[^']*+')[^>\"']*+)*+")
ATTRIBUTE_RE = re.compile(rb"[^\s>\"'=/]+(?:\s*=\s*(?:\"[^\"]*\"?|'[^']*'?|[^\s>\"']+))?|[\"'][^\"']*[\"']?")


def bound_tags(body: bytes) -> bytes:
    """Leave out the attributes beyond `ATTRIBUTES` of each tag.

    >>> body = bound_tags(b"<p " + b"a=1 " * 2000 + b">x")
    >>> body.count(b"a=1"), body[-5:]
    (500, b'a=1>x')
    """
    ends = (np.frombuffer(b">%b>" % body, np.uint8) == ord(">")).nonzero()[0]
    if len(body) < 10**5 and (ends[1:] - ends[:-1]).max() <= 4 * ATTRIBUTES:
        return body  # in so short a page, more attributes that hide behind a quoted > cost half a second
    if max(map(len, LONG_TAG_RE.findall(body)), default=0) < 4 * ATTRIBUTES:
        return body
    cuts = []
    for tag in LONG_TAG_RE.finditer(body):
        if tag.end() - tag.start() < 4 * ATTRIBUTES:
            continue
        last = next(islice(ATTRIBUTE_RE.finditer(body, *tag.span()), ATTRIBUTES, None), None)
        if last is not None:
            cuts.append((last.end(), tag.end()))
    for start, end in reversed(cuts):
        body = body[:start] + body[end:]
    return body


OVER_RE = re.compile(rb"</(?:html|body)\s*>", re.IGNORECASE)
INNER_RE = re.compile(rb"</(?:body|html|BODY|HTML)")
LAST_RE = re.compile(rb"(?:</body\s*>\s*)?(?:</html\s*>\s*)?$", re.IGNORECASE)


def _undivided(body: bytes) -> bytes:
    """Leave out each ``</body>`` and ``</html>`` if something follows one."""
    end = body.rstrip()
    last = LAST_RE.search(end, max(0, len(end) - 40))
    start = last.start() if last else len(end)
    if INNER_RE.search(body, 0, start):
        return OVER_RE.sub(b"", body)
    return body


def _elements(body: bytes) -> Element | None:
    """Let libxml2 read a page; None where it sees nothing in it."""
    parser = lxml.etree.HTMLParser(encoding="utf-8", huge_tree=True)
    try:
        root = lxml.etree.fromstring(body, parser)
    except (lxml.etree.LxmlError, ValueError):
        return None
    last = parser.error_log.last_error
    if last is not None and last.message.startswith("Excessive depth"):  # the parser stopped there
        flat = _flatten(body.decode()).encode()
        root = lxml.etree.fromstring(flat, lxml.etree.HTMLParser(encoding="utf-8", huge_tree=True))
    return root


def _empty() -> Element:
    root = lxml.etree.Element("html")
    lxml.etree.SubElement(root, "body")
    return root


def _plain(text: str) -> Tree:
    root = _empty()
    for number, line in enumerate(text.splitlines(), 1):
        if line := line.strip("\ufeff \t\r\n\f\v\xa0\u3000"):
            lxml.etree.SubElement(root[0], "p", {LINE: str(number)}).text = fit(line)
    return Tree(root, plain=True)


def fit(text: str) -> str:
    """Give a text that a tree takes: a sign for each character that none may hold.

    >>> fit("甲\\ufffe乙")
    '甲\ufffd乙'
    """
    return UNFIT_RE.sub("\ufffd", text)


def text_of(el: Element) -> str:
    """Give the text of an element and all in it, without comments."""
    return el.text or "" if not len(el) else _string(el)


_string = lxml.etree.XPath("string()", smart_strings=False)


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
