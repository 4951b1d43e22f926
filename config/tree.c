#include "config/tree.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct builder {
	yaml_parser_t parser;
	const char *file;
	struct span text;
	struct config_problems *problems;
};

static struct config_place
place_of(const struct builder *b, yaml_mark_t mark)
{
	return (struct config_place){b->file, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static bool
fail(struct builder *b, yaml_mark_t mark, const char *sentence)
{
	config_problems_add(b->problems, place_of(b, mark), false, "%s", sentence);
	return false;
}

/* libyaml tells of a byte that it cannot decode only how far in the file it is. */
static struct config_place
place_of_byte(const struct builder *b, size_t offset)
{
	struct config_place place = {b->file, 1, 1};
	for (size_t i = 0; i < offset && i < b->text.n; i++) {
		place.column++;
		if (b->text.p[i] == '\n') {
			place.line++;
			place.column = 1;
		}
	}
	return place;
}

static bool
is_tab_at(const struct builder *b, yaml_mark_t mark)
{
	struct span rest = b->text;
	for (size_t i = 0; i < mark.line; i++) {
		const char *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
		rest = end ? span_from(rest, (size_t)(end - rest.p) + 1) : (struct span){0};
	}
	return mark.column < rest.n && rest.p[mark.column] == '\t';
}

/* What libyaml says of the usual slips, and what a person needs to hear instead. */
static const struct slip {
	const char *problem, *context; /* context NULL for any */
	bool at_context;	       /* where it began, not where it was noticed */
	const char *sentence;
} SLIP[] = {
	{"found unknown escape character", NULL, false,
		"a backslash in double quotes begins an escape; write a pattern in single quotes"},
	{"did not find expected hexdecimal number", NULL, false,
		"a backslash in double quotes begins an escape; write a pattern in single quotes"},
	{"did not find expected alphabetic or numeric character", "while scanning an alias", true,
		"a text that begins with * must be quoted"},
	{"did not find expected alphabetic or numeric character", "while scanning an anchor", true,
		"a text that begins with & must be quoted"},
	{"found unexpected end of stream", "while scanning a quoted scalar", true,
		"the quote that begins here is never closed"},
	{"found character that cannot start any token", NULL, false,
		"a text that begins with this character must be quoted"},
	{"mapping values are not allowed in this context", NULL, false,
		"a colon with a blank behind it begins a value; quote the text in which it stands"},
};

static const struct slip *
find_slip(const yaml_parser_t *p)
{
	for (size_t i = 0; i < COUNT(SLIP) && p->problem; i++) {
		const char *context = SLIP[i].context;
		if (strcmp(SLIP[i].problem, p->problem) == 0 &&
			(!context || (p->context && strcmp(context, p->context) == 0)))
			return &SLIP[i];
	}
	return NULL;
}

/* What libyaml says of itself: a problem with its mark, and perhaps what it was reading. */
static bool
fail_syntax(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *problem = p->problem ? p->problem : "cannot be read";
	const struct slip *slip = find_slip(p);
	struct config_place place =
		place_of(b, slip && slip->at_context ? p->context_mark : p->problem_mark);
	if (p->error == YAML_READER_ERROR)
		config_problems_add(b->problems, place_of_byte(b, p->problem_offset), false,
			"is no YAML: %s", problem);
	else if (p->error == YAML_SCANNER_ERROR && is_tab_at(b, p->problem_mark))
		config_problems_add(b->problems, place, false,
			"is no YAML: a tab stands where blanks must; YAML takes no tab to indent");
	else if (slip)
		config_problems_add(b->problems, place, false, "is no YAML: %s", slip->sentence);
	else if (p->context)
		config_problems_add(b->problems, place, false, "is no YAML: %s (%s from line %zu)",
			problem, p->context, p->context_mark.line + 1);
	else
		config_problems_add(b->problems, place, false, "is no YAML: %s", problem);
	return false;
}

static bool
next(struct builder *b, yaml_event_t *event)
{
	return yaml_parser_parse(&b->parser, event) ? true : fail_syntax(b);
}

static bool
refuse_extras(struct builder *b, const yaml_event_t *event)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return fail(
			b, event->start_mark, "an alias is not taken here; write the value out");
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor)
		return fail(b, event->start_mark,
			"an anchor is not taken here; write the value out where it is used");
	if (tag)
		return fail(b, event->start_mark, "a tag (!…) is not taken here");
	return true;
}

static bool
add_scalar(struct builder *b, const yaml_event_t *event, struct node *node)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t n = event->data.scalar.length;
	if (memchr(text, '\0', n))
		return fail(b, event->start_mark, "a text with a NUL in it is not taken");
	node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	node->text = mem_copy(text, n);
	return true;
}

