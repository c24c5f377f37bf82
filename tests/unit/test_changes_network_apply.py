"""A network configuration is tried on a running service, and taken back where something is lost.

The services' tools are stand-ins that write down how they were called; the real ones are in
tests/modules/test_network_apply_real.py.
"""

import http.server
import json
import os
import shutil
import signal
import threading

import pytest

from tsagent.changes import network_trial
from tsagent.changes.base import CONVERGED, DIFFERS
from tsagent.changes.network_apply import ApplyNetwork, RestoreNetwork
from tsagent.changes.network_files import RemoveNetworkFile, WriteNetworkFile
from tsagent.changes.network_service import virtual_names
from tsagent.errors import AgentError
from tsagent.host import Clock, Host, Interrupted, Runner
from tsagent.state import paths

KEYFILE = "/etc/NetworkManager/system-connections/tsagent-%s.nmconnection"
UNIT = "/etc/systemd/network/10-tsagent-%s.network"
IFCFG = "/etc/sysconfig/network-scripts/ifcfg-%s"
PROFILE = "[connection]\nid=tsagent {0}\nuuid=uuid-{0}\ntype=ethernet\ninterface-name={0}\n{1}"
ROUTES = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n%s"
DEFAULT = "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
LOCAL = "eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"


class Time(Clock):
    """Waiting moves it on at once."""

    def __init__(self):
        self.now = 1000.0
        self.on_sleep = None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if self.on_sleep:
            self.on_sleep()


class World:
    def __init__(self, top):
        self.root = top / "root"
        self.log = top / "log"
        self.bin = top / "bin"
        self.bin.mkdir()
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.clock = Time()
        self.unit = None
        for name in ("networkctl", "nmcli", "ifup", "ifdown", "netplan", "ip"):
            self.tool(name, 'echo "%s $*" >> %s' % (name, self.log))
        self.routes(DEFAULT)

    def tool(self, name, script):
        path = self.bin / name
        path.write_text("#!/bin/sh\n%s\n" % script, encoding="utf-8")
        path.chmod(0o755)

    def routes(self, *rows):
        self.write("/proc/net/route", ROUTES % "".join(rows))

    def card(self, name, address="52:54:00:00:00:01"):
        self.write("/sys/class/net/%s/address" % name, address + "\n")

    def write(self, path, text):
        file = self.root / path[1:]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def read(self, path):
        file = self.root / path[1:]
        return file.read_text(encoding="utf-8") if file.exists() else None

    def host(self, unit=None):
        self.tool("systemctl", '[ "$3" = "%s" ]' % unit)
        return Host(str(self.root), runner=Runner("%s:%s" % (self.bin, os.defpath)), clock=self.clock)

    def told(self):
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [line for line in lines if "--active" not in line]

    def loses_route_on(self, tool, argument):
        """The tool's call with this argument takes the default route away, and the next gives it back."""
        route = self.root / "proc/net/route"
        script = (
            'echo "{0} $*" >> {1}\n'
            'case "$*" in *{2}*) n=$(cat {3} 2>/dev/null || echo 0); n=$((n+1)); echo $n > {3}\n'
            "if [ $n = 1 ]; then sed 2d {4} > {4}.new; else cp {4}.kept {4}.new; fi; mv {4}.new {4};; esac"
        )
        (self.root / "proc/net/route.kept").write_text(ROUTES % DEFAULT)
        self.tool(tool, script.format(tool, self.log, argument, self.bin.parent / "count", route))


@pytest.fixture
def world(tmp_path, monkeypatch):
    world = World(tmp_path)
    # What is asked of the network itself is asked in the tests that name a server.
    monkeypatch.setattr("tsagent.host.reach.Reach.gateway", lambda self, *words: False)
    return world


def write(path, content, **more):
    # Owners of a scratch root: the one who runs the test.
    change = WriteNetworkFile(path, content, **more)
    change.owner, change.group = os.getuid(), os.getgid()
    return change


def applied(change, host):
    assert change.probe(host).state == DIFFERS, change.probe(host)
    return change.apply(host)


# -- each service in its own way ------------------------------------------------------------------------


