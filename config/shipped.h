#ifndef CONFIG_SHIPPED_H
#define CONFIG_SHIPPED_H

#include "daemon/base/span.h"

/* The text of packaging/etc/rules.yml, as it was when this was built. */
struct span
shipped_rules(void);

#endif
