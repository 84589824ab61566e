"""The translation of sources and of allotments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numscript.bytecode.opcodes import Op
from numscript.bytecode.program import Allotment
from numscript.prelude import WORLD
from numscript.runtime.allotment import allocate
from numscript.runtime.translation.entries import (
    UNKNOWN,
    ZERO,
    Expr,
    Shares,
    Untranslatable,
    literal,
)
from numscript.runtime.translation.expressions import Expressions
from numscript.values import Portion, add_portions

if TYPE_CHECKING:
    from numscript.bytecode.program import Code

_MAX_UNROLLED = 6
_TAKES = {
    int(op)
    for op in (
        Op.TAKE,
        Op.TAKE_OVERDRAFT,
        Op.TAKE_UNBOUNDED,
        Op.TAKE_ALL,
        Op.TAKE_ALL_OVERDRAFT,
    )
}
_READS = _TAKES - {int(Op.TAKE_UNBOUNDED)} | {int(Op.SAVE), int(Op.SAVE_ALL)}
_SCALES = {int(Op.SCALE), int(Op.SCALE_ALL)}
_BEGINS = {int(Op.SEND_BEGIN), int(Op.SEND_ALL_BEGIN)}


class Taking(Expressions):
    """Sources: which funds a send takes, and in which shares."""

    # --- sending ---

    def note_reads(self, code: Code) -> None:
        """Where each account's balance is read last, so that earlier changes matter."""
        for at, (byte, first, _) in enumerate(code.instructions):
            account = self.slots.get(first)
            if byte in (Op.BALANCE, Op.OVERDRAFT):
                self.last_dynamic_read = at
            elif byte in _READS:
                if isinstance(account, Expr) and account.known:
                    self.last_read[account.value] = self.last_known_read = at
                else:
                    self.last_dynamic_read = at

    def begin(self, at: int, asset: Expr) -> None:
        """A new send: how its funds are best kept."""
        if not asset.known and asset.code.startswith("s"):
            name = self.new_name("c")
            self.emit(f"{name} = {asset.code}")
            asset = Expr(name)
        self.asset = asset
        takes: list[tuple[int, int, int]] = []
        sends = branches = 0
        self.last_use = -1
        for number in range(at + 1, len(self.instructions)):
            byte, first, second = self.instructions[number]
            if byte in _BEGINS:
                break
            if byte in _TAKES:
                takes.append((byte, first, second))
            elif byte in (Op.SEND, Op.REPAY):
                sends += 1 if byte == Op.SEND else 2
                self.last_use = number
            elif byte == Op.ONEOF_TRY:
                branches += 1
            elif byte in _SCALES:
                raise Untranslatable
        self.is_single = len(takes) == 1 and not branches
        self.single = None
        self.sends_once = sends == 1
        accounts = [self.slots.get(first, Expr("?")) for _, first, _ in takes]
        worths = [account.value for account in accounts if isinstance(account, Expr)]
        self.joins = UNKNOWN in worths or len(set(worths)) < len(worths)
        self.only_destination = None
        if self.sends_once and not self.joins and not branches and not self.is_single:
            destination = self.slots.get(self.instructions[self.last_use][1])
            if isinstance(destination, Expr) and not self.writes(self.last_use, destination):
                self.only_destination = destination

    def do_send_begin(self, at: int, _first: int, _second: int) -> None:
        """Start to send an amount."""
        money = self.pop_money()
        self.begin(at, money.asset)
        amount = money.amount
        kind = f"errors.NegativeAmount(asset={self.asset.code}, amount={amount.code})"
        if not amount.known:
            self.fail(at, kind, f"{amount.code} < 0")
        elif isinstance(amount.value, int) and amount.value < 0:
            self.fail(at, kind)
        self.push(amount)

    def do_send_all_begin(self, at: int, _first: int, _second: int) -> None:
        """Start to send all of an asset."""
        self.begin(at, self.pop())

    def writes(self, at: int, account: Expr) -> bool:
        """Whether a change of an account's balance matters to anything later."""
        if self.last_dynamic_read > at:
            return True
        if account.known:
            return self.last_read.get(account.value, -1) > at
        return self.last_known_read > at

    def do_take(self, at: int, first: int, second: int) -> None:
        """Take up to an amount."""
        self.take(at, first, second, ZERO)

    def do_take_overdraft(self, at: int, first: int, second: int) -> None:
        """Take up to an amount, down to a bound below zero."""
        bound = self.not_negative(self.in_asset(at, self.pop_money(), self.asset))
        if not self.dead:
            self.take(at, first, second, bound)

    def available(self, account: Expr, key: str, bound: Expr, world: str) -> str:
        """Code for what an account can give; `world` is the answer for @world."""
        balance = self.balance(key)
        if bound.value != 0:
            balance += f" + {bound.code}"
        if account.value == WORLD:
            return world
        if account.known:
            return balance
        return f"{balance} if {account.code} != {WORLD!r} else {world}"

    def take(self, at: int, first: int, second: int, bound: Expr) -> None:
        """Take up to an amount: what the machine does, written out."""
        account, color = self.slots[first], self.slots[second]
        assert isinstance(account, Expr)
        assert isinstance(color, Expr)
        key = self.key(account, self.asset, color)
        wanted = self.pop()
        if wanted.value == 0:
            self.push(ZERO)
            return
        name = self.new_name("a")
        exact = self.is_exact(at)
        if self.is_single and exact:
            self.emit(f"{name} = {self.available(account, key, bound, wanted.code)}")
            self.take_all_of(at, name, wanted, (account, color), key)
            return
        place = f"s{len(self.stack)}"
        if wanted.code != place:
            self.emit(f"{place} = {wanted.code}")
        self.emit(f"if {place}:")
        self.emit(f"    {name} = {self.available(account, key, bound, place)}")
        self.emit(f"    if {name} > 0:")
        self.emit(f"        if {name} > {place}:")
        self.emit(f"            {name} = {place}")
        self.put_aside(account, color, name, "        ")
        if self.writes(at, account):
            self.change(key, f"- {name}", "        ")
        self.emit(f"        {place} -= {name}")
        self.push(Expr(place))
        if self.is_single:
            self.is_single = False

    def put_aside(self, account: Expr, color: Expr, amount: str, indent: str = "") -> None:
        """Keep funds to be given, or post them where they all go to one account."""
        only = self.only_destination
        if only is None:
            self.emit(f"{indent}{self.use('f')}.append(({account.code}, {color.code}, {amount}))")
            return
        self.post((account.code, only.code, amount, self.asset.code, color.code), indent)

    def is_exact(self, at: int) -> bool:
        """Whether the next thing is to see that nothing is missing."""
        return self.follows(at, Op.TAKE_EXACT)

    def take_all_of(
        self, at: int, name: str, wanted: Expr, piece: tuple[Expr, Expr], key: str
    ) -> None:
        """The one piece of a send: it gives everything, or the run stops."""
        below = self.pop()
        condition = f"{name} < {wanted.code}"
        if not wanted.known:
            condition += f" and {wanted.code}"
        available = f"{name} if {name} > 0 else 0"
        kind = (
            f"errors.MissingFunds(asset={self.asset.code}, needed={below.code},"
            f" available={available})"
        )
        self.fail(at + 1, kind, condition)
        if self.writes(at, piece[0]):
            self.change(key, f"- {wanted.code}")
        self.single = piece
        self.skip = 2

    def change(self, key: str, by: str, indent: str = "") -> None:
        """Change a balance in flight."""
        if self.held is not None:
            name = self.local(key)
            self.emit(f"{indent}{name} = {name} {by}")
            return
        if self.tries:
            self.emit(f"{indent}{self.use('j')}.append(({key}, b.get({key})))")
        self.emit(f"{indent}{self.use('b')}[{key}] = b.get({key}, 0) {by}")

    def do_take_unbounded(self, at: int, first: int, second: int) -> None:
        """Take the whole amount."""
        account, color = self.slots[first], self.slots[second]
        assert isinstance(account, Expr)
        assert isinstance(color, Expr)
        wanted = self.pop()
        key = self.key(account, self.asset, color)
        writes = self.writes(at, account)
        if self.is_single and self.is_exact(at):
            if writes:
                self.change(key, f"- {wanted.code}")
            self.single = (account, color)
            self.push(ZERO)
            return
        self.is_single = False
        if wanted.value != 0:
            indent = ""
            if not wanted.known:
                self.emit(f"if {wanted.code}:")
                indent = "    "
            self.put_aside(account, color, wanted.code, indent)
            if writes:
                self.change(key, f"- {wanted.code}", indent)
        self.push(ZERO)

    def do_take_all(self, at: int, first: int, second: int) -> None:
        """Take all of an account."""
        self.take_everything(at, first, second, ZERO)

    def do_take_all_overdraft(self, at: int, first: int, second: int) -> None:
        """Take all of an account, down to a bound below zero."""
        bound = self.not_negative(self.in_asset(at, self.pop_money(), self.asset))
        if not self.dead:
            self.take_everything(at, first, second, bound)

    def take_everything(self, at: int, first: int, second: int, bound: Expr) -> None:
        """Take all that an account has."""
        account, color = self.slots[first], self.slots[second]
        assert isinstance(account, Expr)
        assert isinstance(color, Expr)
        kind = f"errors.UnboundedInSendAll(name={'@' + WORLD!r})"
        if account.value == WORLD:
            self.fail(at, kind)
            return
        if not account.known:
            self.fail(at, kind, f"{account.code} == {WORLD!r}")
        key = self.key(account, self.asset, color)
        name = f"s{len(self.stack)}"
        plus = f" + {bound.code}" if bound.value != 0 else ""
        self.emit(f"{name} = {self.balance(key)}{plus}")
        self.emit(f"if {name} < 0:")
        self.emit(f"    {name} = 0")
        if self.is_single:
            self.single = (account, color)
        else:
            self.emit(f"if {name}:")
            self.put_aside(account, color, name, "    ")
        if self.writes(at, account):
            self.change(key, f"- {name}")
        self.push(Expr(name))

    def do_take_max(self, at: int, _first: int, _second: int) -> None:
        """Split an amount at a cap."""
        cap = self.in_asset(at, self.pop_money(), self.asset)
        if self.dead:
            return
        amount = self.pop()
        if isinstance(cap.value, int) and isinstance(amount.value, int):
            part = max(0, min(amount.value, cap.value))
            self.push(literal(amount.value - part))
            self.push(literal(part))
            return
        rest, part_name = f"s{len(self.stack)}", f"s{len(self.stack) + 1}"
        self.emit(f"{part_name} = {cap.code} if {cap.code} < {amount.code} else {amount.code}")
        if not (isinstance(cap.value, int) and cap.value >= 0):
            self.emit(f"if {part_name} < 0:")
            self.emit(f"    {part_name} = 0")
        self.emit(f"{rest} = {amount.code} - {part_name}")
        self.push(Expr(rest))
        self.push(Expr(part_name))

    def do_take_cap(self, at: int, _first: int, _second: int) -> None:
        """The amount of a cap, not below zero."""
        amount = self.in_asset(at, self.pop_money(), self.asset)
        if not self.dead:
            self.push(self.not_negative(amount))

    def do_take_exact(self, at: int, _first: int, _second: int) -> None:
        """Stop where something is missing."""
        missing, wanted = self.pop(), self.pop()
        if missing.value == 0:
            return
        kind = (
            f"errors.MissingFunds(asset={self.asset.code}, needed={wanted.code},"
            f" available={wanted.code} - {missing.code})"
        )
        if missing.known:
            self.fail(at, kind)
        else:
            self.fail(at, kind, missing.code)

    def do_funds_assemble(self, _at: int, _first: int, _second: int) -> None:
        """Make the funds ready to be given."""
        if self.single is not None or self.only_destination is not None:
            return
        if self.joins:
            self.emit(f"assemble({self.use('f')})")
        elif not self.sends_once:
            self.emit(f"{self.use('f')}.reverse()")

    # --- allotments ---

    def do_allotment_new(self, _at: int, first: int, second: int) -> None:
        """Portions to an allotment."""
        count = first - (second > 0)
        portions = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        exprs = tuple(portion for portion in portions if isinstance(portion, Expr))
        self.push(Shares(None, exprs, second))

    def do_allocate(self, at: int, first: int, _second: int) -> None:
        """Shares of an amount, the first on top."""
        shares = self.stack.pop()
        assert isinstance(shares, Shares)
        amount = self.pop()
        base = len(self.stack)
        known = shares.allotment
        if known is not None and isinstance(amount.value, int):
            for share in reversed(allocate(amount.value, known)):
                self.push(literal(share))
            return
        names = [f"s{base + place}" for place in reversed(range(first))]
        if known is not None and first <= _MAX_UNROLLED:
            self.unroll(amount, known, names)
        elif known is not None:
            parts = f"{amount.code}, {known.numerators!r}, {known.denominator}"
            self.emit(f"({', '.join(names)},) = split({parts})")
        else:
            portions = "".join(f"{portion.code}, " for portion in shares.portions)
            general = f"share({amount.code}, ({portions}), {shares.remaining})"
            self.mark(at)
            if first > _MAX_UNROLLED or not self.unroll_portions(amount, shares, names, general):
                self.emit(f"({', '.join(names)},) = {general}")
        for name in reversed(names):
            self.push(Expr(name))

    def unroll(self, amount: Expr, allotment: Allotment, names: list[str]) -> None:
        """A few constant shares of an amount, written out."""
        total = self.new_name("n")
        self.emit(f"{total} = {amount.code}")
        denominator = allotment.denominator
        codes = [
            f"{total} * {numerator} // {denominator}" if numerator else "0"
            for numerator in allotment.numerators
        ]
        self.round_down(total, codes, names)

    def round_down(self, total: str, codes: list[str], names: list[str]) -> None:
        """Shares rounded down, then one unit more to the first ones."""
        for name, code in zip(names[1:], codes[1:], strict=True):
            self.emit(f"{name} = {code}")
        others = "".join(f" - {name}" for name in names[1:])
        if len(names) <= 2:
            # What rounding leaves is at most one unit, and it is the first one's.
            self.emit(f"{names[0]} = {total}{others}")
            return
        self.emit(f"{names[0]} = {codes[0]}")
        left = self.new_name("n")
        self.emit(f"{left} = {total} - {names[0]}{others}")
        self.emit(f"if {left}:")
        for place, name in enumerate(names[:-1]):
            self.emit(f"    if {left} > {place}:")
            self.emit(f"        {name} += 1")

    def unroll_portions(self, amount: Expr, shares: Shares, names: list[str], general: str) -> bool:
        """A few shares by portions that only the run knows, written out; `general` is for errors.

        Each share is rounded down by its own fraction; that of `remaining` is what all the others
        leave over their common denominator.
        """
        constant = Portion(0, 1)
        fractions: list[tuple[str, str]] = []
        unknown: list[tuple[str, str]] = []
        for portion in shares.portions:
            if isinstance(portion.value, Portion):
                if portion.value.numerator < 0:
                    return False
                constant = add_portions(constant, portion.value)
                fractions.append((str(portion.value.numerator), str(portion.value.denominator)))
                continue
            name = self.new_name("q")
            self.emit(f"{name}n, {name}d = {portion.code}")
            unknown.append((f"{name}n", f"{name}d"))
            fractions.append(unknown[-1])
        if not unknown:
            return False
        total, whole, rest = (self.new_name(letter) for letter in "ndr")
        self.emit(f"{total} = {amount.code}")
        below = [denominator for _, denominator in unknown]
        if constant.denominator != 1:
            below.append(str(constant.denominator))
        self.emit(f"{whole} = {' * '.join(below)}")
        minus = []
        for number, (numerator, _) in enumerate(unknown):
            minus.append(" * ".join([numerator, *below[:number], *below[number + 1 :]]))
        if constant.numerator:
            factors = [str(constant.numerator), *(denominator for _, denominator in unknown)]
            minus.append(" * ".join(factors))
        self.emit(f"{rest} = {whole}{''.join(f' - {term}' for term in minus)}")
        wrong = [f"{rest} < 0" if shares.remaining else rest]
        wrong += [f"{numerator} < 0" for numerator, _ in unknown]
        self.emit(f"if {' or '.join(wrong)}:")
        self.emit(f"    {general}")
        if shares.remaining:
            fractions.insert(shares.remaining - 1, (rest, whole))
        codes = [f"{total} * {above} // {denominator}" for above, denominator in fractions]
        self.round_down(total, codes, names)
        return True