def test_networkd_is_told_to_read_its_files_again(world):
    world.card("eth1")
    note = applied(
        ApplyNetwork("networkd", [write(UNIT % "eth1", "new\n")]), world.host("systemd-networkd.service")
    )
    assert world.told() == ["networkctl reload"]
    assert note == "systemd-networkd has taken it up: wrote " + UNIT % "eth1"
    assert world.read(UNIT % "eth1") == "new\n"
    assert world.read(paths.NETWORK_TRIAL) is None


def test_networkd_takes_up_even_unchanged_files_where_it_is_asked_to(world):
    world.card("eth1")
    world.write(UNIT % "eth1", "same\n")
    (world.root / (UNIT % "eth1")[1:]).chmod(0o644)
    host = world.host("systemd-networkd.service")
    files = [write(UNIT % "eth1", "same\n")]
    assert ApplyNetwork("networkd", files).probe(host).state == CONVERGED
    applied(ApplyNetwork("networkd", files, always=True), host)
    assert world.told() == ["networkctl reload", "networkctl reconfigure eth1"]


def test_networkmanager_keeps_the_primary_cards_connection_up(world):
    active = 'case "$*" in *--active*) echo uuid-eth0:eth0:tsagent eth0;; esac'
    world.tool("nmcli", 'echo "nmcli $*" >> %s\n%s' % (world.log, active))
    files = [write(KEYFILE % name, PROFILE.format(name, "[ipv4]\n"), mode=0o600) for name in ("eth0", "eth1")]
    applied(ApplyNetwork("networkmanager", files, "eth0"), world.host("NetworkManager.service"))
    assert world.told() == [
        "nmcli connection load %s %s" % (KEYFILE % "eth0", KEYFILE % "eth1"),
        "nmcli device reapply eth0",
        "nmcli --wait 0 connection up uuid uuid-eth1 ifname eth1",
    ]


def test_networkmanager_brings_the_primary_card_up_by_another_profile(world):
    active = 'case "$*" in *--active*) echo uuid-of-the-image:eth0:Wired;; esac'
    world.tool("nmcli", 'echo "nmcli $*" >> %s\n%s' % (world.log, active))
    files = [write(KEYFILE % "eth0", PROFILE.format("eth0", ""), mode=0o600)]
    applied(ApplyNetwork("networkmanager", files, "eth0"), world.host("NetworkManager.service"))
    assert world.told()[1:] == ["nmcli --wait 0 connection up uuid uuid-eth0 ifname eth0"]


def test_networkmanager_finds_a_card_by_its_address_and_forgets_files_that_go(world):
    world.card("ens5")
    world.write(KEYFILE % "old", "# Written by tsagent\n")
    profile = "[connection]\nuuid=u1\ntype=ethernet\n[ethernet]\nmac-address=52:54:00:00:00:01\n"
    files = [write(KEYFILE % "any", profile, mode=0o600), RemoveNetworkFile(KEYFILE % "old")]
    applied(ApplyNetwork("networkmanager", files), world.host("NetworkManager.service"))
    assert world.told() == [
        "nmcli connection reload",
        "nmcli connection load " + KEYFILE % "any",
        "nmcli --wait 0 connection up uuid u1 ifname ens5",
    ]
    assert world.read(KEYFILE % "old") is None


def test_networkmanager_reads_its_own_configuration_again_and_leaves_down_what_is_not_automatic(world):
    conf = write("/etc/NetworkManager/conf.d/30-tsagent.conf", "[connection-30-tsagent]\n")
    files = [conf, write(KEYFILE % "eth1", "[connection]\nuuid=u1\nautoconnect=false\n", mode=0o600)]
    applied(ApplyNetwork("networkmanager", files), world.host("NetworkManager.service"))
    assert world.told() == ["nmcli general reload conf", "nmcli connection load " + KEYFILE % "eth1"]


def test_a_bond_comes_before_its_ports_and_a_vlan_after_them(world):
    def profile(name, kind):
        return write(KEYFILE % name, "[connection]\nuuid=%s\ntype=%s\n" % (name, kind), mode=0o600)

    files = [profile("a7", "vlan"), profile("eth1", "ethernet"), profile("z", "bond")]
    applied(ApplyNetwork("networkmanager", files), world.host("NetworkManager.service"))
    assert [line.split()[-1] for line in world.told()[1:]] == ["z", "eth1", "a7"]


