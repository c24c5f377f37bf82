"""`tsagent network attach`: network cards that were plugged in or taken out while the machine runs.

The metadata service is asked for its cards anew, and the module `network` does the rest, as for `tsagent
network apply`: what has not changed is not touched, and a configuration that loses the machine its way out
is taken back.
"""

from tsagent.errors import AgentError, LockedError
from tsagent.netconfig.readers.metadata import keep_tables
from tsagent.session.apply import MODULE, apply_network
from tsagent.session.cards import (
    cards_there,
    look_at_queues,
    not_wanted,
    note_cards,
    queues_wanted,
    remember_cards,
)
from tsagent.session.options import Options
from tsagent.session.session import Session
from tsagent.session.switches import off
from tsagent.state import paths
from tsagent.state.nics import read_nics, write_nics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Set

    from tsagent.engine.results import ModuleResult
    from tsagent.host import Host
    from tsagent.report import Report

# Seconds for the service to know a card that is there: it is told beside the machine, not before.
PATIENCE = 60.0
_PAUSE = 2.0  # seconds between two questions
_ANSWER = 30.0  # seconds for one answer; at a boot the network may be on its way
_LOCK = 120.0  # seconds for another run of the agent to end


class Attached:
    """What came of it: `reason` says why there was nothing to do; `result` is that of the module."""

    def __init__(self, reason: str = "", result: "Optional[ModuleResult]" = None) -> None:
        self.reason = reason
        self.result = result


def attach(host: "Host", report: "Report", source: str = "auto") -> Attached:
    """Ask, and apply what is new. Raises AgentError where the service does not answer."""
    why = off(host)
    if why is not None:
        host.root.unlink(paths.CARDS, missing_ok=True)  # udev's rule has nothing more to tell
        return Attached("the agent is turned off: %s" % why)
    cards = cards_there(host)  # what comes while this runs is looked at anew
    session = Session(host, Options(stage=MODULE, only=MODULE, source=source), report, readonly=True)
    why = not_wanted(session)
    url = session.service_url()
    queues = queues_wanted(session)
    try:
        if why is None and url is not None:
            answer = _attach(session, url, source)
            remember_cards(host, cards)
        else:
            answer = Attached(why or "this machine has no metadata service")
            if queues:
                note_cards(host, cards)
            else:
                host.root.unlink(paths.CARDS, missing_ok=True)
        return answer
    finally:
        if queues:
            look_at_queues(host)


def _attach(session: "Session", url: str, source: str) -> Attached:
    host = session.host
    assert session.instance_id is not None and session.snapshot is not None
    told = session.snapshot.source.get("network") or {}
    former = read_nics(host.root, session.instance_id)
    if former is None:
        former = told["config"]["nics"] if told.get("format") == "imds" else []
    nics = _ask(host, url, {nic["mac"] for nic in session.facts.nics if _is_card(nic)}, session.report)
    # What has been taken out may still be listed. One that is listed and yet to come is told of again.
    present = _addresses(session)
    nics = [nic for nic in nics if nic["mac"] in present or nic["primary"]]
    nics = keep_tables(former, nics)
    if _said(nics) == _said(keep_tables(former, former)):
        return Attached("the metadata service tells of no other cards")
    write_nics(host.root, session.instance_id, nics)
    return Attached(result=_apply(host, session.report, source))


def _said(nics: "List[Dict[str, Any]]") -> "List[Any]":
    """What of it makes a difference to the network's configuration."""
    keys = ("mac", "primary", "local_ipv4s", "prefix", "gateway", "table")
    return sorted([str(nic.get(key)) for key in keys] for nic in nics)


def _is_card(nic: "Any") -> bool:
    """Whether the service is to know it: a card that is no port of another with the same address."""
    mac = nic.get("mac") or ""
    return nic.get("kind") == "physical" and not nic.get("master") and len(mac) == 17


def _addresses(session: "Session") -> "Set[Optional[str]]":
    """The hardware addresses on this machine, those of bonds' ports included."""
    nics = session.facts.nics
    return {nic["mac"] for nic in nics} | {nic["permanent_mac"] for nic in nics}


def _ask(host: "Host", url: str, cards: "Set[str]", report: "Report") -> "List[Dict[str, Any]]":
    """The service's cards, once it knows all that are there; PATIENCE seconds at most."""
    from tsagent.sources.imds.nics import fetch_nics

    clock = host.clock
    end = clock.monotonic() + PATIENCE
    while True:
        nics = fetch_nics(url, clock, _ANSWER)
        unknown = cards - {nic["mac"] for nic in nics}
        if not unknown:
            return nics
        if clock.monotonic() + _PAUSE > end:
            words = "the metadata service does not know the cards %s" % ", ".join(sorted(unknown))
            report.message("warning", words)
            return nics
        clock.sleep(_PAUSE)


def _apply(host: "Host", report: "Report", source: str) -> "ModuleResult":
    end = host.clock.monotonic() + _LOCK
    while True:
        try:
            return apply_network(host, {}, report, source)
        except LockedError:
            if host.clock.monotonic() > end:
                raise
            host.clock.sleep(_PAUSE)


def failed(answer: Attached) -> "Optional[AgentError]":
    """The error that the module ended with."""
    from tsagent.engine import results

    result = answer.result
    if result is None or result.state in (results.DONE, results.NOTHING):
        return None
    return AgentError(result.reason or result.state, result.code or "network-attach")
