"""The tree: one frozen record a construct, named as in the reference and in the grammar.

Every node starts with the offsets of its first character and of the one behind its last; `span`
puts them together. A place where the text could not be read holds a `Broken` node, so that the
rest of the tree can still be understood.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Never, Self, TypeAlias, TypeVar, dataclass_transform

from numscript.script import Span

N = TypeVar("N", bound=type)


@dataclass_transform(frozen_default=True, eq_default=False)
def node(cls: N) -> N:
    """Make a class of annotated fields a frozen, slotted record.

    What `dataclass(frozen=True, slots=True)` makes is the same to use, but its constructor goes
    through `object.__setattr__` and takes nearly twice as long, and making forty of them would
    take longer than most scripts take to compile.
    """
    names = tuple(cls.__annotations__)
    body: dict[str, Any] = {
        name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")
    }
    body |= {"__slots__": names, "__match_args__": names}
    made: Any = type(cls.__name__, cls.__bases__, body)
    scope: dict[str, Callable[..., None]] = {
        f"set_{name}": vars(made)[name].__set__ for name in names
    }
    lines = "".join(f"    set_{name}(self, {name})\n" for name in names)
    exec(f"def __init__(self, {', '.join(names)}):\n{lines}", scope)
    made.__init__ = scope["__init__"]
    result: N = made
    return result


def _write_shifted(cls: Any) -> Callable[[Any, int], Any]:
    """The method `shifted` of a class, written for its fields: a loop takes five times as long."""
    values = (_shifted_text(f"self.{name}", kind) for name, kind in cls.__annotations__.items())
    scope: dict[str, Any] = {"cls": cls}
    exec(f"def shifted(self, by):\n    return cls({', '.join(values)})\n", scope)
    written: Callable[[Any, int], Any] = scope["shifted"]
    return written


def _shifted_text(value: str, kind: str) -> str:
    """How a field of an annotated type is written when its node is moved by `by` characters."""
    if kind == "int" and value in ("self.start", "self.end"):
        return f"{value} + by"
    if kind in ("int", "str"):
        return value
    if kind.startswith("tuple[str"):
        text = "item if item.__class__ is str else item.shifted(by)"
        return f"tuple([{text} for item in {value}])"
    if kind.startswith("tuple["):
        return f"tuple([item.shifted(by) for item in {value}])"
    return f"{value} and {value}.shifted(by)" if "None" in kind else f"{value}.shifted(by)"


class Node:
    """What all nodes have in common: they are equal where their type and fields are."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Its place in the script."""
        return Span(self.start, self.end)

    def shifted(self, by: int) -> Self:
        """The same node so many characters further on, as if the text before it had grown."""
        cls: Any = type(self)
        # Written when it is first called for, as most programs never do.
        cls.shifted = _write_shifted(cls)
        moved: Self = cls.shifted(self, by)
        return moved

    @property
    def fields(self) -> tuple[object, ...]:
        """The values of its fields, in order."""
        return tuple(getattr(self, name) for name in self.__match_args__)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.fields == getattr(other, "fields", None)

    def __hash__(self) -> int:
        return hash((type(self), self.fields))

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({inside})"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), self.fields

    def __setattr__(self, name: str, value: object) -> Never:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")

    def __delattr__(self, name: str) -> Never:
        raise AttributeError(f"a {type(self).__name__} cannot be changed")


@node
class Broken(Node):
    """A place where something should stand that could not be read, and what of it could."""

    start: int
    end: int
    pieces: tuple[Node, ...]


# --- expressions ------------------------------------------------------------------------------


@node
class Variable(Node):
    """`$name`; the name is without the `$`."""

    start: int
    end: int
    name: str


@node
class AssetLiteral(Node):
    """`USD/2`"""

    start: int
    end: int
    asset: str


@node
class NumberLiteral(Node):
    """`1_000`"""

    start: int
    end: int
    number: int


@node
class StringLiteral(Node):
    """`"text"`; a `\\"` inside keeps its backslash."""

    start: int
    end: int
    string: str


@node
class PercentageLiteral(Node):
    """`12.5%`; the text is without the `%`."""

    start: int
    end: int
    text: str


@node
class AccountLiteral(Node):
    """`@users:$id`; text parts hold the `:` between segments."""

    start: int
    end: int
    parts: tuple[str | Variable, ...]

    @property
    def name(self) -> str:
        """The address as it is written, without the `@`."""
        return "".join(p if isinstance(p, str) else f"${p.name}" for p in self.parts)


@node
class MonetaryLiteral(Node):
    """`[ASSET AMOUNT]`"""

    start: int
    end: int
    asset: Expression
    amount: Expression


@node
class Prefix(Node):
    """`-expression`"""

    start: int
    end: int
    operator: str
    operand: Expression


@node
class BinaryInfix(Node):
    """`left + right`, `left - right`, `left / right`"""

    start: int
    end: int
    operator: str
    left: Expression
    right: Expression

    def shifted(self, by: int) -> BinaryInfix:
        """The same node further on; a chain leans to the left and may be too long to recur on."""
        chain = [self]
        while isinstance(chain[-1].left, BinaryInfix):
            chain.append(chain[-1].left)
        left: Expression = chain[-1].left.shifted(by)
        for link in reversed(chain):
            right = link.right.shifted(by)
            left = BinaryInfix(link.start + by, link.end + by, link.operator, left, right)
        return left  # type: ignore[return-value] # the chain has a link at least


@node
class FnCall(Node):
    """`name(arguments)`, an expression or a statement."""

    start: int
    end: int
    name: str
    arguments: tuple[Expression, ...]

    @property
    def name_span(self) -> Span:
        """The place of the function's name."""
        return Span(self.start, self.start + len(self.name))


