#!/bin/bash
#: title curl, rsync
#: needs curl rsync
#: package curl rsync
#: version curl --version
#: process curl rsync
mkdir a; for i in {1..50}; do seq "$i" 900 >"a/f$i"; done; rsync -a a/ b; seq 1 5 >>a/f7; rsync -a --checksum --delete -i --no-times a/ b | cut -c1-3; diff -r a b && echo same
curl -s "file://$PWD/a/f7" | md5sum; curl -sZ "file://$PWD/a/f[1-20]" -o 'o#1'; cat o* | md5sum; curl -s "file://$PWD/none"; echo "status $?"; curl -s --unix-socket none http://x/; echo "status $?"
