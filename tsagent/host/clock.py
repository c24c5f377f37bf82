"""Time, as the agent sees it: handed in, so that tests and budgets need no waiting."""

import time


class Clock:
    """The machine's clocks."""

    def time(self) -> float:
        """Seconds since the epoch; may jump when the machine learns the true time."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds since an arbitrary start; never jumps. Every deadline is kept with it."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
