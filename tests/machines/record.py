"""Records what the facts of this machine are read from: `python3 tests/machines/record.py DIRECTORY`.

For bug reports: the result can be given to `tsagent facts --hardware DIRECTORY --root DIRECTORY`. Needs no
package; run as root to include the firmware's UUID. MAC and IP addresses, serial numbers and the kernel's
command line are recorded as they are: look through the result before you publish it.
"""

import glob
import json
import os
import sys

FILES = [
    "/etc/os-release",
    "/usr/lib/os-release",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/cmdline",
    "/proc/modules",
    "/proc/mounts",
    "/proc/swaps",
    "/proc/self/mountinfo",
    "/proc/self/mounts",
    "/proc/sys/kernel/osrelease",
    "/proc/sys/kernel/arch",
    "/proc/sys/kernel/random/boot_id",
    "/run/systemd/container",
    "/.dockerenv",
    "/sys/hypervisor/type",
    "/proc/interrupts",
    "/proc/irq/default_smp_affinity",
    "/proc/sys/net/core/rps_sock_flow_entries",
    "/sys/devices/system/cpu/isolated",
    "/sys/devices/system/cpu/nohz_full",
    "/sys/devices/system/cpu/online",
    "/sys/devices/system/cpu/cpu[0-9]*/topology/physical_package_id",
    "/sys/devices/system/cpu/cpu[0-9]*/topology/core_id",
    "/sys/devices/system/cpu/cpu[0-9]*/topology/thread_siblings_list",
    "/sys/devices/system/node/node[0-9]*/cpulist",
    "/sys/devices/system/node/node[0-9]*/meminfo",
]
# Directories of links: the link, what it leads to, and these below that.
CLASSES = {
    "/sys/class/dmi/*": """
        sys_vendor product_* chassis_asset_tag bios_vendor bios_version""",
    "/sys/bus/pci/devices/*": """
        vendor device class subsystem_vendor subsystem_device numa_node driver subsystem""",
    "/sys/class/block/*": """
        dev size ro removable serial partition start uevent subsystem holders/* slaves/* dm/* md/level
        queue/rotational queue/logical_block_size device device/model device/serial device/vpd_pg80""",
    "/sys/dev/block/*": """
        dev""",
    "/sys/class/nvme/*": """
        transport model serial firmware_rev state device nvme*n*/size""",
    "/sys/class/net/*": """
        address ifindex mtu operstate type carrier speed uevent queues/* device device/driver
        device/subsystem device/numa_node device/uevent master bonding/slaves bonding_slave/perm_hwaddr
        bridge/bridge_id brif/* lower_* queues/*/rps_cpus queues/*/xps_cpus device/infiniband/*
        device/msi_irqs/* device/../msi_irqs/* device/../numa_node""",
    "/sys/class/infiniband/*": """
        node_guid fw_ver parent device device/driver ports/*/link_layer ports/*/state ports/*/phys_state
        ports/*/rate ports/*/gid_attrs/types/[0-9] ports/*/gid_attrs/types/1[0-5]
        ports/*/gid_attrs/ndevs/[0-9] ports/*/gid_attrs/ndevs/1[0-5]""",
}
_CHUNK = 1 << 16  # /proc/sys refuses reads of some megabytes


class Recorder:
    """Copies files and links below `directory`, keeping their paths and what links say."""

    def __init__(self, directory):
        self.directory = directory

    def file(self, path):
        """Copy one small file; what cannot be read is left out, as many attributes refuse to be."""
        try:
            with open(path, "rb", buffering=0) as stream:
                data = b"".join(iter(lambda: stream.read(_CHUNK), b""))
        except OSError:
            return
        place = self.directory + path
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as stream:
            stream.write(data)

    def path(self, path):
        """Copy a file, or a link, so that the path leads to the same place inside the copy."""
        parent = os.path.realpath(os.path.dirname(path))
        real = os.path.join(parent, os.path.basename(path))
        if os.path.islink(real):
            place = self.directory + real
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.makedirs(self.directory + os.path.realpath(real), exist_ok=True)
            if not os.path.lexists(place):
                os.symlink(os.readlink(real), place)
        elif os.path.isdir(real):
            os.makedirs(self.directory + real, exist_ok=True)
        else:
            self.file(real)


def record(directory):
    """Record this machine below `directory`, which must not exist yet."""
    os.makedirs(directory)
    recorder = Recorder(os.path.abspath(directory))
    for pattern in FILES:
        for path in sorted(glob.glob(pattern)):
            recorder.file(path)
    for pattern, attributes in CLASSES.items():
        for entry in sorted(glob.glob(pattern)):
            recorder.path(entry)
            for attribute in attributes.split():
                for path in sorted(glob.glob("%s/%s" % (entry, attribute))):
                    recorder.path(path)
    write_json(recorder.directory + "/addresses.json", addresses())
    write_json(recorder.directory + "/channels.json", channels())
    write_json(recorder.directory + "/machine.json", {"about": "recorded", "instance_type": None})


def addresses():
    """The machine's addresses, in the form of addresses.json, by the agent's own reader where it is there."""
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
    try:
        from tsagent.facts import Facts
        from tsagent.facts import addresses as reader
        from tsagent.host.tree import Tree
    except ImportError:
        return {"interfaces": {}, "gateways": []}
    found = reader.gather(Facts(Tree("/"), Tree("/")))
    if found.problem:
        sys.stderr.write("addresses not recorded: %s\n" % found.problem)
    return {"interfaces": found.interfaces, "gateways": found.gateways}


def channels():
    """The channels of the machine's network cards, in the form of channels.json, likewise."""
    try:
        from tsagent.facts import Facts
        from tsagent.host.tree import Tree
    except ImportError:
        return {}
    return {card.name: card.channels for card in Facts(Tree("/"), Tree("/")).queues if card.channels}


def write_json(path, data):
    with open(path, "w", encoding="utf-8") as stream:
        json.dump(data, stream, indent=2, sort_keys=True)
        stream.write("\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: record.py DIRECTORY")
    record(sys.argv[1])
