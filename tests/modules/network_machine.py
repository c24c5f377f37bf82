"""A machine in a network namespace, with one real network service, a gateway and a metadata service.

    unshare ... network_machine.py SERVICE SCENARIO

Run by the tests inside new network, mount and process namespaces. /etc and /var are this machine's with what
is written laid over them, so that the agent is the whole command on `/`. The card eth1 leads to another
network namespace: there are the gateway 10.77.0.1 and, behind it, a web server at 169.254.0.23. (eth2 leads
there, too, and has no address there.) What the scenario returns is printed as JSON.
"""

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import time

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
URL = "http://169.254.0.23"
MACS = {"eth1": "52:54:00:aa:00:01", "eth2": "52:54:00:aa:00:02"}
NETWORKD = ("networkd", "netplan")  # whose files systemd-networkd reads
# What netplan asks of systemd, which does not run here; nor does udev.
SYSTEMCTL = """#!/bin/sh
case "$*" in
*is-active*NetworkManager*) exit 3 ;;
*show*LoadState*) echo LoadState=loaded ;;
esac
exit 0
"""
FOLDERS = {
    "ifcfg": "/etc/sysconfig/network-scripts",
    "scripts": "/etc/sysconfig/network-scripts",
    "netplan": "/etc/netplan",
    "networkmanager": "/etc/NetworkManager/system-connections",
    "networkd": "/etc/systemd/network",
}
STATE = "/var/lib/tsagent/network"
SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.HTTPServer(("169.254.0.23", 80), Handler).serve_forever()
"""
GOOD = ["10.77.0.5/24", "10.77.0.1"]


def call(*words, **options):
    """A program's output; it must succeed."""
    return subprocess.run(
        words, check=True, stdout=subprocess.PIPE, universal_newlines=True, **options
    ).stdout


def until(look, words, limit=15.0):
    """Wait until `look()` is true; an error after `limit` seconds."""
    deadline = time.monotonic() + limit
    while not look():
        if time.monotonic() > deadline:
            raise SystemExit("not so after %g s: %s\n%s" % (limit, words, call("ip", "addr")))
        time.sleep(0.05)


