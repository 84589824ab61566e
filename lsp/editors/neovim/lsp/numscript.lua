-- The language server; `vim.lsp.config('numscript', { ... })` changes what is here.
return {
  cmd = { 'numscript', 'lsp' },
  filetypes = { 'numscript', 'json' },
  root_dir = function(buffer, start)
    local path = vim.api.nvim_buf_get_name(buffer)
    if vim.bo[buffer].filetype == 'numscript' or vim.endswith(path, '.specs.json') then
      start(vim.fs.root(buffer, { '.git' }) or vim.fs.dirname(path))
    end
  end,
}
