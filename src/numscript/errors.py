"""The catalogue: every error and warning of the language, one class each.

A kind's docstring is its page (`numscript explain NUM401`, docs/errors.md), and the example on
the page is run by a test: it must give exactly this code. Codes are grouped by stage: 1xx syntax,
2xx names and types, 3xx lints, 4xx execution. A code never moves and never returns. The same
mistake has one kind, whether it is found by the check or by the run.
"""

from __future__ import annotations

from numscript.diagnostics import Kind, Severity

WARNING = Severity.WARNING

# --- 1xx: syntax ------------------------------------------------------------------------------

_SYNTAX = ("Parsing", "ParseError")


class UnexpectedToken(Kind):
    """The text has a word or sign where the language has no place for it.

    The message says what was found and what could stand there.

    ```numscript
    send [USD/2 100] (
      source = @alice
      destination @bob
    )
    ```

    Put what is missing before the marked place, or take the marked word away.
    """

    code = "NUM101"
    title = "unexpected token"
    reference = _SYNTAX
    text = "expected {expected}, found {found}"
    hint_text = "{advice}"
    expected: str
    found: str
    advice: str


class UnexpectedCharacter(Kind):
    """The text has a character that no word or sign of the language starts with.

    ```numscript
    send [USD/2 100] (
      source = @alice;
      destination = @bob
    )
    ```

    Take the character away. Inside strings any character may stand.
    """

    code = "NUM102"
    title = "unexpected character"
    reference = _SYNTAX
    text = "the character {character} has no meaning here"
    hint_text = "{advice}"
    character: str
    advice: str


class UnexpectedEnd(Kind):
    """The text ends in the middle of a statement.

    ```numscript
    send [USD/2 100] (
      source = @alice
      destination = @bob
    ```

    Finish the statement: most often a `)` or a `}` is missing.
    """

    code = "NUM103"
    title = "unexpected end"
    reference = _SYNTAX
    text = "expected {expected}, but the script ends here"
    expected: str


class UnterminatedString(Kind):
    """A string has no closing quote on its line.

    ```numscript
    set_tx_meta("kind", "sale)
    ```

    Close the string with a `"` before the line ends.
    """

    code = "NUM104"
    title = "unterminated string"
    reference = _SYNTAX
    text = "this string is not closed before its line ends"
    hint_text = 'close it with a `"`'


class UnterminatedComment(Kind):
    """A comment opened with `/*` is never closed.

    Comments of this form nest: each `/*` needs a `*/` of its own.

    ```numscript
    set_tx_meta("kind", "sale") /* the kind of sale
    ```
    """

    code = "NUM105"
    title = "unterminated comment"
    reference = _SYNTAX
    text = "this comment is never closed"
    hint_text = "close it with `*/`"


class ScriptTooLong(Kind):
    """The script is longer than the limit, which is there to bound time and memory.

    ```python
    import numscript
    numscript.compile("// " + "long " * 20, limits=numscript.Limits(length=80))
    ```

    Split the script, or raise `Limits.length`.
    """

    code = "NUM106"
    title = "script too long"
    reference = _SYNTAX
    text = "the script has {length} characters, the limit is {limit}"
    hint_text = "split the script into several"
    length: int
    limit: int


class NestedTooDeep(Kind):
    """Blocks or expressions stand inside each other more deeply than the limit.

    ```python
    import numscript
    source = "{ " * 500 + "@a" + " }" * 500
    numscript.compile(f"send [USD/2 1] ( source = {source} destination = @b )")
    ```

    Flatten the script: a block inside a block of the same kind can most often be joined to it.
    """

    code = "NUM107"
    title = "nested too deep"
    reference = _SYNTAX
    text = "this is nested too deeply: the limit is {limit} open clauses"
    hint_text = "flatten the blocks around it"
    limit: int


class NumberTooLong(Kind):
    """A number has more digits than the limit of 4,000.

    ```python
    import numscript
    numscript.compile("set_tx_meta(\\"n\\", " + "9" * 5000 + ")")
    ```

    No amount of money is that long: look for digits that were pasted by mistake.
    """

    code = "NUM108"
    title = "number too long"
    reference = _SYNTAX
    text = "a number of {digits} digits is too long: the limit is {limit}"
    digits: int
    limit: int


class TooManyErrors(Kind):
    """The file has so many syntax errors that the rest of it was not read.

    ```python
    import numscript
    numscript.compile("send )", limits=numscript.Limits(errors=0))
    ```

    Mend the first errors; the others often vanish with them. `Limits.errors` is 100 if not set.
    """

    code = "NUM109"
    title = "too many errors"
    reference = _SYNTAX
    text = "there are more than {limit} syntax errors; the rest of the script was not read"
    limit: int


# --- 2xx: names and types ---------------------------------------------------------------------


class InvalidType(Kind):
    """A variable is declared with a type that does not exist.

    The types are account, asset, monetary, number, portion and string.

    ```numscript
    vars {
      money $price
    }
    send $price (
      source = @alice
      destination = @bob
    )
    ```
    """

    code = "NUM201"
    title = "invalid type"
    reference = ("InvalidType", "InvalidTypeErr")
    text = "there is no type `{name}`"
    hint_text = "{suggestion}"
    name: str
    suggestion: str


