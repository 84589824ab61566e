"""Random programs that compile, with inputs that fit them: a strategy for property tests.

    @given(cases())
    def test_something(case: Case) -> None: ...

A case knows what it declares and what it may do, so that a test can say what must hold of it. The
programs are well typed, but a run may well stop for want of funds, as in life.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from hypothesis import strategies as st

import numscript
from numscript import FEATURES

ASSETS = ("USD/2", "USD", "USD/4", "EUR/2", "COIN")
ACCOUNTS = ("a", "b", "c", "d", "users:001", "orders:2024-1")
COLORS = ("", "RED", "BLUE")
AMOUNTS = (0, 1, 2, 3, 7, 10, 99, 100, 1_000, 12_345, 10**12, 10**21)
UNBOUNDED = None

Key = tuple[str, str, str]


@dataclass
class Case:
    """A program with its inputs.

    floors: how far below zero a script allows an account to go, by account, asset and color;
    `UNBOUNDED` (None) where there is no limit. kept, scaled: whether it uses these words at all.
    """

    script: str = ""
    variables: dict[str, object] = field(default_factory=dict)
    balances: list[dict[str, object]] = field(default_factory=list)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)
    floors: dict[Key, int | None] = field(default_factory=dict)
    kept: bool = False
    scaled: bool = False

    @property
    def store(self) -> numscript.StaticStore:
        return numscript.StaticStore(self.balances, self.metadata)

    def compile(self) -> numscript.Program:
        return numscript.compile(self.script, tuple(FEATURES))

    def run(self) -> numscript.ExecutionResult:
        """The result of a run. Raises ExecutionError."""
        return self.compile().run(self.variables, self.store)

    def outcome(self) -> object:
        """The result, or the kind of the error, to compare with another case's."""
        try:
            return self.run()
        except numscript.ExecutionError as error:
            return error.kind


