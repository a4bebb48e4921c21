/// The names of keys, and what is no name although it looks like one.
enum KeyNames {
  /// Names without modifiers, for help and completion.
  static let all: [String] =
    [
      "enter", "tab", "escape", "space", "backspace", "delete", "insert", "up", "down", "left", "right", "home", "end",
      "pageup", "pagedown",
    ] + (1...35).map { "f\($0)" } + keypad.keys.sorted()

  /// A key of the numeric keypad: what it gives, the letter it sends after SS3 in application mode (xterm ctlseqs, "VT220-Style Function
  /// Keys"), and its number in the kitty keyboard protocol.
  struct KeypadKey {
    var text: String?
    var letter: Character
    var number: Int
  }

  static let keypad: [String: KeypadKey] = {
    var keys = [
      "kpenter": KeypadKey(text: nil, letter: "M", number: 57414),
      "kpplus": KeypadKey(text: "+", letter: "k", number: 57413),
      "kpminus": KeypadKey(text: "-", letter: "m", number: 57412),
      "kpmultiply": KeypadKey(text: "*", letter: "j", number: 57411),
      "kpdivide": KeypadKey(text: "/", letter: "o", number: 57410),
      "kpdecimal": KeypadKey(text: ".", letter: "n", number: 57409),
      "kpcomma": KeypadKey(text: ",", letter: "l", number: 57416),
      "kpequal": KeypadKey(text: "=", letter: "X", number: 57415),
    ]
    for (digit, letter) in "pqrstuvwxy".enumerated() {
      keys["kp\(digit)"] = KeypadKey(text: "\(digit)", letter: letter, number: 57399 + digit)
    }
    return keys
  }()

  private static let aliases = [
    "return": "enter", "cr": "enter", "esc": "escape", "bs": "backspace", "bspace": "backspace", "del": "delete",
    "ins": "insert", "pgup": "pageup", "page_up": "pageup", "ppage": "pageup", "pgdn": "pagedown",
    "page_down": "pagedown", "npage": "pagedown", "arrowup": "up", "arrowdown": "down", "arrowleft": "left",
    "arrowright": "right", "btab": "backtab", "backtab": "backtab", "kpadd": "kpplus", "kpsubtract": "kpminus",
    "kpseparator": "kpcomma",
  ]
  private static let known = Set(all)

  /// The key of a name or of another word for it.
  static func key(_ name: some StringProtocol) -> String? {
    var name = name.lowercased()
    if name.hasPrefix("kp_") { name.remove(at: name.index(name.startIndex, offsetBy: 2)) }
    return aliases[name] ?? (known.contains(name) ? name : nil)
  }

  private static let words: [(String, KeyPress.Modifiers)] = [
    ("ctrl", .ctrl), ("control", .ctrl), ("alt", .alt), ("meta", .alt), ("shift", .shift), ("c", .ctrl), ("m", .alt),
    ("s", .shift),
  ]

  /// The modifiers that a name begins with, and the rest of it.
  static func modifiers(of name: some StringProtocol) -> (KeyPress.Modifiers, Substring) {
    var rest = Substring(name)
    var modifiers = KeyPress.Modifiers()
    scan: while true {
      for (word, modifier) in words {
        let end = rest.dropFirst(word.count)
        // A letter alone is one with the hyphen, as emacs and tmux write it: `C-x` is a key, `c++` is none.
        guard rest.prefix(word.count).lowercased() == word, end.first == "-" || end.first == "+" && word.count > 1,
          end.count > 1
        else { continue }
        modifiers.insert(modifier)
        rest = end.dropFirst()
        continue scan
      }
      return (modifiers, rest)
    }
  }

  // MARK: what is mistyped

  /// What is meant by an element of `session.keys` that names no key.
  enum Reading: Equatable {
    case text
    /// It looks like a key and is none; with the names nearest to it.
    case mistyped([String])
  }

  /// Words that other tools have as modifiers, and Roost does not.
  private static let foreignModifiers = ["super", "cmd", "command", "win", "hyper", "option", "opt", "fn"]
  /// Words that are a letter away from a name, and words nonetheless.
  private static let ordinary: Set = ["inset", "inert", "scape", "pace"]
  /// Names that other tools have for keys, and that are no words.
  private static let foreignNames = ["spacebar": "space", "linefeed": "ctrl+j"]
  private static let longestName = 32

