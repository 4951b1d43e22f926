#include "daemon/engine/inputs.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* Descriptors that an input keeps open. */
enum { OPEN_LEAST = 8, OPEN_MOST = 4096 };

struct slot {
	struct input *input;
	const struct config_input *config; /* while prepared */
	bool is_new;
	bool is_idle; /* runs, but its thread could not be started yet */
};

struct inputs {
	struct store *store;
	struct queue *queue;
	bool lost_state;
	struct slot *running;
	size_t running_count;
	struct slot *prepared;
	size_t prepared_count;
	struct input **leaving;
	size_t leaving_count;
	struct rules *rules;
	bool report_activity;
	size_t max_open;
	bool has_stopped; /* all of them */
};

struct inputs *
inputs_new(struct store *store, struct queue *queue, bool lost_state)
{
	struct inputs *inputs = mem_new(sizeof *inputs);
	inputs->store = store;
	inputs->queue = queue;
	inputs->lost_state = lost_state;
	return inputs;
}

struct positions {
	struct position *item;
	size_t count;
};

static void
on_position(void *owner, const struct position *position)
{
	struct positions *positions = owner;
	positions->item = mem_grow(positions->item, positions->count + 1, sizeof *positions->item);
	position_copy(position, &positions->item[positions->count++]);
}

static struct input *
find_leaving(const struct inputs *inputs, const char *name)
{
	for (size_t i = 0; i < inputs->leaving_count; i++) {
		if (strcmp(input_name(inputs->leaving[i]), name) == 0)
			return inputs->leaving[i];
	}
	return NULL;
}

static struct input *
make_input(struct inputs *inputs, const struct config_input *config, struct err *err)
{
	if (find_leaving(inputs, config->name)) {
		err_set(err, "the one of that name has not stopped yet: reload again, or restart");
		return NULL;
	}
	struct positions positions = {0};
	struct input *input = NULL;
	if (!store_each_position(inputs->store, config->name, on_position, &positions, err))
		goto out;
	input = input_new(
		&(struct input_setup){
			.config = config,
			.rules = inputs->rules,
			.queue = inputs->queue,
			.positions = positions.item,
			.position_count = positions.count,
			.read_ledger = store_read_ledger,
			.ledger_owner = inputs->store,
			.lost_state = inputs->lost_state,
			.report_activity = inputs->report_activity,
			.max_open = inputs->max_open,
		},
		err);
out:
	for (size_t i = 0; i < positions.count; i++)
		position_fini(&positions.item[i]);
	free(positions.item);
	return input;
}

static const struct slot *
find_running(const struct inputs *inputs, const char *name)
{
	for (size_t i = 0; i < inputs->running_count; i++) {
		if (strcmp(input_name(inputs->running[i].input), name) == 0)
			return &inputs->running[i];
	}
	return NULL;
}

/* Half of what the process may open is the inputs', the rest the store's and the sinks'. */
static size_t
share_of_descriptors(size_t inputs)
{
	struct rlimit limit = {.rlim_cur = 1024};
	getrlimit(RLIMIT_NOFILE, &limit);
	size_t share = (size_t)limit.rlim_cur / 2 / (inputs ? inputs : 1);
	return share < OPEN_LEAST ? OPEN_LEAST : share > OPEN_MOST ? OPEN_MOST : share;
}

bool
inputs_prepare(
	struct inputs *inputs, const struct config *config, struct rules *rules, struct err *err)
{
	inputs->rules = rules;
	inputs->report_activity = config->correlation.silent_after > 0;
	inputs->max_open = share_of_descriptors(config->input_count);
	inputs->prepared = mem_array(config->input_count, sizeof *inputs->prepared);
	for (size_t i = 0; i < config->input_count; i++) {
		struct slot *slot = &inputs->prepared[i];
		slot->config = &config->inputs[i];
		const struct slot *running = find_running(inputs, slot->config->name);
		slot->input = running ? running->input : NULL;
		slot->is_idle = running && running->is_idle;
		slot->is_new = !running;
		if (slot->is_new)
			slot->input = make_input(inputs, slot->config, err);
		if (!slot->input) {
			inputs_discard(inputs);
			return err_context(err, "input %s", config->inputs[i].name);
		}
		inputs->prepared_count++;
	}
	return true;
}

static void
forget_prepared(struct inputs *inputs)
{
	free(inputs->prepared);
	inputs->prepared = NULL;
	inputs->prepared_count = 0;
	inputs->rules = NULL;
}

void
inputs_discard(struct inputs *inputs)
{
	for (size_t i = 0; i < inputs->prepared_count; i++) {
		if (inputs->prepared[i].is_new)
			input_free(inputs->prepared[i].input);
	}
	forget_prepared(inputs);
}

static bool
is_prepared(const struct inputs *inputs, const struct input *input)
{
	for (size_t i = 0; i < inputs->prepared_count; i++) {
		if (inputs->prepared[i].input == input)
			return true;
	}
	return false;
}

