"""Jinja templates in user data: rendered in a sandbox, with instance data.

An undefined variable that would be printed is named with its line, where cloud-init prints a word of its
own in its place; it may be asked for (`if`, `default`). Jinja2 is optional; without it only the templates
are lost.
"""

import re

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

MAX_OUTPUT = 4 << 20
_OPERATORS = re.compile(r"\*\*|//|==|!=|>=|<=|[-+*/%~\[\](){}<>=.:|,;]")
_HEADER = re.compile(rb"\s*##\s*template:\s*jinja[^\n]*\n?", re.IGNORECASE)


class TemplateError(AgentError):
    """A template that cannot be rendered; `line` counts from 1 in the part (0: unknown)."""

    def __init__(self, message: str, code: str, line: int = 0) -> None:
        super().__init__(message, code)
        self.line = line


def render(content: bytes, instance_data: "Dict[str, Any]") -> bytes:
    """The text of a `## template: jinja` part, without that first line's text (its line break stays, so
    that lines before the first block keep their numbers).

    Raises TemplateError, code template-library, template-syntax, template-undefined or template-failed.
    """
    try:
        import jinja2
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        raise TemplateError(
            "a jinja template, but Jinja2 is not installed (package python3-jinja2)", "template-library"
        ) from None
    match = _HEADER.match(content)
    header_lines = content[: match.end()].count(b"\n") if match else 0
    body = content[match.end() :] if match else content
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise TemplateError("a jinja template that is not UTF-8 text", "template-syntax") from None

    class Environment(ImmutableSandboxedEnvironment):
        """The sandbox, with multiplication bounded."""

        intercepted_binops = frozenset(["**", "*"])

        def call_binop(self, context: "Any", operator: str, left: "Any", right: "Any") -> "Any":
            return _careful_binop(operator, left, right)

        def is_safe_attribute(self, obj: "Any", attr: str, value: "Any") -> bool:
            # What `do` is for. The names that a template is given are copies.
            if (type(obj), attr) in ((list, "append"), (dict, "update")):
                return True
            return bool(super().is_safe_attribute(obj, attr, value))

    class Missing(jinja2.Undefined):
        """False and empty, as cloud-init has it, but never printed."""

        def __str__(self) -> str:
            return str(self._fail_with_undefined_error())

    environment = Environment(
        undefined=Missing,
        trim_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
        extensions=["jinja2.ext.do"],
    )
    # range, * and ** are how a few bytes of template take all memory or time.
    environment.globals["range"] = _small_range
    environment.globals.pop("lipsum", None)
    try:
        template = environment.from_string(text)
        pieces = []
        size = 0
        for piece in template.generate(_names(instance_data)):
            size += len(piece)
            if size > MAX_OUTPUT:
                raise TemplateError(
                    "a template of more than %d characters when rendered" % MAX_OUTPUT, "template-failed"
                )
            pieces.append(piece)
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(
            "not a valid jinja template", "template-syntax", error.lineno + header_lines
        ) from None
    except jinja2.UndefinedError as error:
        raise TemplateError(
            "the template uses %s, which instance data does not have" % _missing(str(error)),
            "template-undefined",
            _line_of(error) + header_lines,
        ) from None
    except (
        jinja2.TemplateError,
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        line = _line_of(error)
        raise TemplateError(
            "the template cannot be rendered (%s)" % type(error).__name__,
            "template-failed",
            line + header_lines if line else 0,
        ) from None
    return b"\n" * header_lines + "".join(pieces).encode("utf-8")


def _small_range(*arguments: int) -> range:
    """`range`, of at most 10,000 steps."""
    steps = range(*arguments)
    if len(steps) > 10000:
        raise ValueError("range too long")
    return steps


def _careful_binop(operator: str, left: "Any", right: "Any") -> "Any":
    """Multiplication of small things only."""
    if operator == "**":
        if abs(left) > 1 << 32 or abs(right) > 64:
            raise ValueError("power too large")
        return left**right
    for one, other in ((left, right), (right, left)):
        if (
            isinstance(one, (str, bytes, list, tuple))
            and isinstance(other, int)
            and len(one) * other > 100000
        ):
            raise ValueError("repetition too long")
    return left * right


def _missing(text: str) -> str:
    """The variable that jinja's message names (names are no secrets; values never stand there)."""
    names = re.findall(r"'([A-Za-z0-9_.-]{1,60})'", text)
    return '"%s"' % names[-1] if names else "a variable"


def _line_of(error: BaseException) -> int:
    """The line of the template in which an exception arose; 0 when it cannot be told."""
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _names(data: "Dict[str, Any]") -> "Dict[str, Any]":
    """What templates may name: instance data; the keys of `v1` (and later versions) at the top, too; and
    with "_" each key that has what jinja takes for operators: `ds.meta_data.local_hostname`.
    """
    result = {}
    encoded = data.get("base64_encoded_keys", data.get("base64-encoded-keys"))
    if isinstance(encoded, list):
        data = _without_base64(data, [path for path in encoded if isinstance(path, str)])
    for key in sorted(key for key in data if re.match(r"v\d+\Z", str(key))):
        if isinstance(data[key], dict):
            result.update(data[key])
    result.update((key, value) for key, value in data.items() if key not in result)
    named = _with_underscores(result)
    assert isinstance(named, dict)
    return named


def _without_base64(data: "Dict[str, Any]", paths: "List[str]") -> "Dict[str, Any]":
    """The values at these paths ("ds/meta_data/blob") as they were before JSON had to hold them."""
    import binascii
    import copy

    data = copy.deepcopy(data)
    for path in paths:
        holder: "Any" = data
        steps = path.split("/")
        for step in steps[:-1]:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and isinstance(holder.get(steps[-1]), str):
            try:
                holder[steps[-1]] = binascii.a2b_base64(holder[steps[-1]]).decode("utf-8", "replace")
            except binascii.Error:
                pass  # not what it says; left as it is
    return data


def _with_underscores(data: "Any", depth: int = 0) -> "Any":
    if depth > 20:
        return data
    if isinstance(data, dict):
        result = {key: _with_underscores(value, depth + 1) for key, value in data.items()}
        for key in data:
            if isinstance(key, str) and not key.isidentifier():
                result.setdefault(_OPERATORS.sub("_", key), result[key])
        return result
    if isinstance(data, list):
        return [_with_underscores(item, depth + 1) for item in data]
    return data
