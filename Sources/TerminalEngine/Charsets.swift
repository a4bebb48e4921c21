/// A set of 94 or 96 characters that G0…G3 can hold (xterm's Control Sequences, "ESC ( C" and "ESC - C"; the VT510 manual).
enum Charset: UInt8, CaseIterable {
  case ascii
  /// DEC Special Graphics: lines and corners in place of the small letters.
  case graphics
  /// The British set: a pound sign in place of the number sign.
  case british
  // Sets of which a few characters replace those of ASCII: in force with mode 42 (DECNRCM) only, ASCII otherwise.
  case dutch, finnish, french, frenchCanadian, german, italian, norwegian, portuguese, spanish, swedish, swiss
  case greekReplacement, hebrewReplacement, turkishReplacement
  // Others of 94 characters.
  case supplemental, technical, greek, hebrew, turkish, cyrillic
  // Sets of 96 characters, which have one in the place of the blank and of DEL too.
  case latin1, latin2, latinGreek, latinHebrew, latinCyrillic, latin5

  /// The bytes after the one that names G0…G3, and whether the set has 96 characters. The first of those with the same set is
  /// the one that a repaint uses.
  static let designators: [(String, is96: Bool, Charset)] = [
    ("B", false, .ascii), ("0", false, .graphics), ("A", false, .british), ("4", false, .dutch), ("C", false, .finnish),
    ("5", false, .finnish), ("R", false, .french), ("f", false, .french), ("Q", false, .frenchCanadian),
    ("9", false, .frenchCanadian), ("K", false, .german), ("Y", false, .italian), ("`", false, .norwegian),
    ("E", false, .norwegian), ("6", false, .norwegian), ("%6", false, .portuguese), ("Z", false, .spanish),
    ("H", false, .swedish), ("7", false, .swedish), ("=", false, .swiss), ("\">", false, .greekReplacement),
    ("%=", false, .hebrewReplacement), ("%2", false, .turkishReplacement), ("<", false, .supplemental),
    ("%5", false, .supplemental), (">", false, .technical), ("\"?", false, .greek), ("\"4", false, .hebrew),
    ("%0", false, .turkish), ("&4", false, .cyrillic), ("A", true, .latin1), ("B", true, .latin2),
    ("F", true, .latinGreek), ("H", true, .latinHebrew), ("L", true, .latinCyrillic), ("M", true, .latin5),
  ]

  /// The set that an intermediate byte besides the first (0 for none) and a final byte name; nil for one that nobody has.
  init?(_ intermediate: UInt8, _ final: UInt8, is96: Bool) {
    let bytes = intermediate == 0 ? [final] : [intermediate, final]
    guard let known = Self.designators.first(where: { $0.is96 == is96 && $0.0.utf8.elementsEqual(bytes) }) else {
      return nil
    }
    self = known.2
  }

  var isNationalReplacement: Bool { rawValue >= Self.dutch.rawValue && rawValue <= Self.turkishReplacement.rawValue }
  var is96: Bool { rawValue >= Self.latin1.rawValue }

  /// The character that a byte (0x20…0x7F) means.
  func character(_ byte: UInt32) -> UInt32 {
    switch self {
    case .ascii: return byte
    case .british: return byte == 0x23 ? 0xA3 : byte
    case .graphics: return byte >= 0x5F && byte <= 0x7E ? Self.graphicCharacters[Int(byte - 0x5F)] : byte
    case .latin1: return byte + 0x80
    // Small letters are the capitals of the Greek alphabet (ELOT 927), or the letters of the Hebrew one (SI 960).
    case .greekReplacement: return byte >= 0x61 && byte <= 0x78 ? Self.greekCapitals[Int(byte - 0x61)] : byte
    case .hebrewReplacement: return byte >= 0x60 && byte <= 0x7A ? byte - 0x60 + 0x5D0 : byte
    default: break
    }
    if let replacements {
      // Pairs of a byte and what it means.
      var index = 0
      while index < replacements.count {
        if replacements[index] == byte { return replacements[index + 1] }
        index += 2
      }
      return byte
    }
    let table = Self.tables[Int(rawValue)]
    let first: UInt32 = is96 ? 0x20 : 0x21
    return byte >= first && byte - first < table.count ? table[Int(byte - first)] : byte
  }

  private var replacements: [UInt32]? {
    isNationalReplacement ? Self.replacementTables[Int(rawValue - Self.dutch.rawValue)] : nil
  }

