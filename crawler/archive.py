"""The archive: one SQLite file with every article, every version, every change, and what is owed.

The only room that says SQLite. The shape is data (`TABLES`, `INDEXES`, `VIEWS`), made by one idempotent
`ensure_shape` in one transaction. One connection writes; what it writes gathers in one open transaction
until `Archive.commit`, so that a page with its article, version, edits, index entries and listing is whole
or absent, whatever kills the process. Times are ISO 8601 with the offset of Asia/Shanghai and so sort as
text.
"""

from __future__ import annotations

import csv
import fcntl
import hashlib
import json
import os
import re
import sqlite3
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self
from urllib.parse import urlsplit

from sqlite_utils import Database
from w3lib.url import canonicalize_url

from crawler.captures import (
    SHANGHAI,
    Capture,
    CaptureRecord,
    Damage,
    Last,
    Resolver,
    local_time,
    read_captures,
    read_record,
)
from crawler.documents import READABLE, Document
from crawler.text.encoding import decode
from crawler.text.hosts import THROW_AWAY_RE, domain_of, host_of, is_honest
from crawler.text.learning import Lesson
from crawler.text.runover import CODE_RE, MARKED_RE, Piece, Story, put_together
from crawler.text.signatures import bands, likeness, same_story, sign
from crawler.text.tampering import Edit, Step, repair, revert

if TYPE_CHECKING:
    from crawler.items import Page

APPLICATION_ID = 0x676F766E
"""``govn``: what SQLite's header says of a file that is one of ours."""

SHAPE_VERSION = 3
"""``user_version``: counts up when the shape changes."""

STATES = ("pending", "archived", "unchanged", "failed", "challenged", "gone", "offsite")

FILE_STATES = ("pending", "archived", "failed", "challenged", "gone", "oversize", "refused", "offsite")
"""The states of an attachment; ``refused``: robots.txt forbids it, or it leads to a host that is not the portal's."""

FILES = 200
"""How many attachments and pictures of one page are taken up."""

PAUSES = (0, 12, 22, 46, 94, 166, 334)
"""Hours until what failed is asked for again, after the first, second, … failure; then it stays failed.

The first repeat belongs to the next run. Pauses of whole days are two hours short, so that a nightly run
that starts a little early still finds them over.
"""

GONE_PAUSES = (22, 46, 94, 166, 334, 718)
"""Hours until what is gone is looked for again."""

KEPT_DAMAGE = 200
"""How many damaged places of one page are kept in ``fields``: byte offset and bytes in hex."""

PART_ATTEMPTS = 2
"""Runs that ask again for a page of a split article that was there before; after them the rest is what it shows."""

TARGETS = 100
"""How many hosts of one block are looked at when it is put to its campaign."""

KNOWN_PAGES, KNOWN_SHARE = 5, 0.2
"""A line outside articles is furniture from so many articles on, if they are this share of its portal's articles since
the line was first seen."""
HONEST_PAGES = 5
"""A host is honest from so many untampered articles on, seen in two nights at least."""
KNOWN_BLOCKS = 3
"""A block is known from so many articles on."""
REMEMBERED = 50_000
"""How many rows of each kind are loaded at most."""
FORGET_DAYS = 90
"""What was seen on one page only is forgotten after so many days."""
EPOCH_HOURS = 48
"""How long runs that take up what a killed one left remember no more than that one."""

CANDIDATES = 60
"""How many articles that share a band are compared in full, those that share most bands first."""


class ArchiveError(OSError):
    """The archive cannot be used: the message says what was found, what was wanted, where."""

    def __init__(self, message: str, exitcode: int = 6) -> None:
        """Keep the message, and the exit code that a command ends with."""
        super().__init__(message)
        self.exitcode = exitcode

    def __str__(self) -> str:
        """Give the message in one line."""
        return str(self.args[0])


class ArchiveLocked(ArchiveError):
    """Another process runs on this archive."""


class Standing(NamedTuple):
    """One line of a list, and what the archive knew of it before."""

    key: str
    url: str
    new: bool
    """Not listed in this channel before."""
    state: str | None
    """Before; None for a new line."""
    article_id: int | None
    settled: bool
    """Known, listed as before, and nothing is owed: a whole page of these ends the paging."""


class Owed(NamedTuple):
    """One article to ask a portal for."""

    url: str
    key: str
    portal: str
    channel: str | None
    title: str | None
    listed: str | None
    """The listed date, ``YYYY-MM-DD``."""
    etag: str | None = None
    """Of the answer that the archived article was made from; None where there is no article."""
    last_modified: str | None = None
    article_id: int | None = None
    attempts: int = 0


class OwedFile(NamedTuple):
    """One attachment to ask a portal for."""

    url: str
    portal: str
    channel: str | None
    kind: str
    attempts: int = 0


class Unread(NamedTuple):
    """One captured attachment whose text was not looked for yet."""

    key: str
    mime: str
    capture: Capture


class Saved(NamedTuple):
    """What became of a page."""

    article_id: int
    version: int
    change: str | None
    """``first``, ``edited``, ``restored``, ``tampered``; None where the page was as before."""


class Channel(NamedTuple):
    """One row of ``channels``."""

    portal: str
    code: str
    name: str | None
    url: str | None
    total: int | None
    lines: int | None
    first_seen: str | None
    last_seen: str | None
    last_lines: int | None
    problem: str | None
    unfinished: int


class Books(NamedTuple):
    """The balance of one channel: ``listed`` is the sum of the states."""

    portal: str
    channel: str
    listed: int
    archived: int
    unchanged: int
    pending: int
    failed: int
    challenged: int
    gone: int
    offsite: int
    total: int | None
    """How many lines the portal itself says that the list has."""


class Hit(NamedTuple):
    """One article found by words."""

    id: int
    url: str
    title: str | None
    portal: str | None
    published: str | None
    snippet: str
    rank: float
    """Lower is better."""


class Tampered(NamedTuple):
    """One article whose newest version shows signs of hacking."""

    article_id: int
    version: int
    since: bool
    """Whether it was clean before."""


class Campaign(NamedTuple):
    """One campaign of spam, as far as it shows on some pages."""

    pages: int
    hosts: tuple[str, ...]
    """The three that its blocks lead to most; empty where they have no links."""
    text: str
    """The beginning of one of its blocks."""


class Remembered:
    """What the archive knew of one portal at a moment: a ``crawler.text.Memory``."""

    def __init__(
        self,
        portal: str,
        lines: frozenset[str],
        hosts: frozenset[str],
        blocks: Mapping[str, Sequence[tuple[str, str, bool]]],
        article: str | None = None,
    ) -> None:
        """Keep digests of lines, hosts, and for digests of blocks the articles: key, portal, whether it was cut out.

        `article` is the key of the article whose further pages are read.
        """
        self.portal = portal
        self.lines = lines
        self.hosts = hosts
        self.blocks = blocks
        self.article = article

    def within(self, url: str) -> Remembered:
        """Give the same for reading further pages of the article at `url`, which is no other article to them."""
        return Remembered(self.portal, self.lines, self.hosts, self.blocks, canonical(url))

    def furniture(self, line: str) -> bool:
        """Say whether a line stands on many of the portal's pages outside their articles."""
        return bool(self.lines) and line_digest(line) in self.lines

    def repeated(self, text: str, url: str | None) -> int:
        """Count the other articles that the block was cut out of, or on whose portal, another one, it is suspected.

        That it is suspected on this portal again says nothing: a portal repeats its honest headlines, too.
        """
        found = self.blocks.get(block_digest(text)) if self.blocks else None
        if not found:
            return 0
        own = self.article or (canonical(url) if url else "")
        return len({key for key, portal, cut in found if key != own and (cut or portal != self.portal)})

    def honest(self, host: str) -> bool:
        """Say whether honest pages of the portal name a host."""
        return host in self.hosts


