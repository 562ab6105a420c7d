#!/usr/bin/env python3
"""Checks the chart without a cluster: `make helm-check`.

Every case of cases.py is linted and rendered by Helm 4, and every object is held against the strict
schemas of three Kubernetes versions, against those of the custom resources, and against rules.py.
"""

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings

import cases
import promql
import rules
import sources
from render import CHART, NAMESPACE, ROOT, TOOLS, Library, Refused, renderer, values_of, yaml

import kubernetes_validate
import kubernetes_validate.utils

KUBERNETES = ["1.31", "1.34", "1.37"]
CUSTOM = ("gateway.networking.k8s.io/", "keda.sh/", "monitoring.coreos.com/")


def is_custom(item):
    return item["apiVersion"].startswith(CUSTOM)


# Reading a schema takes longer than using it.
kubernetes_validate.utils.schema_contents = functools.cache(kubernetes_validate.utils.schema_contents)


def built_in(items, version, done):
    """What the schemas have against objects that are not `done` yet; most cases share most of them."""
    for item in items:
        key = (version, json.dumps(item, sort_keys=True))
        if is_custom(item) or key in done:
            continue
        done.add(key)
        try:
            with warnings.catch_warnings():
                # A kind without a schema is a warning of the library; here it is a mistake.
                warnings.simplefilter("error")
                kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"{rules.title(item)}: {error.message} at {list(error.path)}"
        except (Warning, kubernetes_validate.SchemaNotFoundError, kubernetes_validate.VersionNotSupportedError) as error:
            yield f"{rules.title(item)}: {error}"


def custom(items, node):
    lines = "".join(json.dumps(item) + "\n" for item in items if is_custom(item))
    if not lines:
        return []
    script = ROOT / "tests" / "chart" / "custom.mjs"
    done = subprocess.run(
        [node, str(script), str(TOOLS / "node")], input=lines, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return [f"the schemas of custom resources cannot be used: {done.stderr}"]
    return done.stdout.splitlines()


def examine(helm, files, extra, done):
    """What is wrong with a case, and its objects."""
    values = values_of(files, extra)
    found, items = [], []
    try:
        helm.lint(values)
        items = helm.render(values, f"{KUBERNETES[0]}.0")
        for version in KUBERNETES:
            found += [f"Kubernetes {version}: {one}" for one in built_in(items, version, done)]
        wrong_place = [one for one in items if one["metadata"].get("namespace") != NAMESPACE]
        found += [f"{rules.title(one)}: not in the release's namespace" for one in wrong_place]
        for rule in rules.RULES:
            found += [f"{rule.__name__}: {one}" for one in rule(items)]
    except Refused as error:
        found.append(str(error))
    return found, items


def refused(helm, files, extra, part):
    try:
        helm.render(values_of(files, extra), f"{KUBERNETES[-1]}.0")
    except Refused as error:
        return [] if part in str(error) else [f"refused for another reason: {error}"]
    return ["it was not refused"]


def notes(helm):
    """Three commands after an install, without anything that was not filled in."""
    for files, extra in ((["values-quickstart.yaml"], {}), (["values-production.yaml"], {})):
        text = helm.notes(values_of(files, extra))
        for part in ("kubectl wait", "helm test", "jwt generate"):
            if part not in text:
                yield f"{part} is not in the notes of {files}"
        if "<nil>" in text or "<no value>" in text or "{{" in text:
            yield f"the notes of {files} have a gap"


def main():
    node = sys.argv[1]
    started = time.monotonic()
    helm = renderer()
    print(f"rendering with {helm.name}")
    failed = 0

    def report(name, mistakes, good):
        nonlocal failed
        failed += bool(mistakes)
        print(f"{'FAILED' if mistakes else 'ok':6} {name}{'' if mistakes else ': ' + good}")
        for mistake in mistakes:
            print(f"         {mistake}")

    def not_run(name, reason):
        """Said aloud, and a failure where nothing may be left out."""
        nonlocal failed
        failed += bool(os.environ.get("CHART_REQUIRED"))
        print(f"NOT RUN {name}: {reason}")

    if isinstance(helm, Library):
        not_run("the program helm", "Helm 4 is not here; `make helm` builds it")
    all_custom, asked, done = [], {}, set()
    for name, files, extra in cases.CASES:
        mistakes, items = examine(helm, files, extra, done)
        all_custom += [one for one in items if is_custom(one)]
        asked |= {expression: where for where, expression in promql.expressions(items)}
        report(name, mistakes, f"{len(items)} objects, Kubernetes {', '.join(KUBERNETES)}")
    kinds = sorted({item["kind"] for item in all_custom})
    report("custom resources", custom(all_custom, node), f"{len(all_custom)} objects: {', '.join(kinds)}")
    for name, files, extra, part in cases.REFUSED:
        report(f"refused: {name}", refused(helm, files, extra, part), f"says {part}")
    found = [(where, expression) for expression, where in asked.items()]
    if promtool := promql.program():
        report("promql", list(promql.check(promtool, found)), f"promtool reads {len(found)} expressions, and the rules pass their tests")
    else:
        not_run("promql", "promtool is missing: apt-get install prometheus, or PROMTOOL=<its path>")
    report("metrics", list(sources.metrics_exist()), f"all of {len(sources.metric_names())} that are used exist")
    for name in ("quickstart", "production"):
        items = helm.render(values_of([f"values-{name}.yaml"], {}), f"{KUBERNETES[0]}.0")
        denied = sources.policy_denies_what_senders_deny(items)
        report(f"egress, {name}", list(denied), "the NetworkPolicy denies what senders deny")
    report("notes", list(notes(helm)), "three commands")
    with tempfile.TemporaryDirectory() as folder:
        helm.package(folder)
    schema = json.loads((CHART / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHART / "values.yaml").read_text())
    unknown = set(schema["properties"]) - set(defaults) - {"global"}
    report("values", [f"{key} is in the schema only" for key in sorted(unknown)], f"{len(defaults)} keys")
    print(f"{len(cases.CASES)} cases, {len(cases.REFUSED)} refusals in {time.monotonic() - started:.1f} s")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
