#!/bin/bash
#: title vim
#: needs vim
#: package vim-nox
#: version vim --version
#: process vim*
seq 1 5000 >f
vim -Nu NONE -n -i NONE -es f <<'END'
%s/\d\+/<&>/g
g/7>/normal ddp
call setline(1, map(range(3), 'v:val . "-" . v:val'))
let g:d = {} | for i in range(3000) | let g:d[i] = repeat('x', i % 30) | endfor
call append(0, string(len(join(values(g:d), ','))))
call append(0, system('tr a-z A-Z', 'by a child'))
redir => g:m | silent! throw 'x' | redir END
sort n | 5000,$d
syntax on | set ft=c | undo | redo
w
qa!
END
echo "status $?"; md5sum f; head -5 f
