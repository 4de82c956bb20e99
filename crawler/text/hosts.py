"""Addresses and hosts: what belongs to a page's portal, and what is foreign to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from urllib.parse import urljoin

from crawler.text.outline import Outline
from crawler.text.tables import read

HOST_RE = re.compile(r"\s*(?:https?:)?//(?:[^/?#@]*@)?([^/?#:@\s]+)", re.IGNORECASE)

OFFICIAL_RE = re.compile(
    r"(?:^|\.)(?:gov|edu|mil)\.cn$|(?:^|\.)gov\.(?:hk|mo|tw)$|(?:^|\.)政务$|(?:^|\.)公益$|\.政务\.cn$|\.公益\.cn$"
)
SECOND_LEVEL = frozenset(("com", "net", "org", "gov", "edu", "ac", "mil"))
THROW_AWAY_RE = re.compile(
    r"\.(?:xyz|top|vip|club|win|bid|loan|icu|pw|cc|ws|tk|ml|ga|cf|gq|men|date|racing|party|science|stream|trade"
    r"|review|buzz|cyou|rest|fun|site|online|live|shop|work)$|^\d+(?:\.\d+){3}$|^[a-z]*\d{3,}[a-z]*\.[a-z]{2,4}$"
)
"""Domains bought by the dozen, seen behind injected scripts and links; bare addresses."""

FRIENDLY_RE = re.compile(
    r"(?:局|委|办|厅|部|院|会|网|政府|报|社|台|在线|中心|大学|学院|学校|中学|小学|银行|公司|集团|协会|平台|频道|论坛|医院"
    r"|图书馆|博物馆|邮箱|系统|统计|备案\S*|技术支持\S*|浏览器|下载|客户端|微信|微博|QQ|首页|登录|更多\S*)$|^[a-zA-Z0-9.\s]{1,20}$"
)
"""How the anchors of friendly-link lists, counters and share bars end."""


def domain_of(host: str) -> str:
    """Give the domain that somebody registered.

    >>> domain_of("mzj.lyg.gov.cn"), domain_of("www.a.example"), domain_of("b.com.cn")
    ('lyg.gov.cn', 'a.example', 'b.com.cn')
    """
    labels = host.split(".")
    if len(labels) > 2 and labels[-1] == "cn" and labels[-2] in SECOND_LEVEL:
        return ".".join(labels[-3:])
    return ".".join(labels[-2:])


@cache
def _honest_hosts() -> frozenset[str]:
    return frozenset(host for host, _ in read("honest-hosts"))


class Hosts:
    """The hosts that belong to one page."""

    def __init__(
        self, outline: Outline, url: str | None, honest: Callable[[str], bool] | None = None
    ) -> None:
        """Tell the hosts of a page; `honest` says which others honest pages of its portal name."""
        self.honest = honest
        own = [host_of(url)]
        for head in outline.heads:
            if head.name in ("sitedomain", "url"):
                own.append(host_of(_absolute(head.text)))
        self.own = frozenset(domain_of(host) for host in own if "." in host)
        self.sure = bool(self.own)
        """Whether the page's own host is known; else what is foreign is a guess."""
        count: Counter[str] = Counter()
        for start, links in Counter(_start(anchor.href) for anchor in outline.anchors).items():
            if start:
                count[domain_of(host_of(start))] += links
        del count[""]
        if not self.own:  # no address: the hosts that many of the page's links lead to
            self.own = frozenset(d for d, n in count.items() if n >= 10 and n * 10 > count.total())
        elif self.own.isdisjoint(
            count
        ):  # saved or reprinted elsewhere: all its menus lead to where it is from
            self.own |= {d for d, n in count.items() if n >= 8 and n * 10 > 3 * len(outline.anchors)}
        self.known: dict[str, bool] = {}

    def foreign(self, href: str) -> bool:
        """Say whether an address leads to a host that no honest page of this portal names."""
        if href[:2] != "//" and href[:4].lower() != "http":
            return False
        name = href.split("/", 3)[2:3]
        key = name[0] if name else href
        if (verdict := self.known.get(key)) is None:
            host = host_of(href)
            verdict = self.known[key] = bool(host) and not self._belongs(host)
        return verdict

    def _belongs(self, host: str) -> bool:
        return (
            domain_of(host) in self.own or is_honest(host) or (self.honest is not None and self.honest(host))
        )


def _start(href: str) -> str:
    """Give an address up to its path; empty for one within the host."""
    return "/".join(href.split("/", 3)[:3]) if "//" in href[:8] else ""


def is_honest(host: str) -> bool:
    """Say whether a host is an office's or one that honest pages name, whichever page links it.

    >>> is_honest("mzj.lyg.gov.cn"), is_honest("s4.cnzz.com"), is_honest("a7788.example")
    (True, True, False)
    """
    labels = host.split(".")
    named = any(".".join(labels[i:]) in _honest_hosts() for i in range(len(labels) - 1))
    return named or OFFICIAL_RE.search(host) is not None


def _absolute(value: str) -> str:
    return value if "//" in value else "//" + value


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
