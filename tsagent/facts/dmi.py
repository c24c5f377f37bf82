"""What the firmware says of the machine (SMBIOS, read through /sys/class/dmi/id).

Section `dmi`, a record:
    vendor             "Tencent Cloud"
    product_name       "CVM"
    product_version    "3.0"
    uuid               lower case; None for anybody but root (sysfs gives it to root alone)
    chassis_asset_tag  text or None
    bios_vendor, bios_version
    platform           "tencent-cloud" | "other" | "unknown" (no SMBIOS to read)
    source             "/sys/class/dmi/id"
"""

from tsagent.facts.reading import line
from tsagent.facts.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from tsagent.facts import Facts

DIRECTORY = "/sys/class/dmi/id"
KEYS = [
    "vendor",
    "product_name",
    "product_version",
    "uuid",
    "chassis_asset_tag",
    "bios_vendor",
    "bios_version",
    "platform",
    "source",
]
_FILES = {
    "vendor": "sys_vendor",
    "product_name": "product_name",
    "product_version": "product_version",
    "uuid": "product_uuid",
    "chassis_asset_tag": "chassis_asset_tag",
    "bios_vendor": "bios_vendor",
    "bios_version": "bios_version",
}


def gather(facts: "Facts") -> Record:
    """The section `dmi`."""
    record = Record((key, None) for key in KEYS)
    for key, name in _FILES.items():
        record[key] = line(facts.hardware, "%s/%s" % (DIRECTORY, name))
    if record.uuid:
        record.uuid = record.uuid.lower()
    record.platform = platform(record.vendor, record.product_name)
    record.source = DIRECTORY
    return record


def platform(vendor: "Optional[str]", product: "Optional[str]") -> str:
    """Whose machine this is, from SMBIOS vendor and product.

    Kernel logs of instances print vendor and product together as `Tencent Cloud CVM`, which is vendor
    `Tencent Cloud` with product `CVM`; tools that read the product alone expect it to hold the whole
    name. Both are accepted. Source: kernel logs in public bug reports of Tencent Cloud instances.
    """
    if not vendor and not product:
        return "unknown"
    names = [(vendor or "").lower(), (product or "").lower()]
    return "tencent-cloud" if any(name.startswith("tencent cloud") for name in names) else "other"
