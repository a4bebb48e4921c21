#!/usr/bin/env python3
"""Turns Alacritty's reference tests into the compact form under Tests/Conformance/alacritty.

    Tools/convert-alacritty-grid.py alacritty/alacritty_terminal/tests/ref Tests/Conformance/alacritty

Each case of the source is a folder with `alacritty.recording`, `size.json`, `config.json` and `grid.json` (hundreds of
kilobytes of JSON for one screen, bottom line first). Each becomes `NAME.recording`, copied as it is, and `NAME.grid`:

    size ROWS COLUMNS
    history LINES
    row [wrapped]              one for every line, the oldest of the history first, the bottom of the screen last
    STYLE<TAB>TEXT             runs of equal style; blank default cells at the end of a row are left out

STYLE is `-` or words: fg=N bg=N uc=N (palette entry) or fg=#rrggbb…, bold faint italic inverse invisible strikethrough,
underline=single|double|curly|dotted|dashed, link=URI. TEXT is plain UTF-8; a wide character is written once and followed by
its combining characters, a tab that Alacritty keeps in a cell is written as a blank.
"""
import json
import pathlib
import shutil
import sys

NAMED = {name: number for number, name in enumerate(
    [tone + color for tone in ("", "Bright")
     for color in ("Black", "Red", "Green", "Yellow", "Blue", "Magenta", "Cyan", "White")])}
DEFAULTS = ("Foreground", "Background")
FLAGS = {
    "BOLD": "bold", "DIM": "faint", "ITALIC": "italic", "INVERSE": "inverse", "HIDDEN": "invisible",
    "STRIKEOUT": "strikethrough", "UNDERLINE": "underline=single", "DOUBLE_UNDERLINE": "underline=double",
    "UNDERCURL": "underline=curly", "DOTTED_UNDERLINE": "underline=dotted", "DASHED_UNDERLINE": "underline=dashed",
    "DIM_BOLD": "bold faint", "BOLD_ITALIC": "bold italic", "WIDE_CHAR": None, "WRAPLINE": None,
}
SPACERS = {"WIDE_CHAR_SPACER", "LEADING_WIDE_CHAR_SPACER"}


def color(word, value):
    if value is None:
        return []
    kind, content = next(iter(value.items()))
    if kind == "Named":
        return [] if content in DEFAULTS else [f"{word}={NAMED[content]}"]
    if kind == "Indexed":
        return [f"{word}={content}"]
    return ["%s=#%02x%02x%02x" % (word, content["r"], content["g"], content["b"])]


def cell_run(cell):
    """(style, text) of a cell, or None for the second half of a wide character."""
    flags = [flag for flag in cell["flags"].split(" | ") if flag]
    if SPACERS & set(flags):
        return None
    extra = cell.get("extra") or {}
    words = color("fg", cell["fg"]) + color("bg", cell["bg"]) + color("uc", extra.get("underline_color"))
    words += [FLAGS[flag] for flag in flags if FLAGS[flag]]
    if extra.get("hyperlink"):
        words.append("link=" + extra["hyperlink"]["inner"]["uri"])
    character = " " if cell["c"] in "\t\0" else cell["c"]
    return " ".join(words) or "-", character + "".join(extra.get("zerowidth", []))


def convert(folder, target):
    size = json.loads((folder / "size.json").read_text())
    history = json.loads((folder / "config.json").read_text())["history_size"]
    raw = json.loads((folder / "grid.json").read_text())["raw"]
    assert raw["zero"] == 0, "rows do not start at the bottom of the screen"
    lines = [f"size {size['screen_lines']} {size['columns']}", f"history {history}"]
    for row in reversed(raw["inner"][:raw["len"]]):
        wrapped = "WRAPLINE" in row["inner"][-1]["flags"]
        lines.append("row wrapped" if wrapped else "row")
        runs = []
        for style, text in filter(None, map(cell_run, row["inner"])):
            if runs and runs[-1][0] == style:
                runs[-1][1] += text
            else:
                runs.append([style, text])
        if runs and runs[-1][0] == "-":
            runs[-1][1] = runs[-1][1].rstrip(" ")
        lines += [f"{style}\t{text}" for style, text in runs if text]
    (target / f"{folder.name}.grid").write_text("\n".join(lines) + "\n")
    shutil.copyfile(folder / "alacritty.recording", target / f"{folder.name}.recording")


def main():
    source, target = map(pathlib.Path, sys.argv[1:3])
    target.mkdir(parents=True, exist_ok=True)
    for folder in sorted(path.parent for path in source.glob("*/grid.json")):
        convert(folder, target)


if __name__ == "__main__":
    main()
