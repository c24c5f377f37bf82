"""No key is dropped in silence: each that the formats know changes the model, or is named with its place.

The keys are those of cloud-init's documentation of versions 1 and 2, of netplan's YAML reference, and of
OpenStack's network_data.json.
"""

import copy

import pytest

from tsagent import netconfig

# Where each key stands (the last step is the key) and a value that is not the default.
_OVERRIDES = {
    "use-dns": False, "use-domains": "route", "use-hostname": False, "use-mtu": False, "use-ntp": False,
    "use-routes": False, "send-hostname": False, "hostname": "node7", "route-metric": 300,
}  # fmt: skip
ANY_DEVICE = [
    ("renderer", "NetworkManager"), ("dhcp4", True), ("dhcp6", True), ("dhcp-identifier", "mac"),
    ("accept-ra", False), ("ipv6-mtu", 1400), ("ipv6-privacy", True),
    ("ipv6-address-generation", "stable-privacy"), ("ipv6-address-token", "::7"), ("link-local", ["ipv4"]),
    ("ignore-carrier", True), ("critical", True), ("addresses", ["198.51.100.1/24"]),
    ("gateway4", "192.0.2.1"), ("gateway6", "2001:db8::1"), ("macaddress", "02:00:00:00:00:07"),
    ("mtu", 1400),
    ("optional", True), ("optional-addresses", ["dhcp4"]), ("activation-mode", "manual"),
    ("nameservers/addresses", ["192.0.2.53"]), ("nameservers/search", ["example.com"]),
    ("ra-overrides/use-dns", False), ("ra-overrides/use-domains", "route"), ("ra-overrides/table", 7),
    ("addresses/0", {"192.0.2.9/24": {"label": "lan:1"}}), ("addresses/0", {"192.0.2.9/24": {"lifetime": 0}}),
    ("routes", [{"to": "default", "via": "192.0.2.1"}]),
    ("routing-policy", [{"from": "192.0.2.8", "table": 8}]),
    ("neigh-suppress", True), ("auth/key-management", "802.1x"), ("openvswitch/external-ids/a", "b"),
    ("no-such-key", 1),
]  # fmt: skip
for _version in (4, 6):
    ANY_DEVICE += [("dhcp%d-overrides/%s" % (_version, key), _OVERRIDES[key]) for key in _OVERRIDES]
ROUTE = [
    ("to", "203.0.113.0/25"), ("via", "192.0.2.2"), ("from", "192.0.2.9"), ("on-link", True), ("metric", 5),
    ("type", "local"), ("scope", "link"), ("table", 9), ("mtu", 1400), ("congestion-window", 10),
    ("advertised-receive-window", 11), ("advertised-mss", 1300), ("no-such-key", 1),
]  # fmt: skip
RULE = [
    ("from", "192.0.2.7"), ("to", "203.0.113.0/24"), ("table", 8), ("priority", 5), ("mark", 3),
    ("type-of-service", 16), ("no-such-key", 1),
]  # fmt: skip
CARD = [
    ("match/name", "ens*"), ("match/macaddress", "02:00:00:00:00:08"), ("match/driver", "virtio_net"),
    ("match/no-such-key", 1), ("wakeonlan", True), ("emit-lldp", True), ("receive-checksum-offload", False),
    ("transmit-checksum-offload", False), ("tcp-segmentation-offload", False),
    ("tcp6-segmentation-offload", False), ("generic-segmentation-offload", False),
    ("generic-receive-offload", False), ("large-receive-offload", False), ("infiniband-mode", "connected"),
    ("embedded-switch-mode", "switchdev"), ("virtual-function-count", 2),
    ("delay-virtual-functions-rebind", True),
    ("link", "eth1"),
]  # fmt: skip
BOND = [
    ("interfaces", ["eth1"]), ("parameters/mode", "802.3ad"), ("parameters/lacp-rate", "fast"),
    ("parameters/mii-monitor-interval", 100), ("parameters/min-links", 2),
    ("parameters/transmit-hash-policy", "layer3+4"), ("parameters/ad-select", "bandwidth"),
    ("parameters/all-members-active", True), ("parameters/all-slaves-active", True),
    ("parameters/arp-interval", 100), ("parameters/arp-ip-targets", ["192.0.2.1"]),
    ("parameters/arp-validate", "all"), ("parameters/arp-all-targets", "all"), ("parameters/up-delay", 100),
    ("parameters/down-delay", 100), ("parameters/fail-over-mac-policy", "active"),
    ("parameters/gratuitous-arp", 3), ("parameters/gratuitious-arp", 3), ("parameters/packets-per-member", 2),
    ("parameters/packets-per-slave", 2), ("parameters/primary-reselect-policy", "better"),
    ("parameters/resend-igmp", 3), ("parameters/learn-packet-interval", 4), ("parameters/primary", "eth1"),
    ("parameters/no-such-key", 1),
]  # fmt: skip
BRIDGE = [
    ("interfaces", ["eth1"]), ("parameters/ageing-time", 100), ("parameters/aging-time", 100),
    ("parameters/priority", 4096), ("parameters/port-priority", {"eth1": 5}), ("parameters/forward-delay", 5),
    ("parameters/hello-time", 3), ("parameters/max-age", 18), ("parameters/path-cost", {"eth1": 7}),
    ("parameters/stp", False), ("parameters/no-such-key", 1),
]  # fmt: skip
VLAN = [("id", 9), ("link", "eth1")]
VRF = [("table", 9), ("interfaces", ["eth1"]), ("routes", [{"to": "default", "via": "192.0.2.1"}])]

