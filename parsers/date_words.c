#include "parsers/date_words.h"

#include "parsers/utf8.h"

#define MONTH	DATE_WORD_MONTH
#define WEEKDAY DATE_WORD_WEEKDAY
#define MORNING DATE_WORD_MORNING
#define EVENING DATE_WORD_EVENING
#define ZONE	DATE_WORD_ZONE
#define FILLER	DATE_WORD_FILLER

static const struct word {
	const char *text;
	enum date_word kind;
	unsigned month;
} WORDS[] = {
	/* clang-format off */
	{"January", MONTH, 1}, {"February", MONTH, 2}, {"March", MONTH, 3}, {"April", MONTH, 4},
	{"May", MONTH, 5}, {"June", MONTH, 6}, {"July", MONTH, 7}, {"August", MONTH, 8},
	{"September", MONTH, 9}, {"October", MONTH, 10}, {"November", MONTH, 11},
	{"December", MONTH, 12}, {"Jan", MONTH, 1}, {"Feb", MONTH, 2}, {"Mar", MONTH, 3},
	{"Apr", MONTH, 4}, {"Jun", MONTH, 6}, {"Jul", MONTH, 7}, {"Aug", MONTH, 8},
	{"Sep", MONTH, 9}, {"Oct", MONTH, 10}, {"Nov", MONTH, 11}, {"Dec", MONTH, 12},
	{"Januar", MONTH, 1}, {"Februar", MONTH, 2}, {"März", MONTH, 3}, {"Mai", MONTH, 5},
	{"Juni", MONTH, 6}, {"Juli", MONTH, 7}, {"Oktober", MONTH, 10}, {"Dezember", MONTH, 12},
	{"Jän", MONTH, 1}, {"Mrz", MONTH, 3}, {"Okt", MONTH, 10}, {"Dez", MONTH, 12},
	{"janvier", MONTH, 1}, {"février", MONTH, 2}, {"mars", MONTH, 3}, {"avril", MONTH, 4},
	{"juin", MONTH, 6}, {"juillet", MONTH, 7}, {"août", MONTH, 8}, {"septembre", MONTH, 9},
	{"octobre", MONTH, 10}, {"novembre", MONTH, 11}, {"décembre", MONTH, 12},
	{"janv", MONTH, 1}, {"févr", MONTH, 2}, {"avr", MONTH, 4}, {"juil", MONTH, 7},
	{"sept", MONTH, 9}, {"déc", MONTH, 12}, {"enero", MONTH, 1}, {"febrero", MONTH, 2},
	{"marzo", MONTH, 3}, {"abril", MONTH, 4}, {"mayo", MONTH, 5}, {"junio", MONTH, 6},
	{"julio", MONTH, 7}, {"agosto", MONTH, 8}, {"septiembre", MONTH, 9},
	{"octubre", MONTH, 10}, {"noviembre", MONTH, 11}, {"diciembre", MONTH, 12},
	{"ene", MONTH, 1}, {"abr", MONTH, 4}, {"ago", MONTH, 8}, {"dic", MONTH, 12},
	{"gennaio", MONTH, 1}, {"febbraio", MONTH, 2}, {"aprile", MONTH, 4},
	{"maggio", MONTH, 5}, {"giugno", MONTH, 6}, {"luglio", MONTH, 7},
	{"settembre", MONTH, 9}, {"ottobre", MONTH, 10}, {"dicembre", MONTH, 12},
	{"gen", MONTH, 1}, {"mag", MONTH, 5}, {"giu", MONTH, 6}, {"lug", MONTH, 7},
	{"set", MONTH, 9}, {"ott", MONTH, 10}, {"januari", MONTH, 1}, {"februari", MONTH, 2},
	{"maart", MONTH, 3}, {"mei", MONTH, 5}, {"augustus", MONTH, 8}, {"mrt", MONTH, 3},
	{"janeiro", MONTH, 1}, {"fevereiro", MONTH, 2}, {"março", MONTH, 3}, {"maio", MONTH, 5},
	{"junho", MONTH, 6}, {"julho", MONTH, 7}, {"setembro", MONTH, 9}, {"outubro", MONTH, 10},
	{"novembro", MONTH, 11}, {"dezembro", MONTH, 12}, {"fev", MONTH, 2}, {"out", MONTH, 10},
	{"stycznia", MONTH, 1}, {"lutego", MONTH, 2}, {"marca", MONTH, 3},
	{"kwietnia", MONTH, 4}, {"maja", MONTH, 5}, {"czerwca", MONTH, 6}, {"lipca", MONTH, 7},
	{"sierpnia", MONTH, 8}, {"września", MONTH, 9}, {"października", MONTH, 10},
	{"listopada", MONTH, 11}, {"grudnia", MONTH, 12}, {"sty", MONTH, 1}, {"lut", MONTH, 2},
	{"kwi", MONTH, 4}, {"maj", MONTH, 5}, {"cze", MONTH, 6}, {"lip", MONTH, 7},
	{"sie", MONTH, 8}, {"wrz", MONTH, 9}, {"paź", MONTH, 10}, {"lis", MONTH, 11},
	{"gru", MONTH, 12}, {"styczeń", MONTH, 1}, {"luty", MONTH, 2}, {"marzec", MONTH, 3},
	{"kwiecień", MONTH, 4}, {"czerwiec", MONTH, 6}, {"lipiec", MONTH, 7},
	{"sierpień", MONTH, 8}, {"wrzesień", MONTH, 9}, {"październik", MONTH, 10},
	{"listopad", MONTH, 11}, {"grudzień", MONTH, 12}, {"января", MONTH, 1},
	{"февраля", MONTH, 2}, {"марта", MONTH, 3}, {"апреля", MONTH, 4}, {"мая", MONTH, 5},
	{"июня", MONTH, 6}, {"июля", MONTH, 7}, {"августа", MONTH, 8}, {"сентября", MONTH, 9},
	{"октября", MONTH, 10}, {"ноября", MONTH, 11}, {"декабря", MONTH, 12}, {"янв", MONTH, 1},
	{"фев", MONTH, 2}, {"мар", MONTH, 3}, {"апр", MONTH, 4}, {"май", MONTH, 5},
	{"июн", MONTH, 6}, {"июл", MONTH, 7}, {"авг", MONTH, 8}, {"сен", MONTH, 9},
	{"окт", MONTH, 10}, {"ноя", MONTH, 11}, {"дек", MONTH, 12}, {"январь", MONTH, 1},
	{"февраль", MONTH, 2}, {"март", MONTH, 3}, {"апрель", MONTH, 4}, {"июнь", MONTH, 6},
	{"июль", MONTH, 7}, {"август", MONTH, 8}, {"сентябрь", MONTH, 9}, {"октябрь", MONTH, 10},
	{"ноябрь", MONTH, 11}, {"декабрь", MONTH, 12}, {"февр", MONTH, 2}, {"сент", MONTH, 9},
	{"нояб", MONTH, 11}, {"Jänner", MONTH, 1}, {"Monday", WEEKDAY, 0},
	{"Tuesday", WEEKDAY, 0}, {"Wednesday", WEEKDAY, 0}, {"Thursday", WEEKDAY, 0},
	{"Friday", WEEKDAY, 0}, {"Saturday", WEEKDAY, 0}, {"Sunday", WEEKDAY, 0},
	{"Mon", WEEKDAY, 0}, {"Tue", WEEKDAY, 0}, {"Wed", WEEKDAY, 0}, {"Thu", WEEKDAY, 0},
	{"Fri", WEEKDAY, 0}, {"Sat", WEEKDAY, 0}, {"Sun", WEEKDAY, 0}, {"Montag", WEEKDAY, 0},
	{"Dienstag", WEEKDAY, 0}, {"Mittwoch", WEEKDAY, 0}, {"Donnerstag", WEEKDAY, 0},
	{"Freitag", WEEKDAY, 0}, {"Samstag", WEEKDAY, 0}, {"Sonnabend", WEEKDAY, 0},
	{"Sonntag", WEEKDAY, 0}, {"Mo", WEEKDAY, 0}, {"Di", WEEKDAY, 0}, {"Mi", WEEKDAY, 0},
	{"Do", WEEKDAY, 0}, {"Fr", WEEKDAY, 0}, {"Sa", WEEKDAY, 0}, {"So", WEEKDAY, 0},
	{"lundi", WEEKDAY, 0}, {"mardi", WEEKDAY, 0}, {"mercredi", WEEKDAY, 0},
	{"jeudi", WEEKDAY, 0}, {"vendredi", WEEKDAY, 0}, {"samedi", WEEKDAY, 0},
	{"dimanche", WEEKDAY, 0}, {"lun", WEEKDAY, 0}, {"mar", WEEKDAY, 0}, {"mer", WEEKDAY, 0},
	{"jeu", WEEKDAY, 0}, {"ven", WEEKDAY, 0}, {"sam", WEEKDAY, 0}, {"dim", WEEKDAY, 0},
	{"lunes", WEEKDAY, 0}, {"martes", WEEKDAY, 0}, {"miércoles", WEEKDAY, 0},
	{"jueves", WEEKDAY, 0}, {"viernes", WEEKDAY, 0}, {"sábado", WEEKDAY, 0},
	{"domingo", WEEKDAY, 0}, {"mié", WEEKDAY, 0}, {"jue", WEEKDAY, 0}, {"vie", WEEKDAY, 0},
	{"sáb", WEEKDAY, 0}, {"dom", WEEKDAY, 0}, {"lunedì", WEEKDAY, 0},
	{"martedì", WEEKDAY, 0}, {"mercoledì", WEEKDAY, 0}, {"giovedì", WEEKDAY, 0},
	{"venerdì", WEEKDAY, 0}, {"sabato", WEEKDAY, 0}, {"domenica", WEEKDAY, 0},
	{"gio", WEEKDAY, 0}, {"sab", WEEKDAY, 0}, {"maandag", WEEKDAY, 0},
	{"dinsdag", WEEKDAY, 0}, {"woensdag", WEEKDAY, 0}, {"donderdag", WEEKDAY, 0},
	{"vrijdag", WEEKDAY, 0}, {"zaterdag", WEEKDAY, 0}, {"zondag", WEEKDAY, 0},
	{"ma", WEEKDAY, 0}, {"wo", WEEKDAY, 0}, {"vr", WEEKDAY, 0}, {"za", WEEKDAY, 0},
	{"zo", WEEKDAY, 0}, {"segunda-feira", WEEKDAY, 0}, {"terça-feira", WEEKDAY, 0},
	{"quarta-feira", WEEKDAY, 0}, {"quinta-feira", WEEKDAY, 0}, {"sexta-feira", WEEKDAY, 0},
	{"poniedziałek", WEEKDAY, 0}, {"wtorek", WEEKDAY, 0}, {"środa", WEEKDAY, 0},
	{"czwartek", WEEKDAY, 0}, {"piątek", WEEKDAY, 0}, {"sobota", WEEKDAY, 0},
	{"niedziela", WEEKDAY, 0}, {"pon", WEEKDAY, 0}, {"wt", WEEKDAY, 0}, {"śr", WEEKDAY, 0},
	{"czw", WEEKDAY, 0}, {"pt", WEEKDAY, 0}, {"sob", WEEKDAY, 0}, {"niedz", WEEKDAY, 0},
	{"понедельник", WEEKDAY, 0}, {"вторник", WEEKDAY, 0}, {"среда", WEEKDAY, 0},
	{"четверг", WEEKDAY, 0}, {"пятница", WEEKDAY, 0}, {"суббота", WEEKDAY, 0},
	{"воскресенье", WEEKDAY, 0}, {"пн", WEEKDAY, 0}, {"вт", WEEKDAY, 0}, {"ср", WEEKDAY, 0},
	{"чт", WEEKDAY, 0}, {"пт", WEEKDAY, 0}, {"сб", WEEKDAY, 0}, {"вс", WEEKDAY, 0},
	{"月曜日", WEEKDAY, 0}, {"火曜日", WEEKDAY, 0}, {"水曜日", WEEKDAY, 0}, {"木曜日", WEEKDAY, 0},
	{"金曜日", WEEKDAY, 0}, {"土曜日", WEEKDAY, 0}, {"日曜日", WEEKDAY, 0}, {"星期一", WEEKDAY, 0},
	{"星期二", WEEKDAY, 0}, {"星期三", WEEKDAY, 0}, {"星期四", WEEKDAY, 0}, {"星期五", WEEKDAY, 0},
	{"星期六", WEEKDAY, 0}, {"星期日", WEEKDAY, 0}, {"星期天", WEEKDAY, 0}, {"周一", WEEKDAY, 0},
	{"周二", WEEKDAY, 0}, {"周三", WEEKDAY, 0}, {"周四", WEEKDAY, 0}, {"周五", WEEKDAY, 0},
	{"周六", WEEKDAY, 0}, {"周日", WEEKDAY, 0}, {"週一", WEEKDAY, 0}, {"週二", WEEKDAY, 0},
	{"週三", WEEKDAY, 0}, {"週四", WEEKDAY, 0}, {"週五", WEEKDAY, 0}, {"週六", WEEKDAY, 0},
	{"週日", WEEKDAY, 0}, {"월요일", WEEKDAY, 0}, {"화요일", WEEKDAY, 0}, {"수요일", WEEKDAY, 0},
	{"목요일", WEEKDAY, 0}, {"금요일", WEEKDAY, 0}, {"토요일", WEEKDAY, 0}, {"일요일", WEEKDAY, 0},
	{"AM", MORNING, 0}, {"a.m.", MORNING, 0}, {"a. m.", MORNING, 0}, {"午前", MORNING, 0},
	{"上午", MORNING, 0}, {"오전", MORNING, 0}, {"πμ", MORNING, 0}, {"ص", MORNING, 0},
	{"ق.ظ", MORNING, 0}, {"dop.", MORNING, 0}, {"de.", MORNING, 0}, {"vm.", MORNING, 0},
	{"ÖÖ", MORNING, 0}, {"PD", MORNING, 0}, {"SA", MORNING, 0}, {"पूर्वाह्न", MORNING, 0},
	{"e paradites", MORNING, 0}, {"PM", EVENING, 0}, {"p.m.", EVENING, 0},
	{"p. m.", EVENING, 0}, {"午後", EVENING, 0}, {"下午", EVENING, 0}, {"오후", EVENING, 0},
	{"μμ", EVENING, 0}, {"م", EVENING, 0}, {"ب.ظ", EVENING, 0}, {"odp.", EVENING, 0},
	{"du.", EVENING, 0}, {"nm.", EVENING, 0}, {"ÖS", EVENING, 0}, {"MD", EVENING, 0},
	{"CH", EVENING, 0}, {"अपराह्न", EVENING, 0}, {"e pasdites", EVENING, 0},
	{"GMT", ZONE, 0}, {"UTC", ZONE, 0}, {"de", FILLER, 0}, {"del", FILLER, 0},
	{"of", FILLER, 0}, {"den", FILLER, 0}, {"at", FILLER, 0}, {"um", FILLER, 0},
	{"à", FILLER, 0}, {"às", FILLER, 0}, {"alle", FILLER, 0}, {"om", FILLER, 0},
	{"o", FILLER, 0}, {"в", FILLER, 0}, {"kl.", FILLER, 0}, {"klo", FILLER, 0},
	{"Uhr", FILLER, 0}, {"г.", FILLER, 0}, {"г", FILLER, 0}, {"року", FILLER, 0},
	{"р.", FILLER, 0}, {"le", FILLER, 0}, {"el", FILLER, 0}, {"h", FILLER, 0},
	{"年", DATE_WORD_YEAR, 0}, {"년", DATE_WORD_YEAR, 0}, {"月", DATE_WORD_MONTH_UNIT, 0},
	{"월", DATE_WORD_MONTH_UNIT, 0}, {"日", DATE_WORD_DAY_UNIT, 0},
	{"일", DATE_WORD_DAY_UNIT, 0}, {"時", DATE_WORD_HOUR_UNIT, 0},
	{"时", DATE_WORD_HOUR_UNIT, 0}, {"시", DATE_WORD_HOUR_UNIT, 0},
	{"分", DATE_WORD_MINUTE_UNIT, 0}, {"분", DATE_WORD_MINUTE_UNIT, 0},
	{"秒", DATE_WORD_SECOND_UNIT, 0}, {"초", DATE_WORD_SECOND_UNIT, 0},
	/* clang-format on */
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
date_word(struct span text, enum date_word wanted, enum date_word *kind, unsigned *month)
{
	size_t longest = 0;
	for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++) {
		const struct word *word = &WORDS[i];
		if (wanted != DATE_WORD_NONE && word->kind != wanted)
			continue;
		size_t n = word_length(text, span_of(word->text));
		if (n > longest) {
			longest = n;
			*kind = word->kind;
			*month = word->month;
		}
	}
	return longest;
}
