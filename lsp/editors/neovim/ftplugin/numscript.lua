local local_options = vim.opt_local
local_options.commentstring = '// %s'
local_options.comments = 's1:/*,mb:*,ex:*/,://'
local_options.expandtab = true
local_options.shiftwidth = 2
local_options.softtabstop = 2
vim.b.undo_ftplugin = 'setlocal commentstring< comments< expandtab< shiftwidth< softtabstop<'
