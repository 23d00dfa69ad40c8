/* The program's arguments for Swift's `CommandLine`, as the C library hands them to every constructor.
 *
 * The standard library looks for them in /proc/self/maps and on the stack, at every start: for a program
 * with some thirty shared libraries that is a fiftieth of a short command. Where it is linked in, these
 * take the place of its own; weak, so that a standard library that does it otherwise is left alone. */
#ifdef __linux__
#include <features.h>
#endif

#ifdef __GLIBC__
static int count;
static char **arguments;
static char **overriding;
static int overriding_count;

__attribute__((constructor)) static void keep_arguments(int argc, char **argv) {
    count = argc;
    arguments = argv;
}

__attribute__((weak)) void _swift_stdlib_overrideUnsafeArgvArgc(char **argv, int argc) {
    overriding = argv;
    overriding_count = argc;
}

__attribute__((weak)) char **_swift_stdlib_getUnsafeArgvArgc(int *argc) {
    static char *none[1];
    *argc = overriding ? overriding_count : count;
    return overriding ? overriding : arguments ? arguments : none;
}
#else
typedef int lockstep_no_arguments;
#endif
