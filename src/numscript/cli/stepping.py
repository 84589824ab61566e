"""The prompt of `numscript debug`: commands that move through a trace, and what they show.

Every command is a row of `COMMANDS` and a method `do_...`; what it says goes through one function,
so that the prompt neither knows nor minds whether it talks to a terminal or a pipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import click

from numscript import render
from numscript.debugging import session as stands
from numscript.debugging.session import Session, describe_asset
from numscript.debugging.trace import END, FAILURE, UNDONE
from numscript.render import one_line, style

if TYPE_CHECKING:
    from numscript.debugging.clauses import Clause
    from numscript.debugging.trace import State
    from numscript.runtime.store import BalanceKey

PROMPT = "(debug) "
LINES_AROUND = 5
"""How many lines `list` shows in front of and behind the one it is about."""


class Command(NamedTuple):
    """A command of the prompt: its name, its letter, what may follow, and what it does."""

    name: str
    letter: str
    argument: str
    doc: str


COMMANDS = (
    Command("step", "s", "[TIMES]", "go on to the next clause"),
    Command("next", "n", "[TIMES]", "go on to the next clause that is not inside this one"),
    Command("out", "o", "", "go on until this block or statement is done"),
    Command("back", "k", "[TIMES]", "go back to the clause before"),
    Command("continue", "c", "", "go on to a breakpoint, or to the end"),
    Command("reverse", "r", "", "go back to a breakpoint, or to the start"),
    Command("break", "b", "[LINE[:COLUMN]]", "stop at a line; alone: list what is stopped at"),
    Command("watch", "x", "ACCOUNT", "stop when a balance of an account has changed"),
    Command("delete", "d", "[LINE | ACCOUNT]", "stop there no more; alone: stop nowhere"),
    Command("where", "w", "", "show what the clause stands in, from the inside out"),
    Command("list", "l", "[LINE]", "show the script around the clause, or around a line"),
    Command("print", "p", "EXPRESSION", "work out an expression on the balances in flight"),
    Command("variables", "v", "", "show the variables"),
    Command("balances", "a", "[ACCOUNT]", "show the balances in flight"),
    Command("funds", "f", "", "show what was taken and not yet given, next first"),
    Command("postings", "t", "", "show the postings so far"),
    Command("metadata", "m", "", "show the metadata set so far"),
    Command("help", "h", "", "show the commands"),
    Command("quit", "q", "", "end the session"),
)


TITLES = {
    stands.BREAKPOINT: ": breakpoint",
    stands.WATCH: ": a watched balance has changed",
    UNDONE: ": this gives too little, and is undone",
}
"""What is said behind the place of a step, by the reason to stand there."""


class Refusal(Exception):  # noqa: N818 - it is an answer
    """What a command says when it cannot do what it is told."""


class Stepping:
    """A session and the prompt to it."""

    def __init__(self, session: Session, show: Callable[[str], None], *, color: bool) -> None:
        self.session = session
        self.script = session.trace.script
        self.show = show
        self.color = color
        self.done = False
        self.again = ""

    def run(self, lines: Iterator[str]) -> None:
        """Show where the run starts, then do what the lines say, until one says to quit."""
        self.show_place()
        for line in lines:
            self.execute(line)
            if self.done:
                break

    def execute(self, line: str) -> None:
        """Do what a line says; an empty one repeats the one before."""
        line = line.strip() or self.again
        self.again = line
        if not line:
            return
        word, _, argument = line.partition(" ")
        try:
            command = find_command(word)
            if argument.strip() and not command.argument:
                raise Refusal(f"`{command.name}` takes nothing behind it")
            getattr(self, f"do_{command.name}")(argument.strip())
        except Refusal as refusal:
            self.show(render.visible(str(refusal)))

    # --- moving ---

    def do_step(self, argument: str) -> None:
        """One clause on, or several."""
        self.move(self.session.step_in, argument)

    def do_next(self, argument: str) -> None:
        """One clause on that is not inside, or several."""
        self.move(self.session.step_over, argument)

    def do_out(self, argument: str) -> None:
        """Out of the block."""
        self.move(self.session.step_out, argument)

    def do_continue(self, argument: str) -> None:
        """On to a breakpoint."""
        self.move(self.session.resume, argument)

    def do_back(self, argument: str) -> None:
        """One clause back, or several."""
        self.move(self.session.step_back, argument, back=True)

    def do_reverse(self, argument: str) -> None:
        """Back to a breakpoint."""
        self.move(self.session.resume_back, argument, back=True)

    def move(self, way: Callable[[], str], argument: str, *, back: bool = False) -> None:
        """Go somewhere, up to a number of times, and show what has changed on the way."""
        session = self.session
        times = read_number(argument, "a number of steps") if argument else 1
        if back and session.at == 0:
            raise Refusal("this is the start of the run")
        if not back and session.at == session.last:
            raise Refusal("the run is over: `back` goes back, `quit` ends the session")
        before = session.state
        for _ in range(times):
            if way() in (stands.BREAKPOINT, stands.WATCH, END, FAILURE) or session.at == 0:
                break
        for line in changes(before, session.state, session.trace.read):
            self.show(render.visible(f"  {line}"))
        self.show_place()

    # --- stopping ---

    def do_break(self, argument: str) -> None:
        """Set a breakpoint, or list all."""
        session = self.session
        if not argument:
            found = [c for c in session.trace.clauses.stops if c.number in session.breakpoints]
            rows = [f"breakpoint at {self.describe(clause)}" for clause in found]
            rows += [f"watching @{account}" for account in sorted(session.watched)]
            self.show(render.visible("\n".join(rows)) or "no breakpoints")
            return
        line, column = self.read_place(argument)
        clause = session.place_breakpoint(line, column)
        if clause is None:
            raise Refusal(f"there is nothing to stop at from line {line + 1} on")
        moved = session.trace.clauses.position(clause).line != line
        note = f"; line {line + 1} does nothing by itself" if moved else ""
        self.show(render.visible(f"breakpoint at {self.describe(clause)}{note}"))

    def do_watch(self, argument: str) -> None:
        """Watch the balances of an account."""
        if not argument:
            raise Refusal("name an account: watch @users:ana")
        account = argument.removeprefix("@")
        self.session.watched.add(account)
        self.show(render.visible(f"watching @{account}"))

    def do_delete(self, argument: str) -> None:
        """Remove breakpoints and watched accounts."""
        session = self.session
        if not argument:
            session.breakpoints.clear()
            session.watched.clear()
        elif argument.removeprefix("@") in session.watched:
            session.watched.remove(argument.removeprefix("@"))
        else:
            line, column = self.read_place(argument)
            clauses = session.trace.clauses
            there = {c.number for c in clauses.stops if clauses.position(c).line == line}
            moved = clauses.first_stop(line, column)
            if not there and moved is not None:
                there = {moved.number}
            if not there & session.breakpoints:
                raise Refusal(f"there is no breakpoint on line {line + 1}")
            session.breakpoints -= there
        self.do_break("")

    def read_place(self, argument: str) -> tuple[int, int]:
        """A line and a column, counted from 0, from what was typed."""
        line, _, column = argument.partition(":")
        number = read_number(line, "the number of a line")
        if number > len(self.script.line_starts):
            raise Refusal(f"the script has {len(self.script.line_starts)} lines")
        return number - 1, read_number(column, "the number of a column") - 1 if column else 0

    # --- showing ---

    def show_place(self) -> None:
        """Show the clause that comes next, or how the run came out."""
        session = self.session
        step, trace = session.step, session.trace
        if step.reason == FAILURE:
            assert trace.error is not None
            self.show(render.diagnostics(trace.error.diagnostics, color=self.color))
            return
        if step.reason == END:
            assert trace.result is not None
            self.show(style("the run is over", "bold", color=self.color))
            self.show(render.result(trace.result, color=self.color))
            return
        line, column = self.script.position(step.span.start)
        place = f"{render.visible(self.script.name)}:{line + 1}:{column + 1}"
        title = f"{place}{TITLES.get(step.reason) or TITLES.get(session.reason, '')}"
        self.show(style(title, "bold", color=self.color))
        self.show(render.marked_place(self.script, step.span, "cyan", color=self.color))

    def do_where(self, _argument: str) -> None:
        """The clause and those around it."""
        session = self.session
        rows = [f"step {session.at + 1} of {session.last + 1}"]
        clause = session.step.clause
        if clause is not None:
            rows += [f"  {self.describe(c)}" for c in session.trace.clauses.above(clause)]
        self.show(render.visible("\n".join(rows)))

    def do_list(self, argument: str) -> None:
        """Lines of the script, the current one and those with breakpoints marked."""
        session = self.session
        clauses = session.trace.clauses
        current = self.script.position(session.step.span.start).line
        middle = self.read_place(argument)[0] if argument else current
        stops = {clauses.position(clauses.all[n]).line for n in session.breakpoints}
        last = len(self.script.line_starts) - 1
        if last and not self.script.line(last):
            last -= 1
        end = min(middle + LINES_AROUND, last)
        for number in range(max(0, middle - LINES_AROUND), end + 1):
            mark = "->" if number == current else "  "
            dot = "*" if number in stops else " "
            head = style(
                f"{mark}{dot}{number + 1:>{len(str(end + 1))}} |", "blue", color=self.color
            )
            self.show(f"{head} {render.visible(self.script.line(number))}".rstrip())

    def do_print(self, argument: str) -> None:
        """The value of an expression."""
        if not argument:
            raise Refusal("give an expression: print $price + [EUR/2 1]")
        try:
            self.show(render.visible(self.session.evaluate(argument)))
        except ValueError as problem:
            raise Refusal(str(problem)) from None

    def do_variables(self, _argument: str) -> None:
        """The variables by name."""
        rows = [(f"${name}", str(value)) for name, value in self.session.state.variables.items()]
        self.show_table(("Variable", "Value"), rows, "no variables")

    def do_balances(self, argument: str) -> None:
        """The balances, or those of an account."""
        wanted = argument.removeprefix("@")
        rows = [
            (account, describe_asset(asset, color), str(amount))
            for (account, asset, color), amount in self.session.state.balances.items()
            if wanted in ("", account)
        ]
        self.show_table(("Account", "Asset", "Balance"), rows, "no balances")

    def do_funds(self, _argument: str) -> None:
        """The queue of funds."""
        state = self.session.state
        rows = [
            (account, describe_asset(state.asset, color), str(amount))
            for account, color, amount in state.funds
        ]
        self.show_table(("Account", "Asset", "Amount"), rows, "no funds")

    def do_postings(self, _argument: str) -> None:
        """The postings so far."""
        self.show(render.posting_table(self.session.state.postings, color=self.color))

    def do_metadata(self, _argument: str) -> None:
        """The metadata set so far."""
        state = self.session.state
        rows = [("", key, text) for key, text in state.tx_metadata.items()]
        for account, texts in state.account_metadata.items():
            rows += [(account, key, text) for key, text in texts.items()]
        self.show_table(("Account", "Key", "Value"), rows, "no metadata")

    def do_help(self, _argument: str) -> None:
        """The commands."""
        rows = [(c.letter, f"{c.name} {c.argument}".rstrip(), c.doc) for c in COMMANDS]
        self.show(render.table(("", "Command", ""), rows, color=self.color))
        self.show("An empty line repeats the command before; names can be cut short.")

    def do_quit(self, _argument: str) -> None:
        """The end."""
        self.done = True

    def show_table(
        self, headings: tuple[str, ...], rows: Sequence[tuple[str, ...]], nothing: str
    ) -> None:
        """A table, its last column to the right where it holds amounts; a word if it is empty."""
        numbers = {"Balance", "Amount"}
        text = render.table(headings, rows, color=self.color, numbers=numbers) if rows else nothing
        self.show(text)

    def describe(self, clause: Clause) -> str:
        """A clause with its place."""
        line, column = self.session.trace.clauses.position(clause)
        return f"{line + 1}:{column + 1}  {clause.title}"


def find_command(word: str) -> Command:
    """The command of a name, a letter or the start of a name. Raises Refusal."""
    for command in COMMANDS:
        if word in (command.letter, command.name):
            return command
    found = [command for command in COMMANDS if command.name.startswith(word)]
    if len(found) == 1:
        return found[0]
    if found:
        names = " or ".join(f"`{command.name}`" for command in found)
        raise Refusal(f"`{word}` may be {names}")
    raise Refusal(f"there is no command `{word}`; `help` shows all")


def read_number(text: str, what: str) -> int:
    """A whole number above zero that was typed. Raises Refusal."""
    if text.isascii() and text.isdigit() and int(text[:9]) > 0:
        return int(text[:9])
    raise Refusal(f"`{text}` is not {what}")


def changes(before: State, after: State, read: Mapping[BalanceKey, int]) -> Iterator[str]:
    """What differs between two moments of a run that has read these balances, a line each."""
    for name, value in after.variables.items():
        if name not in before.variables:
            yield f"${name} = {one_line(str(value))}"
    for key in dict.fromkeys((*before.balances, *after.balances)):
        # What was read later had its balance all the time.
        old, new = (state.balances.get(key, read.get(key)) for state in (before, after))
        if old is not None and old != (new or 0):
            yield f"@{describe_balance(key)}: {old} -> {new or 0}"
        elif key not in before.balances:
            yield f"@{describe_balance(key)}: {new}"
    if before.funds != after.funds:
        pieces = [
            f"{account} {amount}" + (f' \\ "{color}"' if color else "")
            for account, color, amount in after.funds
        ]
        yield f"funds: {', '.join(pieces) or 'none'}"
    same = 0
    for one, other in zip(before.postings, after.postings, strict=False):
        if one is not other:
            break
        same += 1
    for sign, postings in (("-", before.postings[same:]), ("+", after.postings[same:])):
        for posting in postings:
            asset = describe_asset(posting.asset, posting.color)
            yield f"{sign} {posting.source} -> {posting.destination} {asset} {posting.amount}"
    for name, text in after.tx_metadata.items():
        if before.tx_metadata.get(name) != text:
            yield f"metadata {one_line(name)} = {one_line(text)}"
    for account, texts in after.account_metadata.items():
        for name, text in texts.items():
            if before.account_metadata.get(account, {}).get(name) != text:
                yield f"metadata of @{account} {one_line(name)} = {one_line(text)}"
    for text in after.printed[len(before.printed) :]:
        yield f"printed {one_line(text)}"


def describe_balance(key: BalanceKey) -> str:
    """An account and its asset."""
    account, asset, color = key
    return f"{account} {describe_asset(asset, color)}"


# --- reading commands -------------------------------------------------------------------------


def typed_lines() -> Iterator[str]:
    """What is typed at a terminal, with history and completion where Python has them."""
    with suppress(ImportError):
        import readline

        names = [command.name for command in COMMANDS]

        def complete(text: str, number: int) -> str | None:
            found = [name for name in names if name.startswith(text)]
            return found[number] if number < len(found) else None

        readline.set_completer(complete)
        readline.parse_and_bind("tab: complete")
    while True:
        try:
            yield input(PROMPT)
        except KeyboardInterrupt:
            click.echo()
        except EOFError:
            return
