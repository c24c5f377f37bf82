"""Real readers of what the ifcfg renderer writes, in a network namespace; what the kernel holds after it."""

import json
import os
import subprocess

import plugin

from tsagent.netconfig import model, renderers

HERE = os.path.dirname(os.path.abspath(__file__))
MACS = {"eth%d" % number: "52:54:00:aa:00:0%d" % number for number in (1, 2, 3)}
ARGV = ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


def card(name, **settings):
    """A card of the namespace with these settings."""
    return device(name, model.ETHERNET, interface=name, mac=MACS.get(name), **settings)


def device(name, kind, **settings):
    """A device of the model with these attributes."""
    made = model.Device(name, kind)
    for key, value in settings.items():
        assert hasattr(made, key), key
        setattr(made, key, value)
    return made


def addresses(*texts):
    """Addresses of the model."""
    return [model.Address.parse(text) for text in texts]


def write(tree, devices, managed, problems=()):
    """Render devices into a tree; `problems` are words of the messages that there may be."""
    network = model.Network("test")
    network.devices = list(devices)
    files = renderers.render(network, "ifcfg", renderers.Options(managed))
    said = [item.message for item in network.problems]
    assert len(said) == len(problems) and all(any(word in text for text in said) for word in problems), said
    for item in files:
        path = os.path.join(str(tree), item.path[1:])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(item.content)
        os.chmod(path, item.mode)
    return {os.path.basename(item.path): item.content for item in files}


class Seen:
    """What the kernel of the namespace held: links, addresses, routes, rules; and what was said."""

    def __init__(self, text, said):
        documents = [json.loads(row) for row in text.splitlines() if row.strip()]
        self.links = {item["ifname"]: item for item in documents[0]}
        self.addressed = {item["ifname"]: item["addr_info"] for item in documents[1]}
        self.routes = documents[2]
        self.rules = documents[3] + documents[4]
        self.answers, _, self.log = said.partition("== reader\n")

    def addresses(self, name):
        """The global addresses of an interface."""
        return {
            "%s/%d" % (item["local"], item["prefixlen"])
            for item in self.addressed[name]
            if item["scope"] == "global"
        }

    def route(self, to, dev, table="main"):
        """The routes to a network through an interface."""
        wanted = (to, dev, table)
        return [
            item
            for item in self.routes
            if (item["dst"], item.get("dev"), str(item.get("table", "main"))) == wanted
        ]

    def rule(self, priority):
        """The rules of a priority."""
        return [item for item in self.rules if item["priority"] == priority]


def read(reader, tree, expected, then="", **environment):
    """Let a reader bring the tree's devices up until the expected addresses are there."""
    if reader == "plugin":
        built = plugin.built()
        environment.update(NM_DAEMON=built.daemon, NM_POLICY=built.policy)
    done = subprocess.run(
        ARGV + ["sh", os.path.join(HERE, "namespace.sh"), reader, str(tree)] + list(expected),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        check=False,
        env=dict(os.environ, THEN=then, **environment),
    )
    assert done.returncode == 0, done.stderr.decode()
    return Seen(done.stdout.decode(), done.stderr.decode())
