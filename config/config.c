#include "config/config.h"

#include "config/input_check.h"
#include "config/section.h"
#include "config/shipped.h"
#include "config/suggest.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES_MAX = 200, GLOB_MATCHES_MAX = 1000 };

/* A file that was opened, by what it is and not by its name. */
struct opened {
	dev_t device;
	ino_t inode;
	bool is_open; /* its keys are being read: to read it again would never end */
};

struct load {
	struct reading reading;
	struct top top;
	struct opened opened[FILES_MAX];
	size_t opened_count;
	const char *file; /* the one whose keys are being read; owned by the configuration */
};

static void
add_error(struct load *load, struct config_place place, const struct err *err)
{
	config_problems_add(load->reading.problems, place, false, "%s", err->text);
}

/* ---- files ---- */

static bool
read_bytes(int fd, struct buf *text, struct err *err)
{
	buf_reserve(text, TREE_SIZE_MAX + 1);
	while (text->n <= TREE_SIZE_MAX) {
		ssize_t n = read(fd, text->p + text->n, TREE_SIZE_MAX + 1 - text->n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_system(err, errno, "cannot be read");
		if (n == 0)
			return true;
		text->n += (size_t)n;
	}
	return err_set(
		err, "is longer than the %d bytes that a configuration may have", TREE_SIZE_MAX);
}

static struct opened *
find_opened(struct load *load, const struct stat *st)
{
	for (size_t i = 0; i < load->opened_count; i++) {
		struct opened *o = &load->opened[i];
		if (o->device == st->st_dev && o->inode == st->st_ino)
			return o;
	}
	return NULL;
}

static void
add_opened(struct load *load, const char *path, const struct stat *st)
{
	struct config_list *files = &load->top.config->files;
	files->item = mem_grow(files->item, files->count + 1, sizeof *files->item);
	files->item[files->count++] = mem_text(path);
	load->opened[load->opened_count++] = (struct opened){st->st_dev, st->st_ino, true};
}

enum opening { OPENED, READ_BEFORE, FAILED };

/* Opens path and reads its text. READ_BEFORE: it has been, or is being, read. */
static enum opening
open_file(struct load *load, const char *path, struct buf *text, struct opened **before,
	struct err *err)
{
	enum opening result = FAILED;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		err_system(err, errno, "cannot be read");
		return FAILED;
	}
	if (fstat(fd, &st) != 0)
		err_system(err, errno, "cannot be read");
	else if (S_ISDIR(st.st_mode))
		err_set(err, "is a directory; a file is wanted, or a glob as %s/*.yml", path);
	else if ((*before = find_opened(load, &st)))
		result = READ_BEFORE;
	else if (load->opened_count == FILES_MAX)
		err_set(err, "more than the %d files that a configuration may have", FILES_MAX);
	else if (read_bytes(fd, text, err)) {
		add_opened(load, path, &st);
		result = OPENED;
	}
	close(fd);
	return result;
}

static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return mem_text("");
	return slash == path ? mem_text("/") : mem_copy(path, (size_t)(slash - path));
}

static void
read_text(struct load *load, struct span text)
{
	struct opened *opened = &load->opened[load->opened_count - 1];
	const struct config_list *files = &load->top.config->files;
	const char *outer_file = load->file, *outer_folder = load->reading.folder;
	struct node root;
	load->file = files->item[files->count - 1];
	char *folder = folder_of(load->file);
	load->reading.folder = folder;
	if (tree_parse(&root, load->file, text, load->reading.problems)) {
		top_read(&load->reading, &load->top, &root);
		node_fini(&root);
	}
	load->reading.folder = outer_folder;
	load->file = outer_file;
	opened->is_open = false;
	free(folder);
}

/* ---- include ---- */

