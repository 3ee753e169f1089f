#!/bin/bash
#: needs rg
#: package ripgrep
#: version rg --version
#: process rg
mkdir d; for i in {1..60}; do seq "$i" 2000 | sed 's/7$/seven/' >"d/f$i"; done
rg -c seven d --sort path | md5sum; rg -j4 --no-filename -o '1\d+seven' d | LC_ALL=C sort | uniq -c | head -3; rg -P '(?<=9)9seven' d -l | wc -l; rg --json -m1 seven d/f1 | head -1 | cut -c1-20; rg none d; echo "status $?"
