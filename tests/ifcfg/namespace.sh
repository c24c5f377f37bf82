# A network namespace with three cards, eth1 to eth3, and a reader of ifcfg files.
# usage: unshare --net --uts --mount --pid --fork --kill-child --mount-proc sh namespace.sh READER TREE EXPECTED...
# READER is `plugin` (NM_DAEMON, NM_POLICY: see plugin.py) or `scripts` (NETWORK_SCRIPTS: a tree that has them).
# Waits until each EXPECTED address is there; then runs THEN, where it is set. Prints links, addresses, routes and
# rules as JSON, a document a line, and on stderr what the reader had to say.
set -e
reader=$1
tree=$2
shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=0755 none /run
mkdir -p /run/dbus /run/etc/upper/sysconfig/network-scripts /run/etc/work
mount -t sysfs sys /sys
lower=/etc
if [ "$reader" = plugin ]; then
    mkdir -p /run/etc/upper/dbus-1/system.d
    cp "$NM_POLICY" /run/etc/upper/dbus-1/system.d
else
    lower=$NETWORK_SCRIPTS/etc:/etc
    # Two probes for an address in use, half a second apart; nobody answers here.
    printf 'NETWORKING=yes\nARPING_WAIT=1\n' >/run/etc/upper/sysconfig/network
    : >/run/etc/upper/resolv.conf
    cp -r "$tree/etc/." /run/etc/upper
    if [ -d /lib/modules ]; then # may be a mount of its own, which the overlay hides
        mkdir /run/modules
        mount --bind /lib/modules /run/modules
    fi
    mount -t overlay -o lowerdir="$NETWORK_SCRIPTS/usr:/usr" none /usr
    [ ! -d /run/modules ] || mount --bind /run/modules /lib/modules
    mkdir -p /run/lib/upper/dhclient /run/lib/work
    mount -t overlay -o lowerdir=/var/lib,upperdir=/run/lib/upper,workdir=/run/lib/work none /var/lib
    hostname localhost
fi
mount -t overlay -o lowerdir="$lower",upperdir=/run/etc/upper,workdir=/run/etc/work none /etc
ip link set lo up
for number in 1 2 3; do
    ip link add eth$number address 52:54:00:aa:00:0$number type veth peer name peer$number
    ip link set peer$number up
done
ip addr add 10.77.0.1/24 dev peer3
ip addr add 10.88.0.1/24 dev peer2
for number in 1 2 3; do ip addr add fd00:7$number::1/64 dev peer$number nodad; done
# eth2: DHCP and addresses made from the router's prefix, eth3: DHCP, and IPv6 addresses by DHCPv6 alone.
dnsmasq --conf-file=/dev/null --pid-file=/run/dnsmasq.pid --leasefile-ro --port=0 --interface=peer2 \
    --interface=peer3 --bind-interfaces --enable-ra --log-dhcp --log-facility=/run/dnsmasq.log \
    --dhcp-range=10.88.0.50,10.88.0.60,255.255.255.0,1h \
    --dhcp-range=10.77.0.50,10.77.0.60,255.255.255.0,1h --dhcp-range=fd00:72::,ra-stateless,ra-names \
    --dhcp-range=fd00:73::50,fd00:73::60,64,1h --dhcp-option=option:dns-server,10.77.0.2 \
    --dhcp-option=option:domain-search,lease.example --dhcp-option="option6:dns-server,[fd00:73::2]"
dbus-daemon --system --fork
# within SECONDS COMMAND...: try a command until it does; PATIENCE is for machines that are so many times slower.
within() {
    end=$(($(date +%s) + $1 * ${PATIENCE:-1}))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt $end ] || return 1
        sleep 0.1
    done
}
has_address() {
    ip -o addr show | grep -v tentative | grep -q "inet6\? $1"
}
answers() {
    nmcli --terse general status >/dev/null 2>&1
}
if [ "$reader" = plugin ]; then
    mount -t tmpfs none /var/lib/NetworkManager
    printf '[main]\nplugins=ifcfg-rh\ndns=none\nno-auto-default=*\n' >/run/nm.conf
    printf '[logging]\nbackend=syslog\nlevel=INFO\n[keyfile]\nunmanaged-devices=interface-name:peer*\n' >>/run/nm.conf
    # It waits for udev, which does not run here, unless /sys is read-only when it starts. Later it writes there.
    mount -o remount,ro /sys
    "$NM_DAEMON" --no-daemon --log-level=INFO --config /run/nm.conf --config-dir /run/none \
        --intern-config /run/intern.conf --system-config-dir /run/none >/run/reader.log 2>&1 &
    within 15 answers
    mount -o remount,rw /sys
    cp -r "$tree/etc/." /etc
    nmcli connection reload
else
    # In the order of the scripts' own service: cards and bonds, VLANs, bridges.
    cd /etc/sysconfig/network-scripts
    plain=$(grep -LE '^(VLAN=yes|TYPE=Bridge|SLAVE=yes)$' ifcfg-* | grep -v :)
    vlans=$(grep -lx VLAN=yes ifcfg-* || true)
    bridges=$(grep -lx TYPE=Bridge ifcfg-* || true)
    for file in $plain $vlans $bridges; do
        ./ifup "$file" boot >>/run/reader.log 2>&1 || echo "$file failed" >>/run/reader.log
    done
fi
for address in "$@"; do
    within 15 has_address "$address" && continue
    echo "no address $address" >&2
    ip addr >&2
    cat /run/reader.log /run/dnsmasq.log >&2
    exit 1
done
if [ -n "$THEN" ]; then
    sh -ec "$THEN" >&2
fi
ip -d -j link
ip -j addr
ip -j route show table all
ip -j rule
ip -j -6 rule
echo "== reader" >&2
cat /run/reader.log >&2
