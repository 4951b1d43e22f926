#include "daemon/web/guest.h"

#include "daemon/base/mem.h"
#include "daemon/sink/http.h"

#include <stdlib.h>

static char HIDDEN[] = "***";

static void
hide_values(struct config_pairs *pairs)
{
	struct config_pair *item = mem_array(pairs->count, sizeof *item);
	for (size_t i = 0; i < pairs->count; i++) {
		item[i] = pairs->item[i];
		item[i].value = HIDDEN;
	}
	pairs->item = item;
}

static char *
url_shown(const char *url)
{
	return url ? http_url_shown(url, true) : NULL;
}

static void
hide_urls(struct config_list *urls)
{
	char **item = mem_array(urls->count, sizeof *item);
	for (size_t i = 0; i < urls->count; i++)
		item[i] = url_shown(urls->item[i]);
	urls->item = item;
}

/* Makes the sink one whose texts are borrowed, but for the URLs and the lists of pairs. */
static void
hide(struct config_sink *sink)
{
	hide_values(&sink->headers);
	hide_values(&sink->basic);
	hide_urls(&sink->urls);
	sink->url = url_shown(sink->url);
	sink->proxy = url_shown(sink->proxy);
	sink->body = sink->body ? HIDDEN : NULL;
}

static void
free_shown(struct config_sink *sink)
{
	for (size_t i = 0; i < sink->urls.count; i++)
		free(sink->urls.item[i]);
	free(sink->urls.item);
	free(sink->headers.item);
	free(sink->basic.item);
	free(sink->url);
	free(sink->proxy);
}

void
guest_config_print(const struct config *config, struct buf *out)
{
	struct config shown = *config;
	shown.sinks = mem_array(config->sink_count, sizeof *shown.sinks);
	for (size_t i = 0; i < config->sink_count; i++) {
		shown.sinks[i] = config->sinks[i];
		hide(&shown.sinks[i]);
	}
	config_print(&shown, out);
	for (size_t i = 0; i < config->sink_count; i++)
		free_shown(&shown.sinks[i]);
	free(shown.sinks);
}
