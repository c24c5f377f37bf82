"""The local stage waits for network cards, and no longer than it must."""

import os

import pytest

from tsagent.host import Clock, Host, Runner
from tsagent.host.tree import Tree
from tsagent.session.cards import (
    LIMIT,
    look_at_queues,
    missed,
    queues_wanted,
    remember_cards,
    wait_for_cards,
    watch_for_cards,
)


class Machine(Clock):
    """A host whose udev brings a card when it is waited for the `comes`-th time."""

    def __init__(self, top, comes=None):
        self.top = top
        self.root = Tree(str(top))
        self.live = True
        self.clock = self
        self.now = 0.0
        self.comes = comes
        self.settled = 0
        self.file("run/udev/control")

    def file(self, path, text=""):
        """A file of the machine's."""
        target = self.top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def card(self, name, index, named):
        """A card, which udev has named or not."""
        self.file("sys/class/net/%s/device" % name)
        self.file("sys/class/net/%s/ifindex" % name, "%d\n" % index)
        if named:
            self.file("run/udev/data/n%d" % index)

    def run(self, argv, timeout=None):
        """udevadm settle."""
        assert argv[:2] == ["udevadm", "settle"]
        self.settled += 1
        self.now += 1.0
        if self.settled == self.comes:
            self.card("eth0", 2, True)

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


@pytest.fixture
def machine(tmp_path):
    """Makes one."""
    return lambda **options: Machine(tmp_path, **options)


def test_cards_that_are_named_are_not_waited_for(machine):
    host = machine()
    host.card("eth0", 2, True)
    wait_for_cards(host)
    assert host.settled == 0


def test_a_card_that_comes_later_is_waited_for(machine):
    host = machine(comes=3)
    host.file("sys/class/net/lo/ifindex", "1\n")  # no hardware
    wait_for_cards(host)
    assert host.settled == 3 and host.now < LIMIT


def test_a_card_that_udev_has_not_named_is_waited_for_once(machine):
    host = machine()
    host.card("eth0", 2, True)
    host.card("eth1", 3, False)
    wait_for_cards(host)
    assert host.settled == 1


def test_a_machine_without_a_card_goes_on(machine):
    host = machine()
    wait_for_cards(host)
    assert LIMIT <= host.now < LIMIT + 2


def test_a_container_without_udev_is_not_held_up(machine, tmp_path):
    host = machine()
    (tmp_path / "run/udev/control").unlink()
    wait_for_cards(host)
    assert host.settled == 0


def test_a_card_that_is_renamed_meanwhile_is_waited_for(machine):
    """It was listed, and is gone under that name when its index is read."""
    host = machine(comes=1)
    host.file("sys/class/net/eth1/device")
    wait_for_cards(host)
    assert host.settled == 1


class Looked:
    """A session of a boot in which the queues of these cards were looked at."""

    def __init__(self, host, cards, config=None, off=()):
        self.host = host
        self.host.hardware = host.root
        self.cards = cards
        self.modules = {"network_queues": None}
        self.off = off
        self.snapshot = type("Snapshot", (), {"config": config or {}})

    def cards_looked_at(self):
        return self.cards


def test_a_card_that_came_after_the_look_at_queues_is_missed(machine):
    host = machine()
    for name, kind in (("eth0", "1"), ("ib0", "32")):
        host.card(name, 2, True)
        host.file("sys/class/net/%s/type" % name, kind + "\n")
    assert not missed(Looked(host, {"eth0"}))
    assert not missed(Looked(host, {"eth0", "eth1"}))
    assert missed(Looked(host, set()))
    assert not missed(Looked(host, None))  # nobody has looked: nobody is to


def test_queues_are_looked_at_unless_somebody_says_otherwise(machine):
    host = machine()
    assert queues_wanted(Looked(host, None))
    assert queues_wanted(Looked(host, None, {"network_queues": {"channels": 2}}))
    assert not queues_wanted(Looked(host, None, {"network_queues": {"enabled": False}}))
    assert not queues_wanted(Looked(host, None, off={"network_queues"}))


def test_systemd_is_told_where_it_runs(machine):
    host = machine()
    told = []
    host.run = lambda argv, timeout=None: told.append(argv)
    look_at_queues(host)
    assert told == []
    host.file("run/systemd/system/x")
    look_at_queues(host)
    assert told == [["systemctl", "--no-block", "restart", "tsagent-network-queues.service"]]


def test_cards_that_came_while_the_machine_was_off_are_looked_at(tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    log = tmp_path / "log"
    (tools / "systemctl").write_text('#!/bin/sh\necho "$*" >>%s\n' % log)
    (tools / "systemctl").chmod(0o755)
    root = tmp_path / "root"
    host = Host(str(root), runner=Runner("%s:%s" % (tools, os.defpath)))
    host.instance_dir = "/var/lib/tsagent/instances/ins-1"

    def card(name):
        (root / "sys/class/net" / name / "device").mkdir(parents=True)
        (root / "sys/class/net" / name / "address").write_text("52:54:00:aa:00:01\n")

    def known():
        return [line.split()[0] for line in (root / "run/tsagent/cards").read_text().splitlines()]

    card("eth0")
    watch_for_cards(host)  # the first boot's end: what is there has been configured
    assert known() == ["eth0"] and not log.exists()
    watch_for_cards(host)
    assert not log.exists()
    card("eth1")
    watch_for_cards(host)  # the next boot
    assert known() == ["eth0"]
    assert log.read_text() == "--no-block restart tsagent-attach.timer\n"
    remember_cards(host, "eth0 52:54:00:aa:00:01\neth1 52:54:00:aa:00:01\n")
    watch_for_cards(host)
    assert known() == ["eth0", "eth1"] and len(log.read_text().splitlines()) == 1
