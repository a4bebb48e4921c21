#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Where and why a document was refused. `message` is NUL-terminated, without a full stop; line and column count from 1, and are 0 when unknown.
struct ctoml_error {
  uint32_t line;
  uint32_t column;
  char message[256];
};

/// A TOML 1.0 document as JSON, NUL-terminated, to be given to free(); NULL with `error` filled when it is refused.
///
/// Every value is an object with its kind as the name of the last member: {"line":1,"column":1,"table":[{"key":"a","line":1,"column":1,"value":…}]},
/// "array":[…], "string":"…", "integer":1, "float":"1.5", "boolean":true, "date":"2026-11-21".
char *ctoml_json(const char *bytes, size_t count, struct ctoml_error *error);

#ifdef __cplusplus
}
#endif
