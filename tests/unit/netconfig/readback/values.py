"""Spellings of the same value: addresses, networks, switches."""

import ipaddress

YES = ("yes", "true", "on", "1")
NO = ("no", "false", "off", "0")


def switch(text):
    """A truth value in any spelling; other text as it is."""
    plain = str(text).strip().lower()
    return True if plain in YES else False if plain in NO else text


def mac(text):
    """A hardware address in lower case with colons."""
    return text.strip().lower().replace("-", ":")


def interface(text):
    """An address with its prefix length."""
    return str(ipaddress.ip_interface(text.strip()))


def address(text):
    """An address alone; a name server may have more after it (a port, a name)."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        return text.strip()


def network(text):
    """A network; a host's address with a network's prefix means the network."""
    return str(ipaddress.ip_network(text.strip(), strict=False))


def route(to, **rest):
    """A route as one comparable text, without what it does not say."""
    if rest.get("via") in ("0.0.0.0", "::"):  # noqa: S104 (no gateway)
        rest["via"] = None
    words = [to] + ["%s %s" % (key, rest[key]) for key in sorted(rest) if rest[key] not in (None, "", False)]
    return " ".join(words)