class Writer:
    """Writes one program, drawing what it needs."""

    def __init__(self, draw: st.DrawFn, *, scaling: bool, colors: bool) -> None:
        self.draw = draw
        self.scaling = scaling
        self.colors = colors
        self.case = Case()
        self.declared: list[str] = []
        self.asset = ASSETS[0]

    def pick(self, *choices: str) -> str:
        return self.draw(st.sampled_from(choices))

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == one_in

    def amount(self) -> int:
        return self.draw(st.sampled_from(AMOUNTS) | st.integers(0, 500))

    # --- variables ---

    @property
    def head(self) -> str:
        """The block that declares what was declared so far."""
        block = "".join(f"  {declaration}\n" for declaration in self.declared)
        return f"vars {{\n{block}}}\n" if block else ""

    def declare(self, kind: str, value: object) -> str:
        """A variable with its value; gives how it is written."""
        name = f"v{len(self.declared)}"
        self.declared.append(f"{kind} ${name}")
        self.case.variables[name] = value
        return f"${name}"

    def computed(self, kind: str, origin: str) -> str:
        name = f"v{len(self.declared)}"
        self.declared.append(f"{kind} ${name} = {origin}")
        return f"${name}"

    # --- expressions ---

    def account(self, *, world: bool = True) -> tuple[str, str]:
        """How an account is written, and its address."""
        address = self.pick(*ACCOUNTS, *(["world"] if world else []))
        if self.chance(6):
            return self.declare("account", address), address
        if self.chance(12):
            self.case.metadata.setdefault("book", {})[address] = address
            return self.computed("account", f'meta(@book, "{address}")'), address
        if address == "users:001" and self.chance(2):
            return f"@users:{self.declare('string', '001')}", address
        return f"@{address}", address

    def number(self, amount: int) -> str:
        match self.draw(st.integers(0, 9)):
            case 0:
                return self.declare("number", self.draw(st.sampled_from((amount, str(amount)))))
            case 1 if amount:
                return f"{amount - 1} + 1"
            case 2:
                return f"({amount} - 0)"
            case 3:
                return f"{amount:_}"
        return str(amount)

    def monetary(self, amount: int) -> str:
        """An expression for an amount of the asset that is sent."""
        match self.draw(st.integers(0, 11)):
            case 0:
                return self.declare("monetary", f"{self.asset} {amount}")
            case 1:
                return self.declare("monetary", {"asset": self.asset, "amount": amount})
            case 2:
                return f"[{self.asset} {amount}] + [{self.asset} 0]"
            case 3:
                return f"[{self.declare('asset', self.asset)} {self.number(amount)}]"
        return f"[{self.asset} {self.number(amount)}]"

    def portions(self, clauses: int) -> list[tuple[str, Fraction]]:
        """Portions that make a whole, how they are written and what they are."""
        weights = self.draw(
            st.lists(st.integers(0, 20), min_size=clauses, max_size=clauses).filter(sum)
        )
        whole = sum(weights)
        exact = [Fraction(weight, whole) for weight in weights]
        written = [self.portion(weight, whole) for weight in weights]
        if self.chance(2):
            written[-1] = "remaining"
        return list(zip(written, exact, strict=True))

    def portion(self, weight: int, whole: int) -> str:
        if 100 * weight % whole == 0 and self.chance(2):
            return f"{100 * weight // whole}%"
        if self.chance(5):
            return self.declare("portion", f"{weight}/{whole}")
        return f"{weight}/{whole}"

    # --- sources ---

    def source(self, depth: int) -> str:
        kinds = ["account"] * 4 + ["overdraft", "unbounded"]
        if depth > 0:
            kinds += ["inorder"] * 3 + ["capped", "allotment", "oneof"]
        if self.scaling and self.chance(2):
            kinds += ["scaling"]
        match self.pick(*kinds):
            case "account":
                written, _ = self.account()
                return written + self.color()[0]
            case "overdraft":
                bound = self.amount()
                written, address = self.account()
                color, name = self.color()
                self.floor((address, self.asset, name), bound)
                return f"{written}{color} allowing overdraft up to {self.monetary(bound)}"
            case "unbounded":
                written, address = self.account()
                color, name = self.color()
                self.floor((address, self.asset, name), UNBOUNDED)
                return f"{written}{color} allowing unbounded overdraft"
            case "inorder":
                return f"{{ {self.several(depth)} }}"
            case "oneof":
                return f"oneof {{ {self.several(depth)} }}"
            case "capped":
                return f"max {self.monetary(self.amount())} from {self.source(depth - 1)}"
            case "allotment":
                clauses = self.draw(st.integers(1, 3))
                parts = self.portions(clauses)
                rows = [f"{written} from {self.source(depth - 1)}" for written, _ in parts]
                return f"{{ {' '.join(rows)} }}"
            case _:
                self.case.scaled = True
                written, _ = self.account(world=False)
                return f"{written} with scaling through @swap"

    def several(self, depth: int) -> str:
        count = self.draw(st.integers(1, 3))
        return " ".join(self.source(depth - 1) for _ in range(count))

    def color(self) -> tuple[str, str]:
        if not self.colors or self.chance(2):
            return "", ""
        name = self.pick(*COLORS)
        if self.chance(5):
            return f" \\ {self.declare('string', name)}", name
        return f' \\ "{name}"', name

    def floor(self, key: Key, bound: int | None) -> None:
        floors = self.case.floors
        known = floors.get(key, 0)
        floors[key] = UNBOUNDED if bound is None or known is None else max(known, bound)

    # --- destinations ---

    def destination(self, depth: int) -> str:
        kinds = ["account"] * 4
        if depth > 0:
            kinds += ["inorder", "allotment", "oneof"]
        match self.pick(*kinds):
            case "account":
                return self.account()[0]
            case "allotment":
                parts = self.portions(self.draw(st.integers(1, 4)))
                rows = [f"{written} {self.target(depth - 1)}" for written, _ in parts]
                return f"{{ {' '.join(rows)} }}"
            case kind:
                clauses = self.draw(st.integers(1, 2))
                rows = [
                    f"max {self.monetary(self.amount())} {self.target(depth - 1)}"
                    for _ in range(clauses)
                ]
                block = f"{{ {' '.join(rows)} remaining {self.target(depth - 1)} }}"
                return f"oneof {block}" if kind == "oneof" else block

    def target(self, depth: int) -> str:
        if self.chance(6):
            self.case.kept = True
            return "kept"
        return f"to {self.destination(depth)}"

    # --- statements ---

    def statement(self) -> str:
        self.asset = self.pick(*ASSETS)
        match self.draw(st.integers(0, 11)):
            case 0:
                value = self.pick(f"[{self.asset} *]", self.monetary(self.amount()))
                return f"save {value} from {self.account()[0]}"
            case 1:
                return f'set_tx_meta("{self.pick("k", "l")}", {self.any_value()})'
            case 2:
                return f'set_account_meta({self.account()[0]}, "k", {self.any_value()})'
            case 3:
                return f"print {self.any_value()}"
        sends_all = self.chance(5)
        value = f"[{self.asset} *]" if sends_all else self.monetary(self.amount())
        source, destination = self.source(2), self.destination(2)
        clauses = [f"source = {source}", f"destination = {destination}"]
        if self.chance(10):
            clauses.reverse()
        return f"send {value} (\n  " + "\n  ".join(clauses) + "\n)"

    def any_value(self) -> str:
        match self.draw(st.integers(0, 6)):
            case 0:
                return self.account()[0]
            case 1:
                return self.monetary(self.amount())
            case 2:
                return self.portion(self.draw(st.integers(0, 3)), 3)
            case 3:
                return '"some text"'
            case 4:
                return self.asset
            case 5:
                return f"get_amount({self.monetary(self.amount())})"
        return self.number(self.amount())

    def write(self) -> Case:
        count = self.draw(st.integers(1, 4))
        statements = [self.statement() for _ in range(count)]
        self.case.script = self.head + "\n".join(statements) + "\n"
        self.case.balances = self.draw(balances())
        return self.case


