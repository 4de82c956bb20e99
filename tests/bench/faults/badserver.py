"""A server that answers as no server should: raw bytes, on loopback, every endless stream bounded.

It stands in as the proxy of a crawl, so that the portals keep their own names and what it writes reaches the crawl's
parser as it is. A canary on another loopback address counts whoever comes by: nobody may.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.canary import Canary

BYTES = 400 * 2**20
SECONDS = 40.0
"""The bounds of every answer: no stream is really endless."""


class Wire:
    """One connection, after its request was read: what an answer writes to."""

    def __init__(self, writer: asyncio.StreamWriter, head: str) -> None:
        self.writer = writer
        self.head = head
        self.sent = 0

    async def send(self, data: bytes) -> None:
        """Write bytes; ConnectionError at the bound."""
        self.sent += len(data)
        if self.sent > BYTES:
            raise ConnectionError("the bound of an answer is reached")
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection by RST instead of FIN."""
        own = self.writer.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Answer = bytes | Callable[[Wire], Awaitable[None]]
Answers = Answer | Sequence[Answer]
"""One answer for every request, or one after the other (the last one again and again)."""


def reply(
    body: bytes | str,
    *headers: str,
    status: str = "200 OK",
    content_type: str | None = "text/html",
    length: int | None = None,
) -> bytes:
    """Write a whole answer; `length` states another length than the body has."""
    data = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(data) if length is None else length}"]
    lines += [f"Content-Type: {content_type}"] if content_type else []
    lines += [*headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("utf-8") + data


class BadServer:
    """A proxy for the crawl that serves `answers` by ``host/path``; who asks for anything else is a stray."""

    def __init__(
        self, answers: Mapping[str, Answers], tunnels: Mapping[str, ssl.SSLContext] | None = None
    ) -> None:
        self.answers = dict(answers)
        self.tunnels = dict(tunnels or {})
        self.asked: Counter[str] = Counter()
        self.order: list[str] = []
        self.strays: list[str] = []
        self.heads: dict[str, str] = {}
        """The last request for each address."""
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True, name="badserver")
        self._ready = threading.Event()

    @property
    def environment(self) -> dict[str, str]:
        """Give the variables that send a crawl here."""
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        return dict.fromkeys(names, f"http://127.0.0.1:{self.port}") | {"no_proxy": "", "NO_PROXY": ""}

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(20)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # broken connections are its trade
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            async with asyncio.timeout(SECONDS):
                await self._answer(reader, writer)
        except (OSError, ssl.SSLError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n", 1)[0].split(" ", 2)
        place = urlsplit(target if method != "CONNECT" else f"//{target}")
        host = (place.hostname or "").lower()
        if method == "CONNECT":
            if host not in self.tunnels:
                self.strays.append(f"https://{target}")
                writer.write(b"HTTP/1.1 502 Unknown\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            await writer.start_tls(self.tunnels[host])
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            place = urlsplit(head.split(" ", 2)[1])
        key = host + (place.path or "/") + (f"?{place.query}" if place.query else "")
        found = self._find(key, host)
        if found is None:
            self.strays.append(target)
            found = reply("unknown host", status="502 Unknown")
        number = self.asked[key]
        self.asked[key] += 1
        self.order.append(key)
        self.heads[key] = head
        answer = found if isinstance(found, bytes) or callable(found) else found[min(number, len(found) - 1)]
        wire = Wire(writer, head)
        if callable(answer):
            await answer(wire)
        else:
            await wire.send(answer)

    def _find(self, key: str, host: str) -> Answers | None:
        if key in self.answers:
            return self.answers[key]
        for pattern, answers in self.answers.items():  # a trap: every address below
            if pattern.endswith("*") and key.startswith(pattern[:-1]):
                return answers
        known = any(name.split("/", 1)[0] == host for name in self.answers)
        return reply("<h1>404</h1>", status="404 Not Found") if known else None


def make_canary() -> Canary:
    """Make a canary on 127.0.0.2: port 80 where this process may have it, else any."""
    try:
        return Canary("127.0.0.2", 80)
    except OSError:
        return Canary("127.0.0.2")


# --- answers that take their time, or have no end ---


def endless(head: bytes, piece: bytes, seconds: float = 0.0) -> Callable[[Wire], Awaitable[None]]:
    """Write `head`, then `piece` again and again, until a bound is reached."""

    async def answer(wire: Wire) -> None:
        await wire.send(head)
        while True:
            await wire.send(piece)
            if seconds:
                await asyncio.sleep(seconds)

    return answer


def slow(data: bytes, step: int, seconds: float) -> Callable[[Wire], Awaitable[None]]:
    """Write a whole answer, `step` bytes at a time, with a pause between."""

    async def answer(wire: Wire) -> None:
        for at in range(0, len(data), step):
            await wire.send(data[at : at + step])
            await asyncio.sleep(seconds)

    return answer


def broken_off(data: bytes, reset: bool = True) -> Callable[[Wire], Awaitable[None]]:
    """Write some bytes, then end the connection, by RST or by FIN."""

    async def answer(wire: Wire) -> None:
        if data:
            await wire.send(data)
        await asyncio.sleep(0.05)
        if reset:
            wire.reset()

    return answer


async def silence(wire: Wire) -> None:
    """Say nothing."""
    await asyncio.sleep(SECONDS)