class Lines(Protocol):
    """What `Archive.enlist` reads of a line; ``crawler.portals.Line`` is one."""

    @property
    def url(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def listed(self) -> date | None: ...
    @property
    def channel(self) -> str: ...
    @property
    def section(self) -> str | None: ...


# --- the shape ---


class Table(NamedTuple):
    """One table as data."""

    shape: str
    """Its columns in order; text, unless ``:int`` says otherwise; ``!``: never NULL."""
    pk: str | tuple[str, ...] = "id"
    foreign_keys: tuple[tuple[str, str, str], ...] = ()
    defaults: Mapping[str, Any] = {}

    @property
    def columns(self) -> dict[str, type]:
        """The columns and the types that they are made of."""
        named = (word.rstrip("!").partition(":") for word in self.shape.split())
        return {name: int if kind else str for name, _, kind in named}

    @property
    def not_null(self) -> set[str]:
        """The columns that are never NULL."""
        return {word.partition(":")[0].rstrip("!") for word in self.shape.split() if word.endswith("!")}


TABLES = {
    "runs": Table(
        "id spider started finished outcome listed:int archived:int changed:int failed:int missed:int "
        "stats arguments alarms attachments:int tampered:int memory"
    ),
    "captures": Table(
        "id:int url! fetched_at! status:int content_type charset encoding digest! warc! offset:int! length:int! "
        "run_id kind etag last_modified flags revisit_of:int",
        foreign_keys=(("run_id", "runs", "id"), ("revisit_of", "captures", "id")),
    ),
    "articles": Table(
        "id:int url! key! portal channel title text published source author tampered:int! duplicate_of:int "
        "signature first_seen! last_seen! capture_id:int version:int! gone fields encoding asked part_of:int",
        foreign_keys=(
            ("duplicate_of", "articles", "id"),
            ("capture_id", "captures", "id"),
            ("part_of", "articles", "id"),
        ),
    ),
    "versions": Table(
        "article_id:int version:int capture_id:int seen! title text published source author tampered:int "
        "encoding fields change! digest",
        pk=("article_id", "version"),
        foreign_keys=(("article_id", "articles", "id"), ("capture_id", "captures", "id")),
    ),
    "edits": Table(
        "id:int article_id:int! version:int! stage! step:int! fixer certainty start:int! before! after! part:int",
        foreign_keys=(("article_id", "articles", "id"),),
    ),
    "removed": Table(
        "id:int article_id:int! version:int! kind! reasons place text html links block target seen campaign epoch part:int",
        foreign_keys=(("article_id", "articles", "id"),),
    ),
    "targets": Table("host campaign! blocks:int! first_seen! last_seen! epoch", pk="host"),
    "memory": Table(
        "portal kind key pages:int! fresh:int! first_seen! last_seen! since", pk=("portal", "kind", "key")
    ),
    "suspects": Table(
        "id:int article_id:int! version:int! kind! reasons place text html links block target seen epoch part:int",
        foreign_keys=(("article_id", "articles", "id"),),
    ),
    "parts": Table(
        "article_id:int version:int part:int key! url! capture_id:int error",
        pk=("article_id", "version", "part"),
        foreign_keys=(("article_id", "articles", "id"), ("capture_id", "captures", "id")),
    ),
    "listings": Table(
        "portal channel key url! title section listed first_listed! last_listed! state! attempts:int! error due "
        "article_id:int capture_id:int asked",
        pk=("portal", "channel", "key"),
        foreign_keys=(("article_id", "articles", "id"), ("capture_id", "captures", "id")),
        defaults={"attempts": 0},
    ),
    "attachments": Table(
        "id:int article_id:int portal! channel kind! key! url! name state! mime size:int digest capture_id:int "
        "text error attempts:int! due first_seen! withdrawn asked",
        foreign_keys=(("article_id", "articles", "id"), ("capture_id", "captures", "id")),
        defaults={"attempts": 0},
    ),
    "channels": Table(
        "portal code name url total:int lines:int first_seen last_seen last_lines:int problem unfinished:int!",
        pk=("portal", "code"),
        defaults={"unfinished": 0},
    ),
}

# What sqlite-utils has no words for.
BY_HAND = {
    "bands": "CREATE TABLE bands (band INTEGER NOT NULL, article_id INTEGER NOT NULL REFERENCES articles(id), "
    "PRIMARY KEY (band, article_id)) WITHOUT ROWID",
    # Contentless: its words are made in Python, the texts are not stored a second time. The tokenizer is
    # `ascii` because it parts only at ASCII signs, and `words` has done all the rest.
    "articles_fts": "CREATE VIRTUAL TABLE articles_fts USING fts5(title, text, source, content='', tokenize='ascii')",
}

INDEXES = {
    "captures_place": "UNIQUE INDEX {} ON captures(warc, offset)",
    "captures_url": "INDEX {} ON captures(url, id)",
    "captures_run": "INDEX {} ON captures(run_id)",
    "captures_revisit": "INDEX {} ON captures(revisit_of) WHERE revisit_of IS NOT NULL",
    "articles_key": "UNIQUE INDEX {} ON articles(key)",
    "articles_published": "INDEX {} ON articles(published)",
    "articles_seen": "INDEX {} ON articles(first_seen)",
    "articles_channel": "INDEX {} ON articles(portal, channel, published)",
    "articles_duplicate": "INDEX {} ON articles(duplicate_of) WHERE duplicate_of IS NOT NULL",
    "articles_part": "INDEX {} ON articles(part_of) WHERE part_of IS NOT NULL",
    "articles_tampered": "INDEX {} ON articles(tampered) WHERE tampered",
    "articles_capture": "INDEX {} ON articles(capture_id)",
    "versions_capture": "INDEX {} ON versions(capture_id)",
    "edits_version": "INDEX {} ON edits(article_id, version)",
    "removed_version": "INDEX {} ON removed(article_id, version)",
    "removed_block": "INDEX {} ON removed(block)",
    "parts_key": "INDEX {} ON parts(key)",
    "parts_capture": "INDEX {} ON parts(capture_id)",
    "memory_since": "INDEX {} ON memory(portal, kind, since) WHERE since IS NOT NULL",
    "removed_campaign": "INDEX {} ON removed(campaign)",
    "targets_campaign": "INDEX {} ON targets(campaign)",
    "suspects_version": "INDEX {} ON suspects(article_id, version)",
    "suspects_block": "INDEX {} ON suspects(block)",
    "listings_key": "INDEX {} ON listings(key)",
    "listings_pending": "INDEX {} ON listings(portal, listed DESC) WHERE state = 'pending'",
    "listings_due": "INDEX {} ON listings(portal, due) WHERE due IS NOT NULL",
    "listings_article": "INDEX {} ON listings(article_id) WHERE article_id IS NOT NULL",
    "listings_capture": "INDEX {} ON listings(capture_id) WHERE capture_id IS NOT NULL",
    "attachments_article": "INDEX {} ON attachments(article_id)",
    "attachments_key": "INDEX {} ON attachments(key)",
    "attachments_pending": "INDEX {} ON attachments(portal, kind) WHERE state = 'pending'",
    "attachments_due": "INDEX {} ON attachments(portal, due) WHERE due IS NOT NULL",
    "attachments_unread": "INDEX {} ON attachments(mime) WHERE text IS NULL AND error IS NULL",
    "attachments_capture": "INDEX {} ON attachments(capture_id) WHERE capture_id IS NOT NULL",
    "bands_article": "INDEX {} ON bands(article_id)",
}

VIEWS = {
    "newest": "SELECT id, url, portal, channel, title, published, source, tampered, gone, first_seen "
    "FROM articles WHERE duplicate_of IS NULL AND part_of IS NULL ORDER BY coalesce(published, first_seen) DESC, id DESC",
    "tampered": "SELECT a.id, a.url, a.portal, a.title, a.published, a.version, "
    "(SELECT count(*) FROM edits e WHERE e.article_id = a.id AND e.version = a.version) AS edits, "
    "(SELECT count(*) FROM removed r WHERE r.article_id = a.id AND r.version = a.version) AS removed, "
    "a.last_seen FROM articles a WHERE a.tampered ORDER BY a.last_seen DESC",
    "by_channel_month": "SELECT a.portal, a.channel, c.name AS channel_name, "
    "substr(coalesce(a.published, a.first_seen), 1, 7) AS month, count(*) AS articles, "
    "sum(a.tampered) AS tampered, sum(a.duplicate_of IS NOT NULL) AS duplicates, "
    "sum(a.gone IS NOT NULL) AS gone FROM articles a "
    "LEFT JOIN channels c ON c.portal = a.portal AND c.code = a.channel WHERE a.part_of IS NULL "
    "GROUP BY a.portal, a.channel, month ORDER BY month DESC, a.portal, a.channel",
    "missed": "SELECT portal, channel, url, title, listed, state, attempts, error, due, first_listed, last_listed "
    "FROM listings WHERE state IN ('pending', 'failed', 'challenged', 'gone') ORDER BY first_listed DESC",
    "files": "SELECT f.id, f.article_id, a.title, f.kind, f.name, f.state, f.mime, f.size, f.digest, f.url, f.error, "
    "f.first_seen FROM attachments f LEFT JOIN articles a ON a.id = f.article_id "
    "WHERE f.kind <> 'image' AND f.withdrawn IS NULL ORDER BY f.id DESC",
    "duplicates": "SELECT a.id, a.url, a.portal, a.title, a.published, a.duplicate_of, f.url AS first_url, "
    "f.portal AS first_portal, f.title AS first_title, f.published AS first_published "
    "FROM articles a JOIN articles f ON f.id = a.duplicate_of ORDER BY a.first_seen DESC",
    "runovers": "SELECT a.id, a.url, a.channel, a.title, a.published, p.id AS further_id, p.url AS further_url, "
    "p.channel AS further_channel, p.title AS further_title, json_extract(a.fields, '$.runover') AS runover "
    "FROM articles a LEFT JOIN articles p ON p.part_of = a.id "
    "WHERE a.fields LIKE '%\"runover\":%' AND a.part_of IS NULL ORDER BY a.published DESC, a.id",
    "campaigns": "SELECT coalesce((SELECT group_concat(host, ' ') FROM (SELECT host FROM targets t "
    "WHERE t.campaign = r.campaign ORDER BY t.blocks DESC, host LIMIT 10)), min(r.target)) AS target, "
    "min(nullif(r.text, '')) AS text, count(DISTINCT r.article_id) AS articles, "
    "count(DISTINCT a.portal) AS portals, count(*) AS blocks, count(DISTINCT r.block) AS texts, "
    "group_concat(DISTINCT r.kind) AS kind, min(r.seen) AS first_seen, max(r.seen) AS last_seen, "
    "coalesce(r.campaign, r.block) AS campaign, min(r.block) AS block "
    "FROM removed r JOIN articles a ON a.id = r.article_id "
    "GROUP BY coalesce(r.campaign, r.block) ORDER BY articles DESC, last_seen DESC",
}

ATTACHED = (
    "SELECT text FROM attachments WHERE article_id = ? AND withdrawn IS NULL AND text IS NOT NULL ORDER BY id"
)
"""The texts that are searched with an article."""

_ANSWER = ("state", "mime", "size", "digest", "capture_id", "text", "error", "attempts", "due", "asked")
"""What is known of an address, whichever article offers it."""

EXPORTED = (
    *("id", "url", "portal", "channel", "title", "published", "source", "author", "text", "tampered"),
    *("duplicate_of", "first_seen", "last_seen", "gone", "version", "encoding", "fields", "part_of"),
)
"""The columns of `Archive.export`."""


# --- text, time and addresses as the archive keeps them ---

_CONTROL_RE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SURROGATE_RE = re.compile("[\ud800-\udfff]")
_WORD_RE = re.compile(r"[^\W_]+")
_LONG_WORD_RE = re.compile(r"[0-9a-z]{3,}")
_ASKED_RE = re.compile(r'"([^"]*)"|“([^”]*)”|(\S+)')
_SLASHES_RE = re.compile(r"/{2,}")
_SESSION_PATH_RE = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/?#;]*", re.IGNORECASE)
_INDEX_RE = re.compile(r"/(?:index|default)\.(?:s?html?|php|jsp|aspx?|do)$", re.IGNORECASE)
# Who sent the reader, his session, and numbers against caching: they never choose what is shown.
_TRACKING_RE = re.compile(
    r"utm_\w+|spm|scm|gclid|fbclid|msclkid|bd_vid|hmsr|hmpl|isappinstalled|nsukey|wx_?share\w*|share_?token|"
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
    return _SURROGATE_RE.sub("\ufffd", _CONTROL_RE.sub("", text))


def canonical(url: str) -> str:
    """Give the form of an address by which an article is known; never raise.

    Without scheme, leading ``www.``, default port, fragment, doubled slashes, index page, session and
    tracking parameters; host in lower case, percent-encoding and the order of parameters made regular.

    >>> canonical("HTTPS://www.LYG.gov.cn:443/a//content/1.html?utm_source=wx#top")
    'lyg.gov.cn/a/content/1.html'
    >>> canonical("http://mzj.lyg.gov.cn/x/x.html?id=2&_=1700000000"), canonical("http://lyg01.net/index.shtml")
    ('mzj.lyg.gov.cn/x/x.html?id=2', 'lyg01.net/')
    >>> canonical("http://[::1/"), canonical("mailto:a@b.cn")
    ('http://[::1/', 'mailto:a@b.cn')
    """
    text = storable(url.strip()).replace("\n", "").replace("\t", "")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return text
    if parts.scheme.lower() not in ("http", "https", "") or not host:
        return text.partition("#")[0]
    host = host.rstrip(".")
    if not host.isascii():
        with suppress(UnicodeError):
            host = host.encode("idna").decode("ascii")
    if host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    if ":" in host:
        host = f"[{host}]"
    if port not in (None, 80, 443):
        host = f"{host}:{port}"
    path = _dotless(_SLASHES_RE.sub("/", _SESSION_PATH_RE.sub("", parts.path) or "/"))
    path = _INDEX_RE.sub("/", path)
    kept = [
        pair
        for pair in parts.query.split("&")
        if pair and not _TRACKING_RE.fullmatch(pair.partition("=")[0]) and not _SHARED_FROM_RE.fullmatch(pair)
    ]
    bare = f"http://{host}{path}" + (f"?{'&'.join(kept)}" if kept else "")
    try:
        return canonicalize_url(bare, keep_blank_values=True).removeprefix("http://")
    except (ValueError, UnicodeError):
        return bare.removeprefix("http://")


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


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _iso(value: datetime | date | None) -> str | None:
    if isinstance(value, datetime):
        return local_time(value)
    return value.isoformat() if value else None


def _plain(value: Any) -> Any:
    """Make a value fit for JSON columns."""
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, datetime | date):
        return _iso(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else storable(str(value))


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def _clean(text: str | None) -> str | None:
    return storable(text) or None if text else None


# --- words for the full-text index ---


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _interleave(runs: Iterable[str]) -> list[str]:
    """Give each character of each run, and between two neighbours the pair of them."""
    found: list[str] = []
    for run in runs:
        for at, char in enumerate(run):
            if at:
                found.append(run[at - 1 : at + 1])
            found.append(char)
    return found


def words(text: str | None) -> str:
    """Spell a text for the full-text index: characters and pairs in turn, longer Latin words at the end.

    With both in one sequence a word of one or two characters is one token, any longer word is a phrase, and
    each is found exactly where the text has it.

    >>> words("连云港，5G")
    '连 连云 云 云港 港 5 5g g'
    """
    if not text:
        return ""
    normal = _normal(text)
    found = _interleave(_WORD_RE.findall(normal))
    found += dict.fromkeys(_LONG_WORD_RE.findall(normal))
    return " ".join(found)


def match_expression(query: str | None) -> str:
    """Turn what a person types into an FTS5 expression.

    White space parts words, all of which must be there; quotation marks keep words together; signs inside a
    word are passed over. Nothing that is typed is an error.

    >>> match_expression("社保 连云港")
    '"社保" "连云 云 云港"'
    >>> match_expression('"5G 基站" OR*')
    '"5g g 基 基站" "or"'
    >>> match_expression("，")
    '""'
    """
    found = []
    for match in _ASKED_RE.finditer(_normal(storable(query or ""))):
        runs = _WORD_RE.findall(next((group for group in match.groups() if group is not None), ""))
        if not runs:
            continue
        tokens = _interleave(runs)
        # at the edges the pair implies its outer character
        first = 1 if len(runs[0]) > 1 else 0
        last = len(tokens) - (1 if len(runs[-1]) > 1 else 0)
        found.append('"' + " ".join(tokens[first:last]) + '"')
    return " ".join(found) or '""'


def _snippet(text: str, query: str, around: int = 40, *, sought: bool = False) -> str | None:
    """Cut out the first place of the first word that the text has, one line.

    A text with none of the words gives its beginning, or None where a word is `sought`.
    """
    at = length = 0
    for match in _ASKED_RE.finditer(query):
        word = next((group for group in match.groups() if group is not None), "")
        found = re.search(re.escape(word), text, re.IGNORECASE) if word else None
        if found:
            at, length = found.start(), len(word)
            break
    if sought and not length:
        return None
    start, end = max(0, at - around), at + length + around
    cut = " ".join(text[start:end].split())
    return ("…" if start else "") + cut + ("…" if end < len(text) else "")


# --- the lock ---

_held: set[Path] = set()


def _lock_file(path: Path) -> Path:
    return path.with_name(path.name + ".lock")


@contextmanager
def lock(path: str | os.PathLike[str], seconds: float = 0.0) -> Iterator[None]:
    """Hold the archive's lock, so that one run at a time writes.

    It is the kernel's (``flock`` on ``{path}.lock``), so it ends with the process, however that ends.
    Waits up to `seconds`. Raises ArchiveLocked while another process holds it, ArchiveError where the
    lock file cannot be made.
    """
    real = Path(path).resolve()
    file = _lock_file(real)
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ArchiveError(
            f"archive: wanted a lock file at {file}, cannot make it: {error.strerror}"
        ) from error
    try:
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                left = until - time.monotonic()
                if left <= 0:
                    holder = os.pread(handle, 100, 0).decode("ascii", "replace").strip() or "unknown"
                    raise ArchiveLocked(
                        f"archive: another run (process {holder}) holds the lock {file}", 75
                    ) from None
                time.sleep(min(0.2, left))
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode("ascii"), 0)
        _held.add(real)
        yield
    finally:
        _held.discard(real)
        os.close(handle)


def _run_elsewhere(path: Path) -> bool:
    """Tell whether another process holds the lock."""
    if path in _held:
        return False
    try:
        handle = os.open(_lock_file(path), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


# --- the archive ---


class Archive:
    """One archive file, opened for writing or for reading."""

    _open: ClassVar[dict[Path, tuple[Archive, int]]] = {}

    def __init__(self, path: str | os.PathLike[str], *, readonly: bool = False) -> None:
        """Open an archive, making it where there is none (not when `readonly`).

        Raises ArchiveError for a file that is not ours, not sound, of a newer shape, or that cannot be
        read or written.
        """
        self.path = Path(path).resolve()
        self.readonly = readonly
        self._elder: sqlite3.Connection | None = None
        self.epoch = ""
        """The moment up to which the present run remembers."""
        self._memories: dict[tuple[str, str], Remembered] = {}
        self._blocks: dict[str, dict[str, list[tuple[str, str, bool]]]] = {}
        self._check_file()
        try:
            self.conn = self._connect()
        except sqlite3.DatabaseError as error:
            raise self._wrong(error) from error
        self.conn.row_factory = sqlite3.Row
        self.db = Database(self.conn)
        try:
            self._check_owner()
            if not readonly:
                self._set_up()
        except sqlite3.DatabaseError as error:
            self.conn.close()
            raise self._wrong(error) from error
        except BaseException:
            self.conn.close()
            raise

    # -- opening and closing --

    @classmethod
    def shared(cls, path: str | os.PathLike[str]) -> Archive:
        """Give the one writing archive of this process for `path`; end its use with `release`."""
        real = Path(path).resolve()
        found, users = cls._open.get(real, (None, 0))
        if found is None:
            found = cls(real)
        cls._open[real] = (found, users + 1)
        return found

    def release(self) -> None:
        """End one use of a shared archive; the last one closes it."""
        held, users = self._open.get(self.path, (self, 1))
        if held is not self or users <= 1:
            if held is self:
                self._open.pop(self.path, None)
            self.close()
        else:
            self._open[self.path] = (self, users - 1)

    def close(self) -> None:
        """Close; what was not committed is undone, the write-ahead log is emptied."""
        if self._elder is not None:
            self._elder.close()
            self._elder = None
        try:
            self.rollback()
            if not self.readonly:
                with suppress(sqlite3.OperationalError):  # a reader may be in the way; the next close does it
                    self.conn.execute("PRAGMA optimize")
                    self.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.ProgrammingError:
            return  # closed already
        finally:
            self.conn.close()

    def __enter__(self) -> Self:
        """Give the archive; leaving the block commits, or undoes after an exception, and closes."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit or undo, and close."""
        try:
            if kind is None and not self.readonly:
                self.commit()
        finally:
            self.close()

    def _wrong(self, error: Exception) -> ArchiveError:
        """Say what SQLite could not do, and with which exit code that ends a run."""
        text = str(error)
        code = 7 if "malformed" in text or "corrupt" in text else 9 if "not a database" in text else 6
        return ArchiveError(f"archive: {self.path}: {text}", code)

    def _check_file(self) -> None:
        if self.path.is_dir():
            raise ArchiveError(f"archive: found a directory, wanted an SQLite file at {self.path}", 9)
        if not self.path.exists():
            if self.readonly:
                raise ArchiveError(f"archive: found nothing, wanted an archive at {self.path}", 9)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ArchiveError(
                    f"archive: wanted to make {self.path}, cannot make its directory: {error.strerror}"
                ) from error
        else:
            try:
                with open(self.path, "rb") as file:
                    head = file.read(16)
            except OSError as error:
                raise ArchiveError(f"archive: {self.path} cannot be read: {error.strerror}") from error
            if head and head != b"SQLite format 3\0":
                raise ArchiveError(
                    f"archive: found a file that begins with {head!r}, wanted an SQLite file at {self.path}",
                    9,
                )
        # the log and the shared memory of WAL are made beside the file, so the directory counts too
        if not self.readonly:
            for place in (self.path.parent, self.path):
                if place.exists() and not os.access(place, os.W_OK):
                    raise ArchiveError(f"archive: {place} may not be written, wanted to write {self.path}")

    def _connect(self) -> sqlite3.Connection:
        def connect(mode: str) -> sqlite3.Connection:
            uri = f"{self.path.as_uri()}?{mode}"
            return sqlite3.connect(uri, uri=True, timeout=30.0, isolation_level=None)

        if not self.readonly:
            conn = connect("mode=rwc")
        else:
            conn = connect("mode=ro")
            try:
                conn.execute("SELECT 1 FROM sqlite_schema").fetchone()
            except sqlite3.OperationalError:
                # a WAL file in a directory that may not be written (a served copy, other user); without a
                # log beside it the file is whole and may be read as unchanging
                conn.close()
                if self.path.with_name(self.path.name + "-wal").exists():
                    raise
                conn = connect("mode=ro&immutable=1")
        for pragma in ("busy_timeout=30000", "foreign_keys=ON", "recursive_triggers=ON"):
            conn.execute(f"PRAGMA {pragma}")
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON"):
            conn.execute(f"PRAGMA {pragma}")
        return conn

    def _check_owner(self) -> None:
        owner = self.conn.execute("PRAGMA application_id").fetchone()[0]
        version = self.conn.execute("PRAGMA user_version").fetchone()[0]
        tables = self.conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if owner != APPLICATION_ID and (tables or owner or version or self.readonly):
            raise ArchiveError(
                f"archive: found a database of another program (application_id {owner:#x}, {tables} tables "
                f"and views), wanted one of ours ({APPLICATION_ID:#x}) at {self.path}",
                9,
            )
        if version > SHAPE_VERSION:
            raise ArchiveError(
                f"archive: found shape version {version}, wanted {SHAPE_VERSION} or older at {self.path}: "
                "it was made by a newer program, which is needed to open it",
                9,
            )

    def _set_up(self) -> None:
        if self.conn.execute("PRAGMA journal_mode=WAL").fetchone()[0] != "wal":
            raise ArchiveError(
                f"archive: wanted a write-ahead log, the place of {self.path} does not allow one"
            )
        self.conn.execute("PRAGMA synchronous=FULL")
        self.conn.execute(f"PRAGMA journal_size_limit={64 * 2**20}")
        self.ensure_shape()
        if self.path not in self._open and not _run_elsewhere(self.path):
            open_runs = "SELECT 1 FROM runs WHERE outcome IS NULL LIMIT 1"
            if self.conn.execute(open_runs).fetchone():
                with self._write():
                    self.conn.execute("UPDATE runs SET outcome = 'interrupted' WHERE outcome IS NULL")
                self.commit()

    def ensure_shape(self) -> None:
        """Bring the file to the present shape, in one transaction; do nothing where it has it.

        Raises ArchiveError where that cannot be written.
        """
        if self._has_shape():
            return
        grown = set()
        with self._write():
            for name, table in TABLES.items():
                if not self.db[name].exists():
                    self.db.table(name).create(
                        table.columns,
                        pk=table.pk,
                        foreign_keys=list(table.foreign_keys),
                        not_null=table.not_null,
                        defaults=dict(table.defaults),
                    )
                else:
                    present = set(self.db.table(name).columns_dict)
                    for column, kind in table.columns.items():
                        if column not in present:
                            self.db.table(name).add_column(column, kind)
                            grown.add(name)
            for name, sql in BY_HAND.items():
                if not self.db[name].exists():
                    self.conn.execute(sql)
            for name, sql in INDEXES.items():
                self.conn.execute(f"CREATE {sql.format(f'IF NOT EXISTS {name}')}")
            for name, sql in VIEWS.items():
                self.db.create_view(name, sql, replace=True)
            if "removed" in grown:
                self._find_campaigns()
            self.conn.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self.conn.execute(f"PRAGMA user_version={SHAPE_VERSION}")
        self.commit()

    def _has_shape(self) -> bool:
        present = {row[0] for row in self.conn.execute("SELECT name FROM sqlite_schema")}
        if not {*TABLES, *BY_HAND, *INDEXES, *VIEWS} <= present:
            return False
        views = {
            row[0]: row[1]
            for row in self.conn.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'view'")
        }
        return all(views[name].endswith(sql) for name, sql in VIEWS.items()) and all(
            set(table.columns) <= {row[1] for row in self.conn.execute(f"PRAGMA table_info({name})")}
            for name, table in TABLES.items()
        )

    # -- transactions --

    @contextmanager
    def _write(self) -> Iterator[None]:
        """Do several writes wholly or not at all, inside the open transaction."""
        try:
            if not self.conn.in_transaction:
                self.conn.execute("BEGIN IMMEDIATE")
            with self.db.atomic():
                yield
        except sqlite3.IntegrityError:
            raise  # a mistake of ours, not the file's
        except (sqlite3.OperationalError, sqlite3.DatabaseError) as error:
            raise self._wrong(error) from error

    def commit(self) -> None:
        """End the open transaction; bring captures to the disk before.

        Raises ArchiveError where the disk refuses.
        """
        try:
            self.db.commit()
        except sqlite3.DatabaseError as error:
            raise self._wrong(error) from error

    def rollback(self) -> None:
        """Undo the open transaction."""
        self.db.rollback()

    def _row(self, sql: str, *values: Any) -> sqlite3.Row | None:
        found: sqlite3.Row | None = self.conn.execute(sql, values).fetchone()
        return found

    def keep_ids(self, elder: str | os.PathLike[str]) -> None:
        """Give new rows the ids that an elder archive has for the same article, capture or attachment (for a rebuild).

        Raises ArchiveError where the elder cannot be read.
        """
        self._elder = Archive(elder, readonly=True).conn
        present = {row[0] for row in self._elder.execute("SELECT name FROM sqlite_schema")}
        self._tops = {
            table: self._elder.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
            for table in ("articles", "captures", "attachments")
            if table in present
        }

    def _id(self, table: str, condition: str, *values: Any) -> int | None:
        """Choose the id of a new row: the elder's, or one that no elder row has; None leaves it to SQLite."""
        if self._elder is None or table not in self._tops:
            return None
        found = self._elder.execute(f"SELECT id FROM {table} WHERE {condition}", values).fetchone()
        if found:
            return int(found[0])
        top = self.conn.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]
        return int(max(top, self._tops[table])) + 1

    def _insert(self, table: str, row: Mapping[str, Any]) -> int:
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        cursor = self.conn.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))
        return int(cursor.lastrowid or 0)

    def _update(self, table: str, row_id: int, row: Mapping[str, Any]) -> None:
        names = ", ".join(f"{name} = ?" for name in row)
        self.conn.execute(f"UPDATE {table} SET {names} WHERE id = ?", (*row.values(), row_id))

    # -- captures --

    def add_capture(self, capture: Capture, run_id: str | None) -> int:
        """Write a capture's row and give its id; a record that has a row already keeps it."""
        with self._write():
            found = self._row(
                "SELECT id FROM captures WHERE warc = ? AND offset = ?", capture.warc, capture.offset
            )
            if found:
                if capture.revisit_of is not None:
                    self._update("captures", found["id"], {"revisit_of": capture.revisit_of})
                return int(found["id"])
            values = capture._asdict() | {"run_id": run_id}
            values["id"] = self._id("captures", "warc = ? AND offset = ?", capture.warc, capture.offset)
            values["url"] = storable(capture.url)
            return self._insert(
                "captures", {k: _clean(v) if isinstance(v, str) else v for k, v in values.items()}
            )

    def add_record(self, record: CaptureRecord, run_id: str | None) -> Capture:
        """Write the row of a record that was read back; a revisit is linked to the record it refers to."""
        capture = record.capture
        if record.refers_to is not None:
            held = self._row("SELECT id FROM captures WHERE url = ? AND fetched_at = ?", *record.refers_to)
            capture = capture._replace(revisit_of=held["id"] if held else None)
        return capture._replace(id=self.add_capture(capture, run_id))

    def flag_capture(self, capture_id: int | None, flag: str) -> None:
        """Add a word to what was odd about a capture."""
        if capture_id is None:
            return
        word = "-".join(storable(flag).split())
        with self._write():
            self.conn.execute(
                "UPDATE captures SET flags = trim(coalesce(flags, '') || ' ' || ?) WHERE id = ? "
                "AND instr(' ' || coalesce(flags, '') || ' ', ' ' || ? || ' ') = 0",
                (word, capture_id, word),
            )

    def last_capture(self, url: str) -> Last | None:
        """Give what the URL showed last (answers 200 and 304), None where it was never had."""
        row = self._row(
            "SELECT n.etag AS etag, n.last_modified AS last_modified, p.id AS id, p.digest AS digest, p.url AS url, "
            "p.fetched_at AS fetched_at, p.etag AS old_etag, p.last_modified AS old_modified "
            "FROM captures n JOIN captures p ON p.id = coalesce(n.revisit_of, n.id) "
            "WHERE n.url = ? AND n.status IN (200, 304) ORDER BY n.id DESC LIMIT 1",
            storable(url),
        )
        if row is None:
            return None
        return Last(
            row["digest"],
            row["url"],
            row["fetched_at"],
            row["id"],
            row["etag"] or row["old_etag"],
            row["last_modified"] or row["old_modified"],
        )

    def capture(self, capture_id: int) -> Capture | None:
        """Give a capture by its id."""
        names = ", ".join(Capture._fields)
        row = self._row(f"SELECT {names} FROM captures WHERE id = ?", capture_id)
        return Capture(*row) if row else None

    def find_capture(self, url: str, fetched_at: str) -> Capture | None:
        """Give the capture of a URL at a time, as a revisit record refers to it."""
        names = ", ".join(Capture._fields)
        row = self._row(f"SELECT {names} FROM captures WHERE url = ? AND fetched_at = ?", url, fetched_at)
        return Capture(*row) if row else None

    def resolver(self, directory: str | os.PathLike[str]) -> Resolver:
        """Give a function that finds the payload of a revisit in the capture files of `directory`."""

        def resolve(record: CaptureRecord) -> CaptureRecord | None:
            held = self.find_capture(*record.refers_to) if record.refers_to else None
            found = read_record(Path(directory) / held.warc, held.offset) if held else None
            return found if isinstance(found, CaptureRecord) else None

        return resolve

    def captures_beside(self, capture: Capture, kind: str) -> list[Capture]:
        """Give the captures of a kind that were made in the same run as a capture, and lie in its file."""
        names = ", ".join(Capture._fields)
        rows = self.conn.execute(
            f"SELECT {names} FROM captures WHERE warc = ? AND kind = ? ORDER BY offset", (capture.warc, kind)
        )
        return [Capture(*row) for row in rows]

    def has_capture(self, warc: str, offset: int) -> bool:
        """Tell whether a record has a row: its answer was dealt with."""
        return self._row("SELECT 1 FROM captures WHERE warc = ? AND offset = ?", warc, offset) is not None

    # -- runs and channels --

    def start_run(
        self,
        spider: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        started: datetime | str | None = None,
        run_id: str | None = None,
    ) -> str:
        """Write a run's row and give its id; `run_id` names one that is known (for a rebuild)."""
        when = local_time(started or now().replace(microsecond=0))
        base = run_id or f"{datetime.fromisoformat(when).astimezone(UTC):%Y%m%dT%H%M%SZ}-{spider}"
        name, number = base, 1
        with self._write():
            while self._row("SELECT 1 FROM runs WHERE id = ?", name):
                if run_id:
                    return run_id
                number += 1
                name = f"{base}-{number}"
            self._insert(
                "runs",
                {
                    "id": name,
                    "spider": spider,
                    "started": when,
                    "arguments": _json(arguments or {}),
                    "memory": self.epoch or None,
                },
            )
        return name

    def finish_run(
        self,
        run_id: str,
        *,
        outcome: str,
        counts: Mapping[str, int],
        stats: Mapping[str, Any] | None = None,
        alarms: Sequence[Mapping[str, Any]] = (),
        finished: datetime | str | None = None,
    ) -> None:
        """Write how a run ended. ``missed`` is what it could not have: challenged and gone, unless given."""
        missed = counts.get("missed", counts.get("challenged", 0) + counts.get("gone", 0))
        with self._write():
            self.conn.execute(
                "UPDATE runs SET finished = ?, outcome = ?, listed = ?, archived = ?, changed = ?, failed = ?, "
                "missed = ?, attachments = ?, tampered = ?, stats = ?, alarms = ? WHERE id = ?",
                (
                    local_time(finished or now().replace(microsecond=0)),
                    outcome,
                    *(counts.get(name, 0) for name in ("listed", "archived", "changed", "failed")),
                    missed,
                    counts.get("attachments", 0),
                    counts.get("tampered", 0),
                    _json(stats or {}),
                    _json(alarms),
                    run_id,
                ),
            )

    def interrupted_runs(self, spider: str) -> list[str]:
        """Name the runs of a spider that were killed and whose captures nobody has taken up, oldest first."""
        rows = self.conn.execute(
            "SELECT id FROM runs WHERE outcome = 'interrupted' AND spider = ? AND stats IS NULL ORDER BY id",
            (spider,),
        )
        return [row[0] for row in rows]

    def adopt_run(self, run_id: str) -> None:
        """Note that the captures of a killed run were taken up."""
        with self._write():
            self.conn.execute("UPDATE runs SET stats = ? WHERE id = ?", (_json({"adopted": True}), run_id))

    def meet_channel(
        self,
        portal: str,
        code: str,
        name: str | None,
        url: str | None,
        *,
        seen: str,
        total: int | None = None,
        lines: int | None = None,
        problem: str | None = None,
    ) -> None:
        """Write what is known of a channel; what is None stays as it was.

        `lines` is how many lines its list just gave: it begins the paging, which `close_channel` ends.
        """
        with self._write():
            self.conn.execute(
                "INSERT INTO channels (portal, code, name, url, total, first_seen, last_seen, last_lines, problem, "
                "unfinished) VALUES (:portal, :code, :name, :url, :total, :seen, :seen, :lines, :problem, "
                ":lines IS NOT NULL) ON CONFLICT (portal, code) DO UPDATE SET name = coalesce(excluded.name, name), "
                "url = coalesce(excluded.url, url), total = coalesce(excluded.total, total), "
                "last_seen = excluded.last_seen, last_lines = coalesce(excluded.last_lines, last_lines), "
                "problem = excluded.problem, unfinished = max(unfinished, excluded.unfinished)",
                {
                    "portal": portal,
                    "code": code,
                    "name": _clean(name),
                    "url": _clean(url),
                    "total": total,
                    "seen": local_time(seen),
                    "lines": lines,
                    "problem": _clean(problem),
                },
            )

    def close_channel(self, portal: str, code: str) -> None:
        """Note that a channel's paging came to its end."""
        with self._write():
            self.conn.execute(
                "UPDATE channels SET unfinished = 0, lines = "
                "(SELECT count(*) FROM listings l WHERE l.portal = channels.portal AND l.channel = channels.code) "
                "WHERE portal = ? AND code = ?",
                (portal, code),
            )

    def channel(self, portal: str, code: str) -> Channel | None:
        """Give what is known of a channel."""
        names = ", ".join(Channel._fields)
        row = self._row(f"SELECT {names} FROM channels WHERE portal = ? AND code = ?", portal, code)
        return Channel(*row) if row else None

    def unfinished_channels(self) -> set[tuple[str, str]]:
        """Name the channels whose paging was begun and not ended."""
        return {
            (row[0], row[1])
            for row in self.conn.execute("SELECT portal, code FROM channels WHERE unfinished")
        }

    # -- listings --

    def enlist(
        self,
        lines: Iterable[Lines],
        *,
        portal: str,
        hosts: Iterable[str],
        seen: str,
        capture_id: int | None = None,
    ) -> list[Standing]:
        """Write the lines of a list, and say for each what was known of it before.

        A line seen again keeps when it was first listed. A line of an article that is archived already
        (from another channel) owes nothing. An archived line whose title changed is owed again.
        """
        own = {host.lower() for host in hosts}
        when = local_time(seen)
        found: list[Standing] = []
        with self._write():
            for line in lines:
                found.append(self._enlist_line(line, portal, own, when, capture_id))
        return found

    def _enlist_line(
        self, line: Lines, portal: str, own: set[str], when: str, capture_id: int | None
    ) -> Standing:
        key = canonical(line.url)
        url = storable(line.url)
        title = _clean(line.title)
        listed = _iso(line.listed)
        before = self._row(
            "SELECT state, title, listed, article_id, due FROM listings WHERE portal = ? AND channel = ? AND key = ?",
            portal,
            line.channel,
            key,
        )
        if before is None:
            known = self._row("SELECT id, gone FROM articles WHERE key = ?", key) or self._row(
                "SELECT a.id, a.gone FROM parts p JOIN articles a ON a.id = p.article_id AND a.version = p.version "
                "WHERE p.key = ?",
                key,
            )
            other = self._row(
                "SELECT state, error, due, attempts, asked FROM listings WHERE key = ? LIMIT 1", key
            )
            if _host(url) not in own:
                state = "offsite"
            elif known:
                state = "gone" if known["gone"] else "archived"
            else:
                state = other["state"] if other else "pending"
            self._insert(
                "listings",
                {
                    "portal": portal,
                    "channel": line.channel,
                    "key": key,
                    "url": url,
                    "title": title,
                    "section": _clean(line.section),
                    "listed": listed,
                    "first_listed": when,
                    "last_listed": when,
                    "state": state,
                    "attempts": other["attempts"] if other else 0,
                    "error": other["error"] if other else None,
                    "due": other["due"] if other else None,
                    "asked": other["asked"] if other else None,
                    "article_id": known["id"] if known else None,
                    "capture_id": capture_id,
                },
            )
            return Standing(key, url, True, None, known["id"] if known else None, False)
        state = before["state"]
        moved = state in ("archived", "unchanged") and _retitled(before["title"], title)
        keep = title is None or (before["title"] is not None and _cut(title) and not moved)
        self.conn.execute(
            "UPDATE listings SET url = ?, title = ?, section = coalesce(?, section), listed = coalesce(?, listed), "
            "last_listed = max(last_listed, ?), state = ? WHERE portal = ? AND channel = ? AND key = ?",
            (
                url,
                before["title"] if keep else title,
                _clean(line.section),
                listed,
                when,
                "pending" if moved else state,
                portal,
                line.channel,
                key,
            ),
        )
        given_up = state in ("failed", "challenged") and before["due"] is None
        settled = not moved and (state in ("archived", "unchanged", "gone", "offsite") or given_up)
        return Standing(key, url, False, state, before["article_id"], settled)

    def owed(
        self,
        portals: Sequence[str],
        *,
        run_id: str,
        since: date | None = None,
        until: date | None = None,
        channels: Sequence[str] = (),
        recent: date | None = None,
        limit: int = 32,
        at: datetime | str | None = None,
    ) -> list[Owed]:
        """Hand out the next articles to ask for, each once a run; an empty list when nothing is owed.

        First lines never had (newest first), then those that failed, were challenged or gone and whose
        pause is over, then, where `recent` is given, archived articles published since that day and not
        seen in this run. `since` and `until` bound the listed (or published) day; lines without a day are
        always in. Articles come with what a conditional request wants.
        """
        moment = local_time(at or now())
        bounds = {
            "run": run_id,
            "at": moment,
            "since": _iso(since),
            "until": _iso(until),
            "recent": _iso(recent),
        }
        inside = "".join(
            (
                f" AND channel IN ({', '.join(f':c{n}' for n in range(len(channels)))})" if channels else "",
                " AND ({day} IS NULL OR {day} >= :since)" if since else "",
                " AND ({day} IS NULL OR substr({day}, 1, 10) <= :until)" if until else "",
            )
        )
        bounds |= {f"c{n}": code for n, code in enumerate(channels)}
        line = "SELECT url, key, portal, channel, title, listed, article_id, attempts FROM listings"
        free = "portal = :portal AND (asked IS NULL OR asked <> :run)"
        questions = [
            f"{line} WHERE state = 'pending' AND {free}{inside.format(day='listed')} ORDER BY listed DESC, rowid",
            f"{line} WHERE due <= :at AND {free}{inside.format(day='listed')} ORDER BY due",
        ]
        if recent is not None:
            questions.append(
                "SELECT url, key, portal, channel, title, substr(published, 1, 10) AS listed, id AS article_id, "
                f"0 AS attempts FROM articles WHERE gone IS NULL AND {free} "
                "AND NOT EXISTS (SELECT 1 FROM listings l WHERE l.key = articles.key AND l.asked = :run) "
                "AND (published >= :recent OR (published IS NULL AND first_seen >= :recent))"
                f"{inside.format(day='published')} ORDER BY published DESC"
            )
        found: dict[str, Owed] = {}
        with self._write():
            for question in questions:
                for portal in portals:
                    if len(found) >= limit:
                        break
                    rows = self.conn.execute(
                        f"{question} LIMIT :limit", bounds | {"portal": portal, "limit": limit - len(found)}
                    ).fetchall()
                    for row in rows:
                        if row["key"] in found:
                            continue
                        found[row["key"]] = self._hand_out(row, run_id)
        return list(found.values())

    def _hand_out(self, row: sqlite3.Row, run_id: str) -> Owed:
        for table in ("listings", "articles"):
            self.conn.execute(f"UPDATE {table} SET asked = ? WHERE key = ?", (run_id, row["key"]))
        held = self._row(
            "SELECT c.etag, c.last_modified, a.id FROM articles a JOIN captures c ON c.id = a.capture_id "
            "WHERE a.key = ? AND a.gone IS NULL AND c.url = ? AND coalesce(c.flags, '') NOT LIKE '%dataloss%' "
            # that the first page is as it was says nothing of the others
            "AND NOT EXISTS (SELECT 1 FROM parts p WHERE p.article_id = a.id AND p.version = a.version)",
            row["key"],
            row["url"],
        )
        return Owed(
            url=row["url"],
            key=row["key"],
            portal=row["portal"],
            channel=row["channel"],
            title=row["title"],
            listed=row["listed"],
            etag=held["etag"] if held else None,
            last_modified=held["last_modified"] if held else None,
            article_id=row["article_id"],
            attempts=row["attempts"],
        )

    def note(self, url: str, state: str, error: str | None, when: str) -> None:
        """Write why an article was not had; the pause until it is asked for again grows, and ends.

        `state` is ``failed`` or ``challenged``. An article that is archived stays so, with the error.
        """
        moment = local_time(when)
        key = canonical(url)
        with self._write():
            rows = self.conn.execute(
                "SELECT DISTINCT state, attempts FROM listings WHERE key = ?", (key,)
            ).fetchall()
            for row in rows:
                attempts = row["attempts"] + 1
                kept = row["state"] in ("archived", "unchanged", "offsite")
                self.conn.execute(
                    "UPDATE listings SET state = ?, attempts = ?, error = ?, due = ? "
                    "WHERE key = ? AND state = ? AND attempts = ?",
                    (
                        row["state"] if kept else state,
                        attempts,
                        _clean((error or "")[:1000]),
                        None if kept else _due(moment, attempts, PAUSES),
                        key,
                        row["state"],
                        row["attempts"],
                    ),
                )

    def unchanged(self, url: str, when: str) -> None:
        """Note that an article was asked for again and is as it was."""
        moment = local_time(when)
        with self._write():
            row = self._row("SELECT id FROM articles WHERE key = ?", canonical(url))
            if row is not None:
                self.conn.execute(
                    "UPDATE articles SET last_seen = max(last_seen, ?) WHERE id = ?", (moment, row["id"])
                )
                self._settle(canonical(url), "unchanged", row["id"])

    def missing(self, url: str, when: str, capture_id: int | None, status: int) -> None:
        """Note that an article is gone (asked twice): its last text stays, a version says when it was missed."""
        moment = local_time(when)
        key = canonical(url)
        with self._write():
            article = self._row("SELECT id, gone FROM articles WHERE key = ?", key)
            if article is not None and article["gone"] is None:
                self._update("articles", article["id"], {"gone": moment})
                self._insert_version(
                    article["id"],
                    {
                        "article_id": article["id"],
                        "capture_id": capture_id,
                        "seen": moment,
                        "change": "withdrawn",
                        "fields": _json({"status": status}),
                    },
                )
            row = self._row("SELECT state, attempts FROM listings WHERE key = ? LIMIT 1", key)
            if row is not None:
                attempts = row["attempts"] + 1 if row["state"] == "gone" else 1
                self.conn.execute(
                    "UPDATE listings SET state = 'gone', attempts = ?, error = ?, due = ? WHERE key = ?",
                    (attempts, f"answers {status}", _due(moment, attempts, GONE_PAUSES), key),
                )

    def _settle(self, key: str, state: str, article_id: int) -> None:
        self.conn.execute(
            "UPDATE listings SET state = ?, attempts = 0, error = NULL, due = NULL, article_id = ? "
            "WHERE key = ? AND state <> 'offsite'",
            (state, article_id, key),
        )

    def _owe(self, key: str, error: str, moment: str, attempts: int) -> None:
        """Note that an archived article is to be asked for again; the pause grows, and ends."""
        self.conn.execute(
            "UPDATE listings SET attempts = ?, error = ?, due = ? WHERE key = ? AND state <> 'offsite'",
            (attempts, _clean(error[:1000]), _due(moment, attempts, PAUSES), key),
        )

    def belongs(self, url: str, first: str) -> bool:
        """Note that a page is a further one of the article `first`, so that no line owes it; False where that is not archived."""
        row = self._row("SELECT id FROM articles WHERE key = ?", canonical(first))
        if row is not None:
            with self._write():
                self._settle(canonical(url), "archived", row["id"])
        return row is not None

    def listed(self, url: str) -> list[dict[str, Any]]:
        """Give the lines of the ledger that lead to a URL."""
        rows = self.conn.execute(
            "SELECT * FROM listings WHERE key = ? ORDER BY first_listed", (canonical(url),)
        )
        return [dict(row) for row in rows]

    def last_runs(self, limit: int = 10) -> list[dict[str, Any]]:
        """Give the last runs, the newest first, their alarms as a list."""
        rows = self.conn.execute("SELECT * FROM runs ORDER BY started DESC, id DESC LIMIT ?", (limit,))
        return [{**row, "alarms": json.loads(row["alarms"] or "[]")} for row in map(dict, rows)]

    def books(self, portal: str | None = None) -> list[Books]:
        """Balance the books, one row a channel: listed = the sum of all states."""
        sums = ", ".join(f"sum(l.state = '{state}') AS {state}" for state in STATES)
        rows = self.conn.execute(
            f"SELECT l.portal, l.channel, count(*) AS listed, {sums}, max(c.total) AS total FROM listings l "
            "LEFT JOIN channels c ON c.portal = l.portal AND c.code = l.channel "
            "WHERE ? IS NULL OR l.portal = ? GROUP BY l.portal, l.channel ORDER BY l.portal, l.channel",
            (portal, portal),
        )
        return [Books(**{name: row[name] for name in Books._fields}) for row in rows]

    # -- articles --

    def save(self, page: Page) -> Saved:
        """Write a page that went through all stages: article, version, edits, removed blocks, index.

        The same title and text again are no version: what moves (last seen, date, source, further fields)
        moves in the article's row. A page older than what the archive has of its URL changes nothing. An article
        split over several pages is owed again where some could not be had; for `PART_ATTEMPTS` runs it does not
        replace a version that has more of them.
        """
        key = canonical(page.url)
        when = local_time(page.capture.fetched_at if page.capture else now().replace(microsecond=0))
        values = _fields_of(page)
        values["capture_id"] = page.capture.id if page.capture else None
        with self._write():
            for each in (page, *page.parts):
                if each.capture is not None and each.decoded is not None:
                    self.conn.execute(
                        "UPDATE captures SET charset = ?, encoding = ? WHERE id = ?",
                        (_charset(each.content_type), each.decoded.encoding, each.capture.id),
                    )
            before = self._row("SELECT * FROM articles WHERE key = ?", key)
            if before is None:
                saved = self._save_first(page, key, when, values)
            elif when < before["last_seen"]:
                return Saved(before["id"], before["version"], None)
            elif page.missed and page.attempts < PART_ATTEMPTS and self._had_more(before, page):
                saved = Saved(before["id"], before["version"], None)
            else:
                saved = self._save_again(page, before, when, values)
            self._run_over(saved.article_id, before is not None and "runover" in _fields(before))
            self._settle(key, "archived" if saved.change else "unchanged", saved.article_id)
            for part in page.parts:
                self._settle(canonical(part.url), "archived", saved.article_id)
            if page.missed:
                error = f"{len(page.missed)} of {1 + len(page.parts)} pages missed: {page.missed[0].error}"
                self._owe(key, error, when, page.attempts + 1)
        return saved

    def _had_more(self, before: sqlite3.Row, page: Page) -> bool:
        """Tell whether the present version of an article has more of its pages than `page` has."""
        row = self._row(
            "SELECT count(*) FROM parts WHERE article_id = ? AND version = ? AND error IS NULL",
            before["id"],
            before["version"],
        )
        return row is not None and row[0] > len(page.parts) - len(page.missed)

    def _save_first(self, page: Page, key: str, when: str, values: dict[str, Any]) -> Saved:
        row = {
            "id": self._id("articles", "key = ?", key),
            "url": storable(page.url),
            "key": key,
            "portal": page.portal,
            "channel": page.channel,
            **values,
            "signature": page.signature or sign(values["text"] or ""),
            "first_seen": when,
            "last_seen": when,
            "version": 1,
        }
        article_id = self._insert("articles", row)
        self._write_version(page, article_id, when, values, "first")
        self._offer(_files_of(page), article_id, page.portal, page.channel, page.hosts, when)
        self._index(article_id, self._indexed(article_id, values))
        self._relate(article_id)
        self._learn(page)
        return Saved(article_id, 1, "first")

    def _save_again(self, page: Page, before: sqlite3.Row, when: str, values: dict[str, Any]) -> Saved:
        article_id = int(before["id"])
        before = self._apart(before)
        same = (before["title"], before["text"]) == (values["title"], values["text"])
        if values["tampered"] and not before["tampered"]:
            change: str | None = "tampered"
        elif before["gone"] is not None or (same and before["tampered"] and not values["tampered"]):
            change = "restored"
        else:
            change = None if same else "edited"
        version = int(before["version"])
        if change is not None:
            version = self._write_version(page, article_id, when, values, change)
        else:
            self._write_blocks(page, article_id, version, when)
        row = {**values, "last_seen": when, "gone": None, "version": version}
        if not same:
            row["signature"] = page.signature or sign(values["text"] or "")
        indexed = self._indexed(article_id, before)
        self._offer(_files_of(page), article_id, page.portal, page.channel, page.hosts, when)
        self._reindex(article_id, indexed, self._indexed(article_id, values))
        self._update("articles", article_id, row)
        if not same:
            self._part(article_id)
            self._relate(article_id)
        elif before["published"] != values["published"]:
            self._elect(self._cluster(article_id))
        return Saved(article_id, version, change)

    def _insert_version(self, article_id: int, row: dict[str, Any]) -> int:
        number = self.conn.execute(
            "SELECT coalesce(max(version), 0) + 1 FROM versions WHERE article_id = ?", (article_id,)
        ).fetchone()[0]
        self._insert(
            "versions", {**row, "version": number, "digest": _row_digest({**row, "version": number})}
        )
        return int(number)

    def _write_version(
        self, page: Page, article_id: int, when: str, values: Mapping[str, Any], change: str
    ) -> int:
        version = self._insert_version(
            article_id, {"article_id": article_id, **values, "seen": when, "change": change}
        )
        rows = []
        for part, each in _numbered(page):
            steps = each.repaired.steps if each.repaired else ()
            for number, step in enumerate(steps, 1):
                for edit in step.edits:
                    rows.append(
                        (
                            *(article_id, version, "tamper", number, step.fixer, step.certainty, edit.start),
                            # kept exactly, control characters too: they are what the undo puts back
                            *(
                                _SURROGATE_RE.sub("\ufffd", edit.before),
                                _SURROGATE_RE.sub("\ufffd", edit.after),
                            ),
                            part,
                        )
                    )
        self.conn.executemany(
            "INSERT INTO edits (article_id, version, stage, step, fixer, certainty, start, before, after, part) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            rows,
        )
        for number, further in enumerate(page.parts, 2):
            self._insert(
                "parts",
                {
                    "article_id": article_id,
                    "version": version,
                    "part": number,
                    "key": canonical(further.url),
                    "url": storable(further.url),
                    "capture_id": further.capture.id if further.capture else None,
                    "error": _clean(further.error),
                },
            )
        self._write_blocks(page, article_id, version, when)
        return version

    def _write_blocks(self, page: Page, article_id: int, version: int, when: str) -> None:
        """Write the blocks cut out of a page, and the suspects; of an unchanged page those that are new."""
        pages = _numbered(page)
        for table, found in (
            ("removed", [(part, each, block) for part, each in pages for block in each.removed]),
            ("suspects", [(part, each, block) for part, each in pages for block in each.suspects]),
        ):
            known = {
                tuple(row)
                for row in self.conn.execute(
                    f"SELECT part, block FROM {table} WHERE article_id = ? AND version = ?",
                    (article_id, version),
                )
            }
            for part, each, block in found:
                digest = block_digest(block.text or block.html)
                if (part, digest) in known:
                    continue
                row = {
                    "article_id": article_id,
                    "version": version,
                    "kind": block.kind,
                    "reasons": _json(block.reasons),
                    "place": storable(block.place),
                    "text": storable(block.text),
                    "html": storable(block.html),
                    "links": _json(block.links),
                    "block": digest,
                    "target": next((host for link in block.links if (host := _host(link))), None),
                    "seen": when,
                    "epoch": self.epoch,
                    "part": part,
                }
                self._insert(table, row)
                if table == "removed":
                    self._join_campaign(digest, targets_of(block.links, each.url), when)

    def _join_campaign(self, block: str, hosts: Sequence[str], when: str) -> None:
        """Put the rows of a block to the campaign that has its text or one of its hosts; campaigns that it links are one.

        A campaign bears the name of its smallest block, so that it does not depend on which was seen first.
        """
        names = {
            row[0]
            for row in self.conn.execute(
                "SELECT DISTINCT campaign FROM removed WHERE block = ? AND campaign IS NOT NULL", (block,)
            )
        }
        for host in hosts:
            names.update(
                self.conn.execute("SELECT campaign FROM targets WHERE host = ?", (host,)).fetchone() or ()
            )
        name = min({block, *names})
        self.conn.execute(
            "UPDATE removed SET campaign = ? WHERE block = ? AND campaign IS NOT ?", (name, block, name)
        )
        for other in names - {name}:
            for table in ("removed", "targets"):
                self.conn.execute(f"UPDATE {table} SET campaign = ? WHERE campaign = ?", (name, other))
        self.conn.executemany(
            "INSERT INTO targets (host, campaign, blocks, first_seen, last_seen, epoch) "
            "VALUES (:host, :name, 1, :seen, :seen, :epoch) "
            "ON CONFLICT (host) DO UPDATE SET blocks = blocks + 1, first_seen = min(first_seen, excluded.first_seen), "
            "last_seen = max(last_seen, excluded.last_seen)",
            [{"host": host, "name": name, "seen": when, "epoch": self.epoch} for host in hosts],
        )

    def tampered(self) -> dict[str, list[Tampered]]:
        """Give the articles whose newest version shows signs of hacking, by portal, the portal with most first."""
        found: dict[str, list[Tampered]] = {}
        for row in self.conn.execute(
            "SELECT portal, id, version, EXISTS (SELECT 1 FROM versions v WHERE v.article_id = articles.id "
            "AND v.tampered = 0 AND v.text NOT NULL) AS since FROM articles WHERE tampered ORDER BY id"
        ):
            found.setdefault(row["portal"] or "", []).append(
                Tampered(row["id"], row["version"], bool(row["since"]))
            )
        return dict(sorted(found.items(), key=lambda pair: -len(pair[1])))

    def campaigns(self, pages: Iterable[Tampered], limit: int = 3) -> list[Campaign]:
        """Say which campaigns show on some pages, that of most pages first."""
        if self._is_elder():
            return []
        count: Counter[str] = Counter()
        for page in pages:
            names = self.conn.execute(
                "SELECT DISTINCT coalesce(campaign, block) FROM removed WHERE article_id = ? AND version = ?",
                (page.article_id, page.version),
            )
            count.update(row[0] for row in names)
        found = []
        for name, number in sorted(count.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]:
            hosts = self.conn.execute(
                "SELECT host FROM targets WHERE campaign = ? ORDER BY blocks DESC, host LIMIT 3", (name,)
            )
            sample = self._row(
                "SELECT min(text) FROM removed WHERE coalesce(campaign, block) = ? AND text <> ''", name
            )
            text = " ".join(((sample[0] if sample else None) or "").split())
            found.append(Campaign(number, tuple(row[0] for row in hosts), text[:30]))
        return found

    def lessons(self) -> list[Lesson]:
        """Give the blocks that were cut out, each once an article, for `crawler.text.learning`."""
        rows = self.conn.execute(
            "SELECT r.article_id, r.text, r.reasons, r.links, a.url FROM removed r JOIN articles a ON a.id = r.article_id "
            "GROUP BY r.article_id, r.block, r.text ORDER BY r.id"
        )
        return [
            Lesson(
                row["article_id"],
                row["text"] or "",
                tuple((name, score) for name, score in json.loads(row["reasons"] or "[]")),
                tuple(targets_of(json.loads(row["links"] or "[]"), row["url"])),
            )
            for row in rows
        ]

    def says(self, word: str) -> bool:
        """Tell whether an untampered article, or an attachment of one, has a word."""
        return (
            self._row(
                "SELECT 1 FROM articles_fts JOIN articles a ON a.id = articles_fts.rowid "
                "WHERE articles_fts MATCH ? AND NOT a.tampered LIMIT 1",
                match_expression(f'"{word}"'),
            )
            is not None
        )

    def honest_links(self) -> dict[str, set[int]]:
        """Give the hosts outside their portal that untampered articles link, with those articles."""
        found: dict[str, set[int]] = {}
        for row in self.conn.execute("SELECT id, url, fields FROM articles WHERE NOT tampered"):
            own = domain_of(host_of(row["url"]))
            fields = json.loads(row["fields"] or "{}")
            links = [*fields.get("links", ()), *(url for url, _ in fields.get("attachments", ()))]
            for host in {host_of(url) for url in links if isinstance(url, str)}:
                if host and domain_of(host) != own:
                    found.setdefault(host, set()).add(row["id"])
        return found

    def named_hosts(self) -> dict[str, int]:
        """Count the untampered articles whose pages name a host, in the article or beside it."""
        if self._is_elder():
            return {}
        rows = self.conn.execute(
            "SELECT key, sum(pages + fresh) FROM memory WHERE kind = 'host' GROUP BY key"
        )
        return {row[0]: row[1] for row in rows}

    def _find_campaigns(self) -> None:
        """Put blocks that an elder program cut out to their campaigns."""
        rows = self.conn.execute(
            "SELECT r.block, r.links, r.seen, a.url FROM removed r JOIN articles a ON a.id = r.article_id "
            "WHERE r.campaign IS NULL AND r.block IS NOT NULL ORDER BY r.id"
        ).fetchall()
        for row in rows:
            self._join_campaign(
                row["block"], targets_of(json.loads(row["links"] or "[]"), row["url"]), row["seen"]
            )

    def article(self, which: int | str) -> dict[str, Any] | None:
        """Give an article's row by id or URL."""
        if isinstance(which, int):
            row = self._row("SELECT * FROM articles WHERE id = ?", which)
        else:
            row = self._row("SELECT * FROM articles WHERE key = ?", canonical(which))
        return dict(row) if row else None

    def versions(self, article_id: int) -> list[dict[str, Any]]:
        """Give all versions of an article, oldest first."""
        rows = self.conn.execute(
            "SELECT * FROM versions WHERE article_id = ? ORDER BY version", (article_id,)
        )
        return [dict(row) for row in rows]

    def parts(self, article_id: int, version: int) -> list[dict[str, Any]]:
        """Give the further pages of a version of a split article, in order."""
        if self._is_elder():
            return []
        rows = self.conn.execute(
            "SELECT * FROM parts WHERE article_id = ? AND version = ? ORDER BY part", (article_id, version)
        )
        return [dict(row) for row in rows]

    def undo(self, article_id: int, capture_dir: str | os.PathLike[str], part: int | None = None) -> str:
        """Give the text as it was captured, by undoing the recorded edits of an article's newest version.

        `part` (2, 3, …) names a further page of a split article. Raises ArchiveError where there is no such article or its capture cannot be read.
        """
        article = self._row("SELECT capture_id, version FROM articles WHERE id = ?", article_id)
        if article is not None and part is not None:
            article = self._row(
                "SELECT capture_id, version FROM parts WHERE article_id = ? AND version = ? AND part = ?",
                article_id,
                article["version"],
                part,
            )
        capture = self.capture(article["capture_id"]) if article and article["capture_id"] else None
        if article is None or capture is None:
            raise ArchiveError(f"archive: found no article {article_id} with a capture in {self.path}")
        place = Path(capture_dir) / capture.warc
        record = read_record(place, capture.offset, self.resolver(capture_dir))
        if isinstance(record, Damage):
            raise ArchiveError(f"archive: {place} at byte {capture.offset}: {record.what}", 7)
        text = repair(decode(record.unpacked().body, record.content_type).text).text
        steps: dict[int, list[Edit]] = {}
        for row in self.conn.execute(
            "SELECT step, start, before, after FROM edits WHERE article_id = ? AND version = ? AND part IS ? "
            "ORDER BY step, start",
            (article_id, article["version"], part),
        ):
            steps.setdefault(row["step"], []).append(Edit(row["start"], row["before"], row["after"]))
        return revert(text, [Step("", "", tuple(edits)) for _, edits in sorted(steps.items())])

    # -- what is remembered of a portal --

    def begin_memory(self) -> None:
        """Let what earlier runs learnt count for the runs of this process, which begin now, one after the other.

        While a killed run waits for its next one, nothing new counts, so that the two read as one.
        """
        if self.epoch:
            return  # a run beside this one began it
        now_ = local_time(now().replace(microsecond=0))
        last = self._last_epoch()
        recent = local_time(now() - timedelta(hours=EPOCH_HOURS))
        waiting = self._row(
            "SELECT 1 FROM runs WHERE memory = ? AND outcome = 'interrupted' AND stats IS NULL", last
        )
        self.open_memory(last if waiting and last > recent else max(last, now_))

    def open_memory(self, epoch: str) -> None:
        """Remember what was learnt before a moment; a later one than the last lets more count."""
        if epoch > self._last_epoch():
            self._settle_memory(epoch)
        self.epoch = epoch
        self._memories.clear()
        self._blocks.clear()

    def _last_epoch(self) -> str:
        return str(self.conn.execute("SELECT coalesce(max(memory), '') FROM runs").fetchone()[0])

    def _settle_memory(self, epoch: str) -> None:
        """Count what the last runs saw, say what is known from now on, and forget what was seen once, long ago."""
        try:
            old = local_time(datetime.fromisoformat(epoch) - timedelta(days=FORGET_DAYS))
        except ValueError:
            old = ""
        with self._write():
            self.conn.execute("UPDATE memory SET pages = pages + fresh, fresh = 0 WHERE fresh > 0")
            self.conn.execute(
                "UPDATE memory SET since = :epoch WHERE kind = 'line' AND since IS NULL AND pages >= :pages AND pages >= "
                ":share * (SELECT sum(a.pages) FROM memory a WHERE a.portal = memory.portal AND a.kind = 'articles' "
                "AND a.key >= memory.first_seen)",
                {"epoch": epoch, "pages": KNOWN_PAGES, "share": KNOWN_SHARE},
            )
            self.conn.execute(
                "UPDATE memory SET since = :epoch WHERE kind = 'host' AND since IS NULL AND pages >= :pages "
                "AND first_seen < last_seen AND key NOT IN (SELECT host FROM targets)",
                {"epoch": epoch, "pages": HONEST_PAGES},
            )
            self.conn.execute(
                "DELETE FROM memory WHERE kind <> 'articles' AND since IS NULL AND pages < 2 AND last_seen < ?",
                (old,),
            )

    def _learn(self, page: Page) -> None:
        """Count what an article's page teaches, when it is first seen; of a page in doubt its hosts teach nothing."""
        pages = [each for _, each in _numbered(page)]
        traces = [each.traces for each in pages if each.traces and not each.error]
        doubt = page.tampered or any(each.suspects for each in pages)
        hosts = () if doubt else [host for each in traces for host in each.hosts]
        found = [("line", line_digest(line)) for each in traces for line in each.lines]
        found += [("host", host) for host in hosts if not THROW_AWAY_RE.search(host)]
        found.append(("articles", self.epoch))
        self.conn.executemany(
            "INSERT INTO memory (portal, kind, key, pages, fresh, first_seen, last_seen) "
            "VALUES (:portal, :kind, :key, 0, 1, :epoch, :epoch) ON CONFLICT (portal, kind, key) "
            "DO UPDATE SET fresh = fresh + 1, last_seen = max(last_seen, excluded.last_seen)",
            [
                {"portal": page.portal, "kind": kind, "key": storable(key), "epoch": self.epoch}
                for kind, key in dict.fromkeys(found)
            ],
        )

    def memory(self, portal: str, epoch: str | None = None) -> Remembered:
        """Give what is known of a portal to the present run, or was to the runs of an earlier moment."""
        at = self.epoch if epoch is None else epoch
        if found := self._memories.get((portal, at)):
            return found
        if self._is_elder():
            return Remembered(portal, frozenset(), frozenset(), {})

        def known(kind: str, more: str = "") -> frozenset[str]:
            rows = self.conn.execute(
                f"SELECT key FROM memory WHERE portal = :portal AND kind = :kind AND since <= :at {more} "
                "ORDER BY pages DESC, key LIMIT :limit",
                {"portal": portal, "kind": kind, "at": at, "limit": REMEMBERED},
            )
            return frozenset(row[0] for row in rows)

        if at not in self._blocks:
            self._blocks[at] = self._blocks_known(at)
        clean = "AND key NOT IN (SELECT host FROM targets WHERE coalesce(epoch, '') < :at)"
        found = Remembered(portal, known("line"), known("host", clean), self._blocks[at])
        self._memories[portal, at] = found
        return found

    def _is_elder(self) -> bool:
        """Tell whether the file is open for reading and of a shape that neither remembers nor has parts yet."""
        return bool(self.conn.execute("PRAGMA user_version").fetchone()[0] < 3)

    def _blocks_known(self, epoch: str) -> dict[str, list[tuple[str, str, bool]]]:
        """Give the blocks that were cut out of, or suspected on, several articles before a moment."""
        told = (
            "SELECT block, article_id, 1 AS cut FROM removed WHERE coalesce(epoch, '') < :at "
            "AND instr(reasons, '\"repeated\"') = 0 UNION SELECT block, article_id, 0 FROM suspects "
            "WHERE coalesce(epoch, '') < :at"
        )
        rows = self.conn.execute(
            f"WITH told AS ({told}) SELECT t.block, a.key, a.portal, max(t.cut) AS cut FROM told t "
            "JOIN articles a ON a.id = t.article_id WHERE t.block IN (SELECT block FROM told GROUP BY block "
            "HAVING count(DISTINCT article_id) >= :least ORDER BY count(*) DESC, block LIMIT :limit) "
            "GROUP BY t.block, a.key ORDER BY t.block, a.key",
            {"at": epoch, "least": KNOWN_BLOCKS, "limit": REMEMBERED},
        )
        found: dict[str, list[tuple[str, str, bool]]] = {}
        kinds: Counter[tuple[str, str, bool]] = Counter()
        for block, key, portal, cut in rows:
            kinds[block, portal, bool(cut)] += 1
            if kinds[block, portal, bool(cut)] <= 2 * KNOWN_BLOCKS:  # more change nothing
                found.setdefault(block, []).append((key, portal or "", bool(cut)))
        return found

    def epoch_of(self, capture_id: int) -> str:
        """Give the moment up to which the run of a capture remembered; empty where it did not."""
        row = self._row(
            "SELECT r.memory FROM captures c JOIN runs r ON r.id = c.run_id WHERE c.id = ?", capture_id
        )
        return (row["memory"] if row else None) or ""

    # -- the full-text index --

    def _indexed(self, article_id: int, values: Mapping[str, Any] | sqlite3.Row) -> tuple[str, str, str]:
        """Give what the index has of an article: title, text with the texts of its attachments, source.

        Of a continuation nothing: its words are found where the whole story is.
        """
        parted = "SELECT 1 FROM articles WHERE id = ? AND part_of IS NOT NULL"
        if not self._is_elder() and self._row(parted, article_id):
            return "", "", ""
        texts = self.conn.execute(ATTACHED, (article_id,))
        whole = "\n".join([values["text"] or "", *(row[0] for row in texts)])
        return values["title"] or "", whole, values["source"] or ""

    def _index(self, article_id: int, found: tuple[str, str, str]) -> None:
        self.conn.execute(
            "INSERT INTO articles_fts (rowid, title, text, source) VALUES (?, ?, ?, ?)",
            (article_id, *map(words, found)),
        )

    def _reindex(self, article_id: int, before: tuple[str, str, str], after: tuple[str, str, str]) -> None:
        if before == after:
            return
        self.conn.execute(
            "INSERT INTO articles_fts (articles_fts, rowid, title, text, source) VALUES ('delete', ?, ?, ?, ?)",
            (article_id, *map(words, before)),
        )
        self._index(article_id, after)

    def search(self, query: str, limit: int = 20, offset: int = 0) -> list[Hit]:
        """Find articles by words in them or in their attachments, the best first; see `match_expression`."""
        rows = self.conn.execute(
            "SELECT a.id, a.url, a.title, a.portal, a.published, a.text, bm25(articles_fts, 8.0, 1.0, 2.0) AS rank "
            "FROM articles_fts JOIN articles a ON a.id = articles_fts.rowid WHERE articles_fts MATCH ? "
            "ORDER BY rank, a.id LIMIT ? OFFSET ?",
            (match_expression(query), limit, offset),
        )
        return [
            Hit(
                row["id"],
                row["url"],
                row["title"],
                row["portal"],
                row["published"],
                self._snippet(row, query),
                row["rank"],
            )
            for row in rows
        ]

    def _snippet(self, row: sqlite3.Row, query: str) -> str:
        """Cut out the place of the first word that article or attachment has; the attachment is named."""
        found = _snippet(row["text"] or "", query, sought=True)
        if found is not None:
            return found
        for name, text in self.conn.execute(ATTACHED.replace("text", "name, text", 1), (row["id"],)):
            if (found := _snippet(text, query, sought=True)) is not None:
                return f"{' '.join((name or '').split())}: {found}"
        return _snippet(row["text"] or "", query) or ""

    # -- attachments --

    def offer(
        self,
        files: Iterable[tuple[str, str | None]],
        *,
        portal: str,
        channel: str | None,
        hosts: Iterable[str],
        seen: str,
    ) -> None:
        """Write the files that a list page itself offers (address, name), such as the PDF of a printed page."""
        with self._write():
            named = [(url, name, "page") for url, name in files]
            self._offer(named, None, portal, channel, hosts, local_time(seen))

    def _offer(
        self,
        files: Iterable[tuple[str, str | None, str]],
        article_id: int | None,
        portal: str,
        channel: str | None,
        hosts: Iterable[str],
        when: str,
    ) -> None:
        """Write the files (address, name, kind) of a page; what its article offered before and no more is marked so."""
        own = frozenset(hosts)
        keys: set[str] = set()
        for url, name, kind in files:
            key = canonical(url)
            if key in keys or len(keys) >= FILES:
                continue
            keys.add(key)
            named = {"url": storable(url), "name": _clean(name), "withdrawn": None}
            known = self._row("SELECT id FROM attachments WHERE article_id IS ? AND key = ?", article_id, key)
            if known:
                self._update("attachments", known["id"], named)
                continue
            had: dict[str, Any] = {"state": "pending" if _askable(url, own) else "offsite"}
            other = self._row(
                f"SELECT {', '.join(_ANSWER)} FROM attachments WHERE key = ? AND state <> 'offsite' LIMIT 1",
                key,
            )
            if other is not None and had["state"] == "pending":
                had = dict(other)
            self._insert(
                "attachments",
                {
                    "id": self._id("attachments", "article_id IS ? AND key = ?", article_id, key),
                    "article_id": article_id,
                    "portal": portal,
                    "channel": channel,
                    "kind": kind,
                    "key": key,
                    "first_seen": when,
                    **named,
                    **had,
                },
            )
        if article_id is None:
            return
        for row in self.conn.execute(
            "SELECT id, key FROM attachments WHERE article_id = ? AND withdrawn IS NULL", (article_id,)
        ).fetchall():
            if row["key"] not in keys:
                self._update("attachments", row["id"], {"withdrawn": when})

    def owed_files(
        self,
        portals: Sequence[str],
        *,
        run_id: str,
        limits: Mapping[str, int],
        since: date | None = None,
        until: date | None = None,
        channels: Sequence[str] = (),
        limit: int = 32,
        at: datetime | str | None = None,
    ) -> list[OwedFile]:
        """Hand out the next attachments to ask for, each address once a run; an empty list when nothing is owed.

        `limits` gives the largest size of each kind in bytes; a kind with 0 is not asked for, and what was
        larger than an earlier limit and is not than this one is owed again. First come files never had, then
        those whose pause is over; pictures come last.
        """
        kinds = [kind for kind, size in limits.items() if size > 0]
        bounds: dict[str, Any] = {"run": run_id, "at": local_time(at or now()), "limit": limit}
        bounds |= {"since": _iso(since), "until": _iso(until)}
        bounds |= {f"p{n}": name for n, name in enumerate(portals)} | {
            f"k{n}": kind for n, kind in enumerate(kinds)
        }
        bounds |= {f"s{n}": limits[kind] for n, kind in enumerate(kinds)}
        bounds |= {f"c{n}": code for n, code in enumerate(channels)}
        smaller = " OR ".join(f"(kind = :k{n} AND size <= :s{n})" for n in range(len(kinds))) or "0"
        inside = "".join(
            (
                f" AND channel IN ({', '.join(f':c{n}' for n in range(len(channels)))})" if channels else "",
                " AND coalesce(day, :since) >= :since" if since else "",
                " AND coalesce(day, :until) <= :until" if until else "",
            )
        )
        rows = self.conn.execute(
            "SELECT key, url, portal, channel, kind, attempts FROM (SELECT f.*, substr(a.published, 1, 10) AS day "
            "FROM attachments f LEFT JOIN articles a ON a.id = f.article_id "
            f"WHERE f.portal IN ({', '.join(f':p{n}' for n in range(len(portals)))}) "
            f"AND f.kind IN ({', '.join(f':k{n}' for n in range(len(kinds)))}) AND f.withdrawn IS NULL "
            "AND (f.state = 'pending' OR f.due <= :at OR f.state = 'oversize')) "
            f"WHERE (asked IS NULL OR asked <> :run) AND (state <> 'oversize' OR {smaller}){inside} "
            "GROUP BY key ORDER BY kind = 'image', due IS NOT NULL, min(id) LIMIT :limit",
            bounds,
        ).fetchall()
        with self._write():
            self.conn.executemany(
                "UPDATE attachments SET asked = ? WHERE key = ?", [(run_id, row["key"]) for row in rows]
            )
        return [OwedFile(*tuple(row)[1:]) for row in rows]

    def had_file(self, url: str, capture: Capture, mime: str, size: int) -> None:
        """Note that a file was captured; what was read of other bytes at its address is forgotten."""
        answer = {
            "mime": _clean(mime[:100]),
            "size": size,
            "digest": capture.digest,
            "capture_id": capture.id,
        }
        with self._write():
            for row in self._files_at(url):
                kept = {"text": row["text"], "error": row["error"]} if row["digest"] == capture.digest else {}
                if row["state"] != "archived":
                    kept = {}
                self._answer(
                    row,
                    {"state": "archived", **answer, "text": None, "error": None, "attempts": 0, "due": None}
                    | kept,
                )

    def miss_file(
        self,
        url: str,
        state: str,
        error: str,
        when: str,
        capture_id: int | None = None,
        size: int | None = None,
    ) -> None:
        """Note why a file was not had: ``failed``, ``challenged``, ``gone``, ``refused`` or ``oversize``.

        What is larger than the limit is not asked for again until the limit allows it; for all else the
        pauses grow as for articles. A file that was captured before stays so.
        """
        moment = local_time(when)
        pauses = {"oversize": (), "gone": GONE_PAUSES, "refused": GONE_PAUSES}.get(state, PAUSES)
        with self._write():
            for row in self._files_at(url):
                if row["state"] == "archived":
                    continue
                attempts = row["attempts"] + 1
                self._answer(
                    row,
                    {
                        "state": state,
                        "error": _clean(error[:1000]),
                        "attempts": attempts,
                        "due": _due(moment, attempts, pauses),
                        "capture_id": capture_id,
                        "size": size,
                    },
                )

    def unread(self, limit: int = 32) -> list[Unread]:
        """Give captured files of a readable kind whose text was not looked for yet, each address once."""
        marks = ", ".join("?" * len(READABLE))
        rows = self.conn.execute(
            f"SELECT key, mime, max(capture_id) AS capture_id FROM attachments WHERE text IS NULL AND error IS NULL "
            f"AND mime IN ({marks}) AND state = 'archived' GROUP BY key, mime ORDER BY min(id) LIMIT ?",
            (*READABLE, limit),
        ).fetchall()
        found = [(row, self.capture(row["capture_id"])) for row in rows]
        return [Unread(row["key"], row["mime"], capture) for row, capture in found if capture]

    def read_file(self, file: Unread, document: Document) -> None:
        """Write the text of a captured file, and put it into the index of every article that offers it."""
        values = {
            "text": None if document.text is None else storable(document.text),
            "error": _clean(document.error),
        }
        if values["text"] is None and values["error"] is None:
            values["text"] = ""  # looked for and not there
        with self._write():
            for row in self.conn.execute(
                "SELECT * FROM attachments WHERE key = ? AND capture_id = ? AND state = 'archived'",
                (file.key, file.capture.id),
            ).fetchall():
                self._answer(row, values)

    def _files_at(self, url: str) -> list[sqlite3.Row]:
        return self.conn.execute(
            "SELECT * FROM attachments WHERE key = ? AND state <> 'offsite'", (canonical(url),)
        ).fetchall()

    def _answer(self, row: sqlite3.Row, values: Mapping[str, Any]) -> None:
        """Change an attachment's row, and the index where that changes the text of its article."""
        article_id = row["article_id"]
        article = self._row("SELECT title, text, source FROM articles WHERE id = ?", article_id)
        if article is None or values.get("text", row["text"]) == row["text"]:
            self._update("attachments", row["id"], values)
            return
        before = self._indexed(article_id, article)
        self._update("attachments", row["id"], values)
        self._reindex(article_id, before, self._indexed(article_id, article))

    def files_by_state(self) -> dict[str, int]:
        """Count the attachments by state."""
        rows = self.conn.execute("SELECT state, count(*) FROM attachments GROUP BY state ORDER BY state")
        return {row[0]: row[1] for row in rows}

    def attachments(self, article_id: int) -> list[dict[str, Any]]:
        """Give the attachments of an article, in the order in which its page offered them first."""
        rows = self.conn.execute("SELECT * FROM attachments WHERE article_id = ? ORDER BY id", (article_id,))
        return [dict(row) for row in rows]

    # -- duplicates --

    def _relate(self, article_id: int) -> None:
        """Put an article's bands into the index, and link it to the articles that tell the same story."""
        row = self._row("SELECT title, text, signature FROM articles WHERE id = ?", article_id)
        assert row is not None
        own = bands(row["signature"] or "")
        self.conn.execute("DELETE FROM bands WHERE article_id = ?", (article_id,))
        if not own:
            return
        self.conn.executemany(
            "INSERT OR IGNORE INTO bands VALUES (?, ?)", [(band, article_id) for band in own]
        )
        candidates = self.conn.execute(
            f"SELECT a.id, a.title, a.text, a.signature, a.duplicate_of FROM (SELECT article_id, count(*) AS shared "
            f"FROM bands WHERE band IN ({', '.join('?' * len(own))}) AND article_id <> ? GROUP BY article_id "
            "ORDER BY shared DESC, article_id LIMIT ?) JOIN articles a ON a.id = article_id "
            "ORDER BY shared DESC, article_id",
            (*own, article_id, CANDIDATES),
        ).fetchall()
        roots: set[int] = set()
        for other in candidates:
            root = other["duplicate_of"] or other["id"]
            if root in roots or likeness(row["signature"], other["signature"]) < 0.15:
                continue
            if same_story(row["title"], row["text"] or "", other["title"], other["text"] or "").same:
                roots.add(root)
        if roots:
            members = {article_id}
            for root in roots:
                members |= self._cluster(root)
            self._elect(members)

    def _cluster(self, article_id: int) -> set[int]:
        """Give all articles that tell one story with this one, itself included."""
        row = self._row("SELECT coalesce(duplicate_of, id) AS root FROM articles WHERE id = ?", article_id)
        assert row is not None
        found = self.conn.execute("SELECT id FROM articles WHERE duplicate_of = ?", (row["root"],))
        return {row["root"], *(each[0] for each in found)}

    def _elect(self, members: set[int]) -> None:
        """Let all members point to the earliest: by publication, then by the day first seen; then a fixed order decides."""
        marks = ", ".join("?" * len(members))
        first = self.conn.execute(
            f"SELECT id FROM articles WHERE id IN ({marks}) ORDER BY published IS NULL, published, substr(first_seen, 1, 10), key LIMIT 1",
            tuple(members),
        ).fetchone()[0]
        self.conn.execute(
            f"UPDATE articles SET duplicate_of = nullif(?, id) WHERE id IN ({marks})", (first, *members)
        )

    def _part(self, article_id: int) -> None:
        """Take an article whose text changed out of its cluster."""
        rest = self._cluster(article_id) - {article_id}
        self.conn.execute("UPDATE articles SET duplicate_of = NULL WHERE id = ?", (article_id,))
        if rest:
            self._elect(rest)

    # -- stories that run over to another printed page --

    def _run_over(self, article_id: int, before: bool) -> None:
        """Put the stories of an article's issue together that run over, and take apart what no longer fits.

        What each page showed stays in `versions`; the whole text is worked out from there, so the order in
        which the pages come does not matter. `before` says that the article was one of them.
        """
        article = self._row(
            "SELECT portal, channel, published, title, text FROM articles WHERE id = ?", article_id
        )
        assert article is not None
        marked = before or MARKED_RE.search(f"{article['title']}\n{article['text']}")
        if not marked or not article["published"] or not CODE_RE.fullmatch(article["channel"] or ""):
            return
        rows = {
            row["key"]: row
            for row in self.conn.execute(
                "SELECT a.*, v.text AS shown FROM articles a JOIN versions v ON v.article_id = a.id "
                "AND v.version = a.version WHERE a.portal = ? AND substr(a.published, 1, 10) = ? ORDER BY a.key",
                (article["portal"], article["published"][:10]),
            ).fetchall()
        }
        stories, apart = put_together(
            [
                Piece(key, row["channel"], row["title"] or "", row["shown"] or "")
                for key, row in rows.items()
                if CODE_RE.fullmatch(row["channel"] or "")
            ]
        )
        wanted: dict[str, tuple[int | None, str | None, dict[str, Any]]] = {
            key: (None, row["shown"], {}) for key, row in rows.items()
        }
        for key, others in apart.items():
            wanted[key] = (None, rows[key]["shown"], {"apart": [rows[other]["url"] for other in others]})
        for story in stories:
            wanted |= self._told(story, rows)
        for key, row in rows.items():
            self._retell(row, *wanted[key])

    def _told(
        self, story: Story, rows: Mapping[str, sqlite3.Row]
    ) -> dict[str, tuple[int | None, str | None, dict[str, Any]]]:
        """Say of each piece of a story which article it is part of, what its text is and what `fields` say of it."""
        first, *further = story.keys
        pages = [{"page": rows[key]["channel"], "url": rows[key]["url"]} for key in further]
        told: dict[str, tuple[int | None, str | None, dict[str, Any]]] = {}
        told[first] = (None, story.text, {"pages": pages, "marks": list(story.marks)})
        for key in further:
            told[key] = (rows[first]["id"], rows[key]["shown"], {"of": rows[first]["url"]})
        return told

    def _retell(
        self, row: sqlite3.Row, part_of: int | None, text: str | None, runover: dict[str, Any]
    ) -> None:
        """Write what became of a piece of a story: index, duplicates and all."""
        fields = _fields(row)
        fields.pop("runover", None)
        values = {
            "part_of": part_of,
            "text": text,
            "fields": _json(fields | ({"runover": runover} if runover else {})),
        }
        if all(row[name] == value for name, value in values.items()):
            if part_of is not None:
                self._leave(row["id"])
            return
        before = self._indexed(row["id"], row)
        self._update("articles", row["id"], values | {"signature": sign(text or "")})
        self._reindex(row["id"], before, self._indexed(row["id"], {**dict(row), **values}))
        if (row["part_of"], row["text"]) != (part_of, text):
            self._leave(row["id"])
            if part_of is None:
                self._relate(row["id"])

    def _leave(self, article_id: int) -> None:
        """Take an article out of the search for duplicates."""
        self._part(article_id)
        self.conn.execute("DELETE FROM bands WHERE article_id = ?", (article_id,))

    def _apart(self, row: sqlite3.Row) -> sqlite3.Row:
        """Give an article back the text that its own page showed; `_run_over` puts the story together again."""
        if "runover" not in _fields(row):
            return row
        shown = self._row(
            "SELECT text, fields FROM versions WHERE article_id = ? AND version = ?",
            row["id"],
            row["version"],
        )
        assert shown is not None
        runover = _fields(row)["runover"]
        fields = json.loads(shown["fields"] or "{}") | {"runover": runover}
        before = self._indexed(row["id"], row)
        self._update("articles", row["id"], {"text": shown["text"], "fields": _json(fields)})
        found = self._row("SELECT * FROM articles WHERE id = ?", row["id"])
        assert found is not None
        self._reindex(row["id"], before, self._indexed(row["id"], found))
        return found

    # -- for good --

    def verify(self, capture_dir: str | os.PathLike[str] | None = None) -> list[str]:
        """Check the whole archive and give the problems found, one sentence each.

        SQLite's own integrity and the foreign keys; the full-text index against the articles, word by word;
        versions against their digests and the articles against their versions; with `capture_dir`, every
        record of every capture file against its row.
        """
        try:
            problems = [
                f"SQLite: {row[0]}" for row in self.conn.execute("PRAGMA integrity_check") if row[0] != "ok"
            ]
            if problems:
                return problems  # whatever else is found wrong follows from this
            problems += [
                f"foreign key: {row[0]} row {row[1]} points to a missing row of {row[2]}"
                for row in self.conn.execute("PRAGMA foreign_key_check")
            ]
            problems += self._verify_articles()
            problems += self._verify_attachments()
            problems += self._verify_index()
            if capture_dir is not None:
                problems += self._verify_captures(Path(capture_dir))
        except sqlite3.DatabaseError as error:
            return [f"SQLite: {error}"]
        return problems

    def _verify_articles(self) -> Iterator[str]:
        rows = self.conn.execute(
            "SELECT a.id, a.url, a.capture_id, v.version, "
            "a.title IS v.title AND a.tampered IS v.tampered AS equal, a.text IS v.text AS same "
            "FROM articles a LEFT JOIN versions v ON v.article_id = a.id AND v.version = a.version"
        )
        for row in rows:
            if row["capture_id"] is None:
                yield f"article {row['id']} has no capture ({row['url']})"
            if row["version"] is None:
                yield f"article {row['id']} lacks its newest version ({row['url']})"
            elif not (row["equal"] and (row["same"] or self._is_story(row["id"]))):
                yield f"article {row['id']} differs from its newest version ({row['url']})"
        for version in self.conn.execute("SELECT * FROM versions"):
            if version["digest"] != _row_digest({name: version[name] for name in version.keys()}):  # noqa: SIM118  # a Row iterates over values
                yield f"version {version['version']} of article {version['article_id']} does not match its digest"

    def _is_story(self, article_id: int) -> bool:
        """Tell whether an article's text is what its page and those that go on with it showed."""
        if self._is_elder():
            return False
        rows = self.conn.execute(
            "SELECT a.key, a.channel, a.title, v.text, a.text AS whole FROM articles a JOIN versions v ON v.article_id = a.id "
            "AND v.version = a.version WHERE a.id = ? OR a.part_of = ? ORDER BY a.part_of IS NOT NULL",
            (article_id, article_id),
        ).fetchall()
        pieces = [Piece(row["key"], row["channel"], row["title"] or "", row["text"] or "") for row in rows]
        return rows[0]["whole"] in [story.text for story in put_together(pieces)[0]]

    def apart(self, run_id: str) -> list[dict[str, Any]]:
        """Give the articles of a run that a printed page names a continuation or beginning of which was not found, or not for certain."""
        rows = self.conn.execute(
            "SELECT a.portal, a.channel, a.url, json_extract(a.fields, '$.runover.apart') AS others FROM articles a "
            "JOIN captures c ON c.id = a.capture_id WHERE a.fields LIKE '%\"runover\":%' AND c.run_id = ? "
            "AND others IS NOT NULL ORDER BY a.key",
            (run_id,),
        )
        return [{**row, "others": json.loads(row["others"])} for row in map(dict, rows)]

    def _verify_attachments(self) -> Iterator[str]:
        rows = self.conn.execute(
            "SELECT f.id, f.url, f.state, f.digest, f.size, c.digest AS captured, c.status FROM attachments f "
            "LEFT JOIN captures c ON c.id = f.capture_id"
        )
        for row in rows:
            where = f"attachment {row['id']} ({row['url']})"
            if row["state"] not in FILE_STATES:
                yield f"{where} is in the state {row['state']}, wanted one of {' '.join(FILE_STATES)}"
            elif row["state"] == "archived" and row["captured"] is None:
                yield f"{where} is archived and has no capture"
            elif row["state"] == "archived" and (row["digest"], 200) != (row["captured"], row["status"]):
                yield f"{where} differs from its capture"

    def _verify_index(self) -> Iterator[str]:
        if not self.readonly:
            quiet = not self.conn.in_transaction
            try:
                self.conn.execute("INSERT INTO articles_fts (articles_fts) VALUES ('integrity-check')")
            except sqlite3.DatabaseError as error:
                yield f"full-text index: {error}"
                return
            finally:
                if quiet:
                    self.rollback()
        wanted: Counter[str] = Counter()
        documents: Counter[str] = Counter()
        for row in self.conn.execute("SELECT id, title, text, source FROM articles"):
            tokens = " ".join(map(words, self._indexed(row["id"], row))).split()
            wanted.update(tokens)
            documents.update(set(tokens))
        self.conn.execute("CREATE VIRTUAL TABLE temp.articles_words USING fts5vocab(main, articles_fts, row)")
        try:
            wrong = 0
            for row in self.conn.execute("SELECT term, doc, cnt FROM temp.articles_words"):
                if (documents.pop(row[0], 0), wanted.pop(row[0], 0)) != (row[1], row[2]):
                    wrong += 1
            wrong += len(wanted)
        finally:
            self.conn.execute("DROP TABLE temp.articles_words")
        if wrong:
            yield f"full-text index: {wrong} words do not match the articles"

    def _verify_captures(self, directory: Path) -> Iterator[str]:
        known = [row[0] for row in self.conn.execute("SELECT DISTINCT warc FROM captures ORDER BY warc")]
        present = {path.name for path in directory.glob("*.warc.gz")}
        for name in sorted({*known} - present):
            yield f"captures: {directory / name} is missing"
        for name in sorted(present):
            rows = {
                row["offset"]: row
                for row in self.conn.execute(
                    "SELECT id, url, offset, length, digest, status FROM captures WHERE warc = ?", (name,)
                )
            }
            for record in read_captures(directory / name):
                if isinstance(record, Damage):
                    yield f"captures: {record.path} at {record.offset}: {record.what}"
                    continue
                row = rows.pop(record.offset, None)
                where = f"{name} at {record.offset} ({record.url})"
                if row is None:
                    yield f"captures: {where} is not in the archive"
                elif record.digest_ok is False:
                    yield f"captures: {where} does not match its digest"
                elif (row["digest"], row["length"], row["status"]) != (
                    record.digest,
                    record.length,
                    record.status,
                ):
                    yield f"captures: {where} differs from its row {row['id']}"
            for row in rows.values():
                yield f"captures: {name} at {row['offset']} has no sound record for row {row['id']} ({row['url']})"

    def backup(self, to: str | os.PathLike[str]) -> None:
        """Copy what is committed to `to`, whole and checked, while writing goes on.

        The copy is one file without a write-ahead log, so it can be served from anywhere; it takes its
        place only after it passed `verify`. Raises ArchiveError where it cannot be made or is not sound.
        """
        target = Path(to).resolve()
        if target == self.path:
            raise ArchiveError(f"archive: wanted another place for a copy than the archive itself, {target}")
        part = target.with_name(target.name + ".part")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            source = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, timeout=30.0)
            copy = sqlite3.connect(part)
            try:
                source.backup(copy, pages=2048)
                copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                copy.close()
                source.close()
            checked = Archive(part, readonly=True)
            try:
                problems = checked.verify()
            finally:
                checked.close()
            if problems:
                raise ArchiveError(f"archive: the copy of {self.path} is not sound: {problems[0]}", 7)
            with open(part, "rb") as file:
                os.fsync(file.fileno())
            os.replace(part, target)
            handle = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        except sqlite3.DatabaseError as error:
            part.unlink(missing_ok=True)
            raise ArchiveError(f"archive: cannot copy {self.path} to {target}: {error}") from error
        except ArchiveError:
            part.unlink(missing_ok=True)
            raise
        except OSError as error:
            raise ArchiveError(f"archive: cannot copy {self.path} to {target}: {error.strerror}") from error

    def export(self, form: str, file: IO[str]) -> int:
        """Write all articles as JSON lines (``jsonl``) or CSV (``csv``) and give their number.

        In CSV a cell that a spreadsheet would take for a formula gets an apostrophe before it.
        Raises ValueError for another form.
        """
        if form not in ("jsonl", "csv"):
            raise ValueError(f"export: found {form!r}, wanted jsonl or csv")
        names = [name for name in EXPORTED if name != "part_of" or not self._is_elder()]
        rows = self.conn.execute(f"SELECT {', '.join(names)} FROM articles ORDER BY id")
        write: Callable[[sqlite3.Row], Any]
        if form == "csv":
            sheet = csv.writer(file)
            sheet.writerow(names)

            def write(row: sqlite3.Row) -> Any:
                sheet.writerow([_cell(value) for value in row])
        else:

            def write(row: sqlite3.Row) -> Any:
                values = dict(row)
                values["tampered"] = bool(values["tampered"])
                values["fields"] = json.loads(values["fields"] or "{}")
                file.write(json.dumps(values, ensure_ascii=False) + "\n")

        count = 0
        for row in rows:
            write(row)
            count += 1
        return count


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value


