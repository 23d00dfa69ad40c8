#ifndef LOCKSTEP_CCRYPTO_SHIM_H
#define LOCKSTEP_CCRYPTO_SHIM_H
#include <openssl/evp.h>
#endif
