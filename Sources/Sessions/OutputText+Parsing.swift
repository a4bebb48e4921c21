import TerminalEngine

// The parser: the states of the engine's (`TerminalEngine/Parser.swift`), so that both see the same sequences in the same bytes, with
// less behind them. Strings other than OSC are skipped, and of an OSC only as much is kept as a mark can be long.

extension OutputText {
  enum ParserState {
    case ground
    case utf8
    case escape
    case escapeIntermediate
    case controlSequence
    case controlSequenceIgnore
    case operatingSystemCommand
    /// DCS, SOS, PM and APC: skipped.
    case ignoredString
    /// ESC inside an OSC: a backslash ends it, and so does anything else, as in xterm.
    case commandEscape
    /// ESC inside one of the others.
    case stringEscape
  }

  /// Parameters of one control sequence; more are ignored.
  static let parameterLimit = 32
  /// The greatest value of a parameter.
  static let parameterMaximum = 65535
  /// Bytes of an OSC that are kept; marks are shorter, and what is longer (a clipboard) is nothing to a text.
  static let commandLimit = 4096

  /// Takes bytes from `start` on. Stops behind each OSC that ends, which then is in ``command``; returns how far it came.
  mutating func feed(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var index = start
    command = false
    while index < count {
      guard state == .ground else {
        index = resume(bytes, index, count)
        if command { return index }
        continue
      }
      let byte = bytes[index]
      if byte &- 0x20 < 0x5F {
        let end = OutputText.endOfASCII(bytes, index &+ 1, count)
        printASCII(bytes + index, end &- index)
        index = end
      } else if byte == 0x0D {
        index &+= 1
        guard !isMuted && !isAlternateScreen else { continue }
        column = 0
        lastScalar = 0
      } else if byte == 0x0A {
        index &+= 1
        guard !isMuted && !isAlternateScreen else { continue }
        lineFeed()
        lastScalar = 0
      } else if byte == 0x1B {
        index &+= 1
        if index < count && bytes[index] == 0x5B {
          beginSequence()
          index = readControlSequence(bytes, index &+ 1, count)
        } else {
          intermediate = 0
          state = .escape
        }
      } else if byte >= 0x80 {
        index = printUnicode(bytes, index, count)
      } else {
        index &+= 1
        control(byte)
      }
    }
    return index
  }

  /// Takes bytes and passes over every OSC.
  package mutating func feed(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
    var index = 0
    while index < bytes.count { index = feed(base, index, bytes.count) }
  }

  /// The end of a run of printable ASCII: eight bytes at a time, the first byte outside 0x20…0x7E sets a high bit.
  @inline(__always)
  private static func endOfASCII(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var end = start
    while end &+ 8 <= count {
      let word = UnsafeRawPointer(bytes + end).loadUnaligned(as: UInt64.self)
      let outside =
        ((word &- 0x2020_2020_2020_2020) | (word &+ 0x0101_0101_0101_0101) | word) & 0x8080_8080_8080_8080
      if outside != 0 { return end &+ outside.trailingZeroBitCount &>> 3 }
      end &+= 8
    }
    while end < count && bytes[end] &- 0x20 < 0x5F { end &+= 1 }
    return end
  }

  /// One step outside the ground state; it may take many bytes.
  private mutating func resume(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    switch state {
    case .ground: return start
    case .utf8: return resumeCharacter(bytes, start, count)
    case .escape, .escapeIntermediate:
      readEscape(bytes[start])
      return start + 1
    case .controlSequence, .controlSequenceIgnore: return readControlSequence(bytes, start, count)
    case .operatingSystemCommand, .ignoredString: return readString(bytes, start, count)
    case .commandEscape:
      if bytes[start] == 0x5C {
        state = .ground
        finishCommand()
        return start + 1
      }
      finishCommand()
      intermediate = 0
      state = .escape
      return start
    case .stringEscape:
      if bytes[start] == 0x5C {
        state = .ground
        return start + 1
      }
      intermediate = 0
      state = .escape
      return start
    }
  }

  private mutating func finishCommand() {
    lastScalar = 0
    command = !stringOverflowed
  }

