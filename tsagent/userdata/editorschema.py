"""All keys as one JSON Schema, for editors of YAML: `editor_schema`.

Draft 7, which the editors' language servers take. What only the agent reads (`x-tsagent`) becomes what
editors show: deprecations, and the words for a pattern that does not fit.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

DRAFT = "http://json-schema.org/draft-07/schema#"
_SCHEMAS = ("items", "additionalProperties", "additionalItems", "not")
_LISTS = ("oneOf", "anyOf", "allOf")
_MAPS = ("properties", "patternProperties", "definitions")
_RULES = ("required", "dependencies", "oneOf", "anyOf", "allOf", "not")
_KEPT_OUT = ("$schema", "id", "x-tsagent")


def editor_schema(schemas: "Dict[str, Dict[str, Any]]") -> "Dict[str, Any]":
    """One schema of the keys of these schema files, by their modules' names."""
    from tsagent.userdata.cloud_init import recognised_keys
    from tsagent.userdata.unknownkeys import own_schema

    properties: "Dict[str, Any]" = {}
    definitions: "Dict[str, Any]" = {}
    rules = []
    for name, schema in sorted(schemas.items()) + [("", own_schema())]:
        for key, below in (schema.get("properties") or {}).items():
            made = _converted(below, name)
            if key not in properties:
                properties[key] = made
            elif properties[key] != made:
                # Two modules share it: what the second says counts, too; what it is called is told once.
                properties[key] = {
                    "title": properties[key].get("title", key),
                    "description": properties[key].get("description", ""),
                    "allOf": [properties[key], made],
                }
        for key, below in (schema.get("definitions") or {}).items():
            definitions[_reference(name, key)] = _converted(below, name)
        rule = {word: schema[word] for word in _RULES if word in schema}
        if rule:
            rules.append(_converted(rule, name))
    for key, reason in recognised_keys().items():
        if key not in properties:
            words = "Recognised, not acted on: %s." % reason
            properties[key] = {"title": "Without effect", "description": words}
    result: "Dict[str, Any]" = {
        "$schema": DRAFT,
        "title": "cloud-config",
        "description": "User data of tsagent: cloud-init's keys, and the agent's own.",
        "type": "object",
        "properties": {key: properties[key] for key in sorted(properties)},
        "additionalProperties": False,
        "definitions": {key: definitions[key] for key in sorted(definitions)},
    }
    if rules:
        result["allOf"] = rules
    return result


def _reference(name: str, key: str) -> str:
    return "%s.%s" % (name, key) if name else key


def _converted(schema: "Any", name: str) -> "Any":
    """A schema of Draft 4 with `x-tsagent` as one of Draft 7 without."""
    if not isinstance(schema, dict):
        return schema
    made: "Dict[str, Any]" = {}
    for word, value in schema.items():
        if word in _KEPT_OUT or (word == "default" and value is None):
            continue  # the language server of VS Code stumbles over null where it completes
        if word == "$ref":
            made[word] = "#/definitions/" + _reference(name, value[len("#/definitions/") :])
        elif word in _MAPS:
            made[word] = {key: _converted(below, name) for key, below in value.items()}
        elif word in _LISTS or (word == "items" and isinstance(value, list)):
            made[word] = [_converted(below, name) for below in value]
        elif word in _SCHEMAS:
            made[word] = _converted(value, name)
        elif word == "dependencies":
            made[word] = {key: _converted(below, name) for key, below in value.items()}
        else:
            made[word] = value
    for limit, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(made.get(exclusive), bool) and made.pop(exclusive) and limit in made:
            made[exclusive] = made.pop(limit)
    _tell(made, schema.get("x-tsagent") or {})
    if "$ref" in made and len(made) > 1:
        made.setdefault("allOf", []).append({"$ref": made.pop("$ref")})  # beside it nothing counts in Draft 7
    return made


def _tell(made: "Dict[str, Any]", said: "Dict[str, Any]") -> None:
    """Say to people what the agent knows of a value."""
    notes = []
    if said.get("deprecated"):
        made["deprecated"] = True
        made["deprecationMessage"] = "Deprecated"
        if isinstance(said["deprecated"], str):
            made["deprecationMessage"] += ": %s" % said["deprecated"]
        notes.append(made["deprecationMessage"] + ".")
    if isinstance(said.get("no_effect"), str):
        notes.append("Without effect: %s." % said["no_effect"])
    if isinstance(said.get("expected"), str) and "pattern" in made:
        made["patternErrorMessage"] = "Expected %s." % said["expected"]
    if notes:
        made["description"] = " ".join([made.get("description", "")] + notes).strip()
