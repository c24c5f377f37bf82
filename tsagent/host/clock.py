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

    def synchronised(self) -> bool:
        """Whether the kernel has been told the true time (by chrony, ntpd, timesyncd, the hypervisor)."""
        import ctypes

        try:
            # All zero: nothing is set. TIME_ERROR is 5. Source: adjtimex(2); the structure has 208 bytes.
            state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))
        except (OSError, AttributeError):
            return False
        return state not in (-1, 5)
