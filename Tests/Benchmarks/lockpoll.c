/* How long does a server take to answer questions about its locks?
 *
 *   lockpoll CONNINFO ROUNDS FILE...
 *
 * Each file holds one query; they are prepared, and asked in turn, so that a noisy machine disturbs all of
 * them. Prints a line for each: the milliseconds of every round.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static char *content(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) { perror(path); exit(1); }
    char *text = calloc(1, 1 << 16);
    if (!fread(text, 1, (1 << 16) - 1, file)) exit(1);
    fclose(file);
    return text;
}

static void check(PGconn *connection, PGresult *result, ExecStatusType expected) {
    if (PQresultStatus(result) != expected) {
        fprintf(stderr, "%s", PQerrorMessage(connection));
        exit(1);
    }
    PQclear(result);
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    int rounds = atoi(argv[2]), count = argc - 3;
    PGconn *connection = PQconnectdb(argv[1]);
    if (PQstatus(connection) != CONNECTION_OK) {
        fprintf(stderr, "%s", PQerrorMessage(connection));
        return 1;
    }
    check(connection, PQexec(connection, "SET jit = off"), PGRES_COMMAND_OK);
    char **queries = malloc(count * sizeof *queries);
    double *times = calloc((size_t)count * rounds, sizeof *times);
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "q%d", i);
        queries[i] = content(argv[i + 3]);
        check(connection, PQprepare(connection, name, queries[i], 0, 0), PGRES_COMMAND_OK);
    }
    for (int round = -3; round < rounds; round++) {
        for (int i = 0; i < count; i++) {
            char name[16];
            snprintf(name, sizeof name, "q%d", i);
            double begun = now();
            check(connection, PQexecPrepared(connection, name, 0, 0, 0, 0, 0), PGRES_TUPLES_OK);
            if (round >= 0) times[i * rounds + round] = now() - begun;
        }
    }
    for (int i = 0; i < count; i++) {
        for (int round = 0; round < rounds; round++) printf("%.4f ", times[i * rounds + round]);
        puts("");
    }
    return 0;
}
