"""Serve the replica portals from a shell.

Prints one JSON line with the proxy's address and the certificate file, then serves until standard input
closes or --seconds are over.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date

from .server import Replica, wait_for_end


def main() -> None:
    """Read the arguments and serve."""
    told = argparse.ArgumentParser(prog="python -m tests.replica", description=__doc__)
    told.add_argument("--seed", type=int, default=1)
    told.add_argument("--night", type=int, default=1, choices=(1, 2))
    told.add_argument("--port", type=int, default=0, help="0: any free one")
    told.add_argument("--stories", type=int, help="scale the portals down to about so many stories")
    told.add_argument(
        "--today", type=date.fromisoformat, help="day of night 1, YYYY-MM-DD (default: the real one)"
    )
    told.add_argument(
        "--ca-file", default="", help="where to write the certificate (default: a temporary file)"
    )
    told.add_argument("--truth", help="write the truth table to this file as JSON lines")
    told.add_argument("--no-extras", action="store_true", help="no story that is always 404 or behind a gate")
    told.add_argument("--faults", action="store_true", help="set the default faults")
    told.add_argument("--seconds", type=float, default=3600.0, help="serve at most so long")
    said = told.parse_args()
    replica = Replica(
        seed=said.seed,
        night=said.night,
        port=said.port,
        stories=said.stories,
        today=said.today,
        extras=not said.no_extras,
        ca_file=said.ca_file,
    )
    if said.faults:
        replica.add_default_faults()
    if said.truth:
        replica.write_truth(said.truth)
    with replica:
        row = {
            "proxy": replica.url,
            "ca_file": replica.ca_file,
            "stories": len(replica.truth),
            "night": replica.night,
        }
        print(json.dumps(row), flush=True)
        wait_for_end(iter(sys.stdin.readline, ""), said.seconds)


if __name__ == "__main__":
    main()
