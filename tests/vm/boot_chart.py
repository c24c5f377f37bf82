"""Draws who waited for whom at a first boot: boots an image in a container and draws what systemd noted.

    tests/vm/boot_chart.py [--output FILE.svg]

As root; `make boot-chart` installs what it needs.
"""

import argparse
import os
import sys
import tempfile
from xml.sax.saxutils import escape

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import nspawn_tree  # noqa: E402 (beside this file)
from boots import BASIC, ended_well  # noqa: E402
from nspawn import Machine  # noqa: E402

PICTURE = os.path.join(nspawn_tree.CHECKOUT, "docs", "pictures", "boot-chart.svg")
# From top to bottom, with what each is to a reader.
UNITS = (
    ("tsagent-local.service", "disk growth, network configuration"),
    ("network-pre.target", "from here on cards are configured"),
    ("basic.target", ""),
    ("network.target", ""),
    ("tsagent-network.service", "users, keys, host keys, files"),
    ("ssh.service", "login over the network"),
    ("multi-user.target", "the machine is up"),
    ("systemd-user-sessions.service", ""),
    ("console-getty.service", "login at the console"),
    ("tsagent-online.target", "the network, waited for 5 min at most"),
    ("tsagent-final.service", "packages, drivers, user commands"),
    ("tsagent-ready.target", "all done"),
)
# Who is ordered after whom, as far as it shows something.
ORDERS = (
    ("tsagent-local.service", "network-pre.target"),
    ("network-pre.target", "network.target"),
    ("network.target", "tsagent-network.service"),
    ("tsagent-network.service", "ssh.service"),
    ("systemd-user-sessions.service", "console-getty.service"),
    ("ssh.service", "multi-user.target"),
    ("tsagent-online.target", "tsagent-final.service"),
    ("ssh.service", "tsagent-final.service"),
    ("tsagent-final.service", "tsagent-ready.target"),
)
LEFT, TOP, ROW, WIDTH, RIGHT = 250, 64, 34, 640, 250  # pixels
IN_WORDS = (
    "Bars on a time line: the local stage ends before network-pre.target, the network stage before "
    "ssh.service begins, the final stage begins after both sshd and tsagent-online.target."
)
OURS, THEIRS, INK, FAINT, ARROW = "#0b63ce", "#8a94a3", "#1c2430", "#d9dee6", "#c2560a"


def spans(boot):
    """When each unit began and was up, in seconds since systemd began; None for one that did not start."""
    found = {}
    for name, _ in UNITS:
        unit = boot.unit(name)
        began, up = unit["InactiveExitTimestampMonotonic"], unit["ActiveEnterTimestampMonotonic"]
        if began and up:
            found[name] = ((began - boot["began"]) / 1e6, (up - boot["began"]) / 1e6)
    return found