  /// A text is whatever nobody would write for a key: what has a blank in it other than around a `+` (`ctrl + c`), and every word but the
  /// following. A modifier with `+` and more than one character (`ctrl+foo`, `super+x`), or a letter away from one with `+` and a key
  /// (`ctl+c`); a function key that there is none of (`f99`); a name with two letters swapped, one doubled or one missing (`entre`,
  /// `entr`); a key as other tools write it (`^C`, `<CR>`, `{ENTER}`, `KEY_ENTER`).
  static func reading(_ element: String) -> Reading {
    guard element.count > 1, element.utf8.count <= longestName,
      element.allSatisfy({ $0.isASCII && $0 >= " " && $0 != "\u{7F}" })
    else { return .text }
    if element.contains(" ") { return spread(element) }
    if let wrapped = foreignForm(element) { return .mistyped([wrapped]) }
    let (modifiers, rest) = modifiers(of: element)
    let before = element.dropLast(rest.count)
    if !modifiers.isEmpty {
      if before.hasSuffix("+") { return .mistyped(nearest(to: rest).map { plain(modifiers) + $0 }) }
      return slip(rest).map { .mistyped([plain(modifiers) + $0]) } ?? .text
    }
    let lowered = element.lowercased()
    let word = lowered.prefix { $0 != "+" }
    if word.count < lowered.count, word.count > 1,
      foreignModifiers.contains(String(word)) || words.contains(where: { $0.0 == word })
    {
      return .mistyped([])
    }
    if let meant = slippedModifier(word, lowered.dropFirst(word.count + 1)) { return .mistyped([meant]) }
    if lowered.first == "f", (2...4).contains(lowered.count), lowered.dropFirst().allSatisfy(\.isNumber) {
      return .mistyped(["f1", "f12", "f35"])
    }
    return slip(element[...]).map { .mistyped([$0]) } ?? .text
  }

  /// `ctrl + c`: a key whose parts are apart; all else with a blank in it is text.
  private static func spread(_ element: String) -> Reading {
    let parts = element.split(separator: "+", omittingEmptySubsequences: false).map { part in
      String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
    let joined = parts.joined(separator: "+")
    guard parts.count > 1, !parts.contains(where: { $0.isEmpty || $0.contains(" ") }) else { return .text }
    let (modifiers, rest) = modifiers(of: joined)
    return !modifiers.isEmpty && (rest.count == 1 || key(rest) != nil) ? .mistyped([joined.lowercased()]) : .text
  }

  /// `ctl+c`: what is a letter away from a modifier, before a key. (`salt+pepper` is none.)
  private static func slippedModifier(_ word: Substring, _ rest: Substring) -> String? {
    guard word.count > 2, rest.count == 1 || key(rest) != nil else { return nil }
    let meant = words.first { $0.0.count > 2 && distance(Array(word), Array($0.0)) == 1 }
    return meant.map { plain($0.1) + rest }
  }

  /// `ctrl+alt+`
  private static func plain(_ modifiers: KeyPress.Modifiers) -> String {
    [(KeyPress.Modifiers.ctrl, "ctrl+"), (.alt, "alt+"), (.shift, "shift+")]
      .filter { modifiers.contains($0.0) }.map(\.1).joined()
  }

  /// The name here of a key as vi, emacs and window systems write it: `^C`, `<CR>`, `<C-x>`, `{ENTER}`.
  private static func foreignForm(_ element: String) -> String? {
    if element.count == 2, element.first == "^", let key = element.last, key.isLetter {
      return "ctrl+\(key.lowercased())"
    }
    let lowered = element.lowercased()
    if let name = foreignNames[lowered] { return name }
    // As curses has them.
    if lowered.hasPrefix("key_"), let name = key(lowered.dropFirst(4)) { return name }
    let ends = [("<", ">"), ("{", "}")]
    guard ends.contains(where: { element.hasPrefix($0.0) && element.hasSuffix($0.1) }), element.count > 3 else {
      return nil
    }
    let (modifiers, rest) = modifiers(of: element.dropFirst().dropLast())
    if let name = key(rest) { return plain(modifiers) + name }
    return !modifiers.isEmpty && rest.count == 1 ? plain(modifiers) + rest.lowercased() : nil
  }

  private static let slips: [String: String] = {
    var slips: [String: String] = [:]
    for name in all + ["return"] where name.count >= 3 && !name.hasPrefix("kp") && name.allSatisfy(\.isLetter) {
      let letters = Array(name)
      for index in letters.indices {
        var doubled = letters
        doubled.insert(letters[index], at: index)
        slips[String(doubled)] = name
        if index + 1 < letters.count, letters.count >= 4 {
          var swapped = letters
          swapped.swapAt(index, index + 1)
          slips[String(swapped)] = name
        }
        if index > 0, letters.count >= 5 {
          var missing = letters
          missing.remove(at: index)
          slips[String(missing)] = name
        }
      }
    }
    for word in ordinary.union(all) { slips[word] = nil }
    return slips
  }()

  private static func slip(_ word: Substring) -> String? { slips[word.lowercased()] }

  /// Up to three names that are least different.
  private static func nearest(to word: Substring) -> [String] {
    let word = Array(word.lowercased())
    return all.map { ($0, distance(word, Array($0))) }
      .filter { $0.1 <= max(1, $0.0.count / 2) }
      .sorted { ($0.1, $0.0) < ($1.1, $1.0) }
      .prefix(3).map(\.0)
  }

  /// Letters to be put in, left out or exchanged to make one of the other (Levenshtein).
  private static func distance(_ first: [Character], _ second: [Character]) -> Int {
    var row = Array(0...second.count)
    for (index, letter) in first.enumerated() {
      var diagonal = row[0]
      row[0] = index + 1
      for column in 1..<(second.count + 1) {
        let exchanged = diagonal + (letter == second[column - 1] ? 0 : 1)
        diagonal = row[column]
        row[column] = min(exchanged, diagonal + 1, row[column - 1] + 1)
      }
    }
    return row[second.count]
  }
}
