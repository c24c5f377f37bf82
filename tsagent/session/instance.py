"""Finding out which instance this is, and fetching what it is told, no more often than needed."""

from tsagent.sources import select
from tsagent.state import paths
from tsagent.state.identity import Identity, in_use, read_identity, read_machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional

    from tsagent.facts import Facts
    from tsagent.host import Host
    from tsagent.session.options import Options
    from tsagent.sources.data import SourceData
    from tsagent.state.config import Config


class Recognition:
    """What is known of the instance so far.

    `identity` is None while nobody has said which instance this is; then `url` is the metadata service
    to ask, or None where there is nobody to ask. `data` is what a local source has just said, None for a
    known instance. `adopted`: the machine was in use before the agent came.
    """

    def __init__(self, choice: "select.Choice", adopted: bool) -> None:
        self.choice = choice
        self.adopted = adopted
        self.identity: "Optional[Identity]" = None
        self.data: "Optional[SourceData]" = None
        self.url: "Optional[str]" = None
        self.known = False


def recognise(host: "Host", config: "Config", options: "Options", facts: "Facts") -> Recognition:
    """Decide without HTTP: by a local source's word, else by the machine the cached identity names.

    Raises AgentError for a local source that cannot be read, and UsageError for a bad `--source`.
    """
    choice = select.parse_source(options.source, config.sources)
    cached = read_identity(host.root)
    used = cached is None and not host.root.exists(paths.PENDING) and in_use(host.root)
    answer = Recognition(choice, bool(used))
    machine = read_machine(host)
    same_machine = cached is not None and cached.matches(machine)
    if choice.kind == select.NONE:
        if cached is not None and same_machine and cached.source == select.NONE:
            return _known(answer, cached)
        from tsagent.sources.data import SourceData

        return _told(answer, host, SourceData("none", "none", machine.name()), cached)
    found = select.find_local(host, choice, facts.dmi) if choice.kind != select.IMDS else None
    if found is not None:
        if cached is not None and same_machine and cached.source == found.kind:
            if cached.fingerprint == found.fingerprint:
                return _known(answer, cached)
        return _told(answer, host, select.read_local(host, found), cached)
    if cached is not None and same_machine and choice.kind in (select.AUTO, cached.source):
        return _known(answer, cached)
    answer.url = select.wants_imds(choice, facts.dmi)
    return answer


def ask(host: "Host", answer: Recognition, deadline: float) -> None:
    """Ask the metadata service which instance this is, for `deadline` seconds at most.

    Raises AgentError when it cannot be known.
    """
    if answer.url is None:
        raise select.no_source(answer.choice)
    from tsagent.sources import imds

    cached = read_identity(host.root)
    _told(answer, host, imds.fetch(answer.url, host.clock, deadline), cached)


def _known(answer: Recognition, cached: Identity) -> Recognition:
    answer.identity = cached
    answer.adopted = cached.adopted
    answer.known = True
    return answer


def _told(answer: Recognition, host: "Host", data: "SourceData", cached: "Optional[Identity]") -> Recognition:
    """A source has spoken: the same instance as before, or a new one."""
    machine = read_machine(host)
    same = cached is not None and cached.instance_id == data.instance_id
    if cached is not None:
        # A new instance on a machine the agent has run on before is a clone, never a machine to adopt.
        answer.adopted = cached.adopted if same else False
    answer.data = data
    answer.identity = Identity(
        {
            "instance_id": data.instance_id,
            "source": data.source,
            "origin": data.origin,
            "uuid": machine.uuid,
            "machine_id": machine.machine_id,
            "fingerprint": data.fingerprint,
            "adopted": answer.adopted,
        }
    )
    return answer
