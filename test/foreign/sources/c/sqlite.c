// SQLite on a database file in the granted folder: transactions, an index, a full table scan, an error.

#include <stdio.h>
#include <stdlib.h>
#include "sqlite3.h"

static int row(void *unused, int columns, char **values, char **names) {
  (void)unused;
  for (int i = 0; i < columns; i++) printf("%s%s=%s", i == 0 ? "" : " ", names[i], values[i] ? values[i] : "null");
  putchar('\n');
  return 0;
}

static void run(sqlite3 *database, const char *sql) {
  char *error = NULL;
  if (sqlite3_exec(database, sql, row, NULL, &error) != SQLITE_OK) {
    printf("error %s\n", error);
    sqlite3_free(error);
  }
}

int main(void) {
  sqlite3 *database;
  if (sqlite3_open("/data/readings.db", &database) != SQLITE_OK) {
    printf("cannot open: %s\n", sqlite3_errmsg(database));
    return 1;
  }
  run(database, "create table reading (id integer primary key, sensor text not null, value real)");
  run(database, "create index by_sensor on reading (sensor)");
  run(database, "begin");
  run(database,
      "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) "
      "insert into reading (sensor, value) select 'leaf-' || (i % 5), i * 0.5 from n");
  run(database, "commit");
  run(database, "select sensor, count(*) as n, avg(value) as mean from reading group by sensor order by sensor limit 2");
  run(database, "insert into reading (sensor) values (null)");
  sqlite3_close(database);

  sqlite3_open("/data/readings.db", &database);
  run(database, "select count(*) as kept, max(value) as most from reading");
  run(database, "pragma integrity_check");
  sqlite3_close(database);
  return 0;
}
