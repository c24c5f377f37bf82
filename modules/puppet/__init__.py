"""Puppet: install the agent, write its settings, run it once where asked, and start it.

Where its files are depends on what is installed, which is known only after that: Puppet's own packages
(aio) have everything below /opt/puppetlabs and /etc/puppetlabs, a distribution's below /etc/puppet.
"""

from tsagent.changes import (
    CONVERGED,
    DIFFERS,
    EditFile,
    InstallOneOf,
    KeepService,
    Later,
    MakeDirectory,
    Probe,
    RunInstaller,
    RunProgram,
    Verify,
    WriteFile,
)
from tsagent.changes.flags import is_on
from tsagent.netconfig.hostnames import host_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Union

    from tsagent.changes.base import Change
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing

    Path = Union[str, Later]

_INSTALLER = "https://raw.githubusercontent.com/puppetlabs/install-puppet/main/install.sh"
_OWN = "/opt/puppetlabs/bin/puppet"
_UNITS = ["puppet-agent.service", "puppet.service"]
_CHANGED = 2  # the status of `puppet agent --test` when it changed something. Source: puppet-agent(8)
_SECTIONS = ("main", "server", "agent", "user")


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """Installation, then files, then the run, then the service."""
    settings = context.settings.get("puppet")
    if not isinstance(settings, dict):
        return context.nothing("puppet has no settings")
    return _changes(context, settings)


def _changes(context: "Context", settings: "Dict[str, Any]") -> "Iterator[Change]":
    installs = _install(context, settings)
    if installs is not None:
        yield installs
    installed = Verify(
        "puppet is installed",
        _look,
        "install it: see puppet.install",
        answers=_layout,
        requires=[installs] if installs is not None else [],
    )
    yield installed
    files: "List[Path]" = []
    conf = settings.get("conf") or {}
    sections = {name: conf[name] for name in _SECTIONS if conf.get(name)}
    if sections:
        path: "Path" = settings.get("conf_file") or Later(installed, "conf_file")
        files.append(path)
        yield _settings(context, path, sections)
    if conf.get("ca_cert"):
        yield from _certificate(settings, conf["ca_cert"], installed)
    if settings.get("csr_attributes"):
        yield _attributes(settings, installed)
    if is_on(settings.get("exec")):
        words = settings.get("exec_args")
        words = words.split() if isinstance(words, str) else words
        words = [str(word) for word in words] if isinstance(words, list) else ["--test"]
        good = (0, _CHANGED) if {"--test", "-t", "--detailed-exitcodes"} & set(words) else (0,)
        program = _OWN if settings.get("install_type") == "aio" else "puppet"
        yield RunProgram(
            [program, "agent"] + words, "run puppet agent", good=good, env=_path(), requires=[installed]
        )
    if is_on(settings.get("start_service"), True):
        known = [path for path in files if isinstance(path, str)]
        defaults = ["/etc/puppet/puppet.conf", "/etc/puppetlabs/puppet/puppet.conf"]
        keep = KeepService(_UNITS, known or (defaults if files else []), requires=[installed])
        # Where the package is left to a running system, so is its unit.
        keep.needs_live = installs is not None and installs.needs_live
        yield keep


def _path() -> "Dict[str, str]":
    """Puppet's own packages put no program where others look for it."""
    from tsagent.host.process import PATH

    return {"PATH": "/opt/puppetlabs/bin:" + PATH}


def _install(context: "Context", settings: "Dict[str, Any]") -> "Optional[Change]":
    version = None if settings.get("version") is None else str(settings["version"])
    if not is_on(settings.get("install"), True):
        if version:
            context.warn("puppet.version is left alone: install is false")
        return None
    if settings.get("install_type") == "aio":
        words = []
        if version:
            words += ["-v", version]
        if settings.get("collection"):
            words += ["-c", str(settings["collection"])]
        if is_on(settings.get("cleanup"), True):
            words.append("--cleanup")
        url = settings.get("aio_install_url") or _INSTALLER
        what = "install Puppet by its own installer"
        return RunInstaller(url, words, what, check=lambda host: _look_own(host, version))
    manager = context.facts.os.package_manager
    names = [settings["package_name"]] if settings.get("package_name") else ["puppet-agent", "puppet"]
    install = InstallOneOf(names, version, program="puppet", manager=manager)
    if manager == "apt" and context.commands != "chroot":
        install.needs_live = True
    return install


