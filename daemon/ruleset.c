#include "daemon/ruleset.h"

#include "config/suggest.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

static bool
find_event(const struct config_rule *rule, enum event_kind *event, struct config_problems *problems)
{
	if (event_from_name(rule->event, event))
		return true;
	struct suggest suggest = suggest_start(rule->event);
	for (int kind = EVENT_NONE + 1; kind < EVENT_KINDS; kind++)
		suggest_offer(&suggest, event_name((enum event_kind)kind));
	if (suggest.best)
		config_problems_add(problems, rule->event_place, false,
			"event: there is no \"%s\"; did you mean \"%s\"?", rule->event,
			suggest.best);
	else
		config_problems_add(problems, rule->event_place, false, "event: there is no \"%s\"",
			rule->event);
	return false;
}

static bool
find_severity(const struct config_rule *rule, const char *name, struct config_problems *problems)
{
	struct suggest suggest = suggest_start(name);
	for (int severity = 0; severity < SEVERITIES; severity++)
		suggest_offer(&suggest, severity_name((enum severity)severity));
	if (suggest.best)
		config_problems_add(problems, rule->severity_place, false,
			"severity: there is no \"%s\"; did you mean \"%s\"?", name, suggest.best);
	else
		config_problems_add(problems, rule->severity_place, false,
			"severity: there is no \"%s\"; .NET writes %s, %s, %s, %s …", name,
			severity_name(SEVERITY_CRITICAL), severity_name(SEVERITY_ERROR),
			severity_name(SEVERITY_WARNING), severity_name(SEVERITY_INFORMATION));
	return false;
}

static bool
define(const struct config_rule *rule, struct rule_definition *definition,
	struct config_problems *problems)
{
	*definition = (struct rule_definition){
		.name = rule->name,
		.pattern = rule->pattern,
		.contains = rule->contains,
		.cause = rule->cause,
		.advice = rule->advice,
		.against_record = rule->against == CONFIG_AGAINST_RECORD,
		.provisional = rule->provisional,
	};
	bool ok = find_event(rule, &definition->event, problems);
	for (size_t i = 0; i < rule->severity.count; i++) {
		const char *name = rule->severity.item[i];
		enum severity severity;
		if (severity_from_name(span_of(name), &severity))
			definition->severities |= UINT32_C(1) << severity;
		else
			ok = find_severity(rule, name, problems);
	}
	return ok;
}

/* Compiles one alone, so that each that is wrong is found, at the key that is wrong. */
static bool
try_alone(const struct config_rule *rule, struct rule_definition definition,
	struct config_problems *problems)
{
	struct err err = ERR_INIT, ignored = ERR_INIT;
	if (rules_try(&definition, &err))
		return true;
	definition.cause = NULL;
	bool without_cause = rules_try(&definition, &ignored);
	config_problems_add(problems, without_cause ? rule->cause_place : rule->pattern_place,
		false, "rule %s: %s", rule->name, err.text);
	return false;
}

static bool
define_all(const struct config *config, struct rule_definition *definitions,
	struct config_problems *problems)
{
	bool ok = true;
	for (size_t i = 0; i < config->rule_count; i++) {
		bool is_defined = define(&config->rules[i], &definitions[i], problems);
		ok = try_alone(&config->rules[i], definitions[i], problems) && is_defined && ok;
	}
	return ok;
}

struct rules *
ruleset_compile(const struct config *config, struct config_problems *problems)
{
	struct rule_definition *definitions = mem_array(config->rule_count, sizeof *definitions);
	struct rules *rules = NULL;
	if (define_all(config, definitions, problems)) {
		struct err err = ERR_INIT;
		size_t failed = 0;
		rules = rules_new(definitions, config->rule_count, &failed, &err);
		if (!rules)
			config_problems_add(problems, config->rules[failed].place, false,
				"rule %s: %s", config->rules[failed].name, err.text);
	}
	free(definitions);
	return rules;
}

void
ruleset_check(const struct config *config, struct config_problems *problems)
{
	rules_free(ruleset_compile(config, problems));
}
