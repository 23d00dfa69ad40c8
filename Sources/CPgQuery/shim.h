#ifndef LOCKSTEP_CPGQUERY_SHIM_H
#define LOCKSTEP_CPGQUERY_SHIM_H
#include <pg_query.h>
#endif
