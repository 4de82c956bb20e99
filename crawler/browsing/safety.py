"""What leaves the server: safety headers on every answer, cells that no spreadsheet calculates."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from crawler.archive import defuse
from crawler.browsing.language import COOKIE, LANGUAGES, choose, enter

HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
        b"base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default",
    ),
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (
        b"permissions-policy",
        b", ".join(
            name + b"=()"
            for name in (
                *(
                    b"accelerometer",
                    b"autoplay",
                    b"camera",
                    b"display-capture",
                    b"fullscreen",
                    b"geolocation",
                ),
                *(
                    b"gyroscope",
                    b"magnetometer",
                    b"microphone",
                    b"midi",
                    b"payment",
                    b"screen-wake-lock",
                    b"usb",
                ),
            )
        ),
    ),
)

METHODS = ("GET", "HEAD", "OPTIONS")

NUMBER_RE = re.compile(r"[+-]?\d+(\.\d+)?")
csv.field_size_limit(2**31 - 1)  # the stock limit of 128 KiB is less than a long article


def defuse_row(row: Iterable[str]) -> Iterator[str]:
    """Put an apostrophe before a cell that a spreadsheet would calculate; numbers stay numbers.

    >>> list(defuse_row(["=HYPERLINK(1)", "-5", "-5+2", "民政"]))
    ["'=HYPERLINK(1)", '-5', "'-5+2", '民政']
    >>> list(defuse_row(["\\ufeff=1"])) == ["'\\ufeff=1"]
    True
    """
    for cell in row:
        yield cell if NUMBER_RE.fullmatch(cell) else defuse(cell)


def defuse_csv(text: str) -> str:
    """Defuse every cell of a CSV text."""
    out = io.StringIO()
    csv.writer(out).writerows(defuse_row(row) for row in csv.reader(io.StringIO(text, newline="")))
    return out.getvalue()


async def refuse(answer: Any, status: int, told: str, *more: tuple[bytes, bytes]) -> None:
    """Answer in plain text, before Datasette is asked."""
    head = [(b"content-type", b"text/plain; charset=utf-8"), *more]
    await answer({"type": "http.response.start", "status": status, "headers": head})
    await answer({"type": "http.response.body", "body": told.encode()})


def guard(app: Any) -> Any:
    """Choose the language of each answer, add the safety headers, defuse CSV; refuse what does not read and paths that lead off."""

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        chosen, named = choose(scope.get("query_string", b"").decode("latin-1"), scope["headers"])
        enter(chosen)
        told = [(b"content-language", LANGUAGES[chosen].encode()), (b"vary", b"accept-language, cookie")]
        if named:
            cookie = f"{COOKIE}={chosen}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly"
            told.append((b"set-cookie", cookie.encode()))
        start: dict[str, Any] = {}
        held: list[bytes] = []

        async def answer(message: Any) -> None:
            if message["type"] == "http.response.start":
                kept = [pair for pair in message["headers"] if pair[0].lower() not in dict(HEADERS)]
                message = {**message, "headers": [*kept, *HEADERS, *told]}
                kind = {key.lower(): value for key, value in kept}.get(b"content-type", b"")
                csv_path = scope["path"].endswith(".csv")
                if csv_path and kind.split(b";")[0].strip() in (b"text/plain", b"text/csv"):
                    start.update(message)  # sent when the body is whole
                    return
            elif start:
                held.append(message.get("body", b""))
                if message.get("more_body"):
                    return
                body = defuse_csv(b"".join(held).decode("utf-8", "replace")).encode()
                await send(start)
                message = {"type": "http.response.body", "body": body}
            await send(message)

        # Datasette 0.65 answers /\\host/ and //host/ with a redirect to that host (datasette#2680)
        raw = (scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
        if raw.startswith(b"//") or b"\\" in raw or b"%5c" in raw.lower():
            await refuse(answer, 400, "没有这样的路径 no such path\n")
            return
        if scope["method"] not in METHODS:  # Datasette 0.65 fails on some of them, and takes others for GET
            await refuse(
                answer,
                405,
                "档案只供阅读 this archive is only read\n",
                (b"allow", ", ".join(METHODS).encode()),
            )
            return
        await app(scope, receive, answer)

    return serve
