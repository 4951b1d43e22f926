#ifndef AIWATCH_SOURCE_H
#define AIWATCH_SOURCE_H

#include "daemon/base/err.h"
#include "daemon/input/archive.h"

#include <stdint.h>
#include <sys/types.h>

/* The bytes of a file that a verb reads once, whatever it is compressed by. */
struct source {
	int fd;
	struct archive_file *archive; /* NULL for a plain file */
	uint64_t done;		      /* bytes of the file itself that were read */
};

/* "-" is standard input. False with a sentence; source_close in both cases. */
bool
source_open(struct source *source, const char *path, struct err *err);
void
source_close(struct source *source);

/* As read(2); -1 with a sentence. */
ssize_t
source_read(struct source *source, char *bytes, size_t n, struct err *err);

#endif
