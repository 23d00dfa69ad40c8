/* Runs a program and writes what it cost; a small parent, because a child's peak memory includes what its
 * parent had when it was made.
 *
 *   measure REPORT PROGRAM ARGUMENT...
 *
 * REPORT gets one line: wall seconds, CPU seconds, peak resident kilobytes, exit status.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    pid_t child;
    double begun = now();
    if (posix_spawnp(&child, argv[2], &actions, 0, argv + 2, environ)) {
        perror(argv[2]);
        return 127;
    }
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child) return 127;
    double wall = now() - begun;
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
#ifdef __APPLE__
    long kilobytes = usage.ru_maxrss / 1024;
#else
    long kilobytes = usage.ru_maxrss;
#endif
    FILE *report = fopen(argv[1], "w");
    if (!report) { perror(argv[1]); return 127; }
    fprintf(report, "%.6f %.6f %ld %d\n", wall, seconds(usage.ru_utime) + seconds(usage.ru_stime),
            kilobytes, code);
    fclose(report);
    return code;
}
