"""The figures of the boot benchmark in words: medians, ratios, and what was counted, as Markdown."""

import statistics

import arms

BOOTS = ("first", "second")
# What is promised, by suite and boot: the most that the agent's CPU may be, as a part of cloud-init's.
CPU_BAR = {
    ("bookworm", "first"): 14,
    ("bookworm", "second"): 45,
    ("trixie", "first"): 4,
    ("trixie", "second"): 12,
}
MEMORY_BAR = 2
SSHD_BAR = 0.3  # seconds later than without any agent
IMPORTS_SHOWN = 8
NOTHING = "-"


def median(results, suite, arm, boot, figure):
    """The median of a figure over the rounds; None where the arm has none."""
    values = [pair[boot][figure] for pair in results["suites"][suite]["timed"][arm]]
    return None if None in values else statistics.median(values)


def spread(results, suite, arm, boot, figure):
    """Median, least and most, as text."""
    values = [pair[boot][figure] for pair in results["suites"][suite]["timed"][arm]]
    if None in values:
        return NOTHING
    return "%.3f (%.3f to %.3f)" % (statistics.median(values), min(values), max(values))


def row(*cells):
    """A row of a table."""
    return "| " + " | ".join(cells) + " |"


def head(*cells):
    """The head of a table, the first column to the left."""
    return [row(*cells), "|---|" + "---:|" * (len(cells) - 1)]


def label(results, suite, arm):
    """An arm with its version."""
    return ("%s %s" % (arm, results["suites"][suite]["versions"][arm])).strip()


def timed(results, suite):
    """CPU and time of each arm."""
    lines = head("", "CPU of its units, s", "to sshd, s", "to its end, s", "CPU of the whole boot, s")
    for boot in BOOTS:
        for arm in arms.ARMS:
            cells = [
                NOTHING if arm == arms.NONE else spread(results, suite, arm, boot, "cpu"),
                spread(results, suite, arm, boot, "to_sshd"),
                spread(results, suite, arm, boot, "to_end"),
                spread(results, suite, arm, boot, "cpu_whole"),
            ]
            lines.append(row("%s boot, %s" % (boot, label(results, suite, arm)), *cells))
    return lines


def ratios(results, suite):
    """What the agent costs beside cloud-init, and what was promised."""
    lines = head("tsagent beside cloud-init", "first boot", "second boot", "promised")
    cpu, whole, memory, later = [], [], [], []
    for boot in BOOTS:
        peer, agent, none = (
            {figure: median(results, suite, arm, boot, figure) for figure in ("cpu", "cpu_whole", "to_sshd")}
            for arm in (arms.PEER, arms.AGENT, arms.NONE)
        )
        cpu.append("1/%.1f" % (peer["cpu"] / agent["cpu"]))
        extra = [figures["cpu_whole"] - none["cpu_whole"] for figures in (peer, agent)]
        whole.append("1/%.1f" % (extra[0] / extra[1]) if extra[1] > 0 else "none")
        kib = [largest(results, suite, arm, boot) for arm in (arms.PEER, arms.AGENT)]
        memory.append("1/%.1f" % (kib[0] / kib[1]))
        later.append(
            "%+.2f s (cloud-init: %+.2f s)" % tuple(a["to_sshd"] - none["to_sshd"] for a in (agent, peer))
        )
    promised = "1/%d, 1/%d" % tuple(CPU_BAR[suite, boot] for boot in BOOTS)
    lines.append(row("CPU of its units", cpu[0], cpu[1], promised))
    lines.append(row("CPU of the whole boot, above that without an agent", whole[0], whole[1], ""))
    lines.append(row("memory of its largest process", memory[0], memory[1], "1/%d" % MEMORY_BAR))
    lines.append(row("sshd later than without an agent", later[0], later[1], "+%.1f s" % SSHD_BAR))
    return lines


def largest(results, suite, arm, boot):
    """KiB of the largest process."""
    return results["suites"][suite]["counted"][arm][boot]["calls"]["largest_kib"]


def counts(results, suite):
    """What was counted in boots of their own."""
    lines = head(
        "", "largest process, MiB", "processes", "programs run", "fsync and the like", "modules imported"
    )
    for boot in BOOTS:
        for arm in (arms.PEER, arms.AGENT):
            found = results["suites"][suite]["counted"][arm][boot]
            cells = [
                "%.1f" % (found["calls"]["largest_kib"] / 1024),
                str(found["calls"]["processes"]),
                str(sum(found["calls"]["programs"].values())),
                str(found["calls"]["syncs"]),
                str(found["imports"]["count"]),
            ]
            lines.append(row("%s boot, %s" % (boot, arm), *cells))
    return lines


def imports(results, suite):
    """The imports that cost most."""
    lines = [
        "Imports by cost (`-X importtime`, milliseconds by top-level package, which slows them somewhat):",
        "",
    ]
    for boot in BOOTS:
        for arm in (arms.PEER, arms.AGENT):
            found = results["suites"][suite]["counted"][arm][boot]["imports"]
            shown = ["%s %.1f" % (name, spent) for name, spent in found["packages"][:IMPORTS_SHOWN]]
            lines.append("- %s boot, %s: %.0f ms in all; %s" % (boot, arm, found["ms"], ", ".join(shown)))
    return lines


def service(results, suite):
    """The boots that were told by the metadata service."""
    pairs = results["suites"][suite]["imds"]
    first, second = (statistics.median(pair[boot]["cpu"] for pair in pairs) for boot in BOOTS)
    to_sshd = statistics.median(pair["first"]["to_sshd"] for pair in pairs)
    asked = [max(len(pair[boot]["requests"]) for pair in pairs) for boot in BOOTS]
    return [
        "Told by the metadata service (the simulator, inside the container) instead of a seed, tsagent took",
        "%.3f s of CPU in the first boot, with %d requests made and sshd there after %.2f s; in the second"
        % (first, asked[0], to_sshd),
        "%.3f s, with %d requests." % (second, asked[1]),
    ]


def generator(results, suite):
    """What counts for no unit."""
    spent = median(results, suite, arms.PEER, "first", "cpu_generator")
    return [
        "cloud-init's generator, which is in no unit and in none of the ratios of units: %.3f s of CPU."
        % spent
    ]


def loads(results):
    """The least and the most load average that a boot saw."""
    found = [
        pair[boot]["load"]
        for suite in results["suites"].values()
        for pairs in suite["timed"].values()
        for pair in pairs
        for boot in BOOTS
    ]
    return min(found), max(found)


def markdown(results):
    """The whole report."""
    box = results["machine"]
    lines = [
        "# Figures of %s" % results["date"],
        "",
        "Commit %s, %d rounds, %.0f minutes." % (results["commit"], results["rounds"], results["minutes"]),
        "%s, %d cores, %d GiB, Linux %s, %s; load average during the boots %.1f to %.1f."
        % (
            (box["processor"], box["cores"], box["memory_gib"], box["kernel"], box["nspawn"]) + loads(results)
        ),
        "Medians, in brackets the least and the most; a suite at a time is compared with itself alone.",
    ]
    for suite, found in results["suites"].items():
        versions = found["versions"]
        lines += ["", "## %s" % arms.SUITES[suite], "", "%(python)s, %(systemd)s." % versions]
        for part in (timed, ratios, counts, imports, service, generator):
            lines += [""] + part(results, suite)
    return "\n".join(lines) + "\n"