def _cut(title: str) -> bool:
    return title.rstrip().endswith(("...", "…"))


def _retitled(before: str | None, after: str | None) -> bool:
    """Tell whether a listed title changed; lists cut the same title at different places."""
    if not before or not after:
        return False
    one, other = (re.sub(r"(?:\.{2,}|…+)$", "", title.strip()).strip() for title in (before, after))
    return not (one.startswith(other) or other.startswith(one))


def _due(moment: str, attempts: int, pauses: Sequence[int]) -> str | None:
    if attempts > len(pauses):
        return None
    return (datetime.fromisoformat(moment) + timedelta(hours=pauses[attempts - 1])).isoformat()


def _charset(content_type: str | None) -> str | None:
    """Read the declared charset out of a Content-Type header.

    >>> _charset("text/html; Charset='GB2312'"), _charset("text/html")
    ('gb2312', None)
    """
    found = re.search(r"""charset\s*=\s*["']?\s*([^\s"';,]+)""", content_type or "", re.IGNORECASE)
    return storable(found[1].lower()[:40]) if found else None


def _fields_of(page: Page) -> dict[str, Any]:
    """Give the columns that articles and versions share."""
    extracted = page.extracted._asdict() if page.extracted else {}
    author = extracted.get("author")
    named = ("title", "text", "published", "source", "author")
    lost = [
        [damage.offset, damage.bytes.hex(), *([part] if part else [])]
        for part, each in _numbered(page)
        for damage in (each.decoded.damage if each.decoded else ())
    ]
    more: dict[str, Any] = {"damage": lost[:KEPT_DAMAGE]} if lost else {}
    if page.parts:
        count = 1 + len(page.parts)
        more["parts"] = {"had": count - len(page.missed), "of": count}
        if page.missed:
            more["parts"]["missed"] = [part.url for part in page.missed]
    return {
        "title": _clean(page.title),
        "text": _clean(page.text),
        "published": _iso(page.published),
        "source": _clean(page.source),
        "author": _clean(author),
        "tampered": int(page.tampered),
        "encoding": page.decoded.encoding if page.decoded else None,
        "fields": _json(
            {name: value for name, value in extracted.items() if value and name not in named} | more
        ),
    }


