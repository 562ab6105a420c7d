"""A Posthorn for the walks: `posthorn dev` on free ports, with settings that let them end soon."""

import json
import os
import random
import secrets
import signal
import string
import subprocess
import time

START_SECONDS = 120
END_SECONDS = 30
SETTINGS = {
    "POSTHORN_PORT": "0",
    "POSTHORN_NATS_PORT": "0",
    "POSTHORN_POSTGRES_PORT": "0",
    "POSTHORN_EGRESS_ALLOW": "127.0.0.0/8",
    # Three attempts; the walks wait until the last one has failed.
    "POSTHORN_RETRY_SCHEDULE": "1s,1s",
    # Endpoints that fail on purpose are to be asked each time.
    "POSTHORN_BREAKER_OPEN": "0s",
}


class Server:
    """Runs within a `with` block. Afterwards `problems` says what went wrong."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.problems = []
        self.ready = False
        self.settings = {
            **os.environ,
            **SETTINGS,
            "POSTHORN_DEV_FOLDER": str(folder / "data"),
            "POSTHORN_JWT_SECRET": secrets.token_hex(32),
        }

    def __enter__(self):
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(
                [self.program, "dev"],
                env=self.settings,
                stdin=subprocess.DEVNULL,
                # Where it says its token, too.
                stdout=subprocess.DEVNULL,
                stderr=log,
                # Ctrl-C and `timeout` are for us; it ends after the walks.
                start_new_session=True,
            )
        try:
            self.wait_until_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait_until_ready(self):
        facts = self.folder / "data" / "run.json"
        deadline = time.monotonic() + START_SECONDS
        while not facts.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.problems.append("posthorn dev did not start")
                return
            time.sleep(0.1)
        self.url = json.loads(facts.read_text())["api_url"]
        self.ready = True

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            code = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            code = self.process.wait()
            self.problems.append(f"posthorn dev did not end within {END_SECONDS} s")
        if code != 0 and self.ready:
            self.problems.append(f"posthorn dev ended with {code}")

    def environment(self):
        """What a walk needs to know; a token of an organisation that nobody else has."""
        organization = "org_" + "".join(random.choices(string.ascii_letters + string.digits, k=27))
        token = subprocess.run(
            [self.program, "jwt", "generate", organization],
            env=self.settings,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        ).stdout.strip()
        return {**os.environ, "SVIX_SERVER_URL": self.url, "SVIX_TOKEN": token}

    def log(self, lines):
        return (self.folder / "log").read_text(errors="replace").splitlines()[-lines:]
