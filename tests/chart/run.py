#!/usr/bin/env python3
"""Runs the quick start as it is rendered, without a cluster: `make chart-test`.

Every container is started with exactly its command, arguments, environment, mounts, user and probes;
Services and NetworkPolicies are in force. The release begins as the version before this one, with its
chart, its program and its schema. Then: an upgrade to this version under load and a rollback, with nothing
lost, the chart's own test, and what senders can reach. See cluster/ and previous.sh.

    run.py <root of posthorn's image> <nats-server> <folder with initdb and postgres> <folder of the version before>
"""

import base64
import ctypes
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from cases import QUICKSTART
from cluster import images, kubelet
from cluster.release import Cluster
from render import NAMESPACE, renderer, values_of

HERE = Path(__file__).resolve().parent

RATE = 60
SERVICES = ("ingest", "fanout", "sender", "recorder", "api")

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
    """The quick start at a version, with two of each service, so that an upgrade has something to roll. Its
    senders say who they are: the number of the version rises only with a release."""
    values = {
        "defaults": {"replicas": 2},
        "image": {"tag": tag},
        "services": {"sender": {"settings": {"POSTHORN_USER_AGENT": f"Posthorn/{tag}"}}},
    }
    return helm.render(values_of(QUICKSTART, values, helm.chart), "1.34.0")


def tag_of(pod):
    return pod.spec["containers"][0]["image"].rsplit(":", 1)[-1]


class SideBySide:
    """For how long pods of two versions of a service were ready at the same time."""

    STEP = 0.1

    def __init__(self, cluster):
        self.cluster, self.seconds, self.ended = cluster, dict.fromkeys(SERVICES, 0.0), threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.ended.wait(self.STEP):
            for component in SERVICES:
                if len({tag_of(pod) for pod in self.cluster.of(component) if pod.ready}) > 1:
                    self.seconds[component] += self.STEP

    def end(self):
        self.ended.set()
        self.thread.join()
        alone = [component for component, seconds in self.seconds.items() if not seconds]
        assert not alone, f"old and new {alone} never ran side by side"
        return min(self.seconds.values()), max(self.seconds.values())


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


class Traffic:
    """Load on a release while it is changed, and what must have become of it."""

    def __init__(self, cluster, outside, receiver, token):
        self.cluster, self.outside, self.receiver, self.token = cluster, outside, receiver, token
        self.call("POST", "/app", '{"name":"Load","uid":"load"}')
        for number in (1, 2):
            self.call("POST", "/app/load/endpoint", json.dumps({"url": f"http://{PUBLIC[0]}/{number}"}))

    def call(self, method, path, body=""):
        api = self.cluster.network.services["posthorn-api"]["ip"]
        return self.outside.run(CALL, method, f"http://{api}:8071/api/v1{path}", self.token, body)

    def during(self, name, items):
        """Rolls the release out under load."""
        services = self.cluster.network.services
        load = self.outside.start(str(HERE / "cluster/load.py"), "produce", services["posthorn-nats"]["ip"],
                                  services["posthorn-ingest"]["ip"], "load", self.token, str(RATE), name)
        time.sleep(5)
        before = {pod.name for pod in self.cluster.all_pods()}
        began, beside = time.monotonic(), SideBySide(self.cluster)
        self.cluster.install(items)
        took, (shortest, longest) = time.monotonic() - began, beside.end()
        time.sleep(5)
        sent = json.loads(load.communicate("")[0])
        replaced = before - {pod.name for pod in self.cluster.all_pods()}
        bad = [(pod, code) for pod, code in self.cluster.exit_codes if code != 0]
        assert not bad, f"pods that did not end well: {bad}"
        assert len(replaced) == 10, f"only these were replaced: {sorted(replaced)}"
        counts, agents = settle(sent, self.receiver)
        self.check_history(sent["accepted"])
        duplicates = sum(count - 2 for count in counts.values() if count > 2)
        rate = len(sent["accepted"]) / sent["seconds"]
        print(f"{name} under load: {len(replaced)} pods replaced in {took:.0f} s, all with exit code 0, old and new of each "
              f"service ready side by side for {shortest:.1f} to {longest:.1f} s; "
              f"{len(sent['accepted'])} events accepted at {rate:.0f}/s over NATS and HTTP, "
              f"{2 * len(sent['accepted'])} deliveries, 0 lost, {duplicates} duplicates, {sent['repeated']} publishes repeated")
        print("  requests so far: " + ", ".join(f"{count} of {agent}" for agent, (count, *_) in sorted(agents.items())))
        if sent["problems"]:
            print(f"  repeated because of: {sent['problems']}")
        assert rate > RATE * 0.8, "the load was too low to show anything"

    def check_history(self, accepted):
        """Each version's recorder could read what the other's services wrote."""
        rejected = self.call("GET", "/rejected")["data"]
        assert not rejected, f"one version could not read the other's: {rejected[:3]}"
        for name in accepted[::97]:
            deadline = time.monotonic() + 60
            while (found := len(self.call("GET", f"/app/load/attempt/msg/{name}")["data"])) < 2:
                assert time.monotonic() < deadline, f"history has {found} attempts of {name}"
                time.sleep(0.5)