static void
include_file(struct load *load, const char *path, bool is_named, struct config_place place)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct opened *before = NULL;
	switch (open_file(load, path, &text, &before, &err)) {
	case OPENED:
		read_text(load, buf_span(&text));
		break;
	case READ_BEFORE:
		/* A glob in its own folder finds the file that it stands in: no harm. */
		if (!before->is_open || (!is_named && before == &load->opened[0]))
			break;
		config_problems_add(load->reading.problems, place, false,
			"include: %s includes itself, by way of this", path);
		break;
	case FAILED:
		err_context(&err, "include: %s", path);
		add_error(load, place, &err);
		break;
	}
	buf_fini(&text);
}

static void
include_glob(struct load *load, const char *pattern, struct config_place place)
{
	glob_t found;
	int result = glob(pattern, GLOB_ERR, NULL, &found);
	if (result == GLOB_ABORTED || result == GLOB_NOSPACE)
		config_problems_add(load->reading.problems, place, false,
			"include: a folder of %s cannot be read: %s", pattern, strerror(errno));
	if (result != 0)
		return;
	if (found.gl_pathc > GLOB_MATCHES_MAX)
		config_problems_add(load->reading.problems, place, false,
			"include: %s matches more than %d files", pattern, GLOB_MATCHES_MAX);
	for (size_t i = 0; i < found.gl_pathc && i < GLOB_MATCHES_MAX; i++)
		include_file(load, found.gl_pathv[i], false, place);
	globfree(&found);
}

static void
include(void *owner, const struct config_key *key, const struct node *node)
{
	struct load *load = owner;
	struct config_list list = {0};
	if (!value_set_texts(&load->reading, key, node, &list))
		return;
	for (size_t i = 0; i < list.count; i++) {
		struct config_place place =
			node->kind == NODE_LIST ? node->item[i].place : node->place;
		if (strpbrk(list.item[i], "*?["))
			include_glob(load, list.item[i], place);
		else
			include_file(load, list.item[i], true, place);
	}
	list_fini(&list);
}

/* ---- what no single key can say ---- */

static bool
is_encrypted(const char *at)
{
	return strncasecmp(at, "tls:", 4) == 0 || strncasecmp(at, "https:", 6) == 0;
}

/* Whether any of the sink's addresses is encrypted, or in the clear. One that is left out is that
 * of its format, by https. */
static void
look_at_addresses(const struct config_sink *sink, bool *encrypted, bool *clear)
{
	const char *at = sink->type == CONFIG_SINK_SYSLOG ? sink->address : sink->url;
	*encrypted = at ? is_encrypted(at) : sink->urls.count == 0;
	*clear = at && !is_encrypted(at);
	for (size_t i = 0; i < sink->urls.count; i++)
		*(is_encrypted(sink->urls.item[i]) ? encrypted : clear) = true;
}

/* Keys of TLS where nothing is encrypted would do nothing. */
static void
check_tls(struct load *load, const struct config_sink *sink)
{
	struct config_problems *problems = load->reading.problems;
	const char *key = sink->ca ? "ca" : sink->cert ? "cert" : sink->key ? "key" : NULL;
	bool encrypted, clear;
	look_at_addresses(sink, &encrypted, &clear);
	if ((key || sink->insecure) && !encrypted)
		config_problems_add(problems, sink->place, false,
			"sink %s: \"%s\" has no use where %s", sink->name, key ? key : "insecure",
			sink->type == CONFIG_SINK_SYSLOG ? "the address is not tls://…"
							 : "the url is not https://…");
	if (!sink->cert != !sink->key)
		config_problems_add(problems, sink->place, false,
			"sink %s: \"cert\" and \"key\" belong together; \"%s\" is missing",
			sink->name, sink->cert ? "key" : "cert");
	if (sink->insecure)
		config_problems_add(problems, sink->place, true,
			"sink %s: insecure: who stands in between can read and change alerts",
			sink->name);
	if (sink->bearer.from && clear)
		config_problems_add(problems, sink->place, true,
			"sink %s: the bearer token is sent in the clear over http:", sink->name);
	if (sink->basic.count > 0 && clear)
		config_problems_add(problems, sink->place, true,
			"sink %s: the password is sent in the clear over http:", sink->name);
}

