"""A machine of several cards and what they are connected to: two network namespaces and a real service.

`inside(program, tree)` runs a program in namespaces of its own, with `fabric`, a Fabric, at hand. The cards
are eth0, eth1 …; the other end of each, port0, port1 …, is in the namespace `fabric`, which routes between
them, is the DHCP server of the first, and answers at FAR whatever comes by UDP.
"""

import json
import os
import socket
import subprocess
import sys
import time

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAR = "10.200.0.1"
ECHO = """
import socket
link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
link.bind(("10.200.0.1", 7))
while True:
    data, sender = link.recvfrom(2048)
    link.sendto(data, sender)
"""
LIMIT = 20.0  # seconds


def mac(number):
    return "52:54:00:aa:00:%02x" % number


def nics(count, driver="virtio_net"):
    """The facts of such a machine."""
    return [
        {
            "name": "eth%d" % number,
            "mac": mac(number),
            "permanent_mac": mac(number),
            "kind": "physical",
            "ifindex": number + 2,
            "driver": driver,
        }
        for number in range(count)
    ]


def inside(program, tree, **environment):
    """What the program prints as JSON. `tree` holds the rendered files below /etc."""
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        + [sys.executable, "-c", "from network_fabric import Fabric\nfabric = Fabric()\n" + program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        env=dict(
            os.environ,
            PYTHONPATH="%s:%s" % (os.path.dirname(os.path.abspath(__file__)), CHECKOUT),
            TREE=str(tree),
            **environment,
        ),
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout.decode())


