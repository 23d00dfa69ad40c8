#define _GNU_SOURCE
#include "cposix.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#ifdef __linux__
#include <sys/mman.h>
#include <sys/prctl.h>
#else
#include <xlocale.h>
#endif

static int ends[2] = {-1, -1};
static const int caught[] = {SIGWINCH, SIGTERM, SIGHUP,  SIGINT,
                             SIGQUIT,  SIGCHLD, SIGCONT, SIGTSTP};

static void handler(int signal) {
    int saved = errno;
    unsigned char byte = (unsigned char)signal;
    (void)!write(ends[1], &byte, 1);
    errno = saved;
}

void lockstep_signal_caught(int signal) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, 0);
}

void lockstep_signal_default(int signal) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, 0);
}

int lockstep_signals_install(void) {
    if (ends[0] >= 0) return ends[0];
    if (pipe(ends)) return -1;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    for (unsigned i = 0; i < sizeof caught / sizeof caught[0]; i++) lockstep_signal_caught(caught[i]);
    signal(SIGPIPE, SIG_IGN);
    return ends[0];
}

static locale_t utf8;

/* Widths must not depend on the user's locale, in which wcwidth knows ASCII at most. */
static void open_utf8(void) {
    static const char *const names[] = {"C.UTF-8", "UTF-8", "en_US.UTF-8"};
    for (unsigned i = 0; !utf8 && i < sizeof names / sizeof names[0]; i++)
        utf8 = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
}

int lockstep_wcwidth(unsigned int scalar) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_utf8);
    if (!utf8) return wcwidth((wchar_t)scalar);
    locale_t previous = uselocale(utf8);
    int width = wcwidth((wchar_t)scalar);
    uselocale(previous);
    return width;
}

int lockstep_pipe(int ends[2]) {
#ifdef __linux__
    return pipe2(ends, O_CLOEXEC);
#else
    if (pipe(ends)) return -1;
    for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    return 0;
#endif
}

int lockstep_parent_death_signal(int signal) {
#ifdef __linux__
    return prctl(PR_SET_PDEATHSIG, signal);
#else
    (void)signal;
    return 0;
#endif
}

int lockstep_memory_file(void) {
#ifdef __linux__
    return memfd_create("lockstep", MFD_CLOEXEC);
#else
    char name[] = "/tmp/lockstep.XXXXXX";
    int descriptor = mkstemp(name);
    if (descriptor < 0) return -1;
    unlink(name);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    return descriptor;
#endif
}

int lockstep_redirect(int descriptor, int target) {
#ifdef __linux__
    return dup3(target, descriptor, O_CLOEXEC) < 0 ? -1 : 0;
#else
    if (dup2(target, descriptor) < 0) return -1;
    return fcntl(descriptor, F_SETFD, FD_CLOEXEC);
#endif
}

int lockstep_spawn_closing_others(posix_spawn_file_actions_t *actions) {
#ifdef __linux__
    return posix_spawn_file_actions_addclosefrom_np(actions, 3);
#else
    (void)actions;
    return 0;
#endif
}

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE};
static struct sigaction before[sizeof crashes / sizeof crashes[0]];
static struct termios modes;
static char farewell[512];
static volatile sig_atomic_t guarded = -1;

static void give_back(void) {
    int descriptor = guarded;
    if (descriptor < 0) return;
    guarded = -1;
    (void)!write(descriptor, farewell, strlen(farewell));
    tcsetattr(descriptor, TCSANOW, &modes);
}

static void crashed(int signal, siginfo_t *info, void *context) {
    int saved = errno;
    (void)context;
    give_back();
    for (unsigned i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        if (crashes[i] == signal) sigaction(signal, &before[i], 0);
    /* Whoever was asked before, such as Swift's backtraces, sees a fault again on return; a signal
       that was sent has to be sent again. */
    if (info->si_code <= 0) raise(signal);
    errno = saved;
}

void lockstep_terminal_guard(int descriptor, const struct termios *shell, const char *text) {
    static int registered = 0;
    if (strlen(text) >= sizeof farewell) return;
    if (guarded >= 0) lockstep_terminal_unguard();
    strcpy(farewell, text);
    modes = *shell;
    for (unsigned i = 0; i < sizeof crashes / sizeof crashes[0]; i++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = crashed;
        action.sa_flags = SA_ONSTACK | SA_SIGINFO;
        sigemptyset(&action.sa_mask);
        sigaction(crashes[i], &action, &before[i]);
    }
    if (!registered) registered = atexit(give_back) == 0;
    guarded = descriptor;
}

void lockstep_terminal_unguard(void) {
    if (guarded < 0) return;
    guarded = -1;
    for (unsigned i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        sigaction(crashes[i], &before[i], 0);
}

void lockstep_share_heap(void) {
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
#endif
}
