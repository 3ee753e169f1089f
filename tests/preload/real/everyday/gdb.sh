#!/bin/bash
#: title gdb on a program that has weir
#: needs gdb gcc
#: package gdb gcc
#: version gdb --version
#: process gdb
# shellcheck disable=SC2016
cat >p.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { struct node *next; char *name; };
static int f(struct node *n) { return n ? 1 + f(n->next) : 0; }
int main(void) { struct node *l = 0; for (int i = 0; i < 5; ++i) { struct node *n = malloc(sizeof *n); n->next = l; n->name = strdup("name"); l = n; } printf("%d\n", f(l)); fflush(stdout); return 3; }
END
gcc -g -O0 p.c -o p
gdb -nx -q -batch -ex 'set debuginfod enabled off' -ex 'break f if n == 0' -ex run -ex bt -ex 'up 3' -ex 'print n->name' -ex 'print f(n)' -ex 'delete' -ex continue -ex 'print $_exitcode' ./p 2>/dev/null | sed -n 's/0x[0-9a-f]*/ADDRESS/g; s/process [0-9]*/process N/; /^#\|^\$\|^[0-9]\|exited/p'
