"""Whom the crawl trusts on ``https``: certificates, and the few hosts that are let off."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Self

import certifi
from scrapy.core.downloader.contextfactory import _ScrapyClientContextFactory
from scrapy.core.downloader.handlers.http11 import (
    HTTP11DownloadHandler,
    _LenientHTTP11ClientFactory,
    _LenientHTTP11ClientProtocol,
)
from scrapy.crawler import Crawler
from scrapy.statscollectors import StatsCollector
from twisted.internet.ssl import Certificate, optionsForClientTLS, trustRootFromCertificates
from twisted.python.failure import Failure
from twisted.web._newclient import HEADER, STATUS, ParseError


class PortalDownloadHandler(HTTP11DownloadHandler):
    """Scrapy's own handler with `PortalContextFactory` (the setting that named a factory is deprecated) and `HangUp`."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._contextFactory = PortalContextFactory.from_crawler(crawler)  # type: ignore[assignment]
        self._pool._factory = HangUpFactory


HEAD_BYTES = 256 * 2**10
"""The longest head of an answer, lines of 1xx answers before it counted in; browsers stop there, too."""


class HangUp(_LenientHTTP11ClientProtocol):
    """End a connection at once where a download is stopped, or where the head of an answer has no end.

    Twisted says goodbye first, and on https waits for the other side's, which comes behind the rest of the body.
    It bounds the lines of a head, not their number.
    """

    head = 0
    """Bytes of the present answer's head, as far as they came."""

    def request(self, request: Any) -> Any:
        self.head = 0
        asked = super().request(request)
        if (
            self._parser is not None
        ):  # one line may be as long as the head: the parser's own bound ends without a word
            self._parser.MAX_LENGTH = HEAD_BYTES + 2**17
        return asked

    def dataReceived(self, data: bytes) -> None:
        if self._parser is not None and self._parser.state in (STATUS, HEADER):
            self.head += len(data)
            if self.head > HEAD_BYTES + 2**16:  # one reading may bring the begin of the body, too
                said = f"the head of the answer is longer than {HEAD_BYTES} bytes"
                self.transport.abortConnection()  # type: ignore[union-attr]
                self._disconnectParser(Failure(ParseError(said, b"")))  # type: ignore[no-untyped-call]
                return
        super().dataReceived(data)  # type: ignore[no-untyped-call]

    def connectionMade(self) -> None:
        super().connectionMade()
        transport: Any = self.transport
        transport.stopProducing = transport.abortConnection


class HangUpFactory(_LenientHTTP11ClientFactory):
    """Make connections that hang up."""

    def buildProtocol(self, addr: Any) -> HangUp:
        return HangUp(self._quiescentCallback)  # type: ignore[no-untyped-call]


class PortalContextFactory(
    _ScrapyClientContextFactory
):  # its public face is deprecated, this is what Scrapy loads
    """Verify certificates against certifi's roots and those that ``SSL_CERT_FILE`` names.

    OpenSSL takes that variable as a replacement of its roots; here it adds to them, so that a
    replaying proxy can stand in for live hosts. Hosts of ``TLS_UNVERIFIED_HOSTS`` are not
    verified, and the stat ``tls/unverified/<host>`` says that it happened.
    """

    unverified: frozenset[str] = frozenset()
    stats: StatsCollector
    roots: Any

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        factory = super().from_crawler(crawler, *args, **kwargs)
        factory.unverified = frozenset(crawler.settings.getlist("TLS_UNVERIFIED_HOSTS"))
        factory.stats = crawler.stats
        factory.roots = trustRootFromCertificates(trusted_certificates())  # type: ignore[no-untyped-call]
        return factory

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        host = hostname.decode("ascii")
        if host in self.unverified:
            self.stats.inc_value(f"tls/unverified/{host}")
            lenient = _ScrapyClientContextFactory(self._ssl_method, verify_certificates=False)
            return lenient.creatorForNetloc(hostname, port)
        if not self._verify_certificates:
            return super().creatorForNetloc(hostname, port)
        return optionsForClientTLS(
            hostname=host, trustRoot=self.roots, extraCertificateOptions=self._get_cert_options_kwargs()
        )


def trusted_certificates() -> list[Certificate]:
    """Load certifi's roots and the PEM file that ``SSL_CERT_FILE`` names, where it names one that exists."""
    pem = Path(certifi.where()).read_bytes()
    named = os.environ.get("SSL_CERT_FILE")
    if named and Path(named).is_file():
        pem += b"\n" + Path(named).read_bytes()
    found = re.findall(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", pem, re.S)
    return [Certificate.loadPEM(each) for each in found]
