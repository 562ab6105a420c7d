"""The cluster, and what Helm and the controllers do with a rendered chart: hooks, rollouts, tests."""

import hashlib
import json
import os
import shutil
import threading
import time

from .kubelet import Pod, PodFailed, decoded
from .network import Network

# How long a rollout may take on a busy machine.
PATIENCE = 180


class Cluster:
    """Applies objects; knows images by the beginning of their names."""

    def __init__(self, folder, images, namespace="hooks"):
        self.folder, self.images, self.namespace = folder, images, namespace
        self.network = Network()
        self.configuration, self.workloads, self.pods = {}, {}, {}
        self.exit_codes = []
        self.lock = threading.Lock()
        self.number = 0

    def image(self, name):
        for beginning, image in self.images.items():
            if name.startswith(beginning):
                return image
        raise PodFailed(f"there is no image {name}")

    # --- volumes ---

    def volume(self, pod, name, group):
        source = next((one for one in pod.spec.get("volumes", []) if one["name"] == name), None)
        if source is None:
            return self._claim(pod, name, group)
        folder = pod.folder / "volumes" / name
        if folder.exists():
            return folder
        folder.mkdir(parents=True)
        if "projected" in source:
            for one in source["projected"]["sources"]:
                self._write(folder, "Secret", one["secret"]["name"], one["secret"]["items"], source["projected"]["defaultMode"], group)
        elif "secret" in source:
            self._write(folder, "Secret", source["secret"]["secretName"], source["secret"].get("items"), source["secret"].get("defaultMode", 0o644), group)
        elif "configMap" in source:
            self._write(folder, "ConfigMap", source["configMap"]["name"], None, 0o644, group)
        else:
            os.chown(folder, 0, group)
            folder.chmod(0o2777)
        return folder

    def _write(self, folder, kind, name, items, mode, group):
        item = self.configuration.get((kind, name))
        if item is None:
            raise PodFailed(f"{kind} {name} is not there")
        data = decoded(item) if kind == "Secret" else {key: text.encode() for key, text in item["data"].items()}
        for one in items or [{"key": key, "path": key} for key in data]:
            path = folder / one["path"]
            path.write_bytes(data[one["key"]])
            os.chown(path, 0, group)
            path.chmod(mode)

    def _claim(self, pod, name, group):
        """A volume that stays, by the workload's name: there is one pod of it."""
        folder = self.folder / "claims" / f"{pod.labels['app.kubernetes.io/component']}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, 0, group)
        folder.chmod(0o2770)
        return folder

    # --- Helm ---

    def install(self, items):
        """Also an upgrade: hooks, then objects, each in Helm's order; waits until all are ready."""
        hooks = [one for one in items if "helm.sh/hook" in one["metadata"].get("annotations", {})]
        plain = [one for one in items if one not in hooks]
        when = "pre-upgrade" if self.workloads else "pre-install"
        mine = [one for one in hooks if when in one["metadata"]["annotations"]["helm.sh/hook"]]
        for item in sorted(mine, key=lambda one: int(one["metadata"]["annotations"].get("helm.sh/hook-weight", "0"))):
            self._apply(item)
        for item in sorted(plain, key=lambda one: one["kind"] not in ("Secret", "ConfigMap", "Service", "NetworkPolicy")):
            self._apply(item)
        self._roll()

    def _apply(self, item):
        kind, name = item["kind"], item["metadata"]["name"]
        if kind in ("Secret", "ConfigMap"):
            kept = item["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
            # What `lookup` does in a cluster, and cannot do in a rendering.
            if not (kept and (kind, name) in self.configuration):
                self.configuration[kind, name] = item
        elif kind == "Service":
            self.network.add_service(item)
        elif kind == "NetworkPolicy":
            policies = self.network.policies
            policies[:] = [one for one in policies if one["metadata"]["name"] != name] + [item]
            self.network.apply()
        elif kind in ("Deployment", "StatefulSet"):
            self.workloads[kind, name] = item
        elif kind == "Job":
            self._run_job(item)

    def _run_job(self, item):
        deadline = time.monotonic() + item["spec"]["activeDeadlineSeconds"]
        for _ in range(item["spec"]["backoffLimit"] + 1):
            pod = self._pod(item["metadata"]["name"], item["spec"]["template"])
            code = pod.run_to_end(deadline - time.monotonic())
            pod.kill()
            if code == 0:
                return
        raise PodFailed(f"{item['metadata']['name']} ended with {code}:\n{pod.log_tail()}")

    def _pod(self, name, template):
        with self.lock:
            self.number += 1
            name = f"{name}-{self.number}"
        return Pod(self, name, template["metadata"], template["spec"])

    # --- controllers ---

    def _roll(self):
        """All workloads at once, as in a cluster."""
        errors = []

        def one(key, item):
            try:
                self._roll_one(key, item)
            except Exception as error:  # noqa: BLE001  (told below)
                errors.append(f"{key[1]}: {error}")

        threads = [threading.Thread(target=one, args=pair) for pair in self.workloads.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise PodFailed("\n".join(errors))

    def _roll_one(self, key, item):
        """maxSurge 1, maxUnavailable 0: one new pod must be ready before one old pod goes."""
        template = item["spec"]["template"]
        version = hashlib.sha256(json.dumps(self._settled(template), sort_keys=True).encode()).hexdigest()
        pods = self.pods.setdefault(key, [])
        old = [pod for at, pod in pods if at != version]
        wanted = item["spec"]["replicas"]
        while len([1 for at, _ in pods if at == version]) < wanted or old:
            if len([1 for at, _ in pods if at == version]) < wanted:
                if key[0] == "StatefulSet" and old:
                    self._end(pods, old.pop())
                pod = self._pod(item["metadata"]["name"], template).start()
                pods.append((version, pod))
                self._wait_ready(pod)
            if old:
                self._end(pods, old.pop())

    def _settled(self, template):
        """Without what changes with each rendering because it cannot look anything up."""
        copy = json.loads(json.dumps(template))
        copy["metadata"].get("annotations", {}).pop("checksum/secrets", None)
        return copy

    def _end(self, pods, pod):
        codes = pod.stop()
        pods[:] = [(at, one) for at, one in pods if one is not pod]
        self.exit_codes += [(f"{pod.name}/{name}", code) for name, code in codes.items()]

    def _wait_ready(self, pod):
        deadline = time.monotonic() + PATIENCE
        while not pod.ready:
            if time.monotonic() > deadline or pod.failure:
                raise PodFailed(f"{pod.name} is not ready: {pod.failure or 'no time left'}\n{pod.log_tail()}")
            time.sleep(0.05)

    def of(self, component):
        """The pods of a component."""
        return [pod for pods in self.pods.values() for _, pod in pods if pod.labels["app.kubernetes.io/component"] == component]

    def all_pods(self):
        return [pod for pods in self.pods.values() for _, pod in pods]

    def test(self, items):
        """`helm test`: runs the chart's own test and returns what it said."""
        item = next(one for one in items if one["metadata"].get("annotations", {}).get("helm.sh/hook") == "test")
        pod = Pod(self, f"{item['metadata']['name']}-{time.monotonic_ns()}", item["metadata"], item["spec"])
        # Its Service finds it although it has no probe, as soon as it runs.
        self.network.set_ready(pod.pause.pid, True)
        code = pod.run_to_end(item["spec"]["activeDeadlineSeconds"])
        text = pod.log_tail(30)
        pod.kill()
        if code != 0:
            raise PodFailed(f"the chart's test ended with {code}:\n{text}")
        return text

    def end(self):
        for pod in self.all_pods():
            pod.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
