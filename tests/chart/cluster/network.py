"""Addresses, Services and NetworkPolicies of the cluster, in the network namespace of this process.

Every pod hangs on a link of its own, so that all traffic is forwarded here: Services are DNAT before the
route is chosen, policies are decided after it, as in a cluster. What the kubelet itself asks is not
forwarded, and no policy applies to it, as there.
"""

import ipaddress
import subprocess
import threading

PODS = ipaddress.ip_network("10.244.0.0/24")
PODS_V6 = ipaddress.ip_network("fd00:10:244::/112")
SERVICES = ipaddress.ip_network("10.96.0.0/24")


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}\n{text or ''}")
    return done.stdout


class Network:
    """All pods that have an address, and the rules between them."""

    def __init__(self):
        self.lock = threading.RLock()
        self.next, self.next_service = 2, 2
        self.pods, self.services, self.policies = {}, {}, []
        run("ip", "link", "set", "lo", "up")
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/net/{name}", "w") as file:
                file.write("1")

    def attach(self, pid, labels, namespace="hooks", extra=()):
        """Gives the network namespace of a process an address; `extra` are more of them."""
        with self.lock:
            number, self.next = self.next, self.next + 1
        link = f"pod{number}"
        v4, v6 = str(PODS[number]), str(PODS_V6[number])
        inside = ["nsenter", f"--net=/proc/{pid}/ns/net", "ip"]
        run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        run("ip", "addr", "add", "169.254.1.1/32", "dev", link)
        run("ip", "link", "set", link, "up")
        run("ip", "-6", "addr", "add", "fe80::1/64", "dev", link, "nodad")
        run(*inside, "link", "set", "lo", "up")
        run(*inside, "link", "set", "eth0", "up")
        for address in (v4, v6, *extra):
            whole = f"{address}/{'128' if ':' in address else '32'}"
            run(*inside, "addr", "add", whole, "dev", "eth0", *(["nodad"] if ":" in address else []))
            via = ["via", f"{v6}", "onlink"] if ":" in address and address != v6 else []
            run("ip", *(["-6"] if ":" in address else []), "route", "add", whole, *via, "dev", link)
        run(*inside, "route", "add", "169.254.1.1", "dev", "eth0")
        run(*inside, "route", "add", "default", "via", "169.254.1.1", "src", v4)
        run(*inside, "-6", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
        pod = {"link": link, "ip": v4, "ips": [v4, v6], "labels": labels, "namespace": namespace, "ready": False}
        with self.lock:
            self.pods[pid] = pod
        self.apply()
        return pod

    def detach(self, pid):
        with self.lock:
            self.pods.pop(pid, None)
        self.apply()

    def set_ready(self, pid, ready):
        with self.lock:
            pod = self.pods.get(pid)
            if pod is None or pod["ready"] == ready:
                return
            pod["ready"] = ready
        self.apply()

    def add_service(self, item):
        with self.lock:
            name = item["metadata"]["name"]
            if name not in self.services:
                self.services[name] = {"ip": str(SERVICES[self.next_service])}
                self.next_service += 1
            self.services[name] |= {"selector": item["spec"]["selector"], "ports": item["spec"]["ports"]}
        self.apply()

    def hosts(self, namespace):
        """What DNS would say of the Services, as lines of /etc/hosts."""
        lines = ["127.0.0.1 localhost", "::1 localhost"]
        for name, service in self.services.items():
            names = [name, f"{name}.{namespace}", f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.cluster.local"]
            lines.append(f"{service['ip']} {' '.join(names)}")
        return "\n".join(lines) + "\n"

    # --- rules ---

    def apply(self):
        with self.lock:
            # One transaction: there is never a moment without rules.
            text = "\n".join(
                ["add table ip proxy", "delete table ip proxy", "add table inet fences", "delete table inet fences"]
                + list(self._proxy()) + self._policy()
            )
            run("nft", "--file", "-", text=text + "\n")

    def _proxy(self):
        yield "table ip proxy {\n chain prerouting { type nat hook prerouting priority dstnat;"
        for service in self.services.values():
            ready = [pod["ip"] for pod in self.pods.values() if pod["ready"] and service["selector"].items() <= pod["labels"].items()]
            if not ready:
                continue
            places = ", ".join(f"{number} : {ip}" for number, ip in enumerate(ready))
            for port in service["ports"]:
                yield f"  ip daddr {service['ip']} tcp dport {port['port']} dnat to numgen random mod {len(ready)} map {{ {places} }}"
        yield " }\n}"


    def _policy(self):
        chains, jumps = [], []
        for pod in self.pods.values():
            for direction, side in (("Egress", "iifname"), ("Ingress", "oifname")):
                policies = [one for one in self.policies if self._selects(one, pod, direction)]
                if not policies:
                    continue
                name = f"{direction.lower()}_{pod['link']}"
                rules = [line for one in policies for rule in one["spec"].get(direction.lower(), []) for line in self._rule(rule, direction)]
                chains.append("\n".join([f" chain {name} {{", *(f"  {line} return" for line in rules), "  counter drop", " }"]))
                jumps.append(f'  {side} "{pod["link"]}" jump {name}')
        forward = [
            " chain forward { type filter hook forward priority filter;",
            "  ct state established,related accept",
            # A Service without pods.
            f"  ip daddr {SERVICES} reject",
            *jumps,
            " }",
        ]
        return ["table inet fences {", *chains, *forward, "}"]

    def _selects(self, policy, pod, direction):
        return (
            direction in policy["spec"]["policyTypes"]
            and policy["metadata"]["namespace"] == pod["namespace"]
            and policy["spec"]["podSelector"].get("matchLabels", {}).items() <= pod["labels"].items()
        )

    def _rule(self, rule, direction):
        """The matches of one rule; each of them lets pass."""
        word = "daddr" if direction == "Egress" else "saddr"
        ports = rule.get("ports") or [{}]
        peers = rule.get("to" if direction == "Egress" else "from")
        addresses = [""] if not peers else [match for peer in peers for match in self._peer(peer, word)]
        for address in addresses:
            for port in ports:
                protocol = port.get("protocol", "TCP").lower()
                which = f"{protocol} dport {port['port']}" if "port" in port else f"meta l4proto {protocol}" if port else ""
                yield f"{address} {which}".strip()

    def _peer(self, peer, word):
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            family = "ip6" if ":" in block["cidr"] else "ip"
            match = f"{family} {word} {block['cidr']}" if not block["cidr"].endswith("/0") else f"meta nfproto ipv{'6' if family == 'ip6' else '4'}"
            if block.get("except"):
                match += f" {family} {word} != {{ {', '.join(block['except'])} }}"
            yield match
            return
        wanted = peer.get("podSelector", {}).get("matchLabels", {})
        for pod in self.pods.values():
            if "namespaceSelector" in peer:
                labels = peer["namespaceSelector"].get("matchLabels", {})
                if not labels.items() <= {"kubernetes.io/metadata.name": pod["namespace"]}.items():
                    continue
            elif pod["namespace"] != "hooks":
                continue
            if wanted.items() <= pod["labels"].items():
                for address in pod["ips"]:
                    yield f"{'ip6' if ':' in address else 'ip'} {word} {address}"
