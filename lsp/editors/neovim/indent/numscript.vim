" Indentation of Numscript: one step for every bracket that is open.
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=NumscriptIndent(v:lnum)
setlocal indentkeys=0{,0},0),0],!^F,o,O
let b:undo_indent = 'setlocal indentexpr< indentkeys<'

if exists('*NumscriptIndent')
  finish
endif

" The line without comments and strings, whose brackets do not count.
function s:Code(number) abort
  let code = substitute(getline(a:number), '"\%([^"\\]\|\\.\)*"', '', 'g')
  return substitute(code, '//.*\|/\*.\{-}\*/', '', 'g')
endfunction

function NumscriptIndent(number) abort
  let previous = prevnonblank(a:number - 1)
  if previous == 0
    return 0
  endif
  let code = s:Code(previous)
  " Brackets that the line before leaves open; those that it starts by closing moved it already.
  let opened = count(code, '{') + count(code, '(') + count(code, '[')
  let closed = count(code, '}') + count(code, ')') + count(code, ']')
  let leading = len(matchstr(substitute(code, '\s', '', 'g'), '^[])}]*'))
  let steps = opened - closed + leading
  let own = len(matchstr(substitute(s:Code(a:number), '\s', '', 'g'), '^[])}]*'))
  return max([0, indent(previous) + (steps - own) * shiftwidth()])
endfunction
