#!/bin/bash
#: title strace on a program that has weir
#: needs strace
#: package strace
#: version strace --version
strace -f -e trace=openat,execve,exit_group -e signal=none -o t sh -c 'cat f; (exit 3); ls none 2>/dev/null; exit 4' >/dev/null; echo "status $?"
grep -c 'exit_group(3)' t; grep -c '"f", O_RDONLY' t; grep -c 'exit_group(4)' t; strace -c -o c seq 1 3; grep -c write c
