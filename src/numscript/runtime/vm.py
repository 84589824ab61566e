"""The stack machine: runs the code of a program. Pure: it reads nothing but what it was given.

The arms test against plain numbers, in the order of how often they are met, because a `match` on
names of an enum looks each name up again and costs twice as much; `_N = int(Op.N)` below keeps
the names. The machine is the specification of what each instruction means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from numscript import errors
from numscript.bytecode.opcodes import Op
from numscript.bytecode.program import TYPE_NAMES
from numscript.diagnostics import Diagnostic, ExecutionError, Failure, Kind
from numscript.prelude import WORLD
from numscript.runtime.allotment import allocate, make_allotment
from numscript.runtime.funds import Piece, assemble, pull
from numscript.runtime.result import ExecutionResult, Posting, ResolvedProgram, new_posting
from numscript.runtime.scaling import find_conversions, split_scale
from numscript.values import (
    MAX_BITS,
    READERS,
    Monetary,
    Portion,
    is_asset,
    is_color,
    join_account,
    text_of,
    too_long,
)

if TYPE_CHECKING:
    from numscript.bytecode.program import Code, Program
    from numscript.runtime.store import BalanceKey
    from numscript.script import Span

LOAD = int(Op.LOAD)
STORE = int(Op.STORE)
COPY = int(Op.COPY)
NUMBER_ADD = int(Op.NUMBER_ADD)
NUMBER_SUB = int(Op.NUMBER_SUB)
NUMBER_NEG = int(Op.NUMBER_NEG)
MONETARY_NEW = int(Op.MONETARY_NEW)
MONETARY_ADD = int(Op.MONETARY_ADD)
MONETARY_SUB = int(Op.MONETARY_SUB)
MONETARY_NEG = int(Op.MONETARY_NEG)
MONETARY_ASSET = int(Op.MONETARY_ASSET)
MONETARY_AMOUNT = int(Op.MONETARY_AMOUNT)
PORTION_NEW = int(Op.PORTION_NEW)
ACCOUNT_NEW = int(Op.ACCOUNT_NEW)
VARIABLE_CHECK = int(Op.VARIABLE_CHECK)
METADATA_READ = int(Op.METADATA_READ)
BALANCE = int(Op.BALANCE)
OVERDRAFT = int(Op.OVERDRAFT)
COLOR_CHECK = int(Op.COLOR_CHECK)
SEND_BEGIN = int(Op.SEND_BEGIN)
SEND_ALL_BEGIN = int(Op.SEND_ALL_BEGIN)
TAKE = int(Op.TAKE)
TAKE_OVERDRAFT = int(Op.TAKE_OVERDRAFT)
TAKE_UNBOUNDED = int(Op.TAKE_UNBOUNDED)
TAKE_ALL = int(Op.TAKE_ALL)
TAKE_ALL_OVERDRAFT = int(Op.TAKE_ALL_OVERDRAFT)
TAKE_MAX = int(Op.TAKE_MAX)
TAKE_CAP = int(Op.TAKE_CAP)
TAKE_EXACT = int(Op.TAKE_EXACT)
SCALE = int(Op.SCALE)
SCALE_ALL = int(Op.SCALE_ALL)
FUNDS_ASSEMBLE = int(Op.FUNDS_ASSEMBLE)
ALLOTMENT_NEW = int(Op.ALLOTMENT_NEW)
ALLOCATE = int(Op.ALLOCATE)
ONEOF_TRY = int(Op.ONEOF_TRY)
ONEOF_NEXT = int(Op.ONEOF_NEXT)
JUMP = int(Op.JUMP)
JUMP_ZERO = int(Op.JUMP_ZERO)
JUMP_ABOVE = int(Op.JUMP_ABOVE)
SEND = int(Op.SEND)
REPAY = int(Op.REPAY)
SAVE = int(Op.SAVE)
SAVE_ALL = int(Op.SAVE_ALL)
TX_META = int(Op.TX_META)
ACCOUNT_META = int(Op.ACCOUNT_META)
PRINT = int(Op.PRINT)
FAIL = int(Op.FAIL)


def execute(resolved: ResolvedProgram) -> ExecutionResult:
    """Run a resolved program. Raises ExecutionError with the span of what stopped it.

    The resolved program is left as it is: it can be run again, with the same result.
    """
    return execute_once(
        resolved._replace(slots=resolved.slots.copy(), balances=resolved.balances.copy())
    )


def execute_once(resolved: ResolvedProgram) -> ExecutionResult:
    """Run a resolved program that nobody will run again: its slots and balances are used up."""
    program, slots, balances, _ = resolved
    machine = Machine(program, slots, balances)
    machine.run(program.main)
    return ExecutionResult(
        tuple(machine.postings),
        machine.tx_metadata,
        machine.account_metadata,
        tuple(machine.printed),
    )


def stop(program: Program, kind: Kind, span: Span) -> ExecutionError:
    """The error of a run that stops at a place of its script."""
    return ExecutionError([Diagnostic(kind, span, program.script, kind.severity)])


class Machine:
    """The state of one run, and the loop that changes it.

    `read_balance` and `read_metadata` are how code that runs before `main` reads; `unread` is the
    first supplied variable that could not be read, with what is wrong with it.
    """

    # What most runs never change stands on the class, so that making a machine stays cheap.
    read_balance: Callable[[BalanceKey], None] | None = None
    read_metadata: Callable[[str, str], str] | None = None
    unread: tuple[int, Kind] | None = None
    asset = ""
    # The keys of each account's balances, from the first SCALE on.
    accounts: dict[str, list[BalanceKey]] | None = None

    def __init__(self, program: Program, slots: list[Any], balances: dict[BalanceKey, int]) -> None:
        self.program = program
        self.slots = slots
        self.balances = balances
        # Taken but not yet sent, as they were taken; from FUNDS_ASSEMBLE on the next one is last.
        self.funds: list[Piece] = []
        self.postings: list[Posting] = []
        self.tx_metadata: dict[str, str] = {}
        self.account_metadata: dict[str, dict[str, str]] = {}
        self.printed: list[str] = []
        # For ONEOF_TRY: the balances that changed since, and what else to go back to.
        self.journal: list[tuple[BalanceKey, int | None]] = []
        self.tries: list[tuple[int, int, int]] = []

    def run(self, code: Code) -> None:
        """Run a piece of code. Raises ExecutionError.

        The arms stand in groups, so that no instruction needs more than a dozen comparisons. What
        is met in every send is written out here; the rest are methods.
        """
        instructions = code.instructions
        count = len(instructions)
        stack: list[Any] = []
        push, pop = stack.append, stack.pop
        slots, balances = self.slots, self.balances
        funds, postings = self.funds, self.postings
        asset = self.asset
        # Whether a change of a balance needs no note of it to be taken.
        plain = self.accounts is None and not self.tries
        at = next_at = 0
        try:
            while next_at < count:
                at = next_at
                op, first, second = instructions[at]
                next_at = at + 1
                if op < NUMBER_ADD:
                    if op == LOAD:
                        push(slots[first])
                    elif op == COPY:
                        push(stack[-1])
                    else:
                        slots[first] = pop()
                elif op >= JUMP:
                    if op == SEND:
                        amount = pop()
                        destination = slots[first]
                        while amount and funds:
                            account, color, size = funds.pop()
                            if size > amount:
                                funds.append((account, color, size - amount))
                                size = amount
                            amount -= size
                            key = (destination, asset, color)
                            if plain:
                                balances[key] = balances.get(key, 0) + size
                            else:
                                self.change(key, size)
                            postings.append(new_posting((account, destination, size, asset, color)))
                    elif op == JUMP_ZERO:
                        if not stack[-1]:
                            pop()
                            next_at = first
                    elif op == JUMP:
                        next_at = first
                    elif op == JUMP_ABOVE:
                        cap = self.in_asset(pop(), asset)
                        if stack[-1] > cap:
                            next_at = first
                    elif op == REPAY:
                        self.repay(pop(), asset)
                    elif op == TX_META:
                        value = pop()
                        self.tx_metadata[pop()] = text_of(value)
                    else:
                        self.finish(op, first, stack)
                elif op >= SEND_BEGIN:
                    if op == TAKE or op == TAKE_OVERDRAFT:  # noqa: SIM109 - faster
                        bound = 0
                        if op == TAKE_OVERDRAFT:
                            found, bound = pop()
                            if found != asset:
                                raise Failure(errors.AssetMismatch(expected=asset, got=found))
                            if bound < 0:
                                bound = 0
                        account, color = slots[first], slots[second]
                        key = (account, asset, color)
                        wanted = stack[-1]
                        old = balances.get(key, 0)
                        if account != WORLD and old + bound < wanted:
                            wanted = old + bound
                        if wanted > 0:
                            if plain:
                                balances[key] = old - wanted
                            else:
                                self.change(key, -wanted)
                            funds.append((account, color, wanted))
                            stack[-1] -= wanted
                    elif op == TAKE_MAX:
                        found, cap = pop()
                        if found != asset:
                            raise Failure(errors.AssetMismatch(expected=asset, got=found))
                        part = stack[-1]
                        if cap < part:
                            part = max(0, cap)
                        stack[-1] -= part
                        push(part)
                    elif op == TAKE_EXACT:
                        missing, wanted = pop(), pop()
                        if missing:
                            available = wanted - missing
                            raise Failure(
                                errors.MissingFunds(asset=asset, needed=wanted, available=available)
                            )
                    elif op == TAKE_UNBOUNDED:
                        self.push_funds(slots[first], slots[second], stack[-1], asset)
                        stack[-1] = 0
                    elif op == SEND_BEGIN:
                        asset, amount = pop()
                        self.asset = asset
                        if amount < 0:
                            raise Failure(errors.NegativeAmount(asset=asset, amount=amount))
                        push(amount)
                    elif op == ALLOCATE:
                        allotment = pop()
                        stack.extend(reversed(allocate(pop(), allotment)))
                    elif op == ALLOTMENT_NEW:
                        number = first - (second > 0)
                        portions = stack[len(stack) - number :]
                        del stack[len(stack) - number :]
                        push(make_allotment(portions, second))
                    elif op == TAKE_ALL:
                        push(self.take_all(slots[first], slots[second], 0, asset))
                    elif op == TAKE_ALL_OVERDRAFT:
                        bound = max(0, self.in_asset(pop(), asset))
                        push(self.take_all(slots[first], slots[second], bound, asset))
                    elif op == SEND_ALL_BEGIN:
                        self.asset = asset = pop()
                    elif op == TAKE_CAP:
                        push(max(0, self.in_asset(pop(), asset)))
                    elif op == ONEOF_TRY:
                        self.tries.append((len(self.journal), len(funds), len(postings)))
                        plain = False
                    elif op == ONEOF_NEXT:
                        if pop():
                            self.undo()
                        else:
                            self.tries.pop()
                            stack[-1] = 0
                            next_at = first
                        plain = self.accounts is None and not self.tries
                    elif op == FUNDS_ASSEMBLE:
                        if len(funds) > 1:
                            assemble(funds)
                    elif op == SCALE:
                        self.scale(slots[first], slots[second], stack[-1], asset)
                        plain = False
                    else:
                        self.scale(slots[first], slots[second], None, asset)
                        plain = False
                elif op == NUMBER_ADD:
                    right = pop()
                    stack[-1] += right
                elif op == NUMBER_SUB:
                    right = pop()
                    stack[-1] -= right
                elif op == MONETARY_NEW:
                    amount = pop()
                    stack[-1] = Monetary(stack[-1], amount)
                else:
                    self.compute(op, first, stack)
        except Failure as failure:
            raise stop(
                self.program, failure.kind, failure.span or code.span(at)
            ) from failure.__cause__

    # --- expressions ---

    def compute(self, op: int, first: int, stack: list[Any]) -> None:
        """The instructions of expressions that are met less often."""
        if op in (MONETARY_ADD, MONETARY_SUB):
            right: Monetary = stack.pop()
            left: Monetary = stack[-1]
            amount = self.in_asset(right, left.asset)
            stack[-1] = Monetary(
                left.asset, left.amount + (amount if op == MONETARY_ADD else -amount)
            )
        elif op == NUMBER_NEG:
            stack[-1] = -stack[-1]
        elif op == MONETARY_NEG:
            stack[-1] = Monetary(stack[-1].asset, -stack[-1].amount)
        elif op == MONETARY_ASSET:
            stack[-1] = stack[-1].asset
        elif op == MONETARY_AMOUNT:
            stack[-1] = stack[-1].amount
        elif op == PORTION_NEW:
            denominator = stack.pop()
            if not denominator:
                raise Failure(errors.DivideByZero())
            stack[-1] = Portion.of(stack[-1], denominator)
        elif op == ACCOUNT_NEW:
            stack[-first:] = [join_account(stack[-first:])]
        elif op == VARIABLE_CHECK:
            if self.unread is not None and self.unread[0] == first:
                raise Failure(self.unread[1])
        elif op == METADATA_READ:
            assert self.read_metadata is not None
            key = stack.pop()
            text = self.read_metadata(stack[-1], key)
            stack[-1] = READERS[TYPE_NAMES[first]](text)
        elif op == COLOR_CHECK:
            if is_color(self.slots[first]) is None:
                raise Failure(errors.InvalidColor(name=self.slots[first]))
        else:
            self.compute_balance(op, stack)

    def compute_balance(self, op: int, stack: list[Any]) -> None:
        """BALANCE and OVERDRAFT: what is in flight right now."""
        asset = stack.pop()
        account = stack.pop()
        key = (account, asset, "")
        if self.read_balance is not None and key not in self.balances and account != WORLD:
            self.read_balance(key)
        balance = self.balances.get(key, 0)
        if op == OVERDRAFT:
            balance = max(0, -balance)
        elif balance < 0:
            raise Failure(errors.NegativeBalance(account=account, asset=asset, amount=balance))
        stack.append(Monetary(asset, balance))

    def in_asset(self, monetary: Monetary, asset: str) -> int:
        """The amount of a monetary that must be of an asset."""
        if monetary[0] != asset:
            raise Failure(errors.AssetMismatch(expected=asset, got=monetary[0]))
        return monetary[1]

    # --- taking ---

    def change(self, key: BalanceKey, by: int) -> None:
        """Change a balance in flight."""
        old = self.balances.get(key)
        if self.tries:
            self.journal.append((key, old))
        if old is None:
            old = 0
            if self.accounts is not None:
                self.accounts.setdefault(key[0], []).append(key)
        self.balances[key] = old + by

    def push_funds(self, account: str, color: str, amount: int, asset: str) -> None:
        """Take an amount off an account and put it behind the funds."""
        if amount:
            self.change((account, asset, color), -amount)
            self.funds.append((account, color, amount))

    def take_all(self, account: str, color: str, bound: int, asset: str) -> int:
        """Take all that an account has, down to a bound below zero; gives how much that was."""
        if account == WORLD:
            raise Failure(errors.UnboundedInSendAll(name=f"@{WORLD}"))
        amount = max(0, self.balances.get((account, asset, color), 0) + bound)
        self.push_funds(account, color, amount, asset)
        return amount

    def undo(self) -> None:
        """Go back to what was at the last ONEOF_TRY."""
        journal_size, funds_size, postings_size = self.tries.pop()
        undo(self.journal, journal_size, self.balances)
        del self.funds[funds_size:]
        del self.postings[postings_size:]

    def scale(self, account: str, through: str, wanted: int | None, asset: str) -> None:
        """Convert other precisions of an account, to cover an amount, or all of them (None)."""
        if self.accounts is None:
            self.accounts = {}
            for key in self.balances:
                self.accounts.setdefault(key[0], []).append(key)
        known = [key for key in self.accounts.get(account, ()) if key in self.balances]
        if not known:
            raise Failure(errors.UnknownScalingAccount(account=account))
        base, _ = split_scale(asset)
        holdings = {
            key[1]: self.balances[key]
            for key in known
            if not key[2] and split_scale(key[1])[0] == base
        }
        conversions, total = find_conversions(wanted, asset, holdings.items())
        for name, amount in conversions:
            self.move(account, through, amount, name)
        self.move(through, account, total, asset)

    def move(self, source: str, destination: str, amount: int, asset: str) -> None:
        """Post an amount without asking whether the source has it."""
        if amount:
            self.change((source, asset, ""), -amount)
            self.change((destination, asset, ""), amount)
            self.postings.append(new_posting((source, destination, amount, asset, "")))

    # --- giving ---

    def repay(self, amount: int, asset: str) -> None:
        """Give an amount of the funds back to where it came from."""
        for account, color, size in pull(self.funds, amount):
            self.change((account, asset, color), size)

    # --- statements ---

    def finish(self, op: int, first: int, stack: list[Any]) -> None:
        """The instructions of statements that are met less often."""
        if op == FAIL:
            raise Failure(self.program.failures[first])
        if op == SAVE:
            asset, amount = stack.pop()
            if amount < 0:
                raise Failure(errors.NegativeAmount(asset=asset, amount=amount))
            key = (self.slots[first], asset, "")
            self.balances[key] = max(0, self.balances.get(key, 0) - amount)
        elif op == SAVE_ALL:
            key = (self.slots[first], stack.pop(), "")
            self.balances[key] = min(0, self.balances.get(key, 0))
        elif op == ACCOUNT_META:
            value, name, account = stack.pop(), stack.pop(), stack.pop()
            self.account_metadata.setdefault(account, {})[name] = text_of(value)
        elif op == PRINT:
            self.printed.append(text_of(stack.pop()))
        else:
            check_postings(self.postings)


def undo(
    journal: list[tuple[BalanceKey, int | None]], size: int, balances: dict[BalanceKey, int]
) -> None:
    """Put back the balances that changed since the journal was of a size."""
    while len(journal) > size:
        key, old = journal.pop()
        if old is None:
            del balances[key]
        else:
            balances[key] = old


def check_postings(postings: Iterable[Posting]) -> None:
    """Stop at a posting of an asset or an amount that no ledger accepts. Raises Failure."""
    for posting in postings:
        if posting.amount.bit_length() > MAX_BITS:
            raise too_long(posting.amount)
        if is_asset(posting.asset) is None:
            raise Failure(errors.InvalidPosting(asset=posting.asset))
