#!/usr/bin/env python3
"""Write the completion of bash and zsh from the command line's own parser, by shtab.

    generate_completion.py --output DIR

Writes `tsagent` for bash and `_tsagent` for zsh. Needs shtab, here only.
"""

import argparse
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from tsagent.cli.parser import grammar  # noqa: E402 (the checkout's own)

# What the shells ask the agent itself: modules may be dropped in.
BASH = r"""
_tsagent_modules() {
  compgen -W "$(tsagent modules 2>/dev/null | sed '/^$/,$d' | cut -d ' ' -f 1)" -- "$1"
}
_tsagent_sources() {
  compgen -W 'auto none imds configdrive: nocloud:' -- "$1"
}
"""
ZSH = r"""
_tsagent_modules() {
  local -a names
  names=(${(f)"$(tsagent modules 2>/dev/null | sed '/^$/,$d' | cut -d ' ' -f 1)"})
  _describe module names
}
_tsagent_sources() {
  compadd auto none imds
  compadd -S '' configdrive: nocloud:
}
"""
MODULE = {"bash": "_tsagent_modules", "zsh": "_tsagent_modules"}
SOURCE = {"bash": "_tsagent_sources", "zsh": "_tsagent_sources"}


# shtab before 1.6 (Debian 12) offers the first of several values alone: (what it writes, what it should).
BASH_MENDED = (
    ('choices_var="${current_action}_choices"', 'choices_var="${current_action}_choices[@]"'),
    ('$(compgen -W "${current_action_choices}"', "$(IFS=' '; compgen -W \"${current_action_choices}\""),
)


def annotate(parser):
    """Say of each action what its values are, by the name that the help gives them."""
    import shtab

    values = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY, "MODULE": MODULE}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                annotate(below)
        elif action.metavar in values:
            action.complete = values[action.metavar]
        elif "--source" in action.option_strings:
            action.complete = SOURCE


def main():
    """Command line."""
    import shtab

    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--output", required=True, metavar="DIR", help="where the files are written")
    output = options.parse_args().output
    parser = grammar(["imds"])  # the simulator's options too
    annotate(parser)
    os.makedirs(output, exist_ok=True)
    for name, shell, preamble in (("tsagent", "bash", BASH), ("_tsagent", "zsh", ZSH)):
        text = shtab.complete(parser, shell, preamble={shell: preamble})
        if shell == "bash":
            for wrong, right in BASH_MENDED:
                text = text.replace(wrong, right)
        with open(os.path.join(output, name), "w", encoding="utf-8") as file:
            file.write(text + "\n")


if __name__ == "__main__":
    main()
