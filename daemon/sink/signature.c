#include "daemon/sink/signature.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <inttypes.h>
#include <nettle/base64.h>
#include <stdlib.h>

static const struct span PREFIX = {"whsec_", 6};

enum { SECRET_MAX = 4096 };

/* Base64 with or without its padding. */
static bool
decode_base64(struct span in, struct buf *out)
{
	while (in.n > 0 && in.p[in.n - 1] == '=')
		in.n--;
	if (in.n == 0 || in.n % 4 == 1)
		return false;
	/* Zeros behind it: what a sloppy last letter says beyond the last byte is passed by. */
	struct buf padded = BUF_INIT;
	buf_add_span(&padded, in);
	size_t padding = (4 - in.n % 4) % 4, n;
	for (size_t i = 0; i < padding; i++)
		buf_add_byte(&padded, 'A');
	buf_reserve(out, BASE64_DECODE_LENGTH(padded.n));
	struct base64_decode_ctx decoding;
	base64_decode_init(&decoding);
	bool ok = base64_decode_update(&decoding, &n, (uint8_t *)out->p, padded.n, padded.p) &&
		  base64_decode_final(&decoding) && n == padded.n / 4 * 3;
	buf_fini(&padded);
	out->n = ok ? n - padding : 0;
	return ok;
}

static bool
parse_key(struct span secret, struct buf *key, struct err *err)
{
	if (secret.n > SECRET_MAX)
		return err_set(err, "secret: longer than %d bytes", SECRET_MAX);
	if (!span_has_prefix(secret, PREFIX)) {
		buf_add_span(key, secret);
		return true;
	}
	return decode_base64(span_from(secret, PREFIX.n), key) ||
	       err_set(err, "secret: what follows whsec_ is not base64");
}

bool
signature_keys_parse(const char *secret, struct signature_keys *keys, struct err *err)
{
	static const char BLANKS[] = " \t\r\n";
	*keys = (struct signature_keys){0};
	for (const char *p = secret + strspn(secret, BLANKS); *p; p += strspn(p, BLANKS)) {
		struct span one = {p, strcspn(p, BLANKS)};
		if (keys->count == COUNT(keys->key)) {
			signature_keys_fini(keys);
			return err_set(err, "secret: more than two");
		}
		if (!parse_key(one, &keys->key[keys->count++], err)) {
			signature_keys_fini(keys);
			return false;
		}
		p += one.n;
	}
	return keys->count > 0 || err_set(err, "secret: empty");
}

void
signature_keys_fini(struct signature_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		buf_fini(&keys->key[i]);
	keys->count = 0;
}

char *
signature_make(
	const struct signature_keys *keys, const char *id, int64_t timestamp, struct span body)
{
	struct buf content = BUF_INIT, out = BUF_INIT;
	buf_format(&content, "%s.%" PRId64 ".", id, timestamp);
	buf_add_span(&content, body);
	for (size_t i = 0; i < keys->count; i++) {
		struct sha256 mac =
			hmac_sha256(keys->key[i].p, keys->key[i].n, content.p, content.n);
		char text[BASE64_ENCODE_RAW_LENGTH(sizeof mac.byte)];
		base64_encode_raw(text, sizeof mac.byte, mac.byte);
		buf_format(&out, "%sv1,%.*s", i ? " " : "", (int)sizeof text, text);
	}
	buf_fini(&content);
	return buf_take(&out);
}
