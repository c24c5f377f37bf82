"""A pytest plugin for cloud-init's own tests: it writes down what they show of its network renderers.

Loaded in cloud-init's environment with `-p cloud_init_network_recorder`; writes a JSON list of cases to
$TSAGENT_PEER_RECORD: {"name", "input" (network configuration, or network_data.json), "names" (addresses of
cards to names), "expected": {renderer: {path: text}}, "own": {renderer: {path: text}, or what it raises}}.
`expected` is what a test that passes asserts, or what the table of its cases holds; `own` is what
cloud-init's renderers make of the input.
"""

import copy
import glob
import json
import os
import tempfile
from unittest import mock

import pytest

RENDERERS = ("networkmanager", "ifcfg", "networkd")
TABLE = {"networkmanager": "expected_network_manager", "ifcfg": "expected_sysconfig_rhel"}
PLACES = {
    "networkmanager": "/etc/NetworkManager/system-connections/",
    "ifcfg": "/etc/sysconfig/network-scripts/",
    "networkd": "/etc/systemd/network/",
}
CURRENT = {"test": "", "seen": []}
CASES = {}
NAMED = {}  # configuration: addresses to names that a test's machine has
CONVERTED = []  # (configuration made of it, network_data.json, addresses to names)


def _text(config):
    return json.dumps(config, sort_keys=True, default=str)


def _case(name, config):
    """The case of an input; a configuration that was made of OpenStack's data counts as those."""
    names = NAMED.get(_text(config), {})
    for made, source, known in CONVERTED:
        if made == _text(config):
            config, names = source, known
    return CASES.setdefault(
        _text(config), {"name": name, "input": config, "names": names, "expected": {}, "own": {}}
    )


def _files(root, renderer):
    found = {}
    for path in glob.glob(root + PLACES[renderer] + "*"):
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as stream:
                found[path[len(root) :]] = stream.read()
    return found


def _watch():
    from cloudinit import net
    from cloudinit.net import network_manager, network_state, networkd, sysconfig
    from cloudinit.sources.helpers import openstack

    parse = network_state.parse_net_config_data
    convert = openstack.convert_net_json

    def parsing(net_config, *words, **named):
        before = copy.deepcopy(net_config)
        state = parse(net_config, *words, **named)
        if state is not None and isinstance(before, dict):
            state.given = before
            if isinstance(net.get_devicelist, mock.NonCallableMock):  # a machine of the test's own
                try:
                    NAMED[_text(before)] = {
                        mac.lower(): name for mac, name in net.get_interfaces_by_mac().items()
                    }
                except Exception:  # noqa: BLE001, S110 (it has no cards that can be read)
                    pass
        return state

    def converting(network_json=None, known_macs=None):
        source = copy.deepcopy(network_json)
        made = convert(network_json, known_macs)
        CONVERTED.append((_text(made), source, dict(known_macs or {})))
        return made

    def note(renderer, state, files):
        if files and getattr(state, "given", None) is not None:
            CURRENT["seen"].append((renderer, state.given, files))

    def watching(renderer, render, flavor=None):
        def made(self, network_state, *words, **named):
            answer = render(self, network_state, *words, **named)
            target = named.get("target") or (words[1] if len(words) > 1 else None)
            if target and (flavor is None or self.flavor == flavor):
                note(renderer, network_state, _files(target, renderer))
            return answer

        return made

    content = networkd.Renderer._render_content

    def rendering(self, ns):
        made = content(self, ns)
        paths = {PLACES["networkd"] + "10-cloud-init-%s.network" % name: text for name, text in made.items()}
        note("networkd", ns, paths)
        return made

    network_state.parse_net_config_data = parsing
    openstack.convert_net_json = converting
    networkd.Renderer._render_content = rendering
    for module, renderer, flavor in ((network_manager, "networkmanager", None), (sysconfig, "ifcfg", "rhel")):
        module.Renderer.render_network_state = watching(
            renderer, module.Renderer.render_network_state, flavor
        )


