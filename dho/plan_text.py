"""From the text of a plan document (JSON or YAML) to plain values, with every number exactly as written.

YAML is read as JSON with fewer quotation marks: numbers stay decimals, only `true` and `false` are booleans, times such as 18:00 stay
text (YAML 1.1 would read 1080), and aliases, tags and doubled keys are refused.
"""

import json
import re
from collections.abc import Callable, Hashable
from decimal import Decimal
from typing import Any

import yaml

from dho.errors import Fault, Invalid

LARGEST = 262_144


def read_document(text: str | bytes) -> dict[str, Any]:
    """The document as plain values (dict, list, str, int, Decimal, bool, None).

    Raises `Invalid` with one fault if it is not UTF-8, too large, not JSON or YAML, holds a doubled key, or is not an object.
    """
    if len(text) > LARGEST:
        raise _refused("too_large", f"A plan document may be at most {LARGEST} bytes.")
    try:
        plain = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise _refused("bad_text", "The document is not UTF-8.") from error
    try:
        value = _json(plain) if plain.lstrip().startswith(("{", "[")) else _yaml(plain)
    except RecursionError as error:
        raise _refused("malformed", "The document is nested too deeply.") from error
    if not isinstance(value, dict):
        raise _refused("wrong_type", "A plan document is an object with named members.")
    return value


def _refused(code: str, detail: str) -> Invalid:
    return Invalid(detail, (Fault("", code, detail),))


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_constant, object_pairs_hook=_members)
    except ValueError as error:
        raise _refused("malformed", f"The document is not JSON: {error}.") from error


def _constant(word: str) -> Any:
    raise _refused("wrong_type", f"{word} is not a number.")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _refused("duplicate_key", f"The key `{key}` stands twice in one object.")
        found[key] = value
    return found


class _Loader(yaml.SafeLoader):
    """Safe loader with the scalars of JSON and nothing else."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise _refused("malformed", "Aliases are not read in a plan document.")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Hashable, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise _refused("malformed", "An object was expected.")
        pairs = [(str(self.construct_object(key, True)), self.construct_object(value, True)) for key, value in node.value]
        return dict(_members(pairs).items())


def _written(number: Callable[[str], Any]) -> Callable[[yaml.SafeLoader, yaml.Node], Any]:
    return lambda loader, node: number(str(node.value))


_NUMBER_START = list("-0123456789")
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:null|~|)$"), ["n", "~", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?(?:0|[1-9][0-9]*)$"), _NUMBER_START)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?$"), _NUMBER_START
)
_Loader.add_constructor("tag:yaml.org,2002:float", _written(Decimal))
_Loader.add_constructor("tag:yaml.org,2002:int", _written(int))


def _yaml(text: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader with fewer types)
    except (yaml.YAMLError, ArithmeticError, ValueError) as error:
        raise _refused("malformed", f"The document is not YAML: {' '.join(str(error).split())}.") from error
