// What control sequences do (ECMA-48 §8.3, the VT510 and VT525 manuals, and xterm's "Control Sequences").

extension Terminal {
  /// A parameter that is a count or a position: absent and 0 mean `default`.
  @inline(__always)
  func argument(_ index: Int, default fallback: Int = 1) -> Int {
    index < parameterCount && parameters[index] > 0 ? Int(parameters[index]) : fallback
  }

  /// A parameter that is a choice: absent means 0.
  @inline(__always)
  func raw(_ index: Int) -> Int { index < parameterCount ? Int(parameters[index]) : 0 }

  @inline(never)
  mutating func dispatchControlSequence(_ final: UInt8) {
    let repeated = lastScalar
    lastScalar = 0
    // Only SGR, which does not come here, has subparameters: what is written as `3:4` is not the position 3;4.
    if subparameters != 0 { return }
    if intermediate != 0 {
      if intermediateCount == 1 { dispatchIntermediate(final) }
      return
    }
    switch privateMarker {
    case 0: dispatchPlain(final, repeated)
    case 0x3F: dispatchPrivate(final)
    case 0x3E: dispatchGreater(final)
    case 0x3D:
      if final == 0x63 && raw(0) == 0 && conformanceLevel >= 4 { reportTertiaryAttributes() }
      if final == 0x75 { keyboard.set(raw(0), mode: argument(1)) }
    default:
      if final == 0x75 { keyboard.pop(argument(0)) }
    }
  }

  private mutating func dispatchPlain(_ final: UInt8, _ repeated: UInt32) {
    switch final {
    case 0x40:
      insertCharacters(argument(0))
      pendingWrap = false
    case 0x41: cursorUp(argument(0))
    case 0x42: cursorDown(argument(0))
    case 0x43: cursorForward(argument(0))
    case 0x44: cursorBackward(argument(0))
    case 0x45:
      cursorDown(argument(0))
      column = column >= leftMargin ? leftMargin : 0
    case 0x46:
      cursorUp(argument(0))
      column = column >= leftMargin ? leftMargin : 0
    case 0x47, 0x60:
      moveCursor(row: relativeRow, column: argument(0) - 1)
    case 0x48, 0x66: moveCursor(row: argument(0) - 1, column: argument(1) - 1)
    case 0x49: tab(argument(0))
    case 0x4A: eraseDisplay(raw(0))
    case 0x4B: eraseLine(raw(0))
    case 0x4C: insertLines(argument(0))
    case 0x4D: deleteLines(argument(0))
    case 0x50:
      deleteCharacters(argument(0))
      pendingWrap = false
    case 0x53:
      scrollUp(argument(0))
    case 0x54:
      // With five parameters it is xterm's highlight tracking, which nothing uses.
      if parameterCount <= 1 { scrollDown(argument(0), from: topMargin, to: bottomMargin) }
    case 0x58: eraseCharacters(argument(0))
    case 0x5A: backTab(argument(0))
    case 0x5E: scrollDown(argument(0), from: topMargin, to: bottomMargin)
    case 0x61:
      moveCursor(row: relativeRow, column: relativeColumn + argument(0))
    case 0x62: repeatCharacter(repeated, argument(0))
    case 0x63: if raw(0) == 0 { reportPrimaryAttributes() }
    case 0x64:
      moveCursor(row: argument(0) - 1, column: relativeColumn)
    case 0x65:
      moveCursor(row: relativeRow + argument(0), column: relativeColumn)
    case 0x67: clearTabStops(raw(0))
    case 0x68: setModes(true)
    case 0x6C: setModes(false)
    case 0x6E: reportStatus(raw(0))
    case 0x72: setTopBottomMargins(argument(0) - 1, min(argument(1, default: rows), rows) - 1)
    case 0x73:
      if modeSet.contains(.leftRightMargins) {
        setLeftRightMargins(argument(0) - 1, min(argument(1, default: columns), columns) - 1)
      } else {
        saveCursor()
      }
    case 0x74: windowOperation()
    case 0x75: restoreCursor()
    case 0x78: reportParameters()
    default: break
    }
  }

  private mutating func dispatchPrivate(_ final: UInt8) {
    switch final {
    case 0x4A: eraseDisplay(raw(0), selective: true)
    case 0x4B: eraseLine(raw(0), selective: true)
    case 0x57: if raw(0) == 5 { resetTabStops(from: 0) }
    case 0x68: setPrivateModes(true)
    case 0x6C: setPrivateModes(false)
    case 0x6D: reportKeyModifiers(raw(0))
    case 0x6E: reportPrivateStatus(raw(0))
    case 0x72: restorePrivateModes()
    case 0x73: savePrivateModes()
    case 0x75: reply("\u{1B}[?\(keyboard.flags)u")
    default: break
    }
  }

