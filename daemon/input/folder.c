#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/input/siblings.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

const char *
stream_name(const struct stream *stream)
{
	return strrchr(stream->path, '/') + 1;
}

static struct span
folder_of(const char *path)
{
	size_t n = (size_t)(strrchr(path, '/') - path);
	return (struct span){path, n ? n : 1};
}

bool
stream_matches(const struct follow *follow, const char *path)
{
	for (size_t i = 0; i < follow->globs; i++) {
		if (glob_match(follow->glob[i], path, NULL))
			return true;
	}
	return false;
}

static struct span
path_of_stream(const void *item)
{
	return span_of(((const struct stream *)item)->path);
}

static struct span
path_of_folder(const void *item)
{
	return span_of(((const struct folder *)item)->path);
}

struct stream *
stream_next(const struct follow *follow, size_t *place)
{
	return table_next(&follow->streams, place);
}

struct folder *
folder_next(const struct follow *follow, size_t *place)
{
	return table_next(&follow->folders, place);
}

static struct stream *
find_stream(const struct follow *follow, const char *path)
{
	return table_find(&follow->streams, path_of_stream, span_of(path));
}

static const struct stream_seldom NONE;

struct stream_seldom *
stream_seldom(struct stream *stream)
{
	if (stream->seldom == &NONE)
		stream->seldom = mem_new(sizeof *stream->seldom);
	return (struct stream_seldom *)stream->seldom;
}

static void
free_seldom(struct stream *stream)
{
	free(stream->seldom->memo);
	free(stream->seldom->first_end);
	if (stream->seldom != &NONE)
		free((struct stream_seldom *)stream->seldom);
}

struct stream *
stream_get(struct follow *follow, const char *path)
{
	struct stream *stream = find_stream(follow, path);
	if (stream)
		return stream;
	size_t n = strlen(path) + 1;
	stream = mem_new(sizeof *stream + n);
	memcpy(stream->path, path, n);
	stream->seldom = &NONE;
	stream->missing_since = TIME_NONE;
	stream->followed = stream_matches(follow, path);
	stream->folder = folder_get(follow, folder_of(path));
	stream->next_in_folder = stream->folder->streams;
	stream->folder->streams = stream;
	table_add(&follow->streams, path_of_stream, stream);
	return stream;
}

void
stream_free(struct follow *follow, struct stream *stream)
{
	table_remove(&follow->streams, path_of_stream, stream);
	while (stream->count)
		generation_free(follow, stream->generation[stream->count - 1]);
	if (stream->generation != &stream->only)
		free(stream->generation);
	free_seldom(stream);
	free(stream->site);
	free(stream);
}

void
stream_set_due(struct follow *follow, struct stream *stream)
{
	if (stream->due || !stream->followed)
		return;
	stream->due = true;
	stream->due_next = NULL;
	*follow->due_end = stream;
	follow->due_end = &stream->due_next;
}

void
stream_set_busy(struct follow *follow, struct stream *stream)
{
	if (stream->busy)
		return;
	stream->busy = true;
	stream->busy_next = follow->busy;
	follow->busy = stream;
	if (follow->next_busy == TIME_NONE)
		follow->next_busy = follow->now + BUSY_INTERVAL;
}

struct generation *
stream_current(const struct stream *stream)
{
	struct generation *last = stream->count ? stream->generation[stream->count - 1] : NULL;
	return last && (last->position.state == GENERATION_ACTIVE ||
			       last->position.state == GENERATION_HELD)
		       ? last
		       : NULL;
}

/* Nothing was read of it yet, but of others before it. */
bool
generation_is_later(const struct generation *generation)
{
	const struct stream *stream = generation->stream;
	return generation->position.offset == 0 && stream->count > 1 &&
	       generation == stream_current(stream);
}

void
stream_move_to_end(struct stream *stream, struct generation *generation)
{
	size_t i = 0;
	while (stream->generation[i] != generation)
		i++;
	for (; i + 1 < stream->count; i++)
		stream->generation[i] = stream->generation[i + 1];
	stream->generation[i] = generation;
}

struct folder *
folder_get(struct follow *follow, struct span path)
{
	struct folder *folder = table_find(&follow->folders, path_of_folder, path);
	if (folder)
		return folder;
	folder = mem_new(sizeof *folder + path.n + 1);
	memcpy(folder->path, path.p, path.n);
	folder_clear_places(follow, folder);
	folder->watch = -1;
	table_add(&follow->folders, path_of_folder, folder);
	if (path.n > 1)
		folder_get(follow, folder_of(folder->path));
	return folder;
}