class DuplicateVariable(Kind):
    """A variable is declared twice.

    ```numscript
    vars {
      account $seller
      account $seller
    }
    send [USD/2 100] (
      source = @alice
      destination = $seller
    )
    ```

    Give the second one another name, or take it away.
    """

    code = "NUM202"
    title = "duplicate variable"
    reference = ("DuplicateVariable",)
    text = "the variable `${name}` is already declared"
    hint_text = "give it another name, or take this declaration away"
    name: str


class UnboundVariable(Kind):
    """A variable is used but not declared in `vars`.

    ```numscript
    vars {
      monetary $price
    }
    send $pirce (
      source = @alice
      destination = @bob
    )
    ```
    """

    code = "NUM203"
    title = "unbound variable"
    reference = ("UnboundVariable", "UnboundVariableErr")
    text = "the variable `${name}` is not declared"
    hint_text = "{suggestion}"
    name: str
    suggestion: str


class TypeMismatch(Kind):
    """A value of one type stands where another type is needed.

    ```numscript
    send [USD/2 100] (
      source = "alice"
      destination = @bob
    )
    ```
    """

    code = "NUM204"
    title = "type mismatch"
    reference = ("TypeMismatch", "TypeError")
    text = "expected {expected}, got {got}"
    expected: str
    got: str


class UnknownFunction(Kind):
    """A function is called that does not exist, or not in this place.

    `set_tx_meta` and `set_account_meta` are statements; the other functions stand in expressions.

    ```numscript
    set_meta("kind", "sale")
    ```
    """

    code = "NUM205"
    title = "unknown function"
    reference = ("UnknownFunction", "UnboundFunctionErr")
    text = "there is no function `{name}`{place}"
    hint_text = "{suggestion}"
    name: str
    place: str
    suggestion: str


class BadArity(Kind):
    """A function is called with too few or too many arguments.

    ```numscript
    vars {
      monetary $held = balance(@escrow)
    }
    send $held (
      source = @escrow
      destination = @bob
    )
    ```
    """

    code = "NUM206"
    title = "bad arity"
    reference = ("BadArity", "BadArityErr")
    text = "`{name}` takes {expected} arguments, {actual} given"
    hint_text = "{signature}"
    name: str
    expected: int
    actual: int
    signature: str


class InvalidFeature(Kind):
    """The script asks for a feature flag that does not exist.

    ```numscript
    #![feature("experimental-onof")]
    send [USD/2 100] (
      source = @alice
      destination = @bob
    )
    ```
    """

    code = "NUM207"
    title = "invalid feature"
    reference = ("InvalidFeature",)
    text = "there is no feature `{name}`"
    hint_text = "{suggestion}"
    name: str
    suggestion: str


# --- 3xx: lints -------------------------------------------------------------------------------


class UnusedVariable(Kind):
    """A variable is declared but never used. Its value must still be given to every run.

    ```numscript
    vars {
      account $seller
    }
    send [USD/2 100] (
      source = @alice
      destination = @bob
    )
    ```
    """

    code = "NUM301"
    title = "unused variable"
    severity = WARNING
    reference = ("UnusedVar",)
    text = "the variable `${name}` is never used"
    hint_text = "take the declaration away"
    name: str


class FixedPortionVariable(Kind):
    """A variable portion can have one value only, since the others leave it no choice.

    ```numscript
    vars {
      portion $fee
    }
    send [USD/2 100] (
      source = @alice
      destination = {
        9/10 to @bob
        $fee to @fees
      }
    )
    ```

    Write `remaining` in its place.
    """

    code = "NUM302"
    title = "fixed portion variable"
    severity = WARNING
    reference = ("FixedPortionVariable",)
    text = "this portion can only be {value}"
    hint_text = "write `remaining` instead"
    value: str


class RedundantRemaining(Kind):
    """`remaining` stands beside portions that already make the whole, so it never gets anything.

    ```numscript
    send [USD/2 100] (
      source = @alice
      destination = {
        1/2 to @bob
        1/2 to @carol
        remaining kept
      }
    )
    ```
    """

    code = "NUM303"
    title = "redundant remaining"
    severity = WARNING
    reference = ("RedundantRemaining",)
    text = "nothing remains: the other portions already make the whole"
    hint_text = "take this clause away"


class InvalidWorldOverdraft(Kind):
    """`@world` is given an overdraft, but it may always go below zero without a limit.

    ```numscript
    send [USD/2 100] (
      source = @world allowing unbounded overdraft
      destination = @bob
    )
    ```
    """

    code = "NUM304"
    title = "invalid world overdraft"
    severity = WARNING
    reference = ("InvalidWorldOverdraft",)
    text = "`@world` is already unbounded"
    hint_text = "take the overdraft away"


class EmptiedAccount(Kind):
    """A source is listed again after all that it has was taken.

    ```numscript
    send [USD/2 100] (
      source = { @alice @bob @alice }
      destination = @carol
    )
    ```
    """

    code = "NUM305"
    title = "emptied account"
    severity = WARNING
    reference = ("EmptiedAccount",)
    text = "`@{name}` is already empty when this is reached"
    hint_text = "take it away, or cap it where it stands first"
    name: str


