"""The client of Tencent Cloud's instance metadata service.

`fetch` is the whole of it for a boot. Behaviour on faults, byte caps and time limits: `docs/sources.md`
and the docstrings of `transport` (one request) and `client` (retries).
"""

from tsagent.sources.imds.crawl import DEFAULT_BASE, credentials, fetch

__all__ = ["DEFAULT_BASE", "credentials", "fetch"]
