"""What the chart is rendered with: each values file, and options that change what is rendered.

A case is a name, values files and values on top. `REFUSED` are mistakes, with a part of what the chart
must say about them.
"""

QUICKSTART = ["values-quickstart.yaml"]
PRODUCTION = ["values-production.yaml"]

# The least that must be given without a values file.
GIVEN = {"nats": {"url": "nats://nats:4222"}, "database": {"existingSecret": "database"}}
SERVICES = ["ingest", "fanout", "sender", "recorder", "api"]


def scaled(kind):
    return {"defaults": {"autoscaling": {"type": kind}}}


CASES = [
    ("defaults", [], GIVEN),
    ("quickstart", QUICKSTART, {}),
    ("production", PRODUCTION, {}),
    ("quickstart with copies", QUICKSTART, {"defaults": {"replicas": 2}}),
    ("all by CPU", PRODUCTION, {"services": {name: {"autoscaling": {"type": "hpa"}} for name in SERVICES}}),
    ("all by age", [], GIVEN | scaled("keda") | {"keda": {"extraMatchers": 'cluster="eu"'}}),
    ("fixed numbers", [], GIVEN | scaled("none")),
    ("one fixed beside autoscalers", [], GIVEN | {"services": {"recorder": {"autoscaling": {"type": "none"}, "replicas": 3}}}),
    ("database by URL", [], GIVEN | {"database": {"url": "postgres://u:p@db/posthorn?sslmode=require"}}),
    ("migration by hand", [], GIVEN | {"migration": {"strategy": "none"}}),
    ("migration beside", [], GIVEN | {"migration": {"strategy": "init"}, "database": {"url": "postgres://u:p@db/posthorn"}}),
    ("no tests, no policies, no account", [], GIVEN | {
        "tests": {"enabled": False},
        "networkPolicy": {"enabled": False},
        "serviceAccount": {"create": False},
    }),
    ("everything on", PRODUCTION, {
        "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "alertLabels": {"team": "hooks"}},
        "ingress": {
            "enabled": True,
            "className": "nginx",
            "annotations": {"a.example/b": "c"},
            "api": {"hosts": ["hooks.example.com"]},
            "ingest": {"hosts": ["in.example.com"]},
            "tls": [{"secretName": "tls", "hosts": ["hooks.example.com", "in.example.com"]}],
        },
        "httpRoute": {"annotations": {"a.example/b": "c"}},
        "grafana": {"dashboards": {"annotations": {"grafana_folder": "Posthorn"}}},
        "commonLabels": {"team": "hooks"},
        "image": {"digest": "sha256:" + "0" * 64, "pullSecrets": ["registry"]},
        "egress": {
            "allow": ["10.1.2.3", "192.168.7.0/24", "fd00::/8", "hooks.internal"],
            "proxy": {"existingSecret": "proxy"},
        },
        "networkPolicy": {
            "clusterRanges": ["34.118.224.0/20", "2600:1900::/28"],
            "senderExtraEgress": [{"to": [{"ipBlock": {"cidr": "10.9.9.9/32"}}], "ports": [{"port": 3128, "protocol": "TCP"}]}],
        },
        "nats": {"tls": {"certKey": "tls.crt", "keyKey": "tls.key"}},
    }),
    ("everything on, without a proxy", PRODUCTION, {
        "egress": {"allow": ["10.1.2.3", "192.168.7.0/24", "fd00::/8", "hooks.internal"]},
        "networkPolicy": {"clusterRanges": ["34.118.224.0/20", "2600:1900::/28"], "endpointPorts": []},
    }),
    ("credentials files of NATS", [], GIVEN | {
        "nats": {"url": "tls://a:4222,tls://b:4222", "replicas": 3, "auth": {"existingSecret": "nats", "credentialsKey": "all.creds"}},
        "services": {"sender": {"natsAuth": {"credentialsKey": "sender.creds"}}},
    }),
    ("settings everywhere", [], GIVEN | {
        "settings": {"POSTHORN_LOG": "debug", "POSTHORN_RETENTION_DAYS": 30, "OTEL_TRACES_SAMPLER": "parentbased_traceidratio"},
        "extraEnv": [{"name": "POSTHORN_LOG_FORMAT", "value": "pretty"}, {"name": "A", "value": "1"}],
        "services": {
            "sender": {
                "settings": {"POSTHORN_SENDER_TIMEOUT": "8s", "POSTHORN_LOG": "info"},
                "extraEnv": [
                    {"name": "A", "value": "2"},
                    {"name": "NODE_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.hostIP"}}},
                ],
                "extraVolumes": [{"name": "more", "emptyDir": {}}],
                "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
                "nodeSelector": {"pool": "hooks"},
                "tolerations": [{"key": "hooks", "operator": "Exists"}],
                "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]}}},
                "priorityClassName": "high",
                "podLabels": {"team": "hooks"},
                "podAnnotations": {"a": "b"},
                "preStopSeconds": 3,
                "podDisruptionBudget": {"maxUnavailable": "25%"},
                "topologySpread": {"whenUnsatisfiable": "DoNotSchedule"},
            },
        },
    }),
    ("long names", [], GIVEN | {"fullnameOverride": "a" * 60, "serviceAccount": {"name": "own"}}),
]

REFUSED = [
    ("an unknown key", [], GIVEN | {"natz": {}}, "natz"),
    ("an unknown key below", QUICKSTART, {"services": {"sender": {"replica": 2}}}, "replica"),
    ("no NATS", [], {"database": {"existingSecret": "database"}}, "nats.url is missing"),
    ("no database", [], {"nats": {"url": "nats://nats:4222"}}, "the database is missing"),
    ("a password in NATS' URL", [], GIVEN | {"nats": {"url": "nats://u:p@nats:4222"}}, "nats/url"),
    ("two copies of streams", [], GIVEN | {"nats": {"url": "nats://n:4222", "replicas": 2}}, "replicas"),
    ("a password without user", [], GIVEN | {"nats": {"url": "nats://n:4222", "auth": {"existingSecret": "n"}}}, "nats.auth.user"),
    ("a setting that the chart decides", [], GIVEN | {"settings": {"POSTHORN_GRACE": "5s"}}, "POSTHORN_GRACE"),
    ("a setting that is none of ours", [], GIVEN | {"settings": {"PATH": "/"}}, "PATH"),
    ("a hook before its database", QUICKSTART, {"migration": {"strategy": "hook"}}, "migration.strategy"),
    ("copies on the bundled NATS", QUICKSTART, {"nats": {"replicas": 3}}, "nats.replicas"),
    ("a route to nowhere", [], GIVEN | {"httpRoute": {"enabled": True}}, "parentRefs"),
    ("a test that cannot succeed", [], GIVEN | {"settings": {"POSTHORN_ENDPOINT_HTTPS_ONLY": True}}, "HTTPS_ONLY"),
    ("an autoscaler that is none", [], GIVEN | scaled("vpa"), "autoscaling"),
]
