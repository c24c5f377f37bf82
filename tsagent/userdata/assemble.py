"""User data, vendor data and the image's configuration made into one `Settings`: `assemble`.

Precedence, highest first: user data, the second vendor data, vendor data, the image's configuration,
the image's defaults.
"""

from tsagent.errors import AgentError
from tsagent.userdata import formats
from tsagent.userdata.decode import decode
from tsagent.userdata.marks import Marks
from tsagent.userdata.merge import BETWEEN_PARTS, BETWEEN_SOURCES, Merger, parse_how
from tsagent.userdata.parts import FAILED, IGNORED, OK
from tsagent.userdata.plain import plain
from tsagent.userdata.problem import ERROR, WARNING, Problem, shown
from tsagent.userdata.settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from tsagent.userdata.includes import Fetch
    from tsagent.userdata.parts import Part
    from tsagent.userdata.vendor import Vendor

MAX_VALUES = 150000  # of all cloud-config parts of one source together, the last one whole

_KINDS = dict(formats.SCHEDULED_SCRIPTS)
_KINDS[formats.BOOTHOOK] = "boothook"
_KINDS[formats.PART_HANDLER] = "part-handler"


def assemble(
    user_data: "Optional[bytes]",
    vendor_data: "Optional[bytes]" = None,
    vendor_data2: "Optional[bytes]" = None,
    defaults: "Any" = None,
    image_config: "Any" = None,
    instance_data: "Optional[Dict[str, Any]]" = None,
    allow_part_handlers: bool = False,
    fetch: "Optional[Fetch]" = None,
    name: str = "user-data",
    vendor_name: str = "vendor-data",
) -> Settings:
    """Decode and merge all that a machine is told; never raises for what the data holds.

    `defaults` and `image_config` are mappings of top-level keys, or `Document`s of `load_yaml` (their
    origins are then kept); `image_config` may be a list of them, the highest first. `instance_data` is for
    templates; `fetch` gets included URLs. `name` and `vendor_name` are the files shown in problems and
    origins.
    """

    def layer(data: "Optional[bytes]", file: str, vendor: "Optional[Vendor]" = None) -> _Layer:
        result = _Layer(file, vendor)
        result.read(data, allow_part_handlers, fetch, instance_data)
        return result

    user = layer(user_data, name)
    given = image_config if isinstance(image_config, list) else [image_config]
    images = [_given(each, "image") for each in given]
    layers: "List[_Layer]" = []
    skipped: "List[Dict[str, Any]]" = []
    for key, data, file in (
        ("vendor_data", vendor_data, vendor_name),
        ("vendor_data2", vendor_data2, vendor_name + "2"),
    ):
        if data is None:
            continue
        from tsagent.userdata.vendor import Vendor

        vendor = Vendor(key, user.config, *[image for image, _ in images])
        if vendor.enabled:
            layers.append(layer(data, file, vendor))
        else:
            problem = "not used: %s.enabled is false" % key
            skipped.append(
                {"type": "", "name": file, "bytes": len(data), "status": "ignored", "problem": problem}
            )

    config, mark = user.config, user.mark
    between = Merger(parse_how(BETWEEN_SOURCES))
    below = [(other.config, other.mark) for other in reversed(layers)]
    for other_config, other_mark in [*below, *images, _given(defaults, "defaults")]:
        config, mark = between.merge(config, mark, other_config, other_mark)
    layers.append(user)

    words: "Dict[Any, str]" = {}
    scripts: "List[Dict[str, Any]]" = []
    problems: "List[Problem]" = []
    parts: "List[Dict[str, Any]]" = list(skipped)
    for each in layers:
        words.update(each.words)
        scripts.extend(each.scripts)
        problems.extend(each.problems)
        parts.extend(part.as_data() for part in each.parts)
    return Settings(config, Marks(mark, words), scripts, problems, parts)


def _given(source: "Any", name: str) -> "Tuple[Dict[str, Any], Any]":
    """(configuration, mark) of a mapping or a Document; the mapping's values have its name and no line."""
    if source is None:
        return {}, None
    marks = getattr(source, "marks", None)
    value = source.value if marks is not None else source
    if not isinstance(value, dict):
        return {}, None
    mark = marks.root if marks is not None else _marked(value, name)
    return plain(value, mark)


def _marked(value: "Any", name: str) -> "Tuple[Any, ...]":
    """A mark without lines for plain data."""
    children: "Any" = None
    if isinstance(value, dict):
        children = {key: _marked(item, name) for key, item in value.items()}
    elif isinstance(value, list):
        children = [_marked(item, name) for item in value]
    return (name, 0, 0, children, 0, 0)


