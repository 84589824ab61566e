"""What can be said about a script: `Severity`, `Kind`, `Diagnostic`, and the exceptions by stage.

A kind is data (its fields say what happened); how it is shown belongs to the front ends. The
exceptions are few, one a stage, and only carry diagnostics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum, unique
from typing import ClassVar, NamedTuple

from numscript.script import NOWHERE, Position, Script, Span


@unique
class Severity(IntEnum):
    """How bad it is; the numbers are those that editors use."""

    ERROR = 1
    WARNING = 2
    INFORMATION = 3
    HINT = 4

    @property
    def word(self) -> str:
        """The severity in lower case, as it is printed."""
        return self.name.lower()


LONGEST_SHOWN = 200
"""How many characters of a long value a message repeats."""


class Kind:
    """One kind of error or warning. Each kind is a subclass in `numscript.errors`.

    `code` never moves and never returns; `text` is filled with the fields; `hint` says what to do
    and may be empty; `reference` holds the names that Formance's implementation has for it.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    reference: ClassVar[tuple[str, ...]] = ()
    text: ClassVar[str]
    hint_text: ClassVar[str] = ""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *(str(value) for value in self.__dict__.values())))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({inside})"

    @property
    def fields(self) -> dict[str, object]:
        """What happened, by the names that the kind's page lists."""
        return dict(self.__dict__)

    @property
    def message(self) -> str:
        """The kind in one sentence."""
        return type(self).text.format_map(self._shown())

    @property
    def hint(self) -> str:
        """What to do about it, or nothing."""
        return self.hint_text.format_map(self._shown())

    def _shown(self) -> dict[str, object]:
        """The fields as a sentence can hold them."""
        return {name: _cut(value) for name, value in self.__dict__.items()}

    @property
    def refuses(self) -> bool:
        """Whether `compile` refuses a script that has it: the 1xx and 2xx kinds."""
        return self.code < "NUM3"


def _cut(value: object) -> object:
    """A value that is shown: long text is cut and says so, and so are numbers."""
    if isinstance(value, int) and value.bit_length() > 4 * 2 * LONGEST_SHOWN:
        return f"a number of about {value.bit_length() * 1233 // 4096 + 1:,} digits"
    if isinstance(value, str) and len(value) > 2 * LONGEST_SHOWN:
        return f"{value[:LONGEST_SHOWN]}... ({len(value):,} characters)"
    return value


class Diagnostic(NamedTuple):
    """A kind at a place of a script."""

    kind: Kind
    span: Span
    script: Script
    severity: Severity

    @property
    def code(self) -> str:
        """The kind's stable code."""
        return self.kind.code

    @property
    def message(self) -> str:
        """The kind in one sentence."""
        return self.kind.message

    @property
    def hint(self) -> str:
        """What to do about it, or nothing."""
        return self.kind.hint

    @property
    def start(self) -> Position:
        """Where it starts, from line 0 and column 0."""
        return self.script.position(self.span.start)

    @property
    def end(self) -> Position:
        """Where it ends, from line 0 and column 0."""
        return self.script.position(self.span.end)

    def __str__(self) -> str:
        if self.script is _NO_SCRIPT:
            return f"{self.severity.word} {self.code}: {self.message}"
        line, column = self.start
        place = f"{self.script.name}:{line + 1}:{column + 1}"
        return f"{place}: {self.severity.word} {self.code}: {self.message}"

    def to_dict(self) -> dict[str, object]:
        """The diagnostic as JSON shows it; lines and columns count from 1."""
        start, end = self.start, self.end
        return {
            "code": self.code,
            "severity": self.severity.word,
            "message": self.message,
            "hint": self.hint,
            "file": self.script.name,
            "start": {"line": start.line + 1, "column": start.column + 1},
            "end": {"line": end.line + 1, "column": end.column + 1},
            "fields": {name: plain(value) for name, value in self.kind.fields.items()},
        }


def plain(value: object) -> object:
    """A field as JSON can hold it: whole numbers and text as they are, the rest as text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return [plain(item) for item in value]
    return str(value)


class NumscriptError(Exception):
    """Anything wrong with a script; holds its diagnostics, the first being the one to fix first."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(str(diagnostic) for diagnostic in self.diagnostics))

    def __reduce__(self) -> tuple[object, ...]:
        # What Python would keep is the text, of which no diagnostics can be made.
        return type(self), (self.diagnostics,)

    @property
    def kind(self) -> Kind:
        """The kind of the first diagnostic."""
        return self.diagnostics[0].kind

    @property
    def span(self) -> Span:
        """The place of the first diagnostic."""
        return self.diagnostics[0].span


class ParseError(NumscriptError):
    """The text is not a Numscript program (codes NUM1xx)."""


class CheckError(NumscriptError):
    """The program cannot be compiled: names or types do not fit (codes NUM2xx)."""


class ExecutionError(NumscriptError):
    """The run stopped: variables, balances or the script's own checks (codes NUM4xx)."""


class LedgerError(NumscriptError):
    """The ledger refused a request (codes NUM5xx)."""

    @classmethod
    def of(cls, kind: Kind) -> LedgerError:
        """The error of a kind, which has no place in a script."""
        return cls([Diagnostic(kind, NOWHERE, _NO_SCRIPT, kind.severity)])


class StorageError(NumscriptError):
    """The storage cannot do what is asked of it (codes NUM6xx)."""

    @classmethod
    def of(cls, kind: Kind) -> StorageError:
        """The error of a kind, which has no place in a script."""
        return cls([Diagnostic(kind, NOWHERE, _NO_SCRIPT, kind.severity)])


_NO_SCRIPT = Script("", "<ledger>")


class Failure(Exception):  # noqa: N818 - it is no error that anybody sees
    """A kind on its way to the stage that knows its place; never leaves the package."""

    def __init__(self, kind: Kind, span: Span | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.span = span
