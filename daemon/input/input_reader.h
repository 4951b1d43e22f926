#ifndef AIWATCH_INPUT_INPUT_READER_H
#define AIWATCH_INPUT_INPUT_READER_H

#include "config/config.h"
#include "parsers/reader.h"

/* The reader of an input's files, as it is configured; see reader_options for the rest. NULL with a
 * sentence where it cannot be made. */
struct reader *
input_reader_new(const struct config_input *config, const struct rules *rules,
	enum reader_look look, struct err *err);

#endif
