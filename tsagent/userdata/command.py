"""What `tsagent validate` and `tsagent user-data show` print: no root, no cloud, nothing changed."""

from tsagent.errors import AgentError
from tsagent.userdata import formats
from tsagent.userdata.parts import OK
from tsagent.userdata.problem import ERROR, WARNING, Problem, errors_of, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.userdata.parts import Part

MAX_FILE = 32 << 20
MAX_TEMPLATE_LINES = 5000
VALIDATE_SCHEMA = "tsagent.validate/1"
SHOW_SCHEMA = "tsagent.user-data/1"

# Problems of decoding that leave nothing of the user's out.
_HARMLESS = ("not-fetched", "bom", "note")


def validate_files(
    files: "List[str]",
    schemas: "List[Dict[str, Any]]",
    format: str = "text",  # noqa: A002 (the option's name)
    annotate: bool = False,
    instance_data: "Optional[str]" = None,
) -> "Tuple[str, int]":
    """(what to print, exit code) for `tsagent validate FILE...`: 1 when there is an error.

    Text is `FILE:LINE:COLUMN: (error or warning): path: message`, one a line, by file and line; `format`
    "json" gives the same as one object; `annotate` gives the files themselves with the problems in place.
    `schemas` are the parsed schema files of the modules, `instance_data` the path of JSON for templates.
    """
    problems: "List[Problem]" = []
    reports: "List[Dict[str, Any]]" = []
    sections: "List[str]" = []
    instance = _instance(instance_data) if instance_data is not None else None
    for file in files:
        data, found, parts = _checked(file, schemas, instance)
        problems.extend(found)
        failed = len(errors_of(found))
        listed = [part.as_data() for part in parts]
        reports.append({"file": file, "errors": failed, "warnings": len(found) - failed, "parts": listed})
        if annotate:
            from tsagent.userdata.annotate import annotated

            sections.append(annotated(file, data, found, parts))
    problems.sort(key=Problem.sort_key)
    code = 1 if errors_of(problems) else 0
    if annotate:
        return "\n".join(sections), code
    if format == "json":
        import json

        report = {
            "schema": VALIDATE_SCHEMA,
            "files": reports,
            "problems": [problem.as_data() for problem in problems],
        }
        return json.dumps(report, indent=2) + "\n", code
    return "".join("%s\n" % problem for problem in problems), code


def check_file(file: str, schemas: "List[Dict[str, Any]]") -> "Tuple[List[Problem], List[Dict[str, Any]]]":
    """(the problems of one file, what its parts are); "-" is standard input."""
    _, problems, parts = _checked(file, schemas, None)
    return problems, [part.as_data() for part in parts]


def _checked(
    file: str, schemas: "List[Dict[str, Any]]", instance: "Optional[Dict[str, Any]]"
) -> "Tuple[bytes, List[Problem], List[Part]]":
    """(the bytes of a file, its problems, its parts)."""
    try:
        data = _read(file)
    except OSError as error:
        message = "cannot be read: %s" % (error.strerror or type(error).__name__)
        return b"", [Problem(ERROR, "", message, file, 1, 1, "file")], []
    except AgentError as error:
        return b"", [Problem(ERROR, "", error.message, file, 1, 1, "file")], []
    problems, parts = check(data, file, schemas, instance)
    return data, problems, parts


