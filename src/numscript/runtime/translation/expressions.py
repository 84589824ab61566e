"""The translation of expressions, and of all that is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numscript.bytecode.opcodes import Op
from numscript.bytecode.program import TYPE_NAMES
from numscript.prelude import WORLD, Type
from numscript.runtime.translation.entries import Expr, Money, literal
from numscript.runtime.translation.writer import CannotHold, Writer
from numscript.values import is_color

if TYPE_CHECKING:
    from numscript.bytecode.program import BalanceRow


class Expressions(Writer):
    """Expressions and reads."""

    # --- expressions ---

    def do_load(self, _at: int, first: int, _second: int) -> None:
        """Push what a slot holds."""
        self.push(self.slots[first])

    def do_store(self, _at: int, first: int, _second: int) -> None:
        """Put the top into a slot."""
        entry = self.stack.pop()
        if isinstance(entry, Money):
            parts = []
            for part, letter in zip(entry, "an", strict=True):
                if part.known:
                    parts.append(part)
                else:
                    self.emit(f"t{first}{letter} = {part.code}")
                    parts.append(Expr(f"t{first}{letter}"))
            self.slots[first] = Money(*parts)
            return
        assert isinstance(entry, Expr)
        if entry.known:
            self.slots[first] = entry
        else:
            self.emit(f"t{first} = {entry.code}")
            self.slots[first] = Expr(f"t{first}")

    def do_copy(self, _at: int, _first: int, _second: int) -> None:
        """Push the top once more; entries above a place never outlive its local."""
        self.push(self.stack[-1])

    def do_number_add(self, _at: int, _first: int, _second: int) -> None:
        """Add."""
        self.arithmetic("+")

    def do_number_sub(self, _at: int, _first: int, _second: int) -> None:
        """Subtract."""
        self.arithmetic("-")

    def do_number_neg(self, _at: int, _first: int, _second: int) -> None:
        """Change the sign."""
        top = self.pop()
        if isinstance(top.value, int):
            self.push(literal(-top.value))
        else:
            self.push_code(f"-{top.code}")

    def do_monetary_new(self, _at: int, _first: int, _second: int) -> None:
        """A monetary of the two at the top."""
        amount, asset = self.pop(), self.pop()
        self.push(Money(asset, amount))

    def monetary_sum(self, at: int, sign: str) -> None:
        """Add or subtract two monetaries."""
        right, left = self.pop_money(), self.pop_money()
        added = self.in_asset(at, right, left.asset)
        if self.dead:
            return
        self.push(left.amount)
        self.push(added)
        self.arithmetic(sign)
        self.push(Money(left.asset, self.pop()))

    def do_monetary_add(self, at: int, _first: int, _second: int) -> None:
        """Add."""
        self.monetary_sum(at, "+")

    def do_monetary_sub(self, at: int, _first: int, _second: int) -> None:
        """Subtract."""
        self.monetary_sum(at, "-")

    def do_monetary_neg(self, at: int, first: int, second: int) -> None:
        """Change the amount's sign."""
        money = self.pop_money()
        self.push(money.amount)
        self.do_number_neg(at, first, second)
        self.push(Money(money.asset, self.pop()))

    def do_monetary_asset(self, _at: int, _first: int, _second: int) -> None:
        """The asset of a monetary."""
        self.push(self.pop_money().asset)

    def do_monetary_amount(self, _at: int, _first: int, _second: int) -> None:
        """The amount of a monetary."""
        self.push(self.pop_money().amount)

    def do_portion_new(self, at: int, _first: int, _second: int) -> None:
        """Divide."""
        denominator, numerator = self.pop(), self.pop()
        if denominator.value == 0:
            self.fail(at, "errors.DivideByZero()")
            return
        if not denominator.known:
            self.fail(at, "errors.DivideByZero()", f"not {denominator.code}")
        self.push_code(f"Portion.of({numerator.code}, {denominator.code})")

    def do_account_new(self, at: int, first: int, _second: int) -> None:
        """Join pieces to an account."""
        pieces = self.stack[-first:]
        del self.stack[-first:]
        codes = "".join(f"{piece.code}, " for piece in pieces if isinstance(piece, Expr))
        self.mark(at)
        self.push_code(f"join_account(({codes}))")

    def do_color_check(self, at: int, first: int, _second: int) -> None:
        """Stop where a slot holds no colour."""
        color = self.slots[first]
        assert isinstance(color, Expr)
        kind = f"errors.InvalidColor(name={color.code})"
        if not color.known:
            self.fail(at, kind, f"is_color({color.code}) is None")
        elif is_color(str(color.value)) is None:
            self.fail(at, kind)

    def do_variable_check(self, _at: int, _first: int, _second: int) -> None:
        """The supplied variables were read before everything else."""

    # --- reading ---

    def key(self, account: Expr, asset: Expr, color: Expr) -> str:
        """A balance's key."""
        return f"({account.code}, {asset.code}, {color.code})"

    def row_parts(self, row: BalanceRow) -> tuple[Expr, Expr, Expr] | None:
        """Account, asset and colour of a row, if all are known by now."""
        entry = self.slots.get(row.asset if row.asset >= 0 else ~row.asset)
        asset = entry.asset if isinstance(entry, Money) else entry
        account, color = self.slots.get(row.account), self.slots.get(row.color)
        if isinstance(account, Expr) and isinstance(asset, Expr) and isinstance(color, Expr):
            return account, asset, color
        return None

    def balance(self, key: str) -> str:
        """Code for a balance in flight: one that the program's rows name was read for certain."""
        if self.held is not None:
            return self.local(key)
        if self.certain is None:
            rows = [row for row in self.program.balances if row.probe < 0]
            self.certain = {self.key(*parts) for parts in map(self.row_parts, rows) if parts}
        return (
            f"{self.use('b')}[{key}]" if key in self.certain else f"{self.use('b')}.get({key}, 0)"
        )

    def local(self, key: str) -> str:
        """The local that holds a balance, where none is kept in the dict."""
        assert self.held is not None
        name = self.held.get(key)
        if name is None:
            raise CannotHold
        return name

    def hold(self) -> bool:
        """Read all balances into locals, if each account that matters is known and has only one.

        Then no two keys can turn out to be the same, and the dict of balances is not needed.
        """
        rows = self.program.balances
        parts = [self.row_parts(row) for row in rows]
        branches = any(byte == Op.ONEOF_TRY for byte, _, _ in self.program.main.instructions)
        if self.reads or self.last_dynamic_read >= 0 or branches or not rows:
            return False
        keys: dict[str, object] = {}
        for row, part in zip(rows, parts, strict=True):
            if row.probe >= 0 or part is None or not part[0].known or part[0].value == WORLD:
                return False
            keys[self.key(*part)] = part[0].value
        if len(set(keys.values())) < len(keys):
            return False
        self.held = {key: f"b{number}" for number, key in enumerate(keys)}
        names = "".join(f"{name}, " for name in self.held.values())
        self.emit("p = -1")
        self.emit(f"{names}= fetch_amounts(store, ({''.join(f'{key}, ' for key in keys)}))")
        return True

    def key_of_row(self, row: BalanceRow) -> str:
        """The key of a row, or `None` where it is @world's."""
        parts = self.row_parts(row)
        assert parts is not None
        if parts[0].known:
            return self.key(*parts)
        return f"{self.key(*parts)} if {parts[0].code} != {WORLD!r} else None"

    def known_keys(self) -> str:
        """A tuple of the keys that are known by now, the constant ones first."""
        constant: dict[str, None] = {}
        other: dict[str, None] = {}
        for row in self.program.balances:
            if row.probe >= 0:
                if f"k{row.probe}" in self.probed:
                    other[f"k{row.probe}"] = None
            elif self.is_constant(row):
                constant[self.key_of_row(row)] = None
            elif self.row_parts(row) is not None:
                other[self.key_of_row(row)] = None
        return "(" + "".join(f"{key}, " for key in (*constant, *other)) + ")"

    def is_constant(self, row: BalanceRow) -> bool:
        """Whether a row names constants only."""
        slots = (row.account, row.asset if row.asset >= 0 else ~row.asset, row.color)
        return max(slots) < len(self.program.constants)

    def read_rest(self) -> None:
        """Read all balances that were not read yet."""
        if self.holds and self.hold():
            return
        keys = self.known_keys()
        if keys == "()":
            return
        balances = self.use("b")
        if not self.reads and all(map(self.is_constant, self.program.balances)):
            self.emit("p = -1")
            self.emit(f"fetch(store, {keys}, {balances})")
            return
        same = [str(number) for number, earlier in enumerate(self.reads) if earlier == keys]
        if same:
            # Since a read that knew of the same keys there is nothing more to ask for.
            self.emit(f"if done not in ({', '.join(same)},):")
            self.indent += 1
        self.emit("p = -1")
        self.emit(f"read(store, {balances}, (), {keys})")
        self.indent -= bool(same)

    def do_metadata_read(self, at: int, first: int, _second: int) -> None:
        """Metadata, read as a type."""
        key, account = self.pop(), self.pop()
        rows = []
        asked = f"({account.code}, {key.code}), "
        for row in self.program.metadata:
            owner, name = self.slots.get(row.account), self.slots.get(row.key)
            if isinstance(owner, Expr) and isinstance(name, Expr):
                pair = f"({owner.code}, {name.code}), "
                # What was asked for earlier is known by now, or the run has ended.
                if pair != asked and pair not in self.metadata_read:
                    rows.append(pair)
        self.metadata_read.add(asked)
        self.mark(at)
        text = f"read_meta(store, {self.use('m')}, {account.code}, {key.code}, ({''.join(rows)}))"
        code = f"read_{TYPE_NAMES[first]}({text})"
        if TYPE_NAMES[first] == Type.MONETARY:
            both = self.new_name("x")
            self.emit(f"{both}a, {both}n = {code}")
            self.push(Money(Expr(f"{both}a"), Expr(f"{both}n")))
        else:
            self.push_code(code)

    def read_balance(self, at: int) -> tuple[Expr, Expr, str]:
        """The balance of account and asset at the top of the stack, in a new local."""
        asset, account = self.pop(), self.pop()
        key = self.key(account, asset, literal(""))
        if not (account.known and asset.known):
            name = self.new_name("k")
            self.emit(f"{name} = {key}")
            key = name
        if self.reading and account.value != WORLD:
            test = f"{key} not in b"
            if not account.known:
                test += f" and {account.code} != {WORLD!r}"
            self.emit(f"if {test}:")
            self.emit(f"    p = {self.span_base + at}")
            keys = self.known_keys()
            self.emit(f"    read(store, {self.use('b')}, ({key},), {keys})")
            self.emit(f"    {self.use('done')} = {len(self.reads)}")
            self.reads.append(keys)
        amount = self.new_name("n")
        self.emit(f"{amount} = {self.use('b')}.get({key}, 0)")
        return account, asset, amount

    def do_balance(self, at: int, _first: int, _second: int) -> None:
        """The balance of an account."""
        account, asset, amount = self.read_balance(at)
        kind = (
            f"errors.NegativeBalance(account={account.code}, asset={asset.code}, amount={amount})"
        )
        self.fail(at, kind, f"{amount} < 0")
        self.push(Money(asset, Expr(amount)))

    def do_overdraft(self, at: int, _first: int, _second: int) -> None:
        """How far the balance of an account is below zero."""
        _, asset, amount = self.read_balance(at)
        self.emit(f"{amount} = -{amount} if {amount} < 0 else 0")
        self.push(Money(asset, Expr(amount)))
