"""`Program`: a compiled script as plain data, and its form in bytes.

A program is a table of resources (slots) and four pieces of straight code:

* `bind_code` gives every variable its value, in the order of declaration;
* `needs_code` works out what the statements will read: accounts, assets and sent values that are
  not simply constants or variables, in the order in which the reference meets them;
* `probes` are pieces of their own: each tells of one more balance that the script may read on its
  way, and does not matter where it fails;
* `main` moves the funds; it reads nothing but slots and balances.

Slots hold, in this order, the constants, the supplied variables, then what the code stores.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self, TypeAlias
from zlib import crc32

from numscript import errors
from numscript.bytecode.opcodes import BY_BYTE, ROWS
from numscript.diagnostics import Diagnostic, ExecutionError, Kind
from numscript.prelude import Type
from numscript.script import NOWHERE, Script, Span
from numscript.values import Monetary, Portion

MAGIC = b"NUMC"
VERSION = 2
ALLOTMENT = "allotment"
"""The type of a constant that is a whole allotment; no value of the language has it."""

TYPE_NAMES: tuple[str, ...] = tuple(kind.value for kind in Type if kind is not Type.ANY)

Instruction: TypeAlias = tuple[int, int, int]
"""The byte of an instruction and its two operands, zero where it has none."""


class Allotment(NamedTuple):
    """Shares of a whole: each is its numerator over the common denominator."""

    numerators: tuple[int, ...]
    denominator: int


class Constant(NamedTuple):
    """A value that the text gives, and its type."""

    type: str
    value: str | int | Monetary | Portion | Allotment


class Variable(NamedTuple):
    """A variable that the caller must supply."""

    name: str
    type: str
    span: Span


class BalanceRow(NamedTuple):
    """A balance that may be read: the slots of its account, asset and colour.

    A negative asset is `~slot` of a monetary, and stands for its asset. With `scales` set, the
    balances in all precisions of the asset are needed. `probe` is the number of the probe that
    fills the slots, or -1.
    """

    account: int
    asset: int
    color: int
    scales: bool
    probe: int


class MetadataRow(NamedTuple):
    """A metadata key that is read: the slots of its account and key."""

    account: int
    key: int


class Code(NamedTuple):
    """Instructions, and the place in the script of each: `places` has its start, then its end.

    Plain numbers, because a record for each would cost more to make, and to keep for Python's
    garbage collector, than all else about an instruction.
    """

    instructions: tuple[Instruction, ...]
    places: tuple[int, ...]

    def span(self, at: int) -> Span:
        """The place in the script of an instruction."""
        return Span(self.places[2 * at], self.places[2 * at + 1])


NO_CODE = Code((), ())


class Program:
    """A compiled script. Plain data: nothing in it depends on the text having been parsed."""

    __slots__ = (
        "__dict__",
        "balances",
        "bind_code",
        "constants",
        "failures",
        "main",
        "metadata",
        "needs_code",
        "probes",
        "script",
        "slots",
        "supplied",
    )

    def __init__(
        self,
        *,
        script: Script,
        constants: tuple[Constant, ...],
        supplied: tuple[Variable, ...],
        slots: tuple[str, ...],
        failures: tuple[Kind, ...],
        balances: tuple[BalanceRow, ...],
        metadata: tuple[MetadataRow, ...],
        bind_code: Code,
        needs_code: Code,
        probes: tuple[Code, ...],
        main: Code,
    ) -> None:
        self.script = script
        self.constants = constants
        self.supplied = supplied
        self.slots = slots
        self.failures = failures
        self.balances = balances
        self.metadata = metadata
        self.bind_code = bind_code
        self.needs_code = needs_code
        self.probes = probes
        self.main = main

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self._data() == other._data()

    def __hash__(self) -> int:
        return hash((self.script.text, self.constants, self.main))

    def __repr__(self) -> str:
        return f"<Program {self.script.name}: {len(self.main.instructions)} instructions>"

    def _data(self) -> tuple[object, ...]:
        return (self.script.text, *(getattr(self, name) for name in _COMPARED))

    # --- bytes ---

    def encode(self) -> bytes:
        """The program as bytes, for keeping; `decode` gives it back."""
        data = {
            "script": [self.script.name, self.script.text],
            "constants": [[c.type, _plain(c.value)] for c in self.constants],
            "supplied": [[v.name, v.type, *v.span] for v in self.supplied],
            "slots": self.slots,
            "failures": [[kind.code, kind.fields] for kind in self.failures],
            "balances": self.balances,
            "metadata": self.metadata,
            "bind": _flat(self.bind_code),
            "needs": _flat(self.needs_code),
            "probes": [_flat(probe) for probe in self.probes],
            "main": _flat(self.main),
        }
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
        return seal(text.encode("ascii"))

    def __reduce__(self) -> tuple[object, ...]:
        # What a program has picked up by running cannot be copied, and need not be.
        return type(self).decode, (self.encode(),)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """The program that bytes stand for, verified.

        Raises ExecutionError (NUM427) where they are damaged, malformed or of another version.
        """
        from numscript.bytecode.verifier import verify

        try:
            program = cls._read(data)
            verify(program)
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as problem:
            kind = errors.InvalidProgram(reason=str(problem) or type(problem).__name__)
            nowhere = Script("", "<bytes>")
            raise ExecutionError([Diagnostic(kind, NOWHERE, nowhere, kind.severity)]) from None
        return program

    @classmethod
    def _read(cls, data: bytes) -> Self:
        if data[:4] != MAGIC:
            raise ValueError("the bytes do not start with NUMC")
        if data[4] != VERSION:
            raise ValueError(f"it is of version {data[4]}, this is version {VERSION}")
        body = data[9:]
        if data[5:9] != _checksum(body):
            raise ValueError("the bytes are damaged: their checksum is wrong")
        tree = json.loads(body.decode("ascii"))
        name, text = tree["script"]
        return cls(
            script=Script(_text(text), _text(name)),
            constants=tuple(_constant(*pair) for pair in tree["constants"]),
            supplied=tuple(
                Variable(_text(name), _text(kind), Span(_whole(start), _whole(end)))
                for name, kind, start, end in tree["supplied"]
            ),
            slots=tuple(_text(kind) for kind in tree["slots"]),
            failures=tuple(_failure(*pair) for pair in tree["failures"]),
            balances=tuple(
                BalanceRow(_whole(a), _whole(s), _whole(c), bool(scales), _whole(probe))
                for a, s, c, scales, probe in tree["balances"]
            ),
            metadata=tuple(MetadataRow(_whole(a), _whole(k)) for a, k in tree["metadata"]),
            bind_code=_code(tree["bind"]),
            needs_code=_code(tree["needs"]),
            probes=tuple(_code(probe) for probe in tree["probes"]),
            main=_code(tree["main"]),
        )

    # --- reading ---

    def slot_type(self, slot: int) -> str:
        """The type of what a slot holds."""
        if slot < len(self.constants):
            return self.constants[slot].type
        slot -= len(self.constants)
        if slot < len(self.supplied):
            return self.supplied[slot].type
        return self.slots[slot - len(self.supplied)]

    @property
    def slot_count(self) -> int:
        """How many slots a run has."""
        return len(self.constants) + len(self.supplied) + len(self.slots)

    def disassemble(self, *, spans: bool = True) -> str:
        """The instructions in words, a line each, with the places they come from."""
        lines: list[str] = []
        pieces = [
            ("bind", self.bind_code),
            ("needs", self.needs_code),
            *((f"probe {number}", code) for number, code in enumerate(self.probes)),
            ("main", self.main),
        ]
        for title, code in pieces:
            if not code.instructions:
                continue
            lines.append(f"{title}:")
            for number, (byte, *numbers) in enumerate(code.instructions):
                picture = BY_BYTE[byte]
                operands = [
                    self._show(kind, operand)
                    for kind, operand in zip(picture.operands, numbers, strict=False)
                ]
                words = f"{number:5}  {picture.name:<18} {'  '.join(operands)}".rstrip()
                if spans:
                    line, column = self.script.position(code.span(number).start)
                    words = f"{words:<64} ; {line + 1}:{column + 1}"
                lines.append(words)
        for row in self.balances:
            asset = (
                self._show_slot(row.asset)
                if row.asset >= 0
                else (f"asset of {self._show_slot(~row.asset)}")
            )
            parts = [self._show_slot(row.account), asset, self._show_slot(row.color)]
            lines.append(f"reads balance {'  '.join(parts)}" + ("  all scales" * row.scales))
        for pair in self.metadata:
            key = f"{self._show_slot(pair.account)}  {self._show_slot(pair.key)}"
            lines.append(f"reads metadata {key}")
        return "\n".join(lines) + ("\n" if lines else "")

    def _show(self, kind: str, operand: int) -> str:
        match kind:
            case "slot":
                return self._show_slot(operand)
            case "label":
                return f"-> {operand}"
            case "variable":
                return f"${self.supplied[operand].name}"
            case "type":
                return TYPE_NAMES[operand]
            case "failure":
                return f"{self.failures[operand].code} {self.failures[operand].message}"
            case _:
                return str(operand)

    def _show_slot(self, slot: int) -> str:
        if slot < len(self.constants):
            kind, value = self.constants[slot]
            if isinstance(value, Allotment):
                shares = " ".join(str(numerator) for numerator in value.numerators)
                return f"allotment({shares} / {value.denominator})"
            if kind == Type.ACCOUNT:
                return f"@{value}"
            return json.dumps(value) if kind == Type.STRING else str(value)
        place = slot - len(self.constants)
        if place < len(self.supplied):
            return f"${self.supplied[place].name}"
        return f"%{place - len(self.supplied)}"


_COMPARED = (
    "constants",
    "supplied",
    "slots",
    "failures",
    "balances",
    "metadata",
    "bind_code",
    "needs_code",
    "probes",
    "main",
)
_OPERANDS = {row.byte: len(row.operands) for row in ROWS}


def seal(body: bytes) -> bytes:
    """The bytes of a program around its body: a mark, the version and a checksum.

    The checksum tells of damage; it is no signature.
    """
    return MAGIC + bytes([VERSION]) + _checksum(body) + body


def _checksum(body: bytes) -> bytes:
    return crc32(body).to_bytes(4, "big")


def _plain(value: object) -> object:
    return list(value) if isinstance(value, (Monetary, Portion, Allotment)) else value


def _flat(code: Code) -> list[list[int]]:
    numbers = [
        number
        for instruction in code.instructions
        for number in instruction[: 1 + _OPERANDS[instruction[0]]]
    ]
    return [numbers, list(code.places)]


def _code(pair: Iterable[Any]) -> Code:
    numbers, offsets = pair
    instructions: list[Instruction] = []
    at = 0
    while at < len(numbers):
        byte = _whole(numbers[at])
        if byte not in _OPERANDS:
            raise ValueError(f"there is no instruction {byte}")
        count = _OPERANDS[byte]
        operands = [_whole(number) for number in numbers[at + 1 : at + 1 + count]]
        if len(operands) != count:
            raise ValueError("an operand is missing at the end")
        first, second = (*operands, 0, 0)[:2]
        instructions.append((byte, first, second))
        at += 1 + count
    if len(offsets) != 2 * len(instructions):
        raise ValueError("the spans do not fit the instructions")
    return Code(tuple(instructions), tuple(_whole(offset) for offset in offsets))


def _constant(kind: str, value: Any) -> Constant:
    match kind:
        case Type.ACCOUNT | Type.ASSET | Type.STRING:
            return Constant(kind, _text(value))
        case Type.NUMBER:
            return Constant(kind, _whole(value))
        case Type.MONETARY:
            asset, amount = value
            return Constant(kind, Monetary(_text(asset), _whole(amount)))
        case Type.PORTION:
            numerator, denominator = value
            return Constant(kind, Portion.of(_whole(numerator), _whole(denominator)))
        case "allotment":
            numerators, denominator = value
            shares = tuple(_whole(numerator) for numerator in numerators)
            return Constant(kind, Allotment(shares, _whole(denominator)))
        case _:
            raise ValueError(f"there is no type {kind!r} of a constant")


def _failure(code: str, fields: Mapping[str, object]) -> Kind:
    kind = errors.CATALOGUE[code](**{_text(name): value for name, value in fields.items()})
    # A field that is missing shows itself here rather than when the error is raised.
    if not kind.message + kind.hint:
        raise ValueError(f"{code} has no words")
    return kind


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is not a whole number")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is not text")
