"""What must hold for everything that the chart renders, beyond the schemas. Pure.

Each rule takes the objects of one rendering and yields what is wrong.
"""

import re

KINDS_WITH_PODS = {"Deployment", "StatefulSet", "Job", "Pod"}


def title(item):
    return f"{item['kind']} {item['metadata']['name']}"


def pod_template(item):
    """An object's pod template; a Pod is its own."""
    return item if item["kind"] == "Pod" else item["spec"]["template"]


def pods(items):
    for item in items:
        if item["kind"] in KINDS_WITH_PODS:
            yield item, pod_template(item)["spec"]


def containers(spec):
    yield from spec.get("initContainers", [])
    yield from spec["containers"]


def each_object_once(items):
    seen = set()
    for item in items:
        key = (item["apiVersion"], item["kind"], item["metadata"].get("namespace"), item["metadata"]["name"])
        if key in seen:
            yield f"{title(item)} is there twice"
        seen.add(key)


def names_are_valid(items):
    for item in items:
        name = item["metadata"]["name"]
        longest = 63 if item["kind"] in ("Service", "Pod", "Deployment", "StatefulSet", "Job") else 253
        # A pod's name has its ReplicaSet's hash and its own behind it.
        if item["kind"] in ("Deployment", "StatefulSet", "Job"):
            longest = 63 - len("-0123456789-01234")
        if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name) or len(name) > longest:
            yield f"{title(item)}: the name is not valid, or longer than {longest}"
        for key, value in item["metadata"].get("labels", {}).items():
            if not re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?", value) or len(value) > 63:
                yield f"{title(item)}: the label {key}={value} is not valid"


def each_variable_once(items):
    for item, spec in pods(items):
        for container in containers(spec):
            names = [variable["name"] for variable in container.get("env", [])]
            for name in sorted({name for name in names if names.count(name) > 1}):
                yield f"{title(item)}, {container['name']}: {name} is set twice"


def autoscalers_own_the_number(items):
    scaled = set()
    for item in items:
        if item["kind"] in ("HorizontalPodAutoscaler", "ScaledObject"):
            target = item["spec"]["scaleTargetRef"]
            scaled.add((target["kind"], target["name"]))
    there = {(item["kind"], item["metadata"]["name"]): item for item in items}
    for target in scaled:
        if target not in there:
            yield f"an autoscaler of {target}, which is not there"
        elif "replicas" in there[target]["spec"]:
            yield f"{title(there[target])}: replicas beside an autoscaler"
    for key, item in there.items():
        if item["kind"] == "Deployment" and key not in scaled and "replicas" not in item["spec"]:
            yield f"{title(item)}: neither replicas nor an autoscaler"


def restricted_profile(items):
    """Kubernetes' Pod Security Standards, "restricted", and a root file system that is only read."""
    for item, spec in pods(items):
        where = title(item)
        for key in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(key):
                yield f"{where}: {key}"
        security = spec.get("securityContext", {})
        if security.get("runAsNonRoot") is not True or not security.get("runAsUser"):
            yield f"{where}: may run as root"
        if security.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
            yield f"{where}: no seccomp profile"
        if security.get("sysctls"):
            yield f"{where}: sysctls"
        allowed = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret", "name"}
        for volume in spec.get("volumes", []):
            if set(volume) - allowed:
                yield f"{where}: the volume {volume['name']} is of a kind that is not allowed"
        for container in containers(spec):
            yield from restricted_container(f"{where}, {container['name']}", container)


def restricted_container(where, container):
    security = container.get("securityContext", {})
    if security.get("allowPrivilegeEscalation") is not False:
        yield f"{where}: privileges may grow"
    if security.get("privileged"):
        yield f"{where}: privileged"
    capabilities = security.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{where}: capabilities are not dropped"
    if security.get("readOnlyRootFilesystem") is not True:
        yield f"{where}: the root file system can be written"
    for key in ("runAsNonRoot", "runAsUser", "seccompProfile"):
        if key in security:
            yield f"{where}: {key} belongs to the pod, where it is checked"
    if any(port.get("hostPort") for port in container.get("ports", [])):
        yield f"{where}: a port of the host"


def no_token(items):
    for item, spec in pods(items):
        if spec.get("automountServiceAccountToken") is not False:
            yield f"{title(item)}: the account's token is mounted"
        if spec.get("enableServiceLinks") is not False:
            yield f"{title(item)}: variables of other Services are set"


def every_container_has_its_bounds(items):
    for item, spec in pods(items):
        for container in containers(spec):
            resources = container.get("resources", {})
            if not resources.get("requests", {}).get("cpu") or not resources.get("requests", {}).get("memory"):
                yield f"{title(item)}, {container['name']}: no requests"
            if not resources.get("limits", {}).get("memory"):
                yield f"{title(item)}, {container['name']}: no limit of memory"


