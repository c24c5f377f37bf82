"""One process for all the stages of a first boot, each begun when its own unit is.

The process of the local stage tells systemd that this stage is done, keeps what it has loaded and read, and
waits. The units of the later stages call `packaging/libexec/stage`, a few lines of shell: it writes the
stage's name into the FIFO `go` and reads that stage's exit code from the FIFO of its name. Where no process
waits, or it dies midway, the reader meets the end of the file and runs the stage in a process of its own.
"""

import os

from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

    from tsagent.host import Host

LATER = ("network", "final")
_GO = "go"
_PID = paths.GATES + "/pid"


class Gates:
    """The FIFOs, held open by this process for as long as it lives."""

    def __init__(self, host: "Host") -> None:
        """Make them. Raises OSError where that cannot be."""
        self._host = host
        self._lines: "List[bytes]" = []
        directory = host.root.host_path(paths.GATES)
        self._descriptors: "Dict[str, int]" = {}
        host.root.mkdir(paths.GATES, 0o700)
        for name in LATER + (_GO,):
            path = directory + "/" + name
            try:
                os.unlink(path)  # of a process that was killed
            except FileNotFoundError:
                pass
            os.mkfifo(path, 0o600)
            # For reading and writing: opening waits for nobody, and a reader sees no end before ours.
            self._descriptors[name] = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        host.root.write_atomic(_PID, b"%d\n" % os.getpid(), 0o600, sync=False)

    def wait(self) -> "Gate":
        """The next stage whose unit has been started. Raises Interrupted at a shutdown."""
        while True:
            while not self._lines:
                self._lines = self._host.runner.wait_for(self._read).splitlines()
            words = self._lines.pop(0).decode("ascii", "replace").split()
            if len(words) == 2 and words[0] in LATER and words[1].isdigit():
                return Gate(words[0], int(words[1]))

    def ended(self, gate: "Gate", code: int) -> None:
        """Tell the unit of a stage its exit code."""
        os.write(self._descriptors[gate.stage], b"%d\n" % code)

    def close(self) -> None:
        """Nobody waits here any more; who asks from now on is on their own."""
        self._host.root.unlink(_PID, missing_ok=True)
        for name, descriptor in self._descriptors.items():
            self._host.root.unlink(paths.GATES + "/" + name, missing_ok=True)
            os.close(descriptor)
        self._descriptors = {}

    def _read(self) -> bytes:
        return os.read(self._descriptors[_GO], 4096)


class Gate:
    """A stage that has been called for, and the process of its unit that waits for its end."""

    def __init__(self, stage: str, pid: int) -> None:
        self.stage = stage
        self.pid = pid

    def move_in(self) -> None:
        """Move into the control group of the stage's unit: what is started from here on, and what it costs
        and prints, is that unit's. Where that cannot be, it stays the local stage's.
        """
        try:
            with open("/proc/%d/cgroup" % self.pid, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except OSError:
            return
        for line in lines:
            _, controllers, path = line.split(":", 2)
            for directory in _hierarchies(controllers):
                try:
                    with open("%s%s/cgroup.procs" % (directory, path), "wb", 0) as file:
                        file.write(b"0")
                    break
                except OSError:
                    continue


def _hierarchies(controllers: str) -> "List[str]":
    """Where the hierarchy of a line of /proc/PID/cgroup may be mounted. Source: cgroups(7)."""
    if not controllers:
        return ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
    return ["/sys/fs/cgroup/" + controllers.replace("name=", "")]
