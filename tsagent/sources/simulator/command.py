"""`tsagent imds serve`: the simulator from the command line."""

import os
import signal
import sys
import threading

from tsagent.errors import EXIT_DONE, AgentError, UsageError
from tsagent.sources.simulator import faults
from tsagent.sources.simulator.server import Simulator
from tsagent.sources.simulator.tree import DEFAULT_TYPE

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any, Dict, Optional


def add_arguments(parser: "argparse.ArgumentParser") -> None:
    """The options of `tsagent imds serve`."""
    import argparse

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "faults (--fault, may be repeated):\n" + faults.describe()
    parser.add_argument("--instance-type", default=DEFAULT_TYPE, metavar="T", help="default: %(default)s")
    parser.add_argument(
        "--tree",
        metavar="FILE",
        help="YAML or JSON laid over the instance's tree: paths below /latest/meta-data/ (or absolute, as"
        " /latest/user-data) to values; null takes a value away",
    )
    parser.add_argument("--user-data", metavar="FILE", help="served at /latest/user-data as it is")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="default: any free one")
    parser.add_argument("--bind", default="127.0.0.1", metavar="ADDRESS", help="default: %(default)s")
    parser.add_argument("--fault", action="append", default=[], metavar="SPEC", help="see below")


def main(args: "argparse.Namespace") -> int:
    """Serve until SIGINT or SIGTERM; SIGHUP reads the tree anew.

    The first line of stdout tells the URL; requests go to stderr.
    """
    user_data = _read(args.user_data) if args.user_data else None
    return serve(
        args.instance_type, args.tree, user_data, args.port, args.fault, bind=args.bind, announce=True
    )


def serve(
    instance_type: str,
    tree_file: "Optional[str]",
    user_data: "Optional[bytes]",
    port: int,
    faults: "Any",
    bind: str = "127.0.0.1",
    announce: bool = False,
) -> int:
    """Run a simulator in the foreground; see `Simulator`. Raises AgentError `cannot-listen`."""
    tree = load_tree(tree_file) if tree_file else None
    try:
        simulator = Simulator(instance_type, tree, user_data, port, faults, bind=bind, log=_log)
    except (OSError, OverflowError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise AgentError(
            "cannot listen on %s port %d: %s" % (bind, port, words), "cannot-listen", "choose another --port"
        ) from None

    def stop(number: int, frame: "Any") -> None:
        # From a thread: shutdown() waits for the loop that this handler interrupts.
        threading.Thread(target=simulator.stop, daemon=True).start()

    def renew(number: int, frame: "Any") -> None:
        try:
            simulator.renew(load_tree(tree_file) if tree_file else {})
        except UsageError as error:
            _log("not taken: %s" % error)

    previous = [(number, signal.signal(number, stop)) for number in (signal.SIGINT, signal.SIGTERM)]
    previous.append((signal.SIGHUP, signal.signal(signal.SIGHUP, renew)))
    try:
        if announce:
            print("serving %s/ as %s" % (simulator.url, instance_type), flush=True)
        simulator.serve_forever()
    finally:
        for number, handler in previous:
            signal.signal(number, handler)
    return EXIT_DONE


def load_tree(path: str) -> "Dict[str, Any]":
    """A `--tree` file. Every scalar of YAML is text as written (an unquoted MAC address or time would
    otherwise become a number or a date), but null is null. Raises UsageError.
    """
    data = _read(path)
    try:
        if data.lstrip().startswith(b"{"):
            import json

            tree = json.loads(data.decode("utf-8"))
        else:
            tree = _yaml(data)
    except ValueError as error:
        raise UsageError("%s: neither JSON nor YAML: %s" % (path, error)) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise UsageError("%s: not a mapping of paths to values" % path)
    return tree


def _yaml(data: bytes) -> "Any":
    import yaml

    class Texts(yaml.SafeLoader):
        """Knows null and nothing else."""

    null = "tag:yaml.org,2002:null"
    Texts.yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] == null]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        loader = Texts(data)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise UsageError("%s: %s" % (path, os.strerror(error.errno or 0))) from None


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
