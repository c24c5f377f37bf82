"""The keyboard of the console and of X."""

from tsagent.changes.files import EditFile, WriteFile
from tsagent.changes.services import RestartUnit
from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Iterator, List, Optional, Set, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing

DEBIAN_FILE = "/etc/default/keyboard"
CONSOLE_FILE = "/etc/vconsole.conf"
X_FILE = "/etc/X11/xorg.conf.d/00-keyboard.conf"
_LISTS = ("/usr/share/X11/xkb/rules/base.lst", "/usr/share/X11/xkb/rules/evdev.lst")
_CONSOLE_NAMES = "/usr/share/systemd/kbd-model-map"  # format: a comment in the file itself
_KEYMAPS = ("/usr/lib/kbd/keymaps/xkb", "/usr/share/kbd/keymaps/xkb", "/usr/share/keymaps/xkb")
_MODEL = "pc105"
_SHOWN = 40  # letters of a word that are quoted
_UNITS = ("/usr/lib/systemd/system/", "/lib/systemd/system/")
_FIELDS = ("layout", "model", "variant", "options")


class Keyboard:
    """A keyboard in the words of X; what is not given is empty."""

    def __init__(self, layout: str, model: str, variant: str, options: str) -> None:
        self.layout = layout
        self.model = model
        self.variant = variant
        self.options = options

    @property
    def first(self) -> "Tuple[str, str]":
        """The first layout alone, and its variant."""
        return self.layout.split(",")[0], self.variant.split(",")[0]

    def assignments(self) -> "Dict[str, str]":
        """The variables of Debian's file. Source: keyboard(5)."""
        return {
            "XKBMODEL": self.model,
            "XKBLAYOUT": self.layout,
            "XKBVARIANT": self.variant,
            "XKBOPTIONS": self.options,
        }


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """The files of the distribution, then the console takes them up."""
    settings = context.settings.get("keyboard")
    if not isinstance(settings, dict) or not settings.get("layout"):
        return context.nothing("no layout is given")
    words = {field: str(settings.get(field) or "").replace(" ", "") for field in _FIELDS}
    for field, word in words.items():
        if not all((letter.isalnum() and ord(letter) < 128) or letter in "_,:()./+-" for letter in word):
            raise AgentError(
                "keyboard: %s has letters that no %s has" % (field, field),
                "bad-keyboard",
                "write it as in layout: us",
            )
    keyboard = _known(
        context, Keyboard(words["layout"], words["model"] or _MODEL, words["variant"], words["options"])
    )
    context.choose("layout", keyboard.layout, "keyboard: in the configuration")
    if context.facts.os.family == "debian":
        return _debian(context, keyboard)
    return _others(context, keyboard)


def _debian(context: "Context", keyboard: Keyboard) -> "Iterator[Change]":
    edit = EditFile(
        DEBIAN_FILE,
        lambda old: with_values(old, keyboard.assignments(), '"'),
        "the layout is %s" % keyboard.layout,
        reason="keyboard",
    )
    yield edit
    if not any(context.exists(path) for path in ("/bin/setupcon", "/usr/bin/setupcon")):
        context.warn("the package console-setup is not installed: the console keeps its layout")
    for unit in ("keyboard-setup.service", "console-setup.service"):
        if any(context.exists(directory + unit) for directory in _UNITS):
            yield RestartUnit(unit, [edit], reason="keyboard")


def _others(context: "Context", keyboard: Keyboard) -> "Iterator[Change]":
    keymap = _keymap(context, keyboard)
    if keymap:
        context.choose("keymap", keymap, "the console's name for %s" % keyboard.layout)
        edit = EditFile(
            CONSOLE_FILE,
            lambda old: with_values(old, {"KEYMAP": keymap}, '"'),
            "the keymap is %s" % keymap,
            reason="keyboard",
        )
        yield edit
        yield RestartUnit("systemd-vconsole-setup.service", [edit], reason="keyboard")
    else:
        context.warn(
            "the console has no keymap for the layout %s: it keeps its own" % keyboard.layout[:_SHOWN]
        )
    yield WriteFile(X_FILE, _x_file(keyboard), 0o644, reason="keyboard")


def _x_file(keyboard: Keyboard) -> str:
    """The section in which X, and localectl, find the keyboard. Source: xorg.conf(5), localectl(1)."""
    lines = ['Section "InputClass"', '        Identifier "system-keyboard"', '        MatchIsKeyboard "on"']
    for name, value in (
        ("XkbLayout", keyboard.layout),
        ("XkbModel", keyboard.model),
        ("XkbVariant", keyboard.variant),
        ("XkbOptions", keyboard.options),
    ):
        if value:
            lines.append('        Option "%s" "%s"' % (name, value))
    return "\n".join(lines + ["EndSection", ""])


