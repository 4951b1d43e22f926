#include "daemon/scan_files.h"

#include "daemon/base/mem.h"
#include "daemon/input/glob.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 64 };

static void
scan_file_fini(struct scan_file *file)
{
	free(file->path);
	free(file->absolute);
	free(file->log);
	free(file->rank);
	free(file->error);
}

void
scan_files_fini(struct scan_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		scan_file_fini(&files->file[i]);
	free(files->file);
	*files = (struct scan_files){0};
}

static bool
has_ending(struct span name, const char *ending)
{
	size_t n = strlen(ending);
	return name.n > n && strncasecmp(name.p + name.n - n, ending, n) == 0;
}

/* The name without the ending of a compressed file. */
static struct span
without_packing(struct span name)
{
	static const char *const PACKING[] = {".gz", ".xz", ".zst", ".bz2"};
	for (size_t i = 0; i < COUNT(PACKING); i++) {
		if (has_ending(name, PACKING[i]))
			return span_first(name, name.n - strlen(PACKING[i]));
	}
	return name;
}

/* Where the run of digits, and of what stands between the parts of a date, at the end begins. */
static size_t
stamp_start(struct span name)
{
	size_t at = name.n;
	while (at && (isdigit((unsigned char)name.p[at - 1]) || strchr("-_:.T", name.p[at - 1])))
		at--;
	while (at < name.n && !isdigit((unsigned char)name.p[at]))
		at++;
	return at;
}

static char *
lower(struct span a, struct span b)
{
	char *text = mem_format("%.*s%.*s", (int)a.n, a.p, (int)b.n, b.p ? b.p : "");
	for (char *p = text; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return text;
}

/* A stamp of few digits counts rotations, downwards; any other is a date. */
static void
read_stamp(struct span stamp, enum scan_age *age, char **rank)
{
	bool digits = true;
	for (size_t i = 0; i < stamp.n; i++)
		digits = digits && isdigit((unsigned char)stamp.p[i]);
	*age = digits && stamp.n <= 5 ? SCAN_NUMBERED : SCAN_DATED;
	*rank = *age == SCAN_NUMBERED ? mem_format("%06ld", 999999 - strtol(stamp.p, NULL, 10))
				      : mem_format("%.*s", (int)stamp.n, stamp.p);
}

/* `X.log.1`, `X.log-20260131`: a stamp behind the name and one of `.` `-`. */
static bool
parse_behind(struct span name, char **log, enum scan_age *age, char **rank)
{
	size_t at = stamp_start(name);
	if (at == name.n || at < 2 || !strchr(".-", name.p[at - 1]))
		return false;
	struct span rest = span_first(name, at - 1);
	if (!has_ending(rest, ".log"))
		return false;
	*log = lower(rest, (struct span){NULL, 0});
	read_stamp(span_from(name, at), age, rank);
	return true;
}

/* `X-20260131.log`: a date inside, in front of the ending. */
static bool
parse_inside(struct span name, char **log, enum scan_age *age, char **rank)
{
	if (!has_ending(name, ".log"))
		return false;
	struct span stem = span_first(name, name.n - 4), ending = span_from(name, name.n - 4);
	size_t at = stamp_start(stem);
	if (stem.n - at < 6 || at < 2 || stem.p[at - 1] != '-')
		return false;
	*log = lower(span_first(stem, at - 1), ending);
	read_stamp(span_from(stem, at), age, rank);
	return true;
}

void
scan_name_parse(const char *name, char **log, enum scan_age *age, char **rank)
{
	struct span bare = without_packing(span_of(name));
	if (parse_behind(bare, log, age, rank) || parse_inside(bare, log, age, rank))
		return;
	*rank = mem_text("");
	*age = SCAN_PREVIOUS;
	if (has_ending(bare, ".lo_")) {
		*log = lower(span_first(bare, bare.n - 1), SPAN("g"));
	} else if (has_ending(bare, "~")) {
		*log = lower(span_first(bare, bare.n - 1), (struct span){NULL, 0});
	} else {
		*log = lower(bare, (struct span){NULL, 0});
		*age = SCAN_CURRENT;
	}
}

/* The folder resolved, the name as it is: a link to a log is that log by its own name. */
static char *
absolute_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? mem_copy(path, (size_t)(slash - path) + 1) : mem_text(".");
	char *resolved = realpath(folder, NULL);
	const char *name = slash ? slash + 1 : path;
	const char *base = !resolved ? "/unknown" : strcmp(resolved, "/") == 0 ? "" : resolved;
	char *absolute = mem_format("%s/%s", base, name);
	free(resolved);
	free(folder);
	return absolute;
}

static struct scan_file *
append(struct scan_files *files, const char *path)
{
	files->file = mem_grow(files->file, files->count + 1, sizeof *files->file);
	struct scan_file *file = &files->file[files->count++];
	*file = (struct scan_file){.path = mem_text(path), .absolute = absolute_path(path)};
	const char *slash = strrchr(file->absolute, '/');
	const char *name = slash ? slash + 1 : file->absolute;
	char *log;
	scan_name_parse(name, &log, &file->age, &file->rank);
	file->log = mem_format("%.*s%s", (int)(name - file->absolute), file->absolute, log);
	free(log);
	return file;
}

static void
add_error(struct scan_files *files, const char *path, int code)
{
	append(files, path)->error = mem_text(strerror(code));
}