class _Layer:
    """One source: its parts in order, merged."""

    def __init__(self, name: str, vendor: "Optional[Vendor]") -> None:
        self.name = name
        self.vendor = vendor
        self.config: "Dict[str, Any]" = {}
        self.mark: "Any" = None
        self.words: "Dict[Any, str]" = {}
        self.parts: "List[Part]" = []
        self.scripts: "List[Dict[str, Any]]" = []
        self.problems: "List[Problem]" = []
        self.names: "Dict[str, int]" = {}
        self.values_left = MAX_VALUES

    def read(
        self, data: "Optional[bytes]", allow_part_handlers: bool, fetch: "Any", instance_data: "Any"
    ) -> None:
        """Decode `data` and take its parts one by one."""
        decoded = decode(data, self.name, allow_part_handlers, fetch, instance_data)
        self.parts = decoded.parts
        self.problems.extend(decoded.problems)
        handlers: "Dict[int, List[Dict[str, Any]]]" = {}
        for part in self.parts:
            if part.status != OK:
                continue
            if part.handler is not None:
                handlers[id(part.handler)].append(
                    {
                        "type": part.type,
                        "name": part.name,
                        "content": part.content,
                        "headers": dict(part.headers),
                    }
                )
            elif self.vendor is not None and part.type in self.vendor.disabled:
                part.status = IGNORED
                part.problem = "not used: %s.disabled_handlers" % self.vendor.key
            elif part.type == formats.CLOUD_CONFIG:
                self.configuration(part)
            elif part.type == formats.JSONP:
                self.patch(part)
            else:
                script = self.script(part)
                if part.type == formats.PART_HANDLER:
                    script["parts"] = handlers[id(part)] = []

    def fail(self, part: "Part", problem: str, message: "Optional[str]" = None) -> None:
        """Leave a part out, and say so."""
        part.status, part.problem = FAILED, problem
        if message:
            self.say(ERROR, part, message)

    def say(self, severity: str, part: "Part", message: str) -> None:
        """Note a problem of a whole part."""
        line = 1 + part.line_offset
        self.problems.append(Problem(severity, "", message, part.file, line, 1, "user-data"))

    def configuration(self, part: "Part") -> None:
        """Merge a #cloud-config part; one with an error in its YAML is left out as a whole."""
        from tsagent.userdata.yamlfile import load_yaml

        if self.values_left <= 0:
            problem = "more than %d values in all parts together" % MAX_VALUES
            self.fail(part, problem, "%s: left out" % problem)
            return
        document = load_yaml(part.content, part.file, line_offset=part.line_offset)
        self.values_left -= document.nodes
        self.problems.extend(document.problems)
        if not document.ok:
            self.fail(part, "not valid YAML: left out")
            return
        if document.value is None:
            return
        if not isinstance(document.value, dict):
            self.fail(
                part, "not a mapping: left out", "cloud-config is a mapping of keys: this part is left out"
            )
            return
        value, mark = plain(document.value, document.marks.root)
        self.words.update(document.marks.words)
        how = self.how(part, value)
        value = {key: item for key, item in value.items() if key not in ("merge_how", "merge_type")}
        self.config, self.mark = Merger(how).merge(self.config, self.mark, value, mark)
        if self.mark is not None:
            for key in ("merge_how", "merge_type"):
                self.mark[3].pop(key, None)

    def how(self, part: "Part", value: "Dict[str, Any]") -> "Any":
        """How this part wants to be merged with those before it."""
        found: "Any" = []
        stated = value.get("merge_how")
        stated = value.get("merge_type") if stated is None else stated
        header = part.headers.get("merge-type") or part.headers.get("x-merge-type")
        for text in (stated, header):
            if text is None:
                continue
            try:
                unknown: "List[str]" = []
                found.extend(parse_how(text, unknown))
                for option in unknown:
                    self.say(WARNING, part, 'its way to merge has an unknown option "%s"' % shown(option))
            except AgentError as error:
                self.say(ERROR, part, "%s; merged by default" % error.message)
        if found and not any(name == "dict" for name, _ in found):
            # cloud-init then merges nothing of the part, which nobody can have meant.
            self.say(WARNING, part, "its way to merge has no dict(): dict(replace) is taken")
            found.append(("dict", ["replace"]))
        return found or parse_how(BETWEEN_PARTS)

    def patch(self, part: "Part") -> None:
        """Apply a #cloud-config-jsonp part to what is merged so far."""
        import json

        from tsagent.userdata import jsonpatch

        text = part.content.lstrip()
        if text[:1] == b"#":
            text = text[len("#cloud-config-jsonp") :]
        try:
            patched = jsonpatch.apply(self.config, json.loads(text.decode("utf-8")))
            if not isinstance(patched, dict):
                raise AgentError("the JSON patch leaves no mapping", "json-patch")
        except AgentError as error:
            self.fail(part, error.message, error.message)
            return
        except (ValueError, RecursionError):
            self.fail(part, "not valid JSON", "the JSON patch is not valid JSON")
            return
        self.config = patched
        self.mark = _marks_after(patched, self.mark, (part.file, 1 + part.line_offset, 1))

    def script(self, part: "Part") -> "Dict[str, Any]":
        """Take a script, under a file name of its own."""
        name = _file_name(part.name)
        count = self.names.get(name, 0)
        self.names[name] = count + 1
        if count:
            self.say(WARNING, part, 'a second script is named "%s"' % shown(name))
            name = "%s-%d" % (name, count + 1)
        kind = _KINDS.get(part.type, "vendor" if self.vendor else "user")
        script = {"name": name, "kind": kind, "content": part.content, "source": self.name}
        if self.vendor is not None and self.vendor.prefix and kind == "vendor":
            script["prefix"] = self.vendor.prefix
        self.scripts.append(script)
        return script


def _marks_after(value: "Any", mark: "Any", place: "Tuple[str, int, int]") -> "Tuple[Any, ...]":
    """Marks for a patched value: the old ones where the old structure still stands, else `place`."""
    base = mark or (place[0], place[1], place[2], None, place[1], place[2])
    old = base[3]
    children: "Any" = None
    if isinstance(value, dict):
        known = old if isinstance(old, dict) else {}
        children = {key: _marks_after(item, known.get(key), place) for key, item in value.items()}
    elif isinstance(value, list):
        marks = old if isinstance(old, list) else []
        children = [
            _marks_after(item, marks[index] if index < len(marks) else None, place)
            for index, item in enumerate(value)
        ]
    return tuple(base[:3]) + (children,) + tuple(base[4:])


def _file_name(name: str) -> str:
    """A part's name fit to be a file name: no path, only letters, digits and `_-.()`."""
    kept = "".join(
        char if char.isalnum() or char in "_-.()" else "_" for char in name.replace("/", "_")[:100]
    )
    kept = kept.lstrip(".")
    return kept or "script"
