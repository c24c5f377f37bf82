"""What of one machine lies in its tree, and must not be in an image that others are made of.

Sources: systemd's "Building Images" document (machine-id, random seeds, credential.secret); file-hierarchy
and state directories of dhclient, dhcpcd, NetworkManager and systemd-networkd in their manual pages.
"""

import re

from tsagent.errors import AgentError
from tsagent.netconfig.renderers import ours
from tsagent.netconfig.system import OWN, SCRIPTS
from tsagent.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, List

    from tsagent.host import Tree

SEEDS = ("/var/lib/tsagent/seed", "/var/lib/cloud/seed")
_SSH = "/etc/ssh"
_HOST_KEY = re.compile(r"\.?ssh_host_([^.]+_)?key(-cert)?(\.tsagent-new)?(\.pub)?$")
_DROPBEAR = "/etc/dropbear"
_STAMPS = "/var/lib/systemd/timers"

# Made by the agent for one instance, and made anew for the next.
_GENERATED = (
    "/etc/tmpfiles.d/tsagent-handoff.conf",
    "/etc/sysctl.d/60-tsagent.conf",
    # It names certificates of host keys, which go.
    "/etc/ssh/sshd_config.d/40-tsagent-host-certificates.conf",
)
# A seed or a key that two machines must not share. A credential that was encrypted with the secret here
# cannot be read without it.
_SECRETS = (
    "/var/lib/systemd/random-seed",
    "/var/lib/random-seed",
    "/var/lib/urandom/random-seed",
    "/boot/loader/random-seed",
    "/boot/efi/loader/random-seed",
    "/efi/loader/random-seed",
    "/var/lib/systemd/credential.secret",
    "/var/lib/NetworkManager/secret_key",
)
# Which card was eth0 on the machine that the image was made on.
_CARDS = ("/etc/udev/rules.d/70-persistent-net.rules",)
# Leases and the like: the directories stay, they belong to packages.
_LEASES = (
    ("/var/lib/dhclient", ()),
    ("/var/lib/dhcp", ()),
    ("/var/lib/dhcpcd", ()),
    ("/var/lib/systemd/network", ()),
    ("/var/lib/NetworkManager", (".lease", ".leases", "timestamps", "seen-bssids")),
)
# The library whose name tells systemd's version; 219 has none.
_LIBRARIES = ("/usr/lib", "/lib", "/usr/lib64")  # and, of Debian, /usr/lib/x86_64-linux-gnu
_TELLS_VERSION = "libsystemd-shared-"
_UNINITIALIZED_SINCE = 247


def of_one_machine(tree: "Tree", seeds: bool) -> "List[str]":
    """The paths that go from every image, state of the agent first; none of them need be there."""
    doomed = ["%s/%s" % (paths.STATE, name) for name in tree.listdir(paths.STATE)]
    doomed += ["%s/%s" % (paths.RUN, name) for name in tree.listdir(paths.RUN)]
    doomed += SEEDS
    if not seeds:
        doomed = [path for path in doomed if path not in SEEDS]
    doomed = [path for path in doomed if path not in (paths.CLEAN_MARKER, paths.LOCK)]
    doomed += _GENERATED + _SECRETS + _CARDS
    doomed += _host_keys(tree)
    doomed += _network_files(tree)
    for directory, endings in _LEASES:
        names = tree.listdir(directory)
        doomed += ["%s/%s" % (directory, name) for name in names if not endings or name.endswith(endings)]
    # A timer that finds an old stamp catches up at once, in the middle of the first boot.
    doomed += ["%s/%s" % (_STAMPS, name) for name in tree.listdir(_STAMPS) if name.startswith("stamp-")]
    doomed += _answered_for_cloud_init(tree)
    return doomed


def logs(tree: "Tree") -> "List[str]":
    """The agent's logs, and what logrotate made of them."""
    found = []
    for path in (paths.LOG, paths.OUTPUT_LOG):
        directory, name = path.rsplit("/", 1)
        found += [
            "%s/%s" % (directory, item)
            for item in tree.listdir(directory)
            if item == name or item.startswith((name + ".", name + "-"))
        ]
    return found


def no_machine_id(tree: "Tree") -> bytes:
    """What /etc/machine-id holds so that systemd chooses a new one at the next boot.

    `uninitialized` also makes that boot a first boot (machine-id(5)): presets are applied, units with
    ConditionFirstBoot= run. Before systemd 247 it is no id and no word either: there the file is empty,
    which every version takes.
    """
    versions = []
    for directory in _LIBRARIES:
        places = [directory] + [
            "%s/%s" % (directory, name) for name in tree.listdir(directory) if "-linux-" in name
        ]
        for name in [name for place in places for name in tree.listdir(place + "/systemd")]:
            if name.startswith(_TELLS_VERSION):
                digits = name[len(_TELLS_VERSION) :].split(".")[0].split("-")[0]
                versions.append(int(digits) if digits.isdigit() else _UNINITIALIZED_SINCE)
    if not versions and any(tree.exists(path + "/systemd/systemd") for path in _LIBRARIES):
        versions.append(219)  # linked into the program; in a file of its own since 231
    old = bool(versions) and max(versions) < _UNINITIALIZED_SINCE
    return b"" if old else b"uninitialized\n"


def _host_keys(tree: "Tree") -> "Iterator[str]":
    """Host keys of every type, their public halves and certificates, and one that was being made."""
    for name in tree.listdir(_SSH):
        if _HOST_KEY.match(name):
            yield "%s/%s" % (_SSH, name)
    for name in tree.listdir(_DROPBEAR):
        if name.startswith("dropbear_") and name.endswith("_host_key"):
            yield "%s/%s" % (_DROPBEAR, name)


def _network_files(tree: "Tree") -> "Iterator[str]":
    """The network configuration that the agent wrote: it names cards by their addresses."""
    for directory, beginnings in OWN:
        for name in tree.listdir(directory):
            path = "%s/%s" % (directory, name)
            if name.startswith(beginnings) and (directory != SCRIPTS or _is_ours(tree, path)):
                yield path


def _is_ours(tree: "Tree", path: str) -> bool:
    try:
        return ours(tree.read(path, 1 << 20))
    except (OSError, AgentError):
        return False  # a directory, a link to nowhere, or something huge


def _answered_for_cloud_init(tree: "Tree") -> "List[str]":
    """The compatibility package's link and files; cloud-init's own are cloud-init's to clean."""
    try:
        if tree.readlink(paths.CLOUD_INSTANCE) != paths.COMPATIBILITY:
            return []
    except OSError:
        return []
    directory = paths.COMPATIBILITY.rsplit("/", 1)[0]
    return [paths.CLOUD_INSTANCE] + ["%s/%s" % (directory, name) for name in tree.listdir(directory)]
