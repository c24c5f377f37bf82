# A network namespace with seven cards, eth1 to eth7, and a real NetworkManager that reads what was rendered.
# usage: unshare --net --mount --pid --fork --kill-child --mount-proc sh networkmanager_namespace.sh TREE UNTIL
# UNTIL is a shell condition, tried for 20 s. peer1 and peer2 have DHCPv4, and peer2 advertises fd77::/64; peer3 has
# DHCPv6, and advertises that it has; peer7 is the end of a cable that is not plugged in. Where THEN is set, it is run
# by sh after that. Prints addresses, routes, rules and links as JSON, a document a line, and then what SHOW prints;
# to standard error go what DHCP clients asked for and the daemon's own warnings.
set -e
tree=$1
until=$2
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none /run
# Read-only /sys: NetworkManager then does not wait for udev, which does not run here. Nor can it set what it sets
# there: options of a bridge's ports.
mount -t sysfs -o ro sys /sys
mkdir -p /run/dbus
ip link set lo up
for number in 1 2 3 4 5 6 7; do
    ip link add eth$number address 52:54:00:aa:00:0$number type veth peer name peer$number
    [ $number = 7 ] || ip link set peer$number up
done
ip addr add 10.78.0.1/24 dev peer1
ip addr add 10.77.0.1/24 dev peer2
ip addr add fd77::1/64 dev peer2 nodad
ip addr add fd78::1/64 dev peer3 nodad
dnsmasq --conf-file=/dev/null --pid-file=/run/dnsmasq.pid --leasefile-ro --port=0 --no-ping --interface=peer1 \
    --interface=peer2 --interface=peer3 --bind-interfaces --log-dhcp --log-facility=/run/dnsmasq.log --enable-ra \
    --dhcp-range=10.78.0.50,10.78.0.59,255.255.255.0,1h --dhcp-range=10.77.0.50,10.77.0.59,255.255.255.0,1h \
    --dhcp-option=option:dns-server,10.77.0.1 --dhcp-option=option:domain-name,lease.example \
    --dhcp-option=option:classless-static-route,10.55.0.0/16,10.78.0.9,0.0.0.0/0,10.78.0.1 \
    --dhcp-range=fd77::,ra-stateless --dhcp-range=fd78::100,fd78::200,64,1h
dbus-daemon --system --fork
mount --bind "$tree/etc/NetworkManager/system-connections" /etc/NetworkManager/system-connections
mount -t tmpfs none /var/lib/NetworkManager
mkdir -p "$tree/etc/NetworkManager/conf.d"
printf '[main]\nplugins=keyfile\ndns=none\nno-auto-default=*\n' >/run/nm.conf
printf '[keyfile]\nunmanaged-devices=interface-name:peer*\n' >>/run/nm.conf
NetworkManager --no-daemon --config /run/nm.conf --config-dir "$tree/etc/NetworkManager/conf.d" >/run/nm.log 2>&1 &
tries=200
until eval "$until" >/dev/null 2>&1; do
    tries=$((tries - 1))
    if [ $tries -eq 0 ]; then
        ip addr >&2
        ip -6 route >&2
        nmcli device >&2
        cat /run/nm.log >&2
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
[ -z "$SHOW" ] || sh -ec "$SHOW"
grep -E 'dnsmasq-dhcp.*(DHCP|client provides|requested|vendor)' /run/dnsmasq.log >&2 || true
grep -E '<(warn|error)>' /run/nm.log >&2 || true
