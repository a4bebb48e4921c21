import Glibc
import Sys
import Testing

@testable import Sessions

/// The modes of a terminal as the kernel makes it, or in raw mode.
private func discipline(raw: Bool = false, _ change: (inout termios) -> Void = { _ in }) -> LineDiscipline {
  var settings = termios()
  settings.c_iflag = tcflag_t(ICRNL | IXON)
  settings.c_lflag = tcflag_t(ISIG | ICANON | ECHO | IEXTEN)
  let characters: [(Int32, UInt8)] = [
    (VINTR, 3), (VQUIT, 0x1C), (VERASE, 0x7F), (VKILL, 0x15), (VEOF, 4), (VSTART, 0x11), (VSTOP, 0x13), (VSUSP, 0x1A),
    (VREPRINT, 0x12), (VDISCARD, 0x0F), (VWERASE, 0x17), (VLNEXT, 0x16), (VMIN, 1),
  ]
  for (index, byte) in characters { setSpecial(&settings, index, byte) }
  if raw { cfmakeraw(&settings) }
  change(&settings)
  return LineDiscipline(settings)
}

private func setSpecial(_ settings: inout termios, _ index: Int32, _ byte: UInt8) {
  withUnsafeMutableBytes(of: &settings.c_cc) { $0[Int(index)] = byte }
}

@Suite("Pastes")
struct PasteTests {
  private func paste(
    _ text: String, bracketed: Bool = true, _ discipline: LineDiscipline? = discipline(raw: true), raw: Bool = false
  ) -> String {
    let bytes = Paste.bytes(of: text, isBracketed: bracketed, discipline: discipline, isRaw: raw)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test("control characters become blanks, line ends what Enter sends", arguments: [true, false])
  func controls(bracketed: Bool) {
    for value in (0...0x9F) where value < 0x20 || value >= 0x7F {
      let scalar = Unicode.Scalar(UInt8(value))
      let kept = ["\t": "\t", "\n": "\r", "\r": "\r"][scalar] ?? " "
      let text = paste("a\(Character(scalar))b", bracketed: bracketed)
      #expect(text == (bracketed ? "\u{1B}[200~a\(kept)b\u{1B}[201~" : "a\(kept)b"), "\(value)")
    }
    #expect(paste("x\r\ny\n\nz", bracketed: false) == "x\ry\r\rz")
    #expect(paste("größe 日本 👍🏽 \u{A0}", bracketed: false) == "größe 日本 👍🏽 \u{A0}")
  }

  @Test("a raw paste keeps them")
  func raw() {
    #expect(paste("a\u{1B}[31mb\u{3}\n", raw: true) == "\u{1B}[200~a\u{1B}[31mb\u{3}\r\u{1B}[201~")
  }

  @Test("what the terminal's line discipline acts on is blank too, whatever character it is")
  func specialCharacters() {
    let remapped = discipline { settings in
      setSpecial(&settings, VINTR, UInt8(ascii: "x"))
      setSpecial(&settings, VERASE, UInt8(ascii: "#"))
    }
    #expect(paste("ax#b", bracketed: true, remapped) == "\u{1B}[200~a  b\u{1B}[201~")
    // In raw mode the kernel acts on none, and a program that takes a paste as one piece does not either.
    let raw = discipline(raw: true) { setSpecial(&$0, VERASE, UInt8(ascii: "#")) }
    #expect(paste("a#b", bracketed: true, raw) == "\u{1B}[200~a#b\u{1B}[201~")
    #expect(paste("a#b", bracketed: false, raw) == "a b")
    // Half of a character is never left.
    let upper = discipline { setSpecial(&$0, VINTR, 0xC3) }
    #expect(paste("aéb", bracketed: false, upper) == "a b")
  }
}

@Suite("The line that is being typed")
struct PendingLineTests {
  private let full = [UInt8](repeating: 0x61, count: LineDiscipline.longestLine)

  @Test("a line is counted over several pieces, to its end")
  func counting() {
    var line = PendingLine()
    #expect(line.take(Array("abc".utf8), discipline()) == 3)
    #expect(line.take(full, discipline()) == LineDiscipline.longestLine + 3)
    for end: UInt8 in [0x0D, 0x0A, 4, 3, 0x15] {
      line.clear()
      #expect(line.take(full + [end], discipline()) == LineDiscipline.longestLine)
      #expect(line.bytes == 0, "\(end)")
    }
    #expect(line.take(full + [0x7F, 0x61], discipline()) == LineDiscipline.longestLine)
    // ctrl+V makes what follows a part of the line.
    line.clear()
    #expect(line.take([0x16, 3, 0x16, 0x0D], discipline()) == 2)
    #expect(line.bytes == 2)
  }

  @Test("where the terminal is not in line mode nothing is pending")
  func rawMode() {
    var line = PendingLine()
    #expect(line.take(full + full, discipline(raw: true)) == 0)
    #expect(line.bytes == 0)
  }

  @Test("of what does not fit only text is left out")
  func fitting() {
    var line = PendingLine()
    #expect(
      line.takeFitting(full + Array("xy".utf8) + [0x7F, 0x7A, 0x79, 0x0D, 0x62], discipline()) == full + [
        0x7F, 0x7A, 0x0D, 0x62,
      ])
    #expect(line.bytes == 1)
  }

  @Test("CR ends a line only where the terminal makes a line feed of it")
  func carriageReturn() {
    var line = PendingLine()
    _ = line.take([0x61, 0x0D], discipline { $0.c_iflag &= ~tcflag_t(ICRNL) })
    #expect(line.bytes == 2)
    _ = line.take([0x0A], discipline())
    #expect(line.bytes == 0)
  }
}

@Suite("What looks like a prompt")
struct PromptTextTests {
  @Test(
    "prompts of shells, debuggers, interpreters and installers",
    arguments: [
      "$ ", "# ", "user@host:~$ ", "(gdb) ", "> ", "... ", "sqlite> ", "postgres=# ", "Password: ", "Password:",
      "Continue? ", "Continue? [Y/n] ", "Overwrite (yes/no)? ", "proceed (y/n) ", "user% ", "❯ ", "In [1]: ",
      "Enter passphrase for key '/root/.ssh/id': ", "mysql> ", "irb(main):001:0> ", "login: ", "(Pdb) ",
    ])
  func prompts(_ text: String) {
    #expect(PromptText.isPrompt(text))
  }

  @Test(
    "what a working program leaves is none",
    arguments: [
      "", "   ", "working", "Loading 45%", "Loading 45% ", "done.", "Building...", "[ok]", "copied 3 files (2 left)",
      "a > b", "100 > ", String(repeating: "x", count: 200) + "$ ", "total:      ", "step (3) ",
    ])
  func others(_ text: String) {
    #expect(!PromptText.isPrompt(text))
  }
}
