"""What is rendered says what the model says: read back by parsers of each service's files, it is the same.

What a service cannot express is named in a problem of the device; then it need not come back. Each setting is
tried by itself, and networks made by chance have several at once.
"""

import copy
import random

import pytest
from readback import model, settings

from tsagent import netconfig
from tsagent.netconfig import renderers

# By whom the files are read: ifcfg files by the network scripts, or by NetworkManager's plugin.
RENDERERS = ("networkmanager", "ifcfg", "plugin", "networkd", "netplan")
NETWORKS = 40  # made by chance, for each renderer


def rendered(network, renderer):
    """({path: text}, new problems)."""
    network = copy.deepcopy(network)
    netconfig.resolve(network, [])
    before = len(network.problems)
    options = renderers.Options(managed=renderer == "plugin")
    files = renderers.render(network, "ifcfg" if renderer == "plugin" else renderer, options)
    return network, {item.path: item.content for item in files}, network.problems[before:]


def differences(network, renderer):
    """({label: [what does not come back]}, {label: problems})."""
    network, files, problems = rendered(network, renderer)
    said = {}
    for device in network.devices:
        said[device.label] = [item.message for item in problems if device.label in item.message]
    wanted, found = model.stated(network, renderer), model.read_back(renderer, files)
    made = {}
    for label in sorted(set(wanted) | set(found)):
        one, other = wanted.get(label), found.get(label)
        if one is None or other is None:
            made[label] = ["the device: %s, read back %s" % (one is not None, other is not None)]
            continue
        for key in sorted(set(one) | set(other)):
            if one.get(key) != other.get(key):
                line = "%s: %r, read back %r" % (key, one.get(key), other.get(key))
                made.setdefault(label, []).append(line)
    return made, said


def _word(line):
    """What a problem calls the setting of a difference, as far as that can be told."""
    name = line.partition(":")[0]
    if name.startswith("bridge."):
        return "spanning tree"
    return name.rpartition(".")[2].replace("_", "-")[:6]


def wrong(network, renderer):
    """What does not come back and is not named: neither by its word in a problem, nor by as many problems."""
    made, said = differences(network, renderer)
    lost = {}
    for label, lines in made.items():
        problems = said.get(label, [])
        words = [_word(line) for line in lines]
        unnamed = [line for line, word in zip(lines, words) if not any(word in text for text in problems)]
        if len(unnamed) > len(problems):
            lost[label] = unnamed
    return lost


@pytest.mark.parametrize("renderer", RENDERERS)
def test_each_setting_comes_back_or_is_named(renderer):
    lost = []
    for setting in settings.SETTINGS:
        for kind in setting.kinds:
            for value in setting.values:
                network, device = settings.base(kind, setting.given)
                setting.set(device, value)
                for label, lines in wrong(network, renderer).items():
                    lost.append(
                        "%s=%r of a %s: %s: %s" % (setting.name, value, kind, label, "; ".join(lines))
                    )
    assert lost == [], "not as it was said:\n" + "\n".join(lost)


def expressed(renderer):
    """Whether a service has a way to say a setting of a kind of device (None: such a device at all)."""
    silent = set()
    for setting in [None] + settings.SETTINGS:
        for kind in setting.kinds if setting else settings.KINDS:
            problems = []
            for value in setting.values if setting else [None]:
                network, device = settings.base(kind, setting.given if setting else None)
                if setting:
                    setting.set(device, value)
                problems += rendered(network, renderer)[2]
            if not problems:
                silent.add((setting, kind))
    return lambda setting, kind: (setting, kind) in silent


@pytest.mark.parametrize("renderer", RENDERERS)
def test_any_network_comes_back(renderer):
    quiet, known = 0, expressed(renderer)
    for seed in range(NETWORKS):
        # Half of them have only what the service can say: those are compared in full.
        chosen = settings.by_chance(random.Random(seed), *([known] if seed % 2 else []))
        network = settings.made_of(chosen)
        if wrong(network, renderer):
            chosen = settings.smaller(chosen, lambda some: bool(wrong(settings.made_of(some), renderer)))
            lines = wrong(settings.made_of(chosen), renderer)
            pytest.fail("seed %d: %s: %s" % (seed, settings.shown(chosen), lines))
        quiet += not any(differences(network, renderer)[1].values())
    assert quiet > NETWORKS // 6
