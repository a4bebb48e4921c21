import TerminalEngine
import Testing

/// Titles: how they are set, kept on a stack and, where it is allowed, told. Values measured in xterm 379.
@Suite("Titles")
struct TitleTests {
  private static func terminal(reporting: Bool = true) -> Terminal {
    var options = TerminalOptions()
    options.allowsTitleReports = reporting
    return Terminal(size: TerminalSize(rows: 4, columns: 20), options: options)
  }

  @Test("a title is told only where that is allowed")
  func reports() {
    var silent = Self.terminal(reporting: false)
    silent.feed("\u{1B}]0;rm -rf ~\u{7}\u{1B}[20t\u{1B}[21t")
    #expect(silent.hasReplies == false)
    var open = Self.terminal()
    open.feed("\u{1B}]1;icon\u{7}\u{1B}]2;title\u{7}\u{1B}[20t\u{1B}[21t")
    #expect(String(decoding: open.takeReplies(), as: UTF8.self) == "\u{1B}]Licon\u{1B}\\\u{1B}]ltitle\u{1B}\\")
  }

  @Test("titles are set and told in hexadecimal where a program says so, until a reset")
  func hexadecimal() {
    var terminal = Self.terminal()
    terminal.feed("\u{1B}[>0t\u{1B}]2;61C3A9\u{7}")
    #expect(terminal.title == "aé")
    terminal.feed("\u{1B}]2;616\u{7}\u{1B}]2;zz\u{7}")
    #expect(terminal.title == "aé")
    terminal.feed("\u{1B}]2;1B61\u{7}")
    #expect(terminal.title == "a")
    terminal.feed("\u{1B}[>1t\u{1B}[21t")
    #expect(String(decoding: terminal.takeReplies(), as: UTF8.self) == "\u{1B}]l61\u{1B}\\")
    terminal.feed("\u{1B}[>0;1T\u{1B}]2;6162\u{7}\u{1B}[21t")
    #expect(String(decoding: terminal.takeReplies(), as: UTF8.self) == "\u{1B}]l6162\u{1B}\\")
    terminal.feed("\u{1B}[>0;1t\u{1B}c\u{1B}]2;ab\u{7}\u{1B}[21t")
    #expect(String(decoding: terminal.takeReplies(), as: UTF8.self) == "\u{1B}]lab\u{1B}\\")
  }

  @Test(
    "names pushed one after the other come back together, and one entry goes at a time",
    arguments: [
      (["22;0", "23;1", "23;2"], "Ia", "Wb"), (["22;0", "23;2", "23;1"], "Ib", "Wa"),
      (["22;1", "22;2", "23;0"], "Ia", "Wb"),
      (["22;1", "22;1", "23;1", "23;1"], "Ia", "Wc"), (["22;1", "22;2", "23;2", "23;1"], "Ia", "Wb"),
      (["22;0", "22;1", "23;0", "23;0"], "Ia", "Wa"), (["22;1", "23;2", "23;1"], "Ib", "Wa"),
      (["22;2", "23;0"], "Ia", "Wa"),
      (["22;3", "23;3"], "Ib", "Wb"),
    ])
  func stack(_ operations: [String], _ icon: String, _ title: String) {
    var terminal = Self.terminal()
    terminal.feed("\u{1B}]1;Ia\u{7}\u{1B}]2;Wa\u{7}")
    for (index, operation) in operations.enumerated() {
      terminal.feed("\u{1B}[\(operation)t")
      let letter = ["b", "c"][min(index, 1)]
      if operation.hasPrefix("22") { terminal.feed("\u{1B}]1;I\(letter)\u{7}\u{1B}]2;W\(letter)\u{7}") }
    }
    #expect(terminal.iconName == icon)
    #expect(terminal.title == title)
  }
}
