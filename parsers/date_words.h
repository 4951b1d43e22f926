#ifndef AIWATCH_PARSERS_DATE_WORDS_H
#define AIWATCH_PARSERS_DATE_WORDS_H

#include "daemon/base/span.h"

/* What a word in a date means. */
enum date_word {
	DATE_WORD_MONTH,
	DATE_WORD_WEEKDAY,
	DATE_WORD_SHORT_WEEKDAY,
	DATE_WORD_MORNING, /* AM */
	DATE_WORD_EVENING, /* PM */
	DATE_WORD_ZONE,	   /* Greenwich's */
	DATE_WORD_FILLER,  /* says nothing: "de", "at", "Uhr" */
	DATE_WORD_YEAR,	   /* units behind a number, as Chinese, Japanese and Korean write them */
	DATE_WORD_MONTH_UNIT,
	DATE_WORD_DAY_UNIT,
	DATE_WORD_HOUR_UNIT,
	DATE_WORD_MINUTE_UNIT,
	DATE_WORD_SECOND_UNIT,
	DATE_WORDS,
};

/*
 * The length of the longest known word of that kind at the start of text, letters compared without
 * case; 0 for none. *month (not NULL) is set for DATE_WORD_MONTH. Source of the names: Unicode CLDR
 * and .NET's culture tables, both forms where a language declines them.
 */
size_t
date_word(struct span text, enum date_word wanted, unsigned *month);

#endif