def _look(host: "Host") -> "Probe":
    """Whether there is an agent at all."""
    there = host.which("puppet") is not None or host.root.exists(_OWN)
    return Probe(CONVERGED) if there else Probe(DIFFERS, "there is no program puppet")


def _look_own(host: "Host", version: "Optional[str]") -> "Probe":
    """Whether Puppet's own packages are there, of the version that is asked for."""
    if not host.root.exists(_OWN):
        return Probe(DIFFERS, "not installed")
    if version is None:
        return Probe(CONVERGED, "installed")
    said = host.run([_OWN, "--version"]).last_line()
    return Probe(CONVERGED, "installed") if said == version else Probe(DIFFERS, "installed: " + said)


def _layout(host: "Host") -> "Dict[str, str]":
    """Where the agent that is installed has its files, and who owns them."""
    from tsagent.host.accounts import find_user

    if host.root.exists(_OWN):
        top, ssl, owner = "/etc/puppetlabs/puppet", "/etc/puppetlabs/puppet/ssl", "root"
    else:
        top, ssl = "/etc/puppet", "/var/lib/puppet/ssl"
        owner = "puppet" if find_user(host.root, "puppet") is not None else "root"
    return {
        "conf_file": top + "/puppet.conf",
        "csr_attributes_path": top + "/csr_attributes.yaml",
        "ssl_dir": ssl,
        "owner": owner,
    }


def _settings(context: "Context", path: "Path", sections: "Dict[str, Dict[str, Any]]") -> "Change":
    from .conf import merged, text_of

    short, full = host_names(context)
    wanted: "Dict[str, Dict[str, str]]" = {}
    for name, values in sections.items():
        wanted[name] = {text_of(str(key)): text_of(value) for key, value in values.items()}
        if "certname" in wanted[name]:
            given = wanted[name]["certname"].replace("%f", full)
            certname = given.replace("%i", str(context.instance.get("instance_id") or short)).lower()
            facts = ["instance.instance_id"] if given != certname else []
            wanted[name]["certname"] = context.choose("certname", certname, "puppet.conf", facts)
    what = "set " + ", ".join("%s in [%s]" % (", ".join(wanted[name]), name) for name in wanted)
    return EditFile(path, lambda text: merged(text, wanted), what)


def _certificate(settings: "Dict[str, Any]", text: str, installed: Verify) -> "Iterator[Change]":
    owner = Later(installed, "owner")
    ssl = settings.get("ssl_dir")
    top: "Path" = ssl or Later(installed, "ssl_dir")
    certs: "Path" = ssl + "/certs" if ssl else Later(installed, "ssl_dir", "%s/certs")
    file: "Path" = ssl + "/certs/ca.pem" if ssl else Later(installed, "ssl_dir", "%s/certs/ca.pem")
    yield MakeDirectory(top, 0o771, owner=owner, group="root")
    yield MakeDirectory(certs, 0o755, owner=owner, group="root")
    yield WriteFile(file, text, 0o644, owner=owner, group="root", reason="puppet.conf.ca_cert")


def _attributes(settings: "Dict[str, Any]", installed: Verify) -> "Change":
    import yaml

    # It may hold the word that the server knows this machine by.
    text = yaml.safe_dump(settings["csr_attributes"], default_flow_style=False, allow_unicode=True)
    path: "Path" = settings.get("csr_attributes_path") or Later(installed, "csr_attributes_path")
    return WriteFile(path, text, 0o600, secret=True, reason="puppet.csr_attributes")
