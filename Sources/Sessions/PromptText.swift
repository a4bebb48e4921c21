/// Whether a text that stands before the cursor ends as prompts do.
///
/// That proves nothing, and is named accordingly wherever it is told: a program may print `Working: ` and work.
enum PromptText {
  /// What prompts of shells, debuggers, interpreters, installers and login programs end in.
  private static let ends = ["$", "#", "%", ">", ":", "?", "❯", "➜", "»", "λ", "]", ")"]
  /// A prompt is a short thing; a long line that ends so is a text.
  private static let longest = 160

  /// - Parameter line: the cursor's line up to the cursor, blanks included.
  static func isPrompt(_ line: String) -> Bool {
    let text = line.drop { $0 == " " }
    guard !text.isEmpty, text.count <= longest else { return false }
    var body = text[...]
    while body.last == " " { body.removeLast() }
    guard let end = body.last else { return false }
    let blanks = text.count - body.count
    switch end {
    // Few put more than a blank or two between a prompt and what is typed.
    case _ where blanks > 2: return false
    // `[y/N]` and `(yes/no)`: a choice, with a blank behind it.
    case "]", ")": return blanks > 0 && isChoice(body)
    // Python and Node ask for the rest of a statement so; a program that works says of what.
    case ".": return blanks > 0 && body == "..."
    // `Loading 45%` and `100 >` have a number there.
    case "%": return blanks > 0 && lastWord(of: body.dropLast()).last?.isNumber != true
    case ">": return blanks > 0 && !isNumber(lastWord(of: body.dropLast()))
    default: return ends.contains(String(end)) && (blanks > 0 || end == ":" || end == "?" || end == "$" || end == "#")
    }
  }

  /// What line editors of shells ask for one key by: zsh's correction and `rm *`, lists of completions that do not fit, readline's pager.
  private static let questions = ["[nyae]?", "[yn]?", "(y or n)", "lines)?", "possibilities?", "--More--"]

  /// Whether a line editor asks for a key that means yes or no, so that nothing else should be typed.
  static func isQuestion(_ line: String) -> Bool {
    var body = line[...]
    while body.last == " " { body.removeLast() }
    return questions.contains { body.hasSuffix($0) }
  }

  private static func lastWord(of text: Substring) -> Substring {
    text.split(separator: " ").last ?? ""
  }

  /// `100` and `2.5`, but not the `irb(main):001:0` of a prompt.
  private static func isNumber(_ word: Substring) -> Bool {
    word.contains(where: \.isNumber) && word.allSatisfy { $0.isNumber || $0 == "." || $0 == "," }
  }

  /// A bracket with a few choices in it, `[Y/n]`, or the name of a debugger, `(gdb)`.
  private static func isChoice(_ body: Substring) -> Bool {
    guard let open = body.lastIndex(where: { $0 == "[" || $0 == "(" }) else { return false }
    let inside = body[body.index(after: open)...].dropLast()
    guard !inside.isEmpty, inside.count <= 40 else { return false }
    let isName = open == body.startIndex && inside.allSatisfy { $0.isLetter || $0 == "-" || $0 == "_" }
    return isName || inside.contains("/") || inside.count <= 3 && inside.allSatisfy { $0.isLetter }
  }
}
