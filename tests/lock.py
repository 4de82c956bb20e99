"""Check the locks: ``python -m tests.lock``. Every package is pinned to hashes, no line names a host, nothing is missing.

``requirements.lock`` has what the project and its tests want, ``requirements-NAME.lock`` what the extra NAME wants beside
it; what both have they pin to the same version. ``--extra NAME`` prints what an extra asks for.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
HASH_RE = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def check(lock: str, project: str, extra: str | None = None) -> list[str]:
    """Say what is wrong with a lock for a project, or for one of its extras; empty where nothing is.

    >>> good = "a==1.2 ; python_version < '4' \\\\\\n    --hash=sha256:" + 64 * "0" + "\\n"
    >>> check(good, '[project]\\nname = "x"\\ndependencies = ["A>=1"]'), check(good, '[project]\\nname = "x"\\ndependencies = ["b"]')
    ([], ['found no line for b, wanted every dependency of pyproject.toml'])
    >>> check("a>=1\\n", '[project]\\nname = "x"\\ndependencies = []')
    ["found 'a>=1' without a hash", "found 'a>=1', wanted NAME==VERSION"]
    >>> check("--index-url https://a.example/\\n", '[project]\\nname = "x"\\ndependencies = []')
    ["found '--index-url https://a.example/', wanted no option and no host"]
    """
    wrong: list[str] = []
    pinned: set[str] = set()
    for entry in re.sub(r"\\\n\s*", " ", lock).splitlines():
        if not entry.strip() or entry.startswith("#"):
            continue
        hashes = HASH_RE.findall(entry)
        said = HASH_RE.sub("", entry).strip()
        if said.startswith("-") or "--" in said or re.search(r"://|@", said):
            wrong.append(f"found {said!r}, wanted no option and no host")
            continue
        if not hashes:
            wrong.append(f"found {said!r} without a hash")
        try:
            found = Requirement(said)
        except InvalidRequirement as error:
            wrong.append(f"found {said!r}: {error}")
            continue
        if not re.fullmatch(r"==[^*,]+", str(found.specifier)):
            wrong.append(f"found {said!r}, wanted NAME==VERSION")
        pinned.add(canonicalize_name(found.name))
    told = tomllib.loads(project)
    if extra is None:
        wanted = [*told["project"]["dependencies"], *told.get("dependency-groups", {}).get("dev", [])]
    else:
        wanted = told["project"]["optional-dependencies"][extra]
    missing = sorted({canonicalize_name(Requirement(each).name) for each in wanted} - pinned)
    return wrong + [
        f"found no line for {name}, wanted every dependency of pyproject.toml" for name in missing
    ]


def pins(lock: str) -> dict[str, str]:
    """Give the versions that a lock names, by package.

    >>> pins("a==1.2 ; python_version < '4' \\\\\\n    --hash=sha256:00\\nB==2\\n")
    {'a': '1.2', 'b': '2'}
    """
    found = re.findall(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)", lock, re.M)
    return {canonicalize_name(name): version for name, version in found}


def main() -> int:
    """Print what is wrong; 1 if anything is."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = tomllib.loads(project)["project"].get("optional-dependencies", {})
    if sys.argv[1:2] == ["--extra"]:
        print("\n".join(extras[sys.argv[2]]))
        return 0
    failed = 0
    held: dict[str, str] = {}
    for extra in (None, *extras):
        name = f"requirements-{extra}.lock" if extra else "requirements.lock"
        lock = (ROOT / name).read_text(encoding="utf-8")
        wrong = check(lock, project, extra)
        wrong += [
            f"found {package}=={version}, wanted {held[package]} as the other lock has it"
            for package, version in pins(lock).items()
            if held.get(package, version) != version
        ]
        held |= pins(lock)
        for line in wrong:
            print(f"{name}: {line}", file=sys.stderr)
        print(f"{name}: {len(pins(lock))} packages pinned with hashes")
        failed |= bool(wrong)
    return failed


if __name__ == "__main__":
    sys.exit(main())
