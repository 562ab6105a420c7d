"""Writes docs/svix-operations.md: what Posthorn does with each operation of Svix's SDKs.

  python3 tests/sdk/table.py >docs/svix-operations.md

Made from operations.json, which the walks are checked against: nothing is claimed here that no walk
tries. check.sh compares the committed table with this one.
"""

import collections
import json
import pathlib

ANSWERS = {
    "served": "served",
    "501": "501 `not_implemented`",
}
SHORT = {
    "python-v1": "Py1",
    "python-v2": "Py2",
    "javascript-v1": "JS1",
    "javascript-v2": "JS2",
    "go": "Go",
    "java": "Java",
    "rust-v1": "Rs1",
    "rust-v2": "Rs2",
}

operations = json.loads(pathlib.Path(__file__).with_name("operations.json").read_text())
groups = collections.defaultdict(list)
for one in operations:
    groups[one["operation"].split(".")[1]].append(one)
counts = collections.Counter(one["expectation"] for one in operations)

print("# Operations of Svix's SDKs\n")
print("<!-- Written by tests/sdk/table.py: change tests/sdk/operations.json and run it again. -->\n")
print("What Posthorn does with each operation that an SDK offers: it serves it, or answers 501 in JSON, so")
print("that a caller sees that the request was right and this version has not got the operation.")
print(f"{counts['served']} operations are served, {counts['501']} are not. The walks in")
print("[tests/sdk](../tests/sdk/README.md) try each of them with the unmodified SDKs (`make sdk`).\n")
print("Py, JS and Rs are the SDKs for Python, JavaScript and Rust in their first and second generation.")
print("An SDK in brackets offers the operation and cannot send it.\n")
print("Of a message, two fields are not served yet: `application` (make the application along with it; 404 as")
print("without it) and `deliverAt` (422). The walks' steps for these two fail.")
for name in sorted(groups):
    print(f"\n## {name}\n")
    print("| Operation | Request | Posthorn | SDKs |")
    print("| --- | --- | --- | --- |")
    for one in sorted(groups[name], key=lambda one: (one["path"], one["method"])):
        broken = one.get("broken_in", [])
        sdks = [f"({SHORT[sdk]})" if sdk in broken else SHORT[sdk] for sdk in one["sdks"]]
        request = f"`{one['method']} {one['path']}`"
        print(f"| `{one['operation']}` | {request} | {ANSWERS[one['expectation']]} | {' '.join(sdks)} |")