class UnboundedAccountIsNotLast(Kind):
    """A source stands behind one that never runs out, so it is never reached.

    ```numscript
    send [USD/2 100] (
      source = { @world @alice }
      destination = @bob
    )
    ```
    """

    code = "NUM306"
    title = "unbounded account is not last"
    severity = WARNING
    reference = ("UnboundedAccountIsNotLast",)
    text = "this source is never reached: the one before it never runs out"
    hint_text = "put the unbounded source last"


class BoundAsset(Kind):
    """A variable carries an asset that the script already forces.

    A caller who gives another asset gets an error, so the variable offers a choice that is none.

    ```numscript
    vars {
      monetary $price
    }
    send $price (
      source = { max [USD/2 50] from @alice @bob }
      destination = @carol
    )
    ```

    Declare `number $price` and write `[USD/2 $price]`.
    """

    code = "NUM307"
    title = "bound asset"
    severity = WARNING
    reference = ("BoundAsset",)
    text = "the asset of this {declared} can only be `{asset}`"
    hint_text = "{suggestion}"
    declared: str
    asset: str
    suggestion: str


class RemainingIsNotLast(Kind):
    """`remaining` is not the last clause of its allotment.

    It still gets the rest when the script runs; readers expect to find it at the end.

    ```numscript
    vars {
      portion $fee
      portion $tax
    }
    send [USD/2 100] (
      source = @alice
      destination = {
        remaining to @bob
        $fee to @fees
        $tax to @taxes
      }
    )
    ```
    """

    code = "NUM308"
    title = "remaining is not last"
    reference = ("RemainingIsNotLast",)
    text = "`remaining` must be the last clause"
    hint_text = "move the clause to the end of its block"


class UnreachableStatement(Kind):
    """A statement stands behind `fail`, so it never runs.

    ```numscript
    fail
    set_tx_meta("kind", "sale")
    ```

    Take the statement away, or the `fail` before it.
    """

    code = "NUM309"
    title = "unreachable statement"
    severity = WARNING
    text = "this is never reached: the script fails before it"


# --- 4xx: execution ---------------------------------------------------------------------------


class MissingFunds(Kind):
    """The source cannot give what is asked of it.

    ```numscript
    send [USD/2 100] (
      source = { @alice @bob }
      destination = @carol
    )
    ```

    ```json
    {"balances": [{"account": "alice", "asset": "USD/2", "amount": 30}]}
    ```

    Fund the accounts, add another source, or allow an overdraft.
    """

    code = "NUM401"
    title = "missing funds"
    reference = ("MissingFundsErr",)
    text = "not enough funds: {asset} {needed} needed, {available} available"
    asset: str
    needed: int
    available: int


class NegativeAmount(Kind):
    """An amount below zero is sent or saved.

    ```numscript
    send [USD/2 -100] (
      source = @world
      destination = @bob
    )
    ```

    To move funds the other way, exchange the source and the destination.
    """

    code = "NUM402"
    title = "negative amount"
    reference = ("NegativeAmountErr",)
    text = "the amount is negative: {asset} {amount}"
    asset: str
    amount: int


class NegativeBalance(Kind):
    """`balance()` reads an account that is below zero.

    ```numscript
    vars {
      monetary $held = balance(@escrow, USD/2)
    }
    send $held (
      source = @escrow
      destination = @bob
    )
    ```

    ```json
    {"balances": [{"account": "escrow", "asset": "USD/2", "amount": -5}]}
    ```

    Use `overdraft()` to read how far an account is below zero.
    """

    code = "NUM403"
    title = "negative balance"
    reference = ("NegativeBalanceError",)
    text = "the balance of `@{account}` is negative: {asset} {amount}"
    hint_text = "`overdraft()` reads how far an account is below zero"
    account: str
    asset: str
    amount: int


class UnboundedInSendAll(Kind):
    """All of a source that never runs out is asked for.

    ```numscript
    send [USD/2 *] (
      source = @world
      destination = @bob
    )
    ```

    Send an amount, or cap the source: `max [USD/2 100] from @world`.
    """

    code = "NUM404"
    title = "unbounded source in send all"
    reference = ("InvalidUnboundedAccount", "InvalidUnboundedInSendAll")
    text = "all of `{name}` cannot be sent: it never runs out"
    hint_text = "cap it with `max`, or send an amount"
    name: str


class AllotmentInSendAll(Kind):
    """All of an allotment is asked for, but its shares are shares of an amount.

    ```numscript
    send [USD/2 *] (
      source = {
        1/2 from @alice
        1/2 from @bob
      }
      destination = @carol
    )
    ```
    """

    code = "NUM405"
    title = "allotment in send all"
    reference = ("NoAllotmentInSendAll", "InvalidAllotmentInSendAll")
    text = "all of an allotment cannot be sent: shares are taken of an amount"
    hint_text = "send an amount, or list the sources in order"