  private mutating func readEscape(_ byte: UInt8) {
    switch byte {
    case 0x1B:
      intermediate = 0
      state = .escape
    case 0x18, 0x1A: state = .ground
    case 0..<0x20: control(byte)
    case 0x20..<0x30:
      intermediate = state == .escape ? byte : 0xFF
      state = .escapeIntermediate
    case 0x7F...: if byte != 0x7F { state = .ground }
    default:
      if state == .escapeIntermediate {
        state = .ground
        dispatchEscape(intermediate, byte)
        return
      }
      switch byte {
      case 0x5B: beginSequence()
      case 0x5D: beginCommand()
      case 0x50, 0x58, 0x5E, 0x5F: beginString()
      default:
        state = .ground
        dispatchEscape(byte)
      }
    }
  }

  private mutating func beginSequence() {
    parameterCount = 0
    parameterValue = 0
    privateMarker = 0
    intermediate = 0
    state = .controlSequence
  }

  private mutating func beginCommand() {
    string.removeAll(keepingCapacity: true)
    stringOverflowed = false
    stringLast = 0
    state = .operatingSystemCommand
  }

  private mutating func beginString() {
    stringLast = 0
    state = .ignoredString
  }

  private mutating func readControlSequence(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index < count {
      let byte = bytes[index]
      index &+= 1
      switch byte {
      case 0x20..<0x40 where state == .controlSequenceIgnore: break
      case 0x30..<0x40 where intermediate != 0: state = .controlSequenceIgnore
      case 0x30...0x39:
        parameterValue = min(parameterValue &* 10 &+ Int(byte & 15), OutputText.parameterMaximum)
      case 0x3A, 0x3B: finishParameter()
      case 0x3C...0x3F:
        if parameterCount == 0 && parameterValue == 0 && privateMarker == 0 {
          privateMarker = byte
        } else {
          state = .controlSequenceIgnore
        }
      case 0x40..<0x7F:
        let isIgnored = state == .controlSequenceIgnore
        state = .ground
        guard !isIgnored else { return index }
        finishParameter()
        // Colours are most of them.
        if byte == 0x6D { lastScalar = 0 } else { dispatchControlSequence(byte) }
        return index
      case 0x20..<0x30: intermediate = intermediate == 0 ? byte : 0xFF
      case 0x1B:
        intermediate = 0
        state = .escape
        return index
      case 0x18, 0x1A:
        state = .ground
        return index
      case 0..<0x20: control(byte)
      case 0x80...:
        // Not a byte of any control sequence: the sequence is given up and the byte is text.
        state = .ground
        return index - 1
      default: break
      }
    }
    return index
  }

  private mutating func finishParameter() {
    if parameterCount < OutputText.parameterLimit {
      parameters[parameterCount] = parameterValue
      parameterCount += 1
    }
    parameterValue = 0
  }

  /// Text of a string up to its end: ST, or BEL for an OSC, or CAN and SUB which cancel it.
  private mutating func readString(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    let isCommand = state == .operatingSystemCommand
    var index = start
    while index < count {
      let byte = bytes[index]
      index &+= 1
      switch byte {
      case 0x1B:
        state = isCommand ? .commandEscape : .stringEscape
        return index
      case 0x18, 0x1A:
        state = .ground
        return index
      case 0x07 where isCommand:
        state = .ground
        finishCommand()
        return index
      case 0x9C where stringLast == 0xC2:
        // U+009C in UTF-8.
        state = .ground
        if isCommand {
          if !string.isEmpty { string.removeLast() }
          finishCommand()
        }
        return index
      default:
        stringLast = byte
        guard isCommand, !stringOverflowed else { continue }
        if string.count < OutputText.commandLimit { string.append(byte) } else { stringOverflowed = true }
      }
    }
    return index
  }

  // MARK: UTF-8

  /// Prints from a byte above 0x7F on, as long as such bytes follow.
  private mutating func printUnicode(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index < count {
      index = printRun(bytes, index, count)
      guard index < count else { return index }
      let byte = bytes[index]
      if byte < 0x80 { return index }
      if byte & 0xE0 == 0xC0, byte >= 0xC3, index &+ 1 < count, bytes[index &+ 1] & 0xC0 == 0x80 {
        put(UInt32(byte & 0x1F) << 6 | UInt32(bytes[index &+ 1] & 0x3F))
        index &+= 2
      } else if byte & 0xF0 == 0xE0, byte != 0xE0, byte != 0xED, index &+ 2 < count,
        bytes[index &+ 1] & 0xC0 == 0x80, bytes[index &+ 2] & 0xC0 == 0x80
      {
        put(
          UInt32(byte & 0x0F) << 12 | UInt32(bytes[index &+ 1] & 0x3F) << 6 | UInt32(bytes[index &+ 2] & 0x3F))
        index &+= 3
      } else {
        index = printCharacter(bytes, index, count)
        if state != .ground { return index }
      }
    }
    return index
  }