def draw(found, figures):
    """The chart as SVG. `figures` is a line below it."""
    rows = [(name, words) for name, words in UNITS if name in found]
    end = max(up for _, up in found.values()) * 1.04
    height = TOP + ROW * len(rows) + 74
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">'
        % (LEFT + WIDTH + RIGHT, height),
        "<title>A first boot: who waited for whom</title>",
        "<desc>%s</desc>" % IN_WORDS,
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="%s"/></marker></defs>' % ARROW,
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        _text(16, 28, "A first boot: who waited for whom", size=17, weight="bold"),
    ]
    x = {name: tuple(LEFT + WIDTH * moment / end for moment in span) for name, span in found.items()}
    y = {name: TOP + ROW * index + ROW / 2 for index, (name, _) in enumerate(rows)}
    bottom = TOP + ROW * len(rows)
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if end / step <= 10)
    for tick in range(int(end / step) + 1):
        at = LEFT + WIDTH * tick * step / end
        parts.append('<path d="M%.1f %dV%d" stroke="%s"/>' % (at, TOP - 6, bottom, FAINT))
        parts.append(_text(at, TOP - 12, "%g s" % (tick * step), anchor="middle", fill="#5b6675", size=11))
    for name, words in rows:
        ours = name.startswith("tsagent-")
        began, up = x[name]
        color = OURS if ours else THEIRS
        parts.append(_text(LEFT - 14, y[name] + 5, name, anchor="end", weight="bold" if ours else "normal"))
        if name.endswith(".target"):
            shape = "M%.1f %.1fl8 8l-8 8l-8-8z" % (up, y[name] - 8)
            parts.append('<path d="%s" fill="%s"/>' % (shape, color))
            took = ""
        else:
            parts.append(
                '<rect x="%.1f" y="%.1f" width="%.1f" height="18" rx="3" fill="%s"/>'
                % (began, y[name] - 9, max(3, up - began), color)
            )
            took = (
                "" if name.startswith("console") else "%.0f ms" % ((found[name][1] - found[name][0]) * 1000)
            )
        words = ", ".join(text for text in (took, words) if text)
        # On white, so that no line of the grid runs through it.
        width = 6.7 * len(words)
        parts.append(
            '<rect x="%.1f" y="%.1f" width="%.1f" height="16" fill="#ffffff"/>'
            % (up + 11, y[name] - 8, width)
        )
        parts.append(_text(up + 13, y[name] + 5, words, fill="#5b6675", size=12))
    for earlier, later in ORDERS:
        if earlier in x and later in x:
            parts.append(_arrow(x[earlier][1], y[earlier], x[later][0], y[later], later.endswith(".target")))
    key = bottom + 26
    parts.append('<rect x="16" y="%d" width="22" height="12" rx="3" fill="%s"/>' % (key, OURS))
    parts.append(_text(44, key + 11, "the agent's", size=12))
    parts.append('<rect x="130" y="%d" width="22" height="12" rx="3" fill="%s"/>' % (key, THEIRS))
    parts.append(_text(158, key + 11, "others'", size=12))
    parts.append('<path d="M225 %dl7 7l-7 7l-7-7z" fill="%s"/>' % (key - 1, THEIRS))
    parts.append(_text(240, key + 11, "a target, when it is reached", size=12))
    parts.append(
        '<path d="M425 %dh26" stroke="%s" stroke-width="1.5" marker-end="url(#head)"/>' % (key + 6, ARROW)
    )
    parts.append(_text(460, key + 11, "began only when the other was up", size=12))
    parts.append(_text(16, key + 34, figures, fill="#5b6675", size=11))
    return "\n".join(parts) + "\n</svg>\n"


def _text(x, y, words, anchor="start", fill=INK, size=13, weight="normal"):
    return '<text x="%.1f" y="%.1f" text-anchor="%s" fill="%s" font-size="%d" font-weight="%s">%s</text>' % (
        x,
        y,
        anchor,
        fill,
        size,
        weight,
        escape(words),
    )


def _arrow(x1, y1, x2, y2, target):
    down = y2 > y1
    gap = 8 if target else 9
    end = y2 - gap if down else y2 + gap
    path = "M%.1f %.1fL%.1f %.1f" % (x1, y1 + (9 if down else -9), x2, end)
    return '<path d="%s" fill="none" stroke="%s" stroke-width="1.5" marker-end="url(#head)"/>' % (path, ARROW)


def main():
    """Boot, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default=PICTURE, metavar="FILE", help="default: %s" % PICTURE)
    options = parser.parse_args()
    work = tempfile.mkdtemp(prefix="work-", dir=nspawn_tree.cache())
    try:
        tree = nspawn_tree.copy(nspawn_tree.base_tree(), os.path.join(work, "image"))
        nspawn_tree.install_agent(tree, nspawn_tree.build_package(work))
        nspawn_tree.clean(tree)
        machine = Machine(tree)
        machine.seed(BASIC)
        boot = machine.boot()
    finally:
        nspawn_tree.remove(work)
    ended_well(boot)
    figures = (
        "Debian 12 in a container; a user with a key, a host key, two files, two commands. CPU of the agent: "
    )
    figures += "%.0f ms." % (sum(boot.cpu().values()) * 1000)
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(draw(spans(boot), figures))
    print(options.output)


if __name__ == "__main__":
    main()