class InvalidAllotmentSum(Kind):
    """The portions of an allotment do not make a whole.

    Without `remaining` they must sum to exactly 1; with it, to no more than 1, and `remaining`
    may stand once.

    ```numscript
    send [USD/2 100] (
      source = @world
      destination = {
        1/2 to @bob
        1/3 to @carol
      }
    )
    ```
    """

    code = "NUM406"
    title = "invalid allotment sum"
    reference = ("BadAllotmentSum", "InvalidAllotmentSum")
    text = "the portions sum to {sum}{reason}"
    hint_text = "portions make exactly 1; `remaining` stands for the rest"
    sum: str
    reason: str


class AssetMismatch(Kind):
    """Two assets meet where only one can be.

    Monetaries are added and subtracted in one asset only, and every cap and bound of a `send` is
    in the asset that is sent.

    ```numscript
    send [USD/2 100] (
      source = { max [EUR/2 50] from @world @alice }
      destination = @bob
    )
    ```
    """

    code = "NUM407"
    title = "asset mismatch"
    reference = ("AssetMismatch", "MismatchedCurrencyError")
    text = "expected an amount of `{expected}`, got `{got}`"
    expected: str
    got: str


class MissingVariable(Kind):
    """A declared variable was not given a value.

    ```numscript
    vars {
      monetary $price
    }
    send $price (
      source = @world
      destination = @bob
    )
    ```
    """

    code = "NUM408"
    title = "missing variable"
    reference = ("MissingVariableErr",)
    text = "the variable `${name}` ({type}) has no value"
    hint_text = "{suggestion}"
    name: str
    type: str
    suggestion: str


class InvalidMonetary(Kind):
    """A text is not a monetary: an asset, one space, an amount.

    ```numscript
    vars {
      monetary $price
    }
    send $price (
      source = @world
      destination = @bob
    )
    ```

    ```json
    {"variables": {"price": "100USD"}}
    ```
    """

    code = "NUM409"
    title = "invalid monetary"
    reference = ("InvalidMonetaryLiteral",)
    text = "`{text}` is not a monetary"
    hint_text = "write an asset, one space and an amount, as in `USD/2 100`"


class InvalidNumber(Kind):
    """A text is not a number: digits, with a sign before them or none.

    ```numscript
    vars {
      number $count
    }
    send [USD/2 $count] (
      source = @world
      destination = @bob
    )
    ```

    ```json
    {"variables": {"count": "ten"}}
    ```

    Give decimal digits, such as `10` or `-10`, without blanks, `_` or a decimal point.
    """

    code = "NUM410"
    title = "invalid number"
    reference = ("InvalidNumberLiteral",)
    text = "`{text}` is not a whole number"
    hint_text = "amounts are whole, in the asset's smallest unit; a monetary is written `USD/2 100`"


class InvalidPortion(Kind):
    """A text is not a portion between 0 and 1.

    ```numscript
    vars {
      portion $fee
    }
    send [USD/2 100] (
      source = @world
      destination = {
        $fee to @fees
        remaining to @bob
      }
    )
    ```

    ```json
    {"variables": {"fee": "101%"}}
    ```

    Give a fraction such as `1/3`, or a percentage such as `12.5%`.
    """

    code = "NUM411"
    title = "invalid portion"
    reference = ("BadPortionParsingErr",)
    text = "`{text}` is not a portion: {reason}"
    reason: str


class InvalidAccount(Kind):
    """A text is not the address of an account.

    An address is segments of letters, digits, `_` and `-`, joined by `:`, without the `@`.

    ```numscript
    vars {
      account $seller
    }
    send [USD/2 100] (
      source = @world
      destination = $seller
    )
    ```

    ```json
    {"variables": {"seller": "the seller"}}
    ```
    """

    code = "NUM412"
    title = "invalid account"
    reference = ("InvalidAccountName",)
    text = "`{name}` is not the address of an account"
    hint_text = "use segments of letters, digits, `_` and `-`, joined by `:`"
    name: str


class InvalidAsset(Kind):
    """A text is not an asset: up to 17 capitals and digits, then `/` and up to 6 digits, or none.

    ```numscript
    vars {
      asset $currency
    }
    send [$currency 100] (
      source = @world
      destination = @bob
    )
    ```

    ```json
    {"variables": {"currency": "usd"}}
    ```
    """

    code = "NUM413"
    title = "invalid asset"
    reference = ("InvalidAsset",)
    text = "`{name}` is not an asset"
    hint_text = "write capitals and digits, then `/` and the number of decimals, as in `USD/2`"
    name: str


class InvalidColor(Kind):
    """A colour is not made of capital letters only.

    ```numscript
    #![feature("experimental-asset-colors")]
    send [USD/2 100] (
      source = @alice \\ "red"
      destination = @bob
    )
    ```
    """

    code = "NUM414"
    title = "invalid color"
    reference = ("InvalidColor",)
    text = "`{name}` is not a color"
    hint_text = "use capital letters only"
    name: str


class MetadataNotFound(Kind):
    """`meta()` asks for a key that the account does not have.

    ```numscript
    vars {
      account $seller = meta(@orders:1, "seller")
    }
    send [USD/2 100] (
      source = @world
      destination = $seller
    )
    ```

    Set the key on the account before the script is run, or look for a misspelt account or key.
    """

    code = "NUM415"
    title = "metadata not found"
    reference = ("MetadataNotFound",)
    text = "`@{account}` has no metadata under `{key}`"
    account: str
    key: str


