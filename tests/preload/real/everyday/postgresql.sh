#!/bin/bash
#: title PostgreSQL, initdb and pgbench
#: needs /usr/lib/postgresql/*/bin/postgres
#: package postgresql postgresql-contrib
#: version "$(echo /usr/lib/postgresql/*/bin/postgres)" --version
#: process postgres pgbench psql
# It refuses to run as root.
if ((EUID == 0)); then
  chmod 777 . && export HOME=$PWD
  exec setpriv --reuid=nobody --regid=nogroup --clear-groups /bin/bash "$0"
fi
bin=$(echo /usr/lib/postgresql/*/bin) && export PATH=${bin##* }:$PATH PGHOST=$PWD PGDATABASE=postgres PGUSER=me
initdb -D data -U me --no-sync -A trust --no-locale -E UTF8 >init.log && echo initialised
postgres -D data -k "$PWD" -h '' -F -c max_parallel_workers_per_gather=2 -c min_parallel_table_scan_size=0 -c parallel_setup_cost=0 -c jit=off >server.log 2>&1 &
server=$!
trap 'kill -QUIT $server 2>/dev/null' EXIT
for _ in {1..600}; do pg_isready -q && break; sleep 0.1; done
pgbench -i -q 2>/dev/null; echo "status $?"
pgbench -n -c 4 -j 2 -t 25 2>/dev/null | grep 'actually processed\|failed'
psql -qXAt <<'END'
create table t as select i, md5(i::text) m from generate_series(1, 20000) i; create index on t (m); analyze t;
select count(*), min(m), max(m), sum(length(m)) from t; select count(*) from pgbench_history;
select string_agg(m, ',' order by i) from t where i % 5000 = 0; do $$ begin raise exception 'x'; exception when others then null; end $$;
select json_agg(x) from (select i % 7 k, count(*) from t group by 1 order by 1) x; vacuum full t; select no_such_column from t;
select count(*) from t a join t b using (m) where a.m ~ 'ab.*cd';
END
echo "status $?"; kill -INT $server; wait $server; echo "status $?"
