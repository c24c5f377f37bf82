# A network namespace with seven cards, eth1 to eth7, and a real systemd-networkd that reads what was rendered.
# usage: unshare --net --mount --pid --fork --kill-child --mount-proc sh networkd_namespace.sh TREE UNTIL
# UNTIL is a shell condition, tried for 15 s; FIRST is run by sh before networkd starts, THEN after UNTIL holds. peer2 has DHCPv4, and advertises fd77::/64 (options by DHCPv6);
# peer3 has DHCPv6, and advertises that it has; peer7 is the end of a cable that is not plugged in. Prints addresses,
# routes, rules, bridges and links as JSON, a document a line; networkd's own words go to standard error, and
# before them what DHCP clients asked for.
set -e
tree=$1
until=$2
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none /run
mount -t sysfs -o ro sys /sys
mkdir -p /run/dbus
ip link set lo up
for number in 1 2 3 4 5 6 7; do
    ip link add eth$number address 52:54:00:aa:00:0$number type veth peer name peer$number
    [ $number = 7 ] || ip link set peer$number up
done
ip addr add 10.77.0.1/24 dev peer2
ip addr add fd77::1/64 dev peer2 nodad
ip addr add fd78::1/64 dev peer3 nodad
dnsmasq --conf-file=/dev/null --pid-file=/run/dnsmasq.pid --leasefile-ro --port=0 --interface=peer2 \
    --interface=peer3 --bind-interfaces --log-dhcp --log-facility=/run/dnsmasq.log --enable-ra \
    --dhcp-range=10.77.0.50,10.77.0.60,255.255.255.0,1h --dhcp-option=option:router,10.77.0.1 \
    --dhcp-option=option:dns-server,10.77.0.1 --dhcp-range=fd77::,ra-stateless \
    --dhcp-range=fd78::100,fd78::200,64,1h
dbus-daemon --system --fork
install -d -o systemd-network -g systemd-network /run/systemd/netif /run/systemd/netif/links /run/systemd/netif/leases
mkdir -p "$tree/etc/systemd/network"
mount --bind "$tree/etc/systemd/network" /etc/systemd/network
[ -z "$FIRST" ] || sh -ec "$FIRST" >&2
SYSTEMD_LOG_TARGET=console "${NETWORKD:-/lib/systemd/systemd-networkd}" >/run/networkd.log 2>&1 &
tries=150
until eval "$until" >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ $tries -eq 0 ]; then
        ip addr >&2
        ip -6 route >&2
        networkctl list >&2
        cat /run/networkd.log >&2
        exit 1
    fi
    sleep 0.1
done
[ -z "$THEN" ] || sh -ec "$THEN" >&2
ip -j addr
ip -j route show table all
ip -j rule
ip -j -6 rule
ip -j -d link
networkctl --json=short list
grep -E 'dnsmasq-dhcp.*(DHCP|client provides|requested|vendor)' /run/dnsmasq.log >&2 || true
cat /run/networkd.log >&2
