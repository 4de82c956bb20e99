"""The further pages of a split article: the answers that came for them, and what becomes of each."""

from __future__ import annotations

from scrapy.http import Response

from crawler.captures import OVERLONG, is_cut_off
from crawler.items import Page
from crawler.portals.gates import gate_reason
from crawler.portals.listing import path_of
from crawler.portals.pager import Walk


class Parts(Walk):
    """The way over the further pages of an article, with the answers that came for them."""

    def __init__(self, response: Response) -> None:
        """Begin at an answer for an article."""
        overlong = not OVERLONG.isdisjoint(response.flags)
        page = response.status == 200 and not overlong and not gate_reason(response.status, response.body)
        super().__init__(response.body if page else b"", response.url, content_type(response))
        self.answers: list[Response] = []
        self.broken_off = False
        """Whether one of them was not asked for."""

    def take(self, answer: Response | None) -> None:
        """Take the answer for the page that `next` named; None ends the way."""
        if answer is None:
            self.broken_off = True
            self.known.clear()
            return
        self.answers.append(answer)
        url = answer.meta["context"]["url"]
        if not refuse(url, answer):
            self.learn(answer.body, url, content_type(answer))

    def pages(self, page: Page) -> tuple[Page, ...]:
        """Make the further pages of an article, each on its own."""
        found = []
        for answer in self.answers:
            url = answer.meta["context"]["url"]
            found.append(
                Page(
                    url=url,
                    whole=page.url,
                    portal=page.portal,
                    channel=page.channel,
                    zone=page.zone,
                    body=answer.body,
                    content_type=content_type(answer),
                    hosts=page.hosts,
                    sheets=page.sheets,
                    capture=answer.meta["capture"],
                    error=refuse(url, answer),
                )
            )
        return tuple(found)


def refuse(url: str, answer: Response) -> str | None:
    """Say why an answer is not the further page that was asked for; None where it is."""
    if not answer.status:
        return answer.body.decode("utf-8", "replace") or "no answer came"
    if reason := gate_reason(answer.status, answer.body):
        return f"a gate answers: {reason}"
    if answer.status != 200:
        return f"answers {answer.status}"
    if path_of(answer.url) != path_of(url):
        return f"leads to {answer.url}"
    if not OVERLONG.isdisjoint(answer.flags):
        return "larger than any page"
    if is_cut_off(answer.flags):
        return f"cut off after {len(answer.body)} bytes"
    return None


def content_type(response: Response) -> str | None:
    """Give the Content-Type header as received, None where there is none."""
    header = response.headers.get("Content-Type")
    return header.decode("latin-1") if header else None