/* Keys of JSON where no line is taken for JSON would do nothing. */
static void
check_json(struct load *load, const struct config_input *input)
{
	const struct config_input_json *json = &input->json;
	bool is_said = json->message.count || json->host.count || json->time.count;
	if (is_said && strcmp(input->format, "auto") != 0 && strcmp(input->format, "json") != 0)
		config_problems_add(load->reading.problems, input->place, false,
			"input %s: \"json\" has no use where the format is %s", input->name,
			input->format);
}

/* Whoever reaches the port reads; only who comes from this host should be able to, unasked. */
static void
check_listener(struct load *load)
{
	const struct config *config = load->top.config;
	static const char *const OWN[] = {"127.", "[::1]", "localhost:"};
	bool is_own = !config->http;
	for (size_t i = 0; i < COUNT(OWN) && !is_own; i++)
		is_own = strncasecmp(config->http, OWN[i], strlen(OWN[i])) == 0;
	if (!is_own)
		config_problems_add(load->reading.problems, config->http_place, true,
			"http: whoever reaches %s can read the sites and their evidence: there"
			" is no password; let a proxy ask for one, or a firewall choose who may",
			config->http);
}

/* A name that misses a shipped one by a letter or two is a slip more often than a new rule. */
static void
check_rule_name(struct load *load, const struct config_rule *rule)
{
	const struct config *config = load->top.config;
	struct suggest suggest = suggest_start(rule->name);
	for (size_t i = 0; i < config->rule_count; i++) {
		if (!config->rules[i].place.file)
			suggest_offer(&suggest, config->rules[i].name);
	}
	if (suggest.best && suggest.distance <= 2)
		config_problems_add(load->reading.problems, rule->place, true,
			"rule %s is added; did you mean to replace \"%s\"?", rule->name,
			suggest.best);
}

/* Decided only of a pattern that is a literal itself. */
static void
check_contains(struct load *load, const struct config_rule *rule)
{
	if (rule->contains && !strpbrk(rule->pattern, "\\^$.[]|()?*+{}") &&
		!strstr(rule->pattern, rule->contains))
		config_problems_add(load->reading.problems, rule->contains_place, true,
			"contains: no match of the pattern holds \"%s\": the rule never matches",
			rule->contains);
}

static void
check_whole(struct load *load)
{
	const struct config *config = load->top.config;
	struct config_place place = {config->path, 0, 0};
	for (size_t i = 0; i < config->input_count; i++)
		check_json(load, &config->inputs[i]);
	input_check(config, load->reading.problems);
	for (size_t i = 0; i < config->rule_count; i++) {
		if (!config->rules[i].place.file)
			continue;
		check_rule_name(load, &config->rules[i]);
		check_contains(load, &config->rules[i]);
	}
	check_listener(load);
	for (size_t i = 0; i < config->sink_count; i++)
		if (config->sinks[i].type != CONFIG_SINK_STDOUT)
			check_tls(load, &config->sinks[i]);
	if (load->reading.problems->errors > 0)
		return;
	if (config->input_count == 0)
		config_problems_add(
			load->reading.problems, place, true, "no inputs: nothing will be read");
	if (config->sink_count == 0)
		config_problems_add(
			load->reading.problems, place, true, "no sinks: nobody will be told");
}

/* ---- the order of problems ---- */

static size_t
file_rank(const struct config *config, const struct config_place *place)
{
	size_t i = 0;
	while (place->file && i < config->files.count &&
		strcmp(config->files.item[i], place->file) != 0)
		i++;
	return i;
}

static bool
is_before(const struct config *config, const struct config_place *a, const struct config_place *b)
{
	size_t x = file_rank(config, a), y = file_rank(config, b);
	if (x != y)
		return x < y;
	return a->line != b->line ? a->line < b->line : a->column < b->column;
}

/* By file as they were read, then by place; those of one place stay as they came. */
static void
sort_problems(const struct config *config, struct config_problems *problems)
{
	for (size_t i = 1; i < problems->count; i++) {
		struct config_problem moved = problems->item[i];
		size_t j = i;
		for (; j > 0 && is_before(config, &moved.place, &problems->item[j - 1].place); j--)
			problems->item[j] = problems->item[j - 1];
		problems->item[j] = moved;
	}
}

