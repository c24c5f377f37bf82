"""Network configuration: readers into one model, renderers out of it. No effects but in `render`."""

from tsagent.errors import AgentError
from tsagent.netconfig.cards import primary_nic
from tsagent.netconfig.model import Device, Network
from tsagent.netconfig.resolving import attach, expand, primary_device, resolve

__all__ = [
    "attach",
    "Rendered",
    "expand",
    "fallback",
    "parse",
    "place_problems",
    "primary_device",
    "primary_nic",
    "read",
    "render",
    "resolve",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Tuple

    from tsagent.userdata.problem import Problem

INPUT_LIMIT = 4 << 20  # bytes of a network configuration


def read(form: str, config: "Any", source: str = "") -> Network:
    """The network a configuration describes; see `tsagent.netconfig.readers`."""
    from tsagent.netconfig import readers

    return readers.read(form, config, source)


def fallback(nic: "Any", source: str = "no network configuration") -> Network:
    """DHCP on one card, and IPv6 as its router advertises. `nic` is a record of the facts."""
    network = Network(source)
    device = Device(nic["name"])
    device.interface = nic["name"]
    device.mac = nic.get("mac")
    device.dhcp4 = True
    device.accept_ra = True
    network.devices.append(device)
    network.primary = device.name
    return network


def parse(data: bytes, name: str) -> "Tuple[str, Any]":
    """The format and the document in a file of JSON or YAML. Raises AgentError `network-config`."""
    from tsagent.netconfig.readers import format_of

    document = _document(data, name)
    form = format_of(document)
    if not form:
        raise AgentError(
            "%s is no network configuration" % name,
            "network-config",
            "expected version: 1 or 2, or network_data.json with links and networks",
        )
    return form, document


def _document(data: bytes, name: str) -> "Any":
    """What a file of JSON or YAML says, of the network where it says more."""
    if len(data) > INPUT_LIMIT:
        raise AgentError("%s is larger than %d bytes" % (name, INPUT_LIMIT), "file-too-large")
    document: "Any" = None
    try:
        import json

        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        document = _load_yaml(data, name)
    if isinstance(document, dict) and isinstance(document.get("network"), dict):
        document = document["network"]
    return document


def check(data: bytes, name: str) -> "Tuple[str, Any, List[Problem]]":
    """As `parse`, and what is wrong with the configuration, each problem with its line and column."""
    form, document = parse(data, name)
    network = read(form, document, name)
    resolve(network, [])
    place_problems(network.problems, data, name)
    return form, document, network.problems


def place_problems(problems: "List[Problem]", data: bytes, name: str) -> None:
    """Give each problem the line and column of what it is about, and put them in that order.

    Keys that are there twice are added: of two settings one was dropped before any reader saw it.
    """
    from tsagent.userdata.yamlfile import load_yaml

    document = load_yaml(data, name)  # JSON is YAML too
    wrapped = isinstance(document.value, dict) and isinstance(document.value.get("network"), dict)
    for problem in problems:
        problem.name = name
        if document.value is not None:
            pointer = ("/network" if wrapped else "") + problem.path
            of_key = problem.rule == "unknown-key"
            where = document.marks.where_key(pointer) if of_key else document.marks.where(pointer)
            _, problem.line, problem.column = where
    problems.extend(problem for problem in document.problems if problem.rule == "duplicate")
    problems.sort(key=lambda problem: problem.sort_key())


def _load_yaml(data: bytes, name: str) -> "Any":
    from tsagent.userdata.yamlfile import load_yaml

    document = load_yaml(data, name)
    errors = [problem for problem in document.problems if problem.severity == "error"]
    if errors:
        raise AgentError(str(errors[0]), "network-config")
    return document.value


class Rendered:
    """What `render` did: the paths written (inside the output directory) and what it had to leave out.

    Unpacks into the paths and the problems as lines of text.
    """

    def __init__(self, files: "List[str]", problems: "List[Problem]") -> None:
        self.files = files
        self.problems = problems

    def __iter__(self) -> "Iterator[List[str]]":
        yield self.files
        yield [str(problem) for problem in self.problems]

    def as_data(self) -> "Dict[str, Any]":
        """The same as JSON data."""
        return {
            "files": self.files,
            "problems": [
                {
                    "severity": item.severity,
                    "path": item.path,
                    "line": item.line,
                    "column": item.column,
                    "message": item.message,
                }
                for item in self.problems
            ],
        }


def render(data: bytes, name: str, renderer: str, output: str) -> Rendered:
    """Write the files of `renderer` for a configuration under the directory `output`, at their real paths.

    `name` is what the input is called in messages. Raises AgentError `network-config` for an input that
    is none, `no-such-renderer` for an unknown renderer; OSError where the output cannot be written.
    """
    from tsagent.host.tree import Tree
    from tsagent.netconfig import renderers

    chosen = renderers.canonical(renderer)
    if not chosen:
        raise AgentError(
            "there is no renderer %s" % renderer, "no-such-renderer", "one of " + ", ".join(renderers.NAMES)
        )
    document = _document(data, name)
    if isinstance(document, dict) and document.get("config") == "disabled":
        network = Network(name)
        network.warning("/config", "the network is not to be configured: there are no files")
    else:
        network = read(*parse(data, name), source=name)
    resolve(network, [])
    files = renderers.render(network, chosen, renderers.Options(offline=True))
    import os

    os.makedirs(output, exist_ok=True)
    tree = Tree(output)
    for item in files:
        tree.write_atomic(item.path, item.content.encode("utf-8"), item.mode)
    place_problems(network.problems, data, name)
    return Rendered([item.path for item in files], network.problems)
