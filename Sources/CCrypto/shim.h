#pragma once
// For SHA-1 without the machinery around it, see below.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// The first digest by way of EVP loads the providers and the configuration of the library, which takes a millisecond: as
// much as all the rest of an attaching client. The handshake of a WebSocket needs none of that.
static inline void ccrypto_sha1(const void *bytes, size_t count, unsigned char *digest) {
  SHA_CTX context;
  SHA1_Init(&context);
  SHA1_Update(&context, bytes, count);
  SHA1_Final(digest, &context);
}

// Swift sees no macros.

static inline int ccrypto_ssl_set_server_name(SSL *ssl, const char *name) {
  return (int)SSL_set_tlsext_host_name(ssl, (void *)name);
}

static inline void ccrypto_ssl_set_owner(SSL *ssl, void *owner) { SSL_set_app_data(ssl, owner); }
static inline void *ccrypto_ssl_owner(const SSL *ssl) { return SSL_get_app_data(ssl); }

static inline void ccrypto_bio_retry_read(BIO *bio) {
  BIO_clear_retry_flags(bio);
  BIO_set_retry_read(bio);
}

static inline void ccrypto_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }

static inline int ccrypto_bio_type_source_sink(void) { return BIO_TYPE_SOURCE_SINK; }

static inline EVP_PKEY *ccrypto_new_p256_key(void) { return EVP_EC_gen("P-256"); }

static inline int ccrypto_error_library(unsigned long code) { return ERR_GET_LIB(code); }
static inline int ccrypto_error_reason(unsigned long code) { return ERR_GET_REASON(code); }

static inline long ccrypto_bio_memory(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

// TLS 1.2 at least, with forward secrecy and authenticated encryption only; nothing that lets one connection be told from
// its earlier ones (no tickets, no session cache: a handshake with P-256 costs a fraction of a millisecond).
static inline int ccrypto_ssl_ctx_harden(SSL_CTX *context) {
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 && SSL_CTX_set_num_tickets(context, 0) == 1 &&
         SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1;
}
