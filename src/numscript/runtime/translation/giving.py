"""The translation of branches, destinations and the other statements."""

from __future__ import annotations

from numscript.bytecode.opcodes import Op
from numscript.runtime.translation.entries import Entry, Expr, Money, literal
from numscript.runtime.translation.taking import Taking
from numscript.runtime.translation.writer import CannotHold


class Giving(Taking):
    """Where funds go, and what else a script does."""

    # --- branches ---

    def do_oneof_try(self, _at: int, _first: int, _second: int) -> None:
        """Remember what to come back to."""
        self.emit(f"mf{self.tries} = len({self.use('f')})")
        self.emit(f"mj{self.tries} = len({self.use('j')})")
        self.tries += 1

    def do_oneof_next(self, _at: int, first: int, _second: int) -> None:
        """On to the end where nothing is missing; else undo."""
        missing = self.pop()
        self.tries -= 1
        place = f"s{len(self.stack) - 1}"
        wanted = self.stack[-1]
        assert isinstance(wanted, Expr)
        self.stack.pop()
        self.settle()
        self.push(wanted)
        if missing.value == 0:
            self.emit(f"{place} = 0")
            self.stack[-1] = Expr(place)
            if first in self.loop_labels:
                self.leave(first)
            else:
                self.at_label[first] = list(self.stack)
                self.open_if(first, "False")
                self.dead = True
            return
        settled = [*self.stack[:-1], Expr(place)]
        self.at_label.setdefault(first, settled)
        if first in self.loop_labels:
            self.emit(f"if not {missing.code}:")
            self.emit(f"    {place} = 0")
            self.emit("    break")
        else:
            self.open_if(first, missing.code, f"{place} = 0")
        self.emit(f"del f[mf{self.tries}:]")
        self.emit(f"undo(j, mj{self.tries}, {self.use('b')})")

    def do_jump(self, _at: int, first: int, _second: int) -> None:
        """Go on at a label."""
        self.settle()
        self.leave(first)

    def do_jump_zero(self, _at: int, first: int, _second: int) -> None:
        """Drop a zero and go on at a label."""
        top = self.pop()
        self.settle()
        if first in self.loop_labels:
            if top.value == 0:
                self.leave(first)
                return
            if top.known:
                self.at_label.setdefault(first, list(self.stack))
            else:
                self.leave(first, f"not {top.code}")
            self.push(top)
            return
        self.at_label.setdefault(first, list(self.stack))
        if top.value == 0:
            self.open_if(first, "False")
            self.dead = True
            return
        self.open_if(first, "True" if top.known else top.code)
        self.push(top)

    def do_jump_above(self, at: int, first: int, _second: int) -> None:
        """Go on at a label where an amount is above a cap."""
        cap = self.in_asset(at, self.pop_money(), self.asset)
        if self.dead:
            return
        self.settle()
        amount = self.stack[-1]
        assert isinstance(amount, Expr)
        self.at_label.setdefault(first, list(self.stack))
        if first in self.loop_labels:
            self.leave(first, f"{amount.code} > {cap.code}")
        else:
            self.open_if(first, f"{amount.code} <= {cap.code}")

    # --- giving ---

    def do_send(self, at: int, first: int, _second: int) -> None:
        """Give an amount to an account."""
        amount = self.pop()
        if amount.value == 0:
            return
        destination = self.slots[first]
        assert isinstance(destination, Expr)
        credited = self.writes(at, destination)
        asset = self.asset.code
        if self.single is not None:
            account, color = self.single
            indent = ""
            if not amount.known:
                self.emit(f"if {amount.code}:")
                indent = "    "
            self.post((account.code, destination.code, amount.code, asset, color.code), indent)
            if credited:
                self.change(self.key(destination, self.asset, color), f"+ {amount.code}", indent)
            return
        if self.only_destination is not None:
            return
        if not credited and self.pour(at, amount, destination):
            return
        self.use("f")
        self.use("out")
        parts = f"f, {amount.code}, {destination.code}, {asset}, out"
        # Where all goes to one account, the funds were not turned round: they go as they came.
        in_order = self.sends_once and not self.joins
        if credited:
            if self.held is not None:
                raise CannotHold
            if in_order:
                self.emit("f.reverse()")
            self.emit(f"give_and_credit({parts}, {self.use('b')})")
        elif in_order:
            one = f"new(Posting, (x[0], {destination.code}, x[2], {asset}, x[1]))"
            self.emit(f"out += [{one} for x in f]")
            self.emit("f.clear()")
        else:
            self.emit(f"give({parts})")

    def pour(self, at: int, amount: Expr, destination: Expr) -> bool:
        """Give to several accounts at once, where the next instructions do nothing else."""
        shares = f"({amount.code}, {destination.code}), "
        last = at
        while self.follows(last, Op.SEND):
            other = self.slots.get(self.instructions[last + 1][1])
            assert isinstance(other, Expr)
            if self.writes(last + 1, other):
                break
            last += 1
            share = self.pop()
            if share.value != 0:
                shares += f"({share.code}, {other.code}), "
        if last == at:
            return False
        self.emit(f"pour({self.use('f')}, ({shares}), {self.asset.code}, {self.use('out')})")
        self.skip = last + 1 - at
        return True

    def do_repay(self, at: int, _first: int, _second: int) -> None:
        """Give an amount back to where it came from."""
        amount = self.pop()
        if amount.value == 0:
            return
        asset = self.asset.code
        if self.single is not None:
            account, color = self.single
            if self.writes(at, account):
                self.change(self.key(account, self.asset, color), f"+ {amount.code}")
        elif self.writes(at, Expr("?")):
            if self.held is not None:
                raise CannotHold
            self.emit(f"repay({self.use('f')}, {amount.code}, {asset}, {self.use('b')})")
        elif at == self.last_use:
            # Nobody is given funds of this send any more.
            self.emit(f"{self.use('f')}.clear()")
        else:
            self.emit(f"drop({self.use('f')}, {amount.code})")

    # --- statements ---

    def do_save(self, at: int, first: int, _second: int) -> None:
        """Keep an amount of an account out of reach."""
        money = self.pop_money()
        amount = money.amount
        kind = f"errors.NegativeAmount(asset={money.asset.code}, amount={amount.code})"
        if not amount.known:
            self.fail(at, kind, f"{amount.code} < 0")
        elif isinstance(amount.value, int) and amount.value < 0:
            self.fail(at, kind)
        account = self.slots[first]
        assert isinstance(account, Expr)
        key = self.key(account, money.asset, literal(""))
        name = self.new_name("n")
        if self.held is not None:
            local = self.local(key)
            self.emit(f"{local} = {local} - {amount.code} if {local} > {amount.code} else 0")
            return
        self.emit(f"{name} = {self.use('b')}.get({key}, 0) - {amount.code}")
        self.emit(f"b[{key}] = {name} if {name} > 0 else 0")

    def do_save_all(self, _at: int, first: int, _second: int) -> None:
        """Keep all of an account out of reach."""
        asset = self.pop()
        account = self.slots[first]
        assert isinstance(account, Expr)
        key = self.key(account, asset, literal(""))
        name = self.new_name("n")
        if self.held is not None:
            local = self.local(key)
            self.emit(f"{local} = {local} if {local} < 0 else 0")
            return
        self.emit(f"{name} = {self.use('b')}.get({key}, 0)")
        self.emit(f"b[{key}] = {name} if {name} < 0 else 0")

    def text(self, entry: Entry) -> str:
        """Code for the text form of a value."""
        if isinstance(entry, Money):
            if entry.asset.known and entry.amount.known:
                return repr(f"{entry.asset.value} {entry.amount.value}")
            return f"{entry.asset.code} + ' ' + text_of({entry.amount.code})"
        assert isinstance(entry, Expr)
        return repr(str(entry.value)) if entry.known else f"text_of({entry.code})"

    def do_tx_meta(self, _at: int, _first: int, _second: int) -> None:
        """Set a key of the transaction's metadata."""
        text = self.text(self.stack.pop())
        self.emit(f"{self.use('tx')}[{self.pop().code}] = {text}")

    def do_account_meta(self, _at: int, _first: int, _second: int) -> None:
        """Set a key of an account's metadata."""
        text = self.text(self.stack.pop())
        key, account = self.pop(), self.pop()
        self.emit(f"{self.use('am')}.setdefault({account.code}, {{}})[{key.code}] = {text}")

    def do_print(self, _at: int, _first: int, _second: int) -> None:
        """Add a value to what is printed."""
        self.emit(f"{self.use('printed')}.append({self.text(self.stack.pop())})")

    def do_fail(self, at: int, first: int, _second: int) -> None:
        """Stop with an error."""
        self.mark(at)
        self.emit(f"raise Failure(program.failures[{first}])")
        self.dead = True

    def do_postings_check(self, at: int, _first: int, _second: int) -> None:
        """Stop at a posting of an asset that no ledger accepts."""
        self.mark(at)
        self.emit(f"check_postings({self.use('out')})")
