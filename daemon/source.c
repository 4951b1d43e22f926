#include "daemon/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

bool
source_open(struct source *source, const char *path, struct err *err)
{
	char magic[ARCHIVE_MAGIC];
	*source = (struct source){.fd = STDIN_FILENO};
	if (strcmp(path, "-") == 0)
		return true;
	source->fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	if (source->fd < 0)
		return err_system(err, errno, "cannot open");
	ssize_t n = pread(source->fd, magic, sizeof magic, 0); /* of a pipe: none */
	(void)posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	if (n <= 0 || !archive_is_compressed((struct span){magic, (size_t)n}))
		return true;
	source->archive = archive_file_open(source->fd, err);
	return source->archive != NULL;
}

ssize_t
source_read(struct source *source, char *bytes, size_t n, struct err *err)
{
	if (source->archive) {
		ssize_t got = archive_file_read(source->archive, bytes, n, err);
		source->done = archive_file_position(source->archive);
		return got;
	}
	ssize_t got;
	do
		got = read(source->fd, bytes, n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		err_system(err, errno, "cannot read on at byte %" PRIu64, source->done);
	else
		source->done += (uint64_t)got;
	return got;
}

void
source_close(struct source *source)
{
	archive_file_close(source->archive);
	if (source->fd > STDIN_FILENO)
		close(source->fd);
}
