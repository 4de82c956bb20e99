"""``make bench``: each benchmark prints its figures, speeds as ratios against a peer or a floor in the same run."""

from __future__ import annotations

import argparse
import subprocess
import sys

BENCHMARKS = (
    *("pages", "decoding", "gate", "mojibake", "copies", "spam"),
    *("duplicates", "differences", "full", "kills", "bits", "search", "marks", "browsing", "habits", "speed"),
    "fuzz",
)
SECONDS = 900
"""How long one of them may take."""


def main() -> int:
    """Run the benchmarks one after the other, each in a process of its own; 1 if one of them failed or did not end."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHMARKS)}; without one all"
    )
    names = parser.parse_args().names or BENCHMARKS
    if unknown := [name for name in names if name not in BENCHMARKS]:
        parser.error(f"found {', '.join(unknown)}, wanted some of {', '.join(BENCHMARKS)}")
    failed = 0
    for name in names:
        print(f"\n== {name}", flush=True)
        command = [sys.executable, "-m", f"tests.bench.{name}"]
        try:
            failed |= subprocess.run(command, timeout=SECONDS, check=False).returncode
        except subprocess.TimeoutExpired:
            print(f"{name} did not end in {SECONDS} seconds", flush=True)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
