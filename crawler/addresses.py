"""Which addresses of the network the crawl may connect to: public ones, whatever a name resolves to."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies

from scrapy.resolver import CachingThreadedResolver
from scrapy.settings import BaseSettings
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError


def is_public(address: str) -> bool:
    """Tell whether an IP address belongs to the public Internet (IANA's special-purpose registries).

    >>> [is_public(a) for a in ("1.2.3.4", "127.0.0.1", "10.0.0.8", "169.254.169.254", "::ffff:127.0.0.1", "224.0.0.1")]
    [True, False, False, False, False, False]
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_global and not found.is_multicast


class PublicResolver(CachingThreadedResolver):
    """Scrapy's resolver, refusing names that resolve to this machine or its own network.

    What is checked is the very address that is connected to, so a name that answers differently the second time
    gains nothing. Hosts of ``PRIVATE_HOSTS`` and the proxies that the environment names are the user's own choice.
    """

    trusted: frozenset[str] = frozenset()

    @classmethod
    def from_crawler(cls, crawler: object, reactor: ReactorBase) -> Self:
        resolver = super().from_crawler(crawler, reactor)  # type: ignore[arg-type]
        resolver.trusted = trusted_hosts(crawler.settings)  # type: ignore[attr-defined]
        return resolver

    def getHostByName(self, name: str, timeout: Sequence[int] = ()) -> Deferred[str]:
        return super().getHostByName(name, timeout).addCallback(self.check, name)

    def check(self, address: str, name: str) -> str:
        """Give the address back; DNSLookupError where it is none that may be connected to."""
        if name.lower() in self.trusted or is_public(address):
            REFUSED.pop(name.lower(), None)
            return address
        REFUSED[name.lower()] = address
        raise DNSLookupError(refusal(name, address))


REFUSED: dict[str, str] = {}
"""Names that were refused and the address that they gave; Twisted drops a resolver's own message."""


def refusal(name: str, address: str) -> str:
    """Say why a name is not asked."""
    return f"refused address: {name} resolves to {address}, wanted a public address (PRIVATE_HOSTS names exceptions)"


def trusted_hosts(settings: BaseSettings) -> frozenset[str]:
    """Collect the hosts that may stand anywhere: ``PRIVATE_HOSTS`` and the environment's proxies."""
    proxies = {urlsplit(url if "//" in url else f"//{url}").hostname for url in getproxies().values()}
    return frozenset(str(host).lower() for host in {*settings.getlist("PRIVATE_HOSTS"), *proxies} if host)
