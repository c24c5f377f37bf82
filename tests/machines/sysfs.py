"""Writes the parts of /sys and /proc that tell what a machine is, as the kernel lays them out.

A `Machine` collects files and links; `write` puts them into a directory. Class and bus directories hold
relative links into /sys/devices, as in a real sysfs.
"""

import json
import os
import posixpath

SECTOR = 512
GIB = 1 << 30


class Machine:
    """Files and links of one machine."""

    def __init__(self, about, instance_type=None):
        self.files = {}
        self.links = {}
        self.mounts = []
        self.swaps = []
        self.interfaces = {}
        self.gateways = []
        self.channels = {}
        self.interrupts = []
        self.json("/machine.json", {"about": about, "instance_type": instance_type})

    def file(self, path, text):
        self.files[path] = text

    def attributes(self, directory, **values):
        """One-line attributes of a sysfs directory."""
        for name, value in values.items():
            self.files["%s/%s" % (directory, name)] = "%s\n" % value

    def json(self, path, data):
        self.files[path] = json.dumps(data, indent=2, sort_keys=True) + "\n"

    def link(self, path, target):
        """A relative link, as sysfs makes them."""
        self.links[path] = posixpath.relpath(target, posixpath.dirname(path))

    def write(self, directory):
        """Write everything below `directory`."""
        self._finish()
        for path, text in self.files.items():
            place = directory + path
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="latin-1") as stream:
                stream.write(text)
        for path, target in self.links.items():
            place = directory + path
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.symlink(target, place)

    def _finish(self):
        rows = ["%d 1 %s / %s %s - %s %s %s" % ((22 + i,) + mount) for i, mount in enumerate(self.mounts)]
        self.file("/proc/self/mountinfo", "\n".join(rows) + "\n")
        rows = []
        for _, target, options, fs_type, source, extra in self.mounts:
            words = options.split(",")
            words += [word for word in extra.split(",") if word not in words]
            rows.append("%s %s %s %s 0 0\n" % (source, target, fs_type, ",".join(words)))
        self.file("/proc/mounts", "".join(rows))
        head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        self.file("/proc/swaps", head + "".join("%s partition\t%d\t0\t-2\n" % swap for swap in self.swaps))
        self.json("/addresses.json", {"interfaces": self.interfaces, "gateways": self.gateways})
        if self.channels:
            self.json("/channels.json", self.channels)
        if self.interrupts:
            rows = ["%4d:          0          0   PCI-MSI %d-edge      %s\n" % row for row in self.interrupts]
            self.file("/proc/interrupts", "           CPU0       CPU1\n" + "".join(rows))

    # -- firmware, processors, memory, system ---------------------------------------------------

    def firmware(
        self, vendor, product, uuid, version="3.0", bios=("SeaBIOS", "seabios-1.9.1-qemu-project.org")
    ):
        self.attributes(
            "/sys/devices/virtual/dmi/id",
            sys_vendor=vendor,
            product_name=product,
            product_version=version,
            product_uuid=uuid,
            chassis_asset_tag="",
            bios_vendor=bios[0],
            bios_version=bios[1],
        )
        self.link("/sys/class/dmi/id", "/sys/devices/virtual/dmi/id")

    def processors(
        self, model, sockets, cores, threads, memory_kb, nodes=1, vendor="GenuineIntel", guest=True
    ):
        """`cores` a socket; processors are numbered socket by socket, threads after all cores."""
        total = sockets * cores * threads
        flags = (
            "fpu vme de pse tsc msr pae cx8 apic sep pge cmov pat sse sse2 ht syscall nx lm avx avx2 sse4_2"
        )
        flags += " hypervisor" if guest else " vmx" if vendor == "GenuineIntel" else " svm"
        blocks = []
        for cpu in range(total):
            position = cpu % (sockets * cores)
            blocks.append(
                "processor\t: %d\nvendor_id\t: %s\nmodel name\t: %s\nphysical id\t: %d\nsiblings\t: %d\n"
                "core id\t\t: %d\ncpu cores\t: %d\nflags\t\t: %s\n"
                % (cpu, vendor, model, position // cores, cores * threads, position % cores, cores, flags)
            )
        self.file("/proc/cpuinfo", "\n".join(blocks))
        everything = _range(0, total)
        self.attributes("/sys/devices/system/cpu", online=everything, present=everything, possible=everything)
        self.file(
            "/proc/meminfo",
            _meminfo("", memory_kb) + "SwapTotal:             0 kB\nSwapFree:              0 kB\n"
            "HugePages_Total:       0\nHugePages_Free:        0\nHugepagesize:       2048 kB\n",
        )
        self.attributes("/sys/devices/system/node", online=_range(0, nodes), possible=_range(0, nodes))
        share = sockets * cores // nodes
        for node in range(nodes):
            parts = [_range(t * sockets * cores + node * share, share) for t in range(threads)]
            directory = "/sys/devices/system/node/node%d" % node
            self.attributes(directory, cpulist=",".join(parts) if nodes > 1 else everything)
            self.file(directory + "/meminfo", _meminfo("Node %d " % node, memory_kb // nodes))

    def arm_processors(self, cores, memory_kb, implementer="0x41", part="0xd0c"):
        """One socket of Arm cores: cpuinfo tells no topology, sysfs does."""
        blocks = [
            "processor\t: %d\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd aes sha1 sha2 crc32 atomics\n"
            "CPU implementer\t: %s\nCPU architecture: 8\nCPU variant\t: 0x3\n"
            "CPU part\t: %s\nCPU revision\t: 1\n" % (cpu, implementer, part)
            for cpu in range(cores)
        ]
        self.file("/proc/cpuinfo", "\n".join(blocks))
        everything = _range(0, cores)
        self.attributes("/sys/devices/system/cpu", online=everything, present=everything, possible=everything)
        for cpu in range(cores):
            self.attributes(
                "/sys/devices/system/cpu/cpu%d/topology" % cpu, physical_package_id=0, core_id=cpu
            )
        self.file("/proc/meminfo", _meminfo("", memory_kb))
        self.attributes("/sys/devices/system/node/node0", cpulist=everything)
        self.file("/sys/devices/system/node/node0/meminfo", _meminfo("Node 0 ", memory_kb))

    def system(self, release, os_release, modules, command_line, boot_id):
        self.attributes("/proc/sys/kernel", osrelease=release)
        self.attributes("/proc/sys/kernel/random", boot_id=boot_id)
        self.file("/proc/cmdline", command_line + "\n")
        self.file(
            "/proc/modules", "".join("%s 16384 0 - Live 0x0000000000000000\n" % name for name in modules)
        )
        self.file("/etc/os-release", os_release)

    # -- PCI ------------------------------------------------------------------------------------

    def pci(self, path, vendor, device, pci_class, driver=None, node=-1, subsystem=("1af4", "1100")):
        """A PCI function at /sys/devices/`path`; returns its directory."""
        directory = "/sys/devices/" + path
        address = path.rsplit("/", 1)[-1]
        self.attributes(
            directory,
            vendor="0x" + vendor,
            device="0x" + device,
            subsystem_vendor="0x" + subsystem[0],
            subsystem_device="0x" + subsystem[1],
            numa_node=node,
        )
        self.file(directory + "/class", "0x%s00\n" % pci_class)
        self.link("/sys/bus/pci/devices/" + address, directory)
        self.link(directory + "/subsystem", "/sys/bus/pci")
        if driver:
            self._driver(directory, "pci", driver)
        return directory

    def _driver(self, directory, bus, name):
        self.file("/sys/bus/%s/drivers/%s/uevent" % (bus, name), "")
        self.link(directory + "/driver", "/sys/bus/%s/drivers/%s" % (bus, name))

    def guest_board(self):
        """What a KVM guest of the 440FX kind has: bridges and a virtual screen."""
        self.pci("pci0000:00/0000:00:00.0", "8086", "1237", "0600")
        self.pci("pci0000:00/0000:00:01.0", "8086", "7000", "0601")
        self.pci("pci0000:00/0000:00:02.0", "1013", "00b8", "0300", driver="cirrus")

    # -- block devices --------------------------------------------------------------------------

    def disk(self, name, directory, number, sectors, partitions=(), rotational=0, **attributes):
        """A whole disk in `directory`; partitions are (number, start, sectors, label or None)."""
        self.attributes(directory, dev=number, size=sectors, ro=0, removable=0, **attributes)
        self.attributes(directory + "/queue", rotational=rotational, logical_block_size=SECTOR)
        self.link("/sys/class/block/" + name, directory)
        self.link("/sys/dev/block/" + number, directory)
        self.link(directory + "/subsystem", "/sys/class/block")
        major, minor = number.split(":")
        for index, start, length, label in partitions:
            part = "%s%s%d" % (name, "p" if name[-1].isdigit() else "", index)
            inside = "%s/%s" % (directory, part)
            device = "%s:%d" % (major, int(minor) + index)
            self.attributes(inside, dev=device, size=length, start=start, partition=index, ro=0)
            event = "MAJOR=%s\nMINOR=%d\nDEVNAME=%s\nDEVTYPE=partition\nPARTN=%d\n" % (
                major,
                int(minor) + index,
                part,
                index,
            )
            self.file(inside + "/uevent", event + ("PARTNAME=%s\n" % label if label else ""))
            self.link("/sys/class/block/" + part, inside)
            self.link("/sys/dev/block/" + device, inside)

    def virtio_disk(self, name, slot, index, gib, serial, partitions=(), node=-1):
        """A cloud disk: virtio-blk with the disk's id as its serial."""
        pci = self.pci("pci0000:00/0000:00:%s.0" % slot, "1af4", "1001", "0100", "virtio-pci", node)
        device = "%s/virtio%d" % (pci, index)
        self.attributes(device, device="0x0002", vendor="0x1af4")
        self._driver(device, "virtio", "virtio_blk")
        self.link(device + "/subsystem", "/sys/bus/virtio")
        directory = "%s/block/%s" % (device, name)
        number = "253:%d" % ((ord(name[-1]) - ord("a")) * 16)
        self.disk(name, directory, number, gib * GIB // SECTOR, partitions, rotational=1, serial=serial)
        self.link(directory + "/device", device)

    def scsi_disk(self, name, port, sectors, model, serial, partitions=(), rotational=0):
        """A SATA disk of the server's own controller."""
        pci = self.pci("pci0000:00/0000:00:17.0", "8086", "a182", "0106", "ahci", 0, ("1d05", "1104"))
        device = "%s/ata%d/host%d/target%d:0:0/%d:0:0:0" % (pci, port, port, port, port)
        self.attributes(device, model=model, vendor="ATA", type=0)
        page = "\0\x80\0" + chr(len(serial)) + serial
        self.file(device + "/vpd_pg80", page)
        directory = "%s/block/%s" % (device, name)
        number = "8:%d" % ((ord(name[-1]) - ord("a")) * 16)
        self.disk(name, directory, number, sectors, partitions, rotational=rotational)
        self.link(directory + "/device", device)

    def nvme(self, index, path, sectors, model, serial, node=-1, ids=("8086", "0a54"), partitions=()):
        """An NVMe controller with one namespace."""
        pci = self.pci(path, ids[0], ids[1], "0108", "nvme", node, (ids[0], "4702"))
        controller = "%s/nvme/nvme%d" % (pci, index)
        self.attributes(
            controller,
            transport="pcie",
            model=model.ljust(40),
            serial=serial.ljust(20),
            firmware_rev="VDV10152",
            state="live",
            address=path.rsplit("/", 1)[-1],
        )
        self.link(controller + "/device", pci)
        self.link("/sys/class/nvme/nvme%d" % index, controller)
        name = "nvme%dn1" % index
        directory = "%s/%s" % (controller, name)
        self.disk(name, directory, "259:%d" % (index * 8), sectors, partitions)
        self.link(directory + "/device", controller)

    def mapped(self, device, number, sectors, below, kind, **inside):
        """A device-mapper or md device on the devices named in `below`."""
        directory = "/sys/devices/virtual/block/" + device
        self.disk(device, directory, number, sectors)
        self.attributes("%s/%s" % (directory, kind), **inside)
        for lower in below:
            target = self._block_directory(lower)
            self.link("%s/slaves/%s" % (directory, lower), target)
            self.link("%s/holders/%s" % (target, device), directory)

    def _block_directory(self, name):
        path = "/sys/class/block/" + name
        return posixpath.normpath(posixpath.join(posixpath.dirname(path), self.links[path]))

    def mount(self, number, target, fs_type, source, options="rw,relatime", extra="rw"):
        self.mounts.append((number, target, options, fs_type, source, extra))

    def system_mounts(self):
        self.mount("0:21", "/sys", "sysfs", "sysfs", "rw,nosuid,nodev,noexec,relatime")
        self.mount("0:4", "/proc", "proc", "proc", "rw,nosuid,nodev,noexec,relatime")
        self.mount("0:6", "/dev", "devtmpfs", "devtmpfs", "rw,nosuid")

    # -- network --------------------------------------------------------------------------------

    def loopback(self):
        directory = "/sys/devices/virtual/net/lo"
        self._interface("lo", directory, 1, "00:00:00:00:00:00", 65536, 1, "unknown", 772)
        self.interfaces["lo"] = {
            "ipv4": [{"address": "127.0.0.1", "prefix": 8}],
            "ipv6": [{"address": "::1", "prefix": 128}],
        }

    def _interface(self, name, directory, index, mac, mtu, queues, state="up", kind=1, speed=None):
        self.attributes(directory, address=mac, ifindex=index, mtu=mtu, operstate=state, type=kind, carrier=1)
        if speed:
            self.attributes(directory, speed=speed)
        for queue in range(queues):
            self.attributes("%s/queues/rx-%d" % (directory, queue), rps_cpus=0)
            self.attributes("%s/queues/tx-%d" % (directory, queue), xps_cpus=0)
        self.file(directory + "/uevent", "INTERFACE=%s\nIFINDEX=%d\n" % (name, index))
        self.link("/sys/class/net/" + name, directory)
        self.link(directory + "/subsystem", "/sys/class/net")

    def queues(self, name, pci, current, maximum, names):
        """Channels, and the function's interrupts by the names of their handlers."""
        self.channels[name] = {"combined": {"current": current, "maximum": maximum}}
        for handler in names:
            irq = 24 + len(self.interrupts)
            self.interrupts.append((irq, 81920 + irq, handler))
            self.file("%s/msi_irqs/%d" % (pci, irq), "msix\n")

    def virtio_nic(self, name, slot, virtio, index, mac, queues, address=None, prefix=None, gateway=None):
        pci = self.pci("pci0000:00/0000:00:%s.0" % slot, "1af4", "1000", "0200", "virtio-pci")
        device = "%s/virtio%d" % (pci, virtio)
        self.attributes(device, device="0x0001", vendor="0x1af4")
        self._driver(device, "virtio", "virtio_net")
        self.link(device + "/subsystem", "/sys/bus/virtio")
        directory = "%s/net/%s" % (device, name)
        self._interface(name, directory, index, mac, 1500, queues)
        self.link(directory + "/device", device)
        self._address(name, address, prefix, gateway)
        handlers = ["virtio%d-config" % virtio]
        for queue in range(queues):
            handlers += ["virtio%d-%s.%d" % (virtio, way, queue) for way in ("input", "output")]
        self.queues(name, pci, queues, queues, handlers)

    def adapter(self, name, path, device_id, index, mac, queues, speed, node=-1, driver="mlx5_core"):
        """A Mellanox Ethernet function; returns its PCI directory."""
        pci = self.pci(path, "15b3", device_id, "0200", driver, node, ("15b3", "0007"))
        directory = "%s/net/%s" % (pci, name)
        self._interface(name, directory, index, mac, 1500, queues, speed=speed)
        self.link(directory + "/device", pci)
        self.interfaces.setdefault(name, {"ipv4": [], "ipv6": []})
        handlers = ["mlx5_%s@pci:%s" % (kind, path.rsplit("/", 1)[-1]) for kind in ("async0", "pages_eq")]
        handlers += ["mlx5_comp%d@pci:%s" % (queue, path.rsplit("/", 1)[-1]) for queue in range(queues)]
        self.queues(name, pci, queues, 4 * queues, handlers)
        return pci

    def infiniband(self, device, pci, guid, netdev, address, rate="100 Gb/sec (4X EDR)"):
        """An RDMA device on a Mellanox function, with the four GIDs an address brings."""
        directory = "%s/infiniband/%s" % (pci, device)
        self.attributes(directory, node_guid=guid, fw_ver="16.31.1014", node_type="1: CA")
        self.link(directory + "/device", pci)
        self.link("/sys/class/infiniband/" + device, directory)
        port = directory + "/ports/1"
        self.attributes(
            port, link_layer="Ethernet", state="4: ACTIVE", phys_state="5: LinkUp", rate=rate, lid="0x0"
        )
        high, low = ("%02x%02x:%02x%02x" % tuple(int(part) for part in address.split("."))).split(":")
        local = "fe80:0000:0000:0000:0eff:60ff:fe00:%s" % guid[-4:]
        mapped = "0000:0000:0000:0000:0000:ffff:%s:%s" % (high, low)
        for slot, gid in enumerate((local, local, mapped, mapped)):
            self.attributes(port + "/gids", **{str(slot): gid})
            self.attributes(port + "/gid_attrs/types", **{str(slot): "RoCE v2" if slot % 2 else "IB/RoCE v1"})
            self.attributes(port + "/gid_attrs/ndevs", **{str(slot): netdev})
        self._address(netdev, address, 24, None)

    def bond(self, name, index, mac, ports):
        directory = "/sys/devices/virtual/net/" + name
        self._interface(name, directory, index, mac, 1500, 16)
        self.attributes(directory + "/bonding", slaves=" ".join(ports), mode="802.3ad 4")
        self.file("/sys/class/net/bonding_masters", name + "\n")
        for port in ports:
            link = "/sys/class/net/" + port
            inside = posixpath.normpath(posixpath.join(posixpath.dirname(link), self.links[link]))
            own = self.files[inside + "/address"]
            self.attributes(inside + "/bonding_slave", perm_hwaddr=own.strip())
            self.attributes(inside, address=mac)
            self.link(inside + "/master", directory)
            self.link("%s/lower_%s" % (directory, port), inside)

    def _address(self, name, address, prefix, gateway):
        entry = self.interfaces.setdefault(name, {"ipv4": [], "ipv6": []})
        if address:
            entry["ipv4"].append({"address": address, "prefix": prefix})
        if gateway:
            self.gateways.append({"interface": name, "address": gateway, "family": "ipv4", "default": True})


def _range(first, count):
    return "%d-%d" % (first, first + count - 1) if count > 1 else "%d" % first


def _meminfo(prefix, kilobytes):
    return "%sMemTotal:       %d kB\n%sMemFree:        %d kB\n" % (
        prefix,
        kilobytes,
        prefix,
        kilobytes * 9 // 10,
    )
