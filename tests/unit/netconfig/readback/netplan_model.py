"""What netplan's file says: it is network configuration of version 2, which has a reader."""

import yaml

from tsagent import netconfig
from tsagent.netconfig.model import CARDS

from . import keyfile

PATH = "/etc/netplan/50-tsagent.yaml"


def network(files):
    """The network that the file describes."""
    document = yaml.safe_load(files[PATH])["network"]
    found = netconfig.read("v2", document, "netplan's file")
    assert [item.message for item in found.problems] == []
    netconfig.resolve(found, [])
    for label, facts in keyfile.read_links(files).items():
        for device in found.devices:
            if device.label == label:
                device.set_name = facts.get("set_name")
    return found


def common(made):
    """Bring one side to what netplan has words for: all cards are one kind."""
    if made["kind"] in CARDS:
        made["kind"] = "card"
    if made.get("master"):
        made.pop("optional", None)  # nothing waits for a port: its bond or bridge decides
    if made.get("dhcp4") and made.get("dhcp6"):
        # netplan refuses what differs: IPv4's counts.
        for name in [name for name in made if name.startswith("dhcp6_options.")]:
            del made[name]
        for name in [name for name in made if name.startswith("dhcp4_options.")]:
            if not name.endswith(".identifier"):
                made[name.replace("dhcp4", "dhcp6")] = made[name]
