#!/bin/bash
#: title sshd, a login with its sandboxed child; ssh
#: needs /usr/sbin/sshd ssh ssh-keygen
#: package openssh-server openssh-client
#: version ssh -V
#: process ssh
#: note sshd ends by _exit, so without a report; its sandboxed child is left as it is
#: root
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f me; cp me.pub authorized; chmod 600 authorized
printf 'HostKey %s\nAuthorizedKeysFile %s\nStrictModes no\nUsePAM no\nPermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\nPidFile none\n' "$PWD/host" "$PWD/authorized" >c
printf 'x %s\n' "$(cut -d' ' -f1,2 host.pub)" >known
s() { ssh -F none -i me -o UserKnownHostsFile=known -o LogLevel=ERROR -o BatchMode=yes -o ProxyCommand="/usr/sbin/sshd -i -f $PWD/c" root@x "$@"; }
s 'echo logged in; cat; exit 4' <<<text; echo "status $?"; s 'head -c 300000 /dev/zero' | wc -c; : >authorized; s true 2>/dev/null; echo "status $?"
