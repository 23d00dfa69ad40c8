/* Makes a queue: one session holds a table, the others wait for it, until standard input ends.
 *
 *   cc -O2 -o crowd crowd.c -I"$(pg_config --includedir)" -lpq
 *   crowd CONNINFO WAITERS
 *
 * Prints "ready" when all have asked.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static PGconn *session(const char *conninfo) {
    PGconn *connection = PQconnectdb(conninfo);
    if (PQstatus(connection) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(connection));
        exit(1);
    }
    return connection;
}

static void run(PGconn *connection, const char *sql) {
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s", PQerrorMessage(connection));
        exit(1);
    }
    PQclear(result);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    PGconn *holder = session(argv[1]);
    run(holder, "SET client_min_messages = warning; CREATE TABLE IF NOT EXISTS crowd (x int)");
    run(holder, "BEGIN; LOCK TABLE crowd IN ACCESS EXCLUSIVE MODE");
    for (int i = 0; i < atoi(argv[2]); i++) {
        if (!PQsendQuery(session(argv[1]), "SELECT * FROM crowd")) return 1;
    }
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {}
    return 0;
}
