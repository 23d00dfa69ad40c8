#ifndef LOCKSTEP_CNCURSES_SHIM_H
#define LOCKSTEP_CNCURSES_SHIM_H
/* SwiftPM drops pkg-config's -D flags, so the wide interface is asked for here,
   before the first include of curses.h in this module. */
#ifndef _XOPEN_SOURCE_EXTENDED
#define _XOPEN_SOURCE_EXTENDED 1
#endif
#ifndef NCURSES_WIDECHAR
#define NCURSES_WIDECHAR 1
#endif
#include <curses.h>
#include <term.h>
#include <wchar.h>
#include <stdbool.h>

/* Globals: Swift refuses shared mutable C variables. */
static inline WINDOW *ls_stdscr(void) { return stdscr; }
static inline int ls_colors(void) { return COLORS; }
static inline int ls_color_pairs(void) { return COLOR_PAIRS; }

/* Macros with casts or expressions are not imported. */
static const attr_t LS_A_UNDERLINE = A_UNDERLINE;
static const attr_t LS_A_REVERSE = A_REVERSE;
static const attr_t LS_A_DIM = A_DIM;
static const attr_t LS_A_BOLD = A_BOLD;
static const attr_t LS_A_ITALIC = A_ITALIC;

/* A colour pair beyond 15 bits goes through the extended argument. */
static inline int ls_setcchar(cchar_t *cell, const wchar_t *text, attr_t attrs, int pair) {
    return setcchar(cell, text, attrs, (short)(pair > 0x7fff ? 0 : pair), &pair);
}
/* A string of the current terminal's description, or NULL for both ways of having none. */
static inline const char *ls_capability(const char *name) {
    const char *value = tigetstr(name);
    return value == (const char *)-1 ? NULL : value;
}
/* How a terminal of this name can be used on this descriptor: 1 for a screen, 0 for lines only,
   -1 when it has no description. setupterm with a place for its error never exits the process. */
static inline int ls_terminal_kind(const char *name, int descriptor) {
    int error = 0;
    if (setupterm(name, descriptor, &error) != OK) return error == 1 ? 0 : -1;
    int kind = ls_capability("cup") && !(tigetflag("hc") > 0) ? 1 : 0;
    del_curterm(cur_term);
    return kind;
}
#endif
