-- Runs the cases of a script against a server that only answers; prints what was asked and told.
local asked, told = {}, {}
local answers = vim.json.decode(vim.env.NUMSCRIPT_ANSWERS)
local capabilities = { executeCommandProvider = { commands = { 'numscript.testFile' } } }
vim.notify = function(text, level)
  table.insert(told, { text = text, level = level })
end
vim.lsp.config('numscript', {
  cmd = function()
    return {
      request = function(method, parameters, callback)
        if method == 'initialize' then
          callback(nil, { capabilities = capabilities })
        elseif method == 'workspace/executeCommand' then
          table.insert(asked, parameters)
          callback(nil, answers[#asked])
        end
        return true, #asked
      end,
      notify = function() end,
      is_closing = function() return false end,
      terminate = function() end,
    }
  end,
})
vim.cmd.edit(vim.env.NUMSCRIPT_FOLDER .. '/sale.num')
vim.wait(10000, function() return vim.fn.exists(':NumscriptTest') == 2 end)
for number = 1, #answers do
  vim.cmd.NumscriptTest()
  vim.wait(10000, function() return #told == number end)
end
io.stdout:write(vim.json.encode({ asked = asked, told = told }))
vim.cmd('qall!')
