"""Files of network services, read back: what each device gets from them, as plain facts.

Written from each service's documentation, not from the renderers. Defaults of the service are filled in, so
that two files that mean the same give the same facts, whatever their words. Facts of a device:

`kind`, `name` (or pattern) and `mac` it is found by, `driver`, `set_mac`, `set_name`, `mtu`, `onboot`,
`may_fail`, `ipv4` and `ipv6` (how addresses come), `addresses`, `routes`, `rules`, `nameservers`, `search`,
`master`, `bond`, `bridge`, `port` (of a bridge), `vlan`, `parent`, `wakeonlan` and more; what a parser does
not know keeps the service's own spelling, so that it is never lost in a comparison.
"""

from . import ifcfg, keyfile, networkd

PARSERS = {"networkmanager": keyfile.read, "ifcfg": ifcfg.read, "networkd": networkd.read}


def read(renderer, files):
    """{label: facts} of each device in {path: text}."""
    return PARSERS[renderer](files)
