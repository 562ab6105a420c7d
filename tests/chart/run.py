#!/usr/bin/env python3
"""Runs the quick start as it is rendered, without a cluster: `make chart-test`.

Every container is started with exactly its command, arguments, environment, mounts, user and probes;
Services and NetworkPolicies are in force. Then: the chart's own test, what senders can reach, and an
upgrade under load with nothing lost. See cluster/.

    run.py <root of posthorn's image> <nats-server> <folder with initdb and postgres>
"""

import base64
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from cases import QUICKSTART
from cluster import images, kubelet
from cluster.release import Cluster
from render import NAMESPACE, renderer, values_of

HERE = Path(__file__).resolve().parent

# Two of each service, so that an upgrade has something to roll; else the quick start as it is.
VALUES = {"defaults": {"replicas": 2}}
RATE = 60

# Outside of the cluster: a receiver in the internet, and what a sender must never reach.
PUBLIC = ["93.184.216.34", "2606:2800:21f::1"]
FORBIDDEN = [
    "10.1.2.3", "100.64.0.7", "168.63.129.16", "169.254.169.254", "172.16.3.4", "192.0.0.192", "192.168.5.5",
    "198.18.0.9", "198.51.100.9", "203.0.113.9", "2001:db8::9", "2002:a01:203::1", "fd00:ec2::254", "64:ff9b::a01:203",
]


def in_own_namespaces():
    """Starts this program anew in namespaces of its own; all that it starts ends with it."""
    if os.environ.get("CHART_NAMESPACES"):
        return
    flags = ["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    tried = subprocess.run(["unshare", *flags, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        print(f"NOT RUN: no namespaces can be made here (root is needed): {tried.stderr.strip()}")
        sys.exit(1 if os.environ.get("CHART_REQUIRED") else 0)
    os.environ["CHART_NAMESPACES"] = "yes"
    os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])


def version(helm, tag):
    return helm.render(values_of(QUICKSTART, VALUES | {"image": {"tag": tag}}), "1.34.0")


