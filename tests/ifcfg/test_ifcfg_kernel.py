"""Bonds, VLANs, a dummy and a VRF as the readers of ifcfg files make them: where the kernel has such devices.

Elsewhere machine.py boots a kernel that does, on this same file system, and runs these tests there.
"""

import os

import pytest
from reading import addresses, card, device, read, write

from tsagent.netconfig import model

TREE = os.environ.get("TSAGENT_NETWORK_SCRIPTS", "")
READERS = ["plugin"] + (["scripts"] if TREE else [])
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace needs root")


def bring_up(tmp_path, reader, devices, expected):
    write(tmp_path, devices, reader == "plugin")
    return read(reader, tmp_path, expected, NETWORK_SCRIPTS=os.path.abspath(TREE))


@pytest.mark.parametrize("reader", READERS)
def test_vlans_on_a_bond(tmp_path, reader):
    bond = device(
        "bond0",
        model.BOND,
        members=["eth1", "eth2"],
        bond={
            "mode": "active-backup",
            "miimon": "100",
            "updelay": "200",
            "primary": "eth2",
            "primary_reselect": "better",
            "num_grat_arp": "3",
        },
        addresses=addresses("10.9.0.5/24"),
        mtu=1400,
        set_mac="52:54:00:bb:00:09",
    )
    tagged = device(
        "bond0.7", model.VLAN, vlan=7, parent="bond0", addresses=addresses("10.10.0.5/24", "fd00:10::5/64")
    )
    named = device("storage", model.VLAN, vlan=99, parent="bond0", addresses=addresses("10.11.0.5/24"))
    expected = ["10.9.0.5/24", "10.10.0.5/24", "fd00:10::5/64", "10.11.0.5/24"]
    seen = bring_up(tmp_path, reader, [card("eth1"), card("eth2"), bond, tagged, named], expected)
    link = seen.links["bond0"]
    made = link["linkinfo"]["info_data"]
    assert (link["mtu"], link["address"]) == (1400, "52:54:00:bb:00:09")
    assert (made["mode"], made["miimon"], made["updelay"]) == ("active-backup", 100, 200)
    assert (made["primary"], made["primary_reselect"], made["num_peer_notif"]) == ("eth2", "better", 3)
    assert [seen.links[name]["master"] for name in ("eth1", "eth2")] == ["bond0", "bond0"]
    for name, number in (("bond0.7", 7), ("storage", 99)):
        assert seen.links[name]["link"] == "bond0"
        assert seen.links[name]["linkinfo"]["info_data"]["id"] == number


@pytest.mark.parametrize("reader", READERS)
def test_a_bond_by_lacp_in_a_bridge(tmp_path, reader):
    bond = device(
        "bond1",
        model.BOND,
        members=["eth1", "eth2"],
        bond={
            "mode": "802.3ad",
            "miimon": "50",
            "lacp_rate": "fast",
            "xmit_hash_policy": "layer3+4",
            "min_links": "1",
        },
    )
    bridge = device("br0", model.BRIDGE, members=["bond1"], addresses=addresses("10.9.0.5/24"))
    seen = bring_up(tmp_path, reader, [card("eth1"), card("eth2"), bond, bridge], ["10.9.0.5/24"])
    made = seen.links["bond1"]["linkinfo"]["info_data"]
    assert (made["mode"], made["ad_lacp_rate"], made["xmit_hash_policy"]) == ("802.3ad", "fast", "layer3+4")
    assert (made["miimon"], made["min_links"]) == (50, 1)
    assert seen.links["bond1"]["master"] == "br0"


def test_a_dummy_and_a_vrf_beside_ifcfg_files(tmp_path):
    dummy = device("dummy0", model.DUMMY, addresses=addresses("10.255.0.1/32"))
    vrf = device("red", model.VRF, members=["eth1"], vrf_table=10)
    port = card(
        "eth1",
        addresses=addresses("10.9.0.5/24"),
        routes=[model.Route.parse("192.0.2.0/24", "10.9.0.1", table=10)],
    )
    seen = bring_up(tmp_path, "plugin", [dummy, vrf, port], ["10.255.0.1/32", "10.9.0.5/24"])
    assert seen.links["dummy0"]["linkinfo"]["info_kind"] == "dummy"
    assert seen.links["red"]["linkinfo"]["info_data"]["table"] == 10
    assert seen.links["eth1"]["master"] == "red"
    assert [item["gateway"] for item in seen.route("192.0.2.0/24", "eth1", "10")] == ["10.9.0.1"]
