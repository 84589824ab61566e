-- The language server; `vim.lsp.config('numscript', { ... })` changes what is here.
local function run(...)
  require('numscript').run(...)
end

return {
  cmd = { 'numscript', 'lsp' },
  filetypes = { 'numscript', 'json' },
  root_dir = function(buffer, start)
    local path = vim.api.nvim_buf_get_name(buffer)
    if vim.bo[buffer].filetype == 'numscript' or vim.endswith(path, '.num.specs.json') then
      start(vim.fs.root(buffer, { '.git' }) or vim.fs.dirname(path))
    end
  end,
  commands = { ['numscript.runCase'] = run, ['numscript.testFile'] = run },
  on_attach = function(_, buffer)
    vim.api.nvim_buf_create_user_command(buffer, 'NumscriptTest', function()
      require('numscript').test(buffer)
    end, { desc = 'Run all cases of the spec file', force = true })
  end,
}
