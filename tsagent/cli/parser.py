"""The command line's grammar, by argparse. Each command's work is in a file of its own."""

import argparse
import sys

from tsagent import __version__
from tsagent.errors import EXIT_USAGE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, NoReturn, Tuple

_TEXT_JSON = ("text", "json")
_RENDERERS = ("networkmanager", "ifcfg", "networkd", "netplan")


class _Parser(argparse.ArgumentParser):
    """argparse with the exit code of sysexits.h and errors of one line."""

    def error(self, message: str) -> "NoReturn":
        sys.stderr.write("tsagent: %s (usage; see '%s --help')\n" % (" ".join(message.split()), self.prog))
        raise SystemExit(EXIT_USAGE)


def parse(arguments: "List[str]") -> "Tuple[Callable[[], int], bool]":
    """The command to call, and whether `--debug` was given. Raises SystemExit as argparse does."""
    parser = grammar(arguments)
    values = parser.parse_args(arguments)
    if values.command is None:
        parser.print_help()
        raise SystemExit(EXIT_USAGE)
    if getattr(values, "handler", None) is None:
        parser.error("%s: a subcommand is missing" % values.command)
    return (lambda: int(values.handler(values))), values.debug


def grammar(arguments: "List[str]") -> "_Parser":
    """The parser of these arguments: the options of `imds` are in it only where they name that command."""
    parser = _Parser(
        prog="tsagent",
        description="Turns a fresh TencentOS Server image into a working machine at first boot.",
    )
    parser.add_argument("--version", action="version", version="tsagent " + __version__)
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _add_run(commands)
    _add_plan(commands)
    _add_status(commands)
    _add_facts(commands)
    _add_explain(commands)
    _add_validate(commands)
    _add_user_data(commands)
    _add_modules(commands)
    _add_network(commands)
    _add_query(commands)
    _add_clean(commands)
    _add_bake(commands)
    _add_imds(commands, arguments)
    _add_demo(commands)
    return parser


def _command(commands: "Any", name: str, room: str, words: str) -> "_Parser":
    """A subcommand whose work is `tsagent.cli.ROOM.main(values)`, imported when it is called."""
    parser = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")

    def handler(values: "argparse.Namespace") -> int:
        module = __import__("tsagent.cli." + room, fromlist=["main"])
        return int(module.main(values))

    parser.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    parser.set_defaults(handler=handler)
    assert isinstance(parser, _Parser)
    return parser


def _format(parser: "Any", choices: "Tuple[str, ...]" = _TEXT_JSON) -> None:
    parser.add_argument("--format", choices=choices, default="text", help="how to print (default: text)")


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value < 1e9:
        raise ValueError
    return value


_count.__name__ = "count"  # argparse names the type in its message
_seconds.__name__ = "number of seconds"


def _roots(parser: "_Parser") -> None:
    parser.add_argument("--root", default="/", metavar="DIR", help="the tree to write (default: /)")
    parser.add_argument("--hardware", metavar="DIR", help="where /sys and /proc are read (default: the root)")


def _run_options(parser: "_Parser") -> None:
    _roots(parser)
    parser.add_argument("--stage", choices=("local", "network", "final", "all"), default="all")
    parser.add_argument("--only", metavar="MODULE", help="one module alone")
    parser.add_argument("--again", action="store_true", help="with --only: even if it has run already")
    parser.add_argument(
        "--source",
        default="auto",
        metavar="S",
        help="imds[:URL], configdrive:PATH, nocloud:DIR, none or auto (default)",
    )
    parser.add_argument("--user-data", metavar="FILE", help="user data instead of the source's")
    parser.add_argument(
        "--commands",
        choices=("skip", "chroot", "here"),
        help="with --root: user commands are skipped (default), run in a chroot, or here in the tree",
    )
    parser.add_argument("--disk", metavar="FILE", help="with --root: the image file that is the disk")
    parser.add_argument(
        "--workers", type=_count, default=4, metavar="N", help="modules at a time (at most 4)"
    )
    _format(parser)


def _add_run(commands: "Any") -> None:
    _run_options(_command(commands, "run", "run", "the first boot; safe to repeat"))


def _add_plan(commands: "Any") -> None:
    parser = _command(commands, "plan", "plan", "every change that run would make; touches nothing")
    _run_options(parser)
    parser.add_argument("--detailed-exitcode", action="store_true", help="2 when changes are pending")


def _add_status(commands: "Any") -> None:
    parser = _command(commands, "status", "status", "how each stage and module stands, and why")
    parser.add_argument("--root", default="/", metavar="DIR")
    parser.add_argument("--wait", action="store_true", help="until the agent has ended")
    parser.add_argument("--timeout", type=_seconds, metavar="S", help="with --wait: at most S seconds")
    parser.add_argument("--fail-on", choices=("error", "degraded"), default="error")
    _format(parser)


