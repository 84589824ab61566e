-- Running the cases of spec files, and telling what came of them.
local M = {}

--- What a person is told of the server's answer, and how grave it is.
function M.report(answer)
  if answer.error then
    return 'Nothing was run: ' .. answer.error, vim.log.levels.ERROR
  end
  local passed, lines = 0, {}
  for _, case in ipairs(answer.cases) do
    if case.status == 'passed' then
      passed = passed + 1
    else
      table.insert(lines, case.status .. ': ' .. case.it .. '\n' .. case.text)
    end
  end
  table.insert(lines, 1, ('%d of %d cases passed'):format(passed, #answer.cases))
  local level = answer.ok and vim.log.levels.INFO or vim.log.levels.WARN
  return table.concat(lines, '\n\n'), level
end

--- Have the server run a command, such as that of a lens, and tell what came of it.
function M.run(command, context)
  local client = assert(vim.lsp.get_client_by_id(context.client_id))
  local request = { command = command.command, arguments = command.arguments }
  client:request('workspace/executeCommand', request, function(problem, answer)
    if problem then
      vim.notify(problem.message, vim.log.levels.ERROR)
    else
      vim.notify(M.report(answer))
    end
  end, context.bufnr)
end

--- Run all cases of the script or spec file in a buffer.
function M.test(buffer)
  local client = vim.lsp.get_clients({ bufnr = buffer, name = 'numscript' })[1]
  if not client then
    return vim.notify('the language server does not run here', vim.log.levels.ERROR)
  end
  local path = vim.api.nvim_buf_get_name(buffer)
  local specs = vim.endswith(path, '.num') and path .. '.specs.json' or path
  local command = { command = 'numscript.testFile', arguments = { vim.uri_from_fname(specs) } }
  M.run(command, { client_id = client.id, bufnr = buffer })
end

return M