static void
free_places(struct folder *folder)
{
	if (folder->places != &folder->only)
		free(folder->places);
}

void
folder_clear_places(const struct follow *follow, struct folder *folder)
{
	bool many = follow->globs > 1;
	free_places(folder);
	folder->only = 0;
	folder->places = many ? mem_array(follow->globs, sizeof *folder->places) : &folder->only;
}

void
folder_free(struct follow *follow, struct folder *folder)
{
	table_remove(&follow->folders, path_of_folder, folder);
	free_places(folder);
	free(folder);
}

void
folder_set_due(struct follow *follow, struct folder *folder)
{
	if (folder->due)
		return;
	folder->due = true;
	folder->due_next = NULL;
	*follow->due_folders_end = folder;
	follow->due_folders_end = &folder->due_next;
}

static char *
join(const struct folder *folder, const char *name)
{
	return mem_format("%s/%s", folder->path[1] ? folder->path : "", name);
}

/* Adds the places of the folder `name` below `folder`; it is due where there are new ones. */
static void
enter(struct follow *follow, struct folder *folder, const char *name, bool is_link)
{
	struct folder *child = NULL;
	for (size_t i = 0; i < follow->globs; i++) {
		uint64_t places =
			glob_enter(follow->glob[i], folder->places[i], span_of(name), is_link);
		if (!places)
			continue;
		if (!child) {
			char *path = join(folder, name);
			child = folder_get(follow, span_of(path));
			free(path);
		}
		if (places & ~child->places[i])
			folder_set_due(follow, child);
		child->places[i] |= places;
	}
	if (child && !child->present)
		folder_set_due(follow, child);
}

static void
take_file(struct follow *follow, struct folder *folder, const char *name)
{
	for (size_t i = 0; i < follow->globs; i++) {
		if (!glob_has_file(follow->glob[i], folder->places[i], span_of(name)))
			continue;
		char *path = join(folder, name);
		stream_set_due(follow, stream_get(follow, path));
		free(path);
		return;
	}
}

/* Streams beside which the name may be a rotated file have to look at their siblings. */
static void
take_sibling(struct follow *follow, struct folder *folder, const char *name)
{
	for (struct stream *s = folder->streams; s; s = s->next_in_folder) {
		if (s->siblings_due || !sibling_is_named(follow, s, name))
			continue;
		s->siblings_due = true;
		stream_set_due(follow, s);
	}
}

static void
take_entry(struct follow *follow, struct folder *folder, const struct dirent *entry,
	struct names *names)
{
	const char *name = entry->d_name;
	bool is_folder = entry->d_type == DT_DIR;
	bool is_file = entry->d_type == DT_REG;
	bool is_link = entry->d_type == DT_LNK;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if (entry->d_type == DT_UNKNOWN || is_link) {
		struct object_look look;
		char *path = join(folder, name);
		if (object_look_at(path, &look)) {
			is_folder = look.is_folder;
			is_file = look.is_file;
		}
		free(path);
	}
	if (is_folder)
		enter(follow, folder, name, is_link);
	else if (is_file || is_link)
		take_file(follow, folder, name);
	if (!is_folder && !is_link)
		names_add(names, name);
}

static bool
needs_listing(const struct follow *follow, const struct folder *folder)
{
	for (size_t i = 0; i < follow->globs; i++) {
		if (glob_needs_listing(follow->glob[i], folder->places[i]))
			return true;
	}
	return false;
}

static bool
may_have_files(const struct follow *follow, const struct folder *folder)
{
	for (size_t i = 0; i < follow->globs; i++) {
		if (glob_may_have_files(follow->glob[i], folder->places[i]))
			return true;
	}
	return false;
}

static void
enter_literals(struct follow *follow, struct folder *folder)
{
	for (size_t i = 0; i < follow->globs; i++) {
		struct span name;
		for (size_t k = 0; (name = glob_literal(follow->glob[i], folder->places[i], k)).n;
			k++)
			enter(follow, folder, name.p, true);
	}
}

static void
set_absent(struct follow *follow, struct folder *folder)
{
	(void)follow;
	folder->present = false;
	folder->watch = -1;
	folder->changed_at = 0;
}

/* Said once; tried again with the next sweep. What is not there is no trouble. */
static void
note_trouble(struct folder *folder, int code)
{
	if (code == ENOENT || code == ENOTDIR) {
		folder->trouble = 0;
		return;
	}
	if (code)
		folder->changed_at = 0;
	if (code && folder->trouble != code)
		log_warning("cannot list %s: %s", folder->path, strerrordesc_np(code));
	else if (!code && folder->trouble)
		log_notice("%s can be listed again", folder->path);
	folder->trouble = code;
}

