/* Holds many locks and lets many sessions wait, until standard input ends.
 *
 *   lockload CONNINFO TABLES HOLDERS WAITERS
 *
 * Each holder has ROW EXCLUSIVE on tables t00001 to t<TABLES>; the waiters ask for ACCESS EXCLUSIVE, spread
 * over the first twenty of them, so that each queue is WAITERS / 20 deep. Prints "ready" when all wait.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static PGconn *session(const char *conninfo) {
    PGconn *connection = PQconnectdb(conninfo);
    if (PQstatus(connection) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(connection));
        exit(1);
    }
    return connection;
}

static PGresult *run(PGconn *connection, const char *sql) {
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s", PQerrorMessage(connection));
        exit(1);
    }
    return result;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    int tables = atoi(argv[2]), holders = atoi(argv[3]), waiters = atoi(argv[4]);
    char *sql = malloc(64 + 8 * (size_t)tables), *end = sql;
    end += sprintf(end, "BEGIN; LOCK TABLE ");
    for (int i = 1; i <= tables; i++) end += sprintf(end, "%st%05d", i > 1 ? "," : "", i);
    strcpy(end, " IN ROW EXCLUSIVE MODE");
    for (int i = 0; i < holders; i++) PQclear(run(session(argv[1]), sql));
    for (int i = 0; i < waiters; i++) {
        sprintf(sql, "BEGIN; LOCK TABLE t%05d IN ACCESS EXCLUSIVE MODE", i % 20 + 1);
        if (!PQsendQuery(session(argv[1]), sql)) return 1;
    }
    PGconn *looker = session(argv[1]);
    for (int waiting = -1; waiting < waiters; usleep(20000)) {
        PGresult *result = run(looker, "SELECT count(*) FROM pg_locks WHERE NOT granted");
        waiting = atoi(PQgetvalue(result, 0, 0));
        PQclear(result);
    }
    PQfinish(looker);
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {}
    return 0;
}
