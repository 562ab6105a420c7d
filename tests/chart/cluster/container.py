"""One container: a process in a root file system of its own that it cannot write, as the user that its
pod names, without capabilities and without a way to gain privileges."""

import ctypes
import os
import subprocess
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 38, 24


def call(name, *arguments):
    if getattr(LIBC, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}{arguments}: {os.strerror(number)}")


def mount(source, target, kind=None, flags=0, options=None):
    encode = lambda text: text.encode() if text else None  # noqa: E731
    call("mount", encode(source), encode(str(target)), encode(kind), flags, encode(options))


def bind(source, target, read_only):
    mount(str(source), target, flags=MS_BIND | MS_REC)
    if read_only:
        mount("", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY)


def place(root, path, is_folder):
    """Makes the place at which something is mounted."""
    target = root / path.lstrip("/")
    if is_folder:
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    return target


class Spec:
    """What a container is started with; paths are those inside of it."""

    def __init__(self, image, argv, env, user, groups, mounts, etc):
        self.image, self.argv, self.env = image, argv, env
        self.user, self.groups, self.mounts, self.etc = user, groups, mounts, etc


def build_root(spec, root):
    """The root file system: the image's, what every container has, and the pod's volumes."""
    mount("none", "/", flags=MS_REC | MS_PRIVATE)
    mount("container", root, "tmpfs", MS_NOSUID, "mode=755,size=8m")
    for source, target in spec.image.content():
        bind(source, place(root, target, Path(source).is_dir()), True)
    for target, link in spec.image.links():
        (root / target.lstrip("/")).symlink_to(link)
    for device in ("null", "zero", "urandom"):
        bind(f"/dev/{device}", place(root, f"/dev/{device}", False), False)
    for source, target in spec.etc:
        bind(source, place(root, target, False), True)
    (root / "proc").mkdir(exist_ok=True)
    for source, target, read_only in sorted(spec.mounts, key=lambda one: one[1]):
        bind(source, place(root, target, Path(source).is_dir()), read_only)
    mount("", root, flags=MS_REMOUNT | MS_BIND | MS_RDONLY)


def become(spec, root):
    """The container's user: no capability is left, and none can come."""
    os.chroot(root)
    os.chdir("/")
    for capability in range(64):
        LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups(spec.groups)
    os.setresgid(spec.user, spec.user, spec.user)
    os.setresuid(spec.user, spec.user, spec.user)
    call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.umask(0o022)


def start(spec, network_pid, root, log):
    """Starts the container in the network namespace of a process."""

    def enter():
        with open(f"/proc/{network_pid}/ns/net") as network:
            call("setns", network.fileno(), CLONE_NEWNET)
        call("unshare", CLONE_NEWNS)
        build_root(spec, root)
        become(spec, root)

    root.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as output:
        return subprocess.Popen(
            spec.argv, env=spec.env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            preexec_fn=enter, start_new_session=True,
        )


def execute(spec, pid, argv, timeout):
    """Runs a command inside a running container, as an exec probe does."""
    command = ["nsenter", f"--target={pid}", "--mount", "--net", f"--root=/proc/{pid}/root", "--wd=/",
               f"--setuid={spec.user}", f"--setgid={spec.user}", "--", *argv]
    done = subprocess.run(command, env=spec.env, capture_output=True, timeout=timeout, check=False)
    return done.returncode == 0

