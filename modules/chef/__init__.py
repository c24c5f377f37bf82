"""Chef: write the client's configuration, install the client where it is missing, run it where asked."""

from tsagent.changes import (
    CONVERGED,
    DIFFERS,
    InstallOneOf,
    InstallPackages,
    MakeDirectory,
    Probe,
    RemoveFile,
    RunInstaller,
    RunProgram,
    WriteFile,
)
from tsagent.changes.flags import is_on
from tsagent.userdata.binary import as_text

from .client import DEFAULTS, configuration, parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional, Tuple, Union

    from tsagent.changes.base import Change
    from tsagent.host import Host
    from tsagent.registry.context import Context, Nothing

_CLIENT = "/usr/bin/chef-client"
_INSTALLER = "https://www.chef.io/chef/install.sh"
_DIRECTORIES = (
    "/etc/chef",
    "/var/log/chef",
    "/var/lib/chef",
    "/var/chef/cache",
    "/var/chef/backup",
    "/var/run/chef",
)
# As a daemon, every half an hour, give or take 20 seconds. Source: chef-client(8)
_ARGUMENTS = ["-d", "-i", "1800", "-s", "20"]
_RUBY = {"apt": ["ruby", "ruby-dev", "gcc", "make"], "": ["ruby", "ruby-devel", "rubygems", "gcc", "make"]}
_PEM = "-----BEGIN"


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """Directories, keys and configuration first: a package may start the client at once."""
    settings = context.settings.get("chef")
    if not isinstance(settings, dict) or not settings:
        return context.nothing("chef has no settings")
    return _changes(context, as_text(settings))


def _changes(context: "Context", settings: "Dict[str, Any]") -> "Iterator[Change]":
    made = []
    for path in list(settings.get("directories") or _DIRECTORIES) + ["/etc/chef"]:
        if path not in made:
            made.append(path)
            yield MakeDirectory(path, None)
    settings, key = _validation(context, dict(settings))
    # A machine that has a key of its own needs the validator's no more.
    registered = is_on(settings.get("delete_validation_post_exec")) and context.exists(_client_key(settings))
    if registered:
        yield RemoveFile(settings["validation_key"], "the machine has registered")
    elif key is not None:
        yield WriteFile(
            settings["validation_key"], key, 0o600, secret=True, reason="the key new machines register with"
        )
    for name in ("server_url", "validation_name"):
        if not settings.get(name):
            context.warn("chef.%s is not set; the client's configuration has none" % name)
    values = parameters(settings, str(context.instance.get("instance_id") or ""))
    for path in _parents(values):
        if path not in made:
            made.append(path)
            yield MakeDirectory(path, None)
    yield WriteFile(
        settings.get("config_path") or "/etc/chef/client.rb", configuration(context, values), 0o644
    )
    first = settings.get("firstboot_path", DEFAULTS["json_attribs"])
    if first:
        # Attributes are where people put passwords, and the client that reads them is root's.
        yield WriteFile(
            first, _first_boot(settings), 0o600, secret=True, reason="run_list and initial_attributes"
        )
    installs = list(_install(context, settings))
    yield from installs
    if is_on(settings.get("exec"), settings.get("install_type") == "gems"):
        words = settings.get("exec_arguments", _ARGUMENTS)
        words = list(words) if isinstance(words, list) else [words]
        run = RunProgram([_CLIENT] + words, "run chef-client", requires=installs)
        yield run
        goes_on = {"-d", "--daemonize"} & set(words)
        if is_on(settings.get("delete_validation_post_exec")) and not registered and not goes_on:
            yield RemoveFile(settings["validation_key"], "delete_validation_post_exec", requires=[run])


def _validation(context: "Context", settings: "Dict[str, Any]") -> "Tuple[Dict[str, Any], Optional[str]]":
    """The settings with a path at `validation_key`, and what is to be written there."""
    path = settings.get("validation_key") or DEFAULTS["validation_key"]
    content = settings.get("validation_cert")
    if _PEM in path:
        # Configurations of old have the key itself in the place of its path.
        context.warn("chef.validation_key is a key and not a path; it is written to %s" % _default_key())
        settings["validation_cert"] = content = path
        path = _default_key()
    settings["validation_key"] = path
    if content == "system":
        if not context.exists(path):
            context.warn("chef.validation_cert is system, and there is no %s" % path)
        return settings, None
    return settings, content


def _client_key(settings: "Dict[str, Any]") -> str:
    return str(settings.get("client_key") or DEFAULTS["client_key"])


def _default_key() -> str:
    return str(DEFAULTS["validation_key"])


def _parents(values: "Dict[str, Any]") -> "List[str]":
    """The directories of the files that the configuration names."""
    names = ["log_location", "validation_key", "client_key", "json_attribs", "pid_file"]
    names.append("encrypted_data_bag_secret")
    paths = [str(values[name]).rpartition("/")[0] for name in names if values.get(name)]
    paths += [str(values[name]) for name in ("file_cache_path", "file_backup_path") if values.get(name)]
    return [path for path in paths if path.startswith("/")]


def _retries(value: "Any") -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 5


def _first_boot(settings: "Dict[str, Any]") -> str:
    import json

    data: "Dict[str, Any]" = {}
    if "run_list" in settings:
        data["run_list"] = settings["run_list"]
    data.update(settings.get("initial_attributes") or {})
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _install(context: "Context", settings: "Dict[str, Any]") -> "Iterator[Change]":
    forced = is_on(settings.get("force_install"))
    if not forced and context.exists(_CLIENT):
        return
    manager = context.facts.os.package_manager
    kind = settings.get("install_type") or "packages"

    def look(host: "Host") -> "Probe":
        there = host.root.exists(_CLIENT) and not forced
        return Probe(CONVERGED, "%s is there" % _CLIENT) if there else Probe(DIFFERS, "not installed")

    if kind == "omnibus":
        version = settings.get("omnibus_version")
        yield RunInstaller(
            settings.get("omnibus_url") or _INSTALLER,
            ["-v", str(version)] if version else [],
            "install Chef by its own installer",
            _retries(settings.get("omnibus_url_retries")),
            look,
        )
        return
    if kind == "gems":
        ruby = InstallPackages(_RUBY.get(str(manager), _RUBY[""]), manager, "the gem needs Ruby")
        ruby.needs_live = True
        yield ruby
        words = ["gem", "install", "chef", "--no-document", "--bindir", "/usr/bin", "--quiet"]
        words += ["--version", str(settings["version"])] if settings.get("version") else []
        yield RunProgram(words, "install the gem chef", check=look, requires=[ruby])
        return
    package = InstallOneOf(["chef"], program=_CLIENT, manager=manager)
    if manager == "apt" and context.commands != "chroot":
        package.needs_live = True
    yield package
