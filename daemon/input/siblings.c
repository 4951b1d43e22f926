#include "daemon/input/siblings.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/input/packed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
add_literal(struct buf *out, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (strchr("*?[\\", text.p[i]))
			buf_add_byte(out, '\\');
		buf_add_byte(out, text.p[i]);
	}
}

/* "{stem}-*{ext}" of "a.log" is "a-*.log". */
static char *
expand(const char *pattern, const char *name)
{
	struct span whole = span_of(name);
	const char *dot = memrchr(name, '.', whole.n);
	struct span stem = span_first(whole, dot && dot != name ? (size_t)(dot - name) : whole.n);
	const struct {
		struct span field, value;
	} FIELD[] = {
		{SPAN("{name}"), whole},
		{SPAN("{stem}"), stem},
		{SPAN("{ext}"), span_from(whole, stem.n)},
	};
	struct buf out = BUF_INIT;
	struct span rest = span_of(pattern);
	while (rest.n) {
		size_t i = 0;
		while (i < COUNT(FIELD) && !span_has_prefix(rest, FIELD[i].field))
			i++;
		if (i < COUNT(FIELD)) {
			add_literal(&out, FIELD[i].value);
			rest = span_from(rest, FIELD[i].field.n);
		} else {
			buf_add_byte(&out, rest.p[0]);
			rest = span_from(rest, 1);
		}
	}
	return buf_take(&out);
}

static bool
is_unfinished(struct span name)
{
	return name.n && name.p[name.n - 1] != '~' && glob_is_temporary(name);
}

static struct span
stem_of(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot ? (struct span){name, (size_t)(dot - name)} : span_of(name);
}

/* The name that a file had before it was compressed. */
static struct span
unpacked(const char *name)
{
	const char *end = packed_is_named(name) ? strrchr(name, '.') : name + strlen(name);
	return (struct span){name, (size_t)(end - name)};
}

/* Most patterns begin with the name or its stem: names that begin otherwise are no siblings. */
static bool
can_begin(const char *pattern, const char *stream, struct span name)
{
	return pattern[0] != '{' || span_has_prefix_nocase(name, stem_of(stream));
}

static bool
is_named(const char *pattern, const char *stream, const char *name)
{
	struct span whole = span_of(name);
	if (!can_begin(pattern, stream, whole) || is_unfinished(whole) || strcmp(name, stream) == 0)
		return false;
	char *expanded = expand(pattern, stream);
	bool matches = glob_match_name(span_of(expanded), whole) ||
		       glob_match_name(span_of(expanded), unpacked(name));
	free(expanded);
	return matches;
}

bool
sibling_is_named(const struct follow *follow, const struct stream *stream, const char *name)
{
	const struct config_list *rotated = &follow->config->rotated;
	for (size_t i = 0; i < rotated->count; i++) {
		if (is_named(rotated->item[i], stream_name(stream), name) &&
			!strchr(rotated->item[i], '/'))
			return true;
	}
	return false;
}

