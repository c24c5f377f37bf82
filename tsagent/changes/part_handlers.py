"""A part handler of the user's: Python that takes parts of user data, in a process of its own."""

import os

from tsagent.changes.commands import UserScript

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

    from tsagent.changes.base import Change
    from tsagent.host import Host

LIMIT = 300  # seconds: the login waits for it
_PYTHONS = ("/usr/bin/python3", "/usr/local/bin/python3", "/usr/libexec/platform-python")


class RunPartHandler(UserScript):
    """Run a part handler by cloud-init's protocol, with the parts that are for it.

    `source` is its Python; `parts` are dicts of `type`, `name`, `content` (bytes) and `headers`. It is
    never loaded into the agent. Its output goes where that of the user's commands goes; LIMIT ends it.
    """

    type = "run_part_handler"

    def __init__(
        self,
        name: str,
        source: bytes,
        parts: "List[Dict[str, Any]]",
        hostname: "Optional[str]" = None,
        env: "Optional[Dict[str, str]]" = None,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        prefix = ["timeout", "-k", "10", str(LIMIT)]
        super().__init__(name, b"", env, "part handler", reason, requires, prefix)
        self.source = source
        self.parts = parts
        self.hostname = hostname

    def payload(self) -> "Dict[str, Any]":
        return {"bytes": len(self.source), "parts": len(self.parts)}

    def describe(self) -> str:
        return "run %s with %d parts" % (self.target, len(self.parts))

    def apply(self, host: "Host") -> "Optional[str]":
        import base64
        import json

        def text(data: bytes) -> str:
            return base64.b64encode(data).decode("ascii")

        given = {
            "name": self.name,
            "source": text(self.source),
            "instance_id": self.env.get("INSTANCE_ID") or os.path.basename(host.instance_dir),
            "hostname": self.hostname,
            "parts": [dict(part, content=text(part["content"])) for part in self.parts],
        }
        with open(os.path.join(os.path.dirname(__file__), "part_handler_driver.py"), "rb") as stream:
            driver = stream.read()
        data = text(json.dumps(given).encode("ascii")).encode("ascii")
        driver = driver.replace(b'DATA = ""', b'DATA = "%s"' % data, 1)
        self.content = b"#!%s\n" % self._python(host).encode("utf-8") + driver
        return super().apply(host)

    def _python(self, host: "Host") -> str:
        """The interpreter to name: of the tree that it runs in, else the first on the path."""
        if host.live or host.commands == "chroot":
            for path in _PYTHONS:
                if host.root.exists(path):
                    return path
        return "/usr/bin/env python3"