def _add_facts(commands: "Any") -> None:
    parser = _command(
        commands, "facts", "facts", "the instance and its hardware, and where each fact is from"
    )
    _roots(parser)
    parser.add_argument("--instance-type", metavar="T", help="instead of what the metadata says")
    _format(parser)


def _add_explain(commands: "Any") -> None:
    parser = _command(commands, "explain", "explain", "why each value was chosen")
    parser.add_argument("module", nargs="?", metavar="MODULE")
    parser.add_argument("key", nargs="?", metavar="KEY")
    _run_options(parser)


def _add_validate(commands: "Any") -> None:
    parser = _command(commands, "validate", "validate", "check user data; needs no root and no cloud")
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument(
        "--schema", action="store_true", help="print all keys as one JSON Schema, for editors"
    )
    parser.add_argument("--instance-data", metavar="FILE", help="JSON for templates")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--annotate", action="store_true", help="the files' text with the problems in place")
    _format(form)


def _add_user_data(commands: "Any") -> None:
    parser = commands.add_parser("user-data", help="look at user data")
    nested = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser)
    show = _command(nested, "show", "user_data", "parts, merged configuration, scripts and warnings")
    show.add_argument("file", metavar="FILE")
    show.add_argument("--vendor-data", metavar="FILE")
    show.add_argument("--instance-data", metavar="FILE", help="JSON for templates")
    _format(show)


def _add_modules(commands: "Any") -> None:
    parser = _command(commands, "modules", "modules", "the modules found, where, their stage, keys and state")
    parser.add_argument("--root", default="/", metavar="DIR")
    _format(parser)


def _add_network(commands: "Any") -> None:
    parser = commands.add_parser("network", help="network configuration")
    nested = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser)
    render = _command(nested, "render", "network", "network configuration to files")
    render.add_argument("--input", required=True, metavar="FILE", help="version 1 or 2, or network_data.json")
    render.add_argument("--renderer", required=True, choices=_RENDERERS)
    render.add_argument("--output", required=True, metavar="DIR")
    apply = _command(
        nested,
        "apply",
        "network_apply",
        "try a network configuration here; put the former one back if it fails",
    )
    apply.add_argument(
        "--input", metavar="FILE", help="version 1 or 2, or network_data.json; default: the instance's"
    )
    apply.add_argument("--renderer", choices=_RENDERERS)
    apply.add_argument("--source", default="auto", metavar="S", help="as for run, where there is no --input")
    apply.add_argument(
        "--timeout",
        type=_seconds,
        default=30.0,
        metavar="S",
        help="seconds until the machine must reach what it reached before (default: 30)",
    )
    apply.add_argument("--no-rollback", action="store_true", help="leave it in place whatever it loses")
    apply.add_argument(
        "--force", action="store_true", help="write files that somebody edited or removed, too"
    )
    _format(apply)
    attach = _command(
        nested, "attach", "network_attach", "take up the cards that have come or gone since the boot"
    )
    attach.add_argument("--source", default="auto", metavar="S", help="as for run")


def _add_query(commands: "Any") -> None:
    parser = _command(commands, "query", "query", "instance data by dotted path")
    parser.add_argument("path", nargs="?", metavar="PATH")
    parser.add_argument("--root", default="/", metavar="DIR")
    parser.add_argument("--sensitive", action="store_true", help="secrets too; for root only")


def _add_clean(commands: "Any") -> None:
    parser = _command(commands, "clean", "clean", "back to an image that was never booted")
    parser.add_argument("--root", default="/", metavar="DIR")
    parser.add_argument("--logs", action="store_true", help="the logs too")
    parser.add_argument(
        "--machine-id", action="store_true", help="make the next boot choose a new machine-id"
    )


def _add_bake(commands: "Any") -> None:
    parser = _command(
        commands, "bake", "bake", "download into an image the packages that its first boot will install"
    )
    parser.add_argument("--root", default="/", metavar="DIR", help="the tree of the image (default: /)")
    parser.add_argument(
        "--gpu",
        action="append",
        default=[],
        metavar="MODEL",
        help="for machines with such GPUs, such as A100",
    )
    parser.add_argument("--user-data", metavar="FILE", help="user data that the first boot will have")
    _format(parser)


def _add_imds(commands: "Any", arguments: "List[str]") -> None:
    parser = commands.add_parser("imds", help="the metadata service")
    nested = parser.add_subparsers(dest="action", metavar="ACTION", parser_class=_Parser)
    serve = nested.add_parser("serve", help="simulate the metadata service")
    if "imds" not in arguments:
        return  # a web server is too much to import for any other command
    from tsagent.sources.simulator import command

    command.add_arguments(serve)
    serve.set_defaults(handler=command.main)


def _add_demo(commands: "Any") -> None:
    parser = _command(commands, "demo", "demo", "a whole first boot on a simulator and a scratch disk")
    parser.add_argument("--keep", metavar="DIR", help="work in DIR and leave it there")
