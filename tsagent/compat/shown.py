"""`cloud-init status` in its three formats, letter for letter as cloud-init 25.1 prints them."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    from tsagent.compat.translation import Details


def tabular(found: "Details", long: bool) -> str:
    """`status: done`, and with `long` what there is to say of it."""
    status, extended = found.words()
    lines = ["status: %s" % status]
    if long:
        lines.append("extended_status: %s" % extended)
        lines.append("boot_status_code: %s" % found.boot_code)
        if found.updated:
            lines.append("last_update: %s" % _when(found.updated))
        lines.append("detail: %s" % found.detail)
        lines.append("errors:%s" % ("".join("\n\t- " + line for line in found.errors) or " []"))
        recoverable = [
            "\n%s:%s" % (level, "".join("\n\t- " + line for line in lines_))
            for level, lines_ in found.recoverable.items()
        ]
        lines.append("recoverable_errors:%s" % ("".join(recoverable) or " {}"))
    return "\n".join(lines) + "\n"


def as_json(found: "Details", long: bool) -> str:
    """One object; `long` makes no difference."""
    import json

    return json.dumps(_object(found), indent=2, sort_keys=True, separators=(",", ": ")) + "\n"


def as_yaml(found: "Details", long: bool) -> str:
    """The same as YAML."""
    import yaml

    text: str = yaml.dump(
        _object(found),
        Dumper=yaml.SafeDumper,
        indent=4,
        explicit_start=True,
        explicit_end=True,
        default_flow_style=False,
    )
    return text + "\n"


FORMS = {"tabular": tabular, "json": as_json, "yaml": as_yaml}


def _object(found: "Details") -> "Dict[str, Any]":
    status, extended = found.words()
    data = {
        "datasource": found.datasource,
        "boot_status_code": found.boot_code,
        "status": status,
        "extended_status": extended,
        "detail": found.detail,
        "errors": found.errors,
        "recoverable_errors": found.recoverable,
        "last_update": _when(found.updated) if found.updated else "",
    }
    if found.updated:  # before the first run cloud-init knows of no stages
        data.update((key, value) for key, value in found.version1.items() if key != "datasource")
    return data


def _when(seconds: int) -> str:
    """RFC 2822, UTC; %-names would be the locale's."""
    from email.utils import formatdate

    return formatdate(seconds).replace("-0000", "+0000")
