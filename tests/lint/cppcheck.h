/* The loops of uthash and jansson, in a form that cppcheck can read without their headers. */
#define HASH_ITER(hh, head, item, next)                                      \
	for ((item) = (head), (next) = (item) ? (item)->hh.next : 0; (item); \
		(item) = (next), (next) = (item) ? (item)->hh.next : 0)
#define json_array_foreach(array, i, value) \
	for ((i) = 0; (i) < json_array_size(array) && ((value) = json_array_get(array, i)); (i)++)
#define json_object_foreach(object, key, value)                                            \
	for ((key) = json_object_iter_key(json_object_iter(object));                       \
		(key) && ((value) = json_object_iter_value(json_object_key_to_iter(key))); \
		(key) = json_object_iter_key(                                              \
			json_object_iter_next(object, json_object_key_to_iter(key))))
