"""What the chart repeats of the programs' sources must be what they say. Pure, but for reading files."""

import ipaddress
import json
import re

from render import CHART, ROOT, yaml

CATALOGUE = ROOT / "shared" / "chassis" / "src" / "metric" / "catalogue.rs"
ADDRESS = ROOT / "shared" / "egress" / "src" / "address.rs"

# Names of Prometheus itself.
NOT_OURS = {"label_values"}


def metric_names():
    """Every name that /metrics may show, as Prometheus writes it."""
    names = set()
    text = CATALOGUE.read_text()
    for kind, body in re.findall(r"    (Counter|Histogram|Gauge) \{\n(.*?)\n    \}\n\}", text, re.S):
        for name, unit in re.findall(r'= "([^"]+)", "([^"]*)"', body):
            name = name.replace(".", "_") + ("_seconds" if unit == "s" else "")
            if kind == "Counter":
                names.add(f"{name}_total")
            elif kind == "Histogram":
                names |= {f"{name}_{part}" for part in ("bucket", "count", "sum")}
            else:
                names.add(name)
    return names


def used_metrics():
    rules = yaml.safe_load((CHART / "files/rules/posthorn.yaml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["alert"], rule["expr"]
    for path in sorted((CHART / "files/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                yield f"{path.name}, {panel['title']}", target["expr"]
    yield "KEDA", (CHART / "templates/_autoscaling.tpl").read_text()


def metrics_exist():
    known = metric_names()
    if len(known) < 30:
        yield f"only {len(known)} metrics were found in {CATALOGUE.name}"
    for where, expression in used_metrics():
        for name in re.findall(r"\b(?:posthorn|http_(?:client|server)|messaging)_[a-z_]+\b(?=[{\[])", expression):
            if name not in known:
                yield f"{where}: {name} is no metric of ours"


def ranges_of_sender():
    text = ADDRESS.read_text()
    v4 = {
        ipaddress.ip_network(f"{a}.{b}.{c}.{d}/{length}")
        for a, b, c, d, length in re.findall(r"Cidr::v4\((\d+), (\d+), (\d+), (\d+), (\d+)\)", text)
    }
    denied_v6 = text[text.index("DENIED_V6") : text.index("NAT64")]
    v6 = set()
    for words, length in re.findall(r"Cidr::v6\(\[([^\]]+)\], (\d+)\)", denied_v6):
        groups = [int(word, 0) for word in words.split(",")]
        v6.add(ipaddress.ip_network((sum(word << (112 - 16 * at) for at, word in enumerate(groups)), int(length))))
    return v4, v6


def policy_denies_what_senders_deny(items):
    """The exceptions of the senders' rule for the internet, against the sender's own list."""
    v4, v6 = ranges_of_sender()
    if len(v4) < 16 or len(v6) < 4:
        yield f"only {len(v4)} and {len(v6)} ranges were found in {ADDRESS.name}"
    policy = next(one for one in items if one["kind"] == "NetworkPolicy" and one["metadata"]["name"].endswith("-sender"))
    blocks = [to["ipBlock"] for rule in policy["spec"]["egress"] for to in rule.get("to", []) if "ipBlock" in to]
    for whole, denied in (("0.0.0.0/0", v4), ("2000::/3", v6)):
        given = next((block for block in blocks if block["cidr"] == whole), {"except": []})
        missing = denied - {ipaddress.ip_network(one) for one in given["except"]}
        for one in sorted(missing, key=str):
            yield f"{one} is denied by the sender and not by its NetworkPolicy"
