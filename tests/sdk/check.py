#!/usr/bin/env python3
"""Walks through a Posthorn of its own with each of Svix's SDKs, and reports in the words of `cargo test`.

  tests/sdk/check.py PATH_TO_POSTHORN [NAME …]

Starts `posthorn dev` with free ports and a folder that it removes again. All walks run at once, each
with an organisation of its own. Exits with 1 if anything failed. An SDK whose runtime is not here is
ignored, and the last lines say so; where SDKS_REQUIRED is 1, as in .ci/run, it has failed.
"""

import os
import pathlib
import sys
import tempfile
import time

import summary
import table
import test_summary
from processes import run_together, stop_on_signals
from server import Server

HERE = pathlib.Path(__file__).resolve().parent
# As install.sh and run.sh say that this machine lacks the SDK's runtime.
NO_RUNTIME = 77
# Beyond these something hangs. On two cores, the installation takes up to four minutes cold (if the main
# build left nothing for the Rust walks), the walks one.
INSTALL_SECONDS = 900
WALK_SECONDS = 300
LOG_LINES = 60


class Report:
    """Prints a line for each test at once, and the details of what failed at the end."""

    def __init__(self):
        self.started = time.monotonic()
        self.passed = 0
        self.failed = {}
        self.ignored = {}
        self.log = []

    def ok(self, name, words=""):
        self.passed += 1
        self.line(name, f"ok{words and ': ' + words}")

    def fail(self, name, details, words=""):
        self.failed[name] = details
        self.line(name, f"FAILED{words and ': ' + words}")

    def ignore(self, name, reason):
        self.ignored[name] = reason
        self.line(name, f"ignored, {reason}")

    @staticmethod
    def line(name, verdict):
        print(f"test sdk::{name} ... {verdict}", flush=True)

    def end(self):
        """Prints the rest, and returns the exit code."""
        for name, details in self.failed.items():
            print(f"\n---- sdk::{name} ----")
            print("\n".join(details))
        if self.failed and self.log:
            print("\n---- the end of the server's log ----")
            print("\n".join(self.log))
        verdict = "FAILED" if self.failed else "ok"
        counts = f"{self.passed} passed; {len(self.failed)} failed; {len(self.ignored)} ignored"
        seconds = time.monotonic() - self.started
        print(f"\ntest result: {verdict}. {counts}; 0 measured; 0 filtered out; finished in {seconds:.2f}s\n")
        for name, reason in self.ignored.items():
            print(f"SDK skipped: {name}: {reason}")
        if not self.ignored:
            print("No SDK was skipped.")
        return 1 if self.failed else 0


def check(report, name, problems):
    """Reports a test that found these problems."""
    if problems:
        report.fail(name, problems)
    else:
        report.ok(name)


def install(report, sdks):
    """Installs the SDKs at once, and returns those that can be used."""
    required = os.environ.get("SDKS_REQUIRED") == "1"
    commands = {sdk: ([str(HERE / "install.sh"), sdk], os.environ) for sdk in sdks}
    usable = []
    for sdk, done in run_together(commands, INSTALL_SECONDS):
        said = done.errors.strip().splitlines() or ["it says nothing"]
        if done.code == 0:
            usable.append(sdk)
        elif done.code == NO_RUNTIME and not required:
            report.ignore(sdk, said[-1].removeprefix(f"{sdk}: "))
        elif done.code == NO_RUNTIME:
            report.fail(sdk, [f"needed here, where SDKS_REQUIRED is 1: {said[-1]}"])
        else:
            report.fail(sdk, [f"install.sh {done.ended}:", *said[-LOG_LINES:]])
    return usable


def walk(report, server, sdks):
    """Runs the walks at once."""
    if not server.ready:
        for sdk in sdks:
            report.fail(sdk, ["there is no server"])
        return
    commands = {sdk: ([str(HERE / "run.sh"), sdk], server.environment()) for sdk in sdks}
    for sdk, done in run_together(commands, WALK_SECONDS):
        verdict = summary.judge(sdk, done.output)
        problems = list(verdict.problems)
        if done.code != 0:
            problems.append(f"run.sh {done.ended}:")
            problems.extend(done.errors.strip().splitlines()[-LOG_LINES:])
        words = f"{verdict.words}, {done.seconds:.0f} s"
        if problems:
            report.fail(sdk, problems, words)
        else:
            report.ok(sdk, words)


def main(posthorn, *names):
    stop_on_signals()
    sdks = names or summary.SDKS
    unknown = set(sdks) - set(summary.SDKS)
    if unknown:
        sys.exit(f"no such SDK: {' '.join(sorted(unknown))}; there are: {' '.join(summary.SDKS)}")
    report = Report()
    print(f"\nrunning {len(sdks) + 4} tests of Svix's SDKs against {posthorn}", flush=True)
    check(report, "judge_of_the_walks_sees_mistakes", test_summary.mistakes())
    check(report, "operations_are_those_of_the_api", summary.unlike_the_api())
    check(report, "docs_are_up_to_date", table.differences())
    usable = install(report, sdks)
    with tempfile.TemporaryDirectory() as folder:
        server = Server(posthorn, pathlib.Path(folder))
        with server:
            walk(report, server, usable)
        check(report, "server_starts_and_ends", server.problems)
        report.log = server.log(LOG_LINES)
    sys.exit(report.end())


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
