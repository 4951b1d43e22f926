#ifndef AIWATCH_BASE_HASH_H
#define AIWATCH_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Two kinds of digest. `hash128` is fast and tells contents apart (XXH3, 128 bits, canonical byte
 * order: safe to keep on disk); `sha256` names alerts and signs webhooks (Nettle: OpenSSL takes 3
 * MiB for its first digest).
 */
struct hash128 {
	uint8_t byte[16];
};

struct sha256 {
	uint8_t byte[32];
};

/* Each accepts NULL for `bytes` where n is 0. */
struct hash128
hash128(const void *bytes, size_t n);
uint64_t
hash64(const void *bytes,
	size_t n); /* XXH3, as it is kept on disk; two thirds of the time of hash128 */
struct sha256
sha256(const void *bytes, size_t n);
struct sha256
hmac_sha256(const void *key, size_t key_n, const void *bytes, size_t n);

/* Writes 2 * n lower-case hexadecimal digits and a NUL to out. */
void
hex_encode(const uint8_t *bytes, size_t n, char *out);

/* The n bytes that hex_encode wrote; false where the text, NULL included, is none of that length.
 */
bool
hex_decode(const char *text, uint8_t *bytes, size_t n);

#endif
