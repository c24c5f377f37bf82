"""Addresses, DHCP, router advertisements and name servers of ifcfg files.

Source: sysconfig.txt of initscripts and what its ifup-eth and ifup-ipv6 do with it;
nm-settings-ifcfg-rh(5) and what the plugin does with it.
"""

from tsagent.netconfig.options import AdvertisementOptions
from tsagent.netconfig.renderers.whole_network import names_for
from tsagent.netconfig.values import mask_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Tuple

    from tsagent.netconfig.addressing import Address
    from tsagent.netconfig.renderers.ifcfg_sheet import Sheet

# resolv.conf(5): how many the resolver of el7 (glibc 2.17) reads of each.
_SERVERS = 3
_DOMAINS = 6


def ipv4(sheet: "Sheet") -> "List[Address]":
    """Assign IPv4's method and addresses; returns the addresses that need files of their own (aliases).

    The scripts set a label only from an alias' file, and no address beside a lease but from there; such an
    address stands in the file itself, too, since the plugin and people look for it there.
    """
    device = sheet.device
    addresses = [item for item in device.addresses if item.version == 4]
    only_link_local = device.link_local is not None and 4 in device.link_local
    if device.dhcp4:
        sheet.put("BOOTPROTO", "dhcp")
    elif only_link_local and not addresses and sheet.managed:
        sheet.put("BOOTPROTO", "autoip")
    else:
        sheet.put("BOOTPROTO", "none")
    if only_link_local and (device.dhcp4 or addresses or not sheet.managed):
        sheet.left_out("an IPv4 link-local address")
    if device.dhcp4 and not sheet.managed and (device.optional or sheet.on_machine):
        # Else the scripts give up for good after the first unanswered minute.
        sheet.put("PERSISTENT_DHCLIENT", 1)
    if device.dhcp4 and device.optional and not sheet.managed:
        sheet.put("DHCLIENTARGS", "-nw")  # nothing waits for its lease: to the background at once
    aliases: "List[Address]" = []
    index = 0
    for address in addresses:
        if _needs_alias(sheet, address):
            aliases.append(address)
            if address.label:
                continue
        elif device.dhcp4 and not sheet.managed:
            sheet.left_out("%s beside DHCP without the name of the interface" % address)
        number = str(index) if index else ""
        sheet.put("IPADDR" + number, address.ip)
        sheet.put("NETMASK" + number, mask_of(address.prefix))
        index += 1
    if any(item.deprecated for item in device.addresses):
        sheet.left_out("a preferred lifetime of 0")
    if sheet.managed and device.required and device.wants(4) and device.wants(6):
        # Else the card counts as up with IPv6 alone, and the metadata service is IPv4's.
        sheet.put("IPV4_FAILURE_FATAL", True)
    return aliases


def _needs_alias(sheet: "Sheet", address: "Address") -> bool:
    device = sheet.device
    named = sheet.name is not None and sheet.name == device.label
    if address.label and named:
        stem, colon, suffix = address.label.partition(":")
        if stem == device.label and colon and suffix.replace("_", "a").isalnum():
            return True
    if address.label and address.label != device.label:
        sheet.left_out("the label of %s (only NAME:SUFFIX with the interface's own name)" % address.ip)
    return bool(device.dhcp4) and not sheet.managed and named


def alias_labels(sheet: "Sheet", wanted: "List[Address]") -> "List[str]":
    """The name of each alias: its label, or the interface's name with the first free number."""
    base = sheet.device.label + ":"
    said = [address.label for address in wanted]
    made: "List[str]" = []
    for address in wanted:
        label = address.label
        if label is None or label in made or not label.startswith(base):
            if label is not None:
                sheet.left_out("the label of %s, which another address has" % address.ip)
            numbered = [base + str(number) for number in range(2 * len(wanted))]
            label = next(name for name in numbered if name not in made and name not in said)
        made.append(label)
    return made


