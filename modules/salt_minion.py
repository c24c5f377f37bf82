"""Salt's minion: install it, write its configuration, grains and keys, and start it."""

from tsagent.changes import InstallOneOf, KeepService, MakeDirectory, RunProgram, StopService, WriteFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, Iterator[Change]]":
    """The package first: what it brings is then replaced."""
    settings = context.settings.get("salt_minion")
    if not isinstance(settings, dict):
        return context.nothing("salt_minion has no settings")
    return _changes(context, settings)


def _changes(context: "Context", settings: "Dict[str, Any]") -> "Iterator[Change]":
    manager = context.facts.os.package_manager
    install = InstallOneOf([settings.get("pkg_name") or "salt-minion"], manager=manager)
    if manager == "apt" and context.commands != "chroot":
        install.needs_live = True
    yield install
    directory = settings.get("config_dir")
    directory = directory if isinstance(directory, str) and directory else "/etc/salt"
    files: "List[str]" = []
    yield MakeDirectory(directory, 0o755)
    for key, name, secret in (("conf", "minion", True), ("grains", "grains", False)):
        if key in settings:
            files.append("%s/%s" % (directory, name))
            # The configuration may hold passwords, of a proxy or a returner.
            yield WriteFile(
                files[-1],
                _yaml(settings[key]),
                0o640 if secret else 0o644,
                secret=secret,
                reason="salt_minion." + key,
            )
    public, private = settings.get("public_key"), settings.get("private_key")
    if public and private:
        keys = settings.get("pki_dir")
        if not isinstance(keys, str) or not keys:  # YAML's !!binary is no path
            keys = directory + "/pki/minion"
        yield MakeDirectory(keys, 0o700)
        yield WriteFile(keys + "/minion.pub", public, 0o644, reason="salt_minion.public_key")
        yield WriteFile(keys + "/minion.pem", private, 0o600, secret=True, reason="salt_minion.private_key")
        files += [keys + "/minion.pub", keys + "/minion.pem"]
    elif public or private:
        missing = "private_key" if public else "public_key"
        context.warn("salt_minion has no %s; the key beside it is not written" % missing)
    service = settings.get("service_name") or "salt-minion"
    if (settings.get("conf") or {}).get("file_client") == "local":
        yield StopService([service], reason="file_client is local: there is no master")
        words = ["salt-call", "--local", "--config-dir", directory, "state.apply"]
        yield RunProgram(words, "apply Salt's states without a master", requires=[install])
    else:
        keep = KeepService([service], files, requires=[install])
        # Where the package is left to a running system, so is its unit.
        keep.needs_live = install.needs_live
        yield keep


def _yaml(value: "Any") -> str:
    import yaml

    text: str = yaml.safe_dump(value, default_flow_style=False, allow_unicode=True)
    return text
