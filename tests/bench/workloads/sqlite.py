"""Writes the script for sqlite3 on stdout: inserts, indexes, joins, groups, text functions, in memory.

Usage: sqlite.py ROWS
"""

import random
import sys


def main(rows):
    pick = random.Random(1)
    print("PRAGMA temp_store=MEMORY;")
    print("CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, town TEXT, born INTEGER);")
    print("CREATE TABLE sale(id INTEGER PRIMARY KEY, person INTEGER, item TEXT, price REAL, day INTEGER);")
    print("BEGIN;")
    for person in range(rows // 10):
        name = "".join(pick.choices("abcdefghijklmnopqrstuvwxyz", k=pick.randint(4, 12)))
        print(f"INSERT INTO person VALUES({person},'{name}','town{pick.randrange(200)}',{pick.randint(1930, 2010)});")
    # One statement a row, parsed each time: that is where sqlite3 allocates.
    for sale in range(rows):
        print(f"INSERT INTO sale VALUES({sale},{pick.randrange(rows // 10)},'item{pick.randrange(3000)}',"
              f"{pick.random() * 100:.2f},{pick.randrange(365)});")
    print("COMMIT;")
    print("CREATE INDEX sale_person ON sale(person);")
    print("CREATE INDEX sale_item ON sale(item, day);")
    print("CREATE INDEX person_town ON person(town, name);")
    print("ANALYZE;")
    for town in range(200):
        print("SELECT p.name, count(*), sum(s.price) FROM person p JOIN sale s ON s.person=p.id "
              f"WHERE p.town='town{town}' GROUP BY p.name ORDER BY 3 DESC LIMIT 5;")
    print("SELECT town, born/10, count(*), group_concat(substr(name,1,3)) FROM person GROUP BY 1, 2 "
          "ORDER BY 3 LIMIT 9;")
    print("SELECT a.item, count(DISTINCT b.person) FROM sale a JOIN sale b ON a.person=b.person AND a.day=b.day "
          "AND a.id<b.id GROUP BY 1 ORDER BY 2 DESC LIMIT 10;")
    print("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000) "
          "SELECT sum(length(printf('%08d-%s', i, hex(i)))) FROM n;")
    print("UPDATE sale SET item=upper(item)||'-'||day WHERE day%7=0;")
    print("DELETE FROM sale WHERE day%5=0;")
    print("SELECT count(*), sum(length(item)) FROM sale;")


main(int(sys.argv[1]))
