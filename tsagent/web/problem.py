"""What can go wrong on the web. No text here holds anything of an answer."""

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Optional


class WebError(AgentError):
    """A call that brought nothing. `status` is the answer's, where there was one."""

    def __init__(
        self, message: str, code: str, hint: "Optional[str]" = None, status: "Optional[int]" = None
    ) -> None:
        super().__init__(message, code, hint)
        self.status = status


class Failure(Exception):
    """One try that failed. `retry`: another may do better; `wait`: seconds that the server asks for."""

    def __init__(
        self,
        code: str,
        words: str,
        retry: bool = False,
        wait: "Optional[float]" = None,
        status: "Optional[int]" = None,
        early: bool = False,
    ) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.retry = retry
        self.wait = wait
        self.status = status
        self.early = early  # a certificate that is not yet valid, as this machine's clock has it
