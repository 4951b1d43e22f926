#include "packaging/generate/generate.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define VARIABLE "\\$\\{"

static json_t *
schema_of_section(const struct config_section *section);

/* A value that holds a variable is known only when the configuration is read. */
static json_t *
or_variable(json_t *schema)
{
	return json_pack(
		"{s:[o, {s:s, s:s}]}", "anyOf", schema, "type", "string", "pattern", VARIABLE);
}

static json_t *
schema_of_text(const struct config_key *key)
{
	if (!key->words) {
		bool may_be_null = key->standard && strcmp(key->standard, "null") == 0;
		json_t *schema = json_pack("{s:[s, s, s]}", "type", "string", "number", "boolean");
		if (may_be_null)
			json_array_append_new(json_object_get(schema, "type"), json_string("null"));
		if (key->most && key->type == KEY_TEXT)
			json_object_set_new(
				schema, "maxLength", json_integer((json_int_t)key->most));
		json_object_set_new(schema, "minLength", json_integer(1));
		return schema;
	}
	json_t *words = json_array();
	for (size_t i = 0; key->words[i]; i++)
		json_array_append_new(words, json_string(key->words[i]));
	return or_variable(json_pack("{s:o}", "enum", words));
}

static json_t *
schema_of_bool(const struct config_key *key)
{
	(void)key;
	return or_variable(json_pack("{s:[s, s], s:s}", "type", "boolean", "string", "pattern",
		"^([Tt]rue|[Ff]alse|TRUE|FALSE|[Yy]es|[Nn]o|YES|NO|[Oo]n|[Oo]ff|ON|OFF)$"));
}

static json_t *
schema_of_count(const struct config_key *key)
{
	json_t *schema = json_pack("{s:s}", "type", "integer");
	json_object_set_new(
		schema, "minimum", json_integer(key->takes_zero ? 0 : (json_int_t)key->least));
	if (key->most)
		json_object_set_new(schema, "maximum", json_integer((json_int_t)key->most));
	return json_pack("{s:[o, {s:s, s:s}]}", "anyOf", schema, "type", "string", "pattern",
		"^[0-9]+$|" VARIABLE);
}

static json_t *
schema_of_size(const struct config_key *key)
{
	(void)key;
	return json_pack("{s:[s, s], s:i, s:s}", "type", "string", "integer", "minimum", 0,
		"pattern", "^[0-9]+([KMG]iB)?$|" VARIABLE);
}

/* Without a unit there is only 0. */
static json_t *
schema_of_duration(const struct config_key *key)
{
	(void)key;
	return json_pack("{s:[s, s], s:i, s:i, s:s}", "type", "string", "integer", "minimum", 0,
		"maximum", 0, "pattern", "^0$|^[0-9]+(us|ms|s|m|h|d|w)$|" VARIABLE);
}

static json_t *
schema_of_texts(const struct config_key *key)
{
	struct config_key one = *key;
	one.most = 0;
	one.standard = NULL;
	json_t *list = json_pack("{s:s, s:o}", "type", "array", "items", schema_of_text(&one));
	if (key->least)
		json_object_set_new(list, "minItems", json_integer((json_int_t)key->least));
	if (key->most)
		json_object_set_new(list, "maxItems", json_integer((json_int_t)key->most));
	if (!key->takes_one)
		return list;
	return json_pack("{s:[o, o]}", "anyOf", list, schema_of_text(&one));
}

static json_t *
schema_of_secret(const struct config_key *key)
{
	(void)key;
	json_t *text = json_pack("{s:s, s:i}", "type", "string", "minLength", 1);
	json_t *schema = json_pack("{s:s, s:{s:O, s:O, s:O}, s:b, s:i, s:i}", "type", "object",
		"properties", "file", text, "credential", text, "env", text, "additionalProperties",
		false, "minProperties", 1, "maxProperties", 1);
	json_decref(text);
	return schema;
}

