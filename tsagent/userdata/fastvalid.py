"""Saying "valid" without importing `jsonschema`: validators generated when the package was built.

They are looked up by the digest of the subschema they were made from, so that a schema that was changed
or dropped in since is never judged by an older validator.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional


def fast_valid(
    config: "Dict[str, Any]", key: str, schema: "Dict[str, Any]", validators: "Any" = None
) -> "Optional[bool]":
    """Whether `config[key]` is valid by the generated validator: True, or False for "ask jsonschema".

    None when no validator was generated from this very subschema. `validators` maps digests to functions
    (default: those of this installation; {} for none).
    """
    if validators is None:
        validators = generated()
    if not validators:
        return None
    make = validators.get(digest(schema, key))
    if make is None:
        return None
    try:
        make()(config[key])
    except ValueError:
        return False
    return True


def generated() -> "Dict[str, Any]":
    """The validators of this installation; {} in a checkout without them."""
    try:
        from tsagent.userdata.validators_generated import VALIDATORS  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return {}
    return VALIDATORS  # type: ignore[no-any-return,unused-ignore]


def digest(schema: "Dict[str, Any]", key: str) -> str:
    """A digest of all that decides whether a value of `key` is valid."""
    from tsagent.digests import sha256
    from tsagent.quickjson import dumps

    parts = [key, schema["properties"][key], schema.get("definitions")]
    return sha256(dumps(parts, sort_keys=True).encode("ascii")).hexdigest()[:32]