def with_values(current: "Optional[bytes]", values: "Dict[str, str]", quote: str) -> bytes:
    """A file of assignments in which these variables have these values; all other lines as they were."""
    waiting = dict(values)
    rows = (current or b"").splitlines(True)
    if rows and not rows[-1].endswith(b"\n"):
        rows[-1] += b"\n"
    out: "List[bytes]" = []
    for row in rows:
        name = row.split(b"=", 1)[0].strip().decode("utf-8", "replace") if b"=" in row else ""
        if name not in values:
            out.append(row)
        elif name in waiting:
            out.append(_line(name, waiting.pop(name), quote))
    return b"".join(out + [_line(name, value, quote) for name, value in waiting.items()])


def _line(name: str, value: str, quote: str) -> bytes:
    return ("%s=%s%s%s\n" % (name, quote, value, quote)).encode("utf-8")


# -- the system's list of keyboards -----------------------------------------------------------------


def _known(context: "Context", keyboard: Keyboard) -> Keyboard:
    """The keyboard without what X does not know. Raises AgentError for a layout that it does not."""
    sections = _sections(context)
    layouts = sections.get("layout")
    if not layouts:
        return keyboard
    for layout in keyboard.layout.split(","):
        name = layout.split("(")[0].split(":")[0]
        if name not in layouts:
            from tsagent.userdata.expected import close

            likely = close(name, sorted(layouts))
            raise AgentError(
                "keyboard: there is no layout %s" % (name or "without a name")[:_SHOWN],
                "unknown-layout",
                "did you mean %s?" % likely if likely else "see %s" % _LISTS[0],
            )
    variants = keyboard.variant.split(",")
    layouts_given = keyboard.layout.split(",")
    for index, variant in enumerate(variants):
        layout = layouts_given[index] if index < len(layouts_given) else ""
        if variant and "%s:%s" % (layout, variant) not in sections.get("variant", ()):
            context.warn("keyboard: the layout %s has no variant %s" % (layout[:_SHOWN], variant[:_SHOWN]))
            variants[index] = ""
    model = keyboard.model
    if model not in sections.get("model", ()):
        context.warn("keyboard: there is no model %s: %s is set" % (model[:_SHOWN], _MODEL))
        model = _MODEL
    options = []
    for option in keyboard.options.split(","):
        if option and option not in sections.get("option", ()):
            context.warn("keyboard: there is no option %s" % option[:_SHOWN])
        elif option:
            options.append(option)
    return Keyboard(keyboard.layout, model, ",".join(variants) if any(variants) else "", ",".join(options))


def _sections(context: "Context") -> "Dict[str, Set[str]]":
    """What the list names: models, layouts, options, and variants as LAYOUT:VARIANT."""
    for path in _LISTS:
        data = context.read(path)
        if data is None:
            continue
        sections: "Dict[str, Set[str]]" = {}
        names: "Set[str]" = set()
        for line in data.decode("utf-8", "replace").splitlines():
            words = line.split()
            if line.startswith("!") and len(words) > 1:
                names = sections.setdefault(words[1], set())
            elif len(words) > 1 and names is sections.get("variant"):
                names.add(words[1] + words[0])  # "nodeadkeys  de: German (no dead keys)"
            elif words:
                names.add(words[0])
        return sections
    return {}


# -- the console's name for it ----------------------------------------------------------------------


def _keymap(context: "Context", keyboard: Keyboard) -> str:
    """The console's keymap for a keyboard; empty where it has none.

    First a keymap converted from X's own layout, then the row of systemd's table that is most like it: the
    same order as localectl's.
    """
    layout, variant = keyboard.first
    name = layout.split("(")[0]
    if "," not in keyboard.layout:
        converted = "%s-%s" % (name, variant) if variant else name
        if _has_keymap(context, converted):
            return converted
    best, found = (0, False, False, False), ""
    for words in _rows(context):
        score = (
            _likeness(keyboard.layout, words[1]),
            (keyboard.variant or "-") == words[3] or (variant or "-") == words[3].split(",")[0],
            keyboard.model == words[2],
            keyboard.options == words[4],
        )
        if score[0] and score > best:
            best, found = score, words[0]
    if not found and _has_keymap(context, name):
        return name
    return found


def _likeness(layout: str, other: str) -> int:
    if layout == other:
        return 3
    if layout.split(",")[0] == other:
        return 2
    return 1 if layout.split(",")[0] == other.split(",")[0] else 0


def _has_keymap(context: "Context", name: str) -> bool:
    return any(
        context.exists("%s/%s%s" % (directory, name, ending))
        for directory in _KEYMAPS
        for ending in (".map", ".map.gz")
    )


def _rows(context: "Context") -> "List[List[str]]":
    text = (context.read(_CONSOLE_NAMES) or b"").decode("utf-8", "replace")
    rows = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return [words for words in rows if len(words) == 5]
