"""The one way out that a browser has: a proxy on loopback that lets it reach what the spider may reach.

A browser follows redirects, opens sockets and looks names up by itself, past every check on single requests.
Whatever it wants to connect to comes by here, is held against the hosts of the spider, and is connected to at the
very address that was checked.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import socket
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from crawler.addresses import is_public, refusal

logger = logging.getLogger(__name__)

HEAD = 64 * 2**10
"""The longest head of a request, in bytes."""
CONNECTIONS = 32
"""How many connections are open at a time."""
METHODS = frozenset({"GET", "HEAD", "POST", "CONNECT"})
OWN_FIELDS = ("proxy-", "connection:", "keep-alive:", "upgrade:")
"""Fields between the browser and this proxy; one connection carries one request, so that each is checked."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Refused(Exception):
    """A connection that the browser may not have."""


class Gateway:
    """A proxy for one browser of one spider."""

    def __init__(
        self,
        hosts: Collection[str],
        trusted: Collection[str] = (),
        *,
        seconds: float = 60.0,
        size: int = 32 * 2**20,
    ) -> None:
        """Prepare for these hosts; `trusted` ones may have a private address.

        No connection lasts longer than `seconds` or brings more than `size` bytes.
        """
        self.hosts = frozenset(hosts)
        self.trusted = frozenset(trusted)
        self.seconds = seconds
        self.size = size
        self.refused: dict[str, str] = {}
        """What was refused, and why; so many and no more."""
        self._server: asyncio.Server | None = None
        self._free = asyncio.Semaphore(CONNECTIONS)

    async def open(self) -> str:
        """Listen on a free port of loopback; give the proxy's address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=HEAD)
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with self._free, asyncio.timeout(self.seconds):
                await self._carry(reader, writer)
        except Refused as reason:
            with suppress(OSError):
                body = f"{reason}\n".encode()
                writer.write(
                    b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
                )
                writer.write(body)
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            logger.debug("a connection of the browser ended: %r", error)
        finally:
            writer.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *fields = head.rstrip("\r\n").split("\r\n")
        method, _, rest = line.partition(" ")
        target = rest.rpartition(" ")[0]
        url = urlsplit(f"https://{target}" if method == "CONNECT" else target)
        self._check(method, url, target)
        further = await self._connect(url)
        try:
            size = self.size
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                size = min(size, stated_length(fields))
                kept = [field for field in fields if not field.lower().startswith(OWN_FIELDS)]
                asked = target if self._proxy(url) else url._replace(scheme="", netloc="").geturl() or "/"
                sent = [f"{method} {asked} HTTP/1.1", *kept, *self._pass(url), "Connection: close", "", ""]
                further[1].write("\r\n".join(sent).encode("latin-1"))
            await self._exchange((reader, writer), further, size)
        finally:
            further[1].close()

    def _check(self, method: str, url: SplitResult, target: str) -> None:
        try:
            host, port = (url.hostname or "").lower(), url.port
        except ValueError:
            host, port = "", None
        wanted = method in METHODS and url.scheme in ("http", "https") and port in (None, 80, 443)
        if not wanted or host not in self.hosts:
            self._refuse(host or target[:200], f"refused to the browser: {method[:20]} {target[:200]}")

    def _refuse(self, name: str, reason: str) -> None:
        if len(self.refused) < 100:
            self.refused[name] = reason
        raise Refused(reason)

    @staticmethod
    def _proxy(url: SplitResult) -> SplitResult | None:
        """Give the proxy that the user named for an address, None where it is asked directly."""
        named = None if proxy_bypass(url.hostname or "") else getproxies().get(url.scheme)
        return urlsplit(named if "//" in named else f"//{named}") if named else None

    def _pass(self, url: SplitResult) -> list[str]:
        """Give the field that lets us through the user's proxy, where that wants one."""
        proxy = self._proxy(url)
        if proxy is None or proxy.username is None:
            return []
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        return [f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}"]

    async def _connect(self, url: SplitResult) -> Streams:
        """Connect to the host of an address, or to the user's proxy for it."""
        host = (url.hostname or "").lower()
        port = url.port or (443 if url.scheme == "https" else 80)
        proxy = self._proxy(url)
        if proxy is not None:
            found = await asyncio.open_connection(proxy.hostname, proxy.port or 80, limit=HEAD)
            if url.scheme == "https":
                said = [f"CONNECT {host}:{port} HTTP/1.1", f"Host: {host}:{port}", *self._pass(url), "", ""]
                found[1].write("\r\n".join(said).encode("latin-1"))
                answer = await found[0].readuntil(b"\r\n\r\n")
                if answer.split(b" ", 2)[1:2] != [b"200"]:
                    found[1].close()
                    raise OSError(f"the proxy answers {answer[:60]!r}")
            return found
        loop = asyncio.get_running_loop()
        known = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(each[4][0]) for each in known]
        good = [each for each in addresses if host in self.trusted or is_public(each)]
        if not good:
            self._refuse(host, refusal(host, ", ".join(addresses)))
        return await asyncio.open_connection(good[0], port, limit=HEAD)

    async def _exchange(self, here: Streams, there: Streams, size: int) -> None:
        """Carry `size` bytes there, and what is answered until that ends or is as much as is wanted."""
        up = asyncio.ensure_future(self._pump(here[0], there[1], size))
        try:
            await self._pump(there[0], here[1], self.size)
        finally:
            up.cancel()
            with suppress(asyncio.CancelledError, OSError):
                await up

    @staticmethod
    async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, size: int) -> None:
        left = size
        while left > 0 and (data := await source.read(min(left, 2**16))):
            left -= len(data)
            sink.write(data)
            await sink.drain()


def stated_length(fields: list[str]) -> int:
    """Give the length of a request's body in bytes, 0 where none is stated.

    >>> stated_length(["Host: a", "content-length: 12"]), stated_length(["Content-Length: x"])
    (12, 0)
    """
    for field in fields:
        name, _, value = field.partition(":")
        if name.lower() == "content-length" and value.strip().isascii() and value.strip().isdigit():
            return int(value)
    return 0
