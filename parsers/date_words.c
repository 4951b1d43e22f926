#include "parsers/date_words.h"

#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"

struct word {
	struct span text;
	unsigned month;
};

#define W(text, month)                          \
	{                                       \
		{text, sizeof(text) - 1}, month \
	}

/* clang-format off */
static const struct word MONTHS[] = {
	W("January", 1), W("February", 2), W("March", 3), W("April", 4), W("May", 5),
	W("June", 6), W("July", 7), W("August", 8), W("September", 9), W("October", 10),
	W("November", 11), W("December", 12), W("Jan", 1), W("Feb", 2), W("Mar", 3), W("Apr", 4),
	W("Jun", 6), W("Jul", 7), W("Aug", 8), W("Sep", 9), W("Oct", 10), W("Nov", 11),
	W("Dec", 12), W("Januar", 1), W("Februar", 2), W("März", 3), W("Mai", 5), W("Juni", 6),
	W("Juli", 7), W("Oktober", 10), W("Dezember", 12), W("Jän", 1), W("Mrz", 3),
	W("Okt", 10), W("Dez", 12), W("janvier", 1), W("février", 2), W("mars", 3),
	W("avril", 4), W("juin", 6), W("juillet", 7), W("août", 8), W("septembre", 9),
	W("octobre", 10), W("novembre", 11), W("décembre", 12), W("janv", 1), W("févr", 2),
	W("avr", 4), W("juil", 7), W("sept", 9), W("déc", 12), W("enero", 1), W("febrero", 2),
	W("marzo", 3), W("abril", 4), W("mayo", 5), W("junio", 6), W("julio", 7), W("agosto", 8),
	W("septiembre", 9), W("octubre", 10), W("noviembre", 11), W("diciembre", 12),
	W("ene", 1), W("abr", 4), W("ago", 8), W("dic", 12), W("gennaio", 1), W("febbraio", 2),
	W("aprile", 4), W("maggio", 5), W("giugno", 6), W("luglio", 7), W("settembre", 9),
	W("ottobre", 10), W("dicembre", 12), W("gen", 1), W("mag", 5), W("giu", 6), W("lug", 7),
	W("set", 9), W("ott", 10), W("januari", 1), W("februari", 2), W("maart", 3), W("mei", 5),
	W("augustus", 8), W("mrt", 3), W("janeiro", 1), W("fevereiro", 2), W("março", 3),
	W("maio", 5), W("junho", 6), W("julho", 7), W("setembro", 9), W("outubro", 10),
	W("novembro", 11), W("dezembro", 12), W("fev", 2), W("out", 10), W("stycznia", 1),
	W("lutego", 2), W("marca", 3), W("kwietnia", 4), W("maja", 5), W("czerwca", 6),
	W("lipca", 7), W("sierpnia", 8), W("września", 9), W("października", 10),
	W("listopada", 11), W("grudnia", 12), W("sty", 1), W("lut", 2), W("kwi", 4), W("maj", 5),
	W("cze", 6), W("lip", 7), W("sie", 8), W("wrz", 9), W("paź", 10), W("lis", 11),
	W("gru", 12), W("styczeń", 1), W("luty", 2), W("marzec", 3), W("kwiecień", 4),
	W("czerwiec", 6), W("lipiec", 7), W("sierpień", 8), W("wrzesień", 9),
	W("październik", 10), W("listopad", 11), W("grudzień", 12), W("января", 1),
	W("февраля", 2), W("марта", 3), W("апреля", 4), W("мая", 5), W("июня", 6), W("июля", 7),
	W("августа", 8), W("сентября", 9), W("октября", 10), W("ноября", 11), W("декабря", 12),
	W("янв", 1), W("фев", 2), W("мар", 3), W("апр", 4), W("май", 5), W("июн", 6),
	W("июл", 7), W("авг", 8), W("сен", 9), W("окт", 10), W("ноя", 11), W("дек", 12),
	W("январь", 1), W("февраль", 2), W("март", 3), W("апрель", 4), W("июнь", 6),
	W("июль", 7), W("август", 8), W("сентябрь", 9), W("октябрь", 10), W("ноябрь", 11),
	W("декабрь", 12), W("февр", 2), W("сент", 9), W("нояб", 11), W("Jänner", 1),
};
static const struct word WEEKDAYS[] = {
	W("Monday", 0), W("Tuesday", 0), W("Wednesday", 0), W("Thursday", 0), W("Friday", 0),
	W("Saturday", 0), W("Sunday", 0), W("Mon", 0), W("Tue", 0), W("Wed", 0), W("Thu", 0),
	W("Fri", 0), W("Sat", 0), W("Sun", 0), W("Montag", 0), W("Dienstag", 0),
	W("Mittwoch", 0), W("Donnerstag", 0), W("Freitag", 0), W("Samstag", 0),
	W("Sonnabend", 0), W("Sonntag", 0), W("Mo", 0), W("Di", 0), W("Mi", 0), W("Do", 0),
	W("Fr", 0), W("Sa", 0), W("So", 0), W("lundi", 0), W("mardi", 0), W("mercredi", 0),
	W("jeudi", 0), W("vendredi", 0), W("samedi", 0), W("dimanche", 0), W("lun", 0),
	W("mar", 0), W("mer", 0), W("jeu", 0), W("ven", 0), W("sam", 0), W("dim", 0),
	W("lunes", 0), W("martes", 0), W("miércoles", 0), W("jueves", 0), W("viernes", 0),
	W("sábado", 0), W("domingo", 0), W("mié", 0), W("jue", 0), W("vie", 0), W("sáb", 0),
	W("dom", 0), W("lunedì", 0), W("martedì", 0), W("mercoledì", 0), W("giovedì", 0),
	W("venerdì", 0), W("sabato", 0), W("domenica", 0), W("gio", 0), W("sab", 0),
	W("maandag", 0), W("dinsdag", 0), W("woensdag", 0), W("donderdag", 0), W("vrijdag", 0),
	W("zaterdag", 0), W("zondag", 0), W("ma", 0), W("wo", 0), W("vr", 0), W("za", 0),
	W("zo", 0), W("segunda-feira", 0), W("terça-feira", 0), W("quarta-feira", 0),
	W("quinta-feira", 0), W("sexta-feira", 0), W("poniedziałek", 0), W("wtorek", 0),
	W("środa", 0), W("czwartek", 0), W("piątek", 0), W("sobota", 0), W("niedziela", 0),
	W("pon", 0), W("wt", 0), W("śr", 0), W("czw", 0), W("pt", 0), W("sob", 0), W("niedz", 0),
	W("понедельник", 0), W("вторник", 0), W("среда", 0), W("четверг", 0), W("пятница", 0),
	W("суббота", 0), W("воскресенье", 0), W("пн", 0), W("вт", 0), W("ср", 0), W("чт", 0),
	W("пт", 0), W("сб", 0), W("вс", 0), W("月曜日", 0), W("火曜日", 0), W("水曜日", 0), W("木曜日", 0),
	W("金曜日", 0), W("土曜日", 0), W("日曜日", 0), W("星期一", 0), W("星期二", 0), W("星期三", 0),
	W("星期四", 0), W("星期五", 0), W("星期六", 0), W("星期日", 0), W("星期天", 0), W("周一", 0), W("周二", 0),
	W("周三", 0), W("周四", 0), W("周五", 0), W("周六", 0), W("周日", 0), W("週一", 0), W("週二", 0),
	W("週三", 0), W("週四", 0), W("週五", 0), W("週六", 0), W("週日", 0), W("월요일", 0), W("화요일", 0),
	W("수요일", 0), W("목요일", 0), W("금요일", 0), W("토요일", 0), W("일요일", 0),
};
/* In brackets alone: two of them are units of a date as well. */
static const struct word SHORT_WEEKDAYS[] = {W("月", 0), W("火", 0), W("水", 0), W("木", 0),
	W("金", 0), W("土", 0), W("日", 0), W("월", 0), W("화", 0), W("수", 0), W("목", 0),
	W("금", 0), W("토", 0), W("일", 0)};