def sh(command, check=True):
    done = subprocess.run(
        ["sh", "-ec", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if check and done.returncode != 0:
        raise AssertionError("%s: %s" % (command, done.stdout.decode()))
    return done.stdout.decode()


def wait_for(condition, what):
    end = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(
                "%s\n%s" % (what, sh("ip addr; ip rule; ip route show table all", check=False))
            )
        time.sleep(0.05)


class Fabric:
    """What `inside` hands to a program."""

    def __init__(self):
        self.tree = os.environ["TREE"]
        self.service = None
        sh(
            """
            mount --make-rprivate /
            mount -t tmpfs -o mode=0755 none /run
            mount -t sysfs -o ro sys /sys
            mkdir -p /run/dbus /run/tsagent /run/netns
            ip link set lo up
            ip netns add fabric
            ip -n fabric link set lo up
            ip -n fabric addr add %s/32 dev lo
            ip netns exec fabric sysctl -qw net.ipv4.ip_forward=1
            # As strict as distributions are.
            sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1
            dbus-daemon --system --fork
            """
            % FAR
        )
        subprocess.Popen(["ip", "netns", "exec", "fabric", sys.executable, "-c", ECHO])

    def card(self, number, gateway, bridge=None, dhcp=False):
        """Plug in a card; `gateway` is the address and prefix of its other end, or of the bridge there."""
        port = "port%d" % number
        sh(
            "ip link add eth{0} address {1} type veth peer name {2} netns fabric\n"
            "ip -n fabric link set {2} up".format(number, mac(number), port)
        )
        if bridge is not None:
            sh("ip -n fabric link show %s || ip -n fabric link add %s type bridge" % (bridge, bridge))
            sh("ip -n fabric link set {0} up; ip -n fabric link set {1} master {0}".format(bridge, port))
        end = bridge or port
        sh("ip -n fabric addr replace %s dev %s" % (gateway, end))
        if dhcp:
            first = gateway.rsplit(".", 1)[0]
            sh(
                "ip netns exec fabric dnsmasq --conf-file=/dev/null --pid-file=/run/dnsmasq-{0}.pid --port=0 "
                "--leasefile-ro --no-ping --interface={0} --bind-interfaces "
                "--dhcp-range={1}.5,{1}.5,255.255.255.0,1h --dhcp-option=option:router,{2}".format(
                    end, first, gateway.split("/")[0]
                )
            )

    def lay_over(self):
        """Lay what is written below /etc and /var over this machine's, for the whole agent to work on `/`."""
        for top in ("etc", "var"):
            sh(
                "mkdir -p /run/over/{0}/upper /run/over/{0}/work; mount -t overlay -o lowerdir=/{0},upperdir="
                "/run/over/{0}/upper,workdir=/run/over/{0}/work overlay /{0}".format(top)
            )
        for folder in ("/etc/NetworkManager/system-connections", "/etc/systemd/network", "/etc/tsagent"):
            sh("mkdir -p {0}; rm -rf {0}/*".format(folder))
        sh("rm -rf /var/lib/tsagent; mkdir /var/lib/tsagent; touch /var/lib/tsagent/clean")
        sh("mount -t tmpfs none /var/lib/NetworkManager")
        self.tree = None

    def start(self, service):
        """Start the network service, as after a boot or for a restart."""
        self.service = service
        if service == "networkmanager":
            with open("/run/nm.conf", "w") as file:
                file.write("[main]\nplugins=keyfile\ndns=none\n")
            if self.tree and not os.path.ismount("/etc/NetworkManager/system-connections"):
                place = "/etc/NetworkManager/system-connections"
                sh("mount --bind %s%s %s" % (self.tree, place, place))
                sh("mount -t tmpfs none /var/lib/NetworkManager")
            argv = ["NetworkManager", "--no-daemon", "--config", "/run/nm.conf", "--config-dir", "/run/none"]
        else:
            if not os.path.exists("/run/systemd/netif"):
                for name in ("", "/links", "/leases"):
                    sh("install -d -o systemd-network -g systemd-network /run/systemd/netif" + name)
                if self.tree:
                    sh("mount --bind %s/etc/systemd/network /etc/systemd/network" % self.tree)
            argv = ["/lib/systemd/systemd-networkd"]
        self.process = subprocess.Popen(
            argv,
            env=dict(os.environ, SYSTEMD_LOG_TARGET="null"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def online(self, limit=20):
        """Wait as network-online.target does; the seconds that took."""
        began = time.monotonic()
        if self.service == "networkmanager":
            wait_for(
                lambda: sh("nmcli -t -f STATE general", check=False).strip(), "NetworkManager is not there"
            )
            sh("nm-online -q -s -t %d" % limit)
        else:
            sh("/lib/systemd/systemd-networkd-wait-online --timeout=%d" % limit)
        return time.monotonic() - began

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def forget(self, cards):
        """As after a boot: nothing that the service set up is there, nor what it noted of that."""
        for number in cards:
            sh("ip link set eth%d down; ip addr flush dev eth%d" % (number, number))
        sh("ip rule flush; ip rule add priority 32766 lookup main; ip rule add priority 32767 lookup default")
        sh("rm -rf /run/NetworkManager /run/systemd/netif/*/*")

    def connection(self, card):
        """NetworkManager's number of the connection that a card has had since it came up."""
        if self.service == "networkd":
            return None
        return sh("nmcli -g GENERAL.CON-PATH device show " + card)

    def has(self, *addresses):
        """Wait until the machine has these addresses."""
        wanted = {" %s/" % address for address in addresses}

        def there():
            seen = sh("ip -o -4 addr show")
            return all(address in seen for address in wanted)

        wait_for(there, "not all of %s" % sorted(wanted))

    def settled(self, rules, to="default"):
        """Wait until these, sorted, are all rules there are, and each table has its way out."""
        wait_for(lambda: self.rules() == rules, "not these rules: %s" % rules)
        tables = {table for _, table in rules}
        wait_for(lambda: tables <= self.tables_with(to), "no %s in each of %s" % (to, tables))

    def tables_with(self, to):
        routes = json.loads(sh("ip -j route show table all"))
        return {str(route.get("table", "main")) for route in routes if route["dst"] == to}

    def rules(self):
        return sorted(
            [rule["src"], str(rule["table"])]
            for rule in json.loads(sh("ip -j rule"))
            if rule["priority"] not in (0, 32766, 32767) and rule["src"] != "all"
        )

    def received(self):
        """How many packets have come out of each port."""
        links = json.loads(sh("ip -n fabric -s -j link"))
        return {
            int(link["ifname"][4:]): link["stats64"]["rx"]["packets"]
            for link in links
            if link["ifname"].startswith("port")
        }

    def way_of(self, address, to=FAR, count=40):
        """The ports that packets from this address come out of, and how many answers there were."""
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        link.bind((address, 0))
        link.settimeout(2)
        answers = 0
        before = self.received()
        for _ in range(count):
            link.sendto(b"x", (to, 7))
            try:
                link.recv(10)
                answers += 1
            except (socket.timeout, OSError):
                break
        after = self.received()
        ways = [number for number in after if after[number] - before.get(number, 0) >= count // 2]
        return [ways, answers]
