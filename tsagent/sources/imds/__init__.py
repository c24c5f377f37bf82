"""The client of Tencent Cloud's instance metadata service.

`crawl.fetch` is the whole of it for a boot. Behaviour on faults, byte caps and time limits stand in the
docstrings of `transport` (one request), `client` (retries) and `crawl` (what is asked).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from tsagent.host.clock import Clock
    from tsagent.sources.data import SourceData


def fetch(
    base_url: str,
    clock: "Clock",
    deadline: float = 120.0,
    trace: "Optional[Callable[[Any], None]]" = None,
    **limits: "Any",
) -> "SourceData":
    """Everything the metadata service at `base_url` says about this instance; see `crawl.fetch`."""
    from tsagent.sources.imds import crawl

    return crawl.fetch(base_url, clock, deadline, trace, **limits)


def credentials(base_url: str, clock: "Clock", role: "Optional[str]" = None) -> "Any":
    """The temporary credentials of the instance's role; see `crawl.credentials`."""
    from tsagent.sources.imds import crawl

    return crawl.credentials(base_url, clock, role)
