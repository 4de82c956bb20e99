"""Replica portals on loopback, with a truth table: what every crawl test and the demo run against.

``with Replica(seed=1) as replica`` serves them from a thread; ``python -m tests.replica`` from a shell.
"""

from .server import HOSTS, Replica, Request
from .stories import Offsite, Story, World, plan

__all__ = ["HOSTS", "Offsite", "Replica", "Request", "Story", "World", "plan"]
