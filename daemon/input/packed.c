#include "daemon/input/packed.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/input/archive.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const SUFFIX[] = {".gz", ".zst", ".xz", ".bz2"};

enum { BLOCK = 64 * 1024 };

bool
packed_is_named(const char *path)
{
	struct span name = span_of(path);
	for (size_t i = 0; i < COUNT(SUFFIX); i++) {
		struct span suffix = span_of(SUFFIX[i]);
		if (name.n > suffix.n &&
			span_equal_nocase(span_from(name, name.n - suffix.n), suffix))
			return true;
	}
	return false;
}

struct unpacked {
	struct archive_file *file;
	uint64_t got;
};

/* As many bytes as asked for, fewer only at the end. */
static ssize_t
read_whole(void *owner, void *bytes, size_t n, uint64_t at)
{
	struct unpacked *unpacked = owner;
	struct err err = ERR_INIT;
	size_t got = 0;
	(void)at;
	while (got < n) {
		ssize_t more =
			archive_file_read(unpacked->file, (char *)bytes + got, n - got, &err);
		if (more < 0)
			errno = EIO;
		if (more < 0)
			return -1;
		if (more == 0)
			break;
		got += (size_t)more;
	}
	unpacked->got += got;
	return (ssize_t)got;
}

static struct archive_file *
open_archive(int fd)
{
	struct err err = ERR_INIT;
	if (lseek(fd, 0, SEEK_SET) != 0)
		return NULL;
	struct archive_file *file = archive_file_open(fd, &err);
	if (!file)
		log_debug("%s", err.text);
	return file;
}

enum content_verdict
packed_compare(struct follow *follow, struct generation *generation, int fd, uint64_t *size)
{
	struct unpacked unpacked = {open_archive(fd), 0};
	char bytes[LEDGER_CHUNK];
	if (!unpacked.file)
		return CONTENT_UNREADABLE;
	struct content_source source = {read_whole, &unpacked};
	enum content_verdict verdict = generation_compare(follow, generation, &source);
	while (verdict == CONTENT_WHOLE && read_whole(&unpacked, bytes, sizeof bytes, 0) > 0)
		;
	*size = unpacked.got;
	archive_file_close(unpacked.file);
	return verdict;
}

bool
packed_begins_as(int fd, int plain)
{
	struct unpacked unpacked = {open_archive(fd), 0};
	struct content_source source = content_of(&plain);
	char left[LEDGER_CHUNK], right[LEDGER_CHUNK];
	bool alike = unpacked.file != NULL, ended = false;
	uint64_t at = 0;
	while (alike && !ended && at < PACKED_ALIKE) {
		ssize_t n = read_whole(&unpacked, left, sizeof left, at);
		ssize_t other = source.read(source.owner, right, sizeof right, at);
		if (other < n)
			n = other;
		ended = n < (ssize_t)sizeof left;
		alike = n >= 0 && memcmp(left, right, (size_t)n) == 0;
		at += n > 0 ? (uint64_t)n : 0;
	}
	archive_file_close(unpacked.file);
	return alike && at > 0;
}

static bool
pass_over(struct unpacked *unpacked, uint8_t *block, uint64_t n)
{
	while (n) {
		size_t want = n < BLOCK ? (size_t)n : BLOCK;
		if (read_whole(unpacked, block, want, 0) != (ssize_t)want)
			return false;
		n -= want;
	}
	return true;
}

static bool
write_at(int fd, const uint8_t *bytes, size_t n, uint64_t at)
{
	while (n) {
		ssize_t done = pwrite(fd, bytes, n, (off_t)at);
		if (done <= 0)
			return false;
		bytes += done;
		n -= (size_t)done;
		at += (uint64_t)done;
	}
	return true;
}

static bool
unpack(struct unpacked *unpacked, int to, uint64_t from, uint64_t *size)
{
	uint8_t *block = mem_array(BLOCK, 1);
	uint64_t at = from;
	bool ok = pass_over(unpacked, block, from);
	while (ok) {
		ssize_t got = read_whole(unpacked, block, BLOCK, at);
		if (got == 0)
			break;
		ok = got > 0 && at - from < PACKED_REST && write_at(to, block, (size_t)got, at);
		at += got > 0 ? (uint64_t)got : 0;
	}
	free(block);
	*size = at;
	return ok;
}

int
packed_open_rest(const struct generation *generation, int fd, uint64_t *size)
{
	const struct position *position = &generation->position;
	struct unpacked unpacked = {open_archive(fd), 0};
	if (!unpacked.file)
		return -1;
	int to = memfd_create("aiwatch-rest", MFD_CLOEXEC);
	if (to >= 0 && !unpack(&unpacked, to, position->offset - position->anchor_length, size)) {
		close(to);
		to = -1;
	}
	archive_file_close(unpacked.file);
	return to;
}