static void
add_file(struct scan_files *files, const char *path, const struct stat *status)
{
	struct scan_file *file = append(files, path);
	file->size = (uint64_t)status->st_size;
	file->changed_at = (int64_t)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
	file->device = status->st_dev;
	file->inode = status->st_ino;
	if (!S_ISREG(status->st_mode))
		file->error = mem_text("is no regular file");
}

struct walk {
	struct scan_files *files;
	const char *const *patterns;
	size_t count;
	int depth;
};

/* Compressed, a log or a rotated one has an ending more. */
static bool
is_wanted(const struct walk *walk, const char *name)
{
	struct span bare = without_packing(span_of(name));
	for (size_t i = 0; i < walk->count; i++) {
		struct span pattern = span_of(walk->patterns[i]);
		if (glob_match_name(pattern, span_of(name)) || glob_match_name(pattern, bare))
			return true;
	}
	return false;
}

static void
walk_folder(struct walk *walk, const char *path);

static void
walk_entry(struct walk *walk, const char *folder, const char *name)
{
	struct stat status;
	size_t n = strlen(folder);
	char *path = mem_format("%s%s%s", folder, n && folder[n - 1] == '/' ? "" : "/", name);
	if (lstat(path, &status) == 0 && S_ISDIR(status.st_mode))
		walk_folder(walk, path);
	else if (is_wanted(walk, name) && stat(path, &status) != 0)
		add_error(walk->files, path, errno);
	else if (is_wanted(walk, name) && S_ISREG(status.st_mode))
		add_file(walk->files, path, &status);
	free(path);
}

static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void
walk_folder(struct walk *walk, const char *path)
{
	struct dirent **entries;
	if (walk->depth == DEPTH_MAX) {
		add_error(walk->files, path, ELOOP);
		return;
	}
	int count = scandir(path, &entries, is_visible, alphasort);
	if (count < 0) {
		add_error(walk->files, path, errno);
		return;
	}
	walk->depth++;
	for (int i = 0; i < count; i++) {
		walk_entry(walk, path, entries[i]->d_name);
		free(entries[i]);
	}
	walk->depth--;
	free(entries);
}

void
scan_files_add(
	struct scan_files *files, const char *path, const char *const *patterns, size_t count)
{
	struct stat status;
	struct walk walk = {files, patterns, count, 0};
	if (stat(path, &status) != 0)
		add_error(files, path, errno);
	else if (S_ISDIR(status.st_mode))
		walk_folder(&walk, path);
	else
		add_file(files, path, &status);
}

static int
by_log(const void *a, const void *b)
{
	const struct scan_file *left = a, *right = b;
	return strcmp(left->log, right->log);
}

static int
by_number(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Logs of one folder by the time of their youngest file, then each from old to new. */
static int
by_time(const void *a, const void *b)
{
	const struct scan_file *left = a, *right = b;
	size_t n = (size_t)(strrchr(left->log, '/') - left->log);
	size_t m = (size_t)(strrchr(right->log, '/') - right->log);
	int order = strncmp(left->log, right->log, n < m ? n : m);
	if (order == 0)
		order = by_number((int64_t)n, (int64_t)m);
	if (order == 0)
		order = by_number(left->log_changed, right->log_changed);
	if (order == 0)
		order = strcmp(left->log, right->log);
	if (order == 0)
		order = (int)left->age - (int)right->age;
	if (order == 0)
		order = strcmp(left->rank, right->rank);
	return order ? order : strcmp(left->absolute, right->absolute);
}

static void
find_youngest(struct scan_files *files)
{
	for (size_t i = 0, end; i < files->count; i = end) {
		int64_t youngest = INT64_MIN;
		for (end = i; end < files->count && by_log(&files->file[i], &files->file[end]) == 0;
			end++) {
			if (files->file[end].changed_at > youngest)
				youngest = files->file[end].changed_at;
		}
		for (size_t k = i; k < end; k++)
			files->file[k].log_changed = youngest;
	}
}

static int
by_object(const void *a, const void *b)
{
	const struct scan_file *left = *(struct scan_file *const *)a;
	const struct scan_file *right = *(struct scan_file *const *)b;
	if (left->device != right->device)
		return left->device < right->device ? -1 : 1;
	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return (left > right) - (left < right);
}

/* Of one object by several names the first stays. */
static void
drop_doubles(struct scan_files *files)
{
	struct scan_file **sorted = mem_array(files->count, sizeof(struct scan_file *));
	bool *drop = mem_array(files->count, sizeof *drop);
	for (size_t i = 0; i < files->count; i++)
		sorted[i] = &files->file[i];
	qsort(sorted, files->count, sizeof *sorted, by_object);
	for (size_t i = 1; i < files->count; i++) {
		drop[sorted[i] - files->file] = sorted[i]->inode && !sorted[i]->error &&
						sorted[i]->inode == sorted[i - 1]->inode &&
						sorted[i]->device == sorted[i - 1]->device;
	}
	size_t kept = 0;
	for (size_t i = 0; i < files->count; i++) {
		if (drop[i])
			scan_file_fini(&files->file[i]);
		else
			files->file[kept++] = files->file[i];
	}
	files->count = kept;
	free(drop);
	free(sorted);
}

void
scan_files_order(struct scan_files *files)
{
	if (!files->count)
		return;
	drop_doubles(files);
	qsort(files->file, files->count, sizeof *files->file, by_log);
	find_youngest(files);
	qsort(files->file, files->count, sizeof *files->file, by_time);
	files->bytes = 0;
	for (size_t i = 0; i < files->count; i++)
		files->bytes += files->file[i].size;
}
