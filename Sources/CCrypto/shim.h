#ifndef LOCKSTEP_CCRYPTO_SHIM_H
#define LOCKSTEP_CCRYPTO_SHIM_H
/* The functions of one algorithm: asking for it by way of EVP sets up all of libcrypto first, which
   takes longer than the digests of a thousand files, and looks it up anew for each of them. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

static inline void ls_sha256(const void *content, size_t count, unsigned char *digest) {
    SHA256_CTX context;
    SHA256_Init(&context);
    SHA256_Update(&context, content, count);
    SHA256_Final(digest, &context);
}
static inline void ls_sha384(const void *content, size_t count, unsigned char *digest) {
    SHA512_CTX context;
    SHA384_Init(&context);
    SHA384_Update(&context, content, count);
    SHA384_Final(digest, &context);
}
/* The same piece by piece; the context is memory of ls_sha256_size() bytes, as malloc aligns it. */
static inline size_t ls_sha256_size(void) { return sizeof(SHA256_CTX); }
static inline void ls_sha256_start(void *context) { SHA256_Init((SHA256_CTX *)context); }
static inline void ls_sha256_add(void *context, const void *bytes, size_t count) {
    SHA256_Update((SHA256_CTX *)context, bytes, count);
}
static inline void ls_sha256_end(void *context, unsigned char *digest) {
    SHA256_Final(digest, (SHA256_CTX *)context);
}
#endif
