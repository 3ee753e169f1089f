#!/bin/bash
#: title coreutils, grep, sed, awk, tar, xz, zstd
#: needs sort xz zstd tar mawk
#: package xz-utils zstd mawk
#: version sort --version
#: process sort xz zstd
seq 1 20000 | sed 's/$/ line/' | sort -k1,1 -r --parallel=4 -S 1M | awk '{ s += $1 * NR } END { print s }'
seq 1 3000 | shuf --random-source=<(seq 1 100000) | sort -n | tac | head -3
mkdir -p d/{a,b,c}; for i in {1..30}; do seq "$i" 400 >"d/a/f$i"; done
cp -r d/a/. d/b; ln -s ../a/f1 d/c/l; find d -type f | LC_ALL=C sort | xargs md5sum | md5sum
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --mode=644 -cf d.tar d; tar tf d.tar | wc -l
xz -T2 -k --block-size=64KiB d.tar; xz -dc d.tar.xz | cmp - d.tar && echo xz
zstd -q -T2 d.tar; zstd -qdc d.tar.zst | cmp - d.tar && echo zstd
gzip -c d.tar | gunzip | cmp - d.tar && echo gzip; bzip2 -c d.tar | bunzip2 | cmp - d.tar && echo bzip2
comm -12 <(seq 1 2 100) <(seq 1 3 100) | paste -sd, ; join <(seq 1 9) <(seq 3 5) | tr '\n' ' '; factor 123456789012
grep -rn '^39[0-9]$' d/a | LC_ALL=C sort | cut -d: -f2 | uniq -c | head -3
diff d/a/f1 d/a/f5; echo "status $?"; timeout 0.1 sleep 5; echo "status $?"; printf '%s\n' é ß | iconv -t UTF-16LE | od -An -tx1
