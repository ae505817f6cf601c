"""The process that owns the embedded servers, so that they end when their starter does, however it ends.

Run as a script of its own (`python -I -S guard.py PARENT_PID`), standard library only. It takes one JSON object a line
on standard input and answers each with one on standard output:

    {"do": "run", "name", "argv", "env", "log", "identity", "stop"}  -> {"pid": int}
    {"do": "wait", "name", "seconds"}                                -> {"returncode": int | null}
    {"do": "signal", "name", "signal"}                               -> {}
    {"do": "tidy", "paths"}                                          -> {}   (deleted at the end)
    {"do": "quit"}                                                   -> no answer; the guard stops everything and ends

`identity` says as whom a server runs: {"kind": "own" | "nobody" | "namespace" | "nobody-dac", "uid": int, "gid": int}.
`stop` is a list of [signal, seconds to wait], tried in turn. What can't be done is answered with {"error": text}.

End of input or a changed parent (the parent was killed; a forked child of it may still hold the pipe) counts as quit.
The servers are children of the guard: their process ids can't be reused under it, and on Linux the kernel signals them
should the guard itself be killed.
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2  # linux/prctl.h
CLONE_NEWUSER = 0x10000000  # linux/sched.h
CAP_DAC_OVERRIDE, CAPABILITY_VERSION_3 = 1, 0x20080522  # linux/capability.h
TICK = 0.5  # seconds between looks at whether the parent is still there


class ParentGone(Exception):  # noqa: N818 - an event, not an error
    """The process that started the guard is no more."""


def libc(name: str, *args: Any) -> None:
    """Call a function of the C library that answers 0; raises OSError otherwise."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*args) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def enter_namespace(uid: int, gid: int) -> None:
    """Become `uid` inside a new user namespace; seen from outside nothing changes, files keep the present owner."""
    outside = os.geteuid(), os.getegid()
    libc("unshare", CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/gid_map").write_text(f"{gid} {outside[1]} 1")
    Path("/proc/self/uid_map").write_text(f"{uid} {outside[0]} 1")


def drop_but_reach(uid: int, gid: int) -> None:
    """Become `uid`, keeping of root's powers only the one to pass through closed folders."""
    libc("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    mask = 1 << CAP_DAC_OVERRIDE
    libc("capset", (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0), (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0))
    libc("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def preparation(identity: dict[str, Any], death_signal: int) -> Callable[[], None]:
    """What a new process does to itself before it becomes the server."""
    guard = os.getpid()

    def prepare() -> None:
        if identity["kind"] == "namespace":
            enter_namespace(identity["uid"], identity["gid"])
        elif identity["kind"] == "nobody-dac":
            drop_but_reach(identity["uid"], identity["gid"])
        if sys.platform == "linux":  # after the change of user, which clears it
            libc("prctl", PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
            if os.getppid() != guard:
                os._exit(1)

    return prepare


class Guard:
    """Servers by name, in the order they were started."""

    def __init__(self, parent: int) -> None:
        self.parent = parent
        self.servers: dict[str, subprocess.Popen[bytes]] = {}
        self.stops: dict[str, list[list[int]]] = {}
        self.paths: list[str] = []

    def check_parent(self) -> None:
        """Raise ParentGone when the starter is gone."""
        if os.getppid() != self.parent:
            raise ParentGone

    def do_run(
        self,
        *,
        name: str,
        argv: list[str],
        env: dict[str, str],
        log: str | None,
        identity: dict[str, Any],
        stop: list[list[int]],
    ) -> dict[str, Any]:
        """Start a server; its standard output and error go to the end of the file `log`."""
        dropped: dict[str, Any] = {}
        if identity["kind"] == "nobody":
            dropped = {"user": identity["uid"], "group": identity["gid"], "extra_groups": []}
        out = os.open(log or os.devnull, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            self.servers[name] = subprocess.Popen(  # noqa: S603 - the command is our own
                argv,
                env=env,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=preparation(identity, stop[0][0]),  # noqa: PLW1509 - the guard has one thread
                **dropped,
            )
        finally:
            os.close(out)
        self.stops[name] = stop
        return {"pid": self.servers[name].pid}

    def do_wait(self, name: str, seconds: float) -> dict[str, Any]:
        """Wait for a server's end."""
        until = time.monotonic() + seconds
        while True:
            self.check_parent()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return {"returncode": self.servers[name].wait(max(0.0, min(TICK, until - time.monotonic())))}
            if time.monotonic() >= until:
                return {"returncode": None}

    def do_signal(self, name: str, signal: int) -> dict[str, Any]:
        """Send a signal to a server, if it still runs."""
        self.servers[name].send_signal(signal)
        return {}

    def do_tidy(self, paths: list[str]) -> dict[str, Any]:
        """Remember what to delete at the end, in that order."""
        self.paths = paths
        return {}

    def end(self) -> None:
        """Stop the servers, the youngest first, and delete what was asked for."""
        for name, server in reversed(self.servers.items()):
            for signal_number, seconds in [*self.stops[name], [signal.SIGKILL, 10]]:
                if server.poll() is not None:
                    break
                server.send_signal(signal_number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.wait(seconds)
        for path in map(Path, self.paths):
            with contextlib.suppress(OSError):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def serve(self) -> None:
        """Answer requests until there is nobody left to answer."""
        unread = b""
        while True:
            self.check_parent()
            if not select.select([0], [], [], TICK)[0]:
                continue
            read = os.read(0, 65536)
            if not read:
                return
            *lines, unread = (unread + read).split(b"\n")
            for line in lines:
                request = json.loads(line)
                do = request.pop("do")
                if do == "quit":
                    return
                try:
                    answer = getattr(self, f"do_{do}")(**request)
                except (OSError, subprocess.SubprocessError) as error:
                    answer = {"error": str(error)}
                os.write(1, json.dumps(answer).encode() + b"\n")


def main() -> None:
    """Guard until told to quit, until the parent is gone, or until a SIGTERM of its own."""

    def terminated(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise ParentGone

    for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, terminated)
    guard = Guard(int(sys.argv[1]))
    try:
        with contextlib.suppress(ParentGone, BrokenPipeError):
            guard.serve()
    finally:
        guard.end()


if __name__ == "__main__":
    main()