  /// What each national set replaces (VT510 manual, "National Replacement Character Sets"), in pairs.
  private static let replacementTables: [[UInt32]] = [
    "#£@¾\\½]|{¨}¼~´", "[Ä\\Ö]Å^Ü`é{ä|ö}å~ü", "#£@à[°\\ç]§{é|ù}è~¨", "@à[â\\ç]ê^î`ô{é|ù}è~û", "@§[Ä\\Ö]Ü{ä|ö}ü~ß",
    "#£@§[°\\ç]é`ù{à|ò}è~ì", "@Ä[Æ\\Ø]Å^Ü`ä{æ|ø}å~ü", "[Ã\\Ç]Õ{ã|ç}õ", "#£@§[¡\\Ñ]¿{°|ñ}ç", "@É[Ä\\Ö]Å^Ü`é{ä|ö}å~ü",
    "#ù@à[é\\ç]ê^î_è`ô{ä|ö}ü~û", "", "", "!ı&ğ@İ[Ş\\Ö]Ç^Ü`Ğ{ş|ö}ç~ü",
  ].map { $0.unicodeScalars.map(\.value) }

  private static let greekCapitals = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΧΟΠΡΣΤΥΦΞΨΩ".unicodeScalars.map(\.value)

  /// 0x5F…0x7E of DEC Special Graphics (VT220 reference manual, table 2-4).
  private static let graphicCharacters: [UInt32] = [
    0x20, 0x25C6, 0x2592, 0x2409, 0x240C, 0x240D, 0x240A, 0xB0, 0xB1, 0x2424, 0x240B, 0x2518, 0x2510, 0x250C, 0x2514,
    0x253C, 0x23BA, 0x23BB, 0x2500, 0x23BC, 0x23BD, 0x251C, 0x2524, 0x2534, 0x252C, 0x2502, 0x2264, 0x2265, 0x3C0,
    0x2260, 0xA3, 0xB7,
  ]

  /// The characters of the whole sets, by raw value. What is not assigned is shown as xterm shows it, by U+2E2E.
  private static let tables = allCases.map { $0.text.unicodeScalars.map(\.value) }

  private var text: String {
    switch self {
    case .supplemental:
      "¡¢£\u{2E2E}¥\u{2E2E}§¤©ª«\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}°±²³\u{2E2E}µ¶·\u{2E2E}¹º»¼½\u{2E2E}¿ÀÁÂÃÄÅÆÇÈÉ"
        + "ÊËÌÍÎÏ\u{2E2E}ÑÒÓÔÕÖŒØÙÚÛÜŸ\u{2E2E}ßàáâãäåæçèéêëìíîï\u{2E2E}ñòóôõöœøùúûüÿ\u{2E2E}"
    case .greek:
      "¡¢£\u{2E2E}¥\u{2E2E}§¤©ª«\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}°±²³\u{2E2E}µ¶·\u{2E2E}¹º»¼½\u{2E2E}¿ϊΑΒΓΔΕΖΗΘΙ"
        + "ΚΛΜΝΞΟ\u{2E2E}ΠΡΣΤΥΦΧΨΩάέήί\u{2E2E}όϋαβγδεζηθικλμνξο\u{2E2E}πρστυφχψωςύώ΄\u{2E2E}"
    case .hebrew:
      "¡¢£\u{2E2E}¥\u{2E2E}§¨©×«\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}°±²³\u{2E2E}µ¶·\u{2E2E}¹÷»¼½\u{2E2E}¿\u{2E2E}"
        + "\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}"
        + "\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}"
        + "\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{5D0}\u{5D1}\u{5D2}\u{5D3}\u{5D4}\u{5D5}\u{5D6}\u{5D7}\u{5D8}"
        + "\u{5D9}\u{5DA}\u{5DB}\u{5DC}\u{5DD}\u{5DE}\u{5DF}\u{5E0}\u{5E1}\u{5E2}\u{5E3}\u{5E4}\u{5E5}\u{5E6}"
        + "\u{5E7}\u{5E8}\u{5E9}\u{5EA}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}"
    case .turkish:
      "¡¢£\u{2E2E}¥\u{2E2E}§¨©ª«\u{2E2E}\u{2E2E}İ\u{2E2E}°±²³\u{2E2E}µ¶·\u{2E2E}¹º»¼½ı¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖŒ"
        + "ØÙÚÛÜŸŞßàáâãäåæçèéêëìíîïğñòóôõöœøùúûüÿş"
    case .cyrillic:
      "\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}"
        + "\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}"
        + "\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}юабцдефгхийклмнопярстужвьызшэщчъ\u{2E2E}АБЦДЕФГХИЙКЛМНОПЯРСТУЖВЬ"
        + "ЫЗШЭЩЧ"
    case .technical:
      "⎷┌─⌠⌡│⎡⎣⎤⎦⎧⎩⎫⎭⎨⎬\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}"
        + "≤≠≥∫∴∝∞÷Δ∇ΦΓ∼≃Θ×Λ⇔⇒≡ΠΨ\u{2E2E}Σ\u{2E2E}\u{2E2E}√ΩΞΥ⊂⊃∩∪∧∨¬αβχδεφγηιθκλ\u{2E2E}ν∂πψρστ\u{2E2E}ƒωξυζ←↑→↓"
    case .latin2:
      "\u{A0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{AD}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüý"
        + "ţ\u{2D9}"
    case .latinCyrillic:
      "\u{A0}ЁЂЃЄЅІЇЈЉЊЋЌ\u{AD}ЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя№ёђѓєѕіїјљњћќ§"
        + "ўџ"
    case .latinGreek:
      "\u{A0}‘’£€₯¦§¨©ͺ«¬\u{AD}\u{2E2E}―°±²³΄΅Ά·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡ\u{2E2E}ΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξο"
        + "πρςστυφχψωϊϋόύώ\u{2E2E}"
    case .latinHebrew:
      "\u{A0}\u{2E2E}¢£¤¥¦§¨©×«¬\u{AD}®¯°±²³´µ¶·¸¹÷»¼½¾\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}"
        + "\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}"
        + "\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}\u{2E2E}‗\u{5D0}"
        + "\u{5D1}\u{5D2}\u{5D3}\u{5D4}\u{5D5}\u{5D6}\u{5D7}\u{5D8}\u{5D9}\u{5DA}\u{5DB}\u{5DC}\u{5DD}\u{5DE}"
        + "\u{5DF}\u{5E0}\u{5E1}\u{5E2}\u{5E3}\u{5E4}\u{5E5}\u{5E6}\u{5E7}\u{5E8}\u{5E9}\u{5EA}\u{2E2E}\u{2E2E}"
        + "\u{200E}\u{200F}\u{2E2E}"
    case .latin5:
      "\u{A0}¡¢£¤¥¦§¨©ª«¬\u{AD}®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüı"
        + "şÿ"
    default: ""
    }
  }
}

