"""Sums up a walk: reads the lines that run.sh prints, and compares them with operations.json.

  tests/sdk/run.sh python-v2 | python3 tests/sdk/summary.py python-v2

Exits with 1 if a step failed, or if there is an operation of this SDK without a step.
"""

import json
import pathlib
import sys

sdk = sys.argv[1]
operations = json.loads(pathlib.Path(__file__).with_name("operations.json").read_text())
offered = {one["operation"] for one in operations if sdk in one["sdks"]}
steps = [json.loads(line) for line in sys.stdin]
walked = {step["operation"] for step in steps}
failed = [step for step in steps if not step["ok"]]

for step in failed:
    print(f"failed: {step['operation']}: {step['step']}: {step['error']}")
for operation in sorted(offered - walked):
    print(f"no step: {operation}")
for operation in sorted(walked - offered):
    print(f"not in operations.json: {operation}")
print(f"{sdk}: {len(steps)} steps, {len(failed)} failed; {len(walked & offered)} of {len(offered)} operations")
sys.exit(bool(failed or offered != walked))
