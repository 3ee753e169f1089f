"""sqlite3: insert, index, join, vacuum, on disk and in memory."""

import harness
from twins import twins

SCRIPT = """
create table people(id integer primary key, name text, town integer);
create table towns(id integer primary key, name text);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000)
  insert into people select i, 'name ' || (i * 7919 % 20011), i % 300 from n;
with recursive n(i) as (select 0 union all select i + 1 from n where i < 299)
  insert into towns select i, 'town ' || i from n;
create index by_name on people(name); create index by_town on people(town);
select t.name, count(*), min(p.name), max(p.name) from people p join towns t on t.id = p.town
  group by t.id order by 2 desc, 1 limit 20;
explain query plan select * from people where name like 'name 1%' order by town;
update people set name = upper(name) where id % 3 = 0; delete from people where id % 5 = 0;
select group_concat(name, ',') from (select name from people order by id limit 40);
select json_group_array(id) from people where town = 7; vacuum; pragma integrity_check;
select * from no_such_table;
"""


def test_in_memory(weir):
    twins(weir, ["/usr/bin/sqlite3", "-batch"], stdin=SCRIPT.encode())


def test_on_disk(weir):
    twins(weir, ["/usr/bin/sqlite3", "-batch", "file.db"], stdin=SCRIPT.encode())


harness.main(globals())
