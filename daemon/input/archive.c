#include "daemon/input/archive.h"

#include "daemon/base/library.h"
#include "daemon/base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

/* clang-format off */
#define ARCHIVE_CALLS(CALL) \
	CALL(error_string) CALL(filter_bytes) CALL(read_data) CALL(read_free) \
	CALL(read_new) CALL(read_next_header) CALL(read_open_fd) \
	CALL(read_support_filter_bzip2) CALL(read_support_filter_gzip) \
	CALL(read_support_filter_xz) CALL(read_support_filter_zstd) \
	CALL(read_support_format_empty) CALL(read_support_format_raw)
/* clang-format on */

#define POINTER(name) __typeof__(archive_##name) *(name);
#define SYMBOL(name)  {"archive_" #name, &libarchive.name},

static struct {
	ARCHIVE_CALLS(POINTER)
} libarchive;
static const struct library_symbol SYMBOLS[] = {ARCHIVE_CALLS(SYMBOL)};
static struct library library = {"libarchive.so.13", SYMBOLS, COUNT(SYMBOLS), false};

enum { BLOCK = 64 * 1024 };

struct archive_file {
	struct archive *archive;
	bool empty; /* nothing was compressed: there is no entry to read from */
};

bool
archive_is_compressed(struct span head)
{
	static const struct span MAGIC[] = {
		{"\x1f\x8b\x08", 3}, /* gzip: RFC 1952 */
		{"\xfd"
		 "7zXZ\0",
			6},		 /* xz: its file format, 2.1.1.1 */
		{"\x28\xb5\x2f\xfd", 4}, /* zstd: RFC 8878 */
		{"BZh", 3},		 /* bzip2 */
	};
	for (size_t i = 0; i < COUNT(MAGIC); i++) {
		if (span_has_prefix(head, MAGIC[i]))
			return true;
	}
	return false;
}

static bool
fail(struct archive *archive, struct err *err)
{
	const char *words = libarchive.error_string(archive);
	return err_set(err, "cannot decompress: %s", words ? words : "unknown trouble");
}

/* Only filters that are built in: one that would start a program says so by ARCHIVE_WARN. */
static bool
begin(struct archive_file *file, int fd, struct err *err)
{
	struct archive *archive = file->archive;
	struct archive_entry *entry;
	if (libarchive.read_support_filter_gzip(archive) != ARCHIVE_OK ||
		libarchive.read_support_filter_xz(archive) != ARCHIVE_OK ||
		libarchive.read_support_filter_zstd(archive) != ARCHIVE_OK ||
		libarchive.read_support_filter_bzip2(archive) != ARCHIVE_OK ||
		libarchive.read_support_format_raw(archive) != ARCHIVE_OK ||
		libarchive.read_support_format_empty(archive) != ARCHIVE_OK ||
		libarchive.read_open_fd(archive, fd, BLOCK) != ARCHIVE_OK)
		return fail(archive, err);
	int got = libarchive.read_next_header(archive, &entry);
	file->empty = got == ARCHIVE_EOF;
	return got == ARCHIVE_OK || got == ARCHIVE_EOF || fail(archive, err);
}

struct archive_file *
archive_file_open(int fd, struct err *err)
{
	if (!library_load(&library, err))
		return NULL;
	struct archive_file *file = mem_new(sizeof *file);
	file->archive = libarchive.read_new();
	if (!file->archive)
		abort();
	if (begin(file, fd, err))
		return file;
	archive_file_close(file);
	return NULL;
}

void
archive_file_close(struct archive_file *file)
{
	if (!file)
		return;
	libarchive.read_free(file->archive);
	free(file);
}

ssize_t
archive_file_read(struct archive_file *file, void *bytes, size_t n, struct err *err)
{
	if (file->empty)
		return 0;
	ssize_t got = libarchive.read_data(file->archive, bytes, n);
	if (got >= 0)
		return got;
	fail(file->archive, err);
	return -1;
}

uint64_t
archive_file_position(const struct archive_file *file)
{
	int64_t position = libarchive.filter_bytes(file->archive, -1);
	return position > 0 ? (uint64_t)position : 0;
}
