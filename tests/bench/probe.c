/*
 * probe: takes the times. Small, so that it neither costs nor hides what it measures. Prints JSON.
 *
 *   probe run COMMAND…                      one run: wall, user and system seconds, peak KiB; what
 *                                           the command prints is read and dropped
 *   probe first SOCKET COUNT SECONDS COMMAND…  starts a daemon, waits until COUNT datagrams came
 *   probe latency COUNT GAP_US NAME DIRECTORY {LOG SOCKET}…
 *                        appends pairs to each log in turn: from the write of the second half to
 *                        the datagram; last a bare fdatasync in DIRECTORY, in the same rhythm
 *   probe burst SOCKET COUNT NAME ROOT
 *                        a pair to each of the first COUNT logs below ROOT
 *   probe pace LOG SOCKET SECONDS LINES NAME [DIRECTORY]
 *                        LINES a second, a thousand writes a second, ten pairs a second among
 *                        them; a bare fdatasync in DIRECTORY for each datagram
 *
 * NAME begins the names of sites, so that none is used twice.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOURCE "Asset Intelligence Catalog Sync Service "
#define TIMES  "2015-06-19T03:00:01.000000+00:00 "
#define DATE   "6/19/2015 3:00:01 AM: "

static const char FIRST[] =
	SOURCE "Warning: 0 : " DATE "WebException trying to enroll: Status = ProtocolError";
static const char SECOND[] =
	SOURCE "Error: 0 : " DATE "Exception attempting sync - The request failed "
	       "with HTTP status 403: Forbidden.";
static const char OTHER[] = TIMES "BREMEN-CM00001 " SOURCE "Information: 0 : " DATE
				  "Polling the Web service for work, synthetic\n";

enum { ANSWER_WAIT = 10000 }; /* ms */

static double
now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void
wait_until(double at)
{
	struct timespec time = {(time_t)at, (long)((at - (double)(time_t)at) * 1e9)};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static int
open_log(const char *path)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		fail(path);
	return fd;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unlink(path);
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0)
		fail(path);
	return fd;
}

/* False where none comes for so long. */
static bool
receive(int fd, char *text, size_t room, int wait_ms)
{
	struct pollfd ready = {fd, POLLIN, 0};
	if (poll(&ready, 1, wait_ms) != 1)
		return false;
	ssize_t n = recv(fd, text, room - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

static void
append_to(int fd, const char *record, const char *name, int i)
{
	char line[512];
	int n = snprintf(line, sizeof line, TIMES "%s-%05d %s\n", name, i, record);
	if (write(fd, line, (size_t)n) != n)
		fail("append");
}

/* Memory that a child shares, all zero. */
static void *
shared(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		fail("mmap");
	return p;
}

/* Says that it listens, and waits for a line. */
static void
wait_for_go(void)
{
	printf("ready\n");
	fflush(stdout);
	if (getchar() == EOF)
		exit(1);
}

static double
seconds(struct timeval time)
{
	return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static int
run(char **command)
{
	int channel[2];
	if (pipe(channel) != 0)
		fail("pipe");
	double start = now();
	pid_t pid = fork();
	if (pid == 0) {
		dup2(channel[1], 1);
		close(channel[0]);
		close(channel[1]);
		execvp(command[0], command);
		_exit(127);
	}
	close(channel[1]);
	char dropped[65536];
	while (read(channel[0], dropped, sizeof dropped) > 0)
		;
	int status;
	struct rusage usage;
	wait4(pid, &status, 0, &usage);
	printf("{\"wall\": %.6f, \"user\": %.6f, \"system\": %.6f, \"peak\": %ld, \"exit\": %d}\n",
		now() - start, seconds(usage.ru_utime), seconds(usage.ru_stime), usage.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return WIFEXITED(status) && WEXITSTATUS(status) == 127;
}

static long
status_value(pid_t pid, const char *key)
{
	char path[64], line[256];
	long value = -1;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file)) {
		if (strncmp(line, key, strlen(key)) == 0)
			value = strtol(line + strlen(key), NULL, 10);
	}
	if (file)
		fclose(file);
	return value;
}

/* The end is the last datagram. */
static int
first(const char *socket_path, int count, double limit, char **command)
{
	char text[4096];
	int fd = listen_at(socket_path), got = 0;
	double start = now(), last = start;
	pid_t pid = fork();
	if (pid == 0) {
		execvp(command[0], command);
		_exit(127);
	}
	while (got < count && last - start < limit &&
		receive(fd, text, sizeof text, (int)(limit * 1000))) {
		got++;
		last = now();
	}
	clockid_t clock;
	struct timespec cpu = {0};
	if (clock_getcpuclockid(pid, &clock) == 0)
		clock_gettime(clock, &cpu);
	long peak = status_value(pid, "VmHWM:");
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	printf("{\"wall\": %.6f, \"cpu\": %.6f, \"peak\": %ld, \"count\": %d}\n", last - start,
		(double)cpu.tv_sec + (double)cpu.tv_nsec * 1e-9, peak, got);
	return 0;
}

/* Pages of a file that does not grow, written over one behind the other. */
struct page_file {
	int fd;
	int next;
	char page[4096];
};

enum { PAGES = 64 };

static void
open_pages(struct page_file *file, const char *directory)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/sync", directory);
	file->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file->fd < 0)
		fail(path);
	unlink(path);
	for (int i = 0; i < PAGES; i++)
		if (pwrite(file->fd, file->page, sizeof file->page, i * 4096) != sizeof file->page)
			fail(path);
	fdatasync(file->fd);
}

