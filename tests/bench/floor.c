/*
 * floor: the least a program can do. The same search as aiwatch's and what the kernel offers, but
 * no rules, no states, no offsets, no store, no delivery that anyone waits for.
 *
 *   floor search PATH            reads a file, prints how many lines hold one of the two literals
 *   floor follow SOCKET ROOT     follows ROOT/<folder>/AIUpdateSvc.log, and says each second half
 * of a pair to the datagram socket at once
 */
#include "parsers/scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BLOCK = 256 * 1024 };

static char block[BLOCK];
static struct scan *literals;

struct log {
	char *path;
	uint64_t offset;
};

static struct log *logs;
static size_t log_count;
static int out = -1;

static struct span
line_at(struct span bytes, size_t hit)
{
	const char *before = memrchr(bytes.p, '\n', hit);
	const char *after = memchr(bytes.p + hit, '\n', bytes.n - hit);
	const char *start = before ? before + 1 : bytes.p;
	return (struct span){start, (size_t)((after ? after : bytes.p + bytes.n) - start)};
}

/* Whole lines only; how many bytes they were. */
static size_t
search(struct span bytes, void (*on_line)(struct span line), uint64_t *found)
{
	const char *end = memrchr(bytes.p, '\n', bytes.n);
	if (!end)
		return 0;
	bytes.n = (size_t)(end - bytes.p) + 1;
	size_t lines;
	for (size_t at = 0; (at = scan_next(literals, bytes, at, &lines)) < bytes.n;) {
		struct span line = line_at(bytes, at);
		on_line(line);
		++*found;
		at = (size_t)(line.p + line.n - bytes.p);
	}
	return bytes.n;
}

static void
pass_over(struct span line)
{
	(void)line;
}

/* A receiver that is slower is waited for. */
static void
say(struct span line)
{
	if (span_find(line, SPAN("Exception attempting sync")))
		send(out, line.p, line.n, 0);
}

static int
search_file(const char *path)
{
	uint64_t found = 0;
	size_t kept = 0;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 1;
	while ((got = read(fd, block + kept, BLOCK - kept)) > 0) {
		size_t n = kept + (size_t)got;
		size_t used = search((struct span){block, n}, pass_over, &found);
		kept = n - used;
		memmove(block, block + used, kept);
	}
	close(fd);
	printf("%llu\n", (unsigned long long)found);
	return 0;
}

static void
read_on(struct log *log)
{
	uint64_t found = 0;
	int fd = open(log->path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 0;
	while (fd >= 0 && (got = pread(fd, block, BLOCK, (off_t)log->offset)) > 0) {
		size_t used = search((struct span){block, (size_t)got}, say, &found);
		log->offset += used;
		if (got < BLOCK)
			break;
	}
	if (fd >= 0)
		close(fd);
}

/* One watch for a folder: descriptors of watches are numbers from one on, so they index the logs.
 */
static void
find_logs(int watches, const char *root)
{
	DIR *folder = opendir(root);
	struct dirent *entry;
	while (folder && (entry = readdir(folder)) != NULL) {
		char path[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", root, entry->d_name);
		int watch = inotify_add_watch(watches, path, IN_MODIFY);
		if (watch < 0)
			continue;
		if ((size_t)watch >= log_count) {
			size_t room = (size_t)watch * 2;
			logs = realloc(logs, room * sizeof *logs);
			memset(logs + log_count, 0, (room - log_count) * sizeof *logs);
			log_count = room;
		}
		strcat(path, "/AIUpdateSvc.log");
		logs[watch].path = strdup(path);
		read_on(&logs[watch]);
	}
	if (folder)
		closedir(folder);
}

static int
follow(const char *socket_path, const char *root)
{
	static char events[64 * 1024] __attribute__((aligned(8)));
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int watches = inotify_init1(IN_CLOEXEC);
	strncpy(address.sun_path, socket_path, sizeof address.sun_path - 1);
	out = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (connect(out, (struct sockaddr *)&address, sizeof address) != 0)
		return 1;
	find_logs(watches, root);
	for (;;) {
		ssize_t n = read(watches, events, sizeof events);
		for (char *p = events; p < events + n;) {
			const struct inotify_event *event = (void *)p;
			read_on(&logs[event->wd]);
			p += sizeof *event + event->len;
		}
	}
}

int
main(int argc, char **argv)
{
	const struct span both[] = {
		SPAN("WebException trying to enroll"), SPAN("Exception attempting sync")};
	literals = scan_new(both, 2);
	if (argc == 3 && strcmp(argv[1], "search") == 0)
		return search_file(argv[2]);
	if (argc == 4 && strcmp(argv[1], "follow") == 0)
		return follow(argv[2], argv[3]);
	return 64;
}
