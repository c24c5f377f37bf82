"""What a unit of systemd calls: one stage, with nothing imported that a quiet boot has no use for."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, Sequence


def main(stage: str) -> int:
    """Run a stage of this machine's boot; the exit code. The process of the local stage goes on.

    `attach` is no stage, but what is done when a network card has come or gone.
    """
    import gc

    from tsagent import code
    from tsagent.cli import escape_output, guard, run_unit

    code.use()
    gc.set_threshold(100000)  # what is loaded here stays; looking through it again and again finds nothing
    if sys.flags.no_site:
        sys.meta_path.append(Libraries())
    if stage == "attach":
        escape_output()
        from tsagent.cli.network_attach import start

        return guard(start, debug=False)
    return run_unit(stage, tell_ready if stage == "local" and "NOTIFY_SOCKET" in os.environ else None)


def tell_ready() -> None:
    """Tell systemd that the local stage is done. Source: sd_notify(3)."""
    address = os.environ["NOTIFY_SOCKET"]
    import _socket  # of `socket` only its C part is needed

    if address.startswith("@"):
        address = "\0" + address[1:]
    channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        channel.connect(address)
        channel.send(b"READY=1")
    finally:
        channel.close()


class Libraries:
    """Looks for a library where `site` finds it, once one is asked for that is not beside the agent.

    On RHEL-like systems those that are compiled have a directory of their own.
    """

    @staticmethod
    def find_spec(name: str, path: "Optional[Sequence[str]]" = None, target: "Any" = None) -> "Any":
        """The place of a top-level module, as the import system asks for it; None where there is none."""
        if path is not None:
            return None
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Libraries)]
        import site
        from importlib.machinery import PathFinder

        site.main()
        return PathFinder.find_spec(name, path, target)
