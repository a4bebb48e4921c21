/// Where the parser is between two bytes. The states are those of Paul Williams' parser for DEC terminals
/// (vt100.net/emu/dec_ansi_parser), with UTF-8 in the ground state and one state after ESC in every string.
enum ParserState {
  case ground
  case utf8
  case escape
  case escapeIntermediate
  case controlSequence
  case controlSequenceIgnore
  case operatingSystemCommand
  case deviceControlEntry
  case deviceControlString
  case deviceControlIgnore
  /// SOS, PM and APC: skipped.
  case ignoredString
  /// ESC inside a string: a backslash ends it, anything else cancels it.
  case stringEscape
  /// The rest is to wait: a size was asked for, or the work is spent. Only inside a `feed`; between two the state is that of the ground.
  case suspended
}

extension Terminal {
  /// Parameters of one control sequence; more are ignored, as in xterm (which takes 30).
  static let parameterLimit = 32
  /// The greatest value of a parameter: no screen has more rows or columns, and sums of a few stay small.
  static let parameterMaximum: Int32 = 65535

  /// Takes what the program printed and changes the screen accordingly.
  ///
  /// Never traps, whatever the bytes. A sequence or a character may be cut anywhere between two calls.
  package mutating func feed(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    _ = consume(base.assumingMemoryBound(to: UInt8.self), bytes.count)
    noteCursor()
  }