/// ISO 2022 as terminals have it: four sets, one of them in the left half of the code table (GL). The right half is not reached in UTF-8.
struct Charsets {
  private var sets: (Charset, Charset, Charset, Charset) = (.ascii, .ascii, .ascii, .ascii)
  private(set) var left = 0
  /// The set of the next character only (SS2, SS3); 0 when there is none.
  private(set) var single = 0
  /// DECNRCM: whether national replacement sets replace anything.
  var isNational = false { didSet { update() } }
  /// Whether bytes mean themselves, which is nearly always.
  private(set) var isPlain = true

  private subscript(index: Int) -> Charset {
    switch index {
    case 0: sets.0
    case 1: sets.1
    case 2: sets.2
    default: sets.3
    }
  }

  private mutating func update() {
    let set = self[left]
    isPlain = single == 0 && (set == .ascii || set.isNationalReplacement && !isNational)
  }

  mutating func designate(_ index: Int, _ set: Charset) {
    switch index {
    case 0: sets.0 = set
    case 1: sets.1 = set
    case 2: sets.2 = set
    default: sets.3 = set
    }
    update()
  }

  mutating func lockLeft(_ index: Int) {
    left = index
    update()
  }

  mutating func shiftOnce(_ index: Int) {
    single = index
    update()
  }

  /// Whether the next 0x7F is a character.
  var showsDelete: Bool { self[single != 0 ? single : left].is96 }

  /// The character a byte means; ends a single shift.
  mutating func map(_ byte: UInt32) -> UInt32 {
    let set = self[single != 0 ? single : left]
    if single != 0 {
      single = 0
      update()
    }
    return set.isNationalReplacement && !isNational ? byte : set.character(byte)
  }

  /// The escape sequences that lead to this state from a reset terminal.
  func appendSetup(to bytes: inout [UInt8]) {
    for index in 0..<4 where self[index] != .ascii {
      let set = self[index]
      guard let designator = Charset.designators.first(where: { $0.2 == set }) else { continue }
      // 94: ( ) * +, 96: - . / and none for G0.
      bytes += [0x1B, UInt8(0x28 + index + (set.is96 ? 4 : 0))]
      bytes += designator.0.utf8
    }
    switch left {
    case 1: bytes.append(0x0E)
    case 2: bytes += [0x1B, 0x6E]
    case 3: bytes += [0x1B, 0x6F]
    default: break
    }
  }

  /// The escape sequences that bring a terminal in any state to that of a reset one.
  static let plainSetup = "\u{1B}(B\u{1B})B\u{1B}*B\u{1B}+B\u{0F}"

  /// SS2 or SS3, where one waits for its character. Nothing but that character may follow: other sequences might end it.
  func appendSingleShift(to bytes: inout [UInt8]) { appendSingleShift(single, to: &bytes) }

  func appendSingleShift(_ set: Int, to bytes: inout [UInt8]) {
    if set == 2 || set == 3 { bytes += [0x1B, set == 2 ? 0x4E : 0x4F] }
  }

  /// The single shift with which a byte is shown as the ASCII character that it is: 0 when it needs none, nil when there is none.
  func shift(showing byte: UInt8) -> Int? {
    for shift in [0, 2, 3] {
      var sets = self
      sets.shiftOnce(shift)
      if sets.map(UInt32(byte)) == UInt32(byte) { return shift }
    }
    return nil
  }

  /// Whether nothing differs from a reset terminal.
  var isInitial: Bool {
    left == 0 && single == 0 && (0..<4).allSatisfy { self[$0] == .ascii }
  }
}