class NestedMeta(Kind):
    """`meta()` stands inside an expression, where nothing says which type it has.

    ```numscript
    vars {
      monetary $held = balance(meta(@orders:1, "seller"), USD/2)
    }
    send $held (
      source = @escrow
      destination = @bob
    )
    ```

    Give it a variable of its own, and use the variable.
    """

    code = "NUM416"
    title = "nested meta"
    reference = ("InvalidNestedMeta",)
    text = "`meta()` may only be the whole origin of a variable"
    hint_text = "give it a variable of its own"


class InvalidVariable(Kind):
    """A variable was given a kind of value that its type cannot take.

    ```numscript
    vars {
      number $count
    }
    send [USD/2 $count] (
      source = @world
      destination = @bob
    )
    ```

    ```json
    {"variables": {"count": 1.5}}
    ```

    Amounts are whole numbers; floats are never taken. Text is always possible.
    """

    code = "NUM417"
    title = "invalid variable"
    text = "expected a value for {expected}, got {given}"
    expected: str
    given: str


class CannotCastToString(Kind):
    """A variable in an account name is of a type that has no place there.

    Accounts, numbers and strings can be part of an account name.

    ```numscript
    #![feature("experimental-account-interpolation")]
    vars {
      portion $fee
    }
    send [USD/2 100] (
      source = @world
      destination = @fees:$fee
    )
    ```

    ```json
    {"variables": {"fee": "1/2"}}
    ```
    """

    code = "NUM418"
    title = "cannot cast to string"
    reference = ("CannotCastToString",)
    text = "a value of type {type} cannot be part of an account name"
    type: str


class DivideByZero(Kind):
    """A portion has zero below the line.

    ```numscript
    send [USD/2 100] (
      source = @world
      destination = {
        1/0 to @bob
        remaining kept
      }
    )
    ```

    Where a variable stands below the line, have the caller give another number.
    """

    code = "NUM419"
    title = "divide by zero"
    reference = ("DivByZero", "DivideByZero")
    text = "this divides by zero"


class ExperimentalFeature(Kind):
    """The script uses a construct that needs a feature flag.

    ```numscript
    send [USD/2 100] (
      source = oneof { @alice @world }
      destination = @bob
    )
    ```

    Switch the flag on in the script, with `#![feature("experimental-oneof")]` on its first line,
    or where it is run, with `--feature experimental-oneof`.
    """

    code = "NUM420"
    title = "experimental feature"
    reference = ("ExperimentalFeature",)
    text = "this needs the feature `{feature}`"
    hint_text = 'write `#![feature("{feature}")]` on the first line, or pass `--feature {feature}`'
    feature: str


class UnknownScalingAccount(Kind):
    """Scaling is asked of an account of which no balance is known, such as `@world`.

    ```numscript
    #![feature("experimental-asset-scaling")]
    send [USD/2 100] (
      source = @world with scaling through @swap
      destination = @bob
    )
    ```

    Scale an account that holds the asset in some precision.
    """

    code = "NUM421"
    title = "unknown scaling account"
    reference = ("InvalidUnboundedAddressInScalingAddress",)
    text = "`@{account}` has no balance that could be scaled"
    account: str


class BalanceQueryFailed(Kind):
    """The store raised an error, or gave something unusable, when balances were asked of it.

    ```python
    import numscript

    class Broken(numscript.StaticStore):
        def get_balances(self, query):
            raise ConnectionError("no route to the database")

    text = "send [USD/2 1] ( source = @a destination = @b )"
    numscript.compile(text).run({}, Broken())
    ```

    The reason names what the store raised, and the error's `__cause__` is that exception.
    """

    code = "NUM422"
    title = "balance query failed"
    reference = ("QueryBalanceError",)
    text = "the balances could not be read: {reason}"
    reason: str


class MetadataQueryFailed(Kind):
    """The store raised an error, or gave something unusable, when metadata was asked of it.

    ```python
    import numscript

    class Broken(numscript.StaticStore):
        def get_metadata(self, query):
            raise ConnectionError("no route to the database")

    text = 'vars { string $s = meta(@a, "k") } set_tx_meta("s", $s)'
    numscript.compile(text).run({}, Broken())
    ```

    The reason names what the store raised, and the error's `__cause__` is that exception.
    """

    code = "NUM423"
    title = "metadata query failed"
    reference = ("QueryMetadataError",)
    text = "the metadata could not be read: {reason}"
    reason: str


class ScriptFailed(Kind):
    """The script reached `fail`.

    ```numscript
    fail
    ```

    The author of the script meant it to stop here: nothing is posted.
    """

    code = "NUM424"
    title = "script failed"
    text = "the script asked to fail"


class InvalidPosting(Kind):
    """A posting would carry an asset that no ledger accepts.

    Asset literals are longer than the language's own rule allows for values: at most 17 capitals
    and digits, and at most 6 digits behind the `/`.

    ```numscript
    send [ABCDEFGHIJKLMNOPQRSTUVWXYZ 1] (
      source = @world
      destination = @bob
    )
    ```
    """

    code = "NUM425"
    title = "invalid posting"
    reference = ("InternalError",)
    text = "no ledger accepts the asset `{asset}`"
    hint_text = "use up to 17 capitals and digits, then `/` and up to 6 digits"
    asset: str


