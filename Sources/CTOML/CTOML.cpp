// Reads TOML with toml++ and prints it as JSON with places, so that Swift sees no C++.
//
// toml++ asserts things that a malformed document breaks ("[=]"), in release as promises to the optimizer. What it asserts, it also checks: so the
// assertions are left out, and NDEBUG, with which they would be promises, is not there.
#undef NDEBUG
#define TOML_ASSERT(expression) static_cast<void>(0)
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_UNRELEASED_FEATURES 0
// Arrays and inline tables in each other. toml++ reads and frees them recursively.
#define TOML_MAX_NESTED_VALUES 16
#include <toml++/toml.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <sstream>
#include <string>

#include "CTOML.h"

namespace {

// Parts of one dotted key. toml++ has no bound of its own and frees the tables that they make recursively: a megabyte of "a.a.a." would end
// the process.
constexpr size_t most_dots = 16;
// Tables and arrays in each other, in what is printed.
constexpr size_t most_levels = 16;
// Values of one document: a configuration has some hundreds.
constexpr size_t most_values = 20000;

void refuse(ctoml_error *error, uint32_t line, uint32_t column, const char *message) {
  error->line = line;
  error->column = column;
  std::strncpy(error->message, message, sizeof error->message - 1);
  error->message[sizeof error->message - 1] = 0;
}

// Whether every dotted key is short enough. Strings and comments are passed over as the parser does; what is malformed, the parser refuses.
bool keys_are_short(const char *bytes, size_t count, ctoml_error *error) {
  size_t dots = 0;
  uint32_t line = 1;
  for (size_t at = 0; at < count; at++) {
    const char byte = bytes[at];
    switch (byte) {
      case '\n':
        line++;
        [[fallthrough]];
      case '=': case ',': case '{': case '}': case '[': case ']':
        dots = 0;
        break;
      case '.':
        if (++dots <= most_dots) break;
        refuse(error, line, 0, "a dotted key has too many parts");
        return false;
      case '#':
        while (at + 1 < count && bytes[at + 1] != '\n') at++;
        break;
      case '"': case '\'': {
        const bool is_long = at + 2 < count && bytes[at + 1] == byte && bytes[at + 2] == byte;
        at += is_long ? 3 : 1;
        for (; at < count; at++) {
          if (bytes[at] == '\n') {
            line++;
            // The parser refuses a short string that does not end on its line.
            if (!is_long) return true;
          } else if (bytes[at] == '\\' && byte == '"') {
            // An escaped line end still ends the line.
            if (at + 1 < count && bytes[at + 1] != '\n') at++;
          } else if (bytes[at] == byte) {
            if (!is_long) break;
            if (at + 2 < count && bytes[at + 1] == byte && bytes[at + 2] == byte) {
              at += 2;
              // One or two quotes more belong to the string.
              while (at + 1 < count && bytes[at + 1] == byte) at++;
              break;
            }
          }
        }
        break;
      }
      default: break;
    }
  }
  return true;
}

class Printer {
 public:
  std::string json;
  bool is_too_deep = false;
  bool is_too_large = false;
  uint32_t line = 0;

  void print(const toml::node &node, size_t level) {
    if (is_too_deep || is_too_large) return;
    if (level > most_levels || ++values > most_values) {
      (level > most_levels ? is_too_deep : is_too_large) = true;
      line = node.source().begin.line;
      return;
    }
    json += '{';
    place(node.source());
    if (const auto *table = node.as_table()) {
      json += "\"table\":[";
      bool is_first = true;
      for (const auto &[key, value] : *table) {
        if (!is_first) json += ',';
        is_first = false;
        json += "{\"key\":";
        text(key.str());
        json += ',';
        place(key.source());
        json += "\"value\":";
        print(value, level + 1);
        json += '}';
      }
      json += ']';
    } else if (const auto *array = node.as_array()) {
      json += "\"array\":[";
      bool is_first = true;
      for (const auto &value : *array) {
        if (!is_first) json += ',';
        is_first = false;
        print(value, level + 1);
      }
      json += ']';
    } else if (const auto *string = node.as_string()) {
      json += "\"string\":";
      text(string->get());
    } else if (const auto *integer = node.as_integer()) {
      json += "\"integer\":" + std::to_string(integer->get());
    } else if (const auto *boolean = node.as_boolean()) {
      json += boolean->get() ? "\"boolean\":true" : "\"boolean\":false";
    } else {
      std::ostringstream stream;
      const char *kind = "date";
      if (const auto *number = node.as_floating_point()) {
        kind = "float";
        stream << number->get();
      } else if (const auto *date = node.as_date()) {
        stream << date->get();
      } else if (const auto *time = node.as_time()) {
        stream << time->get();
      } else if (const auto *both = node.as_date_time()) {
        stream << both->get();
      }
      json += '"';
      json += kind;
      json += "\":";
      text(stream.str());
    }
    json += '}';
  }

 private:
  size_t values = 0;

  void place(const toml::source_region &region) {
    json += "\"line\":" + std::to_string(region.begin.line) + ",\"column\":" + std::to_string(region.begin.column) + ",";
  }

  void text(std::string_view bytes) {
    static const char digits[] = "0123456789abcdef";
    json += '"';
    for (const char signed_byte : bytes) {
      const auto byte = static_cast<unsigned char>(signed_byte);
      if (byte == '"' || byte == '\\') {
        json += '\\';
        json += signed_byte;
      } else if (byte < 0x20 || byte == 0x7f) {
        json += "\\u00";
        json += digits[byte >> 4];
        json += digits[byte & 15];
      } else {
        json += signed_byte;
      }
    }
    json += '"';
  }
};

}  // namespace

char *ctoml_json(const char *bytes, size_t count, ctoml_error *error) {
  refuse(error, 0, 0, "");
  if (!keys_are_short(bytes, count, error)) return nullptr;
  const toml::parse_result result = toml::parse(std::string_view(bytes, count));
  if (!result) {
    const auto &failure = result.error();
    refuse(error, failure.source().begin.line, failure.source().begin.column, std::string(failure.description()).c_str());
    return nullptr;
  }
  Printer printer;
  printer.print(result.table(), 0);
  if (printer.is_too_deep || printer.is_too_large) {
    refuse(error, printer.line, 0, printer.is_too_deep ? "its tables and arrays nest too deeply" : "it has too many values");
    return nullptr;
  }
  char *copy = static_cast<char *>(std::malloc(printer.json.size() + 1));
  if (copy == nullptr) {
    refuse(error, 0, 0, "there is no memory left");
    return nullptr;
  }
  std::memcpy(copy, printer.json.c_str(), printer.json.size() + 1);
  return copy;
}
