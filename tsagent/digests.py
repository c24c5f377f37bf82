"""SHA-256 without importing `hashlib`, which loads OpenSSL: some two milliseconds of every boot."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import sha256
else:
    try:
        from _sha256 import sha256  # up to Python 3.11
    except ImportError:
        try:
            from _sha2 import sha256  # since Python 3.12
        except ImportError:
            from hashlib import sha256

__all__ = ["sha256"]