class AmountTooLarge(Kind):
    """Scaling between two precisions that lie very far apart gives an amount beyond all use.

    ```numscript
    #![feature("experimental-asset-scaling")]
    send [USD/999999 1] (
      source = @alice with scaling through @swap
      destination = @bob
    )
    ```

    ```json
    {"balances": [{"account": "alice", "asset": "USD", "amount": 1}]}
    ```

    Use precisions of the asset that lie within 1,000 decimals of each other.
    """

    code = "NUM426"
    title = "amount too large"
    text = "converting `{source}` to `{target}` gives numbers of more than {limit} digits"
    source: str
    target: str
    limit: int


class InvalidProgram(Kind):
    """Bytes or a program that the compiler did not make: damaged, or of another version.

    ```python
    import numscript
    numscript.Program.decode(b"not a program")
    ```

    Compile the script again.
    """

    code = "NUM427"
    title = "invalid program"
    text = "this is not a valid program: {reason}"
    hint_text = "compile the script again"
    reason: str


class AccountTooLong(Kind):
    """An account that is put together from variables is longer than 10,000 characters.

    ```python
    import numscript
    script = (
        '#![feature("experimental-account-interpolation")] vars { account $a } '
        "send [USD/2 1] (source = @world destination = @to:$a:$a)"
    )
    numscript.compile(script).run({"a": "x" * 6_000})
    ```

    Without a limit forty variables, each twice in the next one, would fill any memory.
    """

    code = "NUM428"
    title = "account too long"
    text = "an account of {length} characters is too long: the limit is {limit}"
    hint_text = "put fewer or shorter parts together"
    length: int
    limit: int


# --- 5xx: the ledger --------------------------------------------------------------------------


class InsufficientFunds(Kind):
    """A plain posting or a revert would take more from an account than it has.

    ```python
    from numscript.ledger import Ledger, Posting
    from numscript.storage import open_storage

    ledger = Ledger(open_storage("memory:"), "main")
    ledger.post([Posting("alice", "bob", 100, "USD/2")])
    ```

    Fund the account first, or say `force=True` where it may go below zero.
    """

    code = "NUM501"
    title = "insufficient funds"
    text = "`@{account}` has {asset} {available}, and {needed} would be taken from it"
    hint_text = "fund the account, or force it where it may go below zero"
    account: str
    asset: str
    needed: int
    available: int


class AlreadyReverted(Kind):
    """A transaction can be reverted once.

    ```python
    from numscript.ledger import Ledger, Posting
    from numscript.storage import open_storage

    ledger = Ledger(open_storage("memory:"), "main")
    sale = ledger.post([Posting("world", "bob", 100, "USD/2")])
    ledger.revert(sale.id)
    ledger.revert(sale.id)
    ```

    The transaction that reverted it can itself be reverted.
    """

    code = "NUM502"
    title = "already reverted"
    text = "the transaction {id} was already reverted, by the transaction {by}"
    id: int
    by: int


class DuplicateReference(Kind):
    """Another transaction of the ledger has this reference.

    ```python
    from numscript.ledger import Ledger, Posting
    from numscript.storage import open_storage

    ledger = Ledger(open_storage("memory:"), "main")
    ledger.post([Posting("world", "bob", 100, "USD/2")], reference="order-7")
    ledger.post([Posting("world", "bob", 100, "USD/2")], reference="order-7")
    ```

    Use an idempotency key where the same request may come twice: it gives the first result again.
    """

    code = "NUM503"
    title = "duplicate reference"
    text = "the transaction {id} already has the reference `{name}`"
    name: str
    id: int


class IdempotencyConflict(Kind):
    """An idempotency key was already used for another request.

    ```python
    from numscript.ledger import Ledger, Posting
    from numscript.storage import open_storage

    ledger = Ledger(open_storage("memory:"), "main")
    ledger.post([Posting("world", "bob", 100, "USD/2")], idempotency_key="k1")
    ledger.post([Posting("world", "bob", 999, "USD/2")], idempotency_key="k1")
    ```

    Give each request a key of its own, and repeat a request with the very same input.
    """

    code = "NUM504"
    title = "idempotency conflict"
    text = "the idempotency key `{key}` was used for another request"
    hint_text = "give each request a key of its own"
    key: str


class UnknownTransaction(Kind):
    """The ledger has no transaction of this id.

    ```python
    from numscript.ledger import Ledger
    from numscript.storage import open_storage

    Ledger(open_storage("memory:"), "main").revert(7)
    ```

    Ids start at 1 and have no gaps.
    """

    code = "NUM505"
    title = "unknown transaction"
    text = "the ledger `{ledger}` has no transaction {id}"
    ledger: str
    id: int


class UnknownLedger(Kind):
    """The storage has no ledger of this name.

    ```python
    from numscript.ledger import Ledger
    from numscript.storage import open_storage

    Ledger(open_storage("memory:"), "mian", create=False)
    ```

    Create it, or mend the name.
    """

    code = "NUM506"
    title = "unknown ledger"
    text = "there is no ledger `{name}`"
    hint_text = "{suggestion}"
    name: str
    suggestion: str