def test_ifcfg_files_by_networkmanagers_plugin(world):
    files = [write(IFCFG % "eth1", "DEVICE=eth1\nTYPE=Ethernet\n")]
    applied(ApplyNetwork("ifcfg", files), world.host("NetworkManager.service"))
    assert world.told() == [
        "nmcli connection load " + IFCFG % "eth1",
        "nmcli --wait 0 connection up id System eth1 ifname eth1",
    ]


@pytest.mark.parametrize(
    ("renderer", "path", "text", "name"),
    [
        ("networkmanager", KEYFILE % "eth0", PROFILE.format("eth0", ""), "tsagent eth0"),
        # It states no identity: NetworkManager makes one of its path, and the name tells which it is.
        ("ifcfg", IFCFG % "eth0", "DEVICE=eth0\n", "System eth0"),
    ],
)
def test_networkmanager_goes_back_to_the_profiles_that_were_up(world, renderer, path, text, name):
    world.card("eth0")
    world.loses_route_on("nmcli", "load")
    script = (world.bin / "nmcli").read_text()
    script += '\ncase "$*" in *--active*) echo "id-0:eth0:%s";; esac\n' % name
    (world.bin / "nmcli").write_text(script)
    world.write(path, text)
    change = ApplyNetwork(renderer, [write(path, text + "\n")], "eth9")
    with pytest.raises(AgentError, match="taken back"):
        change.apply(world.host("NetworkManager.service"))
    up = "nmcli --wait 0 connection up uuid id-0 ifname eth0"
    assert world.told()[-2:] == ["nmcli connection load " + path, up]


def test_routes_rules_and_aliases_are_part_of_a_cards_profile(world):
    scripts = "/etc/sysconfig/network-scripts/"
    for name in ("eth1", "eth2", "eth3"):
        world.write(IFCFG % name, "DEVICE=%s\n" % name)
    world.write(scripts + "rule-eth2", "# Written by tsagent\n")
    files = [
        write(scripts + "route-eth1", "default via 10.0.0.1\n"),
        RemoveNetworkFile(scripts + "rule-eth2"),
    ]
    files.append(write(IFCFG % "eth3:a", "DEVICE=eth3:a\n"))
    applied(ApplyNetwork("ifcfg", files), world.host("NetworkManager.service"))
    up = "nmcli --wait 0 connection up id System %s ifname %s"
    assert world.told() == [
        "nmcli connection reload",
        "nmcli connection load " + " ".join(IFCFG % name for name in ("eth1", "eth2", "eth3")),
    ] + [up % (name, name) for name in ("eth1", "eth2", "eth3")]


def test_network_scripts_let_go_by_the_former_files(world):
    world.write(IFCFG % "eth1", "# Written by tsagent\nDEVICE=eth1\n")
    world.tool(
        "ifdown",
        'echo "ifdown $*: $(cat %s)" | tr "\\n" ";" >> %s; echo >> %s'
        % (world.root / (IFCFG % "eth1")[1:], world.log, world.log),
    )
    files = [
        write(IFCFG % "eth1", "DEVICE=eth1\nMTU=9000\n"),
        write(IFCFG % "eth2", "DEVICE=eth2\nSLAVE=yes\n"),
    ]
    applied(ApplyNetwork("ifcfg", files), world.host("network.service"))
    assert world.told() == ["ifdown eth1: # Written by tsagent;DEVICE=eth1;", "ifup eth1"]


def test_netplan_applies_by_itself(world):
    applied(
        ApplyNetwork("netplan", [write("/etc/netplan/60-tsagent.yaml", "network: {}\n")]),
        world.host("systemd-networkd.service"),
    )
    assert world.told() == ["netplan apply"]


