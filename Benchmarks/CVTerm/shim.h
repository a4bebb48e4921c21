#pragma once
// libvterm with a history, as a C program would keep one with the least effort: every line that scrolls off is encoded
// as UTF-8 text and runs of equal style in one exact allocation, in a ring of a fixed number of lines.
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <vterm.h>

typedef struct {
  VTerm *vt;
  VTermScreen *screen;
  uint8_t **lines;
  uint32_t *sizes;
  size_t capacity, next, bytes;
} ReferenceTerminal;

static inline size_t reference_utf8(uint8_t *out, uint32_t c) {
  if (c < 0x80) { out[0] = c; return 1; }
  if (c < 0x800) { out[0] = 0xC0 | c >> 6; out[1] = 0x80 | (c & 63); return 2; }
  if (c < 0x10000) { out[0] = 0xE0 | c >> 12; out[1] = 0x80 | (c >> 6 & 63); out[2] = 0x80 | (c & 63); return 3; }
  out[0] = 0xF0 | c >> 18; out[1] = 0x80 | (c >> 12 & 63); out[2] = 0x80 | (c >> 6 & 63); out[3] = 0x80 | (c & 63);
  return 4;
}

static inline int reference_push_line(int columns, const VTermScreenCell *cells, void *user) {
  ReferenceTerminal *t = user;
  uint8_t text[1000 * 24], runs[1000 * 14];
  size_t text_size = 0, runs_size = 0;
  int end = columns < 1000 ? columns : 1000;
  while (end > 0 && cells[end - 1].chars[0] == 0 && memcmp(&cells[end - 1].bg, &cells[0].bg, sizeof cells->bg) == 0) end--;
  const VTermScreenCell *last = NULL;
  for (int i = 0; i < end; i += cells[i].width ? cells[i].width : 1) {
    const VTermScreenCell *cell = &cells[i];
    if (!last || memcmp(&cell->attrs, &last->attrs, sizeof cell->attrs) || memcmp(&cell->fg, &last->fg, sizeof cell->fg)
        || memcmp(&cell->bg, &last->bg, sizeof cell->bg)) {
      memcpy(runs + runs_size, &cell->attrs, 4);
      memcpy(runs + runs_size + 4, &cell->fg, 4);
      memcpy(runs + runs_size + 8, &cell->bg, 4);
      runs[runs_size + 12] = i & 255;
      runs[runs_size + 13] = i >> 8;
      runs_size += 14;
      last = cell;
    }
    if (cell->chars[0] == 0) text[text_size++] = ' ';
    for (int k = 0; k < VTERM_MAX_CHARS_PER_CELL && cell->chars[k]; k++)
      text_size += reference_utf8(text + text_size, cell->chars[k]);
  }
  uint8_t *line = malloc(text_size + runs_size + 2);
  line[0] = text_size & 255;
  line[1] = text_size >> 8;
  memcpy(line + 2, text, text_size);
  memcpy(line + 2 + text_size, runs, runs_size);
  t->bytes += text_size + runs_size + 2 - t->sizes[t->next];
  free(t->lines[t->next]);
  t->lines[t->next] = line;
  t->sizes[t->next] = text_size + runs_size + 2;
  t->next = (t->next + 1) % t->capacity;
  return 1;
}

static inline ReferenceTerminal *reference_new(int rows, int columns, size_t history) {
  static const VTermScreenCallbacks callbacks = {.sb_pushline = reference_push_line};
  ReferenceTerminal *t = calloc(1, sizeof *t);
  t->capacity = history;
  t->lines = calloc(history, sizeof *t->lines);
  t->sizes = calloc(history, sizeof *t->sizes);
  t->vt = vterm_new(rows, columns);
  vterm_set_utf8(t->vt, 1);
  t->screen = vterm_obtain_screen(t->vt);
  vterm_screen_enable_altscreen(t->screen, 1);
  vterm_screen_set_callbacks(t->screen, &callbacks, t);
  // Nobody listens for damage, and merging none of it is then the cheapest for libvterm.
  vterm_screen_set_damage_merge(t->screen, VTERM_DAMAGE_CELL);
  vterm_screen_reset(t->screen, 1);
  return t;
}

static inline void reference_feed(ReferenceTerminal *t, const void *bytes, size_t count) {
  vterm_input_write(t->vt, bytes, count);
}

static inline size_t reference_history_bytes(const ReferenceTerminal *t) { return t->bytes; }

static inline void reference_free(ReferenceTerminal *t) {
  vterm_free(t->vt);
  for (size_t i = 0; i < t->capacity; i++) free(t->lines[i]);
  free(t->lines);
  free(t->sizes);
  free(t);
}

// Bytes that the C heap has given out, mapped blocks included.
static inline size_t heap_in_use(void) {
  struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}