@st.composite
def balances(draw: st.DrawFn) -> list[dict[str, object]]:
    """Rows of balances, also some below zero, of the accounts that the programs are about."""
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(ASSETS), st.sampled_from(COLORS)),
            unique=True,
            max_size=20,
        )
    )
    rows: list[dict[str, object]] = []
    for account, asset, color in keys:
        amount = draw(st.integers(-300, 3000) | st.sampled_from(AMOUNTS))
        rows.append({"account": account, "asset": asset, "amount": amount, "color": color})
    return rows


@st.composite
def cases(draw: st.DrawFn, *, scaling: bool = True, colors: bool = True) -> Case:
    """A random program of up to four statements, with its inputs."""
    return Writer(draw, scaling=scaling, colors=colors).write()


@dataclass
class Send:
    """A program of one send of a known amount, in its parts."""

    case: Case
    head: str
    asset: str
    amount: int
    source: str
    destination: str

    def variant(self, *, source: str | None = None, destination: str | None = None) -> Case:
        """The same send with another source or destination."""
        clauses = (
            f"  source = {self.source if source is None else source}\n"
            f"  destination = {self.destination if destination is None else destination}\n"
        )
        script = f"{self.head}send [{self.asset} {self.amount}] (\n{clauses})\n"
        return replace(self.case, script=script)


@st.composite
def sends(draw: st.DrawFn, *, scaling: bool = False, colors: bool = True) -> Send:
    """A program of one send."""
    writer = Writer(draw, scaling=scaling, colors=colors)
    writer.asset = draw(st.sampled_from(ASSETS))
    amount = writer.amount()
    source, destination = writer.source(2), writer.destination(2)
    writer.case.balances = draw(balances())
    send = Send(writer.case, writer.head, writer.asset, amount, source, destination)
    return replace(send, case=send.variant())
