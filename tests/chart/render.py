"""Renders the chart with real Helm 4: the program if it is here, else Helm's SDK as a library."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools" / "chart"
CHART = ROOT / "helm" / "posthorn"
sys.path.insert(0, str(TOOLS / "python"))

import yaml  # noqa: E402  (from .tools/chart)

RELEASE, NAMESPACE = "posthorn", "hooks"


# The parser in C, where it is there, takes a tenth of the time.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def objects(text):
    return [item for item in yaml.load_all(text, Loader=LOADER) if item]


class Refused(Exception):
    """The chart does not render with these values."""


def merged(low, high):
    """Values on top of values, as Helm merges them."""
    if not isinstance(low, dict) or not isinstance(high, dict):
        return high
    return low | {key: merged(low[key], value) if key in low else value for key, value in high.items()}


def values_of(files, extra, chart=CHART):
    values = {}
    for name in files:
        values = merged(values, yaml.safe_load((chart / name).read_text()))
    return merged(values, extra)


class Program:
    """The program `helm`."""

    def __init__(self, path, chart):
        self.path, self.chart = path, chart
        self.name = f"helm {self._run('version', '--template', '{{.Version}}')}"

    def _run(self, *arguments):
        done = subprocess.run([self.path, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Refused((done.stderr + done.stdout).strip())
        return done.stdout

    def _with_values(self, values, *arguments):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(values, file)
            file.flush()
            return self._run(*arguments, "--values", file.name)

    def lint(self, values):
        self._with_values(values, "lint", "--strict", "--quiet", str(self.chart))

    def render(self, values, version):
        text = self._with_values(
            values, "template", RELEASE, str(self.chart), "--namespace", NAMESPACE, "--kube-version", version
        )
        return objects(text)

    def notes(self, values):
        text = self._with_values(
            values, "install", RELEASE, str(self.chart), "--namespace", NAMESPACE, "--dry-run=client", "--output", "json"
        )
        return json.loads(text)["info"]["notes"]

    def package(self, folder):
        self._run("package", str(self.chart), "--destination", folder)


class Library:
    """Helm's SDK as a library."""

    def __init__(self, chart):
        import helm_python

        self.helm, self.chart = helm_python, chart
        self.name = f"Helm's SDK {helm_python.helm_sdk_version()}"

    def _try(self, act):
        try:
            return act()
        except self.helm.HelmError as error:
            raise Refused(str(error)) from error

    def lint(self, values):
        found = self._try(lambda: self.helm.lint(str(self.chart), values, strict=True))
        worse = [message for message in found["messages"] if message["severity"] != 1]
        if worse or found["errors"]:
            raise Refused(json.dumps(found))

    def render(self, values, version):
        """The library has no say in Kubernetes' version; the chart asks for none beyond its oldest."""
        with self.helm.Chart.load(str(self.chart)) as chart:
            whole = merged(chart.values, values)
            self._try(lambda: chart.validate_schema(whole))
            texts = self._try(lambda: chart.render(values, name=RELEASE, namespace=NAMESPACE))
        manifests = (text for path, text in sorted(texts.items()) if path.endswith(".yaml"))
        return [item for text in manifests for item in objects(text)]

    def notes(self, values):
        with self.helm.Chart.load(str(self.chart)) as chart:
            texts = self._try(lambda: chart.render(values, name=RELEASE, namespace=NAMESPACE))
        return next(text for path, text in texts.items() if path.endswith("NOTES.txt"))

    def package(self, folder):
        self._try(lambda: self.helm.package(str(self.chart), destination=folder))


def find_program():
    """A helm of version 4: the one in $HELM, that of this machine, or the one that `make helm` built."""
    for path in (os.environ.get("HELM"), shutil.which("helm"), str(ROOT / ".tools" / "helm" / "helm")):
        if path and os.access(path, os.X_OK):
            done = subprocess.run([path, "version", "--template", "{{.Version}}"], capture_output=True, text=True, check=False)
            if done.stdout.startswith("v4."):
                return path
    return None


def renderer(chart=CHART):
    path = find_program()
    return Program(path, chart) if path else Library(chart)
