#!/bin/bash
#: title MariaDB
#: needs mariadbd mariadb-install-db
#: package mariadb-server
#: version mariadbd --version
#: process mariadbd mariadb
user=$(id -un)
mariadb-install-db --no-defaults --datadir="$PWD/data" --user="$user" --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 && echo installed
mariadbd --no-defaults --datadir="$PWD/data" --user="$user" --skip-networking --socket="$PWD/s" --pid-file="$PWD/pid" --innodb-flush-log-at-trx-commit=0 >server.log 2>&1 &
server=$!
trap 'kill -KILL $server 2>/dev/null' EXIT
m() { mariadb --no-defaults -S "$PWD/s" -u root -N "$@"; }
for _ in {1..600}; do m -e 'select 1' >/dev/null 2>&1 && break; sleep 0.1; done
m <<'END'
create database d; use d; create table t (i int primary key, m varchar(40), key (m)) engine=innodb; insert into t select seq, md5(seq) from seq_1_to_10000;
select count(*), min(m), max(m) from t; update t set m = upper(m) where i % 3 = 0; delete from t where i % 5 = 0; select sum(i), count(distinct m) from t; select group_concat(m order by i) from t where i % 2501 = 0; alter table t add column k int default 3; optimize table t; select count(*) from t a join t b on a.m = b.m; select no_such from t;
END
echo "status $?"; for i in 1 2 3 4; do m d -e "insert into t select seq + $i * 100000, seq, $i from seq_1_to_500" & clients+=($!); done; wait "${clients[@]}"; m d -e 'select count(*), sum(k) from t'
mariadb-admin --no-defaults -S "$PWD/s" -u root shutdown; wait $server; echo "status $?"