def _fields(row: Mapping[str, Any] | sqlite3.Row) -> dict[str, Any]:
    """Read the JSON of an article's further fields."""
    found = json.loads(row["fields"] or "{}")
    return found if isinstance(found, dict) else {}


def _numbered(page: Page) -> list[tuple[int | None, Page]]:
    """Give a page as None, and its further pages with their numbers: 2, 3, …"""
    return [(None, page), *enumerate(page.parts, 2)]


def _files_of(page: Page) -> list[tuple[str, str | None, str]]:
    """Give the files that a page offers: address, name as printed (of a picture its caption), kind."""
    found = page.extracted
    if found is None:
        return []
    files: list[tuple[str, str | None, str]] = [(url, name, "attachment") for url, name in found.attachments]
    return files + [(url, caption, "image") for url, caption in found.images]


def _askable(url: str, hosts: frozenset[str]) -> bool:
    """Tell whether a file's address is on one of the hosts that may be asked."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and parts.hostname in hosts and parts.port in (None, 80, 443)
    except ValueError:
        return False


def _row_digest(row: Mapping[str, Any]) -> str:
    """Give the digest of a version's row, so that a changed past shows."""
    names = [*TABLES["versions"].columns]
    names.remove("digest")
    values = json.dumps([row.get(name) for name in names], ensure_ascii=False)
    return "sha256:" + hashlib.sha256(values.encode("utf-8")).hexdigest()


