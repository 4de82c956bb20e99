"""Scripts that search engines are shown, or that hide what they write."""

from __future__ import annotations

import html as entities
import re
from urllib.parse import unquote

from crawler.text.hosts import Hosts
from crawler.text.topics import off_topic

SUSPECT = ("referrer", "userAgent", "unescape", "fromCharCode", "\\x", "eval(", "document.write", "%u", "&#")
"""What a script holds that looks who is reading, or hides what it writes."""
SPIDERS = ("baidu", "sogou", "haosou", "soso", "yisou", "googlebot", "bingbot", "sm.cn", "so.com", "spider")
LOOKS = ("referrer", "useragent")
ADDRESS_RE = re.compile(r"(?:https?:)?//[a-zA-Z0-9.-]+\.[a-zA-Z]{2,}[^\s\"'<>\\)]*")
ESCAPE_RE = re.compile(r"\\x([0-9a-fA-F]{2})|\\u([0-9a-fA-F]{4})|%u([0-9a-fA-F]{4})")
CODES_RE = re.compile(r"fromCharCode\(([\d,\s]+)\)")


def unwrap(script: str) -> str:
    """Undo the escapes by which a script hides what it writes."""

    def one(found: re.Match[str]) -> str:
        return chr(int(found[1] or found[2] or found[3], 16))

    def many(found: re.Match[str]) -> str:
        return "".join(chr(int(n)) for n in found[1].split(",") if n.strip().isdigit() and int(n) < 0x110000)

    text = script
    if "\\x" in text or "\\u" in text or "%u" in text:
        text = ESCAPE_RE.sub(one, text)
    if "fromCharCode" in text:
        text = CODES_RE.sub(many, text)
    if "unescape" in text:
        text = unquote(text, errors="replace")
    return entities.unescape(text) if "&#" in text else text


def script_signals(text: str, hosts: Hosts) -> tuple[tuple[str, float], ...]:
    """Give the signals of a script with their scores; empty where it says nothing.

    ``switch``: it looks who is reading, and names search engines; ``encoded``: it hides what it writes.

    >>> from crawler.text.outline import Outline
    >>> hosts = Hosts(Outline(), "http://www.lyg.gov.cn/")
    >>> script_signals("if(/baiduspider/i.test(navigator.userAgent))location.href='http://x.example/'", hosts)
    (('switch', 1.0), ('encoded', 0.0), ('foreign', 0.6), ('off-topic', 0.01))
    >>> script_signals("var ua = navigator.userAgent;", hosts)
    ()
    """
    if not any(word in text for word in SUSPECT):
        return ()
    plain = unwrap(text)
    low = plain.lower()
    spiders = any(word in low for word in LOOKS) and any(word in low for word in SPIDERS)
    encoded = plain != text and ("document.write" in plain or "eval" in text)
    if not spiders and not encoded and plain.isascii():
        return ()  # it says nothing
    foreign = any(hosts.foreign(a) for a in ADDRESS_RE.findall(plain))
    return (
        ("switch", 1.0 if spiders else 0.0),
        ("encoded", 0.7 if encoded else 0.0),
        ("foreign", 0.6 if foreign else 0.0),
        ("off-topic", off_topic(plain) if spiders or encoded or foreign else 0.0),
    )
