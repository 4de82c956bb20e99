"""What a run notices of the portals' hosts: certificates that are about to expire, and portals that moved away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from cryptography import x509

from crawler.archive import now
from crawler.balance import Sample, Tally

EXPIRING = timedelta(days=14)
"""A certificate that ends within so long is told of; one made for weeks within a quarter of its time."""
MOVED = 3
"""So many articles and lists that lead to one foreign host, and half of all, are a portal that moved."""


class Certificate(NamedTuple):
    """What a host's certificate says."""

    begins: datetime
    ends: datetime
    issuer: str

    def expires(self, at: datetime) -> str | None:
        """Say when it ends, where that is soon or past; None where there is time.

        >>> from datetime import UTC
        >>> year = Certificate(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), "CN=a")
        >>> year.expires(datetime(2026, 12, 17, tzinfo=UTC)), year.expires(datetime(2026, 12, 22, tzinfo=UTC))
        (None, 'found a certificate that expires on 2027-01-01, in 10 days')
        >>> week = Certificate(datetime(2026, 12, 25, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), "CN=a")
        >>> week.expires(datetime(2026, 12, 28, tzinfo=UTC)), week.expires(datetime(2027, 1, 2, tzinfo=UTC))
        (None, 'found a certificate that expired on 2027-01-01')
        """
        left = self.ends - at
        if left > min(EXPIRING, (self.ends - self.begins) / 4):
            return None
        if left < timedelta(0):
            return f"found a certificate that expired on {self.ends:%Y-%m-%d}"
        return f"found a certificate that expires on {self.ends:%Y-%m-%d}, in {left.days} days"


def read_certificate(certificate: Any) -> Certificate:
    """Read a certificate as Scrapy hands it out with an answer."""
    found = x509.load_pem_x509_certificate(certificate.dumpPEM())
    return Certificate(
        found.not_valid_before_utc, found.not_valid_after_utc, found.issuer.rfc4514_string()[:300]
    )


@dataclass
class Astray:
    """What of a portal leads to one host that it does not name."""

    home: bool = False
    lists: int = 0
    articles: int = 0
    sample: Sample | None = None


@dataclass
class Hosts:
    """The hosts of a run."""

    certificates: dict[str, Certificate] = field(default_factory=dict)
    astray: dict[tuple[str, str], Astray] = field(default_factory=dict)
    """By portal and foreign host."""

    def meet(self, url: str, certificate: Any) -> Certificate | None:
        """Read the certificate that came with an answer, once a host; None where there is none or it is known."""
        host = urlsplit(url).hostname or ""
        if certificate is None or host in self.certificates:
            return None
        found = self.certificates[host] = read_certificate(certificate)
        return found

    def expiring(self) -> Iterator[tuple[str, str]]:
        """Give each host whose certificate ends soon, and say when."""
        for host, certificate in sorted(self.certificates.items()):
            if said := certificate.expires(now()):
                yield host, said

    def stray(self, url: str, meta: Mapping[str, Any]) -> None:
        """Note that a request was sent on to an address off the source's hosts; others are refused for other reasons."""
        context = meta.get("context", {})
        kind, portal = context.get("kind"), context.get("portal")
        ask = context.get("ask")
        home = kind == "list" and ask[1] == "home"
        if kind not in ("list", "article") or not portal or not (meta.get("redirect_urls") or home):
            return
        first = meta.get("redirect_urls", [ask[0] if ask else url])[0]
        found = self.astray.setdefault((portal, urlsplit(url).netloc), Astray())
        found.home |= home
        found.lists += kind == "list"
        found.articles += kind == "article"
        if found.sample is None or home:
            found.sample = Sample(first, meta.get("capture"))

    def moved(self, tallies: Mapping[tuple[str, str], Tally]) -> Iterator[tuple[str, str, Sample]]:
        """Give each portal that seems to have moved: its name, a sentence, and the address that leads away."""
        had = Counter[str]()
        for (portal, _), tally in tallies.items():
            had[portal] += tally.asked + (tally.listing is not None)
        for (portal, host), found in self.astray.items():
            count = found.lists + found.articles
            whole = had[portal] + found.lists  # articles that led away are counted as asked for
            if found.sample is None or not (
                found.home or (2 * count >= whole and (count >= MOVED or count == whole))
            ):
                continue
            what = "the home page leads" if found.home else f"{count} of {whole} lists and articles lead"
            yield (
                portal,
                f"{what} from {urlsplit(found.sample.url).netloc} to {host}, which the portal does not name: if it "
                "moved there, add the host to its declaration; if it was hacked, tell the portal",
                found.sample,
            )
