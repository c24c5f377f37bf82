"""Which card carries the machine's own traffic, and which the race between several has found.

Looks only; the race itself is `tsagent.changes.card_race`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from tsagent.registry.context import Context

RACE = "/run/tsagent/card-race.json"  # what the race found in this boot


def candidates(nics: "Sequence[Any]") -> "List[Any]":
    """The cards that may be the primary one, in the kernel's order: no ports, nothing virtual, no IPoIB."""
    cards = [
        nic
        for nic in nics
        if nic.get("kind") == "physical" and not nic.get("master") and len(nic.get("mac") or "") <= 17
    ]
    cards.sort(key=lambda nic: (nic.get("ifindex") or 0, nic["name"]))
    return cards


def primary_nic(
    nics: "Sequence[Any]", mac: "Optional[str]" = None, raced: "Optional[Dict[str, Any]]" = None
) -> "Tuple[Optional[Any], str]":
    """The card that carries the machine's own traffic, and why it is this one.

    By the metadata's hardware address where there is one, else the one whose answer was the first when
    all were asked at once (`raced`, see `race_result`), else the first with a carrier, else the first.
    """
    cards = candidates(nics)
    if mac:
        for nic in cards:
            if (nic.get("mac") or "") == mac.lower():
                return nic, "it has the hardware address that the metadata names"
    if raced is not None:
        for nic in cards:
            if nic["name"] == raced.get("card"):
                return nic, str(raced.get("why"))
    for nic in cards:
        if nic.get("carrier"):
            return nic, "it is the first card with a carrier"
    if cards:
        return cards[0], "it is the first card; none tells of a carrier"
    return None, "there is no card"


def race_result(context: "Context") -> "Optional[Dict[str, Any]]":
    """What the race in this boot found: `card`, a name, and `why`. None where there was none."""
    from tsagent.quickjson import loads

    data = context.read(RACE)
    if data is None:
        return None
    try:
        found = loads(data.decode("utf-8"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