class Machine:
    def __init__(self, service, main):
        self.service = service
        self.main = main  # of NetworkManager's configuration
        self.folder = FOLDERS[service]
        self.renderer = "ifcfg" if service == "scripts" else service
        self.scripts = os.environ["NETWORK_SCRIPTS"] if service == "scripts" else None
        self._mounts()
        self._neighbour()
        self.write_input("good", *GOOD)
        done = self.agent("render", "--input", "/run/good.yaml", "--renderer", self.renderer, "--output", "/")
        assert done.returncode == 0, done.stderr
        self._service()
        until(self.reaches, "the metadata service answers")

    def _mounts(self):
        call("mount", "--make-rprivate", "/")
        call("mount", "-t", "tmpfs", "-o", "mode=0755", "none", "/run")
        # Read-only /sys: NetworkManager then does not wait for udev, which does not run here.
        call("mount", "-t", "sysfs", "-o", "rw" if self.scripts else "ro", "sys", "/sys")
        for top in ("etc", "var"):
            for name in ("upper", "work"):
                os.makedirs("/run/over/%s/%s" % (top, name))
            lower = "%s/etc:/etc" % self.scripts if self.scripts and top == "etc" else "/" + top
            options = "lowerdir={1},upperdir=/run/over/{0}/upper,workdir=/run/over/{0}/work".format(
                top, lower
            )
            call("mount", "-t", "overlay", "-o", options, "overlay", "/" + top)
        for folder in FOLDERS.values():
            os.makedirs(folder, exist_ok=True)
            for name in self._configured(folder):
                os.unlink(os.path.join(folder, name))
        call("mount", "-t", "tmpfs", "none", "/var/lib/NetworkManager")
        os.makedirs("/run/dbus")
        if self.service == "netplan":
            self._stand_in("/usr/bin/systemctl", SYSTEMCTL)
            call("mount", "--bind", "/usr/bin/true", "/usr/bin/udevadm")
        if self.scripts:
            # As the package links it. Where the tree has only what brings a card up: what ifdown comes to.
            os.makedirs("/run/usr/sbin")
            if os.path.exists(FOLDERS["scripts"] + "/ifdown"):
                os.symlink(FOLDERS["scripts"] + "/ifdown", "/run/usr/sbin/ifdown")
            else:
                with open("/run/usr/sbin/ifdown", "w") as file:
                    file.write("#!/bin/sh\nip addr flush dev $1\nip rule flush\nip link set $1 down\n")
                    file.write("ip rule add from all lookup main pref 32766\n")
                os.chmod("/run/usr/sbin/ifdown", 0o755)
            lower = "lowerdir=/run/usr:%s/usr:/usr" % self.scripts
            call("mount", "-t", "overlay", "-o", lower, "overlay", "/usr")
            self._stand_in("/usr/bin/systemctl", '#!/bin/sh\n[ "$3" = network.service ]\n')
            os.makedirs("/run/systemd/system")
            call("hostname", "localhost")
            with open("/etc/sysconfig/network", "w") as file:
                # Two probes for an address in use, half a second apart; nobody answers here.
                file.write("NETWORKING=yes\nARPING_WAIT=1\n")

    def _stand_in(self, program, script):
        path = "/run/" + os.path.basename(program)
        with open(path, "w") as file:
            file.write(script)
        os.chmod(path, 0o755)
        call("mount", "--bind", path, program)

    def _configured(self, folder):
        """The names in a folder that are no scripts."""
        parts = ("ifcfg-", "route", "rule")
        scripts = self.scripts and folder == self.folder
        names = sorted(os.listdir(folder))
        return [name for name in names if name != "ifcfg-lo" and (not scripts or name.startswith(parts))]

    def _neighbour(self):
        """The other namespace, kept by a process, with the web server in it."""
        self.server = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        until(lambda: os.readlink("/proc/%d/ns/net" % self.server.pid) != own, "a second namespace")
        call("ip", "link", "set", "lo", "up")
        for name, mac in MACS.items():
            peer = "peer" + name[3:]
            call("ip", "link", "add", name, "address", mac, "type", "veth", "peer", "name", peer)
            call("ip", "link", "set", peer, "netns", str(self.server.pid))
            self.there("ip", "link", "set", peer, "up")
        self.there("ip", "link", "set", "lo", "up")
        self.there("ip", "addr", "add", "10.77.0.1/24", "dev", "peer1")
        self.there("ip", "addr", "add", "169.254.0.23/32", "dev", "lo")
        inside = ["nsenter", "--net", "--target", str(self.server.pid), sys.executable, "-c", SERVER]
        self.web = subprocess.Popen(inside)

    def there(self, *words):
        """A command in the other namespace."""
        return call("nsenter", "--net", "--target", str(self.server.pid), *words)

    def _service(self):
        plugin, daemon = "keyfile", "NetworkManager"
        if self.service == "ifcfg":  # a NetworkManager that has the plugin: tests/ifcfg/plugin.py
            plugin, daemon = "ifcfg-rh", os.environ["NM_DAEMON"]
            shutil.copy(os.environ["NM_POLICY"], "/etc/dbus-1/system.d")
            call(
                "mount", "--bind", os.path.dirname(daemon) + "/lib/NetworkManager", "/usr/lib/NetworkManager"
            )
        if self.scripts:
            call("ifup", "eth1", stderr=subprocess.DEVNULL)
            self.daemon = subprocess.Popen(["sleep", "infinity"])
            return
        call("dbus-daemon", "--system", "--fork")
        if self.service not in NETWORKD:
            with open("/run/nm.conf", "w") as file:
                file.write("[main]\nplugins=%s\ndns=none\n%s\n" % (plugin, self.main))
            words = [daemon, "--no-daemon", "--config", "/run/nm.conf", "--config-dir", "/run/none"]
            self.daemon = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        else:
            words = ["install", "-d", "-o", "systemd-network", "-g", "systemd-network"]
            call(*words, "/run/systemd/netif", "/run/systemd/netif/links", "/run/systemd/netif/leases")
            if self.service == "netplan":
                call("netplan", "generate")
            self.daemon = subprocess.Popen(
                ["/lib/systemd/systemd-networkd"],
                env={"SYSTEMD_LOG_TARGET": "null"},
                stderr=subprocess.DEVNULL,
            )

    # -- what a scenario does ------------------------------------------------------------------------

    def environment(self):
        return dict(os.environ, PYTHONPATH=CHECKOUT, PYTHONDONTWRITEBYTECODE="1")

    def agent(self, *words, wait=True):
        """`tsagent network WORDS`, to its end, or started only."""
        command = [sys.executable, "-m", "tsagent", "network"] + list(words)
        options = {"env": self.environment(), "stdin": subprocess.DEVNULL, "cwd": "/"}
        options.update(stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
        return (
            subprocess.run(command, timeout=90, **options) if wait else subprocess.Popen(command, **options)
        )

    def words(self, name, *more):
        """The words that apply a configuration that `write_input` wrote; the last of an option counts."""
        words = ["apply", "--input", "/run/%s.yaml" % name, "--renderer", self.renderer]
        return words + ["--source", "imds:" + URL, "--timeout", "1.5"] + list(more)

    def apply(self, name, *more, wait=True):
        return self.agent(*self.words(name, *more), wait=wait)

    def on_a_terminal_that_goes(self, words, when, then=None):
        """The exit status of Python with these words on a terminal that is lost as soon as `when()` is so,
        or minus the signal that ended it; it is sent the signal `then` after that.
        """
        child, terminal = pty.fork()
        if child == 0:
            os.execve(sys.executable, [sys.executable] + words, self.environment())
        until(when, "the moment to go")
        os.close(terminal)
        if then is not None:
            os.kill(child, then)
        status = os.waitpid(child, 0)[1]
        return os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status)

    def tell_instance(self, name, address, gateway):
        """A seed that states this configuration of eth1, and a machine that is an image's."""
        os.makedirs("/run/seed", exist_ok=True)
        os.makedirs("/var/lib/tsagent", exist_ok=True)
        with open("/var/lib/tsagent/clean", "w"):
            pass
        with open("/run/seed/meta-data", "w") as file:
            json.dump({"instance-id": name}, file)
        self.write_input("seed", address, gateway)
        os.rename("/run/seed.yaml", "/run/seed/network-config")

    def network_of_the_status(self):
        """How the module network stands, as the status has it."""
        with open("/run/tsagent/status.json") as file:
            return next(item for item in json.load(file)["modules"] if item["name"] == "network")

    def write_input(self, name, address, gateway, **more):
        """A configuration of eth1 (and what `more` holds beside) as NAME for `apply`."""
        card = {"addresses": [address], "routes": [{"to": "0.0.0.0/0", "via": gateway}]}
        config = {"version": 2, "ethernets": {"eth1": card}}
        if self.service != "netplan":
            config["renderer"] = self.renderer
        for key, value in more.items():
            config.setdefault(key, {}).update(value)
        with open("/run/%s.yaml" % name, "w") as file:
            json.dump(config, file)

    def reaches(self):
        """Whether the metadata service answers."""
        try:
            with socket.create_connection(("169.254.0.23", 80), timeout=0.5):
                return True
        except OSError:
            return False

    def files(self):
        """Every file of the service's directory: content and mode."""
        found = {}
        for name in self._configured(self.folder):
            path = os.path.join(self.folder, name)
            with open(path, "rb") as file:
                found[path] = [file.read().decode("utf-8"), os.stat(path).st_mode]
        return found

    def connected_since(self, card):
        """NetworkManager's number of the connection that a card has had since it came up."""
        if self.service in NETWORKD or self.scripts:
            return None
        return call("nmcli", "-g", "GENERAL.CON-PATH", "device", "show", card)

    def state(self):
        """Files, and the addresses and routes of IPv4, which are compared as they are."""
        addresses = {
            link["ifname"]: sorted(
                "%(local)s/%(prefixlen)d" % item for item in link["addr_info"] if item["family"] == "inet"
            )
            for link in json.loads(call("ip", "-j", "addr"))
        }
        routes = [
            [route.get(key) for key in ("dst", "gateway", "dev", "metric", "prefsrc")]
            for route in json.loads(call("ip", "-j", "-4", "route", "show", "table", "all"))
        ]
        return {"files": self.files(), "addresses": addresses, "routes": sorted(routes, key=str)}

    def server_off(self):
        """The metadata service goes; the gateway stays."""
        self.web.kill()
        self.web.wait()

    def end(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.web.kill()
        self.server.kill()


def main():
    sys.path.insert(0, os.path.join(CHECKOUT, "tests", "modules"))
    scenarios = __import__("network_scenarios")
    scenario = getattr(scenarios, sys.argv[2])
    machine = Machine(sys.argv[1], getattr(scenario, "main", "no-auto-default=*"))
    try:
        answer = scenario(machine)
    finally:
        machine.end()
    sys.stdout.write("REPORT %s\n" % json.dumps(answer))


if __name__ == "__main__":
    main()
