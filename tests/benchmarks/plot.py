"""The figures of the boot benchmark as a picture."""

import arms
import matplotlib
import tables

matplotlib.use("svg")
# Text stays text, and the same figures give the same file.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "tsagent", "font.size": 10})

from matplotlib import pyplot  # noqa: E402 (after the backend is chosen)

COLOURS = {arms.NONE: "#9aa5b1", arms.PEER: "#c8553d", arms.AGENT: "#2f6690"}
PANELS = (("cpu", "CPU of its units, seconds"), ("to_sshd", "start to sshd, seconds"))
THICKNESS = 0.8


def draw(results, path):
    """Bars of the medians, a column of panels for each figure and a row for each suite; an SVG file."""
    suites = list(results["suites"])
    figure, grid = pyplot.subplots(
        len(suites), len(PANELS), figsize=(9.5, 0.6 + 2.3 * len(suites)), squeeze=False, layout="constrained"
    )
    for axes_row, suite in zip(grid, suites):
        for axes, (name, title) in zip(axes_row, PANELS):
            panel(axes, results, suite, name)
            axes.set_title("%s: %s" % (arms.SUITES[suite], title), fontsize=10, loc="left")
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    pyplot.close(figure)


def panel(axes, results, suite, name):
    """One figure of one suite."""
    shown = arms.ARMS if name != "cpu" else (arms.PEER, arms.AGENT)
    labels, most = [], 0
    for boot in tables.BOOTS:
        for arm in shown:
            values = [pair[boot][name] for pair in results["suites"][suite]["timed"][arm]]
            value = tables.median(results, suite, arm, boot, name)
            place = len(labels)
            axes.barh(place, value, THICKNESS, color=COLOURS[arm])
            # The rounds themselves, so that nobody takes a median for more than it is.
            axes.plot(values, [place] * len(values), "|", color="black", markersize=7, alpha=0.5)
            text = "%.3f" % value if name == "cpu" else "%.2f" % value
            if name == "cpu" and arm == arms.AGENT:
                text += "  (1/%.1f)" % (tables.median(results, suite, arms.PEER, boot, name) / value)
            most = max([most] + values)
            axes.annotate(text, (max(values), place), (6, 0), textcoords="offset points", va="center")
            # Of 22.4.2-1+deb12u4, what people know it by.
            labels.append(
                "%s boot, %s" % (boot, tables.label(results, suite, arm).rpartition("-1")[0] or arm)
            )
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlim(0, most * 1.25)
    axes.spines[["top", "right"]].set_visible(False)
