"""Programs that stand for other people's: a producer over NATS and HTTP, and a receiver. No library.

    load.py produce <nats host> <ingest host> <application> <token> <rate> <name>   until standard input ends
    load.py receive <port>                                                   counts per svix-id
Each prints one line of JSON at its end.
"""

import http.client
import http.server
import json
import queue
import socket
import sys
import threading
import time

HANDS = 8
ANSWER_TIMEOUT = 5


class Nats:
    """A publisher that waits for JetStream's ack."""

    def __init__(self, host):
        self.socket = socket.create_connection((host, 4222), timeout=ANSWER_TIMEOUT)
        self.file = self.socket.makefile("rb")
        self.file.readline()
        self.socket.sendall(b'CONNECT {"verbose":false,"pedantic":false,"lang":"python","version":"0"}\r\nSUB acks.%d 1\r\n' % id(self))

    def publish(self, subject, body):
        self.socket.sendall(b"PUB %s acks.%d %d\r\n%s\r\n" % (subject.encode(), id(self), len(body), body))
        while True:
            line = self.file.readline()
            if line.startswith(b"MSG "):
                answer = json.loads(self.file.read(int(line.split()[-1]) + 2))
                if "error" in answer:
                    raise OSError(answer["error"])
                return
            if line.startswith(b"PING"):
                self.socket.sendall(b"PONG\r\n")
            elif not line or line.startswith(b"-ERR"):
                raise OSError(line)


class Http:
    """Events by POST; 202 is the ack."""

    def __init__(self, host, application, token):
        self.connection = http.client.HTTPConnection(host, 8072, timeout=ANSWER_TIMEOUT)
        self.path = f"/api/v1/app/{application}/events"
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def publish(self, _subject, body):
        # Through the door for all types, so the body names its own.
        event = json.loads(body) | {"type": "load.tick"}
        self.connection.request("POST", self.path, json.dumps(event), self.headers)
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != 202:
            raise OSError(f"answered {answer.status}")


def produce(nats, ingest, application, token, rate, name):
    # A queue for each hand, so that both doors get the same share.
    queues, accepted, problems = [queue.Queue() for _ in range(HANDS)], [], []

    def hand(jobs, connect):
        door = None
        while (event := jobs.get()) is not None:
            body = json.dumps({"id": event, "data": {"n": event}}).encode()
            while True:
                try:
                    door = door or connect()
                    door.publish(f"posthorn.events.{application}.load.tick", body)
                    accepted.append(event)
                    break
                except (OSError, http.client.HTTPException, ValueError) as error:
                    problems.append(str(error) or type(error).__name__)
                    door = None
                    time.sleep(0.2)

    hands = [
        threading.Thread(target=hand, args=(jobs, (lambda: Nats(nats)) if at % 2 else (lambda: Http(ingest, application, token))))
        for at, jobs in enumerate(queues)
    ]
    for one in hands:
        one.start()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    started, number = time.monotonic(), 0
    while not ended.is_set():
        queues[number % HANDS].put(f"event_{name}_{number}")
        number += 1
        time.sleep(max(0, started + number / rate - time.monotonic()))
    took = time.monotonic() - started
    for jobs in queues:
        jobs.put(None)
    for one in hands:
        one.join()
    print(json.dumps({"accepted": accepted, "repeated": len(problems), "problems": sorted(set(problems))[:5], "seconds": took}))


def receive(port):
    """Every hundredth event is refused once, so that retries lie in the way of what is tested. With more
    of them, the senders would rightly ask an endpoint that fails so often less."""
    counts, refused, lock = {}, set(), threading.Lock()
    # Of each user agent, which says which version of the sender it was: how many, the first and the last.
    agents = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            self.rfile.read(int(self.headers.get("content-length", "0")))
            name = self.headers.get("svix-id", "")
            with lock:
                agent = agents.setdefault(self.headers.get("user-agent", ""), [0, time.time(), 0])
                agent[0], agent[2] = agent[0] + 1, time.time()
                fails = name.endswith("77") and name not in refused
                if fails:
                    refused.add(name)
                else:
                    counts[name] = counts.get(name, 0) + 1
            self.send_response(500 if fails else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def do_GET(self):
            body = json.dumps({"counts": counts, "refused": len(refused), "agents": agents}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments):
            pass

    class Server(http.server.ThreadingHTTPServer):
        address_family = socket.AF_INET6
        request_queue_size = 512

    Server(("::", port), Handler).serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "produce":
        produce(*sys.argv[2:6], float(sys.argv[6]), sys.argv[7])
    else:
        receive(int(sys.argv[2]))
