"""No setting is dropped in silence: each field of the model changes what is written, or is named."""

import copy

import pytest
from readback import settings

from tsagent import netconfig
from tsagent.netconfig import renderers

RENDERERS = ("networkmanager", "ifcfg", "plugin", "networkd", "netplan")
CASES = [
    (setting, kind, value)
    for setting in settings.SETTINGS
    for kind in setting.kinds
    for value in setting.values
]


def rendered(network, renderer):
    """({path: text}, problems)."""
    netconfig.resolve(network, [])
    before = len(network.problems)
    options = renderers.Options(managed=renderer == "plugin")
    files = renderers.render(network, "ifcfg" if renderer == "plugin" else renderer, options)
    return {item.path: (item.mode, item.content) for item in files}, network.problems[before:]


def test_every_field_of_the_model_is_among_the_settings():
    assert settings.names_in_model() == set(settings.BY_NAME)


def pair(setting, kind, value):
    """Two networks that differ in one setting of one device: without it and with it."""
    plain, device = settings.base(kind, setting.given)
    changed = copy.deepcopy(plain)
    setting.set(changed.devices[-1], value)
    group, _, part = setting.name.partition(".")
    if group in ("routes", "rules", "addresses") and part:
        # A route with a metric is compared with the same route without one.
        setting.set_usual(device)
    return plain, changed


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_setting_changes_the_files_or_is_named(renderer):
    silent = []
    for setting, kind, value in CASES:
        if settings.already(renderer, setting.name, value):
            continue
        plain, changed = pair(setting, kind, value)
        label = changed.devices[-1].label
        before, usual = rendered(plain, renderer)
        after, problems = rendered(changed, renderer)
        known = [(item.path, item.message) for item in usual]
        named = [
            item for item in problems if label in item.message and (item.path, item.message) not in known
        ]
        # A device that the service has no kind for is named as a whole.
        left_out = not any(label in path for path in before) and any(label in item.message for item in usual)
        if before == after and not named and not left_out:
            silent.append("%s of a %s: %r" % (setting.name, kind, value))
    assert silent == [], "without a trace:\n" + "\n".join(silent)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_setting_of_a_port_changes_the_files_or_is_named(renderer):
    silent = []
    for setting in settings.SETTINGS:
        if settings.ETHERNET not in setting.kinds:
            continue
        plain, _ = settings.base(settings.BOND)
        port = plain.devices[0]
        for key, value in setting.given.items():
            setattr(port, key, copy.deepcopy(value))
        for value in setting.values:
            # A port has no addresses anyway.
            none = (setting.name, str(value)) in (("accept_ra", "False"), ("link_local", "[]"))
            if none or settings.already(renderer, setting.name, value):
                continue
            changed = copy.deepcopy(plain)
            setting.set(changed.devices[0], value)
            before, _ = rendered(copy.deepcopy(plain), renderer)
            after, problems = rendered(changed, renderer)
            label = changed.devices[0].label
            named = [item.message for item in problems if label in item.message]
            # What a port has no use for at all may be named once: its addresses, leases, routes.
            if before == after and not named:
                silent.append("%s: %r" % (setting.name, value))
    assert silent == [], "without a trace:\n" + "\n".join(silent)


@pytest.mark.parametrize("renderer", RENDERERS)
def test_what_belongs_to_the_whole_network_changes_the_files_or_is_named(renderer):
    for given in ({"nameservers": ["192.0.2.53"]}, {"search": ["example.com"]}):
        plain, _ = settings.base(settings.ETHERNET)
        changed = copy.deepcopy(plain)
        for key, value in given.items():
            setattr(changed, key, value)
        before, _ = rendered(plain, renderer)
        after, problems = rendered(changed, renderer)
        assert before != after or problems, given
