package import Glibc

/// What a terminal's line discipline makes of single bytes of input (termios(3); Linux's n_tty).
package struct LineDiscipline: Sendable, Equatable {
  /// What becomes of one byte.
  package enum Effect: Sendable, Equatable {
    /// It goes to the reader, in line mode as a part of the line.
    case text
    /// It ends the line, which the reader then gets.
    case endsLine
    /// It takes the last character of the line back, or the last word.
    case erases
    /// It takes back the whole line: by its own character, or as a signal does.
    case kills
    /// It makes the next byte a text, whatever it is.
    case quotes
    /// It goes nowhere.
    case vanishes
  }

  /// Bytes of a line, its end not counted, that are kept in line mode; the rest of a longer line is dropped (n_tty keeps 4,096 with the end).
  package static let longestLine = 4095

  private let input: tcflag_t
  private let local: tcflag_t
  private let characters: [UInt8]

  /// ICANON: input comes in lines.
  package var isCanonical: Bool { has(ICANON) }

  package init(_ settings: termios) {
    input = settings.c_iflag
    local = settings.c_lflag
    characters = withUnsafeBytes(of: settings.c_cc) { Array($0) }
  }

  private func has(_ flag: Int32) -> Bool { local & tcflag_t(flag) != 0 }

  /// The byte of one of the special characters; nil when it is switched off.
  private func special(_ index: Int32) -> UInt8? {
    let byte = characters[Int(index)]
    return byte == 0 ? nil : byte
  }

  private func isOne(_ byte: UInt8, of indices: [Int32]) -> Bool { indices.contains { special($0) == byte } }

  package func effect(of typed: UInt8) -> Effect {
    let byte = input & tcflag_t(ISTRIP) != 0 ? typed & 0x7F : typed
    if input & tcflag_t(IXON) != 0, isOne(byte, of: [VSTART, VSTOP]) { return .vanishes }
    if has(ISIG), isOne(byte, of: [VINTR, VQUIT, VSUSP]) { return has(NOFLSH) ? .vanishes : .kills }
    var received = byte
    if byte == 0x0D {
      if input & tcflag_t(IGNCR) != 0 { return .vanishes }
      if input & tcflag_t(ICRNL) != 0 { received = 0x0A }
    } else if byte == 0x0A, input & tcflag_t(INLCR) != 0 {
      received = 0x0D
    }
    guard isCanonical else { return .text }
    if received == 0x0A || isOne(received, of: [VEOF, VEOL]) { return .endsLine }
    if special(VERASE) == received { return .erases }
    if special(VKILL) == received { return .kills }
    guard has(IEXTEN) else { return .text }
    if special(VLNEXT) == received { return .quotes }
    if special(VWERASE) == received { return .erases }
    if special(VEOL2) == received { return .endsLine }
    return special(VREPRINT) == received && has(ECHO) ? .vanishes : .text
  }

  /// The byte that takes the line back in line mode; nil when none does.
  package var kill: UInt8? { special(VKILL) }

  /// The byte that makes the next one a text in line mode; nil when none does.
  package var quote: UInt8? { has(IEXTEN) ? special(VLNEXT) : nil }

  /// Whether the reader may get anything of what is typed.
  package func sends(_ bytes: [UInt8]) -> Bool { !isCanonical || bytes.contains { effect(of: $0) == .endsLine } }

  /// Whether a byte of a paste would be acted on rather than read. Where the program does not take a paste as one piece
  /// (`isBracketed`), its line editor may act on the terminal's special characters although the kernel does not; then all of
  /// them count.
  package func actsOn(_ byte: UInt8, isBracketed: Bool) -> Bool {
    // The ends of lines are what a paste may have.
    if byte == 0x0A || byte == 0x0D || byte == 0x09 { return false }
    if !isBracketed {
      let all = [
        VINTR, VQUIT, VSUSP, VEOF, VERASE, VKILL, VEOL, VEOL2, VWERASE, VLNEXT, VREPRINT, VDISCARD, VSTART, VSTOP,
      ]
      if isOne(byte, of: all) { return true }
    }
    return effect(of: byte) != .text
  }
}

extension PseudoTerminal {
  /// nil when the terminal is gone.
  package static func lineDiscipline(of master: CInt) -> LineDiscipline? {
    var settings = termios()
    guard tcgetattr(master, &settings) == 0 else { return nil }
    return LineDiscipline(settings)
  }
}
