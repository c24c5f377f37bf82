"""Name servers and search domains of the whole network, for services that have them by device.

A device's own come instead of the whole network's, as cloud-init has it.
"""

from tsagent.userdata.problem import WARNING, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Tuple

    from tsagent.netconfig.model import Device, Network

UNUSED = "network-unused"  # a rule of problems: nothing is lost but what nobody had asked to use


def names_for(network: "Network", device: "Device") -> "Tuple[List[str], List[str]]":
    """The name servers and the search domains of a device."""
    return list(device.nameservers or network.nameservers), list(device.search or network.search)


def tell_unused_names(network: "Network") -> None:
    """Say where name servers or domains of the whole network are used by no device."""
    users = [device for device in network.devices if device.wants(4) or device.wants(6)]
    for what, whole, own in (
        ("name servers", network.nameservers, [device.nameservers for device in users]),
        ("search domains", network.search, [device.search for device in users]),
    ):
        named = {item for items in own for item in items}
        if users and all(own) and not named.issuperset(whole):
            words = "the %s of the whole network are not used: every device has its own" % what
            network.problems.append(Problem(WARNING, "", words, rule=UNUSED))
