import Sys

/// The line that has been typed into a terminal in line mode and not been ended yet, as far as Roost typed it.
///
/// The kernel keeps ``LineDiscipline/longestLine`` bytes of a line and drops the rest without a word. Of whole lines it loses none: those
/// that do not fit wait outside until the reader has taken some.
struct PendingLine: Equatable {
  private(set) var bytes = 0
  private var isQuoting = false

  /// Takes typed bytes in, and returns how long the longest line became.
  mutating func take(_ typed: [UInt8], _ discipline: LineDiscipline) -> Int {
    var longest = 0
    walk(typed, discipline) { line, _ in
      longest = max(longest, line.bytes)
      return true
    }
    return longest
  }

  /// Takes in what the kernel would keep, and returns that: the bytes without those that a full line has no room for. What ends, erases or
  /// interrupts a full line is kept.
  mutating func takeFitting(_ typed: [UInt8], _ discipline: LineDiscipline) -> [UInt8] {
    var kept: [UInt8] = []
    kept.reserveCapacity(typed.count)
    walk(typed, discipline) { line, byte in
      guard line.bytes <= LineDiscipline.longestLine else { return false }
      kept.append(byte)
      return true
    }
    return kept
  }

  /// Nothing is pending: the terminal is not in line mode, where input goes to the reader as it comes.
  mutating func clear() { self = PendingLine() }

  /// `keeps` answers whether the line stays as long as it has become by the byte.
  private mutating func walk(
    _ typed: [UInt8], _ discipline: LineDiscipline, _ keeps: (PendingLine, UInt8) -> Bool
  ) {
    guard discipline.isCanonical else { return clear() }
    let effects = (0...255).map { discipline.effect(of: UInt8($0)) }
    for byte in typed {
      let before = self
      switch isQuoting ? .text : effects[Int(byte)] {
      case .text:
        bytes += 1
        isQuoting = false
      case .endsLine, .kills: bytes = 0
      // What is erased is not known here; a byte is the least.
      case .erases: bytes = max(0, bytes - 1)
      case .quotes: isQuoting = true
      case .vanishes: break
      }
      if !keeps(self, byte) { bytes = before.bytes }
    }
  }
}