class MetadataOverride(Kind):
    """The caller gives metadata under a key that the script sets too.

    ```python
    from numscript.ledger import Ledger
    from numscript.storage import open_storage

    script = '''
    send [USD/2 100] ( source = @world destination = @bob )
    set_tx_meta("kind", "sale")
    '''
    Ledger(open_storage("memory:"), "main").run(script, metadata={"kind": "gift"})
    ```

    Leave the key to one of the two.
    """

    code = "NUM507"
    title = "metadata override"
    text = "the metadata `{key}` is set by the script and by the caller"
    hint_text = "leave the key to one of the two"
    key: str


class NoPostings(Kind):
    """A transaction needs at least one posting.

    ```python
    from numscript.ledger import Ledger
    from numscript.storage import open_storage

    Ledger(open_storage("memory:"), "main").run('set_tx_meta("kind", "sale")')
    ```

    To write metadata alone, use `set_metadata`.
    """

    code = "NUM508"
    title = "no postings"
    text = "there are no postings, and a transaction needs one"
    hint_text = "to write metadata alone, use `set_metadata`, or `numscript ledger set-metadata`"


class InvalidRequest(Kind):
    """Something that was given to the ledger has a form that it cannot keep.

    ```python
    from numscript.ledger import Ledger, Posting
    from numscript.storage import open_storage

    ledger = Ledger(open_storage("memory:"), "main")
    ledger.post([Posting("world", "bob", -5, "USD/2")])
    ```

    The message names what is wrong with which part.
    """

    code = "NUM509"
    title = "invalid request"
    text = "the {part} cannot be taken: {reason}"
    part: str
    reason: str


class LedgerNotEmpty(Kind):
    """A log is imported into a ledger that already has one.

    ```python
    from numscript.ledger import Ledger, Posting
    from numscript.storage import open_storage

    ledger = Ledger(open_storage("memory:"), "main")
    ledger.post([Posting("world", "bob", 100, "USD/2")])
    ledger.import_(list(ledger.export()))
    ```

    Import into a new ledger.
    """

    code = "NUM510"
    title = "ledger not empty"
    text = "the ledger `{name}` already has {count} lines in its log"
    hint_text = "import into a new ledger"
    name: str
    count: int


class BrokenChain(Kind):
    """A line of a log does not follow from the lines before it: it was changed, or one is missing.

    ```python
    from numscript.ledger import Ledger, Posting
    from numscript.storage import open_storage

    storage = open_storage("memory:")
    books = Ledger(storage, "main")
    books.post([Posting("world", "bob", 100, "USD/2")])
    changed = [line.replace("100", "900") for line in books.export()]
    Ledger(storage, "copy").import_(changed)
    ```

    Nothing of the import is kept. Export the log again from where it is whole.
    """

    code = "NUM511"
    title = "broken chain"
    text = "the log breaks at {id}: {reason}"
    hint_text = "nothing was imported; export the log again"
    id: int
    reason: str


class InvalidLogLine(Kind):
    """A line of a log that is imported cannot be read.

    ```python
    from numscript.ledger import Ledger
    from numscript.storage import open_storage

    Ledger(open_storage("memory:"), "main").import_(["not a line of a log"])
    ```

    Nothing of the import is kept.
    """

    code = "NUM512"
    title = "invalid log line"
    text = "line {line} is no line of a log: {reason}"
    hint_text = "nothing was imported; export the log again"
    line: int
    reason: str


class InvalidFilter(Kind):
    """A filter has an operator, a field or a value that it cannot have.

    ```python
    from numscript.ledger import Ledger
    from numscript.storage import open_storage

    ledger = Ledger(open_storage("memory:"), "main")
    ledger.transactions({"address": "bob"})
    ```

    A filter is one operator with what it is about: `{"$match": {"account": "bob"}}`.
    """

    code = "NUM513"
    title = "invalid filter"
    text = "this filter cannot be used: {reason}"
    hint_text = "{suggestion}"
    reason: str
    suggestion: str


class InvalidCursor(Kind):
    """A cursor was not given by this list, or is damaged.

    ```python
    from numscript.ledger import Ledger
    from numscript.storage import open_storage

    Ledger(open_storage("memory:"), "main").transactions(cursor="page 2")
    ```

    Give the cursor of the page before, with the same filter and order.
    """

    code = "NUM514"
    title = "invalid cursor"
    text = "this is no cursor of the list"
    hint_text = "give the `next` of the page before, with the same order"


class NotRun(Kind):
    """An element of a bulk was not run, or was undone, because another one failed.

    ```python
    from numscript.ledger import Ledger, Post, Posting
    from numscript.storage import open_storage

    ledger = Ledger(open_storage("memory:"), "main")
    good = Post([Posting("world", "bob", 100, "USD/2")])
    bad = Post([Posting("alice", "bob", 100, "USD/2")])
    raise ledger.bulk([good, bad], atomic=True)[0].error
    ```

    Mend the element that failed, or say `continue_on_failure=True`.
    """

    code = "NUM515"
    title = "not run"
    text = "this was not done because element {failed} of the bulk failed, counted from 0"
    hint_text = "mend that element, or go on after failures"
    failed: int


