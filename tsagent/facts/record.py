"""Plain JSON data that reads like an object."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional


class Record(dict):  # type: ignore[type-arg]
    """A dict whose keys are attributes too: `record.model` is `record["model"]`.

    A key that is not there raises AttributeError, so a misspelt name is found; a fact that is not
    known is there and None. Only strings, numbers, booleans, None, lists and records are put into it.
    """

    def __getattr__(self, name: str) -> "Any":
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                "no fact named %r here; there are: %s" % (name, ", ".join(sorted(map(str, self))))
            ) from None

    def __setattr__(self, name: str, value: "Any") -> None:
        self[name] = value


class Records(list):  # type: ignore[type-arg]
    """A section that is a list of records. `problem` says why it may be incomplete, else None."""

    problem: "Optional[str]" = None


def as_record(value: "Any", keys: "List[str]") -> Record:
    """`value`, a mapping, as a Record in which each of `keys` is present (None where it was not)."""
    record = Record((key, None) for key in keys)
    for key, item in value.items():
        record[key] = as_records(item)
    return record


def as_records(value: "Any") -> "Any":
    """`value` with every mapping in it, however deep, as a Record."""
    if isinstance(value, dict):
        return Record((key, as_records(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return [as_records(item) for item in value]
    return value
