#include "daemon/base/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

static bool
find_symbols(const struct library *library, void *handle, struct err *err)
{
	for (size_t i = 0; i < library->count; i++) {
		void *found = dlsym(handle, library->symbols[i].name);
		if (!found)
			return err_set(err, "cannot use %s: it has no %s", library->file,
				library->symbols[i].name);
		memcpy(library->symbols[i].pointer, &found, sizeof found);
	}
	return true;
}

bool
library_load(struct library *library, struct err *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	if (library->loaded)
		return true;
	pthread_mutex_lock(&lock);
	void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
	bool ok = handle ? find_symbols(library, handle, err)
			 : err_set(err, "cannot load a library: %s", dlerror());
	if (ok)
		library->loaded = true;
	pthread_mutex_unlock(&lock);
	return ok;
}