VERSION1_DEVICE = [
    ("mac_address", "02:00:00:00:00:07"), ("mtu", 1400), ("accept-ra", False), ("wakeonlan", True),
    ("optional", True), ("subnets", [{"type": "dhcp4"}]), ("keep_configuration", True), ("no-such-key", 1),
]  # fmt: skip
VERSION1_SUBNET = [
    ("type", "dhcp4"), ("address", "192.0.2.8/24"), ("netmask", "255.255.0.0"), ("gateway", "192.0.2.1"),
    ("dns_nameservers", ["192.0.2.53"]), ("dns_search", ["example.com"]), ("control", "manual"),
    ("metric", 5),
    ("mtu", 1400), ("broadcast", "192.0.2.127"), ("scope", "link"), ("pointopoint", "192.0.2.77"),
    ("routes", [{"network": "203.0.113.0", "netmask": "255.255.255.0", "gateway": "192.0.2.7"}]),
    ("no-such-key", 1),
]  # fmt: skip
VERSION1_ROUTE = [
    ("network", "203.0.112.0"), ("netmask", "255.255.255.128"), ("gateway", "192.0.2.2"), ("metric", 5),
    ("mtu", 1400), ("no-such-key", 1),
]  # fmt: skip
VERSION1_BRIDGE = [
    ("bridge_interfaces", ["eth1"]), ("params/bridge_ageing", 250), ("params/bridge_bridgeprio", 22),
    ("params/bridge_fd", 1), ("params/bridge_gcint", 2), ("params/bridge_hello", 3),
    ("params/bridge_hw", "02:00:00:00:00:09"), ("params/bridge_maxage", 10), ("params/bridge_maxwait", 1),
    ("params/bridge_pathcost", ["eth1 50"]), ("params/bridge_portprio", ["eth1 28"]),
    ("params/bridge_stp", "off"), ("params/bridge_waitport", ["1 eth1"]), ("params/no_such_key", 1),
]  # fmt: skip
VERSION1_BOND = [("bond_interfaces", ["eth1"]), ("params/no-such-key", 1)] + [
    ("params/bond-" + key, value)
    for key, value in (
        ("mode", "802.3ad"), ("miimon", 100), ("min_links", 2),
        ("lacp_rate", "fast"), ("xmit_hash_policy", "layer2+3"),
        ("ad_select", "count"), ("arp_interval", 100), ("arp_ip_target", ["192.0.2.1"]),
        ("arp_validate", "all"),
        ("arp_all_targets", "all"), ("updelay", 100), ("downdelay", 100), ("fail_over_mac", "active"),
        ("num_grat_arp", 3), ("num_unsol_na", 3), ("packets_per_slave", 2), ("primary", "eth1"),
        ("primary_reselect", "better"), ("resend_igmp", 3), ("all_slaves_active", 1), ("lp_interval", 4),
        ("use_carrier", 0), ("tlb_dynamic_lb", 0), ("ad_actor_system", "02:00:00:00:00:01"),
        ("ad_actor_sys_prio", 5), ("ad_user_port_key", 6),
    )
]  # fmt: skip

