"""Code actions: what each offers, and that it does away with what it is offered for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from textwrap import dedent

import pytest
from numscript_lsp.features.actions import EXTRACT, FIX_ALL, REWRITE
from numscript_lsp.features.code_actions import code_actions, fix_all, quick_fixes
from numscript_lsp.features.records import Edit
from numscript_lsp.features.rewriting import expected_type
from numscript_lsp.tree import path_around, walk

import numscript
from numscript import Span, Type
from numscript.syntax import nodes
from tests.lsp.features.marked import marked
from tests.material import all_scripts


def apply_edits(text: str, edits: tuple[Edit, ...]) -> str:
    """The text after edits, which must not overlap; those at one place go in as they come."""
    parts: list[str] = []
    at = 0
    for (start, end), new in sorted(edits, key=lambda edit: edit.span):
        assert start >= at, "two edits overlap"
        parts += (text[at:start], new)
        at = end
    return "".join((*parts, text[at:]))


def send(destination: str = "@b", source: str = "@a", sent: str = "[USD/2 100]") -> str:
    return f"send {sent} (\n  source = {source}\n  destination = {destination}\n)\n"


def fixed(text: str, code: str, number: int = 0) -> tuple[str, str]:
    """Title and text of a quick fix for the first diagnostic of a code."""
    checked = numscript.check(text)
    diagnostic = next(d for d in checked.diagnostics if d.code == code)
    action = list(quick_fixes(checked, diagnostic))[number]
    assert action.fixes == diagnostic
    after = apply_edits(text, action.edits)
    left = [d for d in numscript.check(after).diagnostics if d.kind == diagnostic.kind]
    count = sum(d.kind == diagnostic.kind for d in checked.diagnostics)
    assert len(left) < count, after
    return action.title, after


def refactored(text: str, kind: str) -> dict[str, str]:
    """The texts after each refactoring of a kind that a marked place or selection allows."""
    text, span = marked(text)
    checked = numscript.check(text)
    return {
        action.title: apply_edits(text, action.edits)
        for action in code_actions(checked, span)
        if action.kind == kind
    }


# --- variables --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "declaration"),
    [
        (send("$x"), "account $x"),
        (send(source="max $x from @a"), "monetary $x"),
        (send(source="@a allowing overdraft up to $x"), "monetary $x"),
        (send(sent="[$x 100]"), "asset $x"),
        (send(sent="[$x *]"), "asset $x"),
        (send(sent="[USD/2 $x]"), "number $x"),
        (send(sent="[USD/2 100 - $x]"), "number $x"),
        (send(sent="$x + [USD/2 1]"), "monetary $x"),
        (send(sent="$x"), "monetary $x"),
        (send("{ $x to @b remaining kept }"), "portion $x"),
        (send("{ 1/$x to @b remaining kept }"), "number $x"),
        ("save [USD/2 1] from $x", "account $x"),
        ("set_account_meta(@a, $x, 1)", "string $x"),
        ("set_account_meta($x, 1, 1)", "account $x"),
        ('set_tx_meta("a", $x)', "string $x"),
        (send("@b:$x"), "string $x"),
    ],
)
def test_a_missing_variable_is_declared_with_the_type_it_needs(text: str, declaration: str) -> None:
    title, after = fixed(text, "NUM203")
    assert title == f"Declare `{declaration}`"
    assert after == f"vars {{\n  {declaration}\n}}\n\n{text}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("vars {\n  asset $a\n}\n", "vars {\n  asset $a\n  account $x\n}\n"),
        ("vars { asset $a }\n", "vars { asset $a account $x }\n"),
        ("vars { }\n", "vars {\n  account $x\n}\n"),
        ("vars {\n    asset $a // why\n}\n", "vars {\n    asset $a // why\n    account $x\n}\n"),
        ("// head\n", "// head\nvars {\n  account $x\n}\n\n"),
        (
            '#![feature("experimental-oneof")]\n',
            '#![feature("experimental-oneof")]\n\nvars {\n  account $x\n}\n',
        ),
    ],
)
def test_a_declaration_goes_where_the_others_are(before: str, after: str) -> None:
    assert fixed(before + send("$x"), "NUM203")[1] == after + send("$x")


def test_where_declarations_are_broken_a_new_one_goes_before_them() -> None:
    text = "vars {\n  account $\n}\n" + send("$x")
    assert fixed(text, "NUM203")[1].startswith("vars {\n  account $x\n  account $\n}")


def test_what_lacks_more_than_brackets_is_not_closed() -> None:
    checked = numscript.check("send [USD/2 1] (\n  source = @a\n")
    (diagnostic,) = [d for d in checked.diagnostics if d.code == "NUM103"]
    assert list(quick_fixes(checked, diagnostic)) == []


def test_a_variable_that_an_origin_needs_is_declared_before_it() -> None:
    text = 'vars {\n  asset $a\n  string $b = meta($x, "b")\n}\n'
    assert fixed(text, "NUM203")[1].splitlines()[1:4] == [
        "  asset $a",
        "  account $x",
        '  string $b = meta($x, "b")',
    ]


def test_what_is_meant_comes_first() -> None:
    text = "vars {\n  monetary $price\n}\n" + send(sent="$pirce")
    assert fixed(text, "NUM203")[0] == "Change to `$price`"
    assert fixed(text, "NUM203", 1)[0] == "Declare `monetary $pirce`"


@pytest.mark.parametrize(
    ("text", "code", "right"),
    [
        ("vars { acount $a }", "NUM201", "account"),
        ('#![feature("experimental-onof")]\n', "NUM207", '"experimental-oneof"'),
        ('set_tx_meat("a", 1)', "NUM205", "set_tx_meta"),
        ("sned [USD/2 1] ( source = @a destination = @b )", "NUM101", "send"),
    ],
)
def test_a_misspelt_word_is_changed_to_what_is_meant(text: str, code: str, right: str) -> None:
    title, after = fixed(text, code)
    assert title == f"Change to `{right}`"
    assert right in after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("vars {\n  asset $x\n  asset $y\n}\n", "vars {\n  asset $y\n}\n"),
        ("vars {\n  asset $x // why\n  asset $y\n}\n", "vars {\n  asset $y\n}\n"),
        ("vars {\r\n  asset $x\r\n  asset $y\r\n}\n", "vars {\r\n  asset $y\r\n}\n"),
        ("vars { asset $x asset $y }\n", "vars { asset $y }\n"),
        ("vars {\n  asset $x\n}\n\n", ""),
        ("vars { asset $x }", ""),
    ],
)
def test_an_unused_variable_is_taken_away(before: str, after: str) -> None:
    rest = send(sent="[$y 100]") if "$y" in before else "fail\n"
    assert fixed(before + rest, "NUM301")[1] == after + rest


def test_a_second_declaration_is_taken_away() -> None:
    text = "vars {\n  account $a\n  account $a\n}\n" + send("$a")
    assert fixed(text, "NUM202")[1] == "vars {\n  account $a\n}\n" + send("$a")


def test_a_bound_monetary_becomes_a_number() -> None:
    text = "vars {\n  monetary $x\n}\n" + send(source="{ max [USD/2 50] from @a @b }", sent="$x")
    title, after = fixed(text, "NUM307")
    assert title == "Declare `number $x` and write `[USD/2 $x]`"
    assert "number $x" in after
    assert "send [USD/2 $x]" in after
    assert numscript.check(after).diagnostics == ()


def test_a_bound_asset_is_written_out() -> None:
    text = "vars {\n  asset $x\n}\n" + send(source="{ max [USD/2 50] from @a @b }", sent="[$x 1]")
    assert fixed(text, "NUM307")[1].startswith("send [USD/2 1]")


def test_a_nested_meta_gets_a_variable_of_its_own() -> None:
    text = 'vars {\n  monetary $held = balance(meta(@o, "seller"), USD/2)\n}\n' + send(sent="$held")
    assert fixed(text, "NUM416")[1].splitlines()[1:3] == [
        '  account $seller = meta(@o, "seller")',
        "  monetary $held = balance($seller, USD/2)",
    ]


# --- types and assets -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (send('"bob"'), "destination = @bob"),
        (send(sent='["EUR" 1]'), "send [EUR 1]"),
        ("set_tx_meta(@a:b, 1)", 'set_tx_meta("a:b", 1)'),
        (send(source="max 5 from @a"), "max [USD/2 5] from @a"),
        ("vars { string $x }\n" + send("$x"), "vars { account $x }"),
        ("vars { account $x = balance(@a, EUR) }\n", "vars { monetary $x = balance(@a, EUR) }"),
        ("vars { monetary $x }\n" + send(sent="[USD/2 $x]"), "vars { number $x }"),
    ],
)
def test_a_value_is_written_as_the_type_it_must_have(text: str, right: str) -> None:
    assert right in fixed(text, "NUM204")[1]


def test_a_monetary_in_brackets_loses_them() -> None:
    text = "vars { monetary $x }\n" + send(sent="[USD/2 $x]")
    assert "send $x (" in fixed(text, "NUM204", 1)[1]


def test_the_other_asset_becomes_the_one_that_is_sent() -> None:
    text = send(source="{ max [EUR/2 50] from @a @b }")
    assert "max [USD/2 50]" in fixed(text, "NUM407")[1]


def test_a_color_is_written_in_capitals() -> None:
    text = '#![feature("experimental-asset-colors")]\n' + send(source='@a \\ "red"')
    assert '\\ "RED"' in fixed(text, "NUM414")[1]


# --- allotments -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clauses", "title", "after"),
    [
        (
            "1/2 to @b 1/3 to @c",
            "Write `remaining` for the last portion, which makes it 1/2",
            "1/2 to @b remaining to @c",
        ),
        (
            "60% to @b 50% to @c",
            "Write `remaining` for the last portion, which makes it 40%",
            "60% to @b remaining to @c",
        ),
    ],
)
def test_a_wrong_sum_is_mended_by_remaining(clauses: str, title: str, after: str) -> None:
    assert fixed(send(f"{{ {clauses} }}"), "NUM406") == (title, send(f"{{ {after} }}"))


def test_what_is_missing_to_the_whole_can_be_kept() -> None:
    text = send("{\n    1/2 to @b // half\n    1/3 to @c // third\n  }")
    after = text.replace("// third\n", "// third\n    remaining kept\n")
    assert fixed(text, "NUM406", 1) == ("Add `remaining kept`", after)


def test_no_remaining_is_offered_where_nothing_would_remain() -> None:
    checked = numscript.check(send("{ 3/2 to @b 1/2 to @c }"))
    (diagnostic,) = checked.diagnostics
    assert list(quick_fixes(checked, diagnostic)) == []


@pytest.mark.parametrize(
    ("clauses", "after"),
    [
        ("9/10 to @b $fee to @c", "9/10 to @b remaining to @c"),
        ("$fee to @c 9/10 to @b", "9/10 to @b remaining to @c"),
        ("1/2 to @c 1/2 to @b $fee to @d", "1/2 to @c 1/2 to @b"),
    ],
)
def test_a_portion_without_a_choice_becomes_remaining(clauses: str, after: str) -> None:
    text = "vars {\n  portion $fee\n}\n" + send(f"{{ {clauses} }}")
    made = fixed(text, "NUM302")[1]
    assert re.sub(r"\{ +", "{ ", made) == send(f"{{ {after} }}")


def test_a_portion_variable_that_is_used_elsewhere_stays() -> None:
    text = "vars {\n  portion $fee\n}\n" + send("{ 9/10 to @b $fee to @c }")
    text += 'set_tx_meta("fee", $fee)\n'
    assert "portion $fee" in fixed(text, "NUM302")[1]


def test_a_remaining_that_gets_nothing_goes() -> None:
    text = send("{\n    1/2 to @b\n    1/2 to @c\n    remaining kept\n  }")
    assert fixed(text, "NUM303")[1] == text.replace("    remaining kept\n", "")


def test_remaining_moves_to_the_end_of_its_block() -> None:
    text = send("{\n    remaining to @b\n    $fee to @c\n    $tax to @d\n  }")
    text = "vars { portion $fee portion $tax }\n" + text
    after = text.replace("    remaining to @b\n", "")
    after = after.replace("@d\n", "@d\n    remaining to @b\n")
    assert fixed(text, "NUM308")[1] == after


# --- flags and reach --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '#![feature("experimental-oneof")]\n'),
        ("#![feature()]\n", '#![feature("experimental-oneof")]\n'),
        (
            '#![feature("experimental-asset-colors")]\n',
            '#![feature("experimental-asset-colors", "experimental-oneof")]\n',
        ),
        ("// head\n", '#![feature("experimental-oneof")]\n// head\n'),
        ("\ufeff", '\ufeff#![feature("experimental-oneof")]\n'),
    ],
)
def test_a_flag_is_switched_on_where_it_is_missing(before: str, after: str) -> None:
    rest = send(source="oneof { @a @b }")
    title, text = fixed(before + rest, "NUM420")
    assert title == "Switch on `experimental-oneof` in this script"
    assert text == after + rest


@pytest.mark.parametrize(
    ("flags", "after"),
    [
        ('"x"', ""),
        ('"x", "experimental-oneof"', '#![feature("experimental-oneof")]\n'),
        ('"experimental-oneof", "x"', '#![feature("experimental-oneof")]\n'),
    ],
)
def test_a_flag_that_does_not_exist_is_taken_away(flags: str, after: str) -> None:
    assert fixed(f"#![feature({flags})]\nfail\n", "NUM207")[1] == f"{after}fail\n"


@pytest.mark.parametrize(
    ("source", "code", "after"),
    [
        ("@world allowing unbounded overdraft", "NUM304", "@world"),
        ("(@world) allowing overdraft up to [USD/2 1]", "NUM304", "(@world)"),
        ("{ @a @b @a }", "NUM305", "{ @a @b }"),
        ("{ @world @a }", "NUM306", "{ @world }"),
        ("{ @world max [USD/2 1] from @a }", "NUM306", "{ @world }"),
    ],
)
def test_a_source_that_says_nothing_is_taken_away(source: str, code: str, after: str) -> None:
    assert fixed(send(source=source), code)[1] == send(source=after)


def test_a_statement_that_is_never_reached_is_taken_away() -> None:
    assert fixed("fail\n" + send(), "NUM309")[1] == "fail\n"


# --- syntax -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "after"),
    [
        ('set_tx_meta("a", "b)', "NUM104", 'set_tx_meta("a", "b")'),
        ("fail /* why\n", "NUM105", "fail /* why */\n"),
        ("fail;", "NUM102", "fail"),
        ("# why\nfail", "NUM102", "// why\nfail"),
        ("print USD/2 100", "NUM101", "print [USD/2 100]"),
        ("vars {\n  asset $a", "NUM103", "vars {\n  asset $a\n}"),
        (
            "send [USD/2 1] (\n  source = @a\n  destination = {\n    1/2 to @b\n",
            "NUM103",
            "send [USD/2 1] (\n  source = @a\n  destination = {\n    1/2 to @b\n  }\n)\n",
        ),
        ("print [USD/2 1", "NUM103", "print [USD/2 1]"),
    ],
)
def test_broken_text_is_mended(text: str, code: str, after: str) -> None:
    assert fixed(text, code)[1] == after


# --- all of them ------------------------------------------------------------------------------


def test_fixes_of_every_script_do_away_with_what_they_are_for() -> None:
    tried = 0
    for name, text, flags in all_scripts(corpus_step=10):
        checked = numscript.check(text, flags)
        for diagnostic in checked.diagnostics:
            for action in quick_fixes(checked, diagnostic):
                after = apply_edits(text, action.edits)
                found = [d.kind for d in numscript.check(after, flags).diagnostics]
                before = [d.kind for d in checked.diagnostics]
                count = found.count(diagnostic.kind)
                assert count < before.count(diagnostic.kind), (name, action, after)
                tried += 1
    assert tried > 20


def test_everything_safe_is_mended_at_once() -> None:
    text = send("{ 1/2 to @b 1/2 to @c remaining kept }", "{ @world @a @b }")
    action = fix_all(numscript.check(text))
    assert action is not None
    assert action.kind == FIX_ALL
    after = send("{ 1/2 to @b 1/2 to @c }", "{ @world }")
    assert apply_edits(text, action.edits) == after


def test_what_nobody_needs_to_mend_offers_nothing() -> None:
    assert fix_all(numscript.check(send())) is None


class Rich(numscript.StaticStore):
    """Every account holds the same of everything."""

    def __init__(self, amount: int) -> None:
        super().__init__([])
        self.amount = amount

    def get_balances(
        self, query: Sequence[numscript.BalanceKey]
    ) -> Mapping[numscript.BalanceKey, int]:
        return dict.fromkeys(query, self.amount)


GIVEN = {
    "account": "given",
    "asset": "USD/2",
    "monetary": "USD/2 101",
    "number": 7,
    "portion": "1/7",
    "string": "text",
}


def test_what_is_safe_changes_no_run() -> None:
    mended = moved = 0
    for name, text, flags in all_scripts(corpus_step=3):
        checked = numscript.check(text, flags)
        action = fix_all(checked)
        if action is None or checked.refusals:
            continue
        mended += 1
        variables = {
            variable: GIVEN[declaration.type] for variable, declaration in checked.variables.items()
        }
        after = apply_edits(text, action.edits)
        for amount in (0, 13, 10**6):
            first = run(text, flags, variables, Rich(amount))
            assert first == run(after, flags, variables, Rich(amount)), (name, amount, after)
            moved += not isinstance(first, str)
    assert mended > 20
    assert moved > 20


def run(
    text: str,
    flags: tuple[str, ...],
    variables: Mapping[str, object],
    store: numscript.StaticStore,
) -> object:
    """The postings, or the code of the error."""
    try:
        return numscript.compile(text, flags).run(variables, store).postings
    except numscript.NumscriptError as problem:
        return problem.kind.code


# --- refactorings -----------------------------------------------------------------------------

FLAG = '#![feature("experimental-mid-script-function-call")]\n'


@pytest.mark.parametrize(
    ("selected", "declaration", "replaced"),
    [
        (send("«@platform:fees»"), "account $fees = @platform:fees", send("$fees")),
        (send(sent="«[USD/2 100]»"), "monetary $amount = [USD/2 100]", send(sent="$amount")),
        (send(sent="[USD/2 « 100 »]"), "number $number = 100", send(sent="[USD/2  $number ]")),
        (send(sent="[«USD/2» 1]"), "asset $asset = USD/2", send(sent="[$asset 1]")),
        (send("{ «1/3» to @b remaining kept }"), "portion $share = 1/3", None),
        ('set_tx_meta(«"a"», 1)\n', 'string $text = "a"', "set_tx_meta($text, 1)\n"),
    ],
)
def test_an_expression_is_extracted(selected: str, declaration: str, replaced: str | None) -> None:
    name = declaration.split()[1]
    made = refactored(selected, EXTRACT)
    after = made[f"Extract to the variable `{name}`"]
    rest = replaced or send(f"{{ {name} to @b remaining kept }}")
    assert after == f"{FLAG}vars {{\n  {declaration}\n}}\n\n{rest}"
    assert numscript.check(after).diagnostics == ()
    given = declaration.split(" =")[0]
    assert made[f"Have the caller give it, as `{given}`"] == f"vars {{\n  {given}\n}}\n\n{rest}"


def test_a_call_is_extracted_without_a_flag() -> None:
    made = refactored(send(sent="«balance(@a, USD/2)»"), EXTRACT)
    after = made["Extract to the variable `$balance`"]
    assert after.startswith("vars {\n  monetary $balance = balance(@a, USD/2)\n}\n\nsend $balance")
    assert numscript.check(after).diagnostics == ()


def test_a_name_that_is_taken_gets_a_number() -> None:
    text = "vars {\n  account $b\n}\n" + send("{ 1/2 to $b remaining to «@b» }")
    assert "Have the caller give it, as `account $b_2`" in refactored(text, EXTRACT)


@pytest.mark.parametrize("text", [send("@¦b"), "vars {\n  asset $a = «USD/2»\n}\n", "«fail»"])
def test_what_has_a_name_or_is_not_selected_is_not_extracted(text: str) -> None:
    assert refactored(text, EXTRACT) == {}


def test_the_clauses_of_a_send_change_places_and_back() -> None:
    text = "send [USD/2 1] (\n  source = { @a @b }\n  destination = ¦@c\n)\n"
    (older,) = refactored(text, REWRITE).values()
    assert older == "send [USD/2 1] (\n  destination = @c\n  source = { @a @b }\n)\n"
    (newer,) = refactored(older.replace("@c", "¦@c"), REWRITE).values()
    assert newer == text.replace("¦", "")


def test_the_type_that_a_place_needs_agrees_with_the_check() -> None:
    """Whatever a correct script has in a place is of the type that is expected there."""
    tried = 0
    for name, text, flags in all_scripts(corpus_step=20):
        checked = numscript.check(text, flags)
        if checked.errors:
            continue
        for node in walk(checked.program):
            path = path_around(checked.program, node.span)
            actual = checked.types.get(id(node), Type.ANY)
            if path[-1] is not node or isinstance(path[-2:][0], nodes.AccountLiteral):
                continue  # Part of an account can be of three types.
            expected = expected_type(checked, path)
            assert Type.ANY in (expected, actual) or expected == actual, (name, node)
            tried += expected is not Type.ANY
    assert tried > 500


def test_actions_come_with_their_kinds_for_a_place() -> None:
    text = dedent(
        """\
        vars { asset $unused }
        send [USD/2 1] ( source = @a destination = @b )
        """
    )
    found = list(code_actions(numscript.check(text), Span(15, 15)))
    assert [action.title for action in found] == ["Take the declaration of `$unused` away"]
    assert all(action.preferred for action in found)
