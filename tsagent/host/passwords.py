"""Hashing and checking passwords with the machine's own crypt(3).

A hash made here is sha512-crypt ("$6$"), which every supported distribution's login accepts. Checking
takes whatever the machine's libcrypt knows, yescrypt included.
"""

import os

from tsagent.errors import AgentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Optional, Sequence

    from tsagent.host.process import CommandResult

    Run = Callable[[Sequence[str], bytes], CommandResult]

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"  # crypt(5)
_SALT_LETTERS = 16  # the most sha512-crypt takes. Source: crypt(5)
_CRYPT_DATA = 1 << 18  # bytes; struct crypt_data is 131232 in glibc and 32768 in libxcrypt
_OPENSSL_METHODS = {"1": "-1", "5": "-5", "6": "-6"}  # of `openssl passwd`


def hash_password(plain: str, run: "Optional[Run]" = None) -> str:
    """The password as sha512-crypt with a random salt.

    `run(argv, stdin)` runs openssl where this Python has no crypt and libcrypt cannot be loaded.
    Raises AgentError `bad-password` for one that no login could be given, `no-crypt`.
    """
    if "\0" in plain or "\n" in plain or not plain:
        raise AgentError("a password is empty or holds a line break", "bad-password")
    salt = "".join(_ALPHABET[byte & 63] for byte in os.urandom(_SALT_LETTERS))
    hashed = _crypt(plain, "$6$" + salt, run)
    if hashed is None or not hashed.startswith("$6$"):
        raise AgentError(
            "this machine has no means to hash a password", "no-crypt", "give it hashed: mkpasswd -m sha-512"
        )
    return hashed


def verify(plain: str, hashed: str, run: "Optional[Run]" = None) -> "Optional[bool]":
    """Whether `hashed` is a hash of the password; None where the machine cannot tell."""
    if not hashed or hashed[0] in "!*" or "\0" in plain:
        return False
    again = _crypt(plain, hashed, run)
    if again is None or again.startswith("*"):  # crypt(3)'s failure token
        return None
    from hmac import compare_digest

    return compare_digest(again.encode("utf-8"), hashed.encode("utf-8"))


def random_password() -> str:
    """A password nobody has chosen: 20 characters, 120 bits, none easily mistaken for another."""
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789-_=+%@/"  # 64
    return "".join(letters[byte & 63] for byte in os.urandom(20))


def _crypt(plain: str, setting: str, run: "Optional[Run]") -> "Optional[str]":
    for way in (_by_module, _by_library):
        hashed = way(plain, setting)
        if hashed is not None:
            return hashed
    return _by_openssl(plain, setting, run) if run is not None else None


def _by_module(plain: str, setting: str) -> "Optional[str]":
    """Python's own module; gone since 3.13, deprecated before."""
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            import crypt
    except ImportError:
        return None
    try:
        return crypt.crypt(plain, setting)
    except OSError:
        return None  # a method this libcrypt does not know


def _by_library(plain: str, setting: str) -> "Optional[str]":
    import ctypes

    for name in ("libcrypt.so.2", "libcrypt.so.1"):
        try:
            function = ctypes.CDLL(name).crypt_r
        except (OSError, AttributeError):
            continue
        function.restype = ctypes.c_char_p
        function.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p]
        scratch = ctypes.create_string_buffer(_CRYPT_DATA)
        answer = function(plain.encode("utf-8"), setting.encode("utf-8"), scratch)
        ctypes.memset(scratch, 0, _CRYPT_DATA)  # it holds traces of the password
        return None if answer is None else bytes(answer).decode("ascii", "replace")
    return None


def _by_openssl(plain: str, setting: str, run: "Run") -> "Optional[str]":
    """`openssl passwd`, fed by its standard input; it takes no `rounds=`."""
    parts = setting.split("$")
    if len(parts) < 3 or parts[1] not in _OPENSSL_METHODS or parts[2].startswith("rounds="):
        return None
    try:
        result = run(
            ["openssl", "passwd", _OPENSSL_METHODS[parts[1]], "-salt", parts[2], "-stdin"],
            plain.encode("utf-8") + b"\n",
        )
    except AgentError:
        return None  # not installed
    return result.text.strip() if result.status == 0 else None
