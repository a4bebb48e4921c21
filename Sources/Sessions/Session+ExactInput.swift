import Sys

/// Input that a program gets as it is, though a terminal stands between.
///
/// In line mode the kernel acts on some characters (ctrl+c, ctrl+d, erase, CR, …): each is typed behind the one that makes the next a text
/// (VLNEXT, ctrl+v). Where there is none, and in a mode where the program takes keys and acts on them itself, such characters are refused.
struct ExactInput {
  /// What to type for one line, or for the last piece of one that has no line's end; for nothing, the end of input.
  ///
  /// Throws ``SessionError/Code/invalidRequest`` for what cannot reach the program as it is.
  static func typed(_ data: [UInt8], _ discipline: LineDiscipline) throws(SessionError) -> [UInt8] {
    guard discipline.isCanonical else {
      guard data.allSatisfy({ ($0 >= 0x20 || $0 == 0x09 || $0 == 0x0A) && $0 != 0x7F }) else {
        throw SessionError(
          .invalidRequest,
          "The program takes keys now, and would act on the control characters in this input; nothing was typed. Put the input in a file, and have the command read that."
        )
      }
      return data.isEmpty ? [0x04] : data.map { $0 == 0x0A ? 0x0D : $0 }
    }
    let quote = (1...31).first { discipline.effect(of: UInt8($0)) == .quotes }.map { UInt8($0) }
    var typed: [UInt8] = []
    typed.reserveCapacity(data.count + 1)
    for byte in data {
      if byte != 0x0A, discipline.effect(of: byte) != .text || byte == 0x0D {
        guard let quote else { throw unquotable }
        typed.append(quote)
      }
      typed.append(byte)
    }
    guard data.last != 0x0A else { return typed }
    // What is typed of a line goes to the reader without a line's end; where nothing is, that is the end.
    let ends = (1...31).map { UInt8($0) }.filter {
      $0 != 0x0A && $0 != 0x0D && discipline.effect(of: $0) == .endsLine
    }
    guard ends.count == 1 else { throw unquotable }
    return typed + ends
  }

  private static var unquotable: SessionError {
    SessionError(
      .invalidRequest,
      "The terminal would act on the control characters in this input, or has none for its end ('stty'); nothing was typed. Put the input in a file, and have the command read that."
    )
  }
}

/// Who reads the input, and how often it had gone to sleep when that was typed.
struct InputReader {
  let process: ProcessID
  private let sleeps: Int

  init?(_ process: ProcessID) {
    guard let sleeps = InputReader.sleeps(process) else { return nil }
    (self.process, self.sleeps) = (process, sleeps)
  }

  /// It has been awake since: if it waits for the terminal again, and nothing is there for it, it has taken what there was.
  var hasBeenAwake: Bool { InputReader.sleeps(process).map { $0 > sleeps } ?? false }

  /// `voluntary_ctxt_switches` of proc(5).
  private static func sleeps(_ process: ProcessID) -> Int? {
    guard let text = try? readFile("/proc/\(process)/status", limit: 16 << 10) else { return nil }
    let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first {
      $0.hasPrefix("voluntary_ctxt_switches:")
    }
    return line?.split(separator: "\t").last.flatMap { Int($0) }
  }
}

extension Session {
  /// Types a line so that the program gets exactly these bytes, LF its end; without that at the end, what there is; nothing is the end of
  /// input. Returns the generation before.
  ///
  /// Throws what ``write(_:by:from:)`` throws (``SessionError/Code/lineTooLong`` for more than 4,095 bytes in line mode), and
  /// ``SessionError/Code/invalidRequest`` for characters that cannot reach the program; then nothing was typed.
  @discardableResult
  package func writeExactly(_ data: [UInt8]) throws(SessionError) -> UInt64 {
    guard exit == nil, let discipline = pty.discipline else { throw endedError }
    let typed = try ExactInput.typed(data, discipline)
    inputReader = PseudoTerminal.foregroundGroup(of: pty.master).flatMap(InputReader.init)
    return try write(typed)
  }

  /// The program that input was typed to exactly has taken it, as far as the kernel tells.
  var readerHasTaken: Bool {
    guard let inputReader, PseudoTerminal.foregroundGroup(of: pty.master) == inputReader.process else { return false }
    return inputReader.hasBeenAwake
  }
}
