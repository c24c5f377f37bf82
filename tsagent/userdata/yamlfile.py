"""YAML with positions and limits: `load_yaml`.

The values are those of `yaml.safe_load` (YAML 1.1, PyYAML's own resolvers and constructors for scalars),
but they are built from the stream of events, without recursion and with limits that hold before anything
is composed: libyaml's composer dies of a segmentation fault on deep nesting, and aliases can make a few
hundred bytes stand for gigabytes. Every value and key has its line and column.
"""

from tsagent.userdata import pointer as pointers
from tsagent.userdata import yamltraps
from tsagent.userdata.marks import Marks
from tsagent.userdata.problem import ERROR, WARNING, Problem, shown
from tsagent.userdata.yamlstream import (
    DEFAULT_LIMITS,
    PURE_LIMITS,
    Document,
    Limits,
    Refused,
    event_source,
    parser_of,
    text_of,
)

__all__ = ["Document", "Limits", "load_yaml"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Tuple


MAX_DUPLICATES_REPORTED = 100
MAX_WARNINGS = 200


class _Frame:
    """A collection being read."""

    __slots__ = (
        "mapping",
        "tag",
        "value",
        "children",
        "key",
        "key_at",
        "merges",
        "anchor",
        "at",
        "start",
        "height",
    )

    def __init__(self, mapping: bool, tag: "Optional[str]", anchor: "Any", at: "Tuple[int, int]") -> None:
        self.mapping = mapping
        self.tag = tag
        self.value: "Any" = {} if mapping else []
        self.children: "Any" = {} if mapping else []
        self.key: "Any" = _NO_KEY
        self.key_at = at
        self.merges: "List[Tuple[Any, Any]]" = []
        self.anchor = anchor
        self.at = at
        self.start = (0, 0)
        self.height = 1


_NO_KEY = object()
_MERGE = object()
_OPEN = object()
_PREFIX = "tag:yaml.org,2002:"
_STR = _PREFIX + "str"
_SCALAR_TAGS = tuple(
    _PREFIX + word for word in ("null", "bool", "int", "float", "binary", "timestamp", "str")
)
_SEQUENCE_TAGS = (None, "!", _PREFIX + "seq", _PREFIX + "omap", _PREFIX + "pairs")
_MAPPING_TAGS = (None, "!", _PREFIX + "map", _PREFIX + "set")
_BOOLEAN_WORDS = ("yes", "no", "on", "off")


def load_yaml(
    data: "bytes",
    name: str,
    limits: "Optional[Limits]" = None,
    line_offset: int = 0,
    parser: str = "auto",
) -> Document:
    """Read one YAML document; never raises for what is in `data`.

    `name` is the file shown in problems, `line_offset` is added to every line (the text is part of a
    larger file). `parser` is "c" (libyaml), "pure", or "auto": the first when there.
    """
    parser = parser_of(parser)
    if limits is None:
        limits = PURE_LIMITS if parser == "pure" else DEFAULT_LIMITS
    problems: "List[Problem]" = []
    try:
        text = text_of(data, name, limits, line_offset, problems)
        reader = _Reader(name, limits, line_offset, problems)
        value, mark = reader.read(text, parser)
    except Refused as refused:
        problems.append(refused.problem)
        return Document(name, None, Marks(None), problems)
    document = Document(name, value, Marks(mark, reader.words), problems)
    document.nodes = reader.nodes
    return document


class _Reader:
    """Builds values and marks from events."""

    def __init__(self, name: str, limits: Limits, line_offset: int, problems: "List[Problem]") -> None:
        from yaml.constructor import SafeConstructor
        from yaml.error import YAMLError
        from yaml.nodes import ScalarNode
        from yaml.resolver import Resolver

        self.name = name
        self.limits = limits
        self.shift = line_offset + 1
        self.problems = problems
        self.words: "Dict[Tuple[str, int, int], str]" = {}
        self.frames: "List[_Frame]" = []
        self.duplicates = 0
        self.odd = False  # whether the text holds characters that look like YAML's own
        self.nodes = 0
        self.yaml_error = YAMLError
        self.node_class = ScalarNode
        self.constructor = SafeConstructor()
        self.resolvers = Resolver.yaml_implicit_resolvers
        self.any_resolvers = self.resolvers.get(None, [])

    def refuse(self, at: "Tuple[int, int]", message: str, rule: str) -> Refused:
        """The exception that ends reading, at a (line, column) of the text."""
        return Refused(Problem(ERROR, self.path(), message, self.name, at[0], at[1], rule))

    def path(self) -> str:
        """The pointer of what is being read."""
        steps: "List[Any]" = []
        for frame in self.frames:
            if not frame.mapping:
                steps.append(len(frame.value))
            elif frame.key is _MERGE:
                steps.append("<<")
            elif frame.key is not _NO_KEY:
                steps.append(frame.key)
        return pointers.join(steps)

    def read(self, text: str, parser: str) -> "Tuple[Any, Any]":
        """The value and mark of the one document in `text`."""
        self.odd = yamltraps.has_odd(text)
        try:
            return self._read(event_source(text, parser))
        except self.yaml_error as error:
            from tsagent.userdata import yamlwords

            # Split as YAML counts lines, so that the parser's line numbers fit.
            lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x85", "\n").split("\n")
            message, line, column = yamlwords.syntax_message(error, lines)
            problem = Problem(ERROR, self.path(), message, self.name, line + self.shift - 1, column, "syntax")
        except (ValueError, OverflowError):
            # The pure scanner converts \U escapes and version numbers unchecked.
            message = "not valid YAML: an escape or number beyond what YAML allows"
            problem = Problem(ERROR, self.path(), message, self.name, self.shift, 1, "syntax")
        raise Refused(problem)

    def _read(self, next_event: "Callable[[], Any]") -> "Tuple[Any, Any]":
        from yaml.events import (
            AliasEvent,
            DocumentStartEvent,
            MappingEndEvent,
            MappingStartEvent,
            ScalarEvent,
            SequenceEndEvent,
            SequenceStartEvent,
            StreamEndEvent,
        )

        limits, name, shift, frames = self.limits, self.name, self.shift, self.frames
        max_nodes, max_expanded, max_depth = limits.nodes, limits.expanded, limits.depth
        resolvers, any_resolvers = self.resolvers, self.any_resolvers
        anchors: "Dict[str, Any]" = {}
        nodes = expanded = aliases = 0
        documents = 0
        result: "Any" = None
        result_mark: "Any" = None

        while True:
            event = next_event()
            kind = type(event)
            if kind is ScalarEvent:
                mark = event.start_mark
                line, column = mark.line + shift, mark.column + 1
                value = event.value
                nodes += 1
                expanded += len(value)
                tag = event.tag
                children = None
                height = 0
                if tag is None or tag == "!":
                    tag = None
                    if event.implicit[0]:
                        for tag_, regexp in resolvers.get(value[:1], ()):
                            if regexp.match(value):
                                tag = tag_
                                break
                        else:
                            for tag_, regexp in any_resolvers:
                                if regexp.match(value):
                                    tag = tag_
                                    break
                if event.style == '"':
                    self._check_surrogates(value, (line, column))
                elif self.odd and tag is None and event.implicit[0]:
                    self._check_odd(value, line, column)
                if tag is not None and tag != _STR:
                    value = self._scalar(tag, value, event.tag is None, line, column)
                if event.anchor is not None:
                    anchors[event.anchor] = (
                        value,
                        (name, line, column, None, line, column),
                        1,
                        len(event.value),
                        0,
                    )
            elif kind is SequenceEndEvent or kind is MappingEndEvent:
                frame = frames.pop()
                value, children = self._finish(frame)
                if frame.merges:
                    nodes += sum(len(source) for source, _ in frame.merges)
                line, column = frame.at
                height = frame.height
                if frame.anchor is not None:
                    anchors[frame.anchor] = (
                        value,
                        (name, line, column, children, line, column),
                        nodes - frame.start[0] + 1,
                        expanded - frame.start[1],
                        height,
                    )
            elif kind is SequenceStartEvent or kind is MappingStartEvent:
                mark = event.start_mark
                at = (mark.line + shift, mark.column + 1)
                mapping = kind is MappingStartEvent
                if event.tag not in (_MAPPING_TAGS if mapping else _SEQUENCE_TAGS):
                    raise self.refuse(at, self._tag_message(event.tag), "tag")
                frame = _Frame(mapping, event.tag, event.anchor, at)
                nodes += 1
                frame.start = (nodes, expanded)
                if event.anchor is not None:
                    anchors[event.anchor] = _OPEN
                frames.append(frame)
                if len(frames) > max_depth:
                    frames[:] = frames[:2]  # a path of a hundred steps helps nobody
                    raise self.refuse(at, "nested more than %d deep" % max_depth, "depth")
                if nodes > max_nodes:
                    raise self.refuse(at, "more than %d values" % max_nodes, "nodes")
                continue
            elif kind is AliasEvent:
                mark = event.start_mark
                line, column = mark.line + shift, mark.column + 1
                target = anchors.get(event.anchor)
                if target is None:
                    # Its name is not shown: it may be a password that begins with an asterisk.
                    words = "an alias (*) of no anchor: put a text that begins with * in quotes"
                    raise self.refuse((line, column), words, "alias")
                if target is _OPEN:
                    raise self.refuse((line, column), "an alias inside of what it stands for", "alias")
                aliases += 1
                if aliases > limits.aliases:
                    raise self.refuse((line, column), "more than %d aliases" % limits.aliases, "aliases")
                value, target_mark, size, characters, height = target
                children = target_mark[3]
                nodes += size
                expanded += characters
                if len(frames) + height > max_depth:
                    raise self.refuse(
                        (line, column), "nested more than %d deep by aliases" % max_depth, "depth"
                    )
            elif kind is DocumentStartEvent:
                documents += 1
                if documents > 1:
                    at = (event.start_mark.line + shift, event.start_mark.column + 1)
                    raise self.refuse(at, "a second document begins here: only one is read", "documents")
                continue
            elif kind is StreamEndEvent:
                self.nodes = nodes
                return result, result_mark
            else:
                continue

            if nodes > max_nodes:
                raise self.refuse((line, column), "more than %d values, aliases counted" % max_nodes, "nodes")
            if expanded > max_expanded:
                message = "more than %d characters, aliases counted" % max_expanded
                raise self.refuse((line, column), message, "expanded")
            if not frames:
                if value is _MERGE:
                    value = "<<"
                result, result_mark = value, (name, line, column, children, line, column)
                continue
            frame = frames[-1]
            if height >= frame.height:
                frame.height = height + 1
            if not frame.mapping:
                if value is _MERGE:
                    value = "<<"
                frame.value.append(value)
                frame.children.append((name, line, column, children, line, column))
            elif frame.key is _NO_KEY:
                if children is not None or type(value) is set:
                    raise self.refuse((line, column), "a list or mapping cannot be a key", "key")
                if value is not _MERGE and value in frame.value:
                    self._duplicate(value, frame.children[value][4], line, column)
                frame.key = value
                frame.key_at = (line, column)
            elif frame.key is _MERGE:
                self._merge(frame, value, children, line, column)
                frame.key = _NO_KEY
            else:
                if value is _MERGE:
                    value = "<<"
                key_at = frame.key_at
                frame.value[frame.key] = value
                frame.children[frame.key] = (name, line, column, children, key_at[0], key_at[1])
                frame.key = _NO_KEY

    def _scalar(self, tag: str, text: str, plain: bool, line: int, column: int) -> "Any":
        """The value of a scalar that is not simply text."""
        word = tag[len(_PREFIX) :] if tag.startswith(_PREFIX) else ""
        if word == "merge":
            return _MERGE
        if word == "value":
            return text  # "=": safe_load has no constructor for it and fails
        if tag not in _SCALAR_TAGS:
            raise self.refuse((line, column), self._tag_message(tag), "tag")
        if word in ("int", "float") and len(text) > self.limits.digits:
            message = "a number of more than %d characters" % self.limits.digits
            raise self.refuse((line, column), message, "digits")
        construct = self.constructor.yaml_constructors[tag]
        try:
            value = construct(self.constructor, self.node_class(tag, text))
        except (ValueError, KeyError, IndexError, AttributeError, TypeError, OverflowError) as error:
            message = "not a valid %s" % _KINDS.get(word, word)
            if plain and word == "timestamp":
                message += ": put it in quotes if it is text"
            raise self.refuse((line, column), message, "value") from error
        except self.yaml_error:
            raise self.refuse((line, column), "not a valid %s" % _KINDS.get(word, word), "value") from None
        if word == "bool" and text.lower() in _BOOLEAN_WORDS:
            self.words[(self.name, line, column)] = text
        elif word == "int" or word == "float":
            kind = yamltraps.number_kind(text, value)
            if kind is not None:
                self.words[(self.name, line, column)] = kind
        return value

    def _check_odd(self, text: str, line: int, column: int) -> None:
        """Warn of a plain text with a character that is not the one of YAML's it looks like."""
        frame = self.frames[-1] if self.frames else None
        is_key = frame is not None and frame.mapping and frame.key is _NO_KEY
        message = yamltraps.odd_message(text, is_key)
        if message is not None:
            self._warn(self.path(), message, line, column, "look-alike")

    def _warn(self, path: str, message: str, line: int, column: int, rule: str) -> None:
        """Note a warning; of a hundred of them no more."""
        if len(self.problems) < MAX_WARNINGS:
            self.problems.append(Problem(WARNING, path, message, self.name, line, column, rule))

    def _check_surrogates(self, text: str, at: "Tuple[int, int]") -> None:
        """Refuse half characters, which only the pure parser lets through and no file can hold."""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise self.refuse(at, "an escape that is half of a character", "character") from None

    def _tag_message(self, tag: str) -> str:
        """Of a tag only what is no secret: a password that begins with ! is read as one."""
        word = tag[len(_PREFIX) :] if tag.startswith(_PREFIX) else ""
        if word.startswith("python/"):
            return 'the tag "!!python/..." is not known: values are plain data'
        if word and tag in _SCALAR_TAGS + _SEQUENCE_TAGS + _MAPPING_TAGS:
            return 'the tag "!!%s" does not fit here' % word
        return "a tag (!) that is not known: put a text that begins with ! in quotes"

    def _duplicate(self, key: "Any", first_line: int, line: int, column: int) -> None:
        self.duplicates += 1
        if self.duplicates > MAX_DUPLICATES_REPORTED:
            return
        path = self.path() + "/" + pointers.token(key)
        message = 'the key "%s" stands here again (first on line %d): the last one counts' % (
            shown(pointers.key_text(key)),
            first_line,
        )
        self.problems.append(Problem(WARNING, path, message, self.name, line, column, "duplicate"))

    def _merge(self, frame: _Frame, value: "Any", children: "Any", line: int, column: int) -> None:
        """Note what a `<<` key brings: a mapping, or a list of them whose first wins."""
        if isinstance(value, dict):
            frame.merges.append((value, children))
            return
        if isinstance(value, list) and all(isinstance(item, dict) for item in value):
            for item, mark in reversed(list(zip(value, children))):
                frame.merges.append((item, mark[3]))
            return
        raise self.refuse((line, column), "a merge key (<<) wants a mapping or a list of mappings", "merge")

    def _check_merged(self, source: "Dict[Any, Any]", own: "Dict[Any, Any]", children: "Any") -> None:
        """Warn where a list or mapping replaces the one that `<<` brings: many expect both."""
        for key, item in own.items():
            if (
                isinstance(item, (dict, list))
                and type(source.get(key)) is type(item)
                and item
                and source[key]
            ):
                message = 'the %s "%s" replaces the one that "<<" brings: YAML adds nothing to it' % (
                    "list" if isinstance(item, list) else "mapping",
                    shown(pointers.key_text(key)),
                )
                mark = children[key]
                path = self.path() + "/" + pointers.token(key)
                self._warn(path, message, mark[4], mark[5], "merge-key")

    def _finish(self, frame: _Frame) -> "Tuple[Any, Any]":
        """The value and child marks of a collection that is complete."""
        value, children, tag = frame.value, frame.children, frame.tag
        if frame.merges:
            merged: "Dict[Any, Any]" = {}
            merged_children: "Dict[Any, Any]" = {}
            for source, marks in frame.merges:
                self._check_merged(source, value, children)
                merged.update(source)
                merged_children.update(marks)
            merged.update(value)
            merged_children.update(children)
            value, children = merged, merged_children
        if tag is None or tag == "!":
            return value, children
        word = tag[len(_PREFIX) :]
        if word == "set":
            return set(value), children
        if word in ("omap", "pairs"):
            pairs: "List[Any]" = []
            for item in value:
                if not isinstance(item, dict) or len(item) != 1:
                    raise self.refuse(frame.at, "!!%s wants a list of single pairs" % word, "tag")
                pairs.extend(item.items())
            return pairs, children
        return value, children


_KINDS = {
    "int": "number",
    "float": "number",
    "bool": "boolean (true or false)",
    "timestamp": "date or time",
    "binary": "base64 text",
    "null": "null",
}
