/* What clang-tidy's analyzer cannot see by itself: that err_set and its like return false. */
#include "daemon/base/err.h"

#define err_set(...)	 ((err_set)(__VA_ARGS__), false)
#define err_system(...)	 ((err_system)(__VA_ARGS__), false)
#define err_context(...) ((err_context)(__VA_ARGS__), false)
