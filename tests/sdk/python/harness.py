"""What the walks need that is not about Svix: steps, checks, waiting, and the receiver."""

import base64
import datetime
import json
import secrets
import time
import types
import urllib.parse
import urllib.request

# How long something that happens later may take; retries of failing deliveries included.
SOON = 30

# The pause after a message. Ids, which decide about order and filters by time, have a resolution of 4 ms.
APART = 0.02


class Skipped(Exception):
    """An earlier step did not get as far as this one needs."""


class Context(types.SimpleNamespace):
    """What steps leave for later ones."""

    def __getattr__(self, name):
        raise Skipped(f"no {name}: an earlier step failed")


def describe(error):
    """One line that says what went wrong, beginning with the status if it was an answer."""
    status = getattr(error, "status_code", None)
    if status is not None:
        return f"HTTP {status}: {getattr(error, 'code', None) or ''} {error.detail}".replace("\n", " ")
    return f"{type(error).__name__}: {error}".replace("\n", " ")


def step(operation, words):
    """Runs the decorated function now, as one step, and prints the verdict."""

    def run(function):
        error = None
        try:
            function()
        except Exception as raised:  # whatever it is, the walk goes on
            error = describe(raised)
        line = {"operation": operation, "step": words, "ok": error is None, "error": error}
        print(json.dumps(line), flush=True)

    return run


def equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r} instead of {expected!r}")


def holds(condition, what):
    if not condition:
        raise AssertionError(what)


def fails(status, code, call):
    """Checks that a call fails with this status and this code, and returns the error."""
    try:
        answer = call()
    except Exception as raised:
        if getattr(raised, "status_code", None) != status:
            raise
        if code is not None:
            equal(raised.code, code, f"code of the {status}")
            holds(raised.detail, f"the {status} has no detail")
        return raised
    raise AssertionError(f"no {status}, but {answer!r}")


def eventually(probe):
    """Calls until nothing is raised, and returns the answer."""
    deadline = time.monotonic() + SOON
    while True:
        try:
            return probe()
        except (AssertionError, KeyError, IndexError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def now():
    return datetime.datetime.now(datetime.timezone.utc)


def minutes(number):
    return datetime.timedelta(minutes=number)


def apart(created):
    """Passes on what was created, a moment later."""
    time.sleep(APART)
    return created


def unique():
    return secrets.token_hex(5)


class Received:
    def __init__(self, recorded):
        self.headers = recorded["headers"]
        self.body = base64.b64decode(recorded["body_base64"])


class Receiver:
    def __init__(self, base):
        self.base = base
        self.folder = unique()

    def path(self, name, failures=0):
        return f"/fail-{failures}/{self.folder}/{name}" if failures else f"/{self.folder}/{name}"

    def url(self, path):
        return self.base + path

    def received(self, path):
        query = urllib.parse.urlencode({"path": path})
        with urllib.request.urlopen(f"{self.base}/_requests?{query}") as answer:
            return [Received(recorded) for recorded in json.load(answer)]

    def wait(self, path, message_id, count=1):
        """Waits until a message has arrived so many times, and returns the requests."""

        def arrived():
            found = [one for one in self.received(path) if one.headers.get("svix-id") == message_id]
            holds(len(found) >= count, f"{message_id} came {len(found)} times to {path}, not {count}")
            return found

        return eventually(arrived)