def check(
    data: bytes,
    file: str,
    schemas: "List[Dict[str, Any]]",
    instance: "Optional[Dict[str, Any]]" = None,
) -> "Tuple[List[Problem], List[Part]]":
    """(the problems of user data, its parts); `file` is the name shown.

    `instance` is for templates: without it an invented one has cloud-init's documented names.
    """
    from tsagent.userdata.decode import decode

    if formats.sniff(data) is None and formats.looks_like_network(data):
        found = _check_network(data, file)
        if found is not None:
            return found, []
    decoded = decode(data, file, instance_data=instance if instance is not None else _invented())
    problems = decoded.problems
    for problem in problems:
        # A boot goes on without it; who asks whether the file is right must hear that it is not.
        if problem.rule not in _HARMLESS:
            problem.severity = ERROR
    if b"\r\n" in data and formats.sniff(data) == formats.CLOUD_CONFIG:
        message = "lines end as on Windows (CR LF): YAML reads them as LF, texts in it too"
        line = data.count(b"\n", 0, data.index(b"\r\n")) + 1
        problems.append(Problem(WARNING, "", message, file, line, 1, "crlf"))
    for part in decoded.parts:
        if part.type in (formats.CLOUD_CONFIG, formats.UNKNOWN) and part.content:
            found = _check_config(part, schemas)
            if part.file == file and formats.sniff(data) == formats.TEMPLATE:
                _as_in_template(found, data, part)
            problems.extend(found)
        elif part.status == OK and part.type == formats.JSONP:
            problems.append(_note(part, "a JSON patch: what it changes is not checked"))
        elif part.status == OK:
            problems.append(_note(part, "a script: only cloud-config is checked"))
    return problems, decoded.parts


def _as_in_template(problems: "List[Problem]", data: bytes, part: "Part") -> None:
    """Put problems of a rendered template at the lines of the template that they came from."""
    import difflib

    before, after = data.split(b"\n"), part.content.split(b"\n")
    if not problems or before == after or len(before) + len(after) > MAX_TEMPLATE_LINES:
        return
    lines: "Dict[int, int]" = {}
    for _, start, end, first, last in difflib.SequenceMatcher(None, before, after, False).get_opcodes():
        for number in range(first, last):
            lines[number + 1] = min(start + number - first, max(start, end - 1)) + 1
    for problem in problems:
        problem.line = lines.get(problem.line - part.line_offset, problem.line)


def _invented() -> "Dict[str, Any]":
    """Instance data of no instance, with the names that cloud-init documents."""
    words = (
        "availability_zone cloud_id cloud_name distro distro_release distro_version instance_id "
        "kernel_release local_hostname machine platform python_version region subplatform variant"
    )
    version1: "Dict[str, Any]" = {word: word.replace("_", "-") for word in words.split()}
    version1.update(public_ssh_keys=[], system_platform="linux")
    meta = {"instance_id": "instance-id", "local_hostname": "local-hostname", "hostname": "local-hostname"}
    return {"v1": version1, "ds": {"meta_data": meta}}


def _check_config(part: "Part", schemas: "List[Dict[str, Any]]") -> "List[Problem]":
    """The problems of a part that is cloud-config, or that was meant to be."""
    from tsagent.userdata.plain import plain
    from tsagent.userdata.validation import validate
    from tsagent.userdata.yamlfile import load_yaml

    if part.status != OK:
        meant = formats.nearly(part.content) == "#cloud-config" or formats.looks_like_mapping(part.content)
        if not meant:
            return []
    document = load_yaml(part.content, part.file, line_offset=part.line_offset)
    problems = document.problems
    if not document.ok or document.value is None:
        return problems
    if not isinstance(document.value, dict):
        message = "cloud-config is a mapping of keys"
        _, line, column = document.marks.where("")
        return [*problems, Problem(ERROR, "", message, part.file, line, column, "type")]
    from tsagent.userdata.marks import Marks

    config, mark = plain(document.value, document.marks.root)
    marks = Marks(mark, document.marks.words)
    problems = problems + validate(config, marks, schemas)
    if "network" in config:
        from tsagent.netconfig.checking import problems_in

        wrong = {problem.path for problem in problems}
        problems += [problem for problem in problems_in(config, marks) if problem.path not in wrong]
    return problems


def _check_network(data: bytes, file: str) -> "Optional[List[Problem]]":
    """The problems of a file that is a network configuration by itself; None where it is none."""
    from tsagent.netconfig.checking import is_alone, problems_in
    from tsagent.userdata.yamlfile import load_yaml

    document = load_yaml(data, file)
    if not document.ok or not is_alone(document.value):
        return None
    return document.problems + problems_in(document.value, document.marks)


