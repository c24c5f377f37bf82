# A network namespace with three cards, eth1 to eth3, and one real network service that reads what was rendered.
# usage: unshare --net --mount --pid --fork --kill-child --mount-proc sh network_namespace.sh SERVICE TREE EXPECTED...
# Where THEN is set, it is run by sh once these addresses are there; THEN_EXPECTED is waited for after that.
# Prints addresses, routes and rules as JSON, a document a line, once each EXPECTED address is there.
set -e
service=$1
tree=$2
shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none /run
# Read-only /sys: NetworkManager then does not wait for udev, which does not run here.
mount -t sysfs -o ro sys /sys
mkdir -p /run/dbus
ip link set lo up
for number in 1 2 3; do
    ip link add eth$number address 52:54:00:aa:00:0$number type veth peer name peer$number
    ip link set peer$number up
done
ip addr add 10.77.0.1/24 dev peer3
dnsmasq --conf-file=/dev/null --pid-file=/run/dnsmasq.pid --leasefile-ro --port=0 --interface=peer3 --bind-interfaces \
    --dhcp-range=10.77.0.50,10.77.0.60,255.255.255.0,1h --dhcp-option=option:router,10.77.0.1
dbus-daemon --system --fork
case $service in
networkmanager)
    mount --bind "$tree/etc/NetworkManager/system-connections" /etc/NetworkManager/system-connections
    mount -t tmpfs none /var/lib/NetworkManager
    printf '[main]\nplugins=keyfile\ndns=none\n%s\n' "${NM_MAIN-no-auto-default=*}" >/run/nm.conf
    printf '[keyfile]\nunmanaged-devices=interface-name:peer*\n' >>/run/nm.conf
    NetworkManager --no-daemon --config /run/nm.conf --config-dir /run/none >/dev/null 2>&1 &
    ;;
networkd)
    install -d -o systemd-network -g systemd-network /run/systemd/netif /run/systemd/netif/links /run/systemd/netif/leases
    mount --bind "$tree/etc/systemd/network" /etc/systemd/network
    # As a container: udev does not run here.
    SYSTEMD_LOG_TARGET=null /lib/systemd/systemd-networkd >/dev/null 2>&1 &
    ;;
esac
wait_for() {
    tries=100
    until ip -o addr show | grep -q "inet6\? $1"; do
        tries=$((tries - 1))
        if [ $tries -eq 0 ]; then
            echo "no address $1" >&2
            ip addr >&2
            exit 1
        fi
        sleep 0.1
    done
}
for address in "$@"; do
    wait_for "$address"
done
if [ -n "$THEN" ]; then
    sh -ec "$THEN" >&2
    wait_for "$THEN_EXPECTED"
fi
ip -j addr
ip -j route show table all
ip -j rule
[ "$service" != networkmanager ] || nmcli --terse --fields NAME,UUID connection show >&2