# --- two archives ---


def compare(elder: str | os.PathLike[str], newer: str | os.PathLike[str]) -> list[str]:
    """Say in lines what a newer archive has that differs from an elder one, by article, version, edit and block.

    Raises ArchiveError where one of them cannot be read.
    """
    with Archive(newer, readonly=True) as new:
        new.conn.execute("ATTACH DATABASE ? AS elder", (f"{Path(elder).resolve().as_uri()}?mode=ro",))
        lines = []
        present = {row[0] for row in new.conn.execute("SELECT name FROM elder.sqlite_schema")}
        for what, rows in COMPARED.items():
            if what not in present:
                lines.append(f"{what}: all new, {elder} has no such table")
                continue
            gone = new.conn.execute(
                f"SELECT count(*) FROM ({rows.format(place='elder')} EXCEPT {rows.format(place='main')})"
            ).fetchone()[0]
            came = new.conn.execute(
                f"SELECT count(*) FROM ({rows.format(place='main')} EXCEPT {rows.format(place='elder')})"
            ).fetchone()[0]
            lines.append(f"{what}: {'the same' if not gone and not came else f'{gone} no more, {came} new'}")
    return lines


COMPARED = {
    "articles": "SELECT id, key, portal, channel, title, text, published, source, author, tampered, duplicate_of, "
    "first_seen, version, gone IS NULL FROM {place}.articles",
    "versions": "SELECT a.key, v.version, v.seen, v.title, v.text, v.change FROM {place}.versions v "
    "JOIN {place}.articles a ON a.id = v.article_id",
    "edits": "SELECT a.key, e.version, e.stage, e.step, e.fixer, e.certainty, e.start, e.before, e.after "
    "FROM {place}.edits e JOIN {place}.articles a ON a.id = e.article_id",
    "removed": "SELECT a.key, r.version, r.kind, r.place, r.text, r.html, r.links FROM {place}.removed r "
    "JOIN {place}.articles a ON a.id = r.article_id",
    "parts": "SELECT a.key, p.version, p.part, p.key, p.url, p.error IS NULL FROM {place}.parts p "
    "JOIN {place}.articles a ON a.id = p.article_id",
    "memory": "SELECT portal, kind, CASE kind WHEN 'articles' THEN '' ELSE key END AS key, sum(pages + fresh) AS pages "
    "FROM {place}.memory GROUP BY 1, 2, 3",
    "suspects": "SELECT a.key, s.version, s.place, s.reasons, s.text, s.links FROM {place}.suspects s "
    "JOIN {place}.articles a ON a.id = s.article_id",
    "attachments": "SELECT f.id, a.key AS article, f.portal, f.channel, f.kind, f.key, f.url, f.name, f.mime, f.size, "
    "f.digest, f.text, f.first_seen, f.withdrawn, CASE WHEN f.state IN ('failed', 'challenged', 'refused') "
    "THEN 'pending' ELSE f.state END FROM {place}.attachments f LEFT JOIN {place}.articles a ON a.id = f.article_id",
    "captures": "SELECT id, url, fetched_at, status, digest, warc, offset FROM {place}.captures",
    "listings": "SELECT portal, channel, key, title, listed, first_listed FROM {place}.listings",
}
"""What `compare` looks at: rows that the captures alone tell."""


def put_in_place(new: str | os.PathLike[str], present: str | os.PathLike[str]) -> Path | None:
    """Let a new archive take the place of the present one, which is kept as ``NAME.before-rebuild``; give that path.

    Both must be closed by this process. Raises ArchiveError where the present one cannot be moved.
    """
    place = Path(present).resolve()
    kept = place.with_name(place.name + ".before-rebuild") if place.exists() else None
    try:
        if kept is not None:
            Archive(place).close()  # empties the write-ahead log into the file
            os.replace(place, kept)
        os.replace(Path(new).resolve(), place)
    except OSError as error:
        raise ArchiveError(
            f"archive: wanted to put {new} in the place of {place}, cannot: {error}"
        ) from error
    for end in ("-wal", "-shm"):
        place.with_name(place.name + end).unlink(missing_ok=True)
    return kept