def test_devices_that_files_make_are_known_by_them():
    plan = b"network:\n  version: 2\n  ethernets:\n    eth1: {}\n"
    plan += b"  bonds:\n    bond0:\n      interfaces: [eth1]\n"
    plan += b'  vlans:\n    "bond0.7":\n      id: 7\n'
    files = {
        "/etc/netplan/50-tsagent.yaml": plan,
        "/etc/systemd/network/10-tsagent-br0.netdev": b"[NetDev]\nName=br0\nKind=bridge\n",
        IFCFG % "bond1": b'DEVICE="bond1"\nTYPE=Bond\n',
        IFCFG % "eth0": b"DEVICE=eth0\nTYPE=Ethernet\n",
        KEYFILE % "v": b"[connection]\ntype=vlan\ninterface-name=v7\n",
        KEYFILE % "gone": None,
    }
    assert sorted(virtual_names(files)) == ["bond0", "bond0.7", "bond1", "br0", "v7"]


@pytest.mark.parametrize("renderer", ["networkd", "networkmanager", "ifcfg", "netplan"])
def test_a_service_that_has_not_started_reads_its_files_by_itself(world, renderer):
    change = ApplyNetwork(renderer, [write(UNIT % "eth1", "new\n")])
    assert change.probe(world.host("other.service")).state == CONVERGED


@pytest.mark.parametrize("renderer", ["networkd", "networkmanager"])
def test_without_systemd_the_bus_says_what_runs(world, renderer):
    shutil.rmtree(str(world.root / "run/systemd"))
    world.write("/run/dbus/system_bus_socket", "")
    name = {"networkd": "network1", "networkmanager": "NetworkManager"}[renderer]
    world.tool("busctl", 'case "$*" in *NameHasOwner*.%s) echo b true;; *) echo b false;; esac' % name)
    host = world.host()
    assert ApplyNetwork(renderer, [write(UNIT % "e", "x")]).probe(host).state == DIFFERS
    other = "networkd" if renderer == "networkmanager" else "networkmanager"
    assert ApplyNetwork(other, [write(UNIT % "e", "x")]).probe(host).state == CONVERGED


# -- taken back -----------------------------------------------------------------------------------------


def test_what_loses_the_default_route_is_taken_back(world):
    world.write(UNIT % "eth0", "former\n")
    (world.root / (UNIT % "eth0")[1:]).chmod(0o640)
    world.write(UNIT % "gone", "# Written by tsagent\n")
    world.card("eth0")
    world.loses_route_on("networkctl", "reload")
    host = world.host("systemd-networkd.service")
    files = [write(UNIT % "eth0", "new\n"), write(UNIT % "eth1", "new\n"), RemoveNetworkFile(UNIT % "gone")]
    change = ApplyNetwork("networkd", files)
    with pytest.raises(AgentError) as caught:
        change.apply(host)
    assert caught.value.code == "network-put-back"
    assert "it lost the default route for 20 s" in str(caught.value)
    assert world.read(UNIT % "eth0") == "former\n"
    assert (world.root / (UNIT % "eth0")[1:]).stat().st_mode & 0o777 == 0o640
    assert world.read(UNIT % "eth1") is None
    assert world.read(UNIT % "gone") == "# Written by tsagent\n"
    assert world.told() == ["networkctl reload"] * 2
    assert world.read(paths.NETWORK_TRIAL) is None
    assert json.loads(world.read(paths.NETWORK_FILES))["files"] == {}


def test_what_cannot_be_had_back_is_told(world):
    world.write(UNIT % "eth0", "former\n")
    world.tool("networkctl", "sed -i 2d %s" % (world.root / "proc/net/route"))
    with pytest.raises(AgentError) as caught:
        ApplyNetwork("networkd", [write(UNIT % "eth0", "new\n")]).apply(
            world.host("systemd-networkd.service")
        )
    assert caught.value.code == "network-lost"
    assert world.read(UNIT % "eth0") == "former\n"


def test_a_file_that_cannot_be_put_back_is_told_and_tried_again(world):
    """The others are put back all the same, and what was kept stays for the next run."""
    world.write(UNIT % "eth0", "former\n")
    world.write(UNIT % "eth1", "former\n")
    blocked = world.root / (UNIT % "eth0")[1:]
    world.clock.on_sleep = lambda: (blocked.unlink(), blocked.mkdir()) if blocked.is_file() else None
    world.loses_route_on("networkctl", "reload")
    host = world.host("systemd-networkd.service")
    change = ApplyNetwork("networkd", [write(UNIT % name, "new\n") for name in ("eth0", "eth1")])
    with pytest.raises(AgentError) as caught:
        change.apply(host)
    assert caught.value.code == "network-lost" and UNIT % "eth0" in str(caught.value)
    assert world.read(UNIT % "eth1") == "former\n"
    world.clock.on_sleep = None
    blocked.rmdir()
    assert applied(RestoreNetwork(world.read(paths.NETWORK_TRIAL).encode()), host)
    assert world.read(UNIT % "eth0") == "former\n"


