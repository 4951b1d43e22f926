#include "daemon/ask.h"

#include "config/config.h"
#include "daemon/engine/control.h"
#include "daemon/verb.h"

#include <stdlib.h>

json_t *
ask_daemon(const char *config_path, json_t *request, int *code, struct err *err)
{
	json_t *answer = NULL;
	char *control = request ? config_control(config_find(config_path), err) : NULL;
	*code = !request ? EXIT_USAGE : !control ? EXIT_CONFIG : 1;
	if (!request)
		err_set(err, "an argument is not UTF-8");
	if (control)
		answer = control_ask(control, request, err);
	json_decref(request);
	free(control);
	return answer;
}

/* One that is left out would be one that is not asked for, or all. */
json_t *
ask_words(char *const *words, int count)
{
	json_t *list = json_array();
	for (int i = 0; i < count; i++) {
		if (json_array_append_new(list, json_string(words[i])) == 0)
			continue;
		json_decref(list);
		return NULL;
	}
	return list;
}
