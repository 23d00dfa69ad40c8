/* How fast can a libpq client be: no parsing, no planning, no output. The programs are measured against it.
 *
 *   cc -O2 -o floor floor.c -I"$(pg_config --includedir)" -lpq -lcrypto
 *   floor CONNINFO DIR apply|down|verify|fill
 *
 * apply   one simple-query message a migration: BEGIN; the file; INSERT into hist; COMMIT
 * down    the same over the .down.sql files, backwards, with DELETE
 * verify  list DIR, read every .up.sql, hash it, compare with hist
 * fill    hist as if all had been applied, without running anything
 */
#include <dirent.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *dir, *suffix;
static char **name;
static int count;
static PGconn *connection;

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(void) {
    DIR *d = opendir(dir);
    struct dirent *entry;
    int capacity = 0;
    size_t tail = strlen(suffix);
    if (!d) { perror(dir); exit(1); }
    while ((entry = readdir(d))) {
        size_t length = strlen(entry->d_name);
        if (length <= tail || strcmp(entry->d_name + length - tail, suffix)) continue;
        if (count == capacity) {
            capacity = capacity ? capacity * 2 : 256;
            name = realloc(name, sizeof *name * capacity);
        }
        name[count++] = strdup(entry->d_name);
    }
    closedir(d);
    qsort(name, count, sizeof *name, compare);
}

static char *contents(const char *file, size_t *length) {
    char path[4096];
    struct stat status;
    snprintf(path, sizeof path, "%s/%s", dir, file);
    int f = open(path, O_RDONLY);
    if (f < 0 || fstat(f, &status)) { perror(path); exit(1); }
    char *text = malloc(status.st_size + 1);
    if (read(f, text, status.st_size) != status.st_size) { perror(path); exit(1); }
    close(f);
    text[status.st_size] = 0;
    *length = status.st_size;
    return text;
}

static void digest(const char *text, size_t length, char out[65]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[32];
    unsigned int size;
    EVP_Digest(text, length, hash, &size, EVP_sha256(), 0);
    for (int i = 0; i < 32; i++) {
        out[2 * i] = digits[hash[i] >> 4];
        out[2 * i + 1] = digits[hash[i] & 15];
    }
    out[64] = 0;
}

static void die(void) {
    fprintf(stderr, "%s", PQerrorMessage(connection));
    exit(1);
}

static void run(const char *sql) {
    PGresult *result;
    if (!PQsendQuery(connection, sql)) die();
    while ((result = PQgetResult(connection))) {
        ExecStatusType status = PQresultStatus(result);
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) die();
        PQclear(result);
    }
}

static int verify(void) {
    PGresult *result = PQexecParams(
        connection, "SELECT version, checksum FROM hist ORDER BY version", 0, 0, 0, 0, 0, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) die();
    int rows = PQntuples(result), row = 0, bad = 0, pending = 0;
    for (int i = 0; i < count; i++) {
        int version = atoi(name[i]);
        while (row < rows && atoi(PQgetvalue(result, row, 0)) < version) { row++; bad++; }
        if (row >= rows || atoi(PQgetvalue(result, row, 0)) != version) { pending++; continue; }
        size_t length;
        char hash[65], *text = contents(name[i], &length);
        digest(text, length, hash);
        if (strcmp(hash, PQgetvalue(result, row, 1))) bad++;
        free(text);
        row++;
    }
    printf("files %d applied %d pending %d bad %d\n", count, rows, pending, bad);
    return bad != 0;
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    dir = argv[2];
    const char *mode = argv[3];
    int down = !strcmp(mode, "down"), fill = !strcmp(mode, "fill");
    suffix = down ? ".down.sql" : ".up.sql";
    list();
    connection = PQconnectdb(argv[1]);
    if (PQstatus(connection) != CONNECTION_OK) die();
    if (!strcmp(mode, "verify")) {
        int status = verify();
        PQfinish(connection);
        return status;
    }
    run("SET client_min_messages = warning; CREATE TABLE IF NOT EXISTS hist(version int PRIMARY KEY,"
        " name text, checksum text, applied_at timestamptz DEFAULT now())");
    if (fill) run("BEGIN");
    for (int k = 0; k < count; k++) {
        int i = down ? count - 1 - k : k;
        size_t length;
        char hash[65], record[512], *text = contents(name[i], &length);
        digest(text, length, hash);
        if (down) {
            snprintf(record, sizeof record, "DELETE FROM hist WHERE version = %d", atoi(name[i]));
        } else {
            snprintf(record, sizeof record,
                     "INSERT INTO hist(version, name, checksum) VALUES (%d, '%s', '%s')",
                     atoi(name[i]), name[i], hash);
        }
        if (fill) {
            run(record);
        } else {
            char *message = malloc(length + sizeof record + 32);
            sprintf(message, "BEGIN;%s;%s;COMMIT", text, record);
            run(message);
            free(message);
        }
        free(text);
    }
    if (fill) run("COMMIT");
    PQfinish(connection);
    return 0;
}
