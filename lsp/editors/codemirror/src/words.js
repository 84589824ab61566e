// The names of the language. Written by `make editors`; do not edit.

export const keywords = {
  "allowing": "lets an account go below zero",
  "destination": "says where the funds of a `send` go",
  "fail": "stops the script with an error (older dialect)",
  "feature": "switches on feature flags, in `#![feature(...)]`",
  "from": "names where funds are taken or saved",
  "kept": "leaves the funds where they came from",
  "max": "caps what a source gives or a destination receives",
  "oneof": "tries several sources or destinations and uses one",
  "overdraft": "how far an account may go below zero",
  "print": "adds a value to what the run prints (older dialect)",
  "remaining": "stands for the rest: of an allotment, or of the funds",
  "save": "keeps funds of an account out of reach of the rest of the script",
  "scaling": "converts between precisions of an asset, in `with scaling through`",
  "send": "moves funds from a source to a destination",
  "source": "says where the funds of a `send` come from",
  "through": "names the account that converts between precisions of an asset",
  "to": "names where funds go or, in `allowing overdraft up to`, the limit",
  "unbounded": "without a limit, in `allowing unbounded overdraft`",
  "up": "part of `allowing overdraft up to`",
  "vars": "declares the variables of the script",
  "with": "takes other precisions of an asset too, in `with scaling through`"
};

export const types = {
  "account": "an address that holds funds, such as `@users:001`",
  "asset": "what is counted, with its number of decimals, such as `USD/2`",
  "monetary": "an amount of an asset in its smallest unit, such as `[USD/2 100]`",
  "number": "a whole number of any size, such as `42`",
  "portion": "an exact fraction, such as `1/3` or `12.5%`",
  "string": "a piece of text, such as `\"order 7\"`"
};

export const functions = {
  "set_tx_meta": {
    "signature": "set_tx_meta(key: string, value: any)",
    "parameters": [
      "key",
      "value"
    ],
    "doc": "Set a key of the transaction's metadata; the last value set wins."
  },
  "set_account_meta": {
    "signature": "set_account_meta(account: account, key: string, value: any)",
    "parameters": [
      "account",
      "key",
      "value"
    ],
    "doc": "Set a key of an account's metadata; the last value set wins."
  },
  "meta": {
    "signature": "meta(account: account, key: string) -> any",
    "parameters": [
      "account",
      "key"
    ],
    "doc": "The metadata of an account under a key, read as the type of the declared variable."
  },
  "balance": {
    "signature": "balance(account: account, asset: asset) -> monetary",
    "parameters": [
      "account",
      "asset"
    ],
    "doc": "The balance of an account; an error where it is negative."
  },
  "overdraft": {
    "signature": "overdraft(account: account, asset: asset) -> monetary",
    "parameters": [
      "account",
      "asset"
    ],
    "doc": "How far the balance of an account is below zero; zero where it is not."
  },
  "get_asset": {
    "signature": "get_asset(monetary: monetary) -> asset",
    "parameters": [
      "monetary"
    ],
    "doc": "The asset of a monetary."
  },
  "get_amount": {
    "signature": "get_amount(monetary: monetary) -> number",
    "parameters": [
      "monetary"
    ],
    "doc": "The amount of a monetary, in the asset's smallest unit."
  }
};

export const features = {
  "experimental-overdraft-function": "the function `overdraft(account, asset)`",
  "experimental-get-asset-function": "the function `get_asset(monetary)`",
  "experimental-get-amount-function": "the function `get_amount(monetary)`",
  "experimental-oneof": "`oneof { ... }` as a source or a destination",
  "experimental-account-interpolation": "variables inside account names, as in `@users:$id`",
  "experimental-mid-script-function-call": "function calls outside `vars`, and origins that are not calls",
  "experimental-asset-colors": "coloured balances, as in `@a \\ \"RED\"`",
  "experimental-asset-scaling": "`@a with scaling through @swap`"
};
