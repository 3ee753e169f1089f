#!/bin/bash
#: needs zsh
#: package zsh
#: version zsh --version
zsh -f <<'END'
setopt extended_glob; zmodload zsh/datetime zsh/stat zsh/mathfunc
typeset -A count; for w in ${=:-a b a c b a}; do (( count[$w]++ )); done; for k in ${(ok)count}; do print $k $count[$k]; done
a=({1..3000}); print ${#a} ${(j:+:)a[1,5]} $(( ${(j:+:)a} )); print ${(L)${:-ABC}} ${${:-a.b.c}:r} ${(s:,:)${:-x,y,z}}
touch f{1..20}; print f<5-9>(N) *(.N[1,2]); f() { (( $1 )) && f $(( $1 - 1 )) || print deep }; f 300
coproc tr a-z A-Z; print -p through; exec {p}>&p; coproc :; print ${(U)${:-x}}; exec {p}>&-
print $(for i in {1..20}; do print $i; done | awk '{ s += $1 } END { print s }') =(print) &>/dev/null; autoload -Uz zmv; zmv '(f)(<->)' 'g$2'; print g*
TRAPUSR1() { print trapped }; kill -USR1 $$; exit 6
END