def test_a_tool_that_is_not_there_keeps_no_file_from_being_put_back(world):
    world.write(IFCFG % "eth1", "former\n")
    world.loses_route_on("ifup", "eth1")
    (world.bin / "ifdown").unlink()
    with pytest.raises(AgentError, match="taken back"):
        ApplyNetwork("ifcfg", [write(IFCFG % "eth1", "new\n")]).apply(world.host("network.service"))
    assert world.read(IFCFG % "eth1") == "former\n"


def test_what_is_lost_may_stay_so_where_that_is_asked_for(world):
    world.loses_route_on("networkctl", "reload")
    change = ApplyNetwork("networkd", [write(UNIT % "eth0", "new\n")], rollback=False)
    assert "lost: the default route" in change.apply(world.host("systemd-networkd.service"))
    assert world.read(UNIT % "eth0") == "new\n"


def test_a_tool_that_refuses_the_files_is_no_half_way(world):
    world.tool("nmcli", 'case "$*" in *load*) echo "Error: no such thing" >&2; exit 2;; esac')
    files = [write(KEYFILE % "eth0", PROFILE.format("eth0", ""), mode=0o600)]
    with pytest.raises(AgentError) as caught:
        ApplyNetwork("networkmanager", files).apply(world.host("NetworkManager.service"))
    assert "no such thing" in str(caught.value)
    assert world.read(KEYFILE % "eth0") is None


def test_a_card_that_does_not_come_up_is_told_and_no_reason_to_go_back(world):
    world.tool("nmcli", 'case "$*" in *up*) echo "Error: no carrier"; exit 4;; esac')
    files = [write(KEYFILE % "eth1", PROFILE.format("eth1", ""), mode=0o600)]
    note = ApplyNetwork("networkmanager", files).apply(world.host("NetworkManager.service"))
    assert "Error: no carrier" in note
    assert world.read(KEYFILE % "eth1") is not None


def test_a_device_that_was_made_is_deleted_again(world):
    world.card("eth0")
    world.loses_route_on("networkctl", "reload")
    netdev = "/etc/systemd/network/10-tsagent-br7.netdev"
    made = world.root / "sys/class/net/br7"
    world.tool("ip", 'echo "ip $*" >> %s; rmdir %s' % (world.log, made))
    world.clock.on_sleep = lambda: made.mkdir(exist_ok=True) if world.read(netdev) else None
    change = ApplyNetwork("networkd", [write(netdev, "[NetDev]\nName=br7\nKind=bridge\n")])
    with pytest.raises(AgentError):
        change.apply(world.host("systemd-networkd.service"))
    assert "ip link delete br7" in world.told()


def test_all_must_be_well_for_a_while(world):
    """A service acts a moment after it was told; what is there just then may be the former one."""
    rows = {1000.6: "", 1003.0: DEFAULT}

    def routes():
        for moment in sorted(rows):
            if world.clock.now >= moment:
                world.routes(rows[moment])

    world.clock.on_sleep = routes
    ApplyNetwork("networkd", [write(UNIT % "eth0", "new\n")]).apply(world.host("systemd-networkd.service"))
    assert world.clock.now >= 1003 + network_trial.HOLD


def test_a_machine_with_ipv4_may_lose_the_route_of_ipv6(world):
    default = (
        "0" * 32 + " 00 " + "0" * 32 + " 00 fe80" + "0" * 27 + "1 00000400 00000001 00000000 00000003 eth0\n"
    )
    world.write("/proc/net/ipv6_route", default)
    world.tool("networkctl", "rm -f %s" % (world.root / "proc/net/ipv6_route"))
    host = world.host("systemd-networkd.service")
    assert host.reach.default_routes(6) == [("eth0", "fe80::1")]
    ApplyNetwork("networkd", [write(UNIT % "eth0", "new\n")]).apply(host)
    world.routes(LOCAL)
    world.write("/proc/net/ipv6_route", default)
    with pytest.raises(AgentError, match="default route of IPv6"):
        ApplyNetwork("networkd", [write(UNIT % "eth1", "new\n")]).apply(host)


