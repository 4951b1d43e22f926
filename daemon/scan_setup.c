#include "daemon/scan.h"

#include "daemon/base/mem.h"
#include "daemon/engine/outcome.h"
#include "daemon/input/input_reader.h"

#include <stdlib.h>

static void
input_close(struct scan_input *input)
{
	for (size_t i = 0; i < input->glob_count; i++)
		glob_free(input->glob[i]);
	free(input->glob);
	reader_free(input->reader);
	reader_free(input->every_reader);
}

static bool
input_open(struct scan_input *input, const struct config_input *config, struct rules *rules,
	struct err *err)
{
	*input = (struct scan_input){.config = config};
	input->glob = mem_array(config->paths.count, sizeof(struct glob *));
	for (size_t i = 0; i < config->paths.count; i++) {
		input->glob[i] = glob_new(config->paths.item[i], err);
		if (!input->glob[i])
			return err_context(err, "input %s", config->name);
		input->glob_count++;
	}
	input->reader = input_reader_new(config, rules, READER_HITS, err);
	if (input->reader)
		input->every_reader = input_reader_new(config, rules, READER_SERVICE, err);
	return input->every_reader || err_context(err, "input %s", config->name);
}

/* Opens the input that is named, or all, and the defaults behind them. */
static bool
open_inputs(struct scan *scan, const char *named, struct err *err)
{
	const struct config *config = scan->config;
	scan->input = mem_array(config->input_count + 1, sizeof *scan->input);
	for (size_t i = 0; i < config->input_count; i++) {
		if (named && strcmp(config->inputs[i].name, named) != 0)
			continue;
		if (!input_open(&scan->input[scan->input_count++], &config->inputs[i], scan->rules,
			    err))
			return false;
	}
	scan->input_named = named != NULL;
	if (named)
		return scan->input_count || err_set(err, "no input is named %s", named);
	return input_open(
		&scan->input[scan->input_count++], &scan->defaults->inputs[0], scan->rules, err);
}

bool
scan_open(struct scan *scan, const struct config *config, struct rules *rules, const char *named,
	int64_t now, struct err *err)
{
	struct config_problems problems = {0};
	struct correlate_options options = {
		.window = config->correlation.window,
		.failing_after = config->correlation.failing_after,
		.in_order = true,
	};
	*scan = (struct scan){.config = config, .rules = rules, .now = now};
	scan->correlate = correlate_new(&options);
	scan->defaults = config_load(NULL, &problems);
	config_problems_fini(&problems);
	if (!scan->defaults)
		return err_set(err, "the defaults do not load");
	return open_inputs(scan, named, err);
}

void
scan_site_free(struct scan_site *site)
{
	for (size_t i = 0; i < site->incident_count; i++)
		incident_fini(&site->incident[i]);
	free(site->incident);
	incident_fini(&site->trouble);
	free(site->advice);
	free(site->cause);
	free(site->name);
	free(site);
}

void
scan_close(struct scan *scan)
{
	struct scan_site *site, *next;
	HASH_ITER (hh, scan->sites, site, next) {
		HASH_DEL(scan->sites, site);
		scan_site_free(site);
	}
	for (size_t i = 0; i < scan->input_count; i++)
		input_close(&scan->input[i]);
	free(scan->input);
	free(scan->result);
	scan_files_fini(&scan->files);
	correlate_free(scan->correlate);
	config_free(scan->defaults);
}

/* `{name}`, `{stem}` and `{ext}` of a rotated pattern, filled in from the pattern of the log. */
static char *
fill(const char *rotated, struct span name)
{
	const char *dot = memrchr(name.p, '.', name.n);
	struct span stem = span_first(name, dot ? (size_t)(dot - name.p) : name.n);
	const struct part {
		struct span field, value;
	} part[] = {
		{SPAN("{name}"), name},
		{SPAN("{stem}"), stem},
		{SPAN("{ext}"), span_from(name, stem.n)},
	};
	struct buf out = BUF_INIT;
	for (struct span rest = span_of(rotated); rest.n;) {
		size_t i = 0;
		while (i < COUNT(part) && !span_has_prefix(rest, part[i].field))
			i++;
		buf_add_span(&out, i < COUNT(part) ? part[i].value : span_first(rest, 1));
		rest = span_from(rest, i < COUNT(part) ? part[i].field.n : 1);
	}
	return buf_take(&out);
}

char **
scan_patterns(const struct scan *scan, size_t *count)
{
	char **pattern = NULL;
	*count = 0;
	for (size_t i = 0; i < scan->input_count; i++) {
		const struct config_input *input = scan->input[i].config;
		for (size_t k = 0; k < input->paths.count; k++) {
			const char *path = input->paths.item[k], *slash = strrchr(path, '/');
			struct span name = span_of(slash ? slash + 1 : path);
			pattern = mem_grow(
				pattern, *count + 1 + input->rotated.count, sizeof *pattern);
			pattern[(*count)++] = mem_copy(name.p, name.n);
			for (size_t r = 0; r < input->rotated.count; r++)
				pattern[(*count)++] = fill(input->rotated.item[r], name);
		}
	}
	return pattern;
}
