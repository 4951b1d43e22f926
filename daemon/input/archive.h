#ifndef AIWATCH_INPUT_ARCHIVE_H
#define AIWATCH_INPUT_ARCHIVE_H

#include "daemon/base/err.h"
#include "daemon/base/span.h"

#include <stdint.h>
#include <sys/types.h>

/*
 * One compressed file (gzip, xz, zstd, bzip2) as the stream of what it holds; never a tape or a
 * folder of files. Memory is bounded by what the formats' own windows ask for.
 */
struct archive_file;

enum { ARCHIVE_MAGIC = 6 }; /* bytes by which a compressed file is known */

/* Whether a file that begins so is a compressed one. */
bool
archive_is_compressed(struct span head);

/* Reads from fd, which is borrowed and stands at the beginning. NULL with a sentence. */
struct archive_file *
archive_file_open(int fd, struct err *err);
void
archive_file_close(struct archive_file *file); /* takes NULL */

/* The next bytes, up to n: how many, 0 at the end, -1 with a sentence where it is damaged. */
ssize_t
archive_file_read(struct archive_file *file, void *bytes, size_t n, struct err *err);

/* Compressed bytes consumed so far. */
uint64_t
archive_file_position(const struct archive_file *file);

#endif
