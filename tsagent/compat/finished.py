"""Writes the files by which other programs know that cloud-init has ended.

Run by cloud-final.service of the compatibility package once the agent has ended, as `python3 -m
tsagent.compat.finished`. All of it lies below /run, so that it is gone at the next boot until that, too,
has ended (cloud-init removes `boot-finished` at the start of each boot):

    /run/cloud-init/status.json     `v1`: datasource, stages with start, finished, errors
    /run/cloud-init/result.json     `v1`: datasource, errors
    /var/lib/cloud/instance/boot-finished   through a link to /run/cloud-init/instance
"""

from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsagent.host import Host

STATUS = "/run/cloud-init/status.json"
RESULT = "/run/cloud-init/result.json"
BOOT_FINISHED = paths.COMPATIBILITY + "/boot-finished"


def publish(host: "Host") -> None:
    """Write them, `boot-finished` last. Nothing where the agent is turned off, as cloud-init does."""
    import time

    from tsagent import __version__
    from tsagent.compat.reading import details
    from tsagent.compat.translation import DISABLED, DONE
    from tsagent.state.store import write_json

    tree = host.root
    found = details(host)
    if found.running == DISABLED:
        return
    if found.running != DONE:  # whoever calls this has waited for the agent's units
        found.fail("tsagent has ended without saying how (see 'journalctl -t tsagent')")
    tree.mkdir(paths.COMPATIBILITY)
    write_json(tree, STATUS, {"v1": found.version1}, 0o644, sync=False)
    result = {"datasource": found.version1["datasource"], "errors": found.errors}
    write_json(tree, RESULT, {"v1": result}, 0o644, sync=False)
    now = host.clock.time()
    since_boot = (host.hardware.text("/proc/uptime") or "0").split()[0]
    when = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(now))
    line = "%s - %s - v. %s\n" % (since_boot, when, __version__)
    tree.write_atomic(BOOT_FINISHED, line.encode("ascii"), 0o644, sync=False)
    try:
        tree.lstat(paths.CLOUD_INSTANCE)  # what cloud-init left here stays
    except FileNotFoundError:
        tree.symlink(paths.COMPATIBILITY, paths.CLOUD_INSTANCE)


if __name__ == "__main__":
    import sys

    from tsagent.cli import guard
    from tsagent.host import Host

    def _main() -> int:
        publish(Host("/"))
        return 0

    sys.exit(guard(_main, False, "cloud-init"))