VERSION2 = {
    "version": 2,
    "ethernets": {
        "eth0": {
            "addresses": ["192.0.2.9/24"],
            "routes": [{"to": "203.0.113.0/24", "via": "192.0.2.1"}],
            "routing-policy": [{"from": "192.0.2.9", "table": 9}],
        },
        "eth1": {},
        "eth2": {"match": {"macaddress": "02:00:00:00:00:05"}},
        "eth3": {},
        "eth4": {},
    },
    "bonds": {"bond0": {"interfaces": ["eth2"], "parameters": {"mode": "active-backup"}}},
    "bridges": {"br0": {"interfaces": ["eth3"]}},
    "vlans": {"vlan5": {"id": 5, "link": "eth0"}},
    "vrfs": {"vrf0": {"table": 5, "interfaces": ["eth4"]}},
    "dummy-devices": {"dummy0": {}},
}
VERSION1 = {
    "version": 1,
    "config": [
        {
            "type": "physical",
            "name": "eth0",
            "subnets": [
                {
                    "type": "static",
                    "address": "192.0.2.9",
                    "netmask": "255.255.255.0",
                    "routes": [
                        {"network": "203.0.113.0", "netmask": "255.255.255.0", "gateway": "192.0.2.1"}
                    ],
                }
            ],
        },
        {"type": "physical", "name": "eth1"},
        {
            "type": "bond",
            "name": "bond0",
            "bond_interfaces": ["eth2"],
            "params": {"bond-mode": "active-backup"},
        },
        {"type": "bridge", "name": "br0", "bridge_interfaces": ["eth3"], "params": {}},
        {"type": "vlan", "name": "eth0.5", "vlan_link": "eth0", "vlan_id": 5},
        {"type": "nameserver", "address": ["192.0.2.53"]},
        {"type": "route", "destination": "198.51.100.0/24", "gateway": "192.0.2.1"},
        {"type": "physical", "name": "eth2"},
        {"type": "physical", "name": "eth3"},
    ],
}
OPENSTACK = {
    "links": [
        {"id": "eth0", "type": "phy", "ethernet_mac_address": "02:00:00:00:00:01"},
        {"id": "eth1", "type": "phy", "ethernet_mac_address": "02:00:00:00:00:02"},
        {"id": "bond0", "type": "bond", "bond_links": ["eth1"], "ethernet_mac_address": "02:00:00:00:00:03"},
        {"id": "vlan5", "type": "vlan", "vlan_link": "eth0", "vlan_id": 5,
         "vlan_mac_address": "02:00:00:00:00:04"},
    ],
    "networks": [
        {"id": "net0", "type": "ipv4", "link": "eth0", "ip_address": "192.0.2.9", "netmask": "255.255.255.0"}
    ],
    "services": [],
}  # fmt: skip


def below(prefix, rows):
    """Rows of keys with where they stand."""
    return [("%s/%s" % (prefix, key), value) for key, value in rows]


VERSION2_KEYS = below("", [("renderer", "networkd"), ("no-such-key", {})])
for _place in ("ethernets/eth0", "bonds/bond0", "bridges/br0", "vlans/vlan5", "dummy-devices/dummy0"):
    VERSION2_KEYS += below("/" + _place, ANY_DEVICE)
