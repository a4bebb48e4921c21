/// Breaks a paragraph into lines of at most `width` columns; a longer word stands alone on its line.
func wrapped(_ paragraph: String, width: Int) -> [String] {
  var lines: [String] = []
  var line = ""
  var lineWidth = 0
  for word in paragraph.split(whereSeparator: { $0 == " " || $0 == "\n" }) {
    let wordWidth = displayWidth(String(word))
    if lineWidth > 0, lineWidth + 1 + wordWidth > width {
      lines.append(line)
      line = ""
      lineWidth = 0
    }
    if lineWidth > 0 {
      line += " "
      lineWidth += 1
    }
    line += word
    lineWidth += wordWidth
  }
  if lineWidth > 0 { lines.append(line) }
  return lines
}

/// Paragraphs, which an empty line separates; one that begins with a space is kept as it is written.
func paragraphs(_ text: String) -> [String] {
  var result: [String] = []
  var lines: [Substring] = []
  for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
    if line.isEmpty {
      if !lines.isEmpty { result.append(lines.joined(separator: "\n")) }
      lines = []
    } else {
      lines.append(line)
    }
  }
  if !lines.isEmpty { result.append(lines.joined(separator: "\n")) }
  return result
}

func padded(_ text: String, to width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - displayWidth(text)))
}

/// Two columns: terms, and what they mean, wrapped beside them or, where a term is long, below it.
func definitionList(_ items: [(term: String, meaning: String)], indent: Int, width: Int) -> [String] {
  // Terms wider than this have their meaning on the next line, so that one long term does not push all to the right.
  let widestTerm = 28
  let column = (items.map { displayWidth($0.term) }.filter { $0 <= widestTerm }.max() ?? 0) + indent + 2
  let margin = String(repeating: " ", count: indent)
  let hanging = String(repeating: " ", count: column)
  var lines: [String] = []
  for item in items {
    var meaning = wrapped(item.meaning, width: max(20, width - column))[...]
    if displayWidth(item.term) > widestTerm {
      lines.append(margin + item.term)
    } else {
      lines.append(trimmedEnd(padded(margin + item.term, to: column) + (meaning.popFirst() ?? "")))
    }
    lines += meaning.map { hanging + $0 }
  }
  return lines
}

func trimmedEnd(_ text: String) -> String {
  var text = Substring(text)
  while text.last == " " { text.removeLast() }
  return String(text)
}
