#!/usr/bin/env python3
"""Writes ColorNames.swift of the engine from X11's list of colours.

Reads /etc/X11/rgb.txt (Debian's package `x11-common`) or the file given as first argument and prints the Swift file:

    Tools/generate-color-names.py > Sources/TerminalEngine/ColorNames.swift

Names are kept in small letters without blanks, as X compares them, and every grey is a gray.

X servers since 2014 have the names of CSS in their own table (os/oscolor.c), which that file does not list: they are added here.
"""
import re
import sys

CSS_NAMES = {
    "aqua": "00ffff", "crimson": "dc143c", "fuchsia": "ff00ff", "indigo": "4b0082", "lime": "00ff00", "olive": "808000",
    "rebeccapurple": "663399", "silver": "c0c0c0", "teal": "008080", "webgray": "808080", "webgreen": "008000",
    "webmaroon": "800000", "webpurple": "800080", "x11gray": "bebebe", "x11green": "00ff00", "x11maroon": "b03060",
    "x11purple": "a020f0",
}


def main():
    names = dict(CSS_NAMES)
    with open(sys.argv[1] if len(sys.argv) > 1 else "/etc/X11/rgb.txt", encoding="ascii") as file:
        for line in file:
            match = re.match(r"\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S.*?)\s*$", line)
            if not match:
                continue
            color = "%02x%02x%02x" % tuple(int(channel) for channel in match.group(1, 2, 3))
            name = match[4].lower().replace(" ", "").replace("grey", "gray")
            assert names.setdefault(name, color) == color, name
    lines, line = [], ""
    for name, color in sorted(names.items()):
        entry = f"{name}:{color} "
        if len(line) + len(entry) > 114:
            lines.append(line)
            line = ""
        line += entry
    lines.append(line)
    body = "\n".join(f"    {each}\\" for each in lines[:-1]) + f"\n    {lines[-1].rstrip()}"
    print(TEMPLATE.replace("@NAMES@", body).replace("@COUNT@", str(len(names))), end="")


TEMPLATE = '''// Made by Tools/generate-color-names.py from X11's rgb.txt and the X server's table; change the generator, not this file.
// swift-format-ignore-file

/// The names that X11 has for colours.
enum ColorNames {
  /// The colour of a name, however it is written: case and blanks do not count.
  static func color(_ name: ArraySlice<UInt8>) -> RGB? {
    // No name is longer.
    guard name.count <= 40 else { return nil }
    var plain: [UInt8] = []
    for byte in name where byte != 0x20 { plain.append(byte &- 0x41 < 26 ? byte | 0x20 : byte) }
    if plain.count >= 4 {
      // Every grey is a gray.
      for index in 0...(plain.count - 4) where plain[index..<(index + 4)].elementsEqual("grey".utf8) {
        plain[index + 2] = 0x61
      }
    }
    return known[String(decoding: plain, as: UTF8.self)]
  }

  private static let known: [String: RGB] = {
    var colors: [String: RGB] = [:]
    colors.reserveCapacity(@COUNT@)
    for entry in list.split(separator: " ") {
      let parts = entry.split(separator: ":")
      let value = UInt32(parts[1], radix: 16) ?? 0
      colors[String(parts[0])] = RGB(
        UInt8(truncatingIfNeeded: value >> 16), UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value))
    }
    return colors
  }()

  /// @COUNT@ names, each with its value.
  private static let list = """
@NAMES@
    """
}
'''

if __name__ == "__main__":
    main()
