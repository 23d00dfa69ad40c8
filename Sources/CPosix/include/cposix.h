#ifndef LOCKSTEP_CPOSIX_H
#define LOCKSTEP_CPOSIX_H
/* What has state or what Swift cannot see: the signal self-pipe, and widths of characters. */

#include <spawn.h>
#include <termios.h>

/* Installs the handlers and returns the read end of the self-pipe, or -1. A second call returns the
   same descriptor. Each byte read from it is the number of a signal that arrived:
   SIGWINCH, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGCHLD, SIGCONT, SIGTSTP. SIGPIPE is ignored. */
int lockstep_signals_install(void);

/* Sets one of these signals back to its default action (for SIGTSTP, before stopping oneself),
   or back to the self-pipe. */
void lockstep_signal_default(int signal);
void lockstep_signal_caught(int signal);

/* wcwidth(3) of the C library, which ncurses lays out with, in a UTF-8 locale whatever the program's
   own is. -1: not printable. Safe on any thread. */
int lockstep_wcwidth(unsigned int scalar);

/* A file without a name that nobody else can open, or -1. Closed on exec. */
int lockstep_memory_file(void);

/* Makes `descriptor` refer to what `target` does, closed on exec. Returns 0 or -1. */
int lockstep_redirect(int descriptor, int target);

/* While guarded, a crash or a call of exit gives the terminal back first: `text` is written to it and
   it gets the modes `shell`. A text of 512 bytes or more is not guarded. One terminal at a time. */
void lockstep_terminal_guard(int descriptor, const struct termios *shell, const char *text);
void lockstep_terminal_unguard(void);

/* Makes a spawned child close every descriptor from 3 on (Linux; does nothing elsewhere). */
int lockstep_spawn_closing_others(posix_spawn_file_actions_t *actions);

/* pipe(2) whose ends no child inherits, not even one that another thread starts at this moment.
   Returns 0 or -1. */
int lockstep_pipe(int ends[2]);

/* Becomes the parent of orphaned descendants, and asks for `signal` when the parent dies
   (Linux; does nothing elsewhere). Returns 0 or -1. */
int lockstep_parent_death_signal(int signal);

/* Lets all threads share one heap (glibc; does nothing elsewhere). */
void lockstep_share_heap(void);
#endif
