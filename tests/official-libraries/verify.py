"""Verifies deliveries with the official Python libraries, unchanged.

Reads JSON lines from standard input and prints one JSON line for each:

  {"library": "svix" | "standardwebhooks", "secret": "whsec_…", "headers": {…}, "body_base64": "…"}
  {"library": …, "version": …, "ok": true | false, "error": null | "…"}

Exits with 0 once all lines were processed, whatever the verdicts.
"""

import base64
import importlib.metadata
import json
import sys

import standardwebhooks
import svix.webhooks

WEBHOOKS = {"svix": svix.webhooks.Webhook, "standardwebhooks": standardwebhooks.Webhook}


def verdict(line):
    library = version = error = None
    try:
        delivery = json.loads(line)
        library = delivery["library"]
        if library not in WEBHOOKS:
            raise ValueError(f"unknown library {library!r}")
        version = importlib.metadata.version(library)
        body = base64.b64decode(delivery["body_base64"], validate=True)
        WEBHOOKS[library](delivery["secret"]).verify(body, delivery["headers"])
    except Exception as raised:  # the libraries raise what they like; all of it means "no"
        error = f"{type(raised).__name__}: {raised}"
    return {"library": library, "version": version, "ok": error is None, "error": error}


for line in sys.stdin.buffer:
    if line.strip():
        print(json.dumps(verdict(line)), flush=True)