VERSION2_KEYS += below("/ethernets/eth0/routes/0", ROUTE) + below("/ethernets/eth0/routing-policy/0", RULE)
VERSION2_KEYS += below("/ethernets/eth0", CARD) + below("/ethernets/eth2", [("set-name", "lan0")])
VERSION2_KEYS += below("/bonds/bond0", BOND) + below("/bridges/br0", BRIDGE)
VERSION2_KEYS += below("/vlans/vlan5", VLAN) + below("/vrfs/vrf0", VRF)
VERSION2_KEYS += below(
    "", [("tunnels/tun0", {"mode": "gre", "local": "192.0.2.9", "remote": "192.0.2.8"}),
         ("wifis/wlan0", {"access-points": {"x": {}}}), ("modems/cdc0", {"apn": "x"}),
         ("nm-devices/x", {}), ("virtual-ethernets/veth0", {"peer": "veth1"}), ("openvswitch/protocols", [])]
)  # fmt: skip
VERSION1_KEYS = below("/config/0", VERSION1_DEVICE) + below("/config/0/subnets/0", VERSION1_SUBNET)
VERSION1_KEYS += below("/config/0/subnets/0/routes/0", VERSION1_ROUTE)
VERSION1_KEYS += below("/config/2", VERSION1_BOND) + below("/config/3", VERSION1_BRIDGE)
VERSION1_KEYS += below("/config/2", VERSION1_DEVICE) + below("/config/3", VERSION1_DEVICE)
VERSION1_KEYS += below("/config/4", VERSION1_DEVICE + [("vlan_id", 6), ("vlan_link", "eth1")])
VERSION1_KEYS += below(
    "/config/5", [("address", ["192.0.2.54"]), ("search", ["example.com"]), ("interface", "eth0"), ("x", 1)]
)
VERSION1_KEYS += below(
    "/config/6",
    [("destination", "198.51.100.0/25"), ("gateway", "192.0.2.2"), ("metric", 5), ("x", 1)],
)
VERSION1_KEYS += [("/config/9", {"type": "tunnel", "name": "x"}), ("/no-such-key", 1)]
OPENSTACK_KEYS = below("/links/0", [("mtu", 1400), ("ethernet_mac_address", "02:00:00:00:00:09"), ("x", 1)])
OPENSTACK_KEYS += below(
    "/links/2",
    [("bond_mode", "802.3ad"), ("bond_miimon", 100), ("bond_xmit_hash_policy", "layer2+3"), ("x", 1)],
)
OPENSTACK_KEYS += below("/links/3", [("vlan_id", 6), ("vlan_link", "eth1"), ("mtu", 1400), ("x", 1)])
OPENSTACK_KEYS += below(
    "/networks/0",
    [
        ("type", "ipv4_dhcp"),
        ("ip_address", "192.0.2.7"),
        ("netmask", "255.255.0.0"),
        ("gateway", "192.0.2.1"),
        ("dns_nameservers", ["192.0.2.53"]),
        ("dns_search", ["example.com"]),
        ("services", [{"type": "dns", "address": "192.0.2.53"}]),
        ("routes", [{"network": "203.0.113.0", "netmask": "255.255.255.0", "gateway": "192.0.2.1"}]),
        ("x", 1),
    ],
)
OPENSTACK_KEYS += [
    ("/services", [{"type": "dns", "address": "192.0.2.53"}]),
    ("/services", [{"type": "ntp"}]),
]


def read(form, document):
    """(the model as data, problems)."""
    network = netconfig.read(form, copy.deepcopy(document), "a test")
    data = network.as_data()
    data["renderer"] = network.renderer
    return data, [(item.path, item.message) for item in network.problems]


def with_key(document, place, value):
    """A copy of a document with a value put at a place."""
    made = copy.deepcopy(document)
    room, steps = made, place.lstrip("/").split("/")
    for step in steps[:-1]:
        room = room[int(step)] if isinstance(room, list) else room.setdefault(step, {})
    if isinstance(room, list):
        room[int(steps[-1]) :] = [value]
    else:
        room[steps[-1]] = value
    return made


@pytest.mark.parametrize(
    "form, document, keys",
    [
        ("v1", VERSION1, VERSION1_KEYS),
        ("v2", VERSION2, VERSION2_KEYS),
        ("openstack", OPENSTACK, OPENSTACK_KEYS),
    ],
    ids=["version-1", "version-2", "openstack"],
)
def test_a_key_changes_the_model_or_is_named(form, document, keys):
    plain, usual = read(form, document)
    assert usual == []
    silent = []
    for place, value in keys:
        data, problems = read(form, with_key(document, place, value))
        new = [item for item in problems if item not in usual]
        # A problem stands at the key, or at what holds it or is in it.
        named = [item for item in new if item[0] and (place.startswith(item[0]) or item[0].startswith(place))]
        if data == plain and not named:
            silent.append("%s: %r" % (place, value))
    assert silent == [], "without a trace:\n" + "\n".join(silent)
