#ifndef LOCKSTEP_CVTERM_SHIM_H
#define LOCKSTEP_CVTERM_SHIM_H
#include <vterm.h>
#endif
