"""Python types of the JSON Schema that our pydantic models make."""

from __future__ import annotations

import json
from typing import Any

_SCALARS = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
#: What says nothing about a value.
_WORDS_ONLY = {"title", "description", "default", "examples"}


class Types:
    """Python types of schemas. ``open_enums``: words of a newer server are text, not an error."""

    def __init__(
        self, schemas: dict[str, Any], names: dict[str, str], prefix: str = "", open_enums: bool = False
    ) -> None:
        self._schemas, self._names, self._prefix, self._open = schemas, names, prefix, open_enums

    def of(self, schema: Any) -> str:
        """The annotation. Raises ValueError for a schema that this script does not know."""
        if schema is True or not set(schema) - _WORDS_ONLY:
            return "Any"
        if "$ref" in schema:
            return self._named(schema["$ref"].rpartition("/")[2])
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return " | ".join(dict.fromkeys(self.of(part) for part in schema[key]))
        if "allOf" in schema and len(schema["allOf"]) == 1:
            return self.of(schema["allOf"][0])
        if "const" in schema:
            return f"Literal[{schema['const']!r}]"
        if "enum" in schema:
            words = f"Literal[{', '.join(map(repr, schema['enum']))}]"
            return f"Annotated[{words} | str, _OPEN]" if self._open else words
        if isinstance(schema.get("type"), list):
            return " | ".join(self.of({**schema, "type": kind}) for kind in schema["type"])
        return self._typed(schema)

    def _named(self, name: str) -> str:
        schema = self._schemas[name]
        if schema == {}:
            return "Any"
        own = self._prefix + self._names[name]
        return f"Annotated[{own} | str, _OPEN]" if self._open and "enum" in schema else own

    def _typed(self, schema: dict[str, Any]) -> str:
        match schema.get("type"):
            case "array" if "prefixItems" in schema:
                return f"tuple[{', '.join(self.of(part) for part in schema['prefixItems'])}]"
            case "array":
                return f"list[{self.of(schema.get('items', {}))}]"
            case "object" if "properties" not in schema:
                return f"dict[str, {self.of(schema.get('additionalProperties', {}))}]"
            case "string" if schema.get("format") == "date-time":
                return "datetime"
            case "string" if schema.get("format") == "date":
                return "date"
            case str() as kind if kind in _SCALARS:
                return _SCALARS[kind]
        raise ValueError(f"this script does not know such a schema: {json.dumps(schema)[:300]}")
