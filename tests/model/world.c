#include "tests/model/world.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char LOG[] = "AIUpdateSvc.log";

/* Half a line at the end of a file that is the log no more is taken when it was quiet so long. */
#define TAKEN_AFTER (30 * SECOND)

static void
must(bool done, const char *what)
{
	if (done)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	abort();
}

void
world_say(struct world *world, const char *format, ...)
{
	char line[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	buf_format(&world->trace, "    %s\n", line);
}

/* A name as the trace shows it. */
static const char *
shown(const struct stream *stream, const char *name, char room[80])
{
	snprintf(room, 80, "%s/%s%s", strrchr(stream->folder, '/') + 1,
		*name == '=' || *name == '/' ? "" : "log", *name == '=' ? name + 1 : name);
	return room;
}

/* Makes the log a symlink to what `target` names, at once. */
static void
link_log(struct stream *stream, const char *target)
{
	char leads_to[512], log[512], fresh[512];

	world_path(stream, target, leads_to, sizeof(leads_to));
	world_path(stream, "", log, sizeof(log));
	world_path(stream, "=.link", fresh, sizeof(fresh));
	must(symlink(leads_to, fresh) == 0, "symlink");
	must(rename(fresh, log) == 0, "rename");
}

struct world *
world_new(const char *directory, unsigned streams, bool linked)
{
	struct world *world = mem_new(sizeof(*world));

	world->directory = mem_text(directory);
	world->lines = mem_new(WORLD_LINES * sizeof(*world->lines));
	world->next = 1;
	world->began_at = clock_wall() * 1000;
	world->stream_count = streams;
	for (unsigned i = 0; i < streams; i++) {
		struct stream *stream = &world->streams[i];

		snprintf(stream->folder, sizeof(stream->folder), "%s/%u", directory, i);
		must(mkdir(stream->folder, 0755) == 0, stream->folder);
		stream->writer_fd = -1;
		stream->is_linked = linked && i == 0;
		if (stream->is_linked)
			link_log(stream, "/t0");
	}
	return world;
}

void
world_free(struct world *world)
{
	for (unsigned i = 0; i < world->stream_count; i++) {
		if (world->streams[i].writer_fd >= 0)
			close(world->streams[i].writer_fd);
		free(world->streams[i].names);
	}
	while (world->objects) {
		struct object *object = world->objects;

		world->objects = object->next;
		buf_fini(&object->bytes);
		buf_fini(&object->rest);
		free(object);
	}
	buf_fini(&world->trace);
	free(world->lines);
	free(world->directory);
	free(world);
}

void
world_path(const struct stream *stream, const char *name, char *path, size_t room)
{
	if (*name == '/') /* outside: beside the folder */
		snprintf(path, room, "%s.%s", stream->folder, name + 1);
	else if (*name == '=') /* a whole name */
		snprintf(path, room, "%s/%s", stream->folder, name + 1);
	else
		snprintf(path, room, "%s/%s%s", stream->folder, LOG, name);
}

static struct name *
find_name(struct stream *stream, const char *text)
{
	for (size_t i = 0; i < stream->name_count; i++)
		if (strcmp(stream->names[i].text, text) == 0)
			return &stream->names[i];
	return NULL;
}

struct object *
world_find(struct world *world, struct stream *stream, const char *name)
{
	const struct name *found = find_name(stream, name);

	(void)world;
	return found ? found->object : NULL;
}

static bool
is_outside(const char *name)
{
	return *name == '/' || strncmp(name, "=.", 2) == 0;
}

static void
add_name(struct stream *stream, const char *text, struct object *object, bool packed)
{
	struct name *name;

	stream->names = mem_grow(stream->names, stream->name_count + 1, sizeof(*stream->names));
	name = &stream->names[stream->name_count++];
	*name = (struct name){
		.object = object, .is_packed = packed, .is_outside = is_outside(text)};
	snprintf(name->text, sizeof(name->text), "%s", text);
	object->names++;
	object->beside += !name->is_outside;
}

static void
drop_name(struct stream *stream, struct name *name)
{
	name->object->names--;
	name->object->beside -= !name->is_outside;
	*name = stream->names[--stream->name_count];
}

static struct object *
new_object(struct world *world)
{
	struct object *object = mem_new(sizeof(*object));

	object->next = world->objects;
	world->objects = object;
	return object;
}

void
world_rename(struct world *world, struct stream *stream, const char *from, const char *to)
{
	char source[512], target[512];
	struct name *old, moved;
	char a[80], b[80];

	world_say(world, "rename %s to %s", shown(stream, from, a), shown(stream, to, b));
	world_path(stream, from, source, sizeof(source));
	world_path(stream, to, target, sizeof(target));
	must(rename(source, target) == 0, "rename");
	old = find_name(stream, to);
	if (old)
		drop_name(stream, old);
	old = find_name(stream, from);
	moved = *old;
	add_name(stream, to, moved.object, moved.is_packed);
	drop_name(stream, find_name(stream, from));
}

void
world_unlink(struct world *world, struct stream *stream, const char *name)
{
	char path[512], a[80];

	world_say(world, "unlink %s", shown(stream, name, a));
	world_path(stream, name, path, sizeof(path));
	must(unlink(path) == 0, "unlink");
	drop_name(stream, find_name(stream, name));
}

void
world_swap(struct world *world, struct stream *stream, const char *target)
{
	char a[80];

	world_say(world, "the log leads to %s", shown(stream, target, a));
	link_log(stream, target);
	drop_name(stream, find_name(stream, ""));
	add_name(stream, "", find_name(stream, target)->object, false);
}

void
world_link(struct world *world, struct stream *stream, const char *from, const char *to)
{
	char source[512], target[512], a[80], b[80];

	world_say(world, "link %s to %s", shown(stream, from, a), shown(stream, to, b));
	world_path(stream, from, source, sizeof(source));
	world_path(stream, to, target, sizeof(target));
	must(link(source, target) == 0, "link");
	add_name(stream, to, find_name(stream, from)->object, false);
}

/* Between two steps time passes, as in life: files written within one tick of the kernel's clock
 * have no order that could be seen. */
static void
set_time(struct world *world, int fd)
{
	const int64_t at = world->began_at + (int64_t)world->writes++ * 10000000;
	const struct timespec time = {at / 1000000000, at % 1000000000};

	must(futimens(fd, (struct timespec[]){time, time}) == 0, "times");
}

static void
put_bytes(struct world *world, struct object *to, int fd, const char *bytes, size_t n)
{
	must(fd >= 0, "open");
	while (n > 0) {
		ssize_t put = write(fd, bytes, n);

		must(put > 0, "write");
		bytes += put;
		n -= (size_t)put;
	}
	to->written_at = world->now;
	set_time(world, fd);
}

static void
set_half(struct object *to, unsigned half, const struct buf *rest)
{
	struct buf copy = BUF_INIT;

	if (half && rest)
		buf_add(&copy, rest->p, rest->n);
	buf_fini(&to->rest);
	to->rest = copy;
	to->half = half;
}

static void
mark_lines(const struct object *object, uint8_t *found)
{
	const char *at = object->bytes.p, *end = at + object->bytes.n;
	const char *newline;

	while (at < end && (newline = memchr(at, '\n', (size_t)(end - at)))) {
		unsigned number;

		if (newline - at > 34 && at[26] == 'n' && (number = (unsigned)atoi(at + 27)) > 0 &&
			number < WORLD_LINES)
			found[number] = 1;
		at = newline + 1;
	}
}

/* A line that stands in two files does not tell which of them was read. */
static void
mark_copied(struct world *world, const struct object *object)
{
	uint8_t *found = mem_new(WORLD_LINES);

	mark_lines(object, found);
	for (unsigned i = 1; i < world->next; i++)
		world->lines[i].copied |= found[i];
	free(found);
}

/* The number of the line in which the byte stands; 0 for none. */
static unsigned
line_at(const struct object *object, size_t at)
{
	const char *bytes = object->bytes.p;
	unsigned number;

	while (at > 0 && bytes[at - 1] != '\n')
		at--;
	if (object->bytes.n - at <= 34 || bytes[at + 26] != 'n')
		return 0;
	number = (unsigned)atoi(bytes + at + 27);
	return number < WORLD_LINES ? number : 0;
}

void
world_copy(struct world *world, struct stream *stream, const struct object *from, size_t n,
	const char *to)
{
	struct object *object = world_find(world, stream, to);
	char path[512], a[80];
	int fd;

	world_say(world, "%s %s with %zu of %zu bytes", object ? "overwrite" : "create",
		shown(stream, to, a), n, from->bytes.n);
	if (!object) {
		object = new_object(world);
		add_name(stream, to, object, false);
	} else {
		object->is_seen = false;
		object->is_rewritten = true;
		object->held = object->held && !*to;
	}
	world_path(stream, to, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	put_bytes(world, object, fd, from->bytes.p, n);
	close(fd);
	buf_clear(&object->bytes);
	buf_add(&object->bytes, from->bytes.p, n);
	mark_copied(world, object);
	set_half(object, n == from->bytes.n ? from->half : 0, &from->rest);
	world->lines[n < from->bytes.n ? line_at(from, n) : object->half].is_cut = true;
}

void
world_pack(struct world *world, struct stream *stream, const char *name, const char *packed)
{
	struct object *object = world_find(world, stream, name);
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();
	struct object *copy;
	struct stat times;
	char path[512], a[80];

	world_path(stream, name, path, sizeof(path));
	must(stat(path, &times) == 0, "stat");
	world_say(world, "pack %s", shown(stream, name, a));
	world_path(stream, packed, path, sizeof(path));
	archive_write_add_filter_gzip(archive);
	archive_write_set_format_raw(archive);
	must(archive_write_open_filename(archive, path) == ARCHIVE_OK, "archive");
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_write_header(archive, entry);
	must(archive_write_data(archive, object->bytes.p, object->bytes.n) ==
			(la_ssize_t)object->bytes.n,
		"pack");
	archive_write_close(archive);
	archive_write_free(archive);
	archive_entry_free(entry);
	/* As gzip does. */
	must(utimensat(AT_FDCWD, path, (struct timespec[]){times.st_atim, times.st_mtim}, 0) == 0,
		"times");
	if (find_name(stream, packed))
		drop_name(stream, find_name(stream, packed));
	/* An inode of its own: a writer that holds the old one changes nothing in it. */
	copy = new_object(world);
	buf_add(&copy->bytes, object->bytes.p, object->bytes.n);
	mark_copied(world, copy);
	add_name(stream, packed, copy, true);
	world_unlink(world, stream, name);
}

void
world_truncate(struct world *world, struct stream *stream, const char *name)
{
	struct object *object = world_find(world, stream, name);
	char path[512], a[80];
	int fd;

	world_say(world, "truncate %s of %zu bytes", shown(stream, name, a), object->bytes.n);
	world_path(stream, name, path, sizeof(path));
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	put_bytes(world, object, fd, "", 0);
	close(fd);
	buf_clear(&object->bytes);
	object->is_seen = false;
	object->is_rewritten = true;
	set_half(object, 0, NULL);
}

/* Bytes */

static void
add_line(struct world *world, struct stream *stream, struct object *object, unsigned pad,
	struct buf *out)
{
	static const char LETTERS[] = "etaoin shrdlu";
	const unsigned number = world->next++;
	struct line *line = &world->lines[number];

	must(number < WORLD_LINES, "too many lines");
	*line = (struct line){.stream = (unsigned)(stream - world->streams),
		.home = object,
		.exists = true,
		.complete = true,
		.excused = object->names == 0 && object->bytes.n > 0,
		.late = object != world_find(world, stream, "") && object == stream->writer};
	buf_format(out,
		"2015-06-19T03:00:01+00:00 n%07u Asset Intelligence Catalog Sync Service Error: "
		"0 : 6/19/2015 3:00:01 AM: Exception attempting sync - The request failed with "
		"HTTP status 500: ",
		number);
	for (unsigned i = 0; i < pad; i++)
		buf_add_byte(out, LETTERS[(i + number) % (sizeof(LETTERS) - 1)]);
	buf_add_text(out, stream == world->streams ? ".\n" : ".\r\n");
}

static void
finish_half(struct world *world, struct stream *stream, struct object *object, struct buf *out)
{
	struct line *line = &world->lines[object->half];

	if (!object->half)
		return;
	buf_add(out, object->rest.p, object->rest.n);
	line->complete = true;
	line->home = object;
	line->late = object == stream->writer && object != world_find(world, stream, "");
	line->excused |= object != world_find(world, stream, "") &&
			 world->now - object->written_at >= TAKEN_AFTER;
	set_half(object, 0, NULL);
}

void
world_write(struct world *world, struct stream *stream, struct object *object, unsigned count,
	unsigned pad, bool half, unsigned header, uint32_t draw, struct buf *out)
{
	if (object->bytes.n == 0 && !object->half)
		for (unsigned i = 0; i < header; i++)
			buf_add_text(out, "# the same in every file, and known to no rule\n");
	finish_half(world, stream, object, out);
	for (unsigned i = 0; i < count; i++) {
		draw = draw * 1664525 + 1013904223;
		add_line(world, stream, object, pad ? (draw >> 8) % pad : 0, out);
	}
	if (half) {
		struct buf line = BUF_INIT;
		const unsigned number = world->next;
		size_t cut;

		add_line(world, stream, object, pad ? draw % pad : 0, &line);
		world->lines[number].complete = false;
		cut = (draw & 1) ? line.n - 1 : 1 + (draw >> 4) % (line.n - 1);
		buf_add(out, line.p, cut);
		object->half = number;
		buf_clear(&object->rest);
		buf_add(&object->rest, line.p + cut, line.n - cut);
		buf_fini(&line);
	}
}

void
world_append(struct world *world, struct stream *stream, const char *name, const struct buf *bytes)
{
	struct object *object = world_find(world, stream, name);
	char path[512], a[80];
	int fd;

	world_say(world, "append %zu bytes to %s, up to line %u", bytes->n, shown(stream, name, a),
		world->next - 1);
	if (!object) {
		object = new_object(world);
		add_name(stream, name, object, false);
		if (stream->is_linked && !*name)
			add_name(stream, "/t0", object, false);
	}
	world_path(stream, name, path, sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	put_bytes(world, object, fd, bytes->p, bytes->n);
	close(fd);
	buf_add(&object->bytes, bytes->p, bytes->n);
}

void
world_hold(struct world *world, struct stream *stream)
{
	char path[512];

	if (stream->writer || !world_find(world, stream, ""))
		return;
	world_say(world, "a writer opens the log");
	world_path(stream, "", path, sizeof(path));
	stream->writer_fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	must(stream->writer_fd >= 0, "open");
	stream->writer = world_find(world, stream, "");
}

/* Of a file that nobody saw at the log as it is, its time is all that tells of what age its lines
 * are: a writer that goes on behind a newer log takes that away. */
static void
mark_late(struct world *world, const struct object *object)
{
	uint8_t *found = mem_new(WORLD_LINES);

	mark_lines(object, found);
	for (unsigned i = 1; i < world->next; i++)
		world->lines[i].late |= found[i];
	free(found);
}

void
world_append_held(struct world *world, struct stream *stream, const struct buf *bytes)
{
	if (stream->writer != world_find(world, stream, ""))
		stream->writer->is_written_late = true;
	if (stream->writer->is_written_late && !stream->writer->is_seen)
		mark_late(world, stream->writer);
	world_say(world, "append %zu bytes by the writer's descriptor, up to line %u", bytes->n,
		world->next - 1);
	put_bytes(world, stream->writer, stream->writer_fd, bytes->p, bytes->n);
	buf_add(&stream->writer->bytes, bytes->p, bytes->n);
}

void
world_release(struct world *world, struct stream *stream)
{
	if (!stream->writer)
		return;
	world_say(world, "the writer closes");
	close(stream->writer_fd);
	stream->writer_fd = -1;
	stream->writer = NULL;
}

/* What the follower says */

void
world_on_read(void *owner, unsigned number)
{
	struct world *world = owner;

	if (number >= world->next)
		return;
	struct line *line = &world->lines[number];
	line->waiting = true;
	if (!line->copied && !line->is_cut)
		line->home->held = true;
}

void
world_on_counted(void *owner, unsigned number)
{
	struct world *world = owner;
	struct line *line = &world->lines[number < WORLD_LINES ? number : 0];
	struct stream *stream = &world->streams[line->stream];

	line->counted++;
	line->waiting = false;
	if (!line->copied && !line->is_cut)
		line->home->is_known = true;
	if (line->late || line->is_cut || !line->complete)
		return;
	if (number < stream->last_counted && line->counted == 1)
		stream->disorder = number;
	if (number > stream->last_counted)
		stream->last_counted = number;
}

void
world_on_look(struct world *world)
{
	for (unsigned i = 0; i < world->stream_count; i++) {
		struct stream *stream = &world->streams[i];
		struct object *log = world_find(world, stream, "");

		/* While somebody writes it, a change in place is not believed at once. */
		if (!log || (log->is_rewritten && stream->writer == log))
			continue;
		log->is_seen = true;
		log->is_rewritten = false;
	}
}

void
world_on_down(struct world *world)
{
	for (unsigned i = 1; i < world->next; i++) {
		struct line *line = &world->lines[i];

		line->home->is_seen = line->home->is_seen && !line->waiting;
		line->waiting = false;
	}
	for (struct object *object = world->objects; object; object = object->next) {
		object->held = false;
		if (object->is_written_late && !object->is_seen)
			mark_late(world, object);
	}
	world_reconsider(world);
}

void
world_reconsider(struct world *world)
{
	uint8_t *found = mem_new(WORLD_LINES);

	for (const struct object *object = world->objects; object; object = object->next)
		if (object->beside > 0 || (object->held && world->keeps_open) ||
			(object->names > 0 && object->is_known && geteuid() == 0))
			mark_lines(object, found);
	for (unsigned i = 0; i < world->stream_count; i++)
		if (world->streams[i].source)
			mark_lines(world->streams[i].source, found);
	for (unsigned i = 1; i < world->next; i++) {
		struct line *line = &world->lines[i];

		if (line->complete && !line->counted && !line->waiting && !found[i])
			line->excused = true;
	}
	free(found);
}

static unsigned
each_fault(const struct world *world, struct buf *report, bool (*is_fault)(const struct line *line),
	const char *words)
{
	unsigned count = 0;

	for (unsigned i = 1; i < world->next; i++) {
		const struct line *line = &world->lines[i];

		if (!line->exists || !is_fault(line))
			continue;
		count++;
		if (report && count <= 10)
			buf_format(report, "stream %u: line %u %s (%u times%s)\n", line->stream, i,
				words, line->counted, line->complete ? "" : ", a half line");
	}
	return count;
}

static bool
is_missing(const struct line *line)
{
	return line->complete && !line->excused && line->counted == 0;
}

static bool
is_repeated(const struct line *line)
{
	return line->counted > 1;
}

unsigned
world_missing(const struct world *world, struct buf *report)
{
	return each_fault(world, report, is_missing, "is missing");
}

unsigned
world_wrong(const struct world *world, struct buf *report)
{
	unsigned count = each_fault(world, report, is_repeated, "is repeated");

	for (unsigned i = 0; i < world->stream_count; i++) {
		if (!world->streams[i].disorder)
			continue;
		count++;
		if (report)
			buf_format(report, "stream %u: line %u came after a later one\n", i,
				world->streams[i].disorder);
	}
	return count;
}
