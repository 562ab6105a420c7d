"""A receiver of webhooks that remembers what it got.

Listens on a free port of the loopback interface, prints its base URL as one line and ends with its
standard input.

  POST /any/path        is recorded, and answered with 200
  POST /fail-2/any      likewise, but the first two of each path are answered with 500
  GET  /_requests?path=/any/path   everything that came for this path, in order:
                                   [{"headers": {lower-case name: value}, "body_base64": "…", "status": 200}]
"""

import base64
import collections
import http.server
import json
import re
import sys
import threading
import urllib.parse

requests = collections.defaultdict(list)
lock = threading.Lock()


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path != "/_requests":
            self.answer(404, {"detail": "only /_requests can be read"})
            return
        path = urllib.parse.parse_qs(url.query).get("path", [""])[0]
        with lock:
            found = list(requests[path])
        self.answer(200, found)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        failures = re.match(r"/fail-(\d+)(/|$)", self.path)
        with lock:
            earlier = requests[self.path]
            fails = failures is not None and len(earlier) < int(failures[1])
            status = 500 if fails else 200
            earlier.append(
                {
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "body_base64": base64.b64encode(body).decode(),
                    "status": status,
                }
            )
        self.answer(status, {"received": not fails})

    def log_message(self, *_):
        """Says nothing: standard error is the walk's."""


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
sys.stdin.read()
