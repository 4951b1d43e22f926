#include "parsers/encoding.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

static const struct row {
	const char *name;
	unsigned unit;
} ROWS[] = {
	[ENCODING_UNKNOWN] = {"unknown", 1},
	[ENCODING_UTF8] = {"utf-8", 1},
	[ENCODING_UTF16LE] = {"utf-16le", 2},
	[ENCODING_UTF16BE] = {"utf-16be", 2},
	[ENCODING_UTF32LE] = {"utf-32le", 4},
	[ENCODING_UTF32BE] = {"utf-32be", 4},
	[ENCODING_CODE_PAGES] = {"windows-1252", 1},
	{"windows-1250", 1},
	{"windows-1251", 1},
	{"windows-1253", 1},
	{"windows-1254", 1},
	{"windows-1255", 1},
	{"windows-1256", 1},
	{"windows-1257", 1},
	{"windows-1258", 1},
	{"windows-874", 1},
	{"windows-932", 1},
	{"windows-936", 1},
	{"iso-8859-1", 1},
	{"iso-8859-2", 1},
	{"iso-8859-5", 1},
	{"iso-8859-15", 1},
	{"cp437", 1},
	{"cp850", 1},
	{"cp852", 1},
	{"cp866", 1},
	{"koi8-r", 1},
	{"shift_jis", 1},
	{"euc-jp", 1},
	{"euc-kr", 1},
	{"gbk", 1},
	{"gb18030", 1},
	{"big5", 1},
};

struct decoder {
	enum encoding forced;
	iconv_t iconv; /* (iconv_t)-1 where none is needed */
	struct buf out;
};

#define NO_ICONV ((iconv_t)-1)

const char *
encoding_name(unsigned encoding)
{
	if (encoding < COUNT(ROWS))
		return ROWS[encoding].name;
	return encoding == ENCODING_OTHER ? "other" : "unknown";
}

unsigned
encoding_unit(unsigned encoding)
{
	return encoding < COUNT(ROWS) ? ROWS[encoding].unit : 1;
}

static enum encoding
by_mark(struct span bytes, bool last, bool *undecided)
{
	static const struct mark {
		const char *bytes;
		size_t n;
		enum encoding encoding;
	} MARKS[] = {
		{"\xff\xfe\0\0", 4, ENCODING_UTF32LE},
		{"\0\0\xfe\xff", 4, ENCODING_UTF32BE},
		{"\xff\xfe", 2, ENCODING_UTF16LE},
		{"\xfe\xff", 2, ENCODING_UTF16BE},
		{"\xef\xbb\xbf", 3, ENCODING_UTF8},
	};
	*undecided = false;
	for (size_t i = 0; i < COUNT(MARKS); i++) {
		struct span mark = {MARKS[i].bytes, MARKS[i].n};
		if (span_has_prefix(bytes, mark))
			return MARKS[i].encoding;
		if (!last && bytes.n < mark.n && span_has_prefix(mark, bytes)) {
			*undecided = true;
			return ENCODING_UNKNOWN;
		}
	}
	return ENCODING_UNKNOWN;
}

/* ASCII in UTF-16 is a NUL beside each character: before it or behind it tells which. NULs at the
 * very start may be a hole in the file. */
static enum encoding
by_nuls(struct span bytes, uint64_t at, bool last)
{
	size_t i = 0;
	while (i < bytes.n && bytes.p[i] == '\0')
		i++;
	if (bytes.n - i < 3) {
		bool plain = bytes.n - i == 2 && bytes.p[i + 1] != '\0';
		return plain || last ? ENCODING_UTF8 : ENCODING_UNKNOWN;
	}
	if (bytes.p[i + 1] != '\0' || bytes.p[i + 2] == '\0')
		return ENCODING_UTF8;
	return (at + i) % 2 == 0 ? ENCODING_UTF16LE : ENCODING_UTF16BE;
}

enum encoding
encoding_detect(struct span bytes, uint64_t at, bool last)
{
	bool undecided = false;
	enum encoding encoding = at == 0 ? by_mark(bytes, last, &undecided) : ENCODING_UNKNOWN;
	return encoding || undecided ? encoding : by_nuls(bytes, at, last);
}

/* Whether ASCII comes through as it is, each byte by itself: then a line feed is a line's end. */
static bool
holds_ascii(iconv_t iconv_to_utf8)
{
	for (int c = 1; c < 127; c++) {
		char byte = (char)c, out[8] = "";
		char *in = &byte, *to = out;
		size_t in_left = 1, out_left = sizeof out;
		bool matters = c == '\n' || c == '\r' || (c >= ' ' && c != '\\' && c != '~');
		if (matters && (iconv(iconv_to_utf8, &in, &in_left, &to, &out_left) == (size_t)-1 ||
				       out_left != sizeof out - 1 || out[0] != byte))
			return false;
	}
	return true;
}