  private mutating func dispatchGreater(_ final: UInt8) {
    switch final {
    case 0x63: if raw(0) == 0 { reportSecondaryAttributes() }
    case 0x6D: if raw(0) == 4 { modifyOtherKeys = raw(1) <= 2 ? UInt8(truncatingIfNeeded: raw(1)) : 0 }
    case 0x6E: if raw(0) == 4 { modifyOtherKeys = 0 }
    case 0x54: setTitleModes(false)
    case 0x71: if raw(0) == 0 { reply("\u{1B}P>|\(Self.withoutControls(options.version))\u{1B}\\") }
    case 0x74: setTitleModes(true)
    case 0x75: keyboard.push(raw(0))
    default: break
    }
  }

  private mutating func dispatchIntermediate(_ final: UInt8) {
    guard isKnownAtLevel(intermediate: intermediate, final: final) else { return }
    switch (intermediate, final) {
    case (0x20, 0x40): shiftColumns(argument(0), at: leftMargin, toRight: false)
    case (0x20, 0x41): shiftColumns(argument(0), at: leftMargin, toRight: true)
    case (0x20, 0x71): setCursorStyle(raw(0))
    case (0x21, 0x70): softReset()
    case (0x22, 0x70): setConformanceLevel()
    case (0x22, 0x71): if raw(0) <= 2 { setProtection(raw(0) == 1, .dec) }
    case (0x23, 0x70), (0x23, 0x7B): pushPen()
    case (0x23, 0x71), (0x23, 0x7D): popPen()
    case (0x24, 0x70): reportMode()
    case (0x24, 0x72): changeAttributes(reverse: false)
    case (0x24, 0x74): changeAttributes(reverse: true)
    case (0x24, 0x76): copyRectangle()
    case (0x24, 0x78): fillRectangle()
    case (0x24, 0x7A): eraseRectangle(selective: false)
    case (0x24, 0x7B): eraseRectangle(selective: true)
    case (0x24, 0x7C): requestPageColumns(raw(0))
    case (0x27, 0x7D): shiftColumns(argument(0), at: column, toRight: true)
    case (0x27, 0x7E): shiftColumns(argument(0), at: column, toRight: false)
    case (0x2A, 0x78): if raw(0) <= 2 { attributeChangeExtent = raw(0) }
    case (0x2A, 0x79): reportChecksum()
    case (0x2A, 0x7C): requestSize(rows: raw(0), columns: columns)
    default: break
    }
  }

  /// DECSCUSR.
  private mutating func setCursorStyle(_ style: Int) {
    guard style <= 6 else { return }
    cursorStyle = style
    if style & 1 == 1 { modeSet.insert(.cursorBlink) } else { modeSet.remove(.cursorBlink) }
  }

  /// XTPUSHSGR; which attributes are saved may be chosen, but programs save all.
  private mutating func pushPen() {
    if penStack.count == Self.penStackLimit { penStack.removeFirst() }
    penStack.append(pen)
  }

  /// XTPOPSGR.
  private mutating func popPen() {
    guard let saved = penStack.popLast() else { return }
    pen = saved
    penIsStale = true
  }

  /// As many as xterm keeps.
  private static let penStackLimit = 10

  /// REP: the character printed right before it. Behind another control function, another REP too, there is none. No more than
  /// fill the screen: beyond that nothing new is seen.
  private mutating func repeatCharacter(_ scalar: UInt32, _ count: Int) {
    guard scalar != 0, scalar != WidthTable.zeroWidthJoiner else { return }
    lastScalar = repetitionJoins
    repetitionJoins = 0
    var left = min(count, columns * rows)
    if (0x20..<0x7F).contains(scalar) && charsets.isPlain && !modeSet.contains(.insert) {
      let piece = min(left, columns)
      withUnsafeTemporaryAllocation(of: UInt8.self, capacity: piece) { buffer in
        buffer.initialize(repeating: UInt8(truncatingIfNeeded: scalar))
        while left > 0 && state == .ground {
          left -= printASCII(UnsafePointer(buffer.baseAddress!), min(left, piece))
          spend(piece)
        }
      }
    } else {
      while left > 0 && state == .ground {
        put(scalar)
        left -= 1
        spend(Self.costOfCharacter)
      }
    }
    if left > 0 {
      repetitionsLeft = left
      repeatedScalar = scalar
      repetitionJoins = lastScalar
    }
    lastScalar = 0
  }

  /// SU, by parts: lines that go into the history may cost ten times what moving them does.
  private mutating func scrollUp(_ count: Int) {
    var left = min(count, bottomMargin - topMargin + 1)
    let isWhole = leftMargin == 0 && rightMargin == columns - 1
    while left > 0 && state == .ground {
      let part = isWhole ? min(left, Self.linesScrolledAtOnce) : left
      scrollUp(part, from: topMargin, to: bottomMargin, intoHistory: true)
      left -= part
    }
    repetitionsLeft = left
  }

  private static let linesScrolledAtOnce = 64

  /// What a character that is printed alone costs, in cells that are printed together.
  private static let costOfCharacter = 8

  /// Goes back to before the final byte of the REP or SU that has to wait, as if only the rest of it had been asked for. Returns how many
  /// bytes that is.
  mutating func takeUpRepetition() -> Int {
    beginSequence()
    parameterValue = Int32(truncatingIfNeeded: repetitionsLeft)
    lastScalar = repeatedScalar
    repeatedScalar = 0
    repetitionsLeft = 0
    return 1
  }
}
