"""Reads from the sources of Svix's SDKs which operations they offer, and writes operations.json.

  python3 tests/sdk/enumerate.py <sdk>=<folder or .jar of its sources> …     all of them, or it is incomplete

  python-*       .tools/sdk/python-v2/packages/svix
  javascript-*   .tools/sdk/javascript-v2/node_modules/svix
  go             the module's folder: go list -m -f '{{.Dir}}' github.com/svix/svix-webhooks, in tests/sdk/go
  java           svix-….-sources.jar: mvn dependency:get -Dartifact=com.svix:svix:1.99.1:jar:sources
  rust-*         the package's folder among cargo's sources

An operation is a method and a path. Its name is that of Svix's OpenAPI document, which the oldest
generation of the SDKs follows; the newest calls `update` by the name of `upsert`.
"""

import io
import json
import pathlib
import re
import sys
import zipfile

ORDER = ["python-v1", "python-v2", "javascript-v1", "javascript-v2", "go", "java", "rust-v1", "rust-v2"]
# Not operations of their own: another name, or another query, for the same method and path.
ALIASES = {"Application.get-or-create", "Endpoint.transformation-partial-update"}
# What Posthorn answers with 501, as of this version; everything else is served.
UNSERVED = re.compile(
    r"/ingest/|/api/v1/(stream|connector|environment|auth/stream)|"
    r"/api/v1/app/\{\}/(integration|destination|autoconfig|poller|events)|/endpoint/\{\}/transformation"
)
# Operations that an SDK offers and cannot send. The Java SDK gives its HTTP client no body for them, and
# that client refuses a POST or PUT without one; the walk shows that this is still so.
BROKEN_IN = {
    operation: ["java"]
    for operation in (
        "v1.authentication.dashboard-access",
        "v1.authentication.logout",
        "v1.authentication.stream-logout",
        "v1.environment.export",
        "v1.ingest.source.rotate-token",
        "v1.integration.rotate-key",
        "v1.message-attempt.resend",
        "v1.message.expunge-all-contents",
        "v1.statistics.aggregate-event-types",
    )
}
GROUPS = ["OperationalWebhook", "Ingest", "Streaming", "Message", "Endpoint", "Destination"]


def texts(source, suffix):
    """The source files of a folder or an archive, by name."""
    if source.suffix == ".jar":
        with zipfile.ZipFile(io.BytesIO(source.read_bytes())) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(suffix) and "internal" not in name:
                    yield archive.read(name).decode()
    else:
        for file in sorted(source.rglob(f"*{suffix}")):
            if not re.search("internal|_test|/node_modules/.*/node_modules/", str(file)):
                yield file.read_text()


def scan(text, owner, function, request):
    """Yields (owner, function, method, path), in the order of the text."""
    where = None
    name = None
    tokens = re.compile(f"(?P<o>{owner})|(?P<f>{function})|(?P<r>{request})", re.M)
    for found in tokens.finditer(text):
        groups = {key: value for key, value in found.groupdict().items() if value is not None}
        if "o" in groups:
            where = groups["owner"]
        elif "f" in groups:
            name = groups["name"]
        elif where is not None and name is not None:
            yield where, name, groups["method"].upper(), groups["path"]


def python(text):
    return scan(
        text,
        r"^class (?P<owner>\w+?)(Async)?\(ApiBase",
        r"^    (async )?def (?P<name>\w+)",
        r'method="(?P<method>\w+)",\s*path="(?P<path>[^"]+)"',
    )


def javascript(text):
    # The internal classes come after the public ones, in the bundle of version 2.
    text = text.split("var SvixInternal")[0]
    return scan(
        text,
        r"^(var |class )(?P<owner>\w+)( = class)?",
        r"^(\t|    )(?P<name>\w+)\(",
        r'new (request_1\.)?SvixRequest\((request_1\.HttpMethod\.|")(?P<method>[A-Z]+)"?, "(?P<path>[^"]+)"\)',
    )


def go(text):
    return scan(
        text,
        r"^type (?P<owner>\w+) struct",
        r"^func \(\w+ \*?\w+\) (?P<name>\w+)",
        r'"(?P<method>GET|POST|PUT|PATCH|DELETE)",\s*"(?P<path>/[^"]+)"',
    )


def java(text):
    owner = re.search(r"^public class (\w+)", text, re.M)
    path = None
    name = None
    if owner is None:
        return
    for found in re.finditer(
        r'^    public \S+(<.*>)? (?P<name>\w+)\(|(?P<path>"/(api|ingest)/[^"]+")|executeRequest\(\s*"(?P<method>\w+)"',
        text,
        re.M,
    ):
        if found["name"]:
            name = found["name"]
        elif found["path"]:
            path = found["path"].strip('"')
        else:
            yield owner[1], name, found["method"], path


def rust(text):
    return scan(
        text,
        r"^pub struct (?P<owner>\w+)<'a>",
        r"^    pub (async )?fn (?P<name>\w+)",
        r'Request::new\(\s*http1?::Method::(?P<method>\w+),\s*"(?P<path>[^"]+)"',
    )


READERS = {
    "python": (python, ".py"),
    "javascript": (javascript, "js"),
    "go": (go, ".go"),
    "java": (java, ".java"),
    "rust": (rust, ".rs"),
}


def kebab(name):
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name.replace("$1", "")).replace("_", "-")
    return words.strip("-").lower()


def operation_id(owner, name):
    for group in GROUPS:
        rest = owner.removeprefix(group)
        if rest != owner and rest not in ("", "Attempt", "$1"):
            return f"v1.{kebab(group)}.{kebab(rest)}.{kebab(name)}"
    return f"v1.{kebab(owner)}.{kebab(name)}"


def placeholders(path):
    return re.sub(r"\{\w*\}|%s", "{}", path)


def main(arguments):
    sources = dict(argument.split("=", 1) for argument in arguments)
    if sorted(sources) != sorted(ORDER):
        sys.exit(f"{__doc__}\nneeded: {' '.join(ORDER)}")
    found = {}
    for sdk in ORDER:
        reader, suffix = READERS[sdk.split("-")[0]]
        count = 0
        for text in texts(pathlib.Path(sources[sdk]), suffix):
            for owner, name, method, path in reader(text):
                key = (placeholders(path), method)
                if key not in found:
                    found[key] = {"operation": None, "method": method, "path": path, "sdks": []}
                    count += 1
                entry = found[key]
                if entry["operation"] is None and f"{owner}.{kebab(name)}" not in ALIASES:
                    entry["operation"] = operation_id(owner, name)
                if sdk not in entry["sdks"]:
                    entry["sdks"].append(sdk)
                entry["expectation"] = "501" if UNSERVED.search(key[0]) else "served"
        total = sum(sdk in entry["sdks"] for entry in found.values())
        print(f"{sdk}: {total} operations, {count} of them new", file=sys.stderr)
    entries = sorted(found.values(), key=lambda entry: (entry["operation"], entry["path"]))
    for entry in entries:
        if entry["operation"] in BROKEN_IN:
            entry["broken_in"] = BROKEN_IN[entry["operation"]]
    lines = ",\n".join("  " + json.dumps(entry) for entry in entries)
    target = pathlib.Path(__file__).with_name("operations.json")
    target.write_text(f"[\n{lines}\n]\n")


main(sys.argv[1:])
