"""Names and arguments as the system takes them, whatever the locale.

Python 3.6 in the C locale, as at boot, takes the system's encoding for ASCII and refuses every other
letter of a path or an argument. Files are named in UTF-8 all the same: such text is handed on in the
escaped form that Python turns into its very bytes.
"""

import sys

_UTF8 = sys.getfilesystemencoding().lower().replace("-", "") == "utf8"


def native(text: str) -> str:
    """The text so that the operating system gets it in UTF-8; what is so already stays as it is."""
    if _UTF8:
        return text
    return text.encode("utf-8", "surrogateescape").decode("ascii", "surrogateescape")
