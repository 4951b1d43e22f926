#include "daemon/base/mem.h"
#include "daemon/engine/alert_json.h"
#include "daemon/sink/format.h"
#include "daemon/sink/format_json.h"

#include <stdlib.h>

/*
 * CloudEvents 1.0, structured mode (JSON format): the generic document is the data. `source` and
 * `id` together are unique, so two collectors of one log differ by their source alone.
 */
static void
write_cloudevents(const struct format_job *job, struct buf *out)
{
	const struct alert *alert = job->alert;
	char *document = sink_document(job->sink, alert);
	char *source = mem_format("urn:aiwatch:%s", job->sink->collector);
	char *type = mem_format("aiwatch.%s.%s", alert_kind_name(alert->kind),
		alert->firing ? "firing" : "resolved");
	json_t *event = json_pack("{s:s, s:s, s:o, s:s, s:o, s:o, s:s, s:o}", "specversion", "1.0",
		"id", alert->id, "source", format_json_text(source, 512, NULL), "type", type,
		"subject", format_json_text(alert->site, 512, NULL), "time",
		json_of_time(alert->updated_at), "datacontenttype", "application/json", "data",
		json_loads(document, 0, NULL));
	format_json_write(event, out);
	free(type);
	free(source);
	free(document);
}

const struct format FORMAT_CLOUDEVENTS = {
	.name = "cloudevents",
	.content_type = "application/cloudevents+json; charset=utf-8",
	.write = write_cloudevents,
};
