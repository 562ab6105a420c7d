"""The images, as far as this machine has what is in them.

There is no registry here. Posthorn's image is what `make image-root` makes. Of the others the programs
are this machine's, started as the image's own entrypoint would; what is only a stand-in says so.
"""

import shutil
from pathlib import Path

AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
HERE = Path(__file__).resolve().parent


class Image:
    """What an image holds, and its entrypoint."""

    def __init__(self, entrypoint, files=(), whole_usr=False, is_stand_in=False):
        self.entrypoint, self.files = entrypoint, list(files)
        self.whole_usr, self.is_stand_in = whole_usr, is_stand_in

    def content(self):
        if self.whole_usr:
            yield "/usr", "/usr"
        else:
            # What the base image has: the C library, and the public authorities.
            yield "/usr/lib", "/usr/lib"
            yield AUTHORITIES, AUTHORITIES
            if Path("/usr/lib64").is_dir():
                yield "/usr/lib64", "/usr/lib64"
        yield from self.files

    def links(self):
        for name in ("lib", "lib64", *(("bin", "sbin") if self.whole_usr else ())):
            if Path(f"/usr/{name}").exists():
                yield f"/{name}", f"usr/{name}"


def posthorn(root):
    """Each file of the image's root, at its place."""
    files = [(str(path), "/" + str(path.relative_to(root))) for path in sorted(root.rglob("*")) if path.is_file()]
    return Image(["/usr/local/bin/posthorn"], files)


def nats(program):
    return Image([], [(program, "/usr/local/bin/nats-server")])


def postgres(programs):
    """The official image's entrypoint sets a database up at its first start; so does this one."""
    files = [(programs, "/postgres/bin"), (str(HERE / "postgres_entrypoint.sh"), "/postgres/entrypoint.sh")]
    for name in ("lib", "share"):
        beside = Path(programs).parent / name
        if beside.is_dir():
            files.append((str(beside), f"/postgres/{name}"))
    return Image(["/bin/sh", "/postgres/entrypoint.sh"], files, whole_usr=True)


def jaeger():
    """Takes connections and says nothing: what the fleet does without a collector."""
    python = shutil.which("python3", path="/usr/bin") or shutil.which("python3")
    script = "import socketserver,threading\n" \
        "serve=lambda p:socketserver.ThreadingTCPServer(('',p),socketserver.BaseRequestHandler).serve_forever()\n" \
        "threading.Thread(target=serve,args=(16686,),daemon=True).start()\nserve(4317)"
    return Image([python, "-c", script], whole_usr=True, is_stand_in=True)
