"""What an archive remembers of a portal, as far as it helps to read the portal's next page."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from crawler.text.hosts import Hosts, host_of
from crawler.text.trees import Tree

LINES = 200
"""How many lines of one page are remembered."""
HOSTS = 100
"""How many hosts of one page are remembered."""


class Memory(Protocol):
    """What was learnt from a portal's earlier pages; asking is a look-up in a set."""

    def furniture(self, line: str) -> bool:
        """Say whether a line stands on many of the portal's pages outside their articles."""

    def repeated(self, text: str, url: str | None) -> int:
        """Count the other articles on which the same block is known for spam."""

    def honest(self, host: str) -> bool:
        """Say whether honest pages of the portal name a host."""


class Traces(NamedTuple):
    """What one page teaches."""

    lines: tuple[str, ...] = ()
    """Lines outside the article that speak for being one: only they can be taken for it elsewhere."""
    hosts: tuple[str, ...] = ()
    """Hosts that the page links and that are neither its own nor known to be honest."""


def trace(tree: Tree, text: str, url: str | None = None) -> Traces:
    """Give what a page whose article is `text` teaches; a plain-text document teaches nothing.

    >>> from crawler.text.trees import parse
    >>> tree = parse("<p>书屋昨日开放,市民免费借阅。</p><p>本网站由示例市政府办公室主办。<a href='http://x.example/'>甲</a></p>")
    >>> trace(tree, "书屋昨日开放,市民免费借阅。", "http://www.lyg.gov.cn/")
    Traces(lines=('本网站由示例市政府办公室主办。甲',), hosts=('x.example',))
    """
    if tree.plain:
        return Traces()
    outline = tree.outline
    said = set(text.split("\n"))
    lines = dict.fromkeys(line.text for line in outline.lines if line.weight > 0 and line.text not in said)
    hosts = Hosts(outline, url)
    named = dict.fromkeys(host_of(a.href) for a in outline.anchors if hosts.foreign(a.href))
    return Traces(tuple(lines)[:LINES], tuple(named)[:HOSTS])