static json_t *
schema_of_pairs(const struct config_key *key)
{
	json_t *value = json_pack("{s:[s, s, s]}", "type", "string", "number", "boolean");
	if (key->type == KEY_SECRETS)
		value = json_pack("{s:[o, o]}", "anyOf", value, schema_of_secret(key));
	return json_pack("{s:s, s:o, s:I}", "type", "object", "additionalProperties", value,
		"maxProperties", (json_int_t)key->most);
}

static json_t *
schema_of_mapping(const struct config_key *key)
{
	json_t *schema = schema_of_section(key->section);
	json_object_set_new(schema, "type", json_pack("[s, s]", "object", "null"));
	return schema;
}

static json_t *
schema_of_items(const struct config_key *key)
{
	return json_pack("{s:[s, s], s:o, s:I}", "type", "array", "null", "items",
		schema_of_section(key->section), "maxItems", (json_int_t)key->most);
}

static json_t *(*const SCHEMA[KEY_TYPES])(const struct config_key *key) = {
	[KEY_TEXT] = schema_of_text,
	[KEY_PATH] = schema_of_text,
	[KEY_CHOICE] = schema_of_text,
	[KEY_BOOL] = schema_of_bool,
	[KEY_COUNT] = schema_of_count,
	[KEY_SIZE] = schema_of_size,
	[KEY_DURATION] = schema_of_duration,
	[KEY_TEXTS] = schema_of_texts,
	[KEY_PAIRS] = schema_of_pairs,
	[KEY_SECRETS] = schema_of_pairs,
	[KEY_SECRET] = schema_of_secret,
	[KEY_SECTION] = schema_of_mapping,
	[KEY_ITEMS] = schema_of_items,
	[KEY_INCLUDE] = schema_of_texts,
};

/* Of an item of the word-th type: no key but those that it knows. */
static json_t *
schema_of_type(const struct config_section *section, const struct config_key *selector, size_t word)
{
	json_t *names = json_array(), *required = json_array();
	for (size_t i = 0; i < section->count; i++) {
		unsigned types = section->key[i].for_type;
		if (!types || (types >> word & 1))
			json_array_append_new(names, json_string(section->key[i].name));
		if (section->key[i].is_required && (types >> word & 1))
			json_array_append_new(required, json_string(section->key[i].name));
	}
	return json_pack("{s:{s:{s:{s:s}}, s:[s]}, s:{s:{s:o}, s:o}}", "if", "properties",
		selector->name, "const", selector->words[word], "required", selector->name, "then",
		"propertyNames", "enum", names, "required", required);
}

static void
add_standard(json_t *schema, const struct config_key *key)
{
	if (!key->standard || key->type == KEY_ITEMS)
		return;
	json_t *value = json_loads(key->standard, JSON_DECODE_ANY, NULL);
	json_object_set_new(schema, "default", value ? value : json_string(key->standard));
}

static json_t *
schema_of_section(const struct config_section *section)
{
	json_t *properties = json_object(), *required = json_array(), *types = json_array();
	for (size_t i = 0; i < section->count; i++) {
		const struct config_key *key = &section->key[i];
		json_t *schema = SCHEMA[key->type](key);
		json_object_set_new(schema, "description", json_string(key->help));
		add_standard(schema, key);
		json_object_set_new(properties, key->name, schema);
		if (key->is_required && !key->for_type)
			json_array_append_new(required, json_string(key->name));
	}
	json_t *schema = json_pack("{s:s, s:o, s:o, s:b}", "type", "object", "properties",
		properties, "required", required, "additionalProperties", false);
	if (section->selector >= 0) {
		const struct config_key *selector = &section->key[section->selector];
		for (size_t i = 0; selector->words[i]; i++)
			json_array_append_new(types, schema_of_type(section, selector, i));
		json_object_set(schema, "allOf", types);
	}
	json_decref(types);
	return schema;
}

void
generate_schema(void)
{
	json_t *schema =
		json_pack("{s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema",
			"title", "configuration of aiwatch");
	json_t *top = schema_of_section(&CONFIG_TOP);
	json_object_update(schema, top);
	json_decref(top);
	/* An empty file is a valid one. */
	json_object_set_new(schema, "type", json_pack("[s, s]", "object", "null"));
	json_dumpf(schema, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(schema);
}
