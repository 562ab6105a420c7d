"""Every PromQL expression that the chart renders, read by Prometheus' own parser: promtool.

Its rules are tried as well: `posthorn_test.yaml` plays a fleet that is well and one in trouble.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

from render import CHART, yaml

RULES = CHART / "files" / "rules"
# What Grafana puts in, by something of the same kind.
VARIABLES = {"$__rate_interval": "5m", "$namespace": "hooks"}


def expressions(items):
    """What the objects of a rendering ask Prometheus for, with the place where it stands."""
    for item in items:
        where = f"{item['kind']} {item['metadata']['name']}"
        if item["kind"] == "PrometheusRule":
            for rule in (rule for group in item["spec"]["groups"] for rule in group["rules"]):
                yield f"{where}, {rule['alert']}", rule["expr"]
        elif item["kind"] == "ScaledObject":
            for trigger in item["spec"]["triggers"]:
                if trigger["type"] == "prometheus":
                    yield where, trigger["metadata"]["query"]
        elif item["kind"] == "ConfigMap" and where.endswith("-dashboards"):
            for name, text in item["data"].items():
                yield from of_dashboard(name, json.loads(text))


def of_dashboard(name, dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"]
            for variable, value in VARIABLES.items():
                expression = expression.replace(variable, value)
            yield f"{name}, {panel['title']}", expression


def as_rules(found):
    """Expressions as recording rules, which is what promtool reads files of."""
    rules = [{"record": f"expression:{number}", "expr": expression} for number, (_, expression) in enumerate(found)]
    return yaml.safe_dump({"groups": [{"name": "rendered", "rules": rules}]})


def run(promtool, *arguments):
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    return [] if done.returncode == 0 else [(done.stdout + done.stderr).strip()]


def read(promtool, found):
    """What promtool has against these expressions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rendered.yaml"
        path.write_text(as_rules(found))
        return run(promtool, "check", "rules", str(path))


def each_alone(promtool, found):
    """As `read`, with the place of each mistake; only when there is one, because each costs a start."""
    if not read(promtool, found):
        return
    for where, expression in found:
        for mistake in read(promtool, [(where, expression)]):
            yield f"{where}: {expression}: {mistake}"


def check(promtool, found):
    """Reads all expressions, and tries the rules; yields mistakes."""
    yield from each_alone(promtool, found)
    yield from run(promtool, "test", "rules", str(RULES / "posthorn_test.yaml"))
    # The check itself: a wrong type and an unclosed bracket must be seen.
    for broken in ("sum(rate(posthorn_attempts_total))", "max(posthorn_delivery_backlog"):
        if not read(promtool, [*found, ("broken", broken)]):
            yield f"promtool took {broken}"


def program():
    """promtool's path, as `make helm-check` found it."""
    path = os.environ.get("PROMTOOL", "")
    return path if path and os.access(path, os.X_OK) else None
