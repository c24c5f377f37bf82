"""The model from files, and from the model itself: both as {label: {setting: value}}.

`renderer` is that of the program, or "plugin" for ifcfg files that NetworkManager reads.
`stated` flattens the model: "dhcp4_options.use_dns", "routes" (sorted texts) and so on; what is not said is
not there. `read_back` makes the same of a service's files. Where a service has one word for several settings
of the model, both sides are brought to that word (`_common`): for NetworkManager and ifcfg, how IPv6
addresses come is one method.
"""

import copy

from tsagent.netconfig.addressing import Route, Rule
from tsagent.netconfig.model import BOND, BRIDGE, DUMMY, VRF
from tsagent.netconfig.options import Options

from . import ifcfg_model, keyfile_model, netplan_model, networkd_model, read, values
from .settings import IDENTITY, already

# What its files say, in the model's words; and what both sides are brought to.
_SERVICES = {
    "networkmanager": (keyfile_model.settings, keyfile_model.common),
    "ifcfg": (ifcfg_model.scripts, ifcfg_model.common_scripts),
    "plugin": (ifcfg_model.plugin, ifcfg_model.common_plugin),
    "networkd": (networkd_model.settings, networkd_model.common),
    "netplan": (None, netplan_model.common),
}

# What the readers make of these words, and the services' defaults, are the same: nothing was asked for.
_DEFAULT_TRUE = ("use_dns", "use_hostname", "use_mtu", "use_ntp", "use_routes", "send_hostname")


def stated(network, renderer):
    """{label: {setting: value}} of what a network says."""
    made = {}
    for device in network.devices:
        # A card with an address may have any name; one with a pattern has several.
        flat = {"kind": device.kind, "interface": None if device.match_name else device.kernel_name}
        for name, value in vars(device).items():
            if name in IDENTITY or name in ("members", "parent"):
                continue
            if isinstance(value, Options):
                flat.update({"%s.%s" % (name, key): item for key, item in value.stated().items()})
            else:
                flat[name] = copy.deepcopy(value)
        flat["addresses"] = [_address(item) for item in device.addresses]
        flat["routes"] = sorted(_route(item) for item in device.routes)
        flat["rules"] = sorted(_rule(item) for item in device.rules)
        if device.parent:
            flat["parent"] = network.find(device.parent).label
        for kinds, name in (((BOND, BRIDGE), "master"), ((VRF,), "vrf")):
            master = network.master_of(device, *kinds)
            if master is not None:
                flat[name] = master.label
        master = network.master_of(device, BRIDGE)
        for name in ("port_cost", "port_priority"):
            flat.pop("bridge." + name, None)
            if master is not None and device.name in getattr(master.bridge, name):
                flat[name] = getattr(master.bridge, name)[device.name]
        if device.activation == "auto":
            del flat["activation"]
        if "primary" in device.bond:
            flat["bond"]["primary"] = network.find(device.bond["primary"]).label
        made[device.label] = _common(renderer, flat)
    return made


def read_back(renderer, files):
    """{label: {setting: value}} of what files say."""
    if renderer == "netplan":
        return stated(netplan_model.network(files), renderer)
    made = {}
    for label, facts in read("ifcfg" if renderer == "plugin" else renderer, files).items():
        made[label] = _SERVICES[renderer][0](facts)
    if renderer == "plugin":
        # What ifcfg files have no word for stands in profiles beside them: the daemon reads both.
        for label, facts in read("networkmanager", files).items():
            if label not in made:
                made[label] = keyfile_model.settings(facts)
    for label, flat in made.items():
        # A bond's preferred port is said at the port.
        if flat.pop("primary_slave", None):
            made[flat["master"]].setdefault("bond", {})["primary"] = label
    return {label: _common(renderer, flat) for label, flat in made.items()}


def _common(renderer, flat):
    """Without what is the default anyway; IPv6's method as one word where the service has one."""
    if renderer == "plugin" and flat["kind"] in (DUMMY, VRF):
        renderer = "networkmanager"
    made = {
        key: value for key, value in flat.items() if value not in (None, "", {}, []) and value is not False
    }
    for key in list(flat):
        # These say something when they are False.
        if flat[key] is False and (
            key.split(".")[-1] in _DEFAULT_TRUE
            or key in ("accept_ra", "ipv6_autoconf", "ipv6_privacy", "bridge.stp")
        ):
            made[key] = False
        if key.split(".")[-1] in _DEFAULT_TRUE and flat[key] is True:
            made.pop(key, None)
    for name in [name for name in made if already(renderer, name, made[name])]:
        del made[name]
    if flat.get("link_local") == []:
        made["link_local"] = []
    if made.get("mac"):
        made.pop("interface", None)
    if made.get("accept_ra") is False:
        # Nothing is taken from what is not listened to.
        made = {key: value for key, value in made.items() if not key.startswith("ra_options.")}
    for number in (4, 6):
        if made.get("dhcp%d_options.send_hostname" % number) is False:
            made.pop("dhcp%d_options.hostname" % number, None)  # it is only to be sent
    if made.get("activation"):
        made.pop("optional", None)  # nothing waits for what is not brought up
    if made.get("dhcp6"):
        made.pop("dhcp6_stateless", None)  # it asks for the options as well
    # Two names of one parameter of the driver.
    if "num_unsol_na" in made.get("bond", {}):
        made["bond"] = dict(made["bond"])
        made["bond"]["num_grat_arp"] = made["bond"].pop("num_unsol_na")
    _SERVICES[renderer][1](made)
    if made.get("link_local") == [6]:
        del made["link_local"]
    if "addresses" in made:
        # The order among those of one IP version counts: the first is what the machine sends from.
        made["addresses"] = sorted(made["addresses"], key=lambda text: ":" in text)
    return made


def _address(item):
    words = [str(item)]
    words += ["label " + item.label] if item.label else []
    return " ".join(words + (["deprecated"] if item.deprecated else []))


def _route(item):
    names = {"on_link": "onlink", "source": "src", "congestion_window": "initcwnd"}
    names.update(receive_window="initrwnd", advertised_mss="advmss", kind="type")
    rest = {}
    for name in Route.__slots__:
        if name not in ("to", "version") and getattr(item, name) not in (None, False):
            rest[names.get(name, name)] = getattr(item, name)
    if rest.get("type") == "unicast":
        del rest["type"]
    return values.route(item.to, **rest)


def _rule(item):
    names = {"source": "from", "mark": "fwmark"}
    made = {}
    for name in Rule.__slots__:
        if name != "version" and getattr(item, name) is not None:
            made[names.get(name, name)] = getattr(item, name)
    return " ".join("%s %s" % (key, made[key]) for key in sorted(made))