  /// The same, but no more than so much work at a time. `work` is counted in cells that are written, moved, compared or read by what
  /// costs more than its bytes: a sequence of three bytes may fill the screen. It comes back less by what was done, and negative at most
  /// by the cost of one sequence, which touches each cell of the screen a few times; text that is merely printed costs none of it.
  ///
  /// Stops where the work is spent, and with `untilSizeRequest` behind a sequence that asks for another size too, so that the host can give
  /// it before the rest is printed or answered (`hasStoppedForSize`). Returns how many bytes were taken. None may have been, and more be
  /// done all the same: what is repeated many times (REP, SU) is, piece by piece.
  package mutating func feed(_ bytes: UnsafeRawBufferPointer, work: inout Int, untilSizeRequest: Bool = false) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    suspendsAtSizeRequest = untilSizeRequest
    hasStoppedForSize = false
    workLeft = max(work, 1)
    let taken = consume(base.assumingMemoryBound(to: UInt8.self), bytes.count)
    work = workLeft
    workLeft = .max
    suspendsAtSizeRequest = false
    noteCursor()
    return taken
  }

  /// Counts work that the bytes do not pay for, and has the rest wait when there has been enough of it: behind the sequence or the character
  /// that did it, or, where that stands inside a sequence, as soon as that one is looked at again.
  @inline(__always)
  mutating func spend(_ cells: Int) {
    workLeft &-= cells
    if workLeft <= 0 { suspend() }
  }

  @inline(never)
  private mutating func suspend() {
    // Inside a sequence the state is needed to go on with it.
    if state == .ground { state = .suspended }
  }

  /// The same for bytes in an array, for tests and small texts.
  package mutating func feed(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { feed($0) }
  }

  /// Returns how many bytes were taken: all, but where the rest is to wait.
  private mutating func consume(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
    var index = 0
    while index < count {
      guard state == .ground else {
        if state == .suspended || workLeft <= 0 { break }
        index = resume(bytes, index, count)
        continue
      }
      let byte = bytes[index]
      if byte &- 0x20 < 0x5F {
        let end = endOfASCII(bytes, index + 1, count)
        if charsets.isPlain && !modeSet.contains(.insert) {
          if end &- index > 1 || !printSimply(byte) {
            index &+= printASCII(bytes + index, end - index)
          } else {
            index = end
          }
        } else {
          repeat {
            put(UInt32(bytes[index]))
            index += 1
          } while index < end && state == .ground
        }
      } else if byte == 0x1B {
        index += 1
        if index < count && bytes[index] == 0x5B {
          beginSequence()
          index = readControlSequence(bytes, index + 1, count)
        } else {
          beginEscape()
        }
      } else if byte >= 0x80 {
        index = printUnicode(bytes, index, count)
      } else {
        index += 1
        if byte != 0x7F {
          control(byte)
        } else if !charsets.isPlain && charsets.showsDelete {
          put(0x7F)
        }
      }
    }
    if state == .suspended { state = .ground }
    if repetitionsLeft > 0 { index -= takeUpRepetition() }
    return index
  }

  /// The end of a run of printable ASCII: eight bytes at a time, the first byte outside 0x20…0x7E sets a high bit.
  @inline(__always)
  private func endOfASCII(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var end = start
    while end &+ 8 <= count {
      let word = UnsafeRawPointer(bytes + end).loadUnaligned(as: UInt64.self)
      let outside = Self.outsideASCII(word)
      if outside != 0 { return end &+ outside.trailingZeroBitCount &>> 3 }
      end &+= 8
    }
    while end < count && bytes[end] &- 0x20 < 0x5F { end &+= 1 }
    return end
  }

  @inline(__always)
  mutating func beginSequence() {
    parameterCount = 0
    parameterValue = 0
    subparameters = 0
    privateMarker = 0
    intermediate = 0
    intermediateCount = 0
    state = .controlSequence
  }

  @inline(__always)
  mutating func beginEscape() {
    intermediate = 0
    intermediateCount = 0
    state = .escape
  }

  mutating func beginString(_ next: ParserState, limit: Int) {
    string.removeAll(keepingCapacity: true)
    stringLimit = limit
    stringOverflowed = false
    stringLast = 0
    controlStringFinal = 0
    state = next
  }

  /// One step outside the ground state; it may take many bytes.
  private mutating func resume(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    switch state {
    case .ground, .suspended: return start
    case .utf8: return resumeCharacter(bytes, start, count)
    case .controlSequence: return readControlSequence(bytes, start, count)
    case .controlSequenceIgnore: return readRareControlSequence(bytes, start, count)
    case .escape, .escapeIntermediate:
      readEscape(bytes[start])
      return start + 1
    case .deviceControlEntry: return readDeviceControl(bytes, start, count)
    case .operatingSystemCommand, .deviceControlString, .deviceControlIgnore, .ignoredString:
      return readString(bytes, start, count)
    case .stringEscape:
      if bytes[start] == 0x5C {
        finishString(terminatedByBell: false)
        return start + 1
      }
      // xterm ends an OSC at any escape; the others are dropped.
      if controlStringFinal == 0 && stringLimit > 0 { finishString(terminatedByBell: false) } else { dropString() }
      beginEscape()
      return start
    }
  }

  // MARK: escape sequences

  private mutating func readEscape(_ byte: UInt8) {
    switch byte {
    case 0x1B: beginEscape()
    case 0x18, 0x1A: state = .ground
    case 0..<0x20: control(byte)
    case 0x20..<0x30:
      if intermediateCount == 0 { designated = byte }
      intermediate = byte
      if intermediateCount < 3 { intermediateCount += 1 }
      state = .escapeIntermediate
    case 0x7F...:
      // DEL is ignored; a byte of UTF-8 inside an escape sequence ends it.
      if byte != 0x7F { state = .ground }
    default:
      if state == .escapeIntermediate {
        state = .ground
        if intermediateCount == 1 {
          dispatchEscape(intermediate, byte)
        } else if intermediateCount == 2 {
          designate(designated, intermediate, byte)
        }
        return
      }
      switch byte {
      case 0x5B: beginSequence()
      case 0x5D: beginString(.operatingSystemCommand, limit: Self.commandStringLimit)
      case 0x50:
        beginSequence()
        state = .deviceControlEntry
      case 0x58, 0x5E, 0x5F: beginString(.ignoredString, limit: 0)
      default:
        state = .ground
        dispatchEscape(byte)
      }
    }
  }

  // MARK: control sequences

  /// Reads parameters, intermediates and the final byte, and acts. The state is kept when the bytes end first.
  ///
  /// Eight bytes are looked at together: a bit for each byte that is no digit tells where the parameters end, and a
  /// parameter's digits become a number in two multiplications, so that neither the count of digits nor their places cost a
  /// branch that cannot be foreseen.
  @inline(__always)
  private mutating func readControlSequence(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var index = start
    guard parameterValue == 0 && intermediate == 0 else { return readRareControlSequence(bytes, index, count) }
    var parameter = parameterCount
    let parameters = self.parameters
    // A word may end eight parameters.
    while index &+ 8 <= count && parameter &+ 8 <= Self.parameterLimit {
      let word = UnsafeRawPointer(bytes + index).loadUnaligned(as: UInt64.self) ^ 0x3030_3030_3030_3030
      var others = ((word & 0x7F7F_7F7F_7F7F_7F7F) &+ 0x7676_7676_7676_7676 | word) & 0x8080_8080_8080_8080
      // Where the parameter that is being read begins, in bits.
      var from = 0
      while others != 0 {
        let at = others.trailingZeroBitCount & 0x38
        let byte = UInt8(truncatingIfNeeded: word &>> UInt64(truncatingIfNeeded: at)) ^ 0x30
        let bits = at &- from
        if bits > 32 { break }
        var number = UInt32(
          truncatingIfNeeded: (word &>> UInt64(truncatingIfNeeded: from))
            &<< UInt64(truncatingIfNeeded: 32 &- bits))
        if bits == 0 { number = 0 }
        number = (number &* 10 &+ number &>> 8) & 0x00FF_00FF
        number = (number &* 100 &+ number &>> 16) & 0xFFFF
        if byte == 0x3B {
          parameters[parameter] = Int32(truncatingIfNeeded: number)
          parameter &+= 1
        } else if byte &- 0x40 < 0x3F {
          parameters[parameter] = Int32(truncatingIfNeeded: number)
          parameterCount = parameter &+ 1
          state = .ground
          index = index &+ at &>> 3 &+ 1
          if byte == 0x6D && privateMarker == 0 {
            selectGraphicRendition()
          } else {
            dispatchControlSequence(byte)
          }
          return index
        } else if byte == 0x3A {
          parameters[parameter] = Int32(truncatingIfNeeded: number)
          parameter &+= 1
          if parameter < Self.parameterLimit { subparameters |= 1 &<< UInt32(truncatingIfNeeded: parameter) }
        } else if byte &- 0x3C < 4 && parameter == 0 && privateMarker == 0 && at == 0 {
          privateMarker = byte
        } else {
          break
        }
        from = at &+ 8
        others &= others &- 1
      }
      index = index &+ from &>> 3
      // A long number, a rare byte, or more parameters than are kept.
      if from == 0 || others != 0 { break }
    }
    parameterCount = parameter
    return readRareControlSequence(bytes, index, count)
  }

  /// The same, one byte at a time, with everything that may stand in a sequence. One that cannot be right is ignored to its end.
  @inline(never)
  private mutating func readRareControlSequence(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index < count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case 0x20..<0x40 where state == .controlSequenceIgnore: break
      case 0x30..<0x40 where intermediate != 0: state = .controlSequenceIgnore
      case 0x30...0x39:
        parameterValue = min(parameterValue &* 10 &+ Int32(byte & 15), Self.parameterMaximum)
      case 0x3A, 0x3B:
        finishParameter()
        if byte == 0x3A && parameterCount < Self.parameterLimit { subparameters |= 1 << UInt32(parameterCount) }
      case 0x3C...0x3F:
        if parameterCount == 0 && parameterValue == 0 && privateMarker == 0 {
          privateMarker = byte
        } else {
          state = .controlSequenceIgnore
        }
      case 0x40..<0x7F where state == .controlSequenceIgnore:
        state = .ground
        return index
      case 0x40..<0x7F:
        finishParameter()
        state = .ground
        if byte == 0x6D && privateMarker | intermediate == 0 {
          selectGraphicRendition()
        } else {
          dispatchControlSequence(byte)
        }
        return index
      case 0x20..<0x30:
        intermediate = byte
        if intermediateCount < 2 { intermediateCount += 1 }
      case 0x1B:
        beginEscape()
        return index
      case 0x18, 0x1A:
        state = .ground
        return index
      case 0..<0x20:
        control(byte)
        if workLeft <= 0 { return index }
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
    if parameterCount < Self.parameterLimit {
      parameters[parameterCount] = parameterValue
      parameterCount += 1
    }
    parameterValue = 0
  }

  // MARK: strings

  /// The parameters of a device control string, up to its final byte.
  private mutating func readDeviceControl(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var index = start
    while index < count {
      let byte = bytes[index]
      index += 1
      switch byte {
      case 0x30...0x39:
        parameterValue = min(parameterValue &* 10 &+ Int32(byte & 15), 100_000)
      case 0x3A, 0x3B:
        if parameterCount < Self.parameterLimit {
          parameters[parameterCount] = min(parameterValue, Self.parameterMaximum)
          parameterCount += 1
        }
        parameterValue = 0
      case 0x3C...0x3F: privateMarker = byte
      case 0x20..<0x30:
        intermediate = byte
        if intermediateCount < 2 { intermediateCount += 1 }
      case 0x40..<0x7F:
        if parameterCount < Self.parameterLimit {
          parameters[parameterCount] = min(parameterValue, Self.parameterMaximum)
          parameterCount += 1
        }
        beginString(.deviceControlString, limit: Self.controlStringLimit)
        controlStringFinal = byte
        return index
      case 0x1B:
        beginEscape()
        return index
      case 0x18, 0x1A:
        state = .ground
        return index
      default: break
      }
    }
    return index
  }

  /// Text of a string up to its end: ST, or BEL for an OSC, or CAN and SUB which cancel it.
  private mutating func readString(_ bytes: UnsafePointer<UInt8>, _ start: Int, _ count: Int) -> Int {
    var end = start
    var terminator: UInt8 = 0
    while end < count {
      let byte = bytes[end]
      if byte < 0x20 {
        if byte == 0x1B || byte == 0x18 || byte == 0x1A || byte == 0x07 && state == .operatingSystemCommand {
          terminator = byte
          break
        }
      } else if byte == 0x9C, (end > start ? bytes[end - 1] : stringLast) == 0xC2 {
        // U+009C in UTF-8.
        terminator = byte
        break
      }
      end += 1
    }
    if end > start {
      stringLast = bytes[end - 1]
      append(UnsafeBufferPointer(start: bytes + start, count: end - start))
    }
    guard end < count else { return end }
    stringLast = 0
    switch terminator {
    case 0x1B: state = .stringEscape
    case 0x07: finishString(terminatedByBell: true)
    case 0x9C:
      if !string.isEmpty { string.removeLast() }
      finishString(terminatedByBell: false)
    default: dropString()
    }
    return end + 1
  }

  private mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    guard stringLimit > 0, !stringOverflowed else { return }
    if string.count + bytes.count > stringLimit {
      stringOverflowed = true
      string = []
    } else {
      string.append(contentsOf: bytes)
    }
  }

  private mutating func finishString(terminatedByBell: Bool) {
    state = .ground
    lastScalar = 0
    if stringLimit > 0 && !stringOverflowed {
      if controlStringFinal != 0 { deviceControl() } else { operatingSystemCommand(terminatedByBell: terminatedByBell) }
    }
    releaseString()
  }

  private mutating func dropString() {
    state = .ground
    releaseString()
  }

  /// A large string (a clipboard) does not stay allocated.
  private mutating func releaseString() {
    if string.capacity > Self.keptStringCapacity { string = [] }
  }

  /// A string that holds one clipboard text of a megabyte of base64, and the rest of its command.
  static let commandStringLimit = (1 << 20) + 64
  /// DECRQSS and XTGETTCAP are the only device control strings with a meaning here; both are short.
  static let controlStringLimit = 4096
  /// Titles and links fit; what is larger is allocated anew.
  static let keptStringCapacity = 4096
}
