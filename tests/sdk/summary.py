"""Judges a walk: reads the lines that run.sh prints, and compares them with operations.json.

  tests/sdk/run.sh python-v2 | python3 tests/sdk/summary.py python-v2

Exits with 1 if a step failed, or if an operation has not the steps that it should have: one that is
served needs steps that passed and did not only see it refused, and one that is not needs only steps
that saw 501. So nothing can be claimed in docs/svix-operations.md that no walk has seen.
"""

import dataclasses
import json
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
OPERATIONS = json.loads((HERE / "operations.json").read_text())
SDKS = ["python-v1", "python-v2", "javascript-v1", "javascript-v2", "go", "java", "rust-v1", "rust-v2"]
# How the words of a step begin that sees an operation refused, or that the SDK cannot send.
REFUSED = "501: "
UNSENDABLE = "the SDK cannot send it"


@dataclasses.dataclass
class Verdict:
    problems: list
    words: str


def judge(sdk, output):
    """What to say of a walk's output."""
    try:
        steps = [json.loads(line) for line in output.splitlines()]
    except json.JSONDecodeError as error:
        return Verdict([f"not a line of a walk: {error}: {error.doc}"], "no steps")
    failed = [step for step in steps if not step["ok"]]
    problems = [f"failed: {step['operation']}: {step['step']}: {step['error']}" for step in failed]
    offered = {one["operation"]: one for one in OPERATIONS if sdk in one["sdks"]}
    for name, operation in sorted(offered.items()):
        problems += unlike_its_steps(sdk, operation, [step for step in steps if step["operation"] == name])
    walked = {step["operation"] for step in steps}
    problems += [f"not in operations.json: {name}" for name in sorted(walked - offered.keys())]
    words = f"{len(steps)} steps, {len(failed)} failed; {len(walked & offered.keys())} of {len(offered)} operations"
    return Verdict(problems, words)


def unlike_its_steps(sdk, operation, steps):
    """What is wrong with the steps of one operation, beside those that failed."""
    name = operation["operation"]
    if not steps:
        return [f"no step: {name}"]
    refused = [step["step"].startswith(REFUSED) for step in steps]
    unsendable = [step["step"] == UNSENDABLE for step in steps]
    if sdk in operation.get("broken_in", []):
        return [] if all(unsendable) else [f"said to be broken, but there are other steps: {name}"]
    if any(unsendable):
        return [f"cannot be sent, but broken_in does not say so: {name}"]
    if operation["expectation"] == "501":
        return [] if all(refused) else [f"said to be 501, but there are other steps: {name}"]
    if any(step["ok"] and not refusal for step, refusal in zip(steps, refused)):
        return []
    return [f"said to be served, but no step has seen that: {name}"]


def unlike_the_api():
    """Where operations.json and the API's own description of what it serves are at odds."""

    def request(method, path):
        return method.upper(), re.sub(r"\{\w+\}", "{}", path)

    paths = json.loads((HERE / "../../docs/openapi.json").read_text())["paths"]
    served = {request(method, path) for path, methods in paths.items() for method in methods}
    problems = []
    for one in OPERATIONS:
        claimed = one["expectation"] == "served"
        if claimed != (request(one["method"], one["path"]) in served):
            there = "has not got it" if claimed else "has got it"
            problems.append(f"{one['operation']}: operations.json says {one['expectation']}, docs/openapi.json {there}")
    return problems


if __name__ == "__main__":
    verdict = judge(sys.argv[1], sys.stdin.read())
    print("\n".join([*verdict.problems, f"{sys.argv[1]}: {verdict.words}"]))
    sys.exit(bool(verdict.problems))
