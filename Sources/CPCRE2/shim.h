#pragma once
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

// Swift does not import macros that cast.
static const uint32_t roost_pcre2_utf = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF;
static const uint32_t roost_pcre2_multiline = PCRE2_MULTILINE;
static const uint32_t roost_pcre2_literal = PCRE2_LITERAL;
// Calls back before every item, so that what a match costs can be counted.
static const uint32_t roost_pcre2_counted = PCRE2_AUTO_CALLOUT;