class Outside:
    """A process in a network namespace of the cluster that is no pod of the release."""

    def __init__(self, cluster, addresses=(), namespace="elsewhere"):
        self.cluster = cluster
        self.pause = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        while os.readlink(f"/proc/{self.pause.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            time.sleep(0.01)
        self.ip = cluster.network.attach(self.pause.pid, {"app": "outside"}, namespace, addresses)["ip"]

    def start(self, *argv):
        return subprocess.Popen(
            ["nsenter", f"--net=/proc/{self.pause.pid}/ns/net", sys.executable, *argv],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )

    def run(self, code, *arguments):
        return run_in(self.pause.pid, code, *arguments)


def run_in(pid, code, *arguments):
    done = subprocess.run(
        ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-c", code, *arguments],
        capture_output=True, text=True, check=False,
    )
    if done.returncode != 0:
        raise kubelet.PodFailed(done.stderr)
    return json.loads(done.stdout)


REACHABLE = """
import concurrent.futures, json, socket, sys
def one(address):
    host, port = address.rsplit("|", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1.5).close()
        return True
    except OSError:
        return False
with concurrent.futures.ThreadPoolExecutor(32) as pool:
    print(json.dumps(dict(zip(sys.argv[1:], pool.map(one, sys.argv[1:])))))
"""

CALL = """
import json, sys, urllib.request
method, url, token, body = sys.argv[1:]
request = urllib.request.Request(url, body.encode() or None, {"authorization": "Bearer " + token, "content-type": "application/json"}, method=method)
text = urllib.request.urlopen(request, timeout=15).read()
print(text.decode() or "null")
"""


def check_policies(cluster, outside, receiver_pause):
    """What a sender reaches, beside a pod without a policy, which reaches everything."""
    services = cluster.network.services
    places = [f"{address}|80" for address in (*PUBLIC, *FORBIDDEN)]
    control = outside.run(REACHABLE, *places)
    unreachable = [place for place, reached in control.items() if not reached]
    assert not unreachable, f"without a policy these cannot be reached either, which proves nothing: {unreachable}"
    sender = cluster.of("sender")[0].pause.pid
    seen = run_in(sender, REACHABLE, *places)
    expected = {place: place.split("|")[0] in PUBLIC for place in places}
    assert seen == expected, f"a sender reaches {sorted(place for place in seen if seen[place] != expected[place])} otherwise than it must"
    ours = {name: services[f"posthorn-{name}"]["ip"] for name in ("nats", "postgres", "api", "ingest", "jaeger")}
    table = {
        "sender": {"nats|4222": True, "jaeger|4317": True, "postgres|5432": False, "api|8071": False, "ingest|8072": False},
        "fanout": {"nats|4222": True, "postgres|5432": False, "api|8071": False},
        "recorder": {"nats|4222": True, "postgres|5432": True, "api|8071": False},
        "api": {"nats|4222": True, "postgres|5432": True, "ingest|8072": False},
    }
    for component, rows in table.items():
        pid = cluster.of(component)[0].pause.pid
        asked = {f"{ours[row.split('|')[0]]}|{row.split('|')[1]}": row for row in rows}
        found = {asked[place]: reached for place, reached in run_in(pid, REACHABLE, *asked).items()}
        assert found == rows, f"{component} reaches {found}, and should {rows}"
        if component != "sender":
            found = run_in(pid, REACHABLE, *places)
            assert not any(found.values()), f"{component} reaches {found}"
    print(f"NetworkPolicy: a sender reaches {len(PUBLIC)} public addresses and none of {len(FORBIDDEN)} forbidden ones; "
          f"the others reach no outside; {sum(map(len, table.values()))} ways inside are as they should be")


def upgrade_under_load(cluster, helm, outside, receiver, token):
    api = cluster.network.services["posthorn-api"]["ip"]
    call = lambda method, path, body="": outside.run(CALL, method, f"http://{api}:8071/api/v1{path}", token, body)  # noqa: E731
    call("POST", "/app", '{"name":"Load","uid":"load"}')
    for number in (1, 2):
        call("POST", "/app/load/endpoint", json.dumps({"url": f"http://{PUBLIC[0]}/{number}"}))
    services = cluster.network.services
    load = outside.start(str(HERE / "cluster/load.py"), "produce", services["posthorn-nats"]["ip"],
                         services["posthorn-ingest"]["ip"], "load", token, str(RATE))
    time.sleep(5)
    before = {pod.name for pod in cluster.all_pods()}
    began = time.monotonic()
    cluster.install(version(helm, "0.1.1"))
    took = time.monotonic() - began
    time.sleep(5)
    sent = json.loads(load.communicate("")[0])
    replaced = before - {pod.name for pod in cluster.all_pods()}
    bad = [(name, code) for name, code in cluster.exit_codes if code != 0]
    assert not bad, f"pods that did not end well: {bad}"
    assert len(replaced) == 10, f"only these were replaced: {sorted(replaced)}"
    counts = settle(sent, receiver)
    duplicates = sum(count - 2 for count in counts.values() if count > 2)
    rate = len(sent["accepted"]) / sent["seconds"]
    print(f"upgrade under load: {len(replaced)} pods replaced in {took:.0f} s, all with exit code 0; "
          f"{len(sent['accepted'])} events accepted at {rate:.0f}/s over NATS and HTTP, "
          f"{2 * len(sent['accepted'])} deliveries, 0 lost, {duplicates} duplicates, {sent['repeated']} publishes repeated")
    if sent["problems"]:
        print(f"  repeated because of: {sent['problems']}")
    assert rate > RATE * 0.8, "the load was too low to show anything"


def settle(sent, receiver):
    """Waits until both endpoints have all that was accepted."""
    ask = 'import json, urllib.request\nprint(urllib.request.urlopen("http://127.0.0.1/", timeout=15).read().decode())'
    deadline = time.monotonic() + 90
    while True:
        counts = receiver.run(ask)["counts"]
        missing = [name for name in sent["accepted"] if counts.get(name, 0) < 2]
        if not missing:
            return {name: counts[name] for name in sent["accepted"]}
        assert time.monotonic() < deadline, f"{len(missing)} of {len(sent['accepted'])} are missing, such as {missing[:3]}"
        time.sleep(0.5)


def figures(pod):
    """What a service measures, for a failure's message."""
    try:
        text = urllib.request.urlopen(f"http://{pod.address}:9071/metrics", timeout=5).read().decode()
    except OSError:
        return ""
    wanted = re.compile(r"posthorn_(attempts|delivery_backlog|delivery_waiting|backlog_oldest|sender_|limit|events)")
    return "\n".join(f"    {line}" for line in text.splitlines() if wanted.match(line))


def token_of(cluster, image_root):
    """As the notes say: `posthorn jwt generate` with the pod's settings."""
    secret = base64.b64decode(cluster.configuration["Secret", "posthorn-secrets"]["data"]["jwt-secret"]).decode()
    done = subprocess.run([f"{image_root}/usr/local/bin/posthorn", "jwt", "generate"], env={"POSTHORN_JWT_SECRET": secret},
                          capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main():
    in_own_namespaces()
    image_root, nats_server, postgres = (Path(one).resolve() for one in sys.argv[1:4])
    ctypes.CDLL(None).mount(b"none", b"/", None, (1 << 18) | 16384, None)
    helm = renderer()
    folder = Path(tempfile.mkdtemp(prefix="posthorn-chart-"))
    known = {
        "ghcr.io/posthorn/posthorn:": images.posthorn(image_root),
        "nats:": images.nats(str(nats_server)),
        "postgres:": images.postgres(str(postgres)),
        "jaegertracing/jaeger:": images.jaeger(),
    }
    cluster = Cluster(folder, known, NAMESPACE)
    try:
        began = time.monotonic()
        items = version(helm, "0.1.0")
        cluster.install(items)
        pods = cluster.all_pods()
        print(f"quick start, rendered with {helm.name}: {len(items)} objects, {len(pods)} pods ready by their own probes "
              f"after {time.monotonic() - began:.0f} s (Jaeger is a stand-in that only takes connections)")
        print(cluster.test(items))
        receiver = Outside(cluster, [*PUBLIC, *FORBIDDEN], "internet")
        receiver.start(str(HERE / "cluster/load.py"), "receive", "80")
        outside = Outside(cluster)
        time.sleep(1)
        check_policies(cluster, outside, receiver)
        upgrade_under_load(cluster, helm, outside, receiver, token_of(cluster, image_root))
        restarted = {pod.name: pod.restarts for pod in cluster.all_pods() if pod.restarts and not pod.spec.get("initContainers")}
        assert not restarted, f"containers were started anew: {restarted}"
    except (AssertionError, kubelet.PodFailed) as error:
        print(f"FAILED: {error}")
        for pod in cluster.all_pods():
            print(f"  {pod.name}:\n{pod.log_tail(5)}\n{figures(pod)}")
        sys.exit(1)
    finally:
        cluster.end()


if __name__ == "__main__":
    main()
