"""What kept an answer away is told in plain sentences."""

from __future__ import annotations

import pytest
from OpenSSL.SSL import Error as OpenSSLError
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
)
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.web._newclient import ParseError, ResponseFailed

from crawler.reasons import explain


def failed(*errors: Exception) -> DownloadFailedError:
    """Make the error that Scrapy makes of one that Twisted makes of others."""
    error = DownloadFailedError("[<twisted.python.failure.Failure ...>]")
    error.__cause__ = ResponseFailed([Failure(each) for each in errors])  # type: ignore[no-untyped-call]
    return error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (failed(ConnectionDone()), "the connection was closed before an answer came"),
        (failed(ConnectionLost()), "the connection was broken off before an answer came"),
        (
            failed(ConnectionDone(), ValueError("Invalid response: conflicting Content-Length headers: b'512,77'")),
            "found two different Content-Length headers, wanted one: 512, 77",
        ),
        (failed(ValueError("Value contains non-decimal digits: b'-5'")), "found a Content-Length of -5, wanted a number"),
        (
            failed(ParseError("non-integer status code", b"HTTP/1.1 abc OK"), ConnectionLost()),
            "non-integer status code: found b'HTTP/1.1 abc OK', wanted an answer in HTTP",
        ),
        (
            failed(ParseError("the head of the answer is longer than 262144 bytes", b"")),
            "the head of the answer is longer than 262144 bytes",
        ),
        (
            failed(OpenSSLError([("SSL routines", "", "certificate verify failed")])),
            "no secure connection: certificate verify failed",
        ),
        (DownloadTimeoutError("Getting http://a.cn/ took longer than 2.5 seconds."), "no whole answer came within 2.5 seconds"),
        (DownloadConnectionRefusedError("x"), "the connection was refused"),
        (CannotResolveHostError("no results for hostname lookup: a.invalid"), "the name cannot be resolved: no results for hostname lookup: a.invalid"),
        (
            DownloadCancelledError("Cancelling download of http://a.cn/: received response size (9000) larger than download max size (80)."),
            "larger than any page: found 9000 bytes, wanted 80 at most",
        ),
        (IgnoreRequest("max redirections reached"), "more redirects than are followed"),
        (KeyError(), "KeyError"),
    ],
)  # fmt: skip
def test_a_failure_is_told_in_a_plain_sentence(error: Exception, said: str) -> None:
    assert explain(error) == said


def test_nothing_of_the_library_shows_in_what_is_told() -> None:
    assert explain(failed(ValueError("found\n two <b>lines</b>"))) == "ValueError: found two <b>lines</b>"
