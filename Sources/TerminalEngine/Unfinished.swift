// What the parser has read of a sequence, a string or a character that is not complete, said again in bytes.

extension Terminal {
  /// The most bytes of a string that are said again. Titles, links and marks are far shorter; of a longer one (a clipboard on its way)
  /// the rest is skipped by the other terminal.
  static let unfinishedLimit = 64 << 10

  /// The bytes that bring a terminal at rest to where this parser is, so that the rest of what was begun means there what it means here.
  ///
  /// They are made from the parser's state: what the bytes were is not kept. Controls inside a sequence have had their effect already.
  func appendUnfinished(to bytes: inout [UInt8]) {
    switch state {
    case .ground, .suspended: break
    case .utf8: appendCutCharacter(to: &bytes)
    case .escape: bytes.append(0x1B)
    case .escapeIntermediate:
      bytes.append(0x1B)
      // The first of two says which set is designated.
      if intermediateCount > 1 { bytes.append(designated) }
      for _ in 0..<max(1, intermediateCount - 1) { bytes.append(intermediate) }
    case .controlSequence:
      bytes.append(0x1B, 0x5B)
      appendParameters(to: &bytes)
      appendIntermediates(to: &bytes)
    // A second private marker makes any sequence one that is ignored to its end.
    case .controlSequenceIgnore: bytes.append(contentsOf: "\u{1B}[??".utf8)
    case .deviceControlEntry:
      bytes.append(0x1B, 0x50)
      appendParameters(to: &bytes)
      appendIntermediates(to: &bytes)
    case .operatingSystemCommand, .deviceControlString, .deviceControlIgnore, .ignoredString:
      appendCutString(to: &bytes)
    case .stringEscape:
      appendCutString(to: &bytes)
      bytes.append(0x1B)
    }
  }

  /// The private marker, the parameters that are complete with what separates them from the next, and the digits of that one.
  private func appendParameters(to bytes: inout [UInt8]) {
    if privateMarker != 0 { bytes.append(privateMarker) }
    for index in 0..<parameterCount {
      if parameters[index] > 0 { bytes.append(decimal: Int(parameters[index])) }
      let isColon = index + 1 < Self.parameterLimit && subparameters & (1 << UInt32(index + 1)) != 0
      bytes.append(isColon ? 0x3A : 0x3B)
    }
    if parameterValue > 0 { bytes.append(decimal: Int(parameterValue)) }
  }

  /// With more than one, which no sequence known here has, only their number counts.
  private func appendIntermediates(to bytes: inout [UInt8]) {
    for _ in 0..<intermediateCount { bytes.append(intermediate) }
  }

  private func appendCutString(to bytes: inout [UInt8]) {
    let isKept = stringLimit > 0 && !stringOverflowed && string.count <= Self.unfinishedLimit
    if stringLimit == 0 {
      // SOS; PM and APC, which are skipped alike, end alike.
      bytes.append(0x1B, 0x58)
    } else if controlStringFinal != 0 {
      bytes.append(0x1B, 0x50)
      if isKept {
        if privateMarker != 0 { bytes.append(privateMarker) }
        for index in 0..<parameterCount {
          if index > 0 { bytes.append(0x3B) }
          if parameters[index] > 0 { bytes.append(decimal: Int(parameters[index])) }
        }
        appendIntermediates(to: &bytes)
        bytes.append(controlStringFinal)
      } else {
        // No terminal has a function with this final byte.
        bytes.append(0x7A)
      }
    } else {
      bytes.append(0x1B, 0x5D)
      // A command that is no number is none.
      if !isKept { bytes.append(0x78) }
    }
    if isKept {
      bytes.append(contentsOf: string)
    } else if stringLast == 0xC2 {
      // The first half of U+009C, which ends a string.
      bytes.append(stringLast)
    }
  }

  /// A character's bytes from the bits that were read. How many bytes it has is seen from their value and the number that is missing,
  /// because the shortest form is the only one (Unicode 15, table 3-7).
  private func appendCutCharacter(to bytes: inout [UInt8]) {
    let length: Int
    switch pendingLength {
    case 1: length = pendingScalar < 0x20 ? 2 : pendingScalar < 0x400 ? 3 : 4
    case 2: length = pendingScalar < 0x10 ? 3 : 4
    default: length = 4
    }
    let leading: UInt8 = length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0
    let read = length - 1 - Int(pendingLength)
    bytes.append(leading | UInt8(truncatingIfNeeded: pendingScalar >> UInt32(6 * read)))
    for index in (0..<read).reversed() {
      bytes.append(0x80 | UInt8(truncatingIfNeeded: pendingScalar >> UInt32(6 * index) & 0x3F))
    }
  }
}
