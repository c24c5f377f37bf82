"""Routes and rules as texts that can be compared, and settings that services have one switch for."""


def with_setting(text, name, value):
    """A route's text with one more setting."""
    return renamed("%s %s %s" % (text, name, value), {})


def renamed(text, names):
    """A route's or rule's text with other names of its settings."""
    words = text.split()
    head = [words.pop(0)] if len(words) % 2 else []
    pairs = [(names.get(words[place], words[place]), words[place + 1]) for place in range(0, len(words), 2)]
    return " ".join(head + ["%s %s" % pair for pair in sorted(pairs)])


def whole(text):
    """A number where there is one."""
    return int(text) if text not in (None, "") else None


def without_default_priority(text):
    """A rule without 30000: NetworkManager wants a priority, and that one stands for none."""
    return " ".join(text.replace("priority 30000 ", "").split())


def metrics(made):
    """What has no metric of its own gets that of the leases' routes: NetworkManager has one for all."""
    for number, letter in ((4, "."), (6, ":")):
        metric = made.get("dhcp%d_options.route_metric" % number)
        if metric is not None and "routes" in made:
            made["routes"] = sorted(
                text if " metric " in text or letter not in text else with_setting(text, "metric", metric)
                for text in made["routes"]
            )


def one_switch(made, switch, names):
    """Put one setting in the place of several, where the service has one switch for them: off for all."""
    found = [made.pop(name, None) for name in names]
    if False in found:
        made[switch] = False


def domains_with_servers(made):
    """Leave out that domains are not used where the servers are not either: they go together."""
    for group in ("dhcp4_options", "dhcp6_options", "ra_options"):
        ignored = made.get("dhcp4_options.use_dns" if group == "dhcp4_options" else "ipv6.use_dns") is False
        if ignored and made.get(group + ".use_domains") == "no":
            del made[group + ".use_domains"]