# -- cut off --------------------------------------------------------------------------------------------


def killed_in(world, files, host, **more):
    """The state that a kill leaves while a configuration is being tried: a child is killed in it."""
    child = os.fork()
    if child == 0:
        world.clock.on_sleep = lambda: os.kill(os.getpid(), signal.SIGKILL)
        try:
            ApplyNetwork("networkd", files, **more).apply(host)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL


@pytest.mark.parametrize("unit", ["systemd-networkd.service", None])
def test_after_a_kill_the_former_files_come_back(world, unit):
    world.write(UNIT % "eth0", "former\n")
    files = [write(UNIT % "eth0", "new\n"), write(UNIT % "eth1", "new\n")]
    killed_in(world, files, world.host("systemd-networkd.service"))
    assert world.read(UNIT % "eth0") == "new\n"
    change = RestoreNetwork(world.read(paths.NETWORK_TRIAL).encode())
    host = world.host(unit)
    assert change.detail(host) == [UNIT % "eth0", UNIT % "eth1"]
    assert "stopped while it was being tried" in applied(change, host)
    assert (world.read(UNIT % "eth0"), world.read(UNIT % "eth1")) == ("former\n", None)
    assert change.probe(host).state == CONVERGED
    assert world.told() == ["networkctl reload"] * (2 if unit else 1)


def test_what_was_cut_off_is_not_put_in_place_where_it_cannot_be_tried(world):
    files = [write(UNIT % "eth0", "new\n", instance="i-1")]
    killed_in(world, files, world.host("systemd-networkd.service"), owner="i-1")
    with pytest.raises(AgentError) as caught:
        RestoreNetwork(b"x").apply(world.host())
    assert caught.value.code == "network-put-back"
    again = ApplyNetwork("networkd", [write(UNIT % "eth0", "new\n", instance="i-1")], owner="i-1")
    with pytest.raises(AgentError) as caught:
        applied(again, world.host())
    assert caught.value.code == "network-put-back"
    # Where it can be tried it is, and then it is as good as any.
    applied(again, world.host("systemd-networkd.service"))
    assert world.read(paths.NETWORK_PUT_BACK) is None


def test_told_to_end_it_puts_the_former_ones_back(world):
    world.write(UNIT % "eth0", "former\n")
    host = world.host("systemd-networkd.service")
    world.clock.on_sleep = host.runner.interrupt
    change = ApplyNetwork("networkd", [write(UNIT % "eth0", "new\n")])
    with pytest.raises(Interrupted):
        change.apply(host)
    assert world.read(UNIT % "eth0") == "former\n"
    assert world.read(paths.NETWORK_TRIAL) is None


# -- the metadata service -------------------------------------------------------------------------------


@pytest.fixture
def service():
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(404)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_any_status_is_an_answer_and_silence_is_none(world, service):
    reach = world.host().reach
    url = "http://127.0.0.1:%d" % service.server_address[1]
    assert reach.answers(url, 2.0)
    assert not reach.answers("http://127.0.0.1:1", 2.0)


def test_what_loses_the_metadata_service_is_taken_back(world, service, monkeypatch):
    url = "http://127.0.0.1:%d" % service.server_address[1]
    host = world.host("systemd-networkd.service")
    answers = type(host.reach).answers

    def answers_until_told(self, asked, seconds):
        return len(world.told()) != 1 and answers(self, asked, seconds)

    monkeypatch.setattr(type(host.reach), "answers", answers_until_told)
    with pytest.raises(AgentError) as caught:
        ApplyNetwork("networkd", [write(UNIT % "eth0", "new\n")], url=url, limit=3.0).apply(host)
    assert "it lost the metadata service (%s) for 3 s" % url in str(caught.value)
    assert caught.value.code == "network-put-back"