static const struct word MORNINGS[] = {
	W("AM", 0), W("a.m.", 0), W("a. m.", 0), W("午前", 0), W("上午", 0), W("오전", 0), W("πμ", 0),
	W("ص", 0), W("ق.ظ", 0), W("dop.", 0), W("de.", 0), W("vm.", 0), W("ÖÖ", 0), W("PD", 0),
	W("SA", 0), W("पूर्वाह्न", 0), W("e paradites", 0),
};
static const struct word EVENINGS[] = {
	W("PM", 0), W("p.m.", 0), W("p. m.", 0), W("午後", 0), W("下午", 0), W("오후", 0), W("μμ", 0),
	W("م", 0), W("ب.ظ", 0), W("odp.", 0), W("du.", 0), W("nm.", 0), W("ÖS", 0), W("MD", 0),
	W("CH", 0), W("अपराह्न", 0), W("e pasdites", 0),
};
static const struct word ZONES[] = {
	W("GMT", 0), W("UTC", 0),
};
static const struct word FILLERS[] = {
	W("de", 0), W("del", 0), W("of", 0), W("den", 0), W("at", 0), W("um", 0), W("à", 0),
	W("às", 0), W("alle", 0), W("om", 0), W("o", 0), W("в", 0), W("kl.", 0), W("klo", 0),
	W("Uhr", 0), W("г.", 0), W("г", 0), W("року", 0), W("р.", 0), W("le", 0), W("el", 0),
	W("h", 0),
};
static const struct word YEARS[] = {W("年", 0), W("년", 0)};
static const struct word MONTH_UNITS[] = {W("月", 0), W("월", 0)};
static const struct word DAY_UNITS[] = {W("日", 0), W("일", 0)};
static const struct word HOUR_UNITS[] = {W("時", 0), W("时", 0), W("시", 0)};
static const struct word MINUTE_UNITS[] = {W("分", 0), W("분", 0)};
static const struct word SECOND_UNITS[] = {W("秒", 0), W("초", 0)};
/* clang-format on */

