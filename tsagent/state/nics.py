"""The network cards that the metadata service has told of since the instance was set up."""

from tsagent.state import paths
from tsagent.state.store import read_state, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from tsagent.host import Tree

FORMAT = 1


def read_nics(tree: "Tree", instance_id: str) -> "Optional[List[Dict[str, Any]]]":
    """All cards as the service told of them last, each with its routing `table`; None where it was not asked
    again. Raises AgentError as `read_state` does.
    """
    found: "Optional[List[Dict[str, Any]]]" = read_state(tree, _path(instance_id), FORMAT, _nics)
    return found


def _nics(data: "Dict[str, Any]") -> "List[Dict[str, Any]]":
    if not all(isinstance(nic, dict) for nic in data["nics"]):
        raise TypeError("a card that is none")
    return list(data["nics"])


def write_nics(tree: "Tree", instance_id: str, nics: "List[Dict[str, Any]]") -> None:
    """Keep what the service says now."""
    write_json(tree, _path(instance_id), {"format": FORMAT, "nics": nics})


def with_nics(
    network: "Optional[Dict[str, Any]]", nics: "Optional[List[Dict[str, Any]]]"
) -> "Optional[Dict[str, Any]]":
    """An instance's network data, brought up to date: the service's own cards are replaced; beside another
    source's word they stand as `attached`, for the cards that it does not speak of.
    """
    if nics is None:
        return network
    if network is not None and network.get("format") == "imds":
        return dict(network, config={"nics": nics})
    return dict(network or {"format": "", "config": None}, attached=nics)


def _path(instance_id: str) -> str:
    return paths.instance_directory(instance_id) + "/nics.json"