  /// The part of `printUnicode` that is a loop over cells: plain narrow and wide characters of up to three bytes, ASCII among them, at the
  /// end of the cursor's line. Stops at everything else.
  @inline(__always)
  private mutating func printRun(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    guard !isMuted && !isAlternateScreen && !isInserting && !drawsLines.g0 && !drawsLines.g1 else { return start }
    guard column < OutputText.longestLine else { return start }
    let line = reachColumn()
    guard line.pointee.length == column else { return start }
    let cells = cells(of: line)
    var index = start
    var position = column
    var scalar: UInt32 = 0
    while index < count && position &+ 2 <= OutputText.longestLine {
      let byte = bytes[index]
      if byte &- 0x20 < 0x5F {
        scalar = UInt32(byte)
        cells[position] = scalar
        position &+= 1
        index &+= 1
        continue
      }
      let next: UInt32
      let length: Int
      if byte & 0xE0 == 0xC0, byte >= 0xC3, index &+ 1 < count, bytes[index &+ 1] & 0xC0 == 0x80 {
        next = UInt32(byte & 0x1F) << 6 | UInt32(bytes[index &+ 1] & 0x3F)
        length = 2
      } else if byte & 0xF0 == 0xE0, byte != 0xE0, byte != 0xED, index &+ 2 < count,
        bytes[index &+ 1] & 0xC0 == 0x80, bytes[index &+ 2] & 0xC0 == 0x80
      {
        next = UInt32(byte & 0x0F) << 12 | UInt32(bytes[index &+ 1] & 0x3F) << 6 | UInt32(bytes[index &+ 2] & 0x3F)
        length = 3
      } else {
        break
      }
      let width = WidthTable.width(of: next)
      if width == 2 {
        cells[position] = next | Cell.wide
        cells[position &+ 1] = Cell.tail
        position &+= 2
      } else if width == 1 {
        cells[position] = next
        position &+= 1
      } else {
        break
      }
      scalar = next
      index &+= length
    }
    guard position > column else { return index }
    line.pointee.isASCII = false
    line.pointee.length = position
    column = position
    lastScalar = scalar
    return index
  }

  /// Decodes and prints one character, or U+FFFD for each maximal part of a malformed one (Unicode 15, section 3.9).
  private mutating func printCharacter(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    let byte = bytes[start]
    pendingLow = 0x80
    pendingHigh = 0xBF
    switch byte {
    case 0xC2...0xDF:
      pendingLength = 1
      pendingScalar = UInt32(byte & 0x1F)
    case 0xE0...0xEF:
      pendingLength = 2
      pendingScalar = UInt32(byte & 0x0F)
      if byte == 0xE0 { pendingLow = 0xA0 } else if byte == 0xED { pendingHigh = 0x9F }
    case 0xF0...0xF4:
      pendingLength = 3
      pendingScalar = UInt32(byte & 0x07)
      if byte == 0xF0 { pendingLow = 0x90 } else if byte == 0xF4 { pendingHigh = 0x8F }
    default:
      put(0xFFFD)
      return start + 1
    }
    state = .utf8
    return resumeCharacter(bytes, start + 1, count)
  }

  private mutating func resumeCharacter(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index < count {
      let byte = bytes[index]
      if byte < pendingLow || byte > pendingHigh {
        state = .ground
        put(0xFFFD)
        return index
      }
      index += 1
      pendingScalar = pendingScalar << 6 | UInt32(byte & 0x3F)
      pendingLength -= 1
      pendingLow = 0x80
      pendingHigh = 0xBF
      if pendingLength == 0 {
        state = .ground
        if (0x80..<0xA0).contains(pendingScalar) { controlC1(UInt8(pendingScalar)) } else { put(pendingScalar) }
        return index
      }
    }
    return index
  }

  /// A C1 control that came as U+0080…U+009F.
  private mutating func controlC1(_ byte: UInt8) {
    switch byte {
    case 0x84, 0x85, 0x8D: dispatchEscape(byte - 0x40)
    case 0x9B: beginSequence()
    case 0x9D: beginCommand()
    case 0x90, 0x98, 0x9E, 0x9F: beginString()
    default: break
    }
  }
}