def ipv6(sheet: "Sheet") -> None:
    """Assign IPv6's method and addresses. Where nothing is said of IPv6, nothing is: the kernel's own way."""
    device = sheet.device
    accept = device.accept_ra
    addresses = [str(item) for item in device.addresses if item.version == 6]
    if device.wants(6) or accept is False:
        sheet.put("IPV6INIT", True)
        automatic = _autoconf(sheet, bool(addresses))
        sheet.put("IPV6_AUTOCONF", automatic)
        if accept is not None and not automatic:
            sheet.put("IPV6_FORCE_ACCEPT_RA", accept)
        elif addresses and not device.dhcp6 and not automatic:
            sheet.put("IPV6_FORCE_ACCEPT_RA", False)
        elif automatic is False and not sheet.managed:
            sheet.put("IPV6_FORCE_ACCEPT_RA", True)  # DHCPv6 gives addresses and no routes
        if device.link_local is not None and 6 not in device.link_local:
            sheet.left_out("IPv6 without a link-local address")
    elif device.link_local is not None and 6 not in device.link_local:
        if sheet.managed:
            sheet.put("IPV6_DISABLED", True)
        else:
            sheet.left_out("the absence of an IPv6 link-local address")
    if device.dhcp6 or device.dhcp6_stateless:
        sheet.put("DHCPV6C", True)
        if device.ipv6_autoconf is False and device.required:
            sheet.put("IPV6_FAILURE_FATAL", True)
        options = ["-S"] if not device.dhcp6 else []
        options += ["-nw"] if device.optional and not sheet.managed else []
        sheet.put("DHCPV6C_OPTIONS", " ".join(options) or None)
    if addresses:
        sheet.put("IPV6ADDR", addresses[0])
        sheet.put("IPV6ADDR_SECONDARIES", " ".join(addresses[1:]) or None)
    sheet.put("IPV6_PRIVACY", {True: "rfc3041", False: "no", None: None}[device.ipv6_privacy])
    if sheet.managed:
        sheet.put("IPV6_TOKEN", device.ipv6_token)
        # What the cloud's network lets through, whatever NetworkManager's own default is.
        advertised = device.accept_ra or (device.dhcp6 and accept is not False)
        sheet.put("IPV6_ADDR_GEN_MODE", device.ipv6_generation or ("eui64" if advertised else None))
    else:
        if device.ipv6_token:
            sheet.left_out("the host part of its IPv6 addresses")
        if device.ipv6_generation not in (None, "eui64"):
            sheet.left_out("IPv6 addresses by %s" % device.ipv6_generation)


def _autoconf(sheet: "Sheet", static: bool) -> "Optional[bool]":
    """Whether addresses are made of advertised prefixes; None leaves it to the reader, which does."""
    device = sheet.device
    if device.ipv6_autoconf is False and device.accept_ra is not False and sheet.managed:
        # With DHCPv6 alone the plugin takes no advertisement at all, and there would be no default route.
        sheet.left_out("routes of router advertisements without addresses of their prefixes")
        return True
    if device.ipv6_autoconf is not None:
        return device.ipv6_autoconf
    if device.accept_ra:
        return True if device.dhcp6_stateless or not device.dhcp6 else None
    return False if device.accept_ra is False or (static and not device.dhcp6) else None


def dhcp(sheet: "Sheet") -> None:
    """Assign what the DHCP clients ask for and take, and what is taken from router advertisements."""
    device = sheet.device
    first, second = device.dhcp4_options, device.dhcp6_options
    sheet.put(
        "PEERDNS", _no(first.use_dns if sheet.managed or not device.dhcp6 else _shared(sheet, "use_dns"))
    )
    sheet.put("PEERROUTES", _no(first.use_routes))
    if device.dhcp4 and not sheet.managed:
        sheet.put("DHCLIENT_SET_DEFAULT_ROUTE", _sets_default_route(sheet))
    sheet.put("PEERNTP", _no(_shared(sheet, "use_ntp")))
    use_hostname = _shared(sheet, "use_hostname")
    sheet.put(
        "HOSTNAME_FROM_DHCP" if sheet.managed else "NO_DHCP_HOSTNAME", _turned(use_hostname, sheet.managed)
    )
    for version, options in ((4, first), (6, second)):
        what = "of DHCP" if version == 4 else "of DHCPv6"
        if options.use_mtu is False:
            sheet.left_out("refusing the MTU %s" % what)
        if options.use_domains == "route" or (options.use_domains == "no" and options.use_dns is not False):
            sheet.left_out("how the domains %s are used" % what)
    if sheet.managed:
        _dhcp_of_plugin(sheet)
    else:
        _dhcp_of_scripts(sheet)


def _sets_default_route(sheet: "Sheet") -> "Optional[bool]":
    """What cloud-init says of a lease where there are default routes (not gateways); nobody reads it."""
    found = []
    for device in sheet.network.devices:
        routes = [item for item in device.routes if item.default and not item.table]
        found += [(device, item.version) for item in routes if item.via not in device.gateways]
    return True if (sheet.device, 4) in found else False if found else None


