"""The `cloud-init` command for what calls it on a machine that the agent set up.

Provisioners (Packer, Terraform, Ansible, open-vm-tools) wait with `cloud-init status --wait` and read its
output, so options, words and exit codes are cloud-init's own: version 25.1. What the agent does by another
command of its own is refused with the name of that command.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any, List, Optional

    from tsagent.host import Host

SPOKEN = "25.1"  # the version of cloud-init whose words these are
_INSTEAD = {
    "init": "tsagent runs by units of its own (to run it now: 'tsagent run')",
    "modules": "tsagent runs by units of its own (to run it now: 'tsagent run')",
    "single": "use 'tsagent run --only MODULE --again'; 'tsagent modules' lists the modules",
    "features": "tsagent has no such list; 'tsagent modules' lists what it does",
    "analyze": "use 'tsagent status', which says how long each module took",
    "devel": "use 'tsagent validate', 'tsagent user-data show' or 'tsagent network render'",
    "collect-logs": "see /var/log/tsagent.log, /var/log/tsagent-output.log and 'journalctl -t tsagent'",
}


def main(argv: "Optional[List[str]]" = None, root: str = "/") -> int:
    """Run one command; the exit code. 2 for a usage error, as cloud-init's."""
    from tsagent.cli import escape_output, guard
    from tsagent.host import Host

    escape_output()
    arguments = sys.argv[1:] if argv is None else list(argv)
    try:
        values = _parse(arguments)
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    host = Host(root)
    return guard(lambda: int(values.handler(host, values)), values.debug, "cloud-init")


def _parse(arguments: "List[str]") -> "argparse.Namespace":
    import argparse

    from tsagent import __version__

    parser = argparse.ArgumentParser(
        prog="cloud-init", description="What provisioners ask cloud-init, answered by tsagent."
    )
    parser.add_argument(
        "--version",
        "-v",
        action="version",
        version="/usr/bin/cloud-init %s-tsagent-%s" % (SPOKEN, __version__),
    )
    parser.add_argument("--debug", "-d", action="store_true", help="show tracebacks")
    parser.add_argument("--force", action="store_true", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(title="Subcommands", dest="subcommand")
    _add_status(commands)
    _add_query(commands)
    _add_clean(commands)
    _add_schema(commands)
    for name, words in sorted(_INSTEAD.items()):
        other = commands.add_parser(name, help="not here: " + words, add_help=False)
        other.set_defaults(handler=_refuse, instead=words)
    known, rest = parser.parse_known_args(arguments)
    if known.subcommand is None:
        parser.error("a subcommand is required")
    if rest and known.subcommand not in _INSTEAD:
        parser.error("unrecognized arguments: %s" % " ".join(rest))
    return known


def _add_status(commands: "Any") -> None:
    parser = commands.add_parser("status", help="how the agent stands, or wait until it has ended")
    parser.add_argument("--format", choices=("json", "tabular", "yaml"), default="tabular")
    parser.add_argument("-l", "--long", action="store_true", help="with stage and errors")
    parser.add_argument("-w", "--wait", action="store_true", help="until it has ended")
    parser.set_defaults(handler=_status)


def _add_query(commands: "Any") -> None:
    parser = commands.add_parser("query", help="instance data")
    parser.add_argument("varname", nargs="?", help="dotted, such as v1.instance_id")
    parser.add_argument("-l", "--list-keys", action="store_true", help="the names at varname")
    parser.add_argument("-a", "--all", action="store_true", dest="dump_all", help="everything")
    parser.add_argument("-f", "--format", help="a Jinja template, such as '{{ v1.region }}'")
    parser.set_defaults(handler=_query)


def _add_clean(commands: "Any") -> None:
    parser = commands.add_parser("clean", help="make the next boot a first boot")
    parser.add_argument("-l", "--logs", action="store_true", help="remove the logs, too")
    parser.add_argument("--machine-id", action="store_true", help="the next boot chooses a new machine-id")
    parser.add_argument("-r", "--reboot", action="store_true", help="then reboot")
    parser.add_argument("-s", "--seed", action="store_true", help="remove the seeds, too")
    parser.add_argument(
        "-c",
        "--configs",
        choices=("all", "ssh_config", "network"),
        nargs="+",
        default=[],
        help="accepted: what tsagent generated for this instance always goes",
    )
    parser.set_defaults(handler=_clean)


def _add_schema(commands: "Any") -> None:
    parser = commands.add_parser("schema", help="check user data")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("-c", "--config-file", help="the file to check")
    which.add_argument("--system", action="store_true", help="the user data of this instance")
    parser.add_argument("--annotate", action="store_true", help="accepted: each line names its place anyway")
    parser.add_argument("-t", "--schema-type", choices=("cloud-config", "network-config"))
    parser.set_defaults(handler=_schema)


def _refuse(host: "Host", values: "argparse.Namespace") -> int:
    sys.stderr.write("cloud-init: %s: %s (not-supported)\n" % (values.subcommand, values.instead))
    return 1


def _status(host: "Host", values: "argparse.Namespace") -> int:
    from tsagent.compat import reading, shown

    if values.wait:
        found = reading.wait(host, dots=values.format == "tabular")
    else:
        found = reading.details(host)
    sys.stdout.write(shown.FORMS[values.format](found, values.long))
    return found.exit_code()


def _query(host: "Host", values: "argparse.Namespace") -> int:
    from tsagent.compat import query

    if not (values.varname or values.list_keys or values.dump_all or values.format):
        sys.stderr.write("cloud-init: expected --all, --format, --list-keys or a name (usage)\n")
        return 1
    sys.stdout.write(query.answer(host, values.varname, values.list_keys, values.format))
    return 0


def _clean(host: "Host", values: "argparse.Namespace") -> int:
    from tsagent.cli.clean import clean_root

    code = clean_root(host.root, logs=values.logs, machine_id=values.machine_id, seeds=values.seed)
    if code == 0 and values.reboot:
        host.check(["systemctl", "reboot"])
    return code


def _schema(host: "Host", values: "argparse.Namespace") -> int:
    from tsagent.registry.discovery import discover, load_schemas
    from tsagent.userdata.command import validate_files

    if values.schema_type == "network-config":
        sys.stderr.write("cloud-init: use 'tsagent network render' to check a network (not-supported)\n")
        return 1
    file = values.config_file or host.root.host_path("/var/lib/tsagent/instance/user-data")
    schemas = load_schemas(host, discover(host.root, use_cache=False).modules)
    text, code = validate_files([file], schemas)
    if code == 0:
        sys.stdout.write("Valid schema %s\n" % file)
        sys.stderr.write(text)  # warnings
    else:
        sys.stdout.write("Invalid user-data %s\n" % file)
        sys.stderr.write("%sError: Invalid schema: user-data\n" % text)
    return code
