"""Changes that tell somebody on the web."""

from tsagent.changes.base import Change
from tsagent.web.urls import public

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence, Tuple

    from tsagent.host import Host

_LIMIT = 300.0  # seconds for all tries together, where the module's own limit is not shorter


class PostForm(Change):
    """Post a form to an address of the web, at most `tries` times until it is taken; live only.

    `fields` are names and values, in their order; only the names are shown. What cannot be reached, cuts
    the connection, or is busy, is asked again after a random wait; what refuses is not.
    """

    type = "post_form"
    needs_live = True
    repeat_visible = True

    def __init__(
        self,
        url: str,
        fields: "Sequence[Tuple[str, str]]",
        tries: int = 1,
        reason: str = "",
        requires: "Sequence[Change]" = (),
    ) -> None:
        super().__init__(public(url), reason, requires)
        self.url = url
        self.fields: "List[Tuple[str, str]]" = [(name, value) for name, value in fields]
        self.tries = max(1, tries)

    def payload(self) -> "Dict[str, Any]":
        return {"fields": [name for name, _ in self.fields]}

    def describe(self) -> str:
        return "post %s to %s" % (", ".join(name for name, _ in self.fields) or "nothing", self.target)

    def apply(self, host: "Host") -> "Optional[str]":
        answer = host.web.post(
            self.url, form=self.fields, deadline=_LIMIT, retries=self.tries - 1, limit=1 << 20
        )
        return "taken with status %d" % answer.status