static void
add_sibling(struct siblings *siblings, const char *folder, const char *name)
{
	struct sibling sibling;
	sibling.path = mem_format("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, name);
	bool known = false;
	for (size_t i = 0; i < siblings->count && !known; i++)
		known = strcmp(siblings->item[i].path, sibling.path) == 0;
	bool seen = !known && object_look_at(sibling.path, &sibling.look) &&
		    (!sibling.look.is_file ||
			    object_key_of(-1, sibling.path, &sibling.look, &sibling.key));
	if (!known && !seen && !object_is_absent(errno))
		siblings->trouble = errno;
	if (!seen || !sibling.look.is_file) {
		free(sibling.path);
		return;
	}
	siblings->item = mem_grow(siblings->item, siblings->count + 1, sizeof *siblings->item);
	siblings->item[siblings->count++] = sibling;
}

/* Of few names a new list costs nothing. */
enum { FEW_NAMES = 256 };

/* Of many it may be as old as this turn, or as the last change in the folder. */
static bool
is_current(const struct follow *follow, const char *folder)
{
	const struct listing *listing = &follow->listing;
	struct object_look look;
	if (listing->names.count <= FEW_NAMES || strcmp(listing->folder, folder) != 0)
		return false;
	return listing->turn == follow->turns ||
	       (object_look_at(folder, &look) && look.changed_at == listing->changed_at &&
		       listing->listed_at - look.changed_at > 2 * SECOND * 1000);
}

bool
siblings_forget_listing(struct follow *follow)
{
	bool many = follow->listing.names.count > FEW_NAMES;
	names_fini(&follow->listing.names);
	free(follow->listing.folder);
	follow->listing = (struct listing){.turn = 0};
	return many;
}

void
siblings_keep_listing(struct follow *follow, const char *folder, const struct object_look *look,
	struct names *names)
{
	siblings_forget_listing(follow);
	names_sort(names);
	follow->listing = (struct listing){
		.folder = mem_text(folder),
		.names = *names,
		.changed_at = look->changed_at,
		.listed_at = follow->wall * 1000,
		.turn = follow->turns,
	};
}

static bool
list_folder(struct follow *follow, const char *folder, int *trouble)
{
	struct object_look look = {.changed_at = 0};
	struct names names = {.count = 0};
	struct dirent *entry;
	if (is_current(follow, folder))
		return true;
	object_look_at(folder, &look);
	DIR *dir = descriptor_open_folder(follow, folder);
	if (!dir && !object_is_absent(errno))
		*trouble = errno;
	if (!dir)
		return false;
	while ((errno = 0, entry = readdir(dir))) {
		/* A link is a name under which a file is followed, not one that was rotated. */
		if (entry->d_type != DT_DIR && entry->d_type != DT_LNK)
			names_add(&names, entry->d_name);
	}
	int code = errno;
	descriptor_close_folder(follow, dir);
	if (code) {
		*trouble = code;
		names_fini(&names);
		return false;
	}
	siblings_keep_listing(follow, folder, &look, &names);
	return true;
}

/* The names of the listing that a pattern may make of the stream's. */
static struct span
prefix_of(const char *pattern, const char *stream)
{
	return pattern[0] == '{' ? stem_of(stream) : (struct span){stream, 0};
}

bool
siblings_are_listed(const struct follow *follow, const struct stream *stream)
{
	const struct config_list *rotated = &follow->config->rotated;
	const struct names *names = &follow->listing.names;
	for (size_t k = 0; k < rotated->count; k++) {
		const char *pattern = rotated->item[k];
		struct span prefix = prefix_of(pattern, stream_name(stream));
		for (size_t i = names_find(names, prefix);
			names_has(names, i, prefix) && !strchr(pattern, '/'); i++) {
			if (is_named(pattern, stream_name(stream), names->item[i]))
				return true;
		}
	}
	return false;
}

/* Adds those of the listing that the pattern makes. */
static void
take_listed(
	struct follow *follow, struct siblings *siblings, const char *pattern, const char *stream)
{
	const struct names *names = &follow->listing.names;
	const char *folder = follow->listing.folder;
	struct span prefix = prefix_of(pattern, stream);
	for (size_t i = names_find(names, prefix); names_has(names, i, prefix); i++) {
		if (is_named(pattern, stream, names->item[i]))
			add_sibling(siblings, folder, names->item[i]);
	}
}

/* The number at the end of "a.log.12" or "a.log.12.gz", 0 where there is none or it is a date. */
static unsigned
number_of(const char *path)
{
	size_t end = unpacked(path).n, at = end;
	while (at > 0 && path[at - 1] >= '0' && path[at - 1] <= '9')
		at--;
	if (at == 0 || path[at - 1] != '.' || at == end || end - at > 4)
		return 0;
	return (unsigned)strtoul(path + at, NULL, 10);
}

/* The last write tells the order of contents: a birth does not, where a file is emptied and written
 * anew. */
static int
by_age(const void *a, const void *b)
{
	const struct object_look *left = &((const struct sibling *)a)->look;
	const struct object_look *right = &((const struct sibling *)b)->look;
	if (left->changed_at != right->changed_at)
		return left->changed_at < right->changed_at ? -1 : 1;
	unsigned one = number_of(((const struct sibling *)a)->path);
	unsigned other = number_of(((const struct sibling *)b)->path);
	if (one && other && one != other)
		return one > other ? -1 : 1;
	if (left->born_at != right->born_at)
		return left->born_at < right->born_at ? -1 : 1;
	return (left->inode > right->inode) - (left->inode < right->inode);
}

struct siblings
siblings_find(struct follow *follow, const struct stream *stream)
{
	struct siblings siblings = {.item = NULL};
	const struct config_list *rotated = &follow->config->rotated;
	bool listed = false;
	for (size_t i = 0; i < rotated->count; i++) {
		const char *pattern = rotated->item[i], *slash = strrchr(pattern, '/');
		char *folder = !slash		   ? mem_text(stream->folder->path)
			       : pattern[0] == '/' ? mem_copy(pattern, (size_t)(slash - pattern))
						   : mem_format("%s/%.*s", stream->folder->path,
							     (int)(slash - pattern), pattern);
		/* One list serves the patterns of one folder that follow each other. */
		if (!(listed && strcmp(follow->listing.folder, folder) == 0))
			listed = list_folder(follow, folder, &siblings.trouble);
		if (listed)
			take_listed(follow, &siblings, slash ? slash + 1 : pattern,
				stream_name(stream));
		free(folder);
	}
	if (siblings.count)
		qsort(siblings.item, siblings.count, sizeof *siblings.item, by_age);
	return siblings;
}

int
siblings_open(struct follow *follow, const struct sibling *sibling, struct object_look *look)
{
	int fd = descriptor_open(follow, sibling->path);
	if (fd < 0)
		return -1;
	if (object_look_into(fd, look) && object_is_same(look, &sibling->look))
		return fd;
	close(fd);
	errno = ENOENT;
	return -1;
}

void
siblings_fini(struct siblings *siblings)
{
	for (size_t i = 0; i < siblings->count; i++)
		free(siblings->item[i].path);
	free(siblings->item);
}
