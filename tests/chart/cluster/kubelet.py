"""The life of one pod: init containers, containers, probes, preStop, SIGTERM, grace."""

import base64
import http.client
import os
import re
import signal
import socket
import subprocess
import threading
import time

from . import container

# A container that ends is started anew after this; the real kubelet doubles it from 10 s.
RESTART_PAUSE = 1
# One that ends so often will not do better.
MOST_RESTARTS = 20


class PodFailed(Exception):
    """A pod did not do what it should."""


def ports_of(spec):
    return {port["name"]: port["containerPort"] for port in spec.get("ports", []) if "name" in port}


class Pod:
    """One pod; `cluster` has images, network, configuration and folders."""

    def __init__(self, cluster, name, metadata, spec):
        self.cluster, self.name, self.spec = cluster, name, spec
        self.labels = metadata.get("labels", {})
        self.folder = cluster.folder / name
        self.folder.mkdir(parents=True)
        self.stopping = threading.Event()
        self.restarts = 0
        self.processes, self.specs, self.state = {}, {}, {}
        self.failure = None
        self.pause = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        # The namespace is there once it differs from ours.
        mine = os.readlink("/proc/self/ns/net")
        while os.readlink(f"/proc/{self.pause.pid}/ns/net") == mine:
            time.sleep(0.01)
        self.address = cluster.network.attach(self.pause.pid, self.labels)["ip"]
        self.thread = threading.Thread(target=self._live, daemon=True)

    def start(self):
        self.thread.start()
        return self

    @property
    def ready(self):
        return bool(self.state) and all(self.state.values()) and not self.stopping.is_set()

    def log(self, name):
        return self.folder / f"{name}.log"

    def log_tail(self, lines=15):
        texts = (path.read_text(errors="replace").splitlines()[-lines:] for path in sorted(self.folder.glob("*.log")))
        return "\n".join(f"    {line}" for text in texts for line in text)

    # --- start ---

    def _live(self):
        try:
            for one in self.spec.get("initContainers", []):
                self._until_done(one)
            if self.stopping.is_set():
                return
            watchers = [threading.Thread(target=self._watch, args=(one,), daemon=True) for one in self.spec["containers"]]
            for watcher in watchers:
                watcher.start()
        except Exception as error:  # shown by whoever waits for the pod
            self.failure = f"{type(error).__name__}: {error}"

    def _until_done(self, one):
        while not self.stopping.is_set():
            process = self._start(one)
            if process.wait() == 0:
                return
            self._count_restart(one["name"])

    def run_to_end(self, timeout):
        """Runs a pod that ends by itself and returns its exit code."""
        for one in self.spec["containers"]:
            return self._start(one).wait(timeout)

    def _start(self, one):
        spec = self._spec_of(one)
        number = len(list(self.folder.glob(f"root-{one['name']}-*")))
        root = self.folder / f"root-{one['name']}-{number}"
        process = container.start(spec, self.pause.pid, root, self.log(one["name"]))
        self.processes[one["name"]], self.specs[one["name"]] = process, spec
        return process

    def _spec_of(self, one):
        image = self.cluster.image(one["image"])
        security = self.spec["securityContext"]
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME": self.name}
        for variable in one.get("env", []):
            if "value" not in variable:
                raise PodFailed(f"{variable['name']}: the cluster knows values only")
            env[variable["name"]] = variable["value"]
        # As in Kubernetes: command replaces the image's entrypoint, args its arguments.
        argv = one.get("command", image.entrypoint) + one.get("args", [])
        mounts = []
        for mounted in one.get("volumeMounts", []):
            source = self.cluster.volume(self, mounted["name"], security["fsGroup"])
            mounts.append((str(source), mounted["mountPath"], mounted.get("readOnly", False)))
        return container.Spec(
            image, argv, env, security["runAsUser"], [security["fsGroup"]], mounts, self._etc(security["runAsUser"])
        )

    def _etc(self, user):
        files = {
            "hosts": self.cluster.network.hosts(self.cluster.namespace) + f"{self.address} {self.name}\n",
            "resolv.conf": "options ndots:5\n",
            "hostname": f"{self.name}\n",
            "passwd": f"root:x:0:0::/:/sbin/nologin\nuser:x:{user}:{user}::/:/sbin/nologin\n",
        }
        folder = self.folder / "etc"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text)
        return [(str(folder / name), f"/etc/{name}") for name in files]

    # --- probes ---

    def _watch(self, one):
        """Starts the container and asks its probes; starts it anew when it ends or is not alive."""
        name = one["name"]
        self.state[name] = False
        while not self.stopping.is_set():
            process = self._start(one)
            self._probe_until_end(one, process)
            self._set_ready(name, False)
            if self.stopping.is_set():
                return
            self._count_restart(name)

    def _count_restart(self, name):
        self.restarts += 1
        if self.restarts >= MOST_RESTARTS:
            self.failure = f"{name} has ended {self.restarts} times"
            self.stopping.set()
        time.sleep(RESTART_PAUSE)

    def _probe_until_end(self, one, process):
        started = "startupProbe" not in one
        failures = {"startupProbe": 0, "livenessProbe": 0, "readinessProbe": 0}
        due = dict.fromkeys(failures, 0.0)
        while process.poll() is None and not self.stopping.is_set():
            for kind in ("livenessProbe", "readinessProbe") if started else ("startupProbe",):
                probe = one.get(kind)
                if probe is None or time.monotonic() < due[kind]:
                    continue
                good = self._ask(probe, one)
                due[kind] = time.monotonic() + probe.get("periodSeconds", 10)
                failures[kind] = 0 if good else failures[kind] + 1
                gave_up = failures[kind] >= probe.get("failureThreshold", 3)
                if kind == "startupProbe" and good:
                    started = True
                elif kind == "readinessProbe" and (good or gave_up):
                    self._set_ready(one["name"], good)
                elif kind != "readinessProbe" and gave_up:
                    self.failure = f"{one['name']}: {kind} failed {failures[kind]} times"
                    process.kill()
            if started and "readinessProbe" not in one:
                self._set_ready(one["name"], True)
            time.sleep(0.05)

    def _ask(self, probe, one):
        timeout = probe.get("timeoutSeconds", 1)
        try:
            if "httpGet" in probe:
                port = ports_of(one).get(probe["httpGet"]["port"], probe["httpGet"]["port"])
                connection = http.client.HTTPConnection(self.address, port, timeout=timeout)
                connection.request("GET", probe["httpGet"]["path"])
                return 200 <= connection.getresponse().status < 400
            if "tcpSocket" in probe:
                port = ports_of(one).get(probe["tcpSocket"]["port"], probe["tcpSocket"]["port"])
                socket.create_connection((self.address, port), timeout=timeout).close()
                return True
            process = self.processes[one["name"]]
            return container.execute(self.specs[one["name"]], process.pid, probe["exec"]["command"], timeout)
        except (OSError, http.client.HTTPException, subprocess.TimeoutExpired):
            return False

    def _set_ready(self, name, ready):
        self.state[name] = ready
        self.cluster.network.set_ready(self.pause.pid, self.ready)

    # --- end ---

    def stop(self):
        """Ends the pod as the kubelet does; returns the exit codes."""
        began = time.monotonic()
        grace = self.spec.get("terminationGracePeriodSeconds", 30)
        self.stopping.set()
        # It takes no new connections of Services from now on.
        self.cluster.network.set_ready(self.pause.pid, False)
        for one in self.spec["containers"]:
            time.sleep(one.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0))
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        codes = {}
        for name, process in self.processes.items():
            try:
                codes[name] = process.wait(max(0.1, began + grace - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                codes[name] = "killed after the grace period"
        self._leave()
        return codes

    def kill(self):
        self.stopping.set()
        for process in self.processes.values():
            process.kill()
            process.wait()
        self._leave()

    def _leave(self):
        self.cluster.network.detach(self.pause.pid)
        self.pause.kill()
        self.pause.wait()


def decoded(secret):
    return {key: base64.b64decode(text) for key, text in secret.get("data", {}).items()}


def safe(text):
    return re.sub(r"[^a-z0-9-]", "-", text)
