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

/* Makes the sink one whose texts are borrowed, but for the URLs and the lists of pairs. */
static void
hide(struct config_sink *sink)
{
	hide_values(&sink->headers);
	hide_values(&sink->basic);
	sink->url = sink->url ? http_url_shown(sink->url, true) : NULL;
	sink->proxy = sink->proxy ? http_url_shown(sink->proxy, true) : NULL;
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
	for (size_t i = 0; i < config->sink_count; i++) {
		free(shown.sinks[i].headers.item);
		free(shown.sinks[i].basic.item);
		free(shown.sinks[i].url);
		free(shown.sinks[i].proxy);
	}
	free(shown.sinks);
}
