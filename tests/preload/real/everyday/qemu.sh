#!/bin/bash
#: title qemu-user, with weir in the guest too
#: needs qemu-x86_64
#: package qemu-user
#: version qemu-x86_64 --version
#: outside it ends by a system call
#: note in an x86-64 guest weir is in as well, but its check at exit finds no block there, and writes no report
# shellcheck disable=SC2016
qemu-x86_64 /bin/echo guest; qemu-x86_64 /usr/bin/sort -n <<<$'3\n1\n2'; qemu-x86_64 /usr/bin/perl -e 'my %h; $h{$_ % 99} .= $_ for 1 .. 5000; print length(join "", values %h), "\n"; exit 3'; echo "status $?"; qemu-x86_64 /bin/bash -c 'echo $(echo sub) | tr a-z A-Z; kill -TERM $$'; echo "status $?"