def pytest_configure(config):
    _watch()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    CURRENT.update(test=item.nodeid, seen=[])


def pytest_runtest_logreport(report):
    if report.when != "call":
        return
    passed = report.passed and not hasattr(report, "wasxfail")
    for renderer, config, files in CURRENT["seen"]:
        case = _case(CURRENT["test"].split("::", 1)[-1], config)
        if passed:
            case["expected"].setdefault(renderer, files)
    CURRENT["seen"] = []


def _add_table():
    """The cases that stand in a table, with the files expected there."""
    import yaml
    from tests.unittests import test_net
    from tests.unittests.net.network_configs import NETWORK_CONFIGS

    for name, entry in sorted(NETWORK_CONFIGS.items()):
        for key in sorted(entry):
            if not key.startswith("yaml"):
                continue
            config = yaml.safe_load(entry[key])
            case = _case(name, config.get("network", config))
            case["name"] = name + key[len("yaml") :]
            for renderer, column in TABLE.items():
                if entry.get(column):
                    case["expected"][renderer] = {
                        PLACES[renderer] + path: text for path, text in entry[column].items()
                    }
            files = {}
            for column in entry:
                if column.startswith("expected_networkd"):
                    device = column[len("expected_networkd_") :] or _only_device(config)
                    files[PLACES["networkd"] + "10-cloud-init-%s.network" % device] = entry[column]
            if files:
                case["expected"]["networkd"] = files
    for number, sample in enumerate(test_net.OS_SAMPLES):
        case = CASES.setdefault(
            _text(sample["in_data"]), {"input": sample["in_data"], "expected": {}, "own": {}}
        )
        case.update(name="OS_SAMPLES[%d]" % number, names=sample["in_macs"])
        for renderer, column in (
            ("ifcfg", "out_sysconfig_rhel"),
            ("networkmanager", "expected_network_manager"),
        ):
            files = {"/" + path: text for path, text in sample.get(column, [])}
            files = {path: text for path, text in files.items() if path.startswith(PLACES[renderer])}
            if files:
                case["expected"][renderer] = files


def _only_device(config):
    """The one device of a configuration whose expected file has no name."""
    config = config.get("network", config)
    if config["version"] == 1:
        return [item["name"] for item in config["config"] if "name" in item][0]
    return list(config["ethernets"])[0]


def _render_own(case):
    """What cloud-init's three renderers make of a case."""
    from cloudinit import distros
    from cloudinit.net import network_manager, network_state, networkd, sysconfig
    from cloudinit.sources.helpers import openstack

    for renderer in RENDERERS:
        with tempfile.TemporaryDirectory() as root, mock.patch(
            "cloudinit.net.network_state.get_interfaces_by_mac", return_value={}
        ), mock.patch("cloudinit.net.util.chownbyname"):
            config = copy.deepcopy(case["input"])
            try:
                if "version" not in config:
                    config = openstack.convert_net_json(config, known_macs=case["names"])
                state = network_state.parse_net_config_data(config)
                if renderer == "ifcfg":
                    settings = distros.fetch("rhel").renderer_configs.get("sysconfig")
                    made = sysconfig.Renderer(config=settings)
                else:
                    made = {"networkmanager": network_manager, "networkd": networkd}[renderer].Renderer()
                made.render_network_state(state, target=root)
                case["own"][renderer] = _files(root, renderer)
            except Exception as error:  # noqa: BLE001 (what it cannot render is told)
                case["own"][renderer] = "%s: %s" % (type(error).__name__, str(error)[:200])


def pytest_unconfigure(config):
    _add_table()
    made = []
    for text in sorted(CASES, key=lambda text: (CASES[text]["name"], text)):
        case = CASES[text]
        _render_own(case)
        try:
            made.append(json.loads(json.dumps(case)))
        except (TypeError, ValueError):
            continue  # a test's own objects are no data
    with open(os.environ["TSAGENT_PEER_RECORD"], "w", encoding="utf-8") as stream:
        json.dump(made, stream, indent=1)
