"""Signs that an answer is a gate in front of the portal and not the page."""

from __future__ import annotations

import re

GATE_STATUSES = frozenset({202, 403, 412, 521})
"""Statuses that the CDNs before government portals answer while their gate is closed."""

SMALL_PAGE = 3_000
"""Bytes: a gate that answers 200 is a tiny page, an article never is."""

# What the scripts of the gates in use say: Jiasule, Alibaba's WAF, Ruishu.
GATE_SCRIPT_RE = re.compile(rb"__jsl_clearance|__jsluid|\barg1\s*=|\$_ts\b|acw_sc__v2")
COOKIE_RELOAD_RE = re.compile(rb"document\.cookie.*location|location.*document\.cookie", re.S)


def gate_reason(status: int, body: bytes) -> str | None:
    """Say why an answer is a gate, or None where it is none.

    >>> gate_reason(200, b"<script>document.cookie='a=1';location.reload()</script>")
    'a page of 56 bytes that sets a cookie by script and reloads'
    >>> gate_reason(521, b"")
    'status 521'
    >>> gate_reason(200, "<p>各县区民政局：</p>".encode()) is None
    True
    """
    if status in GATE_STATUSES:
        return f"status {status}"
    if status == 200 and len(body) < SMALL_PAGE:
        if COOKIE_RELOAD_RE.search(body):
            return f"a page of {len(body)} bytes that sets a cookie by script and reloads"
        if sign := GATE_SCRIPT_RE.search(body):
            return f"a page of {len(body)} bytes with the gate script {sign[0].decode()!r}"
    return None
