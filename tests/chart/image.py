#!/usr/bin/env python3
"""Checks the container image without Docker: what goes into it, and what the Dockerfile makes of it.

    image.py <root of the image>
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"

# Every file of ours, and its mode. A new one is a decision.
CONTENTS = {"usr/local/bin/posthorn": 0o755, "usr/share/doc/posthorn/LICENSE": 0o644}
# The base image has no other libraries.
LIBRARIES = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
BASE = r"gcr\.io/distroless/cc-debian(\d+):nonroot"
USER = "65532:65532"
# Without optimisation it is the largest; a release is about half of it.
MOST_BYTES = 80 * 1024 * 1024


def contents(root):
    found = {str(path.relative_to(root)): path for path in root.rglob("*") if not path.is_dir()}
    for name in sorted(set(found) ^ set(CONTENTS)):
        yield f"{name} is {'not expected' if name in found else 'missing'}"
    for name, mode in CONTENTS.items():
        if name in found and found[name].stat().st_mode & 0o7777 != mode:
            yield f"{name} has the mode {found[name].stat().st_mode & 0o7777:o}"
    size = sum(path.stat().st_size for path in found.values())
    if size > MOST_BYTES:
        yield f"{size} bytes, more than {MOST_BYTES}"


def binary(program):
    """It needs what the base has, no later C library, and starts without anything around it."""
    headers = subprocess.run(["objdump", "-p", str(program)], capture_output=True, text=True, check=True).stdout
    for library in sorted(set(re.findall(r"NEEDED\s+(\S+)", headers)) - LIBRARIES):
        yield f"it needs {library}, which the base image does not have"
    if ".debug_info" in subprocess.run(["objdump", "-h", str(program)], capture_output=True, text=True, check=True).stdout:
        yield "it has debug information"
    started = subprocess.run([str(program), "--version"], env={}, capture_output=True, text=True, check=False)
    if started.returncode != 0 or not started.stdout.startswith("posthorn "):
        yield f"it does not start: {started.stderr}"


def dockerfile():
    text = DOCKERFILE.read_text()
    stages = re.findall(r"^FROM (\S+)", text, re.M)
    base = re.fullmatch(BASE, stages[-1])
    if len(stages) != 2 or not base:
        yield f"the stages are {stages}"
    elif base.group(1) != {"bookworm": "12", "trixie": "13"}.get(stages[0].rsplit("-", 1)[-1]):
        yield "it is built on another Debian than it runs on"
    toolchain = re.search(r'channel = "([^"]+)"', (ROOT / "rust-toolchain.toml").read_text()).group(1)
    if f"rust:{toolchain}" not in stages[0]:
        yield f"it is not built with Rust {toolchain}"
    last = text[text.rindex("FROM ") :]
    if re.findall(r"^USER (\S+)", last, re.M) != [USER]:
        yield f"the user is not {USER}"
    if re.search(r"^(RUN|ADD) ", last, re.M) or re.findall(r"^COPY (.+)", last, re.M) != ["--from=build /out/ /"]:
        yield "more than the image's root is copied into it"
    if "make dashboard image-root" not in text:
        yield "what it holds is not made by `make image-root`"
    user = re.search(r"runAsUser: 65532|\"user\" 65532", (ROOT / "helm/posthorn/templates/_pod.tpl").read_text())
    if not user:
        yield "the chart runs it as another user"


def main():
    root = Path(sys.argv[1])
    mistakes = [*contents(root), *binary(root / "usr/local/bin/posthorn"), *dockerfile()]
    for mistake in mistakes:
        print(f"FAILED image: {mistake}")
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        print(f"       image: {path.stat().st_mode & 0o7777:04o} {path.stat().st_size:>10} /{path.relative_to(root)}")
    if not mistakes:
        print(f"ok     image: {len(CONTENTS)} files, {size / 1024 / 1024:.0f} MiB beside the base, user {USER}, "
              "no shell, libraries of the base only")
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
