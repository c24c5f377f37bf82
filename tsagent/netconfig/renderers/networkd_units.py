"""One file of systemd-networkd or udev, in sections; settings that this systemd does not know yet are named.

Source of the figures: systemd.network(5), systemd.netdev(5) and systemd.link(5) of systemd 257, "Added in
version"; of renamed settings, the version that knows the name written here. What is older than 219, the
oldest systemd among the supported systems (el7), has no entry.
"""

from tsagent.netconfig.renderers import MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Optional, Tuple, Union

    from tsagent.netconfig.model import Device, Network

# The first version of systemd that takes a setting, by "Section.Setting".
SINCE = {
    "Match.PermanentMACAddress": 245,
    "Link.ActivationPolicy": 248,
    "Link.RequiredForOnline": 236,
    "Link.Unmanaged": 233,
    "Network.ConfigureWithoutCarrier": 235,
    "Network.IPv6AcceptRA": 231,
    "Network.IPv6LinkLocalAddressGenerationMode": 246,
    "Network.IPv6MTUBytes": 239,
    "Network.IPv6PrivacyExtensions": 222,
    "Network.IPv6Token": 225,
    "Network.KeepConfiguration": 243,
    "Network.PrimarySlave": 235,
    "Network.VRF": 229,
    "Address.PreferredLifetime": 230,
    "Route.GatewayOnLink": 243,
    "Route.GatewayOnlink": 234,
    "Route.InitialAdvertisedReceiveWindow": 237,
    "Route.InitialCongestionWindow": 237,
    "Route.MTUBytes": 239,
    "Route.PreferredSource": 227,
    "Route.TCPAdvertisedMaximumSegmentSize": 248,
    "Route.Table": 230,
    "Route.Type": 235,
    "RoutingPolicyRule.FirewallMark": 235,
    "RoutingPolicyRule.From": 235,
    "RoutingPolicyRule.Priority": 235,
    "RoutingPolicyRule.Table": 235,
    "RoutingPolicyRule.To": 235,
    "RoutingPolicyRule.TypeOfService": 235,
    "DHCP.ClientIdentifier": 220,
    "DHCP.CriticalConnection": 228,
    "DHCP.Hostname": 223,
    "DHCP.UseNTP": 220,
    "DHCPv6.DUIDType": 246,
    "DHCPv6.Hostname": 255,
    "DHCPv6.SendHostname": 255,
    "DHCPv6.UseDNS": 243,
    "DHCPv6.UseDomains": 243,
    "DHCPv6.UseHostname": 243,
    "DHCPv6.UseNTP": 243,
    "DHCPv6.WithoutRA": 246,
    "IPv6AcceptRA.RouteMetric": 249,
    "IPv6AcceptRA.RouteTable": 232,
    "IPv6AcceptRA.Token": 250,
    "IPv6AcceptRA.UseAutonomousPrefix": 242,
    "IPv6AcceptRA.UseDNS": 231,
    "IPv6AcceptRA.UseDomains": 231,
    "IPv6AcceptRA.UseGateway": 250,
    "IPv6AcceptRA.UseMTU": 250,
    "IPv6AcceptRA.UseRoutePrefix": 250,
    "Bond.ARPAllTargets": 220,
    "Bond.ARPIPTargets": 220,
    "Bond.ARPIntervalSec": 220,
    "Bond.ARPMissedMax": 256,
    "Bond.ARPValidate": 220,
    "Bond.AdActorSystem": 240,
    "Bond.AdActorSystemPriority": 240,
    "Bond.AdSelect": 220,
    "Bond.AdUserPortKey": 240,
    "Bond.AllSlavesActive": 220,
    "Bond.DynamicTransmitLoadBalancing": 240,
    "Bond.FailOverMACPolicy": 220,
    "Bond.GratuitousARP": 220,
    "Bond.LearnPacketIntervalSec": 220,
    "Bond.MinLinks": 220,
    "Bond.PacketsPerSlave": 220,
    "Bond.PeerNotifyDelaySec": 256,
    "Bond.PrimaryReselectPolicy": 220,
    "Bond.ResendIGMP": 220,
    "Bridge.AgeingTimeSec": 232,
    "Bridge.ForwardDelaySec": 227,
    "Bridge.HelloTimeSec": 227,
    "Bridge.MaxAgeSec": 227,
    "Bridge.Priority": 234,
    "Bridge.STP": 232,
    "VRF.Table": 243,
    "VRF.TableId": 229,
    "Link.AlternativeNamesPolicy": 245,
    "Link.GenericReceiveOffload": 232,
    "Link.GenericSegmentationOffload": 232,
    "Link.LargeReceiveOffload": 232,
    "Link.ReceiveChecksumOffload": 245,
    "Link.TCP6SegmentationOffload": 235,
    "Link.TCPSegmentationOffload": 232,
    "Link.TransmitChecksumOffload": 245,
}
# The order in which sections stand in a file; those that may come several times are last.
_ORDER = (
    "Match", "NetDev", "Bond", "Bridge", "VLAN", "VRF", "Link", "Network", "DHCP", "DHCPv4", "DHCPv6",
    "IPv6AcceptRA", "Address", "Route", "RoutingPolicyRule",
)  # fmt: skip


class Unit:
    """A file being made for a device. `version` is systemd's; None where it is not known: the newest."""

    def __init__(self, network: "Network", device: "Device", version: "Optional[int]") -> None:
        self._network = network
        self._device = device
        self._version = version
        self._sections: "List[Tuple[str, List[str]]]" = []
        self._latest: "Dict[str, List[str]]" = {}  # rows of the last section of each name

    def older_than(self, version: int) -> bool:
        """Whether systemd is known to be older."""
        return self._version is not None and self._version < version

    def begin(self, section: str) -> None:
        """Begin a further section of this name."""
        rows: "List[str]" = []
        self._sections.append((section, rows))
        self._latest[section] = rows

    def add(self, section: str, key: str, value: "Union[str, int, bool]") -> bool:
        """Put `key=value` into the latest section of a name. False, and said, where systemd is too old."""
        since = SINCE.get("%s.%s" % (section, key), 0)
        if self.older_than(since):
            self._network.left_out(
                self._device, "%s= (it needs systemd %d)" % (key, since), "systemd %d" % (self._version or 0)
            )
            return False
        if isinstance(value, bool):
            value = "yes" if value else "no"
        if section not in self._latest:
            self.begin(section)
        self._latest[section].append("%s=%s" % (key, value))
        return True

    def left_out(self, setting: str) -> None:
        """Note that systemd-networkd cannot express a setting of the device."""
        self._network.left_out(self._device, setting, "systemd-networkd")

    def text(self) -> str:
        """The file; without the sections that stayed empty."""
        found = sorted((item for item in self._sections if item[1]), key=lambda item: _ORDER.index(item[0]))
        parts = ["[%s]\n%s" % (name, "".join(row + "\n" for row in rows)) for name, rows in found]
        return MARK + "\n".join(parts)
