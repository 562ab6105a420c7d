#!/usr/bin/env python3
"""Every environment that the chart renders is accepted by the program that gets it.

The programs refuse settings that they do not know, or that do not fit together, with `--print-config` as
at their start:

    settings.py <posthorn>
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cases
import rules
from render import renderer, values_of

# What may stand in the secret files, by their names.
CONTENT = {
    "jwt-secret": "j" * 48,
    "encryption-keys": "1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "database-url": "postgres://u:p@db/posthorn?sslmode=require",
    "nats-password": "n",
    "egress-proxy": "http://u:p@proxy:3128",
}
FOLDER = "/etc/posthorn/secrets"
# Beside its own settings every program prints these.
OF_EVERY_PROCESS = "POSTHORN_ADMIN_ADDR="


def environments(helm):
    """Each different (arguments, environment) of our image, with the case that has it."""
    seen = {}
    for name, files, extra in cases.CASES:
        for item, spec in rules.pods(helm.render(values_of(files, extra), "1.31.0")):
            for container in rules.containers(spec):
                if "posthorn/posthorn" not in container["image"]:
                    continue
                env = {one["name"]: one["value"] for one in container["env"] if "value" in one}
                key = json.dumps([container["args"], env], sort_keys=True)
                seen.setdefault(key, f"{name}: {rules.title(item)}, {container['name']}")
    return [(where, *json.loads(key)) for key, where in seen.items()]


def refused(program, folder, args, env):
    env = {name: value.replace(FOLDER, folder) for name, value in env.items()}
    done = subprocess.run([program, *args, "--print-config"], env=env, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr.strip()
    return None if OF_EVERY_PROCESS in done.stdout else f"it printed {done.stdout!r}"


def main():
    program = sys.argv[1]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, text in CONTENT.items():
            (Path(folder) / name).write_text(text)
        found = environments(renderer())
        for where, args, env in found:
            problem = refused(program, folder, args, env)
            if problem:
                failed += 1
                print(f"FAILED settings: {where}: {problem}")
        # The check itself: a misspelt setting must be seen.
        where, args, env = found[0]
        if not refused(program, folder, args, env | {"POSTHORN_NO_SUCH_SETTING": "1"}):
            failed += 1
            print("FAILED settings: an unknown setting was accepted")
    if not failed:
        print(f"ok     settings: {len(found)} different environments are accepted by their programs")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