static bool
add_node(struct builder *b, const yaml_event_t *event, unsigned depth, struct node *node);

/* The items of a list, or the keys and values of a map, up to the event that ends it. */
static bool
add_items(struct builder *b, yaml_event_type_t end, unsigned depth, struct node *node)
{
	size_t room = 0;
	for (;;) {
		yaml_event_t event;
		if (!next(b, &event))
			return false;
		if (event.type == end) {
			yaml_event_delete(&event);
			return true;
		}
		bool is_key = node->kind == NODE_MAP && node->count % 2 == 0;
		bool ok = !is_key || event.type == YAML_SCALAR_EVENT ||
			  event.type == YAML_ALIAS_EVENT ||
			  fail(b, event.start_mark, "a key must be a text");
		if (ok) {
			if (node->count == room) {
				room = room ? 2 * room : 8;
				node->item = mem_grow(node->item, room, sizeof *node->item);
			}
			ok = add_node(b, &event, depth + 1, &node->item[node->count++]);
		}
		yaml_event_delete(&event);
		if (!ok)
			return false;
	}
}

/* *node is set whole in any case, so that node_fini serves on failure too. */
static bool
add_node(struct builder *b, const yaml_event_t *event, unsigned depth, struct node *node)
{
	*node = (struct node){.kind = NODE_SCALAR, .place = place_of(b, event->start_mark)};
	if (depth > TREE_DEPTH_MAX)
		return fail(b, event->start_mark, "nested too deeply");
	if (!refuse_extras(b, event))
		return false;
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return add_scalar(b, event, node);
	case YAML_SEQUENCE_START_EVENT:
		node->kind = NODE_LIST;
		return add_items(b, YAML_SEQUENCE_END_EVENT, depth, node);
	case YAML_MAPPING_START_EVENT:
		node->kind = NODE_MAP;
		return add_items(b, YAML_MAPPING_END_EVENT, depth, node);
	default:
		return fail(b, event->start_mark, "a value was expected");
	}
}

/* The stream: nothing, or one document. */
static bool
add_stream(struct builder *b, struct node *root)
{
	bool has_document = false;
	for (;;) {
		yaml_event_t event;
		if (!next(b, &event))
			return false;
		bool ok = true;
		switch (event.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_STREAM_END_EVENT:
			yaml_event_delete(&event);
			return true;
		case YAML_DOCUMENT_START_EVENT:
			if (has_document)
				ok = fail(b, event.start_mark,
					"a second document is not taken; put all into one");
			has_document = true;
			break;
		default:
			node_fini(root);
			ok = add_node(b, &event, 0, root);
			break;
		}
		yaml_event_delete(&event);
		if (!ok)
			return false;
	}
}

bool
tree_parse(struct node *root, const char *file, struct span text, struct config_problems *problems)
{
	struct builder b = {.file = file, .text = text, .problems = problems};
	*root = (struct node){.kind = NODE_SCALAR, .is_plain = true, .place = {file, 1, 1}};
	root->text = mem_text("");
	if (!yaml_parser_initialize(&b.parser))
		abort();
	yaml_parser_set_input_string(
		&b.parser, (const unsigned char *)(text.n ? text.p : ""), text.n);
	bool ok = add_stream(&b, root);
	yaml_parser_delete(&b.parser);
	if (!ok)
		node_fini(root);
	return ok;
}

void
node_fini(struct node *node)
{
	for (size_t i = 0; i < node->count; i++)
		node_fini(&node->item[i]);
	free(node->item);
	free(node->text);
	*node = (struct node){0};
}

bool
node_is_null(const struct node *node)
{
	static const char *const WORD[] = {"", "~", "null", "Null", "NULL"};
	if (node->kind != NODE_SCALAR || !node->is_plain)
		return false;
	for (size_t i = 0; i < COUNT(WORD); i++) {
		if (strcmp(node->text, WORD[i]) == 0)
			return true;
	}
	return false;
}

const struct node *
node_find(const struct node *node, const char *key)
{
	if (node->kind != NODE_MAP)
		return NULL;
	for (size_t i = 0; i + 1 < node->count; i += 2) {
		if (strcmp(node->item[i].text, key) == 0)
			return &node->item[i + 1];
	}
	return NULL;
}

const char *
node_words(const struct node *node)
{
	if (node_is_null(node))
		return "nothing";
	return node->kind == NODE_SCALAR ? "a text"
	       : node->kind == NODE_LIST ? "a list"
					 : "a mapping";
}
