"""The part of the demo that runs in namespaces of its own: `python -m tsagent.demo.inside DIR [mapped]`.

With `mapped` it is somebody who is root of a user namespace only.
"""

import fcntl
import socket
import struct
import sys

from tsagent.demo import story, view, world

_SIOCSIFFLAGS = 0x8914  # netdevice(7)
_IFF_UP = 0x1


def raise_loopback() -> None:
    """Bring `lo` up: a new network namespace has it down and nothing else."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


def main(work: str, mapped: bool) -> int:
    """Mount the view, tell the story in it, and return its exit code."""
    if mapped:
        return story.tell(work, world.scratch_root(work), view=False, accounts=False)
    raise_loopback()
    return story.tell(work, view.mount(work), view=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:] == ["mapped"]))
