-- Prints the syntax groups of every file that the list on standard input names, as JSON:
-- [start, end, group] in bytes.
vim.o.fileformats = 'unix'
vim.o.synmaxcol = 0
vim.o.redrawtime = 60000
local answer = {}
for _, path in ipairs(vim.fn.readfile(vim.env.NUMSCRIPT_LIST)) do
  vim.cmd('edit! ' .. vim.fn.fnameescape(path))
  assert(vim.bo.filetype == 'numscript', vim.bo.filetype)
  local runs, offset = {}, 0
  for number, line in ipairs(vim.api.nvim_buf_get_lines(0, 0, -1, false)) do
    for column = 1, #line do
      local id = vim.fn.synID(number, column, 1)
      if id ~= 0 then
        table.insert(runs, { offset + column - 1, offset + column, vim.fn.synIDattr(id, 'name') })
      end
    end
    offset = offset + #line + 1
  end
  table.insert(answer, runs)
end
io.stdout:write(vim.json.encode(answer))
vim.cmd('qall!')
