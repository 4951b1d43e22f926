#include "daemon/input/input_reader.h"

static struct envelope_names
names_of(const struct config_list *list)
{
	return (struct envelope_names){(const char *const *)list->item, list->count};
}

struct reader *
input_reader_new(const struct config_input *config, const struct rules *rules,
	enum reader_look look, struct err *err)
{
	struct reader_options options = {
		.encoding = config->encoding,
		.format = config->format,
		.timezone = config->timezone,
		.json =
			{
				.message = names_of(&config->json.message),
				.host = names_of(&config->json.host),
				.time = names_of(&config->json.time),
			},
		.max_line = config->max_line,
		.rules = rules,
		.look = look,
	};
	return reader_new(&options, err);
}
