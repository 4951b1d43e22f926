#include "daemon/base/hash.h"

#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <xxh_x86dispatch.h> /* by the widest vectors that the processor has */
#else
#include <xxhash.h>
#endif

struct hash128
hash128(const void *bytes, size_t n)
{
	struct hash128 out;
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits(n ? bytes : "", n));
	memcpy(out.byte, canonical.digest, sizeof out.byte);
	return out;
}

uint64_t
hash64(const void *bytes, size_t n)
{
	return XXH3_64bits(n ? bytes : "", n);
}

struct sha256
sha256(const void *bytes, size_t n)
{
	struct sha256 out;
	struct sha256_ctx content;
	sha256_init(&content);
	sha256_update(&content, n, bytes);
	sha256_digest(&content, sizeof out.byte, out.byte);
	return out;
}

struct sha256
hmac_sha256(const void *key, size_t key_n, const void *bytes, size_t n)
{
	struct sha256 out;
	struct hmac_sha256_ctx content;
	hmac_sha256_set_key(&content, key_n, key);
	hmac_sha256_update(&content, n, bytes);
	hmac_sha256_digest(&content, sizeof out.byte, out.byte);
	return out;
}

void
hex_encode(const uint8_t *bytes, size_t n, char *out)
{
	static const char DIGIT[] = "0123456789abcdef";
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = DIGIT[bytes[i] >> 4];
		out[2 * i + 1] = DIGIT[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

bool
hex_decode(const char *text, uint8_t *bytes, size_t n)
{
	static const char DIGIT[] = "0123456789abcdef";
	if (!text || strlen(text) != 2 * n || strspn(text, DIGIT) != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)((strchr(DIGIT, text[2 * i]) - DIGIT) << 4 |
				     (strchr(DIGIT, text[2 * i + 1]) - DIGIT));
	return true;
}