def seconds(text):
    return int(re.fullmatch(r"(\d+)s", text).group(1))


def services_are_probed_and_drained(items):
    for item, spec in pods(items):
        for container in spec["containers"]:
            variables = {one["name"]: one.get("value") for one in container.get("env", [])}
            if "POSTHORN_GRACE" not in variables:
                continue
            where = title(item)
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if container.get(probe, {}).get("httpGet", {}).get("port") != "admin":
                    yield f"{where}: no {probe} on the admin port"
            wait = container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
            needed = wait + seconds(variables["POSTHORN_GRACE"]) + 5
            if spec["terminationGracePeriodSeconds"] < needed:
                yield f"{where}: is killed before its grace has passed"
            timeout = variables.get("POSTHORN_SENDER_TIMEOUT") or "5s"
            if seconds(variables["POSTHORN_GRACE"]) <= seconds(timeout):
                yield f"{where}: the grace is not longer than a request may take"
            if item["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] != 0:
                yield f"{where}: a rollout takes pods away before new ones are there"


def secrets_are_files(items):
    """No secret stands in an environment, and every file that is named is mounted."""
    for item, spec in pods(items):
        volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
        for container in containers(spec):
            where = f"{title(item)}, {container['name']}"
            files = set()
            for mount in container.get("volumeMounts", []):
                if mount["name"] not in volumes and item["kind"] != "StatefulSet":
                    yield f"{where}: the volume {mount['name']} is not there"
                for source in volumes.get(mount["name"], {}).get("projected", {}).get("sources", []):
                    files |= {f"{mount['mountPath']}/{one['path']}" for one in source["secret"]["items"]}
            for variable in container.get("env", []):
                if "secretKeyRef" in variable.get("valueFrom", {}):
                    yield f"{where}: {variable['name']} is a secret in the environment"
                if variable["name"].endswith("_FILE") and variable["name"].startswith("POSTHORN_") and variable["value"] not in files:
                    yield f"{where}: {variable['name']} names a file that is not mounted"
                if re.search(r"://[^/]*:[^/]*@", variable.get("value", "")):
                    yield f"{where}: {variable['name']} has a password"


def selectors_find_their_pods(items):
    labels = [pod_template(item)["metadata"]["labels"] for item, _ in pods(items)]
    for item in items:
        selector = None
        if item["kind"] == "Service":
            selector = item["spec"]["selector"]
        elif item["kind"] in ("Deployment", "StatefulSet", "PodDisruptionBudget"):
            selector = item["spec"]["selector"]["matchLabels"]
        elif item["kind"] == "NetworkPolicy":
            selector = item["spec"]["podSelector"]["matchLabels"]
        if selector is None:
            continue
        found = [one for one in labels if selector.items() <= one.items()]
        if len(found) != 1:
            yield f"{title(item)}: its selector fits the pods of {len(found)} objects, not of one"


def every_pod_has_a_policy(items):
    policies = [item["spec"]["podSelector"]["matchLabels"] for item in items if item["kind"] == "NetworkPolicy"]
    if not policies:
        return
    for item, _ in pods(items):
        labels = pod_template(item)["metadata"]["labels"]
        if not any(selector.items() <= labels.items() for selector in policies):
            yield f"{title(item)}: no NetworkPolicy"


def hooks_stand_on_their_own(items):
    """What a hook needs must be a hook, too, and come earlier."""
    for item, spec in pods(items):
        annotations = item["metadata"].get("annotations", {})
        if "pre-install" not in annotations.get("helm.sh/hook", ""):
            continue
        weight = int(annotations.get("helm.sh/hook-weight", "0"))
        ours = {other["metadata"]["name"]: other for other in items if other["kind"] in ("Secret", "ServiceAccount")}
        needed = {spec.get("serviceAccountName")}
        for volume in spec.get("volumes", []):
            needed |= {source["secret"]["name"] for source in volume.get("projected", {}).get("sources", [])}
        for name in needed & set(ours):
            theirs = ours[name]["metadata"].get("annotations", {})
            if "pre-install" not in theirs.get("helm.sh/hook", "") or int(theirs.get("helm.sh/hook-weight", "0")) >= weight:
                yield f"{title(item)}: needs {title(ours[name])}, which comes later"


RULES = [
    each_object_once,
    names_are_valid,
    each_variable_once,
    autoscalers_own_the_number,
    restricted_profile,
    no_token,
    every_container_has_its_bounds,
    services_are_probed_and_drained,
    secrets_are_files,
    selectors_find_their_pods,
    every_pod_has_a_policy,
    hooks_stand_on_their_own,
]
