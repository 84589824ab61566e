vim.filetype.add({ extension = { num = 'numscript' } })