static enum encoding
encoding_from_name(const char *name)
{
	struct span wanted = span_of(name);
	if (span_equal_nocase(wanted, SPAN("utf8")))
		return ENCODING_UTF8;
	if (span_equal_nocase(wanted, SPAN("utf-16")))
		return ENCODING_UTF16LE;
	for (unsigned i = ENCODING_UTF8; i < COUNT(ROWS); i++) {
		if (span_equal_nocase(wanted, span_of(ROWS[i].name)))
			return (enum encoding)i;
	}
	return ENCODING_OTHER;
}

static bool
open_iconv(struct decoder *decoder, const char *name, struct err *err)
{
	/* What Windows calls Shift JIS keeps the backslash where it is. */
	bool is_sjis = span_equal_nocase(span_of(name), SPAN("shift_jis"));
	decoder->iconv = iconv_open("UTF-8", is_sjis ? "CP932" : name);
	if (decoder->iconv == NO_ICONV)
		return err_set(err,
			"no encoding is named %s (wanted auto, utf-8, utf-16le, utf-16be, "
			"windows-1252 or another name that iconv knows)",
			name);
	if (!holds_ascii(decoder->iconv))
		return err_set(err,
			"encoding %s cannot be read: its line ends are not single bytes", name);
	return true;
}

struct decoder *
decoder_new(const char *name, struct err *err)
{
	struct decoder *decoder = mem_new(sizeof *decoder);
	decoder->iconv = NO_ICONV;
	if (span_equal_nocase(span_of(name), SPAN("auto")))
		return decoder;
	decoder->forced = encoding_from_name(name);
	if (decoder->forced < ENCODING_CODE_PAGES || open_iconv(decoder, name, err))
		return decoder;
	decoder_free(decoder);
	return NULL;
}

void
decoder_free(struct decoder *decoder)
{
	if (!decoder)
		return;
	if (decoder->iconv != NO_ICONV)
		iconv_close(decoder->iconv);
	buf_fini(&decoder->out);
	free(decoder);
}

enum encoding
decoder_forced(const struct decoder *decoder)
{
	return decoder->forced;
}

static uint32_t
unit_at(struct span raw, size_t i, unsigned unit, bool big)
{
	uint32_t value = 0;
	for (unsigned k = 0; k < unit; k++)
		value |= (uint32_t)(unsigned char)raw.p[i + k] << 8 * (big ? unit - 1 - k : k);
	return value;
}

static struct span
decode_units(struct decoder *decoder, unsigned encoding, struct span raw)
{
	unsigned unit = encoding_unit(encoding);
	bool big = encoding == ENCODING_UTF16BE || encoding == ENCODING_UTF32BE;
	size_t i = 0;
	for (; i + unit <= raw.n; i += unit) {
		uint32_t c = unit_at(raw, i, unit, big);
		if (unit == 2 && c >= 0xd800 && c < 0xdc00 && i + 4 <= raw.n) {
			uint32_t low = unit_at(raw, i + 2, unit, big);
			if (low >= 0xdc00 && low < 0xe000) {
				c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
				i += 2;
			}
		}
		utf8_encode(&decoder->out, c);
	}
	if (i < raw.n)
		utf8_encode(&decoder->out, 0xfffd);
	return buf_span(&decoder->out);
}

static struct span
decode_iconv(struct decoder *decoder, struct span raw)
{
	char *in = (char *)raw.p;
	size_t in_left = raw.n;
	iconv(decoder->iconv, NULL, NULL, NULL, NULL);
	while (in_left > 0) {
		buf_reserve(&decoder->out, in_left * 2 + 16);
		char *to = decoder->out.p + decoder->out.n;
		size_t room = decoder->out.room - decoder->out.n - 1, out_left = room;
		size_t done = iconv(decoder->iconv, &in, &in_left, &to, &out_left);
		int code = errno;
		decoder->out.n += room - out_left;
		if (done != (size_t)-1 || code == E2BIG)
			continue;
		utf8_encode(&decoder->out, 0xfffd);
		in++;
		in_left--;
	}
	if (decoder->out.p)
		decoder->out.p[decoder->out.n] = '\0';
	return buf_span(&decoder->out);
}

static struct span
decode_utf8(struct decoder *decoder, struct span raw)
{
	if (utf8_is_valid(raw))
		return raw;
	utf8_repair(&decoder->out, raw);
	return buf_span(&decoder->out);
}

struct span
decoder_decode(struct decoder *decoder, unsigned encoding, struct span raw)
{
	static const struct span MARK = {"\xef\xbb\xbf", 3};
	buf_clear(&decoder->out);
	struct span text = encoding_unit(encoding) > 1 ? decode_units(decoder, encoding, raw)
			   : encoding >= ENCODING_CODE_PAGES && decoder->iconv != NO_ICONV
				   ? decode_iconv(decoder, raw)
				   : decode_utf8(decoder, raw);
	return text.p && span_has_prefix(text, MARK) ? span_from(text, MARK.n) : text;
}
