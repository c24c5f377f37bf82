"""What the user says of vendor data: `vendor_data` and `vendor_data2`."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

_YES = ("true", "yes", "on", "1")


class Vendor:
    """Whether the vendor's data of one key count, and how.

    The first configuration that has the key decides: the user's, else the image's. `disabled` are the MIME
    types of parts that are not wanted, `prefix` the words that stand before each of its scripts.
    """

    def __init__(self, key: str, *configs: "Dict[str, Any]") -> None:
        self.key = key
        section = _section(key, configs)
        # What is no mapping cannot mean yes: cloud-init leaves vendor data out then.
        self.enabled = isinstance(section, dict) and _yes(section.get("enabled", True))
        self.disabled: "List[str]" = []
        self.prefix: "List[str]" = []
        if not isinstance(section, dict):
            return
        disabled = section.get("disabled_handlers")
        if isinstance(disabled, (list, str)):
            self.disabled = [disabled] if isinstance(disabled, str) else [str(kind) for kind in disabled]
        prefix = section.get("prefix")
        if prefix is None and key != "vendor_data":
            # cloud-init knows one prefix for all scripts of the vendor's.
            first = _section("vendor_data", configs)
            prefix = first.get("prefix") if isinstance(first, dict) else None
        self.prefix = _words(prefix)


def _section(key: str, configs: "Any") -> "Any":
    return next((config[key] for config in configs if config.get(key) is not None), {})


def _yes(value: "Any") -> bool:
    if value is None or isinstance(value, bool):
        return value is not False
    return str(value).strip().lower() in _YES


def _words(prefix: "Any") -> "List[str]":
    """A list of words, or a text that is taken apart as a shell would."""
    if isinstance(prefix, list):
        return [str(word) for word in prefix if isinstance(word, (str, int)) and not isinstance(word, bool)]
    if not isinstance(prefix, str):
        return []
    import shlex

    try:
        return shlex.split(prefix)
    except ValueError:
        return [prefix]
