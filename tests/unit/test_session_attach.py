"""Which machines take up cards that come later, and what becomes of what the service says of them."""

import pytest

from tsagent.netconfig.readers.metadata import keep_tables
from tsagent.session.cards import not_wanted
from tsagent.state.nics import read_nics, with_nics, write_nics


class Told:
    """A session of an instance that is known, changed by a test's `more`."""

    def __init__(self, config=None, network=None, cmdline="ro", off=(), adopted=False, incomplete=False):
        class Part:
            pass

        self.snapshot = Part()
        self.snapshot.config = config or {}
        self.snapshot.source = {"network": network}
        self.incomplete = incomplete
        self.off = set(off)
        self.recognition = Part()
        self.recognition.adopted = adopted
        self.host = Part()
        self.host.hardware = Part()
        self.host.hardware.text = lambda path: cmdline


IMAGE = "network: in the configuration says how the network is to be"
KERNEL = "network-config= on the kernel command line says how the network is to be"
WHEN = "updates: network: when: does not say hotplug"


@pytest.mark.parametrize(
    "more, reason",
    [
        ({}, None),
        ({"config": {"network": {"renderer": "networkd"}}}, None),
        ({"config": {"updates": {"network": {"when": ["boot", "hotplug"]}}}}, None),
        ({"config": {"updates": {"network": {"when": ["boot-new-instance"]}}}}, WHEN),
        ({"config": {"updates": {"network": {"when": []}}}}, WHEN),
        (
            {"config": {"network": {"version": 2}}},
            "network: in the configuration says how the network is to be",
        ),
        (
            {"config": {"network": {"config": "disabled"}}},
            "network: in the configuration says how the network is to be",
        ),
        (
            {"cmdline": "ro network-config=disabled"},
            "network-config= on the kernel command line says how the network is to be",
        ),
        (
            {"network": {"format": "v1", "config": {"config": "disabled"}}},
            "network configuration is disabled by the instance's network data",
        ),
        ({"off": ["network"]}, "the module network is turned off"),
        ({"adopted": True}, "this machine was in use before the agent was installed"),
        ({"incomplete": True}, "it is not known yet which instance this is"),
    ],
)
def test_who_takes_up_cards(more, reason):
    assert not_wanted(Told(**more)) == reason


def nic(number, **more):
    return dict({"mac": "52:54:00:aa:00:%02x" % number, "primary": number == 0}, **more)


def test_tables_stay_with_their_cards():
    first = keep_tables([], [nic(0), nic(1), nic(2), nic(3)])
    assert [item["table"] for item in first] == [None, 101, 102, 103]
    less = keep_tables(first, [nic(3), nic(0), nic(2)])
    assert [item["table"] for item in less] == [103, None, 102]
    more = keep_tables(less, [nic(4), nic(0), nic(2), nic(3)])
    assert [item["table"] for item in more] == [101, None, 102, 103]
    # A boot's own list says no tables: they are counted.
    assert keep_tables([nic(0), nic(1)], [nic(2), nic(1), nic(0)])[1]["table"] == 101


def test_the_services_word_replaces_its_own_and_stands_beside_anothers(tmp_path):
    from tsagent.host import Host

    tree = Host(str(tmp_path)).root
    assert read_nics(tree, "ins-1") is None
    tree.mkdir("/var/lib/tsagent/instances/ins-1", 0o700)
    write_nics(tree, "ins-1", [nic(1)])
    nics = read_nics(tree, "ins-1")
    assert nics == [nic(1)]
    own = {"format": "imds", "config": {"nics": [nic(0)]}}
    other = {"format": "openstack", "config": {"links": []}}
    assert with_nics(own, None) is own and with_nics(None, None) is None
    assert with_nics(own, nics) == {"format": "imds", "config": {"nics": nics}}
    assert with_nics(other, nics) == dict(other, attached=nics)
    assert with_nics(None, nics) == {"format": "", "config": None, "attached": nics}
