#ifndef AIWATCH_PARSERS_ENCODING_H
#define AIWATCH_PARSERS_ENCODING_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#include <stdint.h>

/*
 * Encodings of a file. The numbers are kept on disk: rows are only ever added, before
 * ENCODING_OTHER's place at 255. All but UTF-16 and UTF-32 hold ASCII as single bytes.
 */
enum encoding {
	ENCODING_UNKNOWN,
	ENCODING_UTF8,
	ENCODING_UTF16LE,
	ENCODING_UTF16BE,
	ENCODING_UTF32LE,
	ENCODING_UTF32BE,
	ENCODING_CODE_PAGES, /* the first of those that only iconv knows, in encoding.c's table */
	ENCODING_OTHER = 255,
};

/* "utf-8", "utf-16le", … "windows-1252"; "unknown", "other". Never NULL. */
const char *
encoding_name(unsigned encoding);

/* Bytes of a code unit: 1, 2 or 4. */
unsigned
encoding_unit(unsigned encoding);

/*
 * Tells the encoding from the beginning of bytes at raw offset `at`: a byte order mark (at 0), or
 * where NULs stand among the first characters, else UTF-8. ENCODING_UNKNOWN where more bytes are
 * needed; with `last` none will come.
 */
enum encoding
encoding_detect(struct span bytes, uint64_t at, bool last);

/* Turns bytes into valid UTF-8. One thread. */
struct decoder;

/*
 * For an encoding by name, letters without case: "auto" (told by each file), one of the names above
 * or one that iconv(3) knows. NULL with a sentence where it is unknown, or where its line ends
 * cannot be found without decoding it.
 */
struct decoder *
decoder_new(const char *name, struct err *err);
void
decoder_free(struct decoder *decoder); /* takes NULL */

/* The encoding that the name forces; ENCODING_UNKNOWN for "auto". */
enum encoding
decoder_forced(const struct decoder *decoder);

/*
 * Whole characters of the encoding as valid UTF-8, without a byte order mark at the start. What is
 * invalid, or a half character at the end, becomes U+FFFD. The span borrows from raw or, until the
 * next call, from the decoder.
 */
struct span
decoder_decode(struct decoder *decoder, unsigned encoding, struct span raw);

#endif