static void
start(struct slot *slot)
{
	struct err err = ERR_INIT;
	bool was_idle = slot->is_idle;
	slot->is_idle = !input_start(slot->input, &err);
	if (slot->is_idle && !was_idle)
		log_error("input %s does not run yet: %s", input_name(slot->input), err.text);
	else if (!slot->is_idle && was_idle)
		log_notice("input %s runs", input_name(slot->input));
}

static void
begin(struct inputs *inputs, struct slot *slot)
{
	if (slot->is_new)
		start(slot);
	else
		input_configure(slot->input, slot->config, inputs->rules, inputs->report_activity);
	slot->is_new = false;
	slot->config = NULL;
}

void
inputs_adopt(struct inputs *inputs)
{
	for (size_t i = 0; i < inputs->running_count; i++) {
		struct input *input = inputs->running[i].input;
		if (is_prepared(inputs, input))
			continue;
		inputs->leaving = mem_grow(
			inputs->leaving, inputs->leaving_count + 1, sizeof(struct input *));
		inputs->leaving[inputs->leaving_count++] = input;
		input_stop(input, 0);
	}
	free(inputs->running);
	inputs->running = inputs->prepared;
	inputs->running_count = inputs->prepared_count;
	for (size_t i = 0; i < inputs->running_count; i++)
		begin(inputs, &inputs->running[i]);
	inputs->prepared = NULL;
	forget_prepared(inputs);
}

void
inputs_await(const struct inputs *inputs, const struct config *config, int64_t deadline)
{
	for (size_t i = 0; i < config->input_count; i++) {
		struct input *input = find_leaving(inputs, config->inputs[i].name);
		if (input)
			input_stop(input, deadline);
	}
}

void
inputs_tend(
	struct inputs *inputs, bool (*may_go)(void *owner, const struct input *input), void *owner)
{
	for (size_t i = 0; i < inputs->running_count; i++) {
		if (inputs->running[i].is_idle)
			start(&inputs->running[i]);
	}
	for (size_t i = 0; i < inputs->leaving_count;) {
		struct input *input = inputs->leaving[i];
		if (!input_stop(input, 0) || !may_go(owner, input)) {
			i++;
			continue;
		}
		input_free(input);
		inputs->leaving[i] = inputs->leaving[--inputs->leaving_count];
	}
}

bool
inputs_want_tending(const struct inputs *inputs)
{
	bool idle = false;
	for (size_t i = 0; i < inputs->running_count && !idle; i++)
		idle = inputs->running[i].is_idle;
	return idle || inputs->leaving_count > 0;
}

void
inputs_count(const struct inputs *inputs, size_t *running, size_t *spinning)
{
	*running = inputs->running_count;
	*spinning = 0;
	for (size_t i = 0; i < inputs->running_count; i++) {
		if (input_life(inputs->running[i].input, clock_monotonic()) == INPUT_SPINS)
			++*spinning;
	}
}

bool
inputs_rest(const struct inputs *inputs)
{
	bool rest = true;
	int64_t now = clock_monotonic();
	for (size_t i = 0; i < inputs->running_count && rest; i++)
		rest = input_rests(inputs->running[i].input, now);
	return rest;
}

void
inputs_wake(struct inputs *inputs)
{
	for (size_t i = 0; i < inputs->running_count; i++)
		input_wake(inputs->running[i].input);
}

void
inputs_each(const struct inputs *inputs,
	void (*visit)(void *owner, const struct input_status *status), void *owner)
{
	for (size_t i = 0; i < inputs->running_count; i++) {
		struct input_status status;
		input_get_status(inputs->running[i].input, &status);
		visit(owner, &status);
	}
}

static bool
stop_one(struct input *input, int64_t deadline)
{
	bool stopped = input_stop(input, deadline);
	if (!stopped)
		log_error("input %s hangs in a read and is left behind", input_name(input));
	return stopped;
}

bool
inputs_stop(struct inputs *inputs, int64_t deadline)
{
	if (inputs->has_stopped)
		return true;
	for (size_t i = 0; i < inputs->running_count; i++)
		input_stop(inputs->running[i].input, 0);
	bool all = true;
	for (size_t i = 0; i < inputs->running_count; i++)
		all &= stop_one(inputs->running[i].input, deadline);
	for (size_t i = 0; i < inputs->leaving_count; i++)
		all &= stop_one(inputs->leaving[i], deadline);
	inputs->has_stopped = all;
	return all;
}

static void
free_stopped(struct inputs *inputs)
{
	for (size_t i = 0; i < inputs->running_count; i++)
		input_free(inputs->running[i].input);
	for (size_t i = 0; i < inputs->leaving_count; i++)
		input_free(inputs->leaving[i]);
}

void
inputs_free(struct inputs *inputs)
{
	if (!inputs)
		return;
	inputs_discard(inputs);
	if (inputs->has_stopped)
		free_stopped(inputs);
	free(inputs->running);
	free(inputs->leaving);
	free(inputs);
}
