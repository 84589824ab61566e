-- Drives an editor as a person does: a second Neovim that has the files for Numscript and is typed
-- into. Prints what it shows after each step, as JSON.
local folder = vim.env.NUMSCRIPT_FOLDER
local editor = vim.fn.jobstart(
  { vim.v.progpath, '--embed', '--headless', '--clean', '--cmd', 'set rtp^=' .. vim.env.NUMSCRIPT_EDITOR },
  { rpc = true, cwd = folder }
)

local function lua(code, ...)
  return vim.rpcrequest(editor, 'nvim_exec_lua', code, { ... })
end
local function type_keys(keys)
  vim.rpcrequest(editor, 'nvim_input', keys)
end
-- What the code answers as soon as it is something; its last answer if that never comes.
local function await(code, ...)
  local answer
  local arguments = { ... }
  vim.wait(30000, function()
    answer = lua(code, unpack(arguments))
    return answer ~= nil and answer ~= vim.NIL and answer ~= false
  end, 20)
  return answer
end
local text = [[return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')]]
local seen = {}

lua('vim.cmd.edit(...)', folder .. '/sale.num')
seen.filetype = lua('return vim.bo.filetype')
seen.client = await([[
  local client = vim.lsp.get_clients({ bufnr = 0 })[1]
  return client and client.initialized and client.name
]])
seen.diagnostics = await([[
  local found = vim.diagnostic.get(0)
  return #found > 0 and vim.tbl_map(function(each)
    return { code = each.code, line = each.lnum, text = each.message }
  end, found)
]])

-- The mistake goes away as it is mended by typing.
lua('vim.fn.cursor(...)', 6, 1)
type_keys('/prise<CR>cwprice<Esc>')
seen.mended = await([[return #vim.diagnostic.get(0) == 0]])

seen.hover = await([[
  vim.fn.cursor(6, 8)
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= '' then
      local lines = vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false)
      return table.concat(lines, '\n')
    end
  end
  if not vim.g.asked then
    vim.g.asked = true
    vim.lsp.buf.hover()
  end
]])
seen.tokens = await([[
  local tokens = vim.lsp.semantic_tokens.get_at_pos(0, 5, 7)
  return tokens and tokens[1] and tokens[1].type
]])

lua([[vim.lsp.buf.rename('amount')]])
seen.renamed = await([[
  local all = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
  return not all:find('price') and all
]])

-- Completion, as it is asked for and taken in insert mode.
lua([[vim.cmd('normal! G'); vim.o.completeopt = 'menu,menuone']])
type_keys('osave [USD/2 1] from $sel<C-x><C-o>')
seen.completion = await([[
  local info = vim.fn.complete_info({ 'items', 'pum_visible' })
  return info.pum_visible == 1 and #info.items > 0
    and vim.tbl_map(function(item) return item.word end, info.items)
]])
type_keys('<C-y><Esc>')
seen.completed = await([[return vim.fn.mode() == 'n' and vim.fn.getline('$')]])

lua([[vim.lsp.buf.format({ async = false, timeout_ms = 30000 })]])
seen.formatted = lua(text)
seen.folded = await([[return vim.lsp.foldexpr(1) ~= '0' and vim.lsp.foldexpr(1)]])

-- The cases of the spec file beside it, by the lens above the script and by the command.
lua([[
  vim.notify = function(message) told = message end
  vim.cmd.write()
  vim.lsp.codelens.refresh({ bufnr = 0 })
]])
seen.lenses = await([[
  local lenses = vim.lsp.codelens.get(0)
  return #lenses > 0 and vim.tbl_map(function(lens) return lens.command.title end, lenses)
]])
lua('vim.cmd.NumscriptTest()')
seen.tested = await('return told')

lua([[for _, client in ipairs(vim.lsp.get_clients()) do client:stop() end]])
seen.stopped = await([[return #vim.lsp.get_clients() == 0]])
io.stdout:write(vim.json.encode(seen))
vim.fn.jobstop(editor)
vim.cmd('qall!')
