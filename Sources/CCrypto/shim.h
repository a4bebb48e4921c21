#pragma once
// For SHA-1 without the machinery around it, see below.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

// The first digest by way of EVP loads the providers and the configuration of the library, which takes a millisecond: as
// much as all the rest of an attaching client. The handshake of a WebSocket needs none of that.
static inline void ccrypto_sha1(const void *bytes, size_t count, unsigned char *digest) {
  SHA_CTX context;
  SHA1_Init(&context);
  SHA1_Update(&context, bytes, count);
  SHA1_Final(digest, &context);
}
