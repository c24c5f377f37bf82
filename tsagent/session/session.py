"""A session: the state of one run over one root, shared by `run`, `plan` and `explain`."""

from tsagent.engine import results
from tsagent.engine.journal import Journal
from tsagent.errors import AgentError
from tsagent.facts import Facts
from tsagent.registry.discovery import discover, load_schemas
from tsagent.session import instance as instance_room
from tsagent.session.selection import Verdict, judge
from tsagent.session.switches import skipped_modules
from tsagent.state import paths
from tsagent.state.config import load_config
from tsagent.state.identity import settle, write_identity
from tsagent.state.snapshot import Snapshot, publish, read_snapshot, write_snapshot

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set

    from tsagent.host import Host
    from tsagent.registry.context import Context
    from tsagent.registry.metadata import ModuleInfo
    from tsagent.report import Report
    from tsagent.session.options import Options

STAGES = ("local", "network", "final")


class Session:
    """What one run knows: configuration, modules, the instance, its settings and journals.

    With `readonly` nothing is written: no cache, no journal, no snapshot.
    """

    def __init__(self, host: "Host", options: "Options", report: "Report", readonly: bool = False) -> None:
        self.host = host
        self.options = options
        self.report = report
        self.readonly = readonly
        self.config = load_config(host.root, use_cache=not readonly)
        host.proxy = self.config.proxy
        found = discover(host.root, use_cache=not readonly)
        self.modules = found.modules
        self.problems = list(self.config.problems) + found.problems
        self.off = skipped_modules(host) | set(self.config.disabled)
        for name in sorted(self.off - set(self.modules) - set(found.masked)):
            self.problems.append("there is no module %s to turn off" % name)
        if options.only and options.only not in self.modules:
            raise AgentError(
                "there is no module %s" % options.only, "no-such-module", "see 'tsagent modules'"
            )
        self.facts = Facts(host.hardware, host.root)
        host.facts = self.facts
        self.boot = host.hardware.text("/proc/sys/kernel/random/boot_id")
        self.recognition = instance_room.recognise(host, self.config, options, self.facts)
        self.snapshot: "Optional[Snapshot]" = None
        self._looked_at: "Optional[Set[str]]" = None
        self._asked = False
        self._schemas: "Optional[List[Dict[str, Any]]]" = None
        self._journals: "Dict[str, Journal]" = {}
        if self.recognition.identity is not None:
            self._establish()

    # -- the instance -------------------------------------------------------------------------

    @property
    def provisional(self) -> bool:
        """Whether it is not known yet which instance this is."""
        return self.snapshot is None

    @property
    def instance_id(self) -> "Optional[str]":
        """The id of the instance, None while it is provisional."""
        identity = self.recognition.identity
        return identity.instance_id if identity is not None else None

    def ask(self) -> None:
        """Ask the metadata service, where it is not known which instance this is; once in a run.

        Raises AgentError when it cannot be known.
        """
        if self.recognition.identity is None and not self._asked:
            self._asked = True
            instance_room.ask(self.host, self.recognition, self.config.imds_deadline)
            self._establish(network=True)

    @property
    def incomplete(self) -> bool:
        """Whether what the user data include is still to be fetched."""
        return self.snapshot is not None and self.snapshot.incomplete

    def complete(self) -> None:
        """Fetch what the user data include, where that had to wait for the network, and freeze all of it.

        Once for an instance: what cannot be fetched now is reported, and the rest is what it is told.
        """
        if self.snapshot is not None and self.snapshot.incomplete:
            self.snapshot = self._freeze(self.snapshot, network=True)
            self._publish()

    def _publish(self) -> None:
        if not self.readonly:
            assert self.snapshot is not None and self.instance_id is not None
            publish(self.host.root, self.snapshot, self.instance_id, self._image())

    def _image(self) -> "Dict[str, Any]":
        """The image's own settings, as top-level keys."""
        if not self.config.defaults and self.config.network is None:
            return {}
        from tsagent.session.settings import layer_of_defaults

        return layer_of_defaults(self.config, self.modules)[0]

    def _establish(self, network: bool = False) -> None:
        """Take up the snapshot of a known instance, or freeze that of a new one; `network`: which may be
        asked for what is included.
        """
        identity = self.recognition.identity
        assert identity is not None
        root = self.host.root
        snapshot = read_snapshot(root, identity.instance_id)
        network = network or "local" not in self.options.stages() or self.options.only is not None
        if snapshot is None:
            snapshot = self._freeze(network=network)
        elif self.options.user_data is not None and self._told_otherwise(snapshot):
            if self.options.again:
                snapshot = self._freeze(snapshot, network=network)
            else:
                self.problems.append(
                    "--user-data differs from what this instance was set up with and is not used "
                    "(--only MODULE --again uses it; tsagent clean starts anew)"
                )
        self.snapshot = snapshot
        if not self.readonly:
            if not self.recognition.known:
                write_identity(root, identity)
            settle(root, identity)
            self._publish()
        self.host.instance_dir = paths.instance_directory(identity.instance_id)
        self.facts = Facts(self.host.hardware, root, instance_type=snapshot.metadata.get("instance_type"))
        self.host.facts = self.facts
        self._journals.clear()

    def _freeze(self, former: "Optional[Snapshot]" = None, network: bool = False) -> Snapshot:
        from tsagent.session.includes import Includes
        from tsagent.session.settings import make_settings
        from tsagent.sources.data import SourceData

        source = self.recognition.data
        if source is None and former is not None:
            source = SourceData.from_json(former.source)
        if source is None:
            # The identity outlived its snapshot: a local source is read again, the service asked again.
            raise AgentError(
                "the settings of instance %s are gone" % self.instance_id,
                "no-snapshot",
                "run 'tsagent clean'",
            )
        if self.options.user_data is not None:
            source.user_data = _read_user_data(self.options.user_data)
        assert self.instance_id is not None
        includes = Includes(self.host, self.instance_id, network, keep=not self.readonly)
        settings, warnings = make_settings(
            self.config,
            self.modules,
            self.schemas(),
            source,
            self.host.root,
            includes.get,
            self.host.hardware.text("/proc/cmdline"),
        )
        snapshot = Snapshot(source.to_json(), settings, warnings, includes.waiting)
        if not self.readonly:
            write_snapshot(self.host.root, self.instance_id, snapshot, source)
            self.host.root.flush()
        return snapshot

    def _told_otherwise(self, snapshot: Snapshot) -> bool:
        from tsagent.sources.data import SourceData

        assert self.options.user_data is not None
        return SourceData.from_json(snapshot.source).user_data != _read_user_data(self.options.user_data)

    # -- modules ------------------------------------------------------------------------------

    def schemas(self) -> "List[Dict[str, Any]]":
        """The parsed schema files of all modules."""
        if self._schemas is None:
            self._schemas = load_schemas(self.host, self.modules)
        return self._schemas

    def secrets(self) -> "List[str]":
        """What must never be shown: each value of the settings that a schema marks secret, and the source's
        own.
        """
        from tsagent.userdata.secrets import secret_values

        if self.snapshot is None:
            return []
        values = sorted(secret_values(self.snapshot.config, self.schemas()))
        given = self.snapshot.source.get("sensitive", {}).values()
        return values + [value for value in given if isinstance(value, str)]

    def journal(self, info: "ModuleInfo") -> Journal:
        """The journal a module writes: of this boot, this instance, or of the machine's whole life."""
        if info.frequency == "always":
            path = paths.BOOT_JOURNAL
        elif info.frequency == "once":
            path = paths.ONCE_JOURNAL
        elif self.provisional:
            path = paths.PENDING + "/journal.jsonl"
        else:
            path = self.host.instance_dir + "/journal.jsonl"
        if path not in self._journals:
            journal = Journal(self.host.root, path, readonly=self.readonly)
            if info.frequency == "always":
                journal.start_boot(self.boot)
            self._journals[path] = journal
        return self._journals[path]

    def judge(self, info: "ModuleInfo") -> Verdict:
        """Whether a module is due now."""
        if info.name == "network" and self.host.root.exists(paths.NETWORK_TRIAL):
            return Verdict(True)  # it was cut off while it tried a configuration: the former one comes back
        config: "Dict[str, Any]" = {}
        scripts: "Set[str]" = set()
        if self.incomplete and not info.provisional and info.name not in self.off:
            return Verdict(False, results.PENDING, "waits for what the user data include")
        if self.snapshot is not None:
            config = self.snapshot.config
            scripts = {script["kind"] for script in self.snapshot.settings.scripts}
        return judge(
            info,
            self.journal(info),
            config,
            scripts,
            self.off,
            self.recognition.adopted,
            self.provisional,
            self._filled,
        )

    def _filled(self, directories: "List[str]") -> bool:
        return any(self.host.root.listdir(directory) for directory in directories)

    def upto(self, stage: str) -> "List[ModuleInfo]":
        """The modules of a stage and of those before it, in a steady order.

        An earlier stage's module is caught up with when it could not run in its own time.
        """
        last = STAGES.index(stage)
        return [
            info
            for info in sorted(self.modules.values(), key=lambda info: (STAGES.index(info.stage), info.name))
            if STAGES.index(info.stage) <= last
        ]

    def context(self, info: "ModuleInfo") -> "Context":
        """What one module may see."""
        from tsagent.registry.context import Context

        snapshot = self.snapshot
        config = snapshot.config if snapshot is not None else {}
        if snapshot is None and self.config.network is not None:
            config = {"network": self.config.network}
        settings = {key: config[key] for key in info.keys + info.reads if key in config}
        return Context(
            info.name,
            settings,
            self.facts,
            self.host.root,
            self.host.hardware,
            instance=snapshot.metadata if snapshot is not None else None,
            sensitive=snapshot.source.get("sensitive") if snapshot is not None else None,
            network=self._network() if snapshot is not None else None,
            scripts=snapshot.settings.scripts if snapshot is not None else [],
            provisional=self.provisional,
            commands=self.host.commands,
            disk=self.host.disk,
            service_url=self.service_url() if "network" in info.provides else None,
            asked=self.options.asked.get(info.name),
        )

    def _network(self) -> "Optional[Dict[str, Any]]":
        """The instance's network data, with the cards that have come since."""
        assert self.snapshot is not None and self.instance_id is not None
        told: "Optional[Dict[str, Any]]" = self.snapshot.source.get("network")
        if not self.host.root.exists(self.host.instance_dir + "/nics.json"):
            return told
        from tsagent.state.nics import read_nics, with_nics

        return with_nics(told, read_nics(self.host.root, self.instance_id))

    def service_url(self) -> "Optional[str]":
        """The metadata service that this machine should reach, whatever source told which instance it is."""
        from tsagent.sources.select import service_of

        identity = self.recognition.identity
        if identity is not None and identity.source == "imds" and identity.origin:
            return identity.origin
        return self.recognition.url or service_of(self.facts.dmi)

    def warnings(self) -> "List[str]":
        """What is wrong with the configuration, the modules and the settings."""
        if self.snapshot is None or self.incomplete:
            return self.problems
        return self.problems + self.snapshot.warnings

    def nothing_due(self) -> bool:
        """Whether no module of any stage has anything to do in this boot."""
        if self.provisional or self.incomplete:
            return False
        return not any(self.judge(info).due for info in self.modules.values())

    def look_again(self) -> None:
        """Forget the facts: between two stages the machine changes."""
        self.cards_looked_at()
        self.facts = Facts(self.host.hardware, self.host.root, instance_type=self.facts.instance_type)
        self.host.facts = self.facts

    def cards_looked_at(self) -> "Optional[Set[str]]":
        """The network cards whose queues were looked at last in this run; None where nobody has."""
        found = self.facts.__dict__.get("queues")
        if found is not None:
            self._looked_at = {card.name for card in found}
        return self._looked_at

    def close(self) -> None:
        """Close the journals, which may be used again."""
        for journal in self._journals.values():
            journal.close()


def skipped(info: "ModuleInfo", state: str, reason: str) -> "results.ModuleResult":
    """The result of a module that did not run."""
    result = results.ModuleResult(info.name, info.stage)
    result.state = state
    result.reason = reason
    return result


def _read_user_data(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read(64 << 20)
    except OSError as error:
        raise AgentError("%s: %s" % (path, error.strerror), code="unreadable") from None
