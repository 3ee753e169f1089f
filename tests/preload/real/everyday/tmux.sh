#!/bin/bash
#: needs tmux
#: package tmux
#: version tmux -V
export TMUX_TMPDIR=$PWD TERM=screen SHELL=/bin/sh
t() { tmux -L weir -f /dev/null "$@"; }
trap 't kill-server 2>/dev/null' EXIT
t new-session -d -x 80 -y 24 -s s 'PS1= exec sh'; t split-window -h 'seq 1 50; tmux -L weir wait-for -S filled; exec cat'; t wait-for filled; t set -g status-right x; t new-window -n second 'exec cat'
t list-windows -F '#{window_index} #{window_panes} #{window_width}'; for _ in {1..100}; do t capture-pane -p -t s:0.1 | grep -q '^50$' && break; sleep 0.05; done; t capture-pane -p -t s:0.1 | grep -c '[0-9]'; t set-buffer text; t show-buffer; echo; t resize-pane -t s:0.1 -x 20; t list-panes -t s:0 -F '#{pane_width}'
t kill-session -t none 2>/dev/null; echo "status $?"; t kill-server; echo "status $?"
