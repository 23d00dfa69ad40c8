/* An application at work on one table, until standard input ends.
 *
 *   workers CONNINFO READERS WRITERS
 *
 * Each worker reads or changes a row of accounts fifty times a second over its own session, and measures how
 * long each time took. Prints "ready" when all are connected; at the end the longest time of a reader and of
 * a writer in milliseconds, one that has not come back included, how often they read and wrote, and how many
 * of these took longer than a second.
 */
#include <libpq-fe.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    PGconn *connection;
    int number, writes;
    /* Microseconds, and 0 while it rests. */
    atomic_long begun, longest;
    atomic_long count, slow;
} Worker;

static long now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void *work(void *argument) {
    Worker *worker = argument;
    for (unsigned turn = (unsigned)worker->number;; turn += 7) {
        char sql[128];
        snprintf(sql, sizeof sql,
                 worker->writes ? "UPDATE accounts SET balance = balance + 1 WHERE id = %u"
                                : "SELECT balance FROM accounts WHERE id = %u",
                 turn % 1000 + 1);
        worker->begun = now();
        PGresult *result = PQexec(worker->connection, sql);
        long took = now() - worker->begun;
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
            fprintf(stderr, "%s", PQerrorMessage(worker->connection));
            exit(1);
        }
        PQclear(result);
        worker->begun = 0;
        if (took > worker->longest) worker->longest = took;
        worker->count++;
        if (took > 1000000) worker->slow++;
        usleep(20000);
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int readers = atoi(argv[2]), count = readers + atoi(argv[3]);
    Worker *workers = calloc((size_t)count, sizeof *workers);
    for (int i = 0; i < count; i++) {
        workers[i].connection = PQconnectdb(argv[1]);
        if (PQstatus(workers[i].connection) != CONNECTION_OK) {
            fprintf(stderr, "%s", PQerrorMessage(workers[i].connection));
            return 1;
        }
        workers[i].number = i;
        workers[i].writes = i >= readers;
    }
    for (int i = 0; i < count; i++) {
        pthread_t thread;
        if (pthread_create(&thread, 0, work, &workers[i])) return 1;
    }
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {}
    long longest[2] = {0, 0}, turns[2] = {0, 0}, slow = 0;
    for (int i = 0; i < count; i++) {
        long begun = workers[i].begun, time = workers[i].longest;
        if (begun && now() - begun > time) time = now() - begun;
        if (time > longest[workers[i].writes]) longest[workers[i].writes] = time;
        turns[workers[i].writes] += workers[i].count;
        slow += workers[i].slow;
    }
    printf("%.1f %.1f %ld %ld %ld\n", longest[0] / 1e3, longest[1] / 1e3, turns[0], turns[1], slow);
    return 0;
}