static const struct {
	const struct word *words;
	size_t count;
} LISTS[DATE_WORDS] = {
	[DATE_WORD_MONTH] = {MONTHS, COUNT(MONTHS)},
	[DATE_WORD_WEEKDAY] = {WEEKDAYS, COUNT(WEEKDAYS)},
	[DATE_WORD_SHORT_WEEKDAY] = {SHORT_WEEKDAYS, COUNT(SHORT_WEEKDAYS)},
	[DATE_WORD_MORNING] = {MORNINGS, COUNT(MORNINGS)},
	[DATE_WORD_EVENING] = {EVENINGS, COUNT(EVENINGS)},
	[DATE_WORD_ZONE] = {ZONES, COUNT(ZONES)},
	[DATE_WORD_FILLER] = {FILLERS, COUNT(FILLERS)},
	[DATE_WORD_YEAR] = {YEARS, COUNT(YEARS)},
	[DATE_WORD_MONTH_UNIT] = {MONTH_UNITS, COUNT(MONTH_UNITS)},
	[DATE_WORD_DAY_UNIT] = {DAY_UNITS, COUNT(DAY_UNITS)},
	[DATE_WORD_HOUR_UNIT] = {HOUR_UNITS, COUNT(HOUR_UNITS)},
	[DATE_WORD_MINUTE_UNIT] = {MINUTE_UNITS, COUNT(MINUTE_UNITS)},
	[DATE_WORD_SECOND_UNIT] = {SECOND_UNITS, COUNT(SECOND_UNITS)},
};

/* Lower case for the letters of the languages above: Latin with its accents, Greek, Cyrillic. */
static uint32_t
fold(uint32_t c)
{
	if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) ||
		(c >= 0x391 && c <= 0x3a9) || (c >= 0x410 && c <= 0x42f))
		return c + 0x20;
	if (c >= 0x100 && c < 0x138)
		return c | 1;
	if ((c >= 0x139 && c < 0x149) || (c >= 0x179 && c < 0x17f))
		return c + (c & 1);
	return c >= 0x14a && c < 0x178 ? c | 1 : c;
}

static bool
is_ascii_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool
is_ascii_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Most words are told from the text by their first letter: case changes one bit of an ASCII letter
 * and never makes one of another. */
static bool
may_begin(struct span text, struct span word)
{
	unsigned char differ = (unsigned char)(text.p[0] ^ word.p[0]);
	bool any_ascii = ((unsigned char)text.p[0] & (unsigned char)word.p[0] & 0x80) == 0;
	return !any_ascii || (differ & ~0x20) == 0;
}

/* The length in text of the word, 0 where it does not stand at its start. */
static size_t
word_length(struct span text, struct span word)
{
	size_t length = 0;
	bool ends_in_letter = is_ascii_letter(word.p[word.n - 1]);
	while (word.n > 0) {
		uint32_t a, b;
		size_t n = utf8_decode(span_from(text, length), &a), m = utf8_decode(word, &b);
		if (n == 0 || fold(a) != fold(b))
			return 0;
		length += n;
		word = span_from(word, m);
	}
	bool goes_on = ends_in_letter && length < text.n &&
		       (is_ascii_letter(text.p[length]) || is_ascii_digit(text.p[length]));
	return goes_on ? 0 : length;
}

size_t
date_word(struct span text, enum date_word wanted, unsigned *month)
{
	size_t longest = 0;
	unsigned char first = text.n ? (unsigned char)text.p[0] : 0;
	if (first < 'A') /* digits, blanks and most signs: no word begins so */
		return 0;
	for (size_t i = 0; i < LISTS[wanted].count; i++) {
		const struct word *word = &LISTS[wanted].words[i];
		size_t n = may_begin(text, word->text) ? word_length(text, word->text) : 0;
		if (n > longest) {
			longest = n;
			*month = word->month;
		}
	}
	return longest;
}
