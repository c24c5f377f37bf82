"""Stands between systemd and a unit's command in boots that are counted, not timed.

    launch.py calls|imports UNIT -- COMMAND...

`calls` runs the command under strace; `imports` has Python tell the time of each import. Both write what the
largest process took of memory. Python 3 with nothing but its library.
"""

import json
import os
import resource
import socket
import subprocess
import sys

FOLDER = "/bench/counted"
CALLS = "trace=execve,fork,vfork,clone,clone3,fsync,fdatasync,sync,syncfs"
IMPORT_TIME = ["-X", "importtime"]


def find(name):
    """The path of a program, as systemd finds it."""
    if "/" in name:
        return name
    folders = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin")
    return next(path for path in (folder + "/" + name for folder in folders) if os.access(path, os.X_OK))


def with_import_time(command):
    """The command with that option for Python, unchanged where it is no Python program."""
    program = find(command[0])
    if os.path.basename(program).startswith("python"):
        return [program] + IMPORT_TIME + command[1:]
    with open(program, "rb") as file:
        first = file.readline(200)
    words = first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!") else []
    if words and os.path.basename(words[0]).startswith("python"):
        return [words[0]] + IMPORT_TIME + words[1:] + [program] + command[1:]
    return command


def tell_ready():
    """Tell systemd that the unit is up, where it waits for that.

    The command has told it already, but of a process that has ended by then and is not the unit's main
    process systemd no longer knows whose it was.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.sendto(b"READY=1", address.replace("@", "\0", 1) if address[0] == "@" else address)


def main():
    """Command line."""
    kind, unit, command = sys.argv[1], sys.argv[2], sys.argv[4:]
    os.makedirs(FOLDER, exist_ok=True)
    path = os.path.join(FOLDER, "%s-%s" % (kind, unit))
    if kind == "calls":
        words = [
            "/usr/bin/strace",
            "-f",
            "-y",
            "-qq",
            "-s",
            "120",
            "-o",
            path,
            "-e",
            CALLS,
            "-e",
            "signal=none",
        ]
        status = subprocess.call(words + command)
    else:
        with open(path, "wb") as errors:
            status = subprocess.call(with_import_time(command), stderr=errors)
    with open(path + ".json", "w", encoding="utf-8") as file:
        # Of the largest of all that were waited for; KiB on Linux.
        json.dump({"kib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, "status": status}, file)
    if status in (0, 2):
        tell_ready()
    return status


if __name__ == "__main__":
    sys.exit(main())
