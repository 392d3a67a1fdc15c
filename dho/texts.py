"""Every sentence a user reads, in bokmål, nynorsk and English.

Catalogues are gettext files (`<package>/locale/<language>….po`) with symbolic message ids ("alert.threshold.below"), so that the same
key renders on the server, in an alert's `text` and in the browser. Arguments are named: `%(value)s`. A missing key shows itself as the key,
and a test fails for it.
"""

from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path

from babel.messages.pofile import read_po
from babel.numbers import format_decimal

LANGUAGES = ("nb", "nn", "en")
DEFAULT = "nb"
_ROOT = Path(__file__).parent.parent


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All messages of one language, from every package's catalogue."""
    messages: dict[str, str] = {}
    for path in sorted(_ROOT.glob(f"*/locale/{language}*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                if message.id:
                    messages[str(message.id)] = str(message.string)
    return messages


def number(value: Decimal, language: str) -> str:
    """A number as the reader writes it (37,8 in Norwegian), with the digits it came with."""
    digits = max(0, -int(value.as_tuple().exponent))
    return format_decimal(value, format=f"#,##0.{'0' * digits}" if digits else "#,##0", locale=language)


def render(key: str, args: Mapping[str, object] | None = None, language: str = DEFAULT) -> str:
    """The sentence for `key`. Decimal arguments are written in the language's way; an argument `{"key": …}` is rendered first."""
    text = catalogue(language if language in LANGUAGES else DEFAULT).get(key, key)
    if not args:
        return text
    return text % {name: _shown(value, language) for name, value in args.items()}


def _shown(value: object, language: str) -> object:
    if isinstance(value, Decimal):
        return number(value, language)
    if isinstance(value, Mapping) and "key" in value:
        nested = value.get("args")
        return render(str(value["key"]), nested if isinstance(nested, Mapping) else None, language)
    return value