/* Microseconds of the sync alone. */
static double
sync_once(struct page_file *file)
{
	off_t at = file->next++ % PAGES * (off_t)sizeof file->page;
	file->page[0]++;
	if (pwrite(file->fd, file->page, sizeof file->page, at) != sizeof file->page)
		fail("pwrite");
	double start = now();
	if (fdatasync(file->fd) != 0)
		fail("fdatasync");
	return (now() - start) * 1e6;
}

/* From the write of the second half until the datagram that names the site; NaN where none came. */
static double
time_pair(int log, int socket_fd, const char *name, int i)
{
	char text[4096], site[64];
	snprintf(site, sizeof site, "%s-%05d", name, i);
	double start = now();
	append_to(log, SECOND, name, i);
	while (receive(socket_fd, text, sizeof text, ANSWER_WAIT)) {
		if (strstr(text, site))
			return (now() - start) * 1e6;
	}
	return -1;
}

static void
print_list(const char *before, const double *value, int count, const char *behind)
{
	printf("%s[", before);
	for (int i = 0; i < count; i++)
		printf("%s%.1f", i ? ", " : "", value[i]);
	printf("]%s", behind);
}

static int
latency(int count, int gap, const char *name, const char *directory, int targets, char **target)
{
	static struct page_file pages;
	int log[8], socket_fd[8];
	for (int k = 0; k < targets; k++) {
		log[k] = open_log(target[2 * k]);
		socket_fd[k] = listen_at(target[2 * k + 1]);
	}
	open_pages(&pages, directory);
	wait_for_go();
	double *taken = calloc((size_t)(count * (targets + 1)), sizeof *taken);
	for (int i = 0; i < count; i++) {
		for (int k = 0; k <= targets; k++) {
			if (k < targets)
				append_to(log[k], FIRST, name, i);
			else
				sync_once(&pages);
			wait_until(now() + gap * 1e-6);
			taken[k * count + i] = k < targets
						       ? time_pair(log[k], socket_fd[k], name, i)
						       : sync_once(&pages);
			wait_until(now() + gap * 1e-6);
		}
	}
	for (int k = 0; k <= targets; k++)
		print_list(k ? ", " : "[", taken + k * count, count, k < targets ? "" : "]\n");
	free(taken);
	return 0;
}

static int
find_logs(const char *root, char **path, int count)
{
	DIR *folder = opendir(root);
	struct dirent *entry;
	int found = 0;
	while (folder && found < count && (entry = readdir(folder)) != NULL) {
		if (entry->d_name[0] != '.' &&
			asprintf(&path[found++], "%s/%s/AIUpdateSvc.log", root, entry->d_name) < 0)
			fail(root);
	}
	if (folder)
		closedir(folder);
	return found;
}

static void
append_pair(const char *path, const char *name, int i)
{
	int log = open_log(path);
	append_to(log, FIRST, name, i);
	append_to(log, SECOND, name, i);
	close(log);
}

