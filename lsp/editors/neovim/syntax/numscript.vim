" Syntax of Numscript, the language for moving money.
if exists('b:current_syntax')
  finish
endif

syntax case match
syntax iskeyword a-z,_
syntax sync fromstart

" Written by `make editors`; do not edit.
syntax keyword numscriptKeyword allowing destination fail feature from kept max oneof print
      \ remaining save scaling send source through to unbounded up vars with
syntax keyword numscriptType account asset monetary number portion string
syntax keyword numscriptFunction set_tx_meta set_account_meta meta balance get_asset
      \ get_amount
syntax match numscriptKeyword /\<overdraft\>/
syntax match numscriptFunction /\<overdraft\>\ze\_s*(/
highlight default link numscriptComment Comment
highlight default link numscriptKeyword Keyword
highlight default link numscriptType Type
highlight default link numscriptFunction Function
highlight default link numscriptVariable Identifier
highlight default link numscriptAccount Tag
highlight default link numscriptAsset Constant
highlight default link numscriptNumber Number
highlight default link numscriptPortion Float
highlight default link numscriptString String
highlight default link numscriptOperator Operator
" The rest is written by hand.

" Of two that start at the same place the later one wins; keywords win over all.
syntax match numscriptOperator /[-+*\/=\\]/
syntax match numscriptKeyword /#!/
syntax match numscriptNumber /\d\+\%(_\d\+\)*/
syntax match numscriptPortion /\d\+\%(\.\d\+\)\?%/
syntax match numscriptVariable /\$[a-z_][a-z0-9_]*/
syntax match numscriptAsset /\u[A-Z0-9]*\%(\/\d\+\)\?/
syntax match numscriptAccount /@\%([A-Za-z0-9_-]\+\|\$[a-z_][a-z0-9_]*\)\%(:\%([A-Za-z0-9_-]\+\|\$[a-z_][a-z0-9_]*\)\)*/ contains=numscriptAccountVariable
syntax match numscriptAccount /:\%([A-Za-z0-9_-]\+\|\$[a-z_][a-z0-9_]*\)/ contains=numscriptAccountVariable
syntax match numscriptAccountVariable /\$[a-z_][a-z0-9_]*/ contained
syntax match numscriptUnclosedString /"[^\r\n]*/
syntax match numscriptString /"\%([^"\\]\|\\"\|\\\)*"/
syntax match numscriptComment /\/\/.*/ contains=@Spell
syntax region numscriptBlockComment start=/\/\*/ end=/\*\// contains=numscriptBlockComment,@Spell

highlight default link numscriptBlockComment numscriptComment
highlight default link numscriptAccountVariable numscriptVariable
highlight default link numscriptUnclosedString Error

let b:current_syntax = 'numscript'
