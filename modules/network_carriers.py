"""Which card is connected, where nothing says how the network is to be and there are several.

The module `network` gives that card DHCP. All cards are asked at once, so that neither a card without a
cable nor one whose network has no DHCP server holds up the others.
"""

from tsagent.changes.card_race import RaceCards
from tsagent.netconfig import choice, system
from tsagent.netconfig.cards import candidates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Union

    from tsagent.changes.base import Change
    from tsagent.registry.context import Context, Nothing


def plan(context: "Context") -> "Union[Nothing, List[Change]]":
    """Ask all cards, unless something says which, or there is no choice."""
    form, _, source = choice.configuration(context, context.settings.get("network") or {})
    if form:
        return context.nothing("%s says how the network is to be" % source)
    owned = system.owned_by_rdma_agent(context)
    cards = [card for card in candidates(context.facts.nics) if card["name"] not in owned]
    if len(cards) < 2:
        return context.nothing("there is only one card" if cards else "there is no network card")
    mac = context.instance.get("mac")
    if mac and any(card.get("mac") == mac.lower() for card in cards):
        return context.nothing("the metadata names the primary card")
    for card in cards:
        if card.get("ipv4"):
            return context.nothing("%s has an address already" % card["name"])
        foreign = system.configured_by_others(context, card)
        if foreign is not None:
            return context.nothing("%s is configured by %s already" % (card["name"], foreign))
    return [RaceCards([card["name"] for card in cards], reason=source)]
