"""What a run is asked to do."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Tuple

STAGES = ("local", "network", "final")


class Options:
    """The options of `run`, `plan` and `explain`; see docs/command-line.md.

    `asked` is what a command of its own asks of one module: by the module's name, what its context shows.
    """

    def __init__(
        self,
        stage: str = "all",
        only: "Optional[str]" = None,
        again: bool = False,
        source: str = "auto",
        user_data: "Optional[str]" = None,
        workers: int = 4,
        debug: bool = False,
        asked: "Optional[Dict[str, Dict[str, Any]]]" = None,
    ) -> None:
        self.stage = stage
        self.only = only
        self.again = again
        self.source = source
        self.user_data = user_data
        self.workers = workers
        self.debug = debug
        self.asked = asked or {}

    def stages(self) -> "Tuple[str, ...]":
        """The stages asked for, in their order."""
        return STAGES if self.stage == "all" else (self.stage,)
