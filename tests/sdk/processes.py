"""Child processes that run at the same time, none of which outlives us."""

import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import time


@dataclasses.dataclass
class Done:
    """What a process left behind; `code` is None if it was stopped because it took too long."""

    code: int | None
    output: str
    errors: str
    seconds: float

    @property
    def ended(self):
        if self.code is None:
            return f"was stopped after {self.seconds:.0f} s"
        return f"ended with {self.code}"


class Child:
    """A process in a group of its own, so that it can be ended with all that it started."""

    def __init__(self, command, environment):
        # Files, as a pipe that nobody empties would stop it.
        self.output = tempfile.TemporaryFile()
        self.errors = tempfile.TemporaryFile()
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.errors,
            start_new_session=True,
        )

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def done(self, code):
        return Done(code, self.text(self.output), self.text(self.errors), time.monotonic() - self.started)

    @staticmethod
    def text(file):
        file.seek(0)
        return file.read().decode(errors="replace")


def run_together(commands, seconds):
    """Starts all of {name: (command, environment)}, and yields (name, Done) as they end."""
    running = {name: Child(*command) for name, command in commands.items()}
    try:
        while running:
            for name, child in list(running.items()):
                code = child.process.poll()
                if code is None and time.monotonic() - child.started <= seconds:
                    continue
                # What the leader of the group left running ends, too.
                child.kill()
                del running[name]
                yield name, child.done(code)
            time.sleep(0.05)
    finally:
        for child in running.values():
            child.kill()


def stop_on_signals():
    """Makes SIGTERM end us as Ctrl-C does: with everything that was started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
