"""Name servers and search domains of the whole network, for services that have them by device."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tsagent.netconfig.model import Network


def tell_unused_names(network: "Network") -> None:
    """Say where name servers or domains of the whole network are used by no device: its own come first."""
    users = [device for device in network.devices if device.wants(4) or device.wants(6)]
    for what, whole, own in (
        ("name servers", network.nameservers, [device.nameservers for device in users]),
        ("search domains", network.search, [device.search for device in users]),
    ):
        named = {item for items in own for item in items}
        if users and all(own) and not named.issuperset(whole):
            network.warning("", "the %s of the whole network are not used: every device has its own" % what)
