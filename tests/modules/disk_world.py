"""This machine once more: its kernel and devices, but mounts and files that are a test's own.

A namespace of mounts with an overlay of `/` in it, entered by chroot: to the agent it is the running system,
and what it writes or mounts is gone with the world. Disks in it are the test's own loop devices; the agent
is never told of another.
"""

import json
import os
import subprocess
import sys

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_SETUP = """
set -e
mount --make-rprivate /
mount -t tmpfs world "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
for place in /dev /sys /proc "$2" "$3" "$4"; do
    mkdir -p "$1/root$place"
    mount --rbind "$place" "$1/root$place"
done
mount -t tmpfs run "$1/root/run"
mkdir -p "$1/root/var/lib/tsagent" "$1/root/mnt"
rm -f "$1/root/.dockerenv" && touch "$1/root/var/lib/tsagent/clean"
echo ready
read end
"""


class World:
    """Made with `tmp_path`; `close()` ends it."""

    def __init__(self, top):
        self.top = str(top)
        self.place = os.path.join(self.top, "world")
        self.seed = os.path.join(self.top, "seed")
        os.makedirs(self.place)
        os.makedirs(self.seed)
        self._keeper = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", _SETUP, "sh", self.place, CHECKOUT, sys.base_prefix, self.top],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._keeper.stdout.readline() == b"ready\n"
        self.write("/etc/fstab", "")

    def close(self):
        self._keeper.communicate(b"end\n")

    def sh(self, *argv, **options):
        """(status, output) of a command in the world."""
        done = subprocess.run(
            ["nsenter", "--mount=/proc/%d/ns/mnt" % self._keeper.pid, "chroot", self.place + "/root"]
            + list(argv),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            input=options.get("input", b""),
            env=options.get("env"),
            check=False,
        )
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def ok(self, *argv, **options):
        """The output of a command that must succeed."""
        status, output = self.sh(*argv, **options)
        assert status == 0, (argv, output)
        return output

    def write(self, path, text, mode="0644"):
        self.ok(
            "sh",
            "-c",
            'mkdir -p "${1%/*}"; cat > "$1"; chmod "$2" "$1"',
            "sh",
            path,
            mode,
            input=text.encode(),
        )

    def read(self, path):
        return self.ok("cat", path)

    def user_data(self, text, instance="i-one"):
        """What the next run is told."""
        with open(os.path.join(self.seed, "user-data"), "w", encoding="utf-8") as stream:
            stream.write(text)
        with open(os.path.join(self.seed, "meta-data"), "w", encoding="utf-8") as stream:
            stream.write("instance-id: %s\n" % instance)

    def tsagent(self, *words):
        """(status, output) of the agent."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": CHECKOUT, "PYTHONDONTWRITEBYTECODE": "1"}
        return self.sh(
            "sh",
            "-c",
            'cd "$0"; exec "$@"',
            CHECKOUT,
            sys.executable,
            "-m",
            "tsagent",
            *words,
            env=environment,
        )

    def run(self, module, *more):
        """How the module ended: its part of the run's report."""
        status, output = self.tsagent(
            "run", "--only", module, "--source", "nocloud:" + self.seed, "--format", "json", *more
        )
        assert "Traceback" not in output, output
        begin = output.find("{\n")
        assert status in (0, 1, 2) and begin >= 0, output
        report = json.loads(output[begin:])
        return next(item for item in report["modules"] if item["name"] == module)