def _note(part: "Part", message: str) -> Problem:
    line = 1 + part.line_offset
    return Problem(WARNING, "", "%s: %s" % (part.name, message), part.file, line, 1, "not-checked")


def _read(file: str) -> bytes:
    """The bytes of a file, or of standard input for "-". Raises OSError; AgentError when it is too large."""
    if file == "-":
        import sys

        data = sys.stdin.buffer.read(MAX_FILE + 1)
    else:
        with open(file, "rb") as stream:
            data = stream.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise AgentError("larger than %d bytes" % MAX_FILE, "file-too-large")
    return data


def show(
    file: str,
    vendor_data: "Optional[str]" = None,
    instance_data: "Optional[str]" = None,
    format: str = "text",  # noqa: A002 (the option's name)
    schemas: "Optional[List[Dict[str, Any]]]" = None,
) -> "Tuple[str, int]":
    """(what to print, exit code) for `tsagent user-data show FILE`: 1 when a part could not be used.

    The three are paths; `instance_data` is JSON, for templates. Secrets are shown as "***", includes are
    not fetched. Raises AgentError when a file cannot be read.
    """
    from tsagent.userdata.assemble import assemble
    from tsagent.userdata.secrets import mask

    settings = assemble(
        _needed(file),
        vendor_data=_needed(vendor_data) if vendor_data is not None else None,
        instance_data=_instance(instance_data) if instance_data is not None else None,
        name=file,
        vendor_name=vendor_data or "vendor-data",
    )
    code = 1 if errors_of(settings.problems) else 0
    data: "Dict[str, Any]" = {
        "schema": SHOW_SCHEMA,
        "parts": settings.parts,
        "config": _printable(mask(settings.config, schemas or [])),
        "scripts": [
            {
                "name": script["name"],
                "kind": script["kind"],
                "source": script["source"],
                "bytes": len(script["content"]),
            }
            for script in settings.scripts
        ],
        "warnings": settings.warnings,
    }
    if format == "json":
        import json

        return json.dumps(data, indent=2) + "\n", code
    return _as_text(data), code


def _needed(file: str) -> bytes:
    try:
        return _read(file)
    except OSError as error:
        message = "%s: cannot be read: %s" % (shown(file, 200), error.strerror or type(error).__name__)
        raise AgentError(message, "file-unreadable") from None


def _instance(file: str) -> "Dict[str, Any]":
    import json

    try:
        data = json.loads(_needed(file).decode("utf-8"))
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise AgentError("%s: instance data is a JSON object" % shown(file, 200), "instance-data")
    metadata = data.get("metadata")
    if str(data.get("schema", "")).startswith("tsagent.instance/") and isinstance(metadata, dict):
        return dict(metadata, **data)  # as templates see it at a boot
    return data


def _printable(value: "Any") -> "Any":
    """A value as JSON can show it: binary content by its size."""
    if isinstance(value, bytes):
        return "(%d bytes)" % len(value)
    if isinstance(value, dict):
        return {key: _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value


def _as_text(data: "Dict[str, Any]") -> str:
    lines = ["Parts"]
    for part in data["parts"]:
        problem = ": %s" % part["problem"] if "problem" in part else ""
        lines.append(
            "  %-10s %-30s %s (%d bytes)%s"
            % (part["status"], part["type"], part["name"], part["bytes"], problem)
        )
    lines += ["", "Configuration"]
    if data["config"]:
        import yaml

        text = yaml.safe_dump(data["config"], default_flow_style=False, allow_unicode=True)
        lines += ["  " + line if line else "" for line in text.splitlines()]
    lines += ["", "Scripts"]
    for script in data["scripts"]:
        lines.append(
            "  %-12s %s (%d bytes, %s)" % (script["kind"], script["name"], script["bytes"], script["source"])
        )
    lines += ["", "Warnings"]
    lines += ["  " + warning for warning in data["warnings"]]
    return "\n".join(lines) + "\n"
