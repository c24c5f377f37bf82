"""The image's configuration: /etc/tsagent/agent.yaml and the drop-ins of agent.d, parsed once."""

from tsagent.errors import AgentError
from tsagent.state import paths
from tsagent.state.store import cached, stamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from tsagent.host import Tree

SOURCES = ("nocloud", "configdrive", "imds")
_LIMIT = 1 << 20  # bytes of one configuration file
_PLAIN = bytes(range(0x20, 0x7F)) + b"\r\n"
IMDS_DEADLINE = 120.0  # seconds the metadata service has to say which instance this is
_CLOUD_INIT = ("yield", "refuse", "ignore")


class Config:
    """The configuration in force, every key with its default, and what was wrong with the files."""

    def __init__(self, data: "Dict[str, Any]", problems: "List[str]") -> None:
        self.sources: "List[str]" = data.get("sources", list(SOURCES))
        modules = data.get("modules", {})
        self.disabled: "List[str]" = modules.get("disabled", [])
        self.defaults: "Dict[str, Any]" = data.get("defaults", {})
        self.cloud_init: "str" = data.get("cloud_init", "yield")
        self.allow_part_handlers: "bool" = data.get("allow_part_handlers", False)
        self.proxy = data.get("proxy")
        self.network = data.get("network")
        self.imds_deadline = float(data.get("imds_deadline", IMDS_DEADLINE))
        self.problems = problems


def load_config(tree: "Tree", use_cache: bool = True) -> Config:
    """Read the files, later drop-ins over earlier ones, key by key.

    A file or key that is wrong is reported in `problems` and left out; the boot goes on without it.
    """
    files = [paths.CONFIG]
    files += [
        paths.CONFIG_DROP_INS + "/" + name
        for name in tree.listdir(paths.CONFIG_DROP_INS)
        if name.endswith((".yaml", ".yml"))
    ]
    stamps = [found for found in (stamp(tree, path) for path in files) if found is not None]
    if not stamps:
        return Config({}, [])
    present = [found[0] for found in stamps]
    value = cached(
        tree, paths.CACHE + "/config.json", [1, stamps], lambda: _parse(tree, present), keep=use_cache
    )
    return Config(value["config"], value["problems"])


def _says_nothing(data: bytes) -> bool:
    """Whether there are only comments and blank lines, of printable ASCII."""
    if data.translate(None, _PLAIN):
        return False
    return all(line[:1] in (b"", b"#") for line in map(bytes.strip, data.splitlines()))


def _parse(tree: "Tree", files: "List[str]") -> "Dict[str, Any]":
    from tsagent.userdata.yamlfile import load_yaml

    config: "Dict[str, Any]" = {}
    problems: "List[str]" = []
    for path in files:
        try:
            data = tree.read(path, _LIMIT)
            if _says_nothing(data):
                continue  # as the packages ship it: not worth loading a parser
            document = load_yaml(data, path)
        except (OSError, AgentError) as error:
            problems.append("%s: %s" % (path, error))
            continue
        problems.extend(str(problem) for problem in document.problems)
        if document.value is None:
            continue
        if not isinstance(document.value, dict):
            problems.append("%s: expected keys and values" % path)
            continue
        for key, value in document.value.items():
            wrong = _check(key, value)
            if wrong:
                line, column = document.marks.get("/%s" % key) or (1, 1)
                problems.append("%s:%d:%d: error: %s: %s" % (path, line, column, key, wrong))
            elif key == "defaults":
                merged = config.setdefault("defaults", {})
                for name, section in value.items():
                    merged[name] = dict(merged.get(name, {}), **section)
            elif key == "modules":
                old = config.setdefault("modules", {}).setdefault("disabled", [])
                old.extend(name for name in value.get("disabled", []) if name not in old)
            else:
                config[key] = value
    return {"config": config, "problems": problems}


def _check(key: "Any", value: "Any") -> str:
    """What is wrong with a top-level key, in words; empty where nothing is."""
    if key == "sources":
        if not isinstance(value, list) or not all(item in SOURCES for item in value):
            return "expected a list of %s" % ", ".join(SOURCES)
    elif key == "modules":
        disabled = value.get("disabled", []) if isinstance(value, dict) else None
        if not isinstance(disabled, list) or not all(isinstance(item, str) for item in disabled):
            return "expected {disabled: [MODULE, ...]}"
    elif key == "defaults":
        if not isinstance(value, dict) or not all(
            isinstance(name, str) and isinstance(section, dict) for name, section in value.items()
        ):
            return "expected {MODULE: {key: value}}"
    elif key == "cloud_init":
        if value not in _CLOUD_INIT:
            return "expected one of %s" % ", ".join(_CLOUD_INIT)
    elif key == "allow_part_handlers":
        if not isinstance(value, bool):
            return "expected true or false"
    elif key == "proxy":
        from tsagent.web.proxies import wrong

        return wrong(value)
    elif key == "imds_deadline":
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 1 <= value <= IMDS_DEADLINE:
            return "expected seconds, 1 to %d" % IMDS_DEADLINE
    elif key == "network":
        if not isinstance(value, dict):
            return "expected a network configuration"
    else:
        return "unknown key"
    return ""