/* No problem shows a line in which another found a secret. */
static void
hide_secrets(struct config_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem *hidden = &problems->item[i];
		for (size_t j = 0; hidden->is_private && j < problems->count; j++) {
			struct config_problem *other = &problems->item[j];
			if (other->place.line == hidden->place.line && other->place.file &&
				hidden->place.file &&
				strcmp(other->place.file, hidden->place.file) == 0)
				other->is_private = true;
		}
	}
}

/* ---- loading ---- */

static void
read_shipped(struct load *load)
{
	struct node root;
	if (!tree_parse(&root, NULL, shipped_rules(), load->reading.problems))
		return;
	top_read(&load->reading, &load->top, &root);
	node_fini(&root);
}

/*
 * The user's word goes first: the rules that were added behind the `shipped` ones move before them.
 * Those against the whole record stay: before all others they would hold every record back until
 * its last line is known.
 */
static void
put_added_first(struct config *config, size_t shipped)
{
	struct config_rule *rules = config->rules;
	size_t first = 0;
	for (size_t i = shipped; i < config->rule_count; i++) {
		struct config_rule added = rules[i];
		if (added.against == CONFIG_AGAINST_RECORD)
			continue;
		memmove(rules + first + 1, rules + first, (i - first) * sizeof *rules);
		rules[first++] = added;
	}
}

static void
read_main(struct load *load, const char *path)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;
	struct opened *before;
	if (open_file(load, path, &text, &before, &err) == OPENED)
		read_text(load, buf_span(&text));
	else
		add_error(load, (struct config_place){path, 0, 0}, &err);
	buf_fini(&text);
}

/* What could be read, whole or not: problems->errors tells. */
static struct config *
load_any(const char *path, bool is_lenient, config_check *check, struct config_problems *problems)
{
	*problems = (struct config_problems){0};
	struct config *config = mem_new(sizeof *config);
	struct load *load = mem_new(sizeof *load);
	config->path = mem_text(path);
	load->reading = (struct reading){problems, "", is_lenient};
	load->top = (struct top){.config = config, .include = include, .owner = load};
	read_shipped(load);
	size_t shipped = config->rule_count;
	if (path)
		read_main(load, path);
	put_added_first(config, shipped);
	top_set_standards(&load->reading, &load->top);
	check_whole(load);
	if (check)
		check(config, problems);
	sort_problems(config, problems);
	hide_secrets(problems);
	free(load);
	return config;
}

static struct config *
load_config(
	const char *path, bool is_lenient, config_check *check, struct config_problems *problems)
{
	struct config *config = load_any(path, is_lenient, check, problems);
	if (problems->errors == 0)
		return config;
	config_free(config);
	return NULL;
}

struct config *
config_load(const char *path, struct config_problems *problems)
{
	return load_config(path, false, NULL, problems);
}

struct config *
config_load_lenient(const char *path, struct config_problems *problems)
{
	return load_config(path, true, NULL, problems);
}

struct config *
config_load_checked(const char *path, config_check *check, struct config_problems *problems)
{
	return load_config(path, true, check, problems);
}

char *
config_control(const char *path, struct err *err)
{
	if (path && access(path, R_OK) != 0) {
		err_system(err, errno, "%s", path);
		return NULL;
	}
	struct config_problems problems;
	struct config *config = load_any(path, true, NULL, &problems);
	char *control = mem_text(config->control);
	if (!control)
		err_set(err, "%s: control names no socket", path);
	config_free(config);
	config_problems_fini(&problems);
	return control;
}

void
config_free(struct config *config)
{
	if (!config)
		return;
	top_fini(config);
	free(config->path);
	list_fini(&config->files);
	free(config);
}

const char *
config_find(const char *named)
{
	if (named)
		return named;
	bool is_missing = access(CONFIG_DEFAULT_PATH, F_OK) != 0 && errno == ENOENT;
	return is_missing ? NULL : CONFIG_DEFAULT_PATH;
}
