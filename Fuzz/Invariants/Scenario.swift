package import TerminalEngine

/// Something that happens to a terminal.
package enum Step: Equatable, Sendable {
  case feed([UInt8])
  case resize(TerminalSize)
  /// Compresses what can be compressed of the history; nothing may look different afterwards.
  case sealHistory
  case clearHistory
  /// Somebody reads what leaves the history, from so many lines above the screen on, or has read it all.
  case hold(Int?)
  /// Another terminal is shown a picture, and what is printed from then on.
  case repaint
}

/// A terminal and what happens to it, found by a generator or by a fuzzer.
package struct Scenario: Sendable {
  package var size: TerminalSize
  package var historyLines: Int
  package var historyBytes: Int
  package var steps: [Step]

  package init(size: TerminalSize, historyLines: Int, historyBytes: Int, steps: [Step]) {
    self.size = size
    self.historyLines = historyLines
    self.historyBytes = historyBytes
    self.steps = steps
  }

  /// Reads a scenario out of a fuzzer's input. 0xFF, which no valid UTF-8 has, introduces a step other than output:
  /// `FF 01 rows columns` resizes, `FF 02` seals, `FF 03` clears the history, `FF 04` shows a picture to another terminal, `FF 05 lines` holds lines for a reader (255: none), any other second byte only cuts the feed in two.
  /// Plain recordings of terminal output are therefore good seeds as they are.
  package init(fuzzInput: UnsafeBufferPointer<UInt8>) {
    self.init(size: TerminalSize(rows: 5, columns: 12), historyLines: 50, historyBytes: 4096, steps: [])
    var output: [UInt8] = []
    var position = 0
    func byte() -> Int {
      defer { position += 1 }
      return position < fuzzInput.count ? Int(fuzzInput[position]) : 0
    }
    while position < fuzzInput.count {
      let next = UInt8(byte())
      guard next == 0xFF else {
        output.append(next)
        continue
      }
      if !output.isEmpty { steps.append(.feed(output)) }
      output = []
      switch byte() {
      case 1: steps.append(.resize(TerminalSize(rows: byte() % 24 + 1, columns: byte() % 90 + 1)))
      case 2: steps.append(.sealHistory)
      case 3: steps.append(.clearHistory)
      case 4: steps.append(.repaint)
      case 5:
        let lines = byte()
        steps.append(.hold(lines == 255 ? nil : lines))
      default: break
      }
    }
    if !output.isEmpty { steps.append(.feed(output)) }
  }

  /// The same with every piece of output cut by `cut`, which is given its bytes.
  package func cuttingOutput(_ cut: ([UInt8]) -> [[UInt8]]) -> Scenario {
    var result = self
    result.steps = steps.flatMap { step -> [Step] in
      guard case .feed(let bytes) = step else { return [step] }
      return cut(bytes).map { .feed($0) }
    }
    return result
  }
}

extension Scenario: CustomStringConvertible {
  package var description: String {
    let lines = steps.map { step in
      switch step {
      case .feed(let bytes): "feed \(escaped(bytes))"
      case .resize(let size): "resize \(size.rows)x\(size.columns)"
      case .sealHistory: "seal"
      case .clearHistory: "clear history"
      case .hold(let lines): "hold \(lines.map(String.init) ?? "nothing")"
      case .repaint: "repaint"
      }
    }
    return "\(size.rows)x\(size.columns), history \(historyLines) lines \(historyBytes) bytes\n"
      + lines.map { "  \($0)\n" }.joined()
  }
}

/// Bytes as one would type them to `printf`: printable ASCII as it is, the rest as `\e`, `\n`, `\r` or `\xHH`.
package func escaped(_ bytes: [UInt8]) -> String {
  var text = "'"
  for byte in bytes {
    switch byte {
    case 0x1B: text += "\\e"
    case 0x0A: text += "\\n"
    case 0x0D: text += "\\r"
    case 0x5C: text += "\\\\"
    case 0x20..<0x7F: text.unicodeScalars.append(Unicode.Scalar(byte))
    default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
  }
  return text + "'"
}

extension Scenario {
  /// Leaves out steps and bytes as long as `fails` still says that the rest fails: what is reported is short.
  package func minimized(_ fails: (Scenario) -> Bool) -> Scenario {
    var best = self
    // A few thousand attempts suffice for scenarios of this size; the bound keeps a failing test from seeming to hang.
    var attempts = 3_000
    func adopt(_ candidate: Scenario) -> Bool {
      guard attempts > 0 else { return false }
      attempts -= 1
      guard fails(candidate) else { return false }
      best = candidate
      return true
    }
    var shrunk = true
    while shrunk, attempts > 0 {
      shrunk = false
      var width = max(1, best.steps.count / 2)
      while width >= 1, attempts > 0 {
        var start = 0
        while start < best.steps.count {
          var candidate = best
          candidate.steps.removeSubrange(start..<min(start + width, best.steps.count))
          if adopt(candidate) { shrunk = true } else { start += width }
        }
        width /= 2
      }
      for index in best.steps.indices {
        guard case .feed(let bytes) = best.steps[index] else { continue }
        var length = bytes.count
        var width = max(1, length / 2)
        while width >= 1, attempts > 0 {
          var start = 0
          while start < length, case .feed(var remaining) = best.steps[index] {
            remaining.removeSubrange(start..<min(start + width, length))
            var candidate = best
            candidate.steps[index] = .feed(remaining)
            if adopt(candidate) {
              shrunk = true
              length = remaining.count
            } else {
              start += width
            }
          }
          width /= 2
        }
      }
    }
    return best
  }
}
