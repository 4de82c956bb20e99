"""Text, time and addresses as the archive keeps them."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

from w3lib.url import canonicalize_url

from crawler.captures import SHANGHAI, local_time
from crawler.text.hosts import domain_of, host_of, is_honest

TARGETS = 100
"""How many hosts of one block are looked at when it is put to its campaign."""

_CONTROL_RE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
SURROGATE_RE = re.compile("[\ud800-\udfff]")
_SLASHES_RE = re.compile(r"/{2,}")
_SESSION_PATH_RE = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#;]*", re.IGNORECASE)
_EMPTY_PARAMETERS_RE = re.compile(r";+(?=/|$)")
_INDEX_RE = re.compile(r"/(?:index|default)\.(?:[sj]?html?|php|jspx?|aspx?|do)$", re.IGNORECASE)
_PLAIN_RE = re.compile(
    r"https?://(?:www\.)*([a-z0-9-]+(?:\.[a-z0-9-]+)+((?:/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)+/?|/))"
)
"""What most addresses look like: nothing in them is to be made regular but their beginning."""
_WEB_RE = re.compile(r"(https?:)[\\/]+([^?#]*)", re.IGNORECASE)
_SPACE_RE = re.compile(r"\s")
_HOST_RE = re.compile(r"[\w.-]+")
# Who sent the reader, his session, and numbers against caching: they never choose what is shown.
_TRACKING_RE = re.compile(
    r"utm_\w+|spm|scm|[gy]clid|[gw]braid|fbclid|msclkid|mc_[ce]id|_g[al]|bd_vid|hm(?:sr|pl|cu|kw|ci)|"
    r"isappinstalled|nsukey|wx_?share\w*|wxfrom|share_?token|"
    r"j?sessionid|phpsessid|aspsessionid\w*|asp\.net_sessionid|cfid|cftoken|_t?|rnd|random|nocache",
    re.IGNORECASE,
)
_SHARED_FROM_RE = re.compile(
    r"from=(?:timeline|singlemessage|groupmessage|message|weibo|qq|qzone)", re.IGNORECASE
)


def now() -> datetime:
    """Give the present time in Asia/Shanghai."""
    return datetime.now(SHANGHAI)


def storable(text: str) -> str:
    """Make text fit to be stored: control characters dropped but line feed and tab, lone surrogates U+FFFD.

    >>> storable("a\\x00b\\r\\n\\tc\\x9f \\ud800")
    'ab\\n\\tc \\ufffd'
    """
    return SURROGATE_RE.sub("\ufffd", _CONTROL_RE.sub("", text))


def canonical(url: str) -> str:
    """Give the form of an address by which an article is known; never raise.

    Without scheme, user, leading ``www.``, default port, fragment, doubled slashes, index page, session and
    tracking parameters; host in lower case and ASCII, percent-encoding and the order of parameters made regular
    (w3lib, which keeps the bytes of encodings other than UTF-8). Slips that browsers put right are put right.
    The form of the form is the form itself, and so is that of ``http://`` before it.

    >>> canonical("HTTPS://www.LYG.gov.cn:443/a//content/1.html?utm_source=wx#top")
    'lyg.gov.cn/a/content/1.html'
    >>> canonical("http://mzj.lyg.gov.cn/x/x.html?id=2&_=1700000000"), canonical("http://lyg01.net/index.shtml")
    ('mzj.lyg.gov.cn/x/x.html?id=2', 'lyg01.net/')
    >>> canonical("http://[::1/"), canonical("mailto:a@b.cn")
    ('http://[::1/', 'mailto:a@b.cn')
    """
    if (match := _PLAIN_RE.fullmatch(url)) and not _INDEX_RE.search(match[2]):
        return match[1]
    return _canonical(url)


def _canonical(url: str) -> str:
    text = storable(url.strip()).replace("\n", "").replace("\t", "").strip()
    if match := _WEB_RE.match(text):
        text = f"{match[1]}//{match[2].replace(chr(92), '/')}{text[match.end() :]}"
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return text
    host = _host(host)
    if parts.scheme.lower() not in ("http", "https", "") or not host or _SPACE_RE.search(host):
        return text.partition("#")[0].strip()
    if port not in (None, 80, 443):
        host = f"{host}:{port}"
    query = parts.query.replace("&amp;", "&")
    try:
        regular = urlsplit(canonicalize_url(f"http://{host}{parts.path}?{query}", keep_blank_values=True))
        path, query = regular.path, regular.query
    except (ValueError, UnicodeError):
        path = parts.path
    path = _EMPTY_PARAMETERS_RE.sub("", _SESSION_PATH_RE.sub("", path))
    path = _dotless(_SLASHES_RE.sub("/", path or "/"))
    path = _INDEX_RE.sub("/", path)
    kept = [
        pair
        for pair in query.split("&")
        if pair and not _TRACKING_RE.fullmatch(pair.partition("=")[0]) and not _SHARED_FROM_RE.fullmatch(pair)
    ]
    return f"{host}{path}" + (f"?{'&'.join(kept)}" if kept else "")


def _host(host: str) -> str:
    """Make a host name regular: ASCII, without a dot behind it and ``www.`` before it."""
    if "%" in host and _HOST_RE.fullmatch(bare := unquote(host)):
        host = bare
    if not host.isascii():
        with suppress(UnicodeError):
            host = host.encode("idna").decode("ascii")
    host = host.lower().strip(".")
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    return f"[{host}]" if ":" in host else host


def _dotless(path: str) -> str:
    """Resolve ``.`` and ``..`` (RFC 3986, 5.2.4)."""
    if "/." not in path:
        return path
    kept: list[str] = []
    parts = path.split("/")
    for part in parts[1:]:
        if part == "..":
            if kept:
                kept.pop()
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


def block_digest(text: str) -> str:
    """Give the name of a block: the same for the same text wherever it stands."""
    return hashlib.sha256(storable(text).encode()).hexdigest()[:32]


def line_digest(line: str) -> str:
    """Give the name of a line; shorter than a block's, for there are many."""
    return block_digest(line)[:16]


def targets_of(links: Iterable[str], url: str) -> list[str]:
    """Give the hosts that a block of a page leads to: neither the page's own domain nor one that honest pages name.

    >>> targets_of(["/a", "http://www.x7.example/1", "//x7.example/2", "https://hm.baidu.com/"], "http://lyg.gov.cn/")
    ['x7.example']
    """
    own = domain_of(host_of(url))
    hosts = dict.fromkeys(map(host_of, links))
    return [host for host in hosts if host and domain_of(host) != own and not is_honest(host)][:TARGETS]


def host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def as_iso(value: datetime | date | None) -> str | None:
    if isinstance(value, datetime):
        return local_time(value)
    return value.isoformat() if value else None


def _plain(value: Any) -> Any:
    """Make a value fit for JSON columns."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, datetime | date):
        return as_iso(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else storable(str(value))


def as_json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def stored(text: str | None) -> str | None:
    return storable(text) or None if text else None


def fields_in(row: Mapping[str, Any] | sqlite3.Row) -> dict[str, Any]:
    """Read the JSON of an article's further fields."""
    found = json.loads(row["fields"] or "{}")
    return found if isinstance(found, dict) else {}
