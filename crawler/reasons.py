"""Why no answer came, in plain sentences: what was found, what was wanted, where."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from OpenSSL.SSL import Error as OpenSSLError
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadTimeoutError,
    IgnoreRequest,
)
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.web._newclient import ParseError

NAMED = 4
"""How many of many hosts are named."""
LENGTHS_RE = re.compile(r"conflicting Content-Length headers: (.*)")
LENGTH_RE = re.compile(r"Value contains non-decimal digits: (.*)")
TIME_RE = re.compile(r"took longer than (\d+(?:\.\d+)?) seconds")
SIZE_RE = re.compile(r"(\d+)\) larger than download max size \((\d+)\)")
"""Evidence of Twisted's and Scrapy's words, which name numbers."""


def explain(error: BaseException | None) -> str:
    """Say in one line why a request failed.

    >>> explain(DownloadTimeoutError("Getting http://a.cn/ took longer than 30.0 seconds."))
    'no whole answer came within 30 seconds'
    >>> explain(IgnoreRequest("Forbidden by robots.txt"))
    'Forbidden by robots.txt'
    >>> explain(LookupError("no such thing"))
    'LookupError: no such thing'
    """
    # how a connection ended says least of what an error was made of
    found = sorted(unfold(error), key=lambda each: isinstance(each, ConnectionDone | ConnectionLost))
    said = next((told for each in found if (told := tell(each))), None)
    inmost = next((each for each in found if not of_others(each)), error)
    text = " ".join(str(inmost).split())
    return (said or f"{type(inmost).__name__}: {text}".removesuffix(": "))[:500]


def of_others(error: BaseException) -> list[BaseException]:
    """Give the errors that one was made of; Twisted keeps a list of failures."""
    every = [failure.value for failure in getattr(error, "reasons", None) or []]
    return [each for each in (*every, error.__cause__) if each is not None]


def unfold(error: BaseException | None) -> Iterator[BaseException]:
    """Give an error and what it was made of, from without inwards."""
    if error is not None:
        yield error
        for each in of_others(error):
            yield from unfold(each)


def tell(error: BaseException) -> str | None:
    """Say what one error means; None where it is not among those that are known."""
    text = " ".join(str(error).split())
    if isinstance(error, IgnoreRequest):
        return "more redirects than are followed" if "max redirections" in text else text or None
    if isinstance(error, DownloadTimeoutError):
        found = TIME_RE.search(text)
        return (
            f"no whole answer came within {float(found[1]):g} seconds" if found else "no answer came in time"
        )
    if isinstance(error, DownloadConnectionRefusedError):
        return "the connection was refused"
    if isinstance(error, CannotResolveHostError):
        return f"the name cannot be resolved: {text}"
    if isinstance(error, DownloadCancelledError) and (found := SIZE_RE.search(text)):
        return f"larger than any page: found {found[1]} bytes, wanted {found[2]} at most"
    if isinstance(error, VerificationError):
        ids = [getattr(each, "mismatched_id", None) for each in error.errors]
        names = [str(getattr(each, "hostname", b""), "ascii", "replace") for each in ids if each is not None]
        return f"the certificate is for another name{f', wanted {name_some(names)}' if names else ''}"
    if isinstance(error, OpenSSLError):
        return f"no secure connection: {tell_tls(error)}"
    return tell_framing(error, text)


def tell_framing(error: BaseException, text: str) -> str | None:
    """Say what is wrong with an answer that is not as HTTP wants it, or did not come whole."""
    if isinstance(error, ParseError):
        what, data = str(error.args[0]), error.args[1] if len(error.args) > 1 else b""
        return what + (f": found {data[:80]!r}, wanted an answer in HTTP" if data else "")
    if isinstance(error, ValueError) and (found := LENGTHS_RE.search(text)):
        return f"found two different Content-Length headers, wanted one: {plain(found[1])}"
    if isinstance(error, ValueError) and (found := LENGTH_RE.search(text)):
        return f"found a Content-Length of {plain(found[1])}, wanted a number"
    if isinstance(error, ConnectionDone):
        return "the connection was closed before an answer came"
    if isinstance(error, ConnectionLost):
        return "the connection was broken off before an answer came"
    return None


def plain(written: str) -> str:
    """Read how Python writes bytes: ``b'512,77'`` is 512, 77."""
    return re.sub(r"^b(['\"])(.*)\1$", r"\2", written).replace(",", ", ")


def tell_tls(error: OpenSSLError) -> str:
    """Give what OpenSSL complains of."""
    told = (
        [each[-1] for each in error.args[0] if each] if error.args and isinstance(error.args[0], list) else []
    )
    return "; ".join(dict.fromkeys(map(str, told))) or "it was broken off"


def name_some(names: Collection[str]) -> str:
    """Name all of few names, the first of many.

    >>> name_some(["a.cn", "b.cn"]), name_some([f"{n}.cn" for n in range(7)])
    ('a.cn, b.cn', '0.cn, 1.cn, 2.cn and 4 others')
    """
    every = sorted(names)
    if len(every) <= NAMED:
        return ", ".join(every)
    return f"{', '.join(every[: NAMED - 1])} and {len(every) - NAMED + 1} others"