static void
list_entries(struct follow *follow, struct folder *folder, const struct object_look *look)
{
	struct names names = {.count = 0};
	DIR *dir = descriptor_open_folder(follow, folder->path);
	note_trouble(folder, dir ? 0 : errno);
	if (!dir) {
		follow_sweep_soon(follow);
		return;
	}
	struct dirent *entry;
	while ((errno = 0, entry = readdir(dir))) {
		++*follow->steps;
		take_entry(follow, folder, entry, &names);
	}
	int code = errno;
	descriptor_close_folder(follow, dir);
	if (code) {
		note_trouble(folder, code);
		follow_sweep_soon(follow);
		names_fini(&names);
		return;
	}
	siblings_keep_listing(follow, folder->path, look, &names);
	for (struct stream *s = folder->streams; s; s = s->next_in_folder) {
		if (!s->siblings_due)
			s->siblings_due = siblings_are_listed(follow, s);
	}
}

/* On the way to a log nothing but names matters: others write in /var/log. */
static void
watch(struct follow *follow, struct folder *folder)
{
	bool is_asked = follow->config->watch == CONFIG_WATCH_AUTO;
	int number = watch_add(follow->watch, folder->path, may_have_files(follow, folder), folder);
	if (folder->watch >= 0 && number != folder->watch)
		watch_remove(follow->watch, folder->watch);
	folder->watch = number;
	/* With `auto` what is watched is not blind: watch_add has asked. */
	folder->blind = !(is_asked && number >= 0) && watch_blindness(folder->path);
	if (number < 0)
		follow_sweep_soon(follow);
}

/* The watch comes first: what changes while the folder is listed is then told. */
void
folder_list(struct follow *follow, struct folder *folder)
{
	struct object_look look;
	bool stands = object_look_at(folder->path, &look);
	if (!stands || !look.is_folder) {
		note_trouble(folder, stands ? ENOTDIR : errno);
		set_absent(follow, folder);
	} else {
		watch(follow, folder);
		folder->present = true;
		folder->changed_at = look.changed_at;
		folder->listed_at = follow->wall * 1000;
		enter_literals(follow, folder);
		if (needs_listing(follow, folder))
			list_entries(follow, folder, &look);
		else
			note_trouble(folder, 0);
	}
	for (struct stream *s = folder->streams; s; s = s->next_in_folder)
		stream_set_due(follow, s);
}

void
folder_start(struct follow *follow)
{
	struct folder *root = folder_get(follow, SPAN("/"));
	for (size_t i = 0; i < follow->globs; i++)
		root->places[i] = glob_start(follow->glob[i]);
	folder_set_due(follow, root);
}

/* A change in the same instant as the listing may have been missed: not trusted for two seconds. */
static bool
is_unchanged(const struct folder *folder, const struct object_look *look)
{
	return folder->changed_at == look->changed_at &&
	       folder->listed_at - look->changed_at > 2 * SECOND * 1000;
}

static bool
has_places(const struct follow *follow, const struct folder *folder)
{
	for (size_t i = 0; i < follow->globs; i++) {
		if (folder->places[i])
			return true;
	}
	return false;
}

void
folder_sweep(struct follow *follow, bool whole)
{
	size_t place = 0;
	for (struct folder *folder; (folder = folder_next(follow, &place));) {
		struct object_look look;
		++*follow->steps;
		if (!has_places(follow, folder) ||
			(folder->watch >= 0 && !folder->trouble && !whole))
			continue;
		bool present = object_look_at(folder->path, &look) && look.is_folder;
		if (present != folder->present || (present && folder->watch < 0) ||
			(!present && folder->trouble) || (present && !is_unchanged(folder, &look)))
			folder_set_due(follow, folder);
	}
}

void
folder_on_hint(struct follow *follow, struct folder *folder, const struct watch_hint *hint)
{
	if (hint->gone)
		folder->watch = -1;
	if (hint->gone || !hint->name || hint->is_folder) {
		folder_set_due(follow, folder);
		return;
	}
	char *path = join(folder, hint->name);
	struct stream *stream = find_stream(follow, path);
	if (stream)
		stream_set_due(follow, stream);
	else if (hint->came_or_went)
		take_file(follow, folder, hint->name);
	free(path);
	if (!stream || hint->came_or_went)
		take_sibling(follow, folder, hint->name);
}