# --- 6xx: storage -----------------------------------------------------------------------------


class CannotOpen(Kind):
    """A storage cannot be opened: no such folder, no server, a wrong password.

    ```python
    from numscript.storage import open_storage

    open_storage("sqlite:////no/such/folder/books.db")
    ```

    The message holds what the database says.
    """

    code = "NUM601"
    title = "cannot open"
    text = "`{url}` cannot be opened: {reason}"
    url: str
    reason: str


class UnknownScheme(Kind):
    """The URL of a storage starts with a word that no storage is known by.

    ```python
    from numscript.storage import open_storage

    open_storage("mongodb://localhost/books")
    ```
    """

    code = "NUM602"
    title = "unknown scheme"
    text = "there is no storage for `{url}`"
    hint_text = "known are {known}"
    url: str
    known: str


class NewerSchema(Kind):
    """The database was written by a newer version of this package.

    ```python
    import sqlite3
    import tempfile
    from pathlib import Path

    from numscript.storage import open_storage

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "books.db"
        open_storage(f"sqlite:///{path}").close()
        database = sqlite3.connect(path)
        database.execute("UPDATE numscript_schema SET version = 1000")
        database.commit()
        database.close()
        open_storage(f"sqlite:///{path}")
    ```

    Upgrade the package. Nothing was changed.
    """

    code = "NUM603"
    title = "newer schema"
    text = "the database has schema {found}, and this version knows up to {known}"
    hint_text = "upgrade numscript"
    found: int
    known: int


class OutcomeUnknown(Kind):
    """The connection was lost while a change was being committed, and the server stayed away.

    ```python
    from numscript.diagnostics import StorageError
    from numscript.errors import OutcomeUnknown

    raise StorageError.of(OutcomeUnknown(reason="server closed the connection unexpectedly"))
    ```

    The change is there whole or not at all. Repeat the request with the same idempotency key: it
    gives the first result, or does it now.
    """

    code = "NUM604"
    title = "outcome unknown"
    text = "it is not known whether the change was committed: {reason}"
    hint_text = "repeat the request with the same idempotency key"
    reason: str


class StorageUnavailable(Kind):
    """The storage does not answer, is busy for too long, or was closed. Nothing was changed.

    ```python
    from numscript.ledger import Ledger
    from numscript.storage import open_storage

    storage = open_storage("memory:")
    storage.close()
    Ledger(storage, "main")
    ```

    Try again later.
    """

    code = "NUM605"
    title = "storage unavailable"
    text = "the storage does not answer: {reason}"
    hint_text = "nothing was changed; try again later"
    reason: str


class WriteRefused(Kind):
    """The database refused to write: the file is read-only, or the disk is full.

    ```python
    import tempfile
    from pathlib import Path

    from numscript.ledger import Ledger
    from numscript.storage import open_storage

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "books.db"
        open_storage(f"sqlite:///{path}").close()
        Ledger(open_storage(f"sqlite:///{path}?mode=ro"), "main")
    ```

    Nothing was changed.
    """

    code = "NUM606"
    title = "write refused"
    text = "the database refused the change: {reason}"
    hint_text = "nothing was changed"
    reason: str


class MissingDriver(Kind):
    """A storage needs a package that is not installed.

    ```python
    from numscript.diagnostics import StorageError
    from numscript.errors import MissingDriver

    url = "postgresql://localhost/books"
    raise StorageError.of(MissingDriver(url=url, package="psycopg", extra="postgres"))
    ```
    """

    code = "NUM607"
    title = "missing driver"
    text = "`{url}` needs the package `{package}`, which is not installed"
    hint_text = "install it: pip install 'numscript[{extra}]'"
    url: str
    package: str
    extra: str


class BrokenBound(Kind):
    """The database's own guard stopped a change that would take an account below its bound.

    This is never the fault of a script: something wrote to the books behind the ledger's back.

    ```python
    from numscript.diagnostics import StorageError
    from numscript.errors import BrokenBound

    raise StorageError.of(BrokenBound(reason="check constraint numscript_floor"))
    ```

    Nothing was changed. Run `verify()`.
    """

    code = "NUM608"
    title = "broken bound"
    text = "the database's guard refused the change: {reason}"
    hint_text = "nothing was changed; run `verify()`"
    reason: str


class NoBooks(Kind):
    """A storage that is opened for reading only holds no books, or those of an older version.

    found: what it holds instead.

    ```python
    import sqlite3
    import tempfile
    from contextlib import closing
    from pathlib import Path

    from numscript.storage import open_storage

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "other.db"
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE theirs (a)")
        open_storage(f"sqlite:///{path}?mode=ro")
    ```

    Opened for writing, it gets the tables that books need. Nothing was changed.
    """

    code = "NUM609"
    title = "no books"
    text = "`{url}` has {found}"
    hint_text = "`numscript ledger init` makes or upgrades them"
    url: str
    found: str


CATALOGUE: dict[str, type[Kind]] = {
    kind.code: kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, Kind) and kind is not Kind
}
"""Every kind by its code."""
