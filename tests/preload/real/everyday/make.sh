#!/bin/bash
#: title make -j
#: needs make gcc
#: package make gcc
#: version make --version
# shellcheck disable=SC2016
printf 'O = $(patsubst %%,o%%,$(shell seq 1 12))\nall: $(O)\n\t@cat $(O) | md5sum\no%%:\n\t@echo $@ $(words $(O)) > $@\n.PHONY: bad\nbad:\n\t@false\n' >Makefile
make -s -j4; make -s -j2 -O all; make -s bad 2>/dev/null; echo "status $?"; make -pn | grep -c '^o[0-9]*:'
