#!/bin/bash
#: title apt on a package list of its own, dpkg-deb
#: needs apt-get dpkg-deb
#: package apt
#: version apt-get --version
#: process apt-get
mkdir -p r/lists/partial r/state r/cache/archives/partial r/etc/{apt.conf.d,sources.list.d,preferences.d,trusted.gpg.d} repo b/DEBIAN; : >r/state/status
for p in alpha beta gamma; do printf 'Package: %s\nVersion: 1.%s\nArchitecture: all\nMaintainer: a <a@example.org>\nDepends: %s\nDescription: %s\n' $p ${#p} "$([[ $p == alpha ]] && echo 'beta, gamma (>= 1)' || echo)" $p | sed '/^Depends: $/d' >b/DEBIAN/control; chmod 755 b b/DEBIAN; dpkg-deb -b --root-owner-group b repo/$p.deb >/dev/null; dpkg-deb -f repo/$p.deb Package Version; { cat b/DEBIAN/control; echo "Filename: ./$p.deb"; echo "Size: $(stat -c %s repo/$p.deb)"; echo "SHA256: $(sha256sum <repo/$p.deb | cut -d' ' -f1)"; echo; } >>repo/Packages; done
echo "deb [trusted=yes] file:$PWD/repo ./" >r/etc/sources.list
a() { "$@" -o Dir::Etc="$PWD/r/etc" -o Dir::State="$PWD/r" -o Dir::State::status="$PWD/r/state/status" -o Dir::Cache="$PWD/r/cache" -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none -qq; }
a apt-get update; echo "status $?"; a apt-cache depends alpha; a apt-get -s install alpha | grep ^Inst; a apt-cache policy beta | head -3; a apt-get -s install none 2>/dev/null; echo "status $?"
