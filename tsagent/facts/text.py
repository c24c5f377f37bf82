"""Facts as text for people, from the data of `Facts.as_data`."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Tuple

    Rows = List[Tuple[str, str]]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def render(data: "Dict[str, Any]") -> str:
    """The facts in sections: aligned, each with its source, doubts last. No trailing newline."""
    blocks = []
    for title, section, rows in _sections(data):
        value = data.get(section)
        source = value.get("source") if isinstance(value, dict) else None
        problem = data.get("problems", {}).get(section)
        lines = ["%s%s" % (title, "  (%s)" % source if source else "")]
        width = max([len(label) for label, _ in rows] + [0])
        lines += ["  %-*s  %s" % (width, label, text) for label, text in rows]
        if problem:
            lines.append("  ? %s" % problem)
        if len(lines) == 1:
            lines.append("  none")
        blocks.append("\n".join(lines))
    doubts = data.get("doubts") or []
    if doubts:
        blocks.append("\n".join(["Doubts"] + ["  ? %s" % doubt for doubt in doubts]))
    return "\n\n".join(blocks)


def size(value: "Any") -> str:
    """Bytes for people: 3200631791616 as `2.9 TiB`."""
    if not isinstance(value, (int, float)):
        return "unknown size"
    amount, unit = float(value), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return "%.4g %s" % (amount, _UNITS[unit])


def _sections(data: "Dict[str, Any]") -> "List[Tuple[str, str, Rows]]":
    return [
        ("Instance", "instance", _instance(data.get("instance") or {})),
        ("Firmware", "dmi", _plain(data.get("dmi"), ("vendor", "product_name", "uuid", "platform"))),
        (
            "Virtualisation",
            "virtualization",
            _plain(data.get("virtualization"), ("kind", "container", "reason")),
        ),
        (
            "Operating system",
            "os",
            _plain(
                data.get("os"), ("pretty_name", "id", "version_id", "family", "user_mode", "package_manager")
            ),
        ),
        (
            "Kernel",
            "kernel",
            _plain(data.get("kernel"), ("release", "line", "line_reason", "command_line", "boot_id")),
        ),
        ("Processors", "cpu", _processors(data.get("cpu") or {})),
        ("Memory", "memory", _memory(data.get("memory") or {})),
        ("GPUs", "gpus", _gpus(data)),
        ("NVMe", "nvme", _nvme(data.get("nvme") or [])),
        ("Disks", "disks", _disks(data.get("disks") or [])),
        ("Root file system", "root_filesystem", _root(data.get("root_filesystem") or {})),
        ("Network", "nics", _nics(data.get("nics") or [])),
        ("Queues", "queues", _queues(data.get("queues") or [])),
        ("RDMA", "rdma", _rdma(data.get("rdma") or [])),
    ]


def _plain(record: "Any", keys: "Tuple[str, ...]") -> "Rows":
    return [(key.replace("_", " "), str(record[key])) for key in keys if record and record.get(key)]


def _instance(record: "Any") -> "Rows":
    if not record.get("type"):
        return [("type", "unknown")]
    rows = [("type", "%s%s" % (record["type"], "" if record.get("known") else "  ? not in the tables"))]
    rows += _plain(record, ("family",))
    rows.append(("class", str(record.get("instance_class"))))
    if record.get("vcpu"):
        rows.append(("promises", "%s vCPU, %s GB" % (record["vcpu"], record.get("memory_gb"))))
    accelerator = record.get("accelerator")
    if accelerator:
        count = accelerator.get("count")
        text = "%s %s %s" % (
            accelerator.get("vendor"),
            accelerator.get("model"),
            "x %s" % count if count else "",
        )
        if accelerator.get("vgpu"):
            text += " (share %s: vGPU)" % accelerator.get("share")
        rows.append(("", text.strip()))
    for disk in record.get("local_disks") or []:
        rows.append(("", "%s local %s disk(s)" % (disk.get("count") or "some", disk.get("kind"))))
    if record.get("rdma"):
        rows.append(
            ("", "RDMA: %s x %s" % (record["rdma"].get("adapter"), record["rdma"].get("count") or "?"))
        )
    return rows


def _processors(record: "Any") -> "Rows":
    rows = _plain(record, ("architecture", "model", "logical", "cores", "sockets"))
    for node in record.get("numa_nodes") or []:
        rows.append(
            ("node %s" % node["node"], "CPUs %s, %s" % (node["cpu_list"], size(node["memory_bytes"])))
        )
    return rows


def _memory(record: "Any") -> "Rows":
    rows = [("total", size(record.get("total_bytes")))]
    if record.get("swap_bytes"):
        rows.append(("swap", size(record["swap_bytes"])))
    return rows


def _gpus(data: "Dict[str, Any]") -> "Rows":
    rows = []
    for gpu in data.get("gpus") or []:
        name = "%s %s, %s" % (gpu["vendor"], gpu["model"] or gpu["device_id"], gpu["architecture"])
        if gpu["vgpu"]:
            name += ", vGPU %s" % gpu["vgpu_share"]
        rows.append(
            (gpu["address"], _marked("%s%s" % (name, _driver(gpu)), gpu["architecture"] == "unknown"))
        )
    for switch in data.get("nvswitches") or []:
        rows.append((switch["address"], "%s%s" % (switch["model"] or "NVSwitch", _driver(switch))))
    return rows


def _driver(record: "Any") -> str:
    return ", driver %s" % record["driver"] if record["driver"] else ", no driver bound"


def _marked(text: str, doubtful: bool) -> str:
    return text + "  ?" if doubtful else text


def _nvme(records: "Any") -> "Rows":
    rows = []
    for record in records:
        rows.append(
            (record["name"], "%s, serial %s, %s" % (record["model"], record["serial"], record["transport"]))
        )
        for namespace in record["namespaces"]:
            use = "; ".join(namespace["in_use"]) or "not in use"
            rows.append(("  " + namespace["name"], "%s, %s" % (size(namespace["size_bytes"]), use)))
    return rows


def _disks(records: "Any") -> "Rows":
    rows = []
    for record in records:
        kind = record["cloud_disk"] or record["local_disk"] or record["model"] or record["transport"]
        notes = [size(record["size_bytes"]), record["type"]] + ([kind] if kind else [])
        notes += ["root"] if record["root"] else []
        rows.append((record["name"], ", ".join(notes)))
        for partition in record["partitions"]:
            where = ", ".join(partition["mounts"]) or ", ".join(partition["holders"])
            rows.append(
                (
                    "  " + partition["name"],
                    ", ".join([size(partition["size_bytes"])] + ([where] if where else [])),
                )
            )
    return rows


def _root(record: "Any") -> "Rows":
    rows = _plain(record, ("device", "fs_type", "reason"))
    chain = record.get("chain") or []
    if chain:
        rows.append(("stands on", " → ".join("%s (%s)" % (item["name"], item["type"]) for item in chain)))
    if record.get("options"):
        rows.append(("options", ",".join(record["options"])))
    return rows


def _nics(records: "Any") -> "Rows":
    rows = []
    for record in records:
        notes = [record["kind"], record["operstate"] or "state unknown"]
        notes += [record["mac"]] if record["mac"] else []
        notes += [record["driver"]] if record["driver"] else []
        notes.append("%s rx / %s tx queues" % (record["rx_queues"], record["tx_queues"]))
        notes += ["primary"] if record["primary"] else []
        notes += ["port of %s" % record["master"]] if record["master"] else []
        rows.append((record["name"], ", ".join(notes)))
        for address in (record["ipv4"] or []) + (record["ipv6"] or []):
            rows.append(("", "%s/%s" % (address["address"], address["prefix"])))
        for gateway in record["gateways"] or []:
            rows.append(("", "gateway %s" % gateway["address"]))
    return rows


def _queues(records: "Any") -> "Rows":
    rows = []
    for record in records:
        notes = []
        for kind, pair in (record["channels"] or {}).items():
            notes.append("%d of %d %s" % (pair["current"], pair["maximum"], kind))
        if not notes:
            notes.append(record["channels_problem"] or "no channels")
        notes.append("%d interrupts of queues" % len(record["interrupts"]))
        notes += ["node %d" % record["numa_node"]] if record["numa_node"] is not None else []
        rows.append((record["name"], ", ".join(notes)))
    return rows


def _rdma(records: "Any") -> "Rows":
    rows = []
    for record in records:
        name = record["model"] or record["pci_id"] or "software"
        rows.append((record["device"], "%s, %s" % (name, ", ".join(record["netdevs"]) or "no interface")))
        for port in record["ports"]:
            rows.append(
                ("  port %s" % port["port"], "%s, %s, %s" % (port["link_layer"], port["state"], port["rate"]))
            )
    return rows