def settle(sent, receiver):
    """Waits until both endpoints have all that was accepted."""
    ask = 'import json, urllib.request\nprint(urllib.request.urlopen("http://127.0.0.1/", timeout=15).read().decode())'
    deadline = time.monotonic() + 90
    while True:
        seen = receiver.run(ask)
        counts = seen["counts"]
        missing = [name for name in sent["accepted"] if counts.get(name, 0) < 2]
        if not missing:
            return {name: counts[name] for name in sent["accepted"]}, seen["agents"]
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


def previous(folder):
    """The version before this one, if it could be built: its name, root and chart."""
    if not (folder / "name").exists():
        return None
    return (folder / "name").read_text().strip(), folder / "image", folder / "source" / "helm" / "posthorn"


def main():
    in_own_namespaces()
    image_root, nats_server, postgres, before = (Path(one).resolve() for one in sys.argv[1:5])
    ctypes.CDLL(None).mount(b"none", b"/", None, (1 << 18) | 16384, None)
    helm, this = renderer(), "this"
    folder = Path(tempfile.mkdtemp(prefix="posthorn-chart-"))
    older = previous(before)
    # Without an older version, the same program under another name: pods roll, formats do not differ.
    name, older_root, older_chart = older or ("same", image_root, helm.chart)
    known = {
        f"ghcr.io/posthorn/posthorn:{this}": images.posthorn(image_root),
        f"ghcr.io/posthorn/posthorn:{name}": images.posthorn(older_root),
        "nats:": images.nats(str(nats_server)),
        "postgres:": images.postgres(str(postgres)),
        "jaegertracing/jaeger:": images.jaeger(),
    }
    cluster = Cluster(folder, known, NAMESPACE)
    try:
        began = time.monotonic()
        old, new = version(renderer(older_chart), name), version(helm, this)
        cluster.install(old)
        pods = cluster.all_pods()
        print(f"quick start at {name}, rendered with {helm.name}: {len(old)} objects, {len(pods)} pods ready by their own "
              f"probes after {time.monotonic() - began:.0f} s (Jaeger is a stand-in that only takes connections)")
        receiver = Outside(cluster, [*PUBLIC, *FORBIDDEN], "internet")
        receiver.start(str(HERE / "cluster/load.py"), "receive", "80")
        outside = Outside(cluster)
        time.sleep(1)
        traffic = Traffic(cluster, outside, receiver, token_of(cluster, image_root))
        traffic.during("upgrade", new)
        print(cluster.test(new))
        check_policies(cluster, outside, receiver)
        traffic.during("rollback", old)
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
