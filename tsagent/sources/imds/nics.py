"""The network cards that the metadata service knows of now, and nothing else it knows."""

from tsagent.errors import AgentError
from tsagent.sources.imds import shapes
from tsagent.sources.imds.client import Client
from tsagent.sources.imds.crawl import ROOT, Crawl
from tsagent.sources.imds.transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

    from tsagent.host.clock import Clock


def fetch_nics(base_url: str, clock: "Clock", deadline: float) -> "List[Dict[str, Any]]":
    """Each card as a boot's crawl has it; `deadline` bounds the whole, in seconds.

    Raises AgentError as `crawl.fetch` does, and `imds-incomplete` where only a part could be had: cards
    that are not in the answer would be taken for gone.
    """
    base = base_url.rstrip("/")
    transport = Transport(base, clock)
    client = Client(transport, clock, deadline)
    try:
        path = ROOT + "network/interfaces/macs/"
        if client.required(path, shapes.listing) is None:
            raise AgentError(
                "metadata service: GET %s%s: absent (404)" % (base, path),
                "imds-bad-answer",
                "this is no metadata service of Tencent Cloud; check the address given with imds:",
            )
        nics = Crawl(client, base).nics()
    finally:
        transport.close()
    if client.warnings:
        raise AgentError("the metadata service told only a part: %s" % client.warnings[0], "imds-incomplete")
    return nics
