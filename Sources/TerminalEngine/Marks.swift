// Semantic marks (OSC 133 and 633).

extension Terminal {
  /// Options of one mark that are kept; shells send one or two.
  static let markOptionLimit = 8
  /// The longest command line or property of a mark.
  static let markTextLimit = 64 << 10
  /// The longest key or value of an option.
  static let markOptionLength = 256

  mutating func mark(_ fields: [ArraySlice<UInt8>], _ dialect: Mark.Dialect) {
    guard let first = fields.first, first.count == 1, let letter = first.first else { return }
    let kind: Mark.Kind
    switch letter {
    case 0x41: kind = .promptStart
    case 0x4E where dialect == .osc133: kind = .promptStart
    case 0x42: kind = .promptEnd
    case 0x49 where dialect == .osc133: kind = .promptEnd
    case 0x43: kind = .outputStart
    case 0x44: kind = .commandEnd
    case 0x45 where dialect == .osc633: kind = .commandLine
    case 0x50: kind = .property
    default: return
    }
    var mark = Mark(kind: kind, dialect: dialect, line: screenTop + row, column: column)
    let rest = fields.dropFirst()
    switch (kind, dialect) {
    case (.commandLine, .osc633):
      if let text = rest.first { mark.text = Self.unescaped(text) }
      if rest.count > 1, let nonce = rest.last {
        mark.nonce = String(decoding: nonce.prefix(Self.markOptionLength), as: UTF8.self)
      }
      // What stands between is ours: a word that says how sure the shell is of the line.
      if rest.count > 2, let word = rest.dropFirst().first, word.count <= Self.markOptionLength {
        mark.options[String(decoding: word, as: UTF8.self)] = ""
      }
    case (.property, .osc633):
      if let text = rest.first { mark.text = Self.unescaped(text) }
    default:
      for (index, field) in rest.enumerated() {
        guard let equals = field.firstIndex(of: 0x3D) else {
          if index == 0 && kind == .commandEnd { mark.exitStatus = Self.exitStatus(field) }
          continue
        }
        let key = field[..<equals]
        let value = field[(equals + 1)...]
        if kind == .outputStart && key.elementsEqual("cmdline".utf8) {
          mark.text = Self.shellUnquoted(value)
        } else if kind == .outputStart && key.elementsEqual("cmdline_url".utf8) {
          mark.text = Self.percentDecoded(value)
        } else if mark.options.count < Self.markOptionLimit && key.count <= Self.markOptionLength {
          mark.options[String(decoding: key, as: UTF8.self)] = String(
            decoding: value.prefix(Self.markOptionLength), as: UTF8.self)
        }
      }
      if kind == .property, let text = rest.first {
        mark.text = String(decoding: text.prefix(Self.markTextLimit), as: UTF8.self)
      }
    }
    emit(.mark(mark))
  }

  private static func exitStatus(_ field: ArraySlice<UInt8>) -> Int? {
    if field.first == 0x2D { return decimal(field.dropFirst()).map { -$0 } }
    return decimal(field)
  }

  /// VS Code's escapes: `\\` is a backslash, `\xHH` a byte.
  private static func unescaped(_ field: ArraySlice<UInt8>) -> String {
    let bytes = Array(field.prefix(markTextLimit))
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      if bytes[index] == 0x5C && index + 1 < bytes.count {
        if bytes[index + 1] == 0x5C {
          text.append(0x5C)
          index += 2
          continue
        }
        if bytes[index + 1] == 0x78, index + 3 < bytes.count,
          let high = ColorTable.hexadecimalDigit(bytes[index + 2]),
          let low = ColorTable.hexadecimalDigit(bytes[index + 3])
        {
          text.append(high << 4 | low)
          index += 4
          continue
        }
      }
      text.append(bytes[index])
      index += 1
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// `%HH` of `cmdline_url`.
  private static func percentDecoded(_ field: ArraySlice<UInt8>) -> String {
    let bytes = Array(field.prefix(markTextLimit))
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      if bytes[index] == 0x25, index + 2 < bytes.count, let high = ColorTable.hexadecimalDigit(bytes[index + 1]),
        let low = ColorTable.hexadecimalDigit(bytes[index + 2])
      {
        text.append(high << 4 | low)
        index += 3
      } else {
        text.append(bytes[index])
        index += 1
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// `cmdline` as bash's `printf %q` writes it: backslashes, single quotes and `$'…'` with its commonest escapes.
  private static func shellUnquoted(_ field: ArraySlice<UInt8>) -> String {
    let bytes = Array(field.prefix(markTextLimit))
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    var index = 0
    var isQuoted = false
    var isANSI = false
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == 0x27 {
        isQuoted.toggle()
        if !isQuoted { isANSI = false }
      } else if byte == 0x24 && !isQuoted && index < bytes.count && bytes[index] == 0x27 {
        isQuoted = true
        isANSI = true
        index += 1
      } else if byte == 0x5C && (!isQuoted || isANSI) && index < bytes.count {
        let next = bytes[index]
        index += 1
        switch next {
        case 0x6E where isANSI: text.append(0x0A)
        case 0x74 where isANSI: text.append(0x09)
        case 0x72 where isANSI: text.append(0x0D)
        case 0x45 where isANSI, 0x65 where isANSI: text.append(0x1B)
        default: text.append(next)
        }
      } else {
        text.append(byte)
      }
    }
    return String(decoding: text, as: UTF8.self)
  }
}