Expression: TypeAlias = (
    Variable
    | AssetLiteral
    | NumberLiteral
    | StringLiteral
    | PercentageLiteral
    | AccountLiteral
    | MonetaryLiteral
    | Prefix
    | BinaryInfix
    | FnCall
    | Broken
)

# --- allotments -------------------------------------------------------------------------------


@node
class ValueAllotment(Node):
    """A portion in front of a clause."""

    start: int
    end: int
    value: Expression


@node
class RemainingAllotment(Node):
    """`remaining` in front of a clause."""

    start: int
    end: int


Allotment: TypeAlias = ValueAllotment | RemainingAllotment

# --- sources ----------------------------------------------------------------------------------


@node
class SourceAccount(Node):
    """`@a`, `@a \\ "RED"`"""

    start: int
    end: int
    address: Expression
    color: Expression | None


@node
class SourceOverdraft(Node):
    """`@a allowing unbounded overdraft` (no bound), `@a allowing overdraft up to BOUND`"""

    start: int
    end: int
    address: Expression
    color: Expression | None
    bound: Expression | None


@node
class SourceWithScaling(Node):
    """`@a with scaling through @swap`"""

    start: int
    end: int
    address: Expression
    through: Expression


@node
class SourceInorder(Node):
    """`{ S1 S2 ... }`"""

    start: int
    end: int
    sources: tuple[Source, ...]


@node
class SourceOneof(Node):
    """`oneof { S1 S2 ... }`"""

    start: int
    end: int
    sources: tuple[Source, ...]


@node
class SourceAllotmentItem(Node):
    """`1/2 from SOURCE`"""

    start: int
    end: int
    allotment: Allotment
    source: Source


@node
class SourceAllotment(Node):
    """`{ P1 from S1 ... }`"""

    start: int
    end: int
    items: tuple[SourceAllotmentItem, ...]


@node
class SourceCapped(Node):
    """`max CAP from SOURCE`"""

    start: int
    end: int
    cap: Expression
    source: Source


Source: TypeAlias = (
    SourceAccount
    | SourceOverdraft
    | SourceWithScaling
    | SourceInorder
    | SourceOneof
    | SourceAllotment
    | SourceCapped
    | Broken
)

# --- destinations -----------------------------------------------------------------------------


@node
class DestinationAccount(Node):
    """`@b`"""

    start: int
    end: int
    address: Expression


@node
class DestinationTo(Node):
    """`to DESTINATION`"""

    start: int
    end: int
    destination: Destination


@node
class DestinationKept(Node):
    """`kept`"""

    start: int
    end: int


KeptOrDestination: TypeAlias = DestinationTo | DestinationKept | Broken


@node
class CappedKeptOrDestination(Node):
    """`max CAP to DESTINATION`, `max CAP kept`"""

    start: int
    end: int
    cap: Expression
    target: KeptOrDestination


@node
class DestinationInorder(Node):
    """`{ max M1 to D1 ... remaining to Dk }`"""

    start: int
    end: int
    clauses: tuple[CappedKeptOrDestination, ...]
    remaining: KeptOrDestination


@node
class DestinationOneof(Node):
    """`oneof { max M1 to D1 ... remaining to Dk }`"""

    start: int
    end: int
    clauses: tuple[CappedKeptOrDestination, ...]
    remaining: KeptOrDestination


@node
class DestinationAllotmentItem(Node):
    """`1/2 to DESTINATION`, `remaining kept`"""

    start: int
    end: int
    allotment: Allotment
    target: KeptOrDestination


@node
class DestinationAllotment(Node):
    """`{ P1 to D1 ... remaining kept }`"""

    start: int
    end: int
    items: tuple[DestinationAllotmentItem, ...]


Destination: TypeAlias = (
    DestinationAccount | DestinationInorder | DestinationOneof | DestinationAllotment | Broken
)

# --- statements and the program ---------------------------------------------------------------


@node
class SentValueLiteral(Node):
    """A sent monetary."""

    start: int
    end: int
    monetary: Expression


@node
class SentValueAll(Node):
    """`[ASSET *]`"""

    start: int
    end: int
    asset: Expression


SentValue: TypeAlias = SentValueLiteral | SentValueAll | Broken


@node
class SendStatement(Node):
    """`send VALUE ( source = SOURCE destination = DESTINATION )`"""

    start: int
    end: int
    sent: SentValue
    source: Source
    destination: Destination


@node
class SaveStatement(Node):
    """`save VALUE from ACCOUNT`"""

    start: int
    end: int
    sent: SentValue
    address: Expression


@node
class PrintStatement(Node):
    """`print EXPRESSION` (older dialect)"""

    start: int
    end: int
    value: Expression


@node
class FailStatement(Node):
    """`fail` (older dialect)"""

    start: int
    end: int


Statement: TypeAlias = (
    SendStatement | SaveStatement | FnCall | PrintStatement | FailStatement | Broken
)


@node
class VarDeclaration(Node):
    """`type $name`, `type $name = ORIGIN`; the type's name is where the node starts."""

    start: int
    end: int
    type: str
    variable: Variable
    origin: Expression | None

    @property
    def type_span(self) -> Span:
        """The place of the type's name."""
        return Span(self.start, self.start + len(self.type))


@node
class VarsDeclaration(Node):
    """`vars { ... }`"""

    start: int
    end: int
    declarations: tuple[VarDeclaration | Broken, ...]


@node
class FeatureDeclaration(Node):
    """`#![feature("flag", ...)]`"""

    start: int
    end: int
    flags: tuple[StringLiteral, ...]


@node
class Program(Node):
    """A whole script."""

    start: int
    end: int
    features: FeatureDeclaration | None
    vars: VarsDeclaration | None
    statements: tuple[Statement, ...]
