#ifndef AIWATCH_SINK_SIGNATURE_H
#define AIWATCH_SINK_SIGNATURE_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#include <stdint.h>

/*
 * Signatures after Standard Webhooks (standardwebhooks.com, version 1): HMAC-SHA256 over
 * "ID.TIMESTAMP.BODY". A secret is `whsec_` and base64, or, without that prefix, the key itself;
 * two secrets with a blank between them (an old and a new one) make two signatures.
 */
struct signature_keys {
	struct buf key[2];
	size_t count;
};

/* False with a sentence that does not repeat the secret; then nothing is to be freed. */
bool
signature_keys_parse(const char *secret, struct signature_keys *keys, struct err *err);
void
signature_keys_fini(struct signature_keys *keys);

/* "v1,…", several with a blank between them, to be freed. `timestamp` in seconds. */
char *
signature_make(
	const struct signature_keys *keys, const char *id, int64_t timestamp, struct span body);

#endif
