#define _GNU_SOURCE
#include "CSys.h"

#include <string.h>

const void *csys_find(const void *bytes, size_t count, const void *wanted, size_t wanted_count) {
  return memmem(bytes, count, wanted, wanted_count);
}

const void *csys_find_last(const void *bytes, size_t count, int byte) { return memrchr(bytes, byte, count); }