def _dhcp_of_plugin(sheet: "Sheet") -> None:
    device = sheet.device
    first, second = device.dhcp4_options, device.dhcp6_options
    advertised = AdvertisementOptions() if device.accept_ra is False else device.ra_options
    sheet.put("DHCP_SEND_HOSTNAME", _no(first.send_hostname))
    if first.hostname:
        sheet.put_plain("DHCP_HOSTNAME", first.hostname, "such a host name to DHCP")
    if first.route_metric is not None:
        sheet.put("IPV4_ROUTE_METRIC", first.route_metric)
    sheet.put("DHCP_CLIENT_ID", first.identifier)
    dns = [value for value in (second.use_dns, advertised.use_dns) if value is not None]
    if False in dns and True in dns:
        sheet.left_out("name servers of one of DHCPv6 and router advertisements alone")
    elif False in dns:
        sheet.put("IPV6_PEERDNS", False)
    if advertised.use_domains is not None and advertised.use_domains != ("no" if False in dns else "yes"):
        sheet.left_out("how the domains of router advertisements are used")
    sheet.put("IPV6_PEERROUTES", _no(second.use_routes))
    sheet.put("DHCPV6_SEND_HOSTNAME", _no(second.send_hostname))
    if second.hostname:
        sheet.put_plain("DHCPV6_HOSTNAME", second.hostname, "such a host name to DHCPv6")
    if second.route_metric is not None:
        sheet.put("IPV6_ROUTE_METRIC", second.route_metric)
    sheet.put("DHCPV6_DUID", {None: None, "mac": "ll", "duid": None}.get(second.identifier))
    if advertised.table is not None:
        versions = [item.version for item in device.addresses] + [item.version for item in device.routes]
        if 6 in versions:
            sheet.left_out("a routing table for router advertisements alone")
        else:
            sheet.put("IPV6_ROUTE_TABLE", advertised.table)


def _dhcp_of_scripts(sheet: "Sheet") -> None:
    device = sheet.device
    first, second, advertised = device.dhcp4_options, device.dhcp6_options, device.ra_options
    sheet.put("DHCP_SEND_HOSTNAME", _no(_shared(sheet, "send_hostname")))
    hostname = _shared(sheet, "hostname")
    if hostname:
        sheet.put_plain("DHCP_HOSTNAME", hostname, "such a host name to DHCP")
    if first.route_metric is not None:
        sheet.put("METRIC", first.route_metric)
        sheet.put("IPV4_ROUTE_METRIC", first.route_metric)
    if first.identifier == "duid":
        sheet.left_out("a DUID as identifier of its DHCP client")
    if second.identifier is not None and second.identifier != "duid":
        sheet.left_out("the identifier of its DHCPv6 client")
    if second.route_metric is not None:
        sheet.put("IPV6_ROUTE_METRIC", second.route_metric)
        sheet.left_out("a metric of IPv6 routes that are not static")
    if second.use_routes is False:
        sheet.left_out("refusing routes of router advertisements")
    if advertised.use_dns or (advertised.use_domains or "no") != "no":
        sheet.left_out("name servers of router advertisements")
    if advertised.table is not None:
        sheet.left_out("a routing table for router advertisements")


def _shared(sheet: "Sheet", name: str) -> "Any":
    """What is said for either IP version, where the reader has one variable for both; else it is noted."""
    device = sheet.device
    said = []
    for asked, options in ((device.dhcp4, device.dhcp4_options), (device.dhcp6, device.dhcp6_options)):
        value = getattr(options, name)
        if asked or value is not None:
            said.append(value)
    if len(said) == 2 and said[0] != said[1]:
        sheet.left_out("%s of one IP version alone" % name.replace("_", "-"))
    return next((value for value in said if value is not None), None)


def _no(value: "Optional[bool]") -> "Optional[bool]":
    """What is the reader's default is not said."""
    return False if value is False else None


def _turned(value: "Optional[bool]", managed: bool) -> "Optional[bool]":
    """HOSTNAME_FROM_DHCP=no says what NO_DHCP_HOSTNAME=yes does."""
    return None if value is not False else not managed


def name_servers(sheet: "Sheet") -> None:
    """Assign name servers and search domains: the device's own, or those of the whole network."""
    servers, domains = _dns(sheet)
    if not sheet.managed:
        if len(servers) > _SERVERS:
            sheet.left_out("more than %d name servers" % _SERVERS)
            servers = servers[:_SERVERS]
        if any(domain.startswith("~") for domain in domains):
            sheet.left_out("search domains for routing queries only")
            domains = [domain for domain in domains if not domain.startswith("~")]
        if len(domains) > _DOMAINS:
            sheet.left_out("more than %d search domains" % _DOMAINS)
            domains = domains[:_DOMAINS]
    for number, server in enumerate(servers, 1):
        sheet.put("DNS%d" % number, server)
    sheet.put("DOMAIN", " ".join(domains) or None)


def _dns(sheet: "Sheet") -> "Tuple[List[str], List[str]]":
    network, device = sheet.network, sheet.device
    if not device.wants(4) and not device.wants(6):
        if device.nameservers or device.search:
            sheet.left_out("name servers without an address")
        return [], []
    servers: "List[str]" = []
    named, domains = names_for(network, device)
    for server in named:
        version = 6 if ":" in server else 4
        # The plugin reads none of an IP version that is off; the scripts write them all to resolv.conf.
        if sheet.managed and not device.wants(version):
            if server in device.nameservers:
                sheet.left_out("an IPv%d name server without an IPv%d address" % (version, version))
        elif server not in servers:
            servers.append(server)
    return servers, domains
