"""Pictures, files offered and other links of an article."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from lxml.etree import _Element as Element

from crawler.text.hosts import join
from crawler.text.lines import tidy
from crawler.text.outline import Outline
from crawler.text.trees import text_of

FILE_RE = re.compile(
    r"\.(?:pdf|docx?|xlsx?|pptx?|zip|rar|7z|wps|et|ofd|csv|txt)(?:$|[?#])|attachmentController/download\.do\?"
    r"|/download(?:\.do|\.jsp)?\?(?:\S*&)?(?:id|file\w*)=",
    re.IGNORECASE,
)
UPLOAD_RE = re.compile(r"/upload(?:file|files|s)?/", re.IGNORECASE)
PICTURE_RE = re.compile(r"\.(?:jpe?g|png|gif|bmp|webp|svg)(?:$|[?#])", re.IGNORECASE)
PAGE_RE = re.compile(r"\.(?:s?html?|jsp|aspx?|php)(?:$|[?#])|/(?:$|[?#])", re.IGNORECASE)
FILES_RE = re.compile(r"[【\[]?(?:相关)?附件(?:下载|列表)?[】\]]?[:：]?")
FILE_HEAD_RE = re.compile(
    r"[\s【\[(（]*(?:相关)?(?:附件|附表)[\d一二三四五六七八九十]{0,3}(?:下载|列表)?[】\])）]*\s*[:：]"
)
BESIDE_FILE_RE = re.compile(
    r"(?:点击|文件)?(?:下载|查看)|[KM]B?(?![a-z])|[\d一二三四五六七八九十\W_]+", re.IGNORECASE
)
"""What a list of files has besides their names: numbers, sizes, brackets."""


PLAIN = (".html", ".shtml", ".htm", "/", "#", ".jsp", ".asp", ".aspx", ".php")
"""How nearly all addresses of pages end."""


def _is_file(href: str) -> bool:
    if href.endswith(PLAIN) and "?" not in href:
        return False
    return FILE_RE.search(href) is not None or (
        UPLOAD_RE.search(href) is not None and not PICTURE_RE.search(href) and not PAGE_RE.search(href)
    )


CLICK_RE = re.compile(
    r"[【\[(（]*(?:点击|附件|文件|立即|请)*(?:此处|这里)?(?:下载|查看|打开|预览)(?:附件|文件)?[】\])）]*"
)
"""What a link says that names no file."""


def _name(el: Element, address: str) -> str:
    """Give the name under which a file is offered: the link's words, its title, or the name in the address."""
    text, title = tidy(text_of(el)), tidy(el.get("title") or "")
    last = address.partition("?")[0].rsplit("/", 1)[-1]
    if CLICK_RE.fullmatch(text):
        if title and not CLICK_RE.fullmatch(title):
            return title
        if FILE_RE.search(last):
            return tidy(unquote(last)) or text
    return text or title or last


def file_lines(outline: Outline, start: int, over: int) -> set[int]:
    """Find the lines of the text that are nothing but files offered: ``附件：``, links to files, or a file's name."""
    names: dict[int, list[str]] = {}
    others: set[int] = set()
    for place, el, href, _, _ in outline.anchors:
        if start <= place < over:
            if _is_file(href.strip()):
                names.setdefault(place, []).append(tidy(text_of(el)))
            else:
                others.add(place)
    found: set[int] = set()
    for i in range(start, over):
        line = outline.lines[i]
        if i in names and i not in others:
            rest = line.text
            for name in names[i]:
                rest = rest.replace(name, " ", 1)
            rest = FILE_HEAD_RE.sub("", rest, count=1)
            if not BESIDE_FILE_RE.sub("", rest):
                found.add(i)
        elif (
            line.size <= 120
            and (head := FILE_HEAD_RE.match(line.text))
            and FILE_RE.search(line.text, head.end())
        ):
            found.add(i)
    return found


def pictures(
    outline: Outline, kept: Sequence[int], top: Element | None, url: str | None, files: set[int]
) -> tuple[tuple[str, str | None], ...]:
    """Pair each picture of the body with its caption: the short line right after it."""
    if not kept or top is None:
        return ()
    found: list[tuple[str, str | None]] = []
    lines = outline.lines
    text = set(kept)
    first, last = max(0, kept[0] - 3), kept[-1] + 1
    for k, (place, el) in enumerate(outline.images):
        if not first <= place <= last:
            continue
        src = el.get("src") or ""
        if not src or src.startswith("data:") or BLANK_RE.search(src):  # the picture itself is loaded later
            src = next((value for name in LATER if (value := el.get(name))), src)
        if not src or src.startswith("data:"):
            continue
        if ICON_RE.search(src) or ICON_RE.search(el.get("alt") or "") or top not in el.iterancestors():
            continue
        following = outline.images[k + 1][0] if k + 1 < len(outline.images) else None
        caption = None
        if place in text and place not in files and following != place:
            line = lines[place]
            if (
                line.kind == "figcaption"
                or CAPTION_RE.search(line.el.get("class") or "")
                or (line.size <= 60 and not line.text.endswith(("。", "：", ":")))
                or (line.size <= 80 and re.search(r"(?:摄|供图|图片|图)[）)]?$", line.text))
            ):
                caption = line.text
        found.append((join(url, src), caption))
    return tuple(found)


LATER = ("data-original", "data-src", "data-lazy-src", "data-actualsrc", "original", "file")
"""Attributes that hold the address of a picture that a script loads once it is looked at."""
BLANK_RE = re.compile(
    r"(?:blank|loading|lazy|spacer|grey|gray|placeholder|transparent|1x1|none)[\w-]*\.", re.IGNORECASE
)
CAPTION_RE = re.compile(
    r"(?:^|[\s_-])(?:caption|figcaption|tuzhu|tushuo|imgdesc|img-desc|pic(?:ture)?[_-]?(?:desc|note|text))(?:$|[\s_-])",
    re.IGNORECASE,
)
ICON_RE = re.compile(
    r"(?:^|[/_-])(?:ewm|qr|qrcode|icon|logo|share|print|close|dot|blank|spacer)\w*\.|二维码", re.IGNORECASE
)
"""Pictures that belong to the page and not to the article, by their names."""


def files_and_links(
    outline: Outline, start: int, end: int, url: str | None
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """Sort the links of the body, and the files offered around it, into attachments and other links."""
    files: dict[str, str] = {}
    links: dict[str, None] = {}
    first = max(0, start - 3)
    for place, el, href, _, _ in outline.anchors:
        if place < first or (place >= end and href.endswith(PLAIN)):
            continue
        href = href.strip()
        if not href or href[0] == "#" or href[:11].lower() == "javascript:" or href[:7].lower() == "mailto:":
            continue
        if _is_file(href):
            address = join(url, href)
            files.setdefault(address, _name(el, address))
        elif start <= place < end and not PICTURE_RE.search(href):
            address = join(url, href)
            if address.startswith(("http://", "https://")):
                links.setdefault(address)
    return tuple(files.items()), tuple(links)
