"""``make bench``: each benchmark prints its figures, speeds as ratios against a peer or a floor in the same run."""

from __future__ import annotations

import subprocess
import sys

BENCHMARKS = (
    *("pages", "decoding", "gate", "mojibake", "copies", "spam"),
    *("duplicates", "differences", "full", "kills", "bits", "search", "marks", "browsing", "habits"),
)


def main() -> int:
    """Run the benchmarks one after the other, each in a process of its own; 1 if one of them failed."""
    failed = 0
    for name in BENCHMARKS:
        print(f"\n== {name}", flush=True)
        failed |= subprocess.run(
            [sys.executable, "-m", f"tests.bench.{name}"], timeout=900, check=False
        ).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