/* Counted from the last append. */
static int
burst(const char *socket_path, int count, const char *name, const char *root)
{
	char text[4096], **path = calloc((size_t)count, sizeof *path);
	int logs = find_logs(root, path, count), fd = listen_at(socket_path), got = 0;
	double *end = shared(sizeof *end), last = 0;
	wait_for_go();
	double start = now();
	pid_t writer = fork();
	if (writer == 0) {
		for (int i = 0; i < logs; i++)
			append_pair(path[i], name, i);
		*end = now();
		_exit(0);
	}
	while (got < logs && receive(fd, text, sizeof text, ANSWER_WAIT)) {
		got += strstr(text, name) != NULL;
		last = now();
	}
	waitpid(writer, NULL, 0);
	printf("{\"appending\": %.6f, \"after\": %.6f, \"count\": %d}\n", *end - start, last - *end,
		got);
	for (int i = 0; i < logs; i++)
		free(path[i]);
	free(path);
	return 0;
}

struct pace {
	int log, socket_fd, lines, seconds;
	const char *name;
	const char *directory; /* NULL: no syncs */
};

/* Writes on time whatever happens: what is late is written at once. */
static void
keep_pace(const struct pace *pace, double *sent, double start)
{
	int each = pace->lines / 1000, pairs = 0;
	size_t n = strlen(OTHER);
	char *bytes = malloc(n * (size_t)each);
	for (int i = 0; i < each; i++)
		memcpy(bytes + (size_t)i * n, OTHER, n);
	for (int i = 0; i < pace->seconds * 1000; i++) {
		wait_until(start + i * 1e-3);
		if (i % 100 == 50) {
			append_to(pace->log, FIRST, pace->name, pairs);
		} else if (i % 100 == 60) {
			sent[pairs] = now();
			append_to(pace->log, SECOND, pace->name, pairs++);
		}
		if (write(pace->log, bytes, n * (size_t)each) < 0)
			fail("append");
	}
	free(bytes);
}

static int
keep(const struct pace *pace)
{
	int pairs = pace->seconds * 10;
	double *sent = shared((size_t)pairs * sizeof *sent);
	double *came = calloc((size_t)pairs * 2, sizeof *came), *synced = came + pairs;
	static struct page_file pages;
	int syncs = 0;
	if (pace->directory)
		open_pages(&pages, pace->directory);
	wait_for_go();
	double start = now() + 0.1;
	pid_t writer = fork();
	if (writer == 0) {
		keep_pace(pace, sent, start);
		_exit(0);
	}
	char text[4096];
	for (int got = 0;
		got < pairs && receive(pace->socket_fd, text, sizeof text, ANSWER_WAIT);) {
		const char *site = strstr(text, pace->name);
		int i = site ? atoi(site + strlen(pace->name) + 1) : -1;
		if (i >= 0 && i < pairs && came[i] == 0) {
			came[i] = now();
			got++;
			if (pace->directory)
				synced[syncs++] = sync_once(&pages);
		}
	}
	waitpid(writer, NULL, 0);
	for (int i = 0; i < pairs; i++)
		came[i] = came[i] ? (came[i] - sent[i]) * 1e6 : -1;
	print_list("[", came, pairs, ", ");
	print_list("", synced, syncs, "]\n");
	free(came);
	return 0;
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	if (strcmp(verb, "run") == 0 && argc > 2)
		return run(argv + 2);
	if (strcmp(verb, "first") == 0 && argc > 5)
		return first(argv[2], atoi(argv[3]), atof(argv[4]), argv + 5);
	if (strcmp(verb, "latency") == 0 && argc > 7 && argc < 6 + 2 * 8 + 1)
		return latency(
			atoi(argv[2]), atoi(argv[3]), argv[4], argv[5], (argc - 6) / 2, argv + 6);
	if (strcmp(verb, "burst") == 0 && argc == 6)
		return burst(argv[2], atoi(argv[3]), argv[4], argv[5]);
	if (strcmp(verb, "pace") == 0 && (argc == 7 || argc == 8))
		return keep(&(struct pace){open_log(argv[2]), listen_at(argv[3]), atoi(argv[5]),
			atoi(argv[4]), argv[6], argv[7]});
	return 64;
}
