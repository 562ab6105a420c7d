"""Writes docs/svix-operations.md: what Posthorn does with each operation of Svix's SDKs.

  python3 tests/sdk/table.py >docs/svix-operations.md

Made from operations.json, which the walks are checked against (summary.py): nothing is claimed here
that no walk has seen. check.py compares the committed table with this one.
"""

import collections
import difflib

from summary import HERE, OPERATIONS

DOCS = HERE / "../../docs/svix-operations.md"
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


def heading():
    counts = collections.Counter(one["expectation"] for one in OPERATIONS)
    yield "# Operations of Svix's SDKs"
    yield ""
    yield "<!-- Written by tests/sdk/table.py: change tests/sdk/operations.json and run it again. -->"
    yield ""
    yield "What Posthorn does with each operation that an SDK offers: it serves it, or answers 501 in JSON, so"
    yield "that a caller sees that the request was right and this version has not got the operation."
    yield f"{counts['served']} operations are served, {counts['501']} are not. The walks in"
    yield "[tests/sdk](../tests/sdk/README.md) try each of them with the unmodified SDKs, in `make test`."
    yield ""
    yield "Py, JS and Rs are the SDKs for Python, JavaScript and Rust in their first and second generation."
    yield "An SDK in brackets offers the operation and cannot send it. Java's SDK drops a message's `deliverAt`."


def tables():
    groups = collections.defaultdict(list)
    for one in OPERATIONS:
        groups[one["operation"].split(".")[1]].append(one)
    for name in sorted(groups):
        yield from ("", f"## {name}", "", "| Operation | Request | Posthorn | SDKs |", "| --- | --- | --- | --- |")
        for one in sorted(groups[name], key=lambda one: (one["path"], one["method"])):
            broken = one.get("broken_in", [])
            sdks = [f"({SHORT[sdk]})" if sdk in broken else SHORT[sdk] for sdk in one["sdks"]]
            request = f"`{one['method']} {one['path']}`"
            yield f"| `{one['operation']}` | {request} | {ANSWERS[one['expectation']]} | {' '.join(sdks)} |"


def lines():
    return [*heading(), *tables()]


def differences():
    """How the committed table differs from this one."""
    committed = DOCS.read_text().splitlines()
    found = list(difflib.unified_diff(committed, lines(), "docs/svix-operations.md", "tests/sdk/table.py", lineterm=""))
    return found and [*found, "Write it anew: python3 tests/sdk/table.py >docs/svix-operations.md"]


if __name__ == "__main__":
    print("\n".join(lines()))
