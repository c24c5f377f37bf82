"""What a run is asked to do."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional, Tuple

STAGES = ("local", "network", "final")


class Options:
    """The options of `run`, `plan` and `explain`; see docs/command-line.md."""

    def __init__(
        self,
        stage: str = "all",
        only: "Optional[str]" = None,
        again: bool = False,
        source: str = "auto",
        user_data: "Optional[str]" = None,
        workers: int = 4,
        debug: bool = False,
    ) -> None:
        self.stage = stage
        self.only = only
        self.again = again
        self.source = source
        self.user_data = user_data
        self.workers = workers
        self.debug = debug

    def stages(self) -> "Tuple[str, ...]":
        """The stages asked for, in their order."""
        return STAGES if self.stage == "all" else (self.stage,)
