#include "daemon/base/mem.h"
#include "daemon/input/follow.h"

#include <stdlib.h>

static struct config_list
copy_list(const struct config_list *list)
{
	struct config_list copy = {mem_array(list->count, sizeof *list->item), list->count};
	for (size_t i = 0; i < list->count; i++)
		copy.item[i] = mem_text(list->item[i]);
	return copy;
}

static void
free_list(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->item[i]);
	free(list->item);
}

struct config_input *
config_input_copy(const struct config_input *config)
{
	struct config_input *copy = mem_new(sizeof *copy);
	*copy = *config;
	copy->place = copy->site_place = (struct config_place){0};
	copy->name = mem_text(config->name);
	copy->paths = copy_list(&config->paths);
	copy->site = mem_text(config->site);
	copy->encoding = mem_text(config->encoding);
	copy->format = mem_text(config->format);
	copy->json.message = copy_list(&config->json.message);
	copy->json.host = copy_list(&config->json.host);
	copy->json.time = copy_list(&config->json.time);
	copy->timezone = mem_text(config->timezone);
	copy->rotated = copy_list(&config->rotated);
	return copy;
}

void
config_input_free(struct config_input *config)
{
	if (!config)
		return;
	free_list(&config->paths);
	free_list(&config->rotated);
	free_list(&config->json.message);
	free_list(&config->json.host);
	free_list(&config->json.time);
	free(config->name);
	free(config->site);
	free(config->encoding);
	free(config->format);
	free(config->timezone);
	free(config);
}
