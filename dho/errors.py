"""Errors that are meant to be read by people.

Every error a person or another system may meet derives from `DhoError`: `code` is stable and machine-readable, the message is one
sentence that says what is wrong and, where there is one, what to do. Nothing here knows of HTTP; `dashboards/problems.py` does that.
No message holds a name or an identity number.
"""


class DhoError(Exception):
    """Something the caller can understand and act on."""

    code = "error"


class SettingsError(DhoError):
    """A setting is missing, weak or contradicts another."""

    code = "settings"


class NotFound(DhoError):
    """It does not exist, or you may not know that it does: both look the same from outside."""

    code = "not_found"


class NotAllowed(DhoError):
    """Your role does not carry this right."""

    code = "not_allowed"


class Conflict(DhoError):
    """Somebody else changed it first; `current` is the version it has now."""

    code = "version_conflict"

    def __init__(self, message: str, current: int) -> None:
        super().__init__(message)
        self.current = current


class InvalidTransition(DhoError):
    """An alert or plan in this state cannot do that."""

    code = "invalid_transition"


class Invalid(DhoError):
    """What was sent cannot be used; `faults` points at every reason."""

    code = "invalid"

    def __init__(self, message: str, faults: "tuple[Fault, ...]" = ()) -> None:
        super().__init__(message)
        self.faults = faults


class Fault:
    """One reason why something was refused: where (JSON pointer), which code, and the sentence."""

    __slots__ = ("code", "detail", "pointer")

    def __init__(self, pointer: str, code: str, detail: str) -> None:
        self.pointer, self.code, self.detail = pointer, code, detail

    def __repr__(self) -> str:
        return f"Fault({self.pointer!r}, {self.code!r}, {self.detail!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fault) and (self.pointer, self.code) == (other.pointer, other.code)

    def __hash__(self) -> int:
        return hash((self.pointer, self.code))
