"""The replica's server: plain HTTP, HTTP proxy and CONNECT on one port of the loopback interface."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import tempfile
import threading
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from . import certificates, dated, media, others, truecms
from .replies import Reply, by_script, docx, http_date, page, pdf, png
from .stories import (
    BUREAU,
    CITY,
    DAILY,
    DAILY_BARE,
    HOSTS,
    OVERSIZE,
    PAPER,
    ZONE,
    Attached,
    Offsite,
    Story,
    World,
    plan,
)

GATE_COOKIE = "__jsl_clearance_s=open"
IDLE_SECONDS = 30.0
"""A connection that asks nothing for so long is closed."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as the log keeps it."""

    method: str
    scheme: str
    host: str
    path: str
    """With its query."""
    headers: dict[str, str]
    """Names in lower case."""
    status: int
    night: int

    @property
    def url(self) -> str:
        """Give the address asked for."""
        return f"{self.scheme}://{self.host}{self.path}"


@dataclass
class Replica:
    """The replica portals, served from a thread of their own.

    >>> with Replica(seed=1, today=date(2024, 3, 20), stories=20) as replica:
    ...     replica.url.startswith("http://127.0.0.1:"), len(replica.truth) > 20, replica.strays
    (True, True, [])

    Set `night` at any time. Set ``faults[path]`` or ``faults[host + path]`` to one of ``500-then-fine``,
    ``404``, ``404-then-fine``, ``notice`` (200 and 页面不存在), ``slow:SECONDS``, ``cut``, ``cut-then-fine``, ``redirect:N``, ``gate`` (521), ``gate200``,
    ``gate-shut`` (no cookie opens it) and ``script`` (the page is empty until its script fills it).
    """

    seed: int = 1
    night: int = 1
    port: int = 0
    stories: int | None = None
    today: date | None = None
    extras: bool = True
    ca_file: str = ""
    """Where the authority's certificate is written; a temporary file when left empty."""
    faults: dict[str, str] = field(default_factory=dict)
    chunked: bool = False
    """Whether attachments come in chunks, without a length."""
    certificate: tuple[int, int] = (-1, 7)
    """From which day to which the certificates are good, counted from now."""
    authority: str = "Replica test authority"
    requests: list[Request] = field(default_factory=list)
    strays: list[str] = field(default_factory=list)
    """Hosts and addresses that nobody should have asked for."""

    def __post_init__(self) -> None:
        self.world: World = plan(self.seed, self.today, self.stories, self.extras)
        self.today = self.world.today
        self._others: others.Others | None = None
        self._pages: dict[tuple[str, int], dict[str, Reply]] = {}
        self._files: dict[tuple[str, str], Reply] = {}
        self._seen: dict[str, int] = {}
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._challenged = {story.host + story.path for story in self.truth if story.state(1) == "challenged"}
        for story in self.truth:
            for number, attached in enumerate(story.files()):
                if attached.state in ("archived", "oversize"):
                    place = urlsplit(attached.url)
                    target = place.path + (f"?{place.query}" if place.query else "")
                    self._files[story.host, target] = self._file(attached, story.serial * 10 + number)

    def _file(self, attached: Attached, seed: int) -> Reply:
        if attached.kind == "image":
            return Reply(png(seed), "image/png")
        if attached.state == "oversize":
            return Reply(bytes(OVERSIZE), "application/zip", modified=0)
        if attached.mime != "application/pdf":
            return Reply(docx(attached.text or ""), attached.mime or "")
        if "download.do" in attached.url:
            disposition = f"attachment; filename*=UTF-8''{quote(attached.name)}"
            headers = (("Content-Disposition", disposition),)
            return Reply(pdf(attached.text or ""), "application/octet-stream", headers=headers)
        return Reply(pdf(attached.text or ""), "application/pdf")

    # --- what tests ask

    @property
    def truth(self) -> list[Story]:
        """Give the truth table."""
        return self.world.stories

    @property
    def others(self) -> others.Others:
        """Give the portals of further platforms, which `truth` does not count in; they are made when first asked for."""
        if self._others is None:
            self._others = others.plan(self.seed, self.world.today)
        return self._others

    @property
    def offsite(self) -> list[Offsite]:
        """Give the list lines that lead away."""
        return self.world.offsite

    @property
    def url(self) -> str:
        """Give the address to set as http_proxy and https_proxy."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Give the environment variables with which an unchanged crawler meets the replica."""
        names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
        return dict.fromkeys(names, self.url) | {
            "SSL_CERT_FILE": self.ca_file,
            "no_proxy": "",
            "NO_PROXY": "",
        }

    def expected(self, *hosts: str, night: int | None = None, documents: bool = False) -> list[Story]:
        """Give the stories that a complete crawl of these hosts (default: all) archives on a night.

        `documents` counts the two document channels in, which are taken on request only. The e-paper's
        spider takes its last days only, unless it is told ``since``: `first_day` is the oldest issue.
        """
        night = night or self.night
        return [
            story
            for story in self.truth
            if (not hosts or story.host in hosts)
            and story.state(night) in ("present", "edited")
            and (documents or story.channel not in ("szfwj1", "szfbgswj1"))
        ]

    @property
    def first_day(self) -> date:
        """Give the day of the e-paper's oldest issue."""
        return min(story.day for story in self.truth if story.host == PAPER)

    def asked(self, url: str) -> list[Request]:
        """Give the requests for an address, whatever its scheme."""
        place = urlsplit(url)
        path = (place.path or "/") + (f"?{place.query}" if place.query else "")
        return [
            request for request in self.requests if request.host == place.hostname and request.path == path
        ]

    def add_default_faults(self) -> dict[str, str]:
        """Set one fault of each kind that a patient crawler survives at fixed stories; gives what was set."""
        kinds = ("500-then-fine", "slow:1", "cut-then-fine", "redirect:3")
        plain = [
            story
            for story in self.truth
            if story.host == CITY and story.channel == "gcyw" and set(story.states.values()) == {"present"}
        ]
        for kind, story in zip(kinds, plain[1::2], strict=False):
            self.faults[story.host + story.path] = kind
        return self.faults

    def write_truth(self, path: str | Path) -> None:
        """Write the truth table as JSON lines, newest story first."""
        rows = (json.dumps(story.row(), ensure_ascii=False) for story in self.truth)
        Path(path).write_text("\n".join(rows) + "\n", encoding="utf-8")

    # --- pages

    def pages(self, host: str, night: int | None = None) -> dict[str, Reply]:
        """Give all fixed pages of a host by path, as they stand on a night."""
        night = night or self.night
        host = DAILY if host == DAILY_BARE else host
        if (host, night) not in self._pages:
            if host in (CITY, BUREAU):
                made = truecms.site_pages(self.world, host, night)
            elif host in others.HOSTS:
                made = others.site_pages(self.others, host)
            elif host == DAILY:
                made = dated.site_pages(self.world, night)
            else:
                made = media.site_pages(self.world, night)
            self._pages[host, night] = made
        return self._pages[host, night]

    def answer(self, scheme: str, host: str, target: str, headers: dict[str, str]) -> Reply:
        """Give the answer to a request of a known host, faults left out."""
        place = urlsplit(target)
        if host == BUREAU and scheme == "http":
            return Reply(b"", status=301, headers=(("Location", f"https://{host}{target}"),))
        if place.path == "/TrueCMS/messageController/getMessage.do" and host in (CITY, BUREAU):
            query = dict(parse_qsl(place.query, keep_blank_values=True))
            return truecms.more(self.world, host, query, self.night)
        if host == others.HANWEB and place.path.endswith("/dataproxy.jsp"):
            return others.more(self.others, place.query)
        if host == others.JPAAS and place.path.endswith("/build/unit"):
            return others.built(self.others, place.query)
        home = DAILY if host == DAILY_BARE else host
        pages = self.pages(host)
        found = self._files.get((home, target)) or pages.get(target) or pages.get(place.path)
        if found is None:
            return page(
                "<html><head><title>404</title></head><body><h1>页面不存在</h1></body></html>", status=404
            )
        return found

    def _gate(self, status: int) -> Reply:
        script = f"<html><body><script>document.cookie='{GATE_COOKIE};path=/';location.reload();</script></body></html>"
        return Reply(script.encode(), "text/html", status)

    def _night_time(self) -> int:
        assert self.today is not None
        return int(datetime.combine(self.today, time(0, self.night), tzinfo=ZONE).timestamp())

    # --- connections

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._converse(reader, writer)
        except (
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            TimeoutError,
            ssl.SSLError,
        ):
            pass
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            with contextlib.suppress(Exception):
                writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnel: str | None = None
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_SECONDS)
            first, *rest = head.decode("latin-1").split("\r\n")
            parts = first.split(" ")
            if len(parts) != 3:
                return
            method, target, version = parts
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in rest if line)
            }
            if length := int(headers.get("content-length") or 0):
                await reader.readexactly(length)
            if method == "CONNECT":
                tunnel = target.rsplit(":", 1)[0].lower()
                if tunnel not in (*HOSTS, *others.HOSTS):
                    self._stray(method, "https", tunnel, "", headers)
                    await self._send(writer, Reply(b"unknown host", "text/plain", 502), "GET", False)
                    return
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await writer.drain()
                await writer.start_tls(self._context)
                continue
            if tunnel:
                scheme, host = "https", tunnel
            elif target.startswith("http://"):
                place = urlsplit(target)
                scheme, host = "http", (place.hostname or "").lower()
                target = (place.path or "/") + (f"?{place.query}" if place.query else "")
            else:
                scheme, host = "http", headers.get("host", "").rsplit(":", 1)[0].lower()
            if host not in (*HOSTS, *others.HOSTS):
                self._stray(method, scheme, host, target, headers)
                await self._send(writer, Reply(b"unknown host", "text/plain", 502), method, False)
                return
            keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
            if not await self._reply(writer, method, scheme, host, target, headers, keep) or not keep:
                return

    def _stray(self, method: str, scheme: str, host: str, target: str, headers: dict[str, str]) -> None:
        self.strays.append(f"{scheme}://{host}{target}")
        self._log(method, scheme, host, target, headers, 502)

    def _log(
        self, method: str, scheme: str, host: str, path: str, headers: dict[str, str], status: int
    ) -> None:
        self.requests.append(
            Request(
                method=method,
                scheme=scheme,
                host=host,
                path=path,
                headers=headers,
                status=status,
                night=self.night,
            )
        )

    async def _reply(
        self,
        writer: asyncio.StreamWriter,
        method: str,
        scheme: str,
        host: str,
        target: str,
        headers: dict[str, str],
        keep: bool,
    ) -> bool:
        """Answer one request; False where the connection must end."""
        bare = target.split("?")[0]
        fault = self.faults.get(host + bare) or self.faults.get(bare) or ""
        if not fault and host + bare in self._challenged and self.world.extras:
            fault = "gate-shut"
        if host == BUREAU and scheme == "http":
            fault = ""
        name, _, amount = fault.partition(":")
        before = self._seen.get(host + bare, 0)
        if fault:
            self._seen[host + bare] = before + 1
        reply: Reply | None = None
        if name == "500-then-fine" and before == 0:
            reply = page("<html><body>500 Internal Server Error</body></html>", status=500)
        elif name == "notice":
            reply = page(
                "<html><head><title>提示信息</title></head><body><p>您访问的页面不存在。</p></body></html>"
            )
        elif name == "404" or (name == "404-then-fine" and before == 0):
            reply = page("<html><body>404</body></html>", status=404)
        elif name == "slow":
            await asyncio.sleep(float(amount or 1))
        elif name == "redirect":
            hops = dict(parse_qsl(urlsplit(target).query)).get("hop", "0")
            hop = int(hops) if hops.isdigit() else 0
            if hop < int(amount or 1):
                reply = Reply(b"", status=302, headers=(("Location", f"{bare}?hop={hop + 1}"),))
            else:
                target = bare
        elif name in ("gate", "gate200") and GATE_COOKIE not in headers.get("cookie", ""):
            reply = self._gate(200 if name == "gate200" else 521)
        elif name == "gate-shut":
            reply = self._gate(521)
        if reply is None:
            reply = self.answer(scheme, host, target, headers)
            if name == "script":
                reply = by_script(reply)
        if name == "cut" or (name == "cut-then-fine" and before == 0):
            self._log(method, scheme, host, target, headers, reply.status)
            await self._send(writer, reply, method, False, cut=True)
            return False
        if reply.status == 200 and name not in ("gate", "gate200", "script"):
            modified = reply.modified or self._night_time()
            reply = reply._replace(
                headers=(*reply.headers, ("ETag", reply.etag), ("Last-Modified", http_date(modified)))
            )
            wanted, since = headers.get("if-none-match"), headers.get("if-modified-since")
            if (wanted and reply.etag in wanted) or (not wanted and since == http_date(modified)):
                reply = Reply(b"", reply.content_type, 304, reply.headers)
        self._log(method, scheme, host, target, headers, reply.status)
        await self._send(writer, reply, method, keep)
        return True

    async def _send(
        self, writer: asyncio.StreamWriter, reply: Reply, method: str, keep: bool, cut: bool = False
    ) -> None:
        lines = [f"HTTP/1.1 {reply.status} {'OK' if reply.status == 200 else 'Replica'}", "Server: replica"]
        if reply.status != 304:
            chunked = self.chunked and "html" not in reply.content_type and reply.status == 200
            length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(reply.body)}"
            lines += [f"Content-Type: {reply.content_type}", length]
        lines += [f"{name}: {value}" for name, value in reply.headers]
        lines += [f"Connection: {'keep-alive' if keep else 'close'}", "", ""]
        body = b"" if method == "HEAD" or reply.status == 304 else reply.body
        if body and "Transfer-Encoding: chunked" in lines:
            parts = (body[at : at + 2**16] for at in range(0, len(body), 2**16))
            body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        body = body[: len(body) // 2] if cut else body
        writer.write("\r\n".join(lines).encode("latin-1") + body[: 2**18])
        for at in range(2**18, len(body), 2**18):  # a large body piece by piece, as the other side takes it
            await writer.drain()
            writer.write(body[at : at + 2**18])
        await writer.drain()

    # --- life

    async def _main(self, ready: threading.Event) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**18)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        try:
            await self._stop.wait()
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            # Transports say goodbye in the next turns of the loop.
            await asyncio.sleep(0.01)

    def start(self) -> Replica:
        """Start to serve; gives itself."""
        if not self.ca_file:
            self._folder = tempfile.TemporaryDirectory(prefix="replica-")
            self.ca_file = str(Path(self._folder.name) / "ca.pem")
        self._context = certificates.make(HOSTS, Path(self.ca_file), self.certificate, self.authority)
        ready = threading.Event()
        failed: list[BaseException] = []

        def run() -> None:
            try:
                with asyncio.Runner() as runner:
                    self._loop = runner.get_loop()
                    runner.run(self._main(ready))
            except BaseException as error:
                failed.append(error)
            finally:
                ready.set()

        self._thread = threading.Thread(target=run, name="replica", daemon=True)
        self._thread.start()
        ready.wait(30)
        if failed:
            raise failed[0]
        return self

    def stop(self) -> None:
        """Stop serving and remove the temporary certificate."""
        if (
            self._loop is not None
            and self._stop is not None
            and self._thread is not None
            and self._thread.is_alive()
        ):
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
        self._thread = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder, self.ca_file = None, ""

    def __enter__(self) -> Replica:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def wait_for_end(lines: Iterator[Any], seconds: float) -> None:
    """Return when `lines` (standard input) is exhausted, or after `seconds`."""
    ended = threading.Event()

    def read() -> None:
        for _ in lines:
            pass
        ended.set()

    threading.Thread(target=read, daemon=True).start()
    limit = clock.monotonic() + seconds
    while not ended.wait(min(60.0, max(0.0, limit - clock.monotonic()))):
        if clock.monotonic() >= limit:
            return


__all__ = ["HOSTS", "PAPER", "Replica", "Request", "wait_for_end"]
