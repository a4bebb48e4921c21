// XParseColor: the colours that are given by numbers, in all the spaces that X11 has.

/// Reads a colour as X11 reads it: `rgb:`, `#`, `rgbi:`, the spaces of the CIE, TekHVC, and names.
///
/// Intensities and the spaces of the CIE are turned into the colours of the display that Xlib takes for granted where nobody
/// has described another: its matrix and its curves are here, as `XcmsConvertColors` of libX11 1.8 shows them, and so are the
/// two departures from the CIE's formulas that programs see in every X11 terminal (in CIELab and CIELuv).
enum ColorSpecification {
  /// Longer ones are refused: the longest that means something has three numbers of a dozen digits.
  static let limit = 128

  static func parse(_ text: ArraySlice<UInt8>) -> RGB? {
    guard !text.isEmpty, text.count <= limit else { return nil }
    if text.first == 0x23 { return parseHash(text.dropFirst()) }
    guard let colon = text.firstIndex(of: 0x3A) else { return ColorNames.color(text) }
    let parts = text[(colon + 1)...].split(separator: 0x2F, omittingEmptySubsequences: false)
    guard parts.count == 3 else { return nil }
    let space = String(decoding: text[..<colon], as: UTF8.self).lowercased()
    if space == "rgb" { return parseChannels(parts) }
    var numbers: [Double] = []
    for part in parts {
      // Only what is a number in decimal digits: no names of infinity, no hexadecimal.
      let isDecimal = part.allSatisfy { byte in
        switch byte {
        case 0x30...0x39, 0x2B, 0x2D, 0x2E, 0x45, 0x65: true
        default: false
        }
      }
      guard isDecimal, let number = Double(String(decoding: part, as: UTF8.self)), number.isFinite, abs(number) < 1e6
      else {
        return nil
      }
      numbers.append(number)
    }
    let (first, second, third) = (numbers[0], numbers[1], numbers[2])
    switch space {
    case "rgbi": return intensities(Triple(first, second, third))
    case "ciexyz": return (0...1).contains(second) ? clipped(Triple(first, second, third)) : nil
    case "cieuvy": return (0...1).contains(third) ? uniform(first, second, third) : nil
    case "ciexyy":
      guard (0...1).contains(third), second > 0 else { return nil }
      return clipped(Triple(first * third / second, third, (1 - first - second) * third / second))
    case "cielab": return lab(first, second, third)
    case "cieluv": return luv(first, second, third)
    case "tekhvc": return hueValueChroma(first, second, third)
    default: return nil
    }
  }

  // MARK: RGB

  /// `rgb:h/h/h`: one to four digits a channel, which are a fraction of the largest number they could be.
  private static func parseChannels(_ parts: [ArraySlice<UInt8>]) -> RGB? {
    var channels: [UInt8] = []
    for part in parts {
      guard (1...4).contains(part.count), let value = ColorTable.hexadecimal(part) else { return nil }
      let largest = (1 << (4 * part.count)) - 1
      channels.append(UInt8(truncatingIfNeeded: (value * 0xFFFF / largest) >> 8))
    }
    return RGB(channels[0], channels[1], channels[2])
  }

  /// `#rgb` to `#rrrrggggbbbb`: the digits are the most significant ones of a channel.
  private static func parseHash(_ digits: ArraySlice<UInt8>) -> RGB? {
    guard digits.count % 3 == 0, (3...12).contains(digits.count) else { return nil }
    let size = digits.count / 3
    var channels: [UInt8] = []
    for index in 0..<3 {
      let start = digits.startIndex + index * size
      guard let value = ColorTable.hexadecimal(digits[start..<(start + size)]) else { return nil }
      channels.append(UInt8(truncatingIfNeeded: size == 1 ? value << 4 : value >> (4 * size - 8)))
    }
    return RGB(channels[0], channels[1], channels[2])
  }

  // MARK: the spaces of the CIE

  private struct Triple {
    var x: Double
    var y: Double
    var z: Double

    init(_ x: Double, _ y: Double, _ z: Double) {
      self.x = x
      self.y = y
      self.z = z
    }
  }

  /// The white of the display in CIEXYZ, and its chromaticity u', v'.
  private static let white = Triple(0.9496644, 1, 1.4060403)
  private static let whiteU = 4 * white.x / (white.x + 15 * white.y + 3 * white.z)
  private static let whiteV = 9 * white.y / (white.x + 15 * white.y + 3 * white.z)

  /// Y of a lightness (L* or V, 0…100).
  private static func luminance(_ lightness: Double) -> Double {
    lightness < 7.99953624 ? lightness / 903.29 : cube((lightness + 16) / 116)
  }

  private static func cube(_ value: Double) -> Double { value * value * value }

  private static func lab(_ lightness: Double, _ a: Double, _ b: Double) -> RGB? {
    guard (0...100).contains(lightness) else { return nil }
    if lightness < 7.99953624 {
      // A hundredfold of what the CIE has: Xlib divides by 9.03292.
      let y = lightness / 9.03292
      return clipped(Triple(white.x * (y + a / 3893.5), y, white.z * (y - b / 1557.4)))
    }
    // And here a* and b* count a hundredfold.
    let root = (lightness + 16) / 116
    return clipped(Triple(white.x * cube(root + a / 5), cube(root), white.z * cube(root - b / 2)))
  }

  private static func luv(_ lightness: Double, _ u: Double, _ v: Double) -> RGB? {
    guard (0...100).contains(lightness) else { return nil }
    if lightness == 0 { return RGB(0, 0, 0) }
    // As in Xlib, which takes a hundredth of L*.
    let scale = 13 * lightness / 100
    return uniform(whiteU + u / scale, whiteV + v / scale, luminance(lightness))
  }

  /// Tektronix' hue (degrees), value and chroma: polar coordinates around white in u', v', that begin at the best red.
  private static func hueValueChroma(_ hue: Double, _ value: Double, _ chroma: Double) -> RGB? {
    guard (0...100).contains(value), chroma >= 0 else { return nil }
    if value == 0 { return RGB(0, 0, 0) }
    let radius = chroma / (value * 7.50725)
    let (cosine, sine) = direction(hue)
    // From white to the best red (u' 0.7127, v' 0.4931), at the length of 1.
    let (redU, redV) = (0.99603315, 0.08898290)
    return uniform(
      whiteU + radius * (redU * cosine - redV * sine), whiteV + radius * (redV * cosine + redU * sine), luminance(value)
    )
  }

  /// Cosine and sine of an angle in degrees, by their series after the angle is brought near zero. (The engine needs no
  /// mathematical library for anything else.)
  private static func direction(_ degrees: Double) -> (Double, Double) {
    var rest = degrees - 360 * Double(Int(degrees / 360))
    if rest > 180 { rest -= 360 } else if rest < -180 { rest += 360 }
    let angle = rest * Double.pi / 180
    var (cosine, sine, term) = (0.0, 0.0, 1.0)
    for power in 0..<28 {
      switch power & 3 {
      case 0: cosine += term
      case 1: sine += term
      case 2: cosine -= term
      default: sine -= term
      }
      term *= angle / Double(power + 1)
    }
    return (cosine, sine)
  }

  /// A chromaticity u', v' and a luminance.
  private static func uniform(_ u: Double, _ v: Double, _ luminance: Double) -> RGB? {
    guard let color = tristimulus(u, v, luminance) else { return nil }
    return clipped(color)
  }

  private static func tristimulus(_ u: Double, _ v: Double, _ luminance: Double) -> Triple? {
    guard abs(v) > 1e-9 else { return nil }
    return Triple(luminance * 9 * u / (4 * v), luminance, luminance * (12 - 3 * u - 20 * v) / (4 * v))
  }

  // MARK: the display

  /// The intensities of the three channels.
  private static func channels(_ color: Triple) -> Triple {
    Triple(
      3.48340481 * color.x - 1.52176375 * color.y - 0.55923133 * color.z,
      -1.07152751 * color.x + 1.96593795 * color.y + 0.03673691 * color.z,
      0.06351180 * color.x - 0.20020501 * color.y + 0.81070942 * color.z)
  }

  private static func isShown(_ channels: Triple, tolerance: Double = 0) -> Bool {
    let range = -tolerance...(1 + tolerance)
    return range.contains(channels.x) && range.contains(channels.y) && range.contains(channels.z)
  }

  /// A colour of the display: one that it cannot show loses chroma, at the same hue and value, until it can.
  private static func clipped(_ color: Triple) -> RGB? {
    let exact = channels(color)
    if isShown(exact, tolerance: 0.001) { return intensities(exact) }
    if color.y >= 1 { return RGB(255, 255, 255) }
    let sum = color.x + 15 * color.y + 3 * color.z
    guard color.y > 0, abs(sum) > 1e-9 else { return RGB(0, 0, 0) }
    let (u, v) = (4 * color.x / sum, 9 * color.y / sum)
    func part(_ share: Double) -> Triple? {
      tristimulus(whiteU + share * (u - whiteU), whiteV + share * (v - whiteV), color.y).map { channels($0) }
    }
    // White of this value is always shown; thirty halvings are more than eight bits of a channel can tell apart.
    var (shown, tooMuch) = (0.0, 1.0)
    for _ in 0..<30 {
      let middle = (shown + tooMuch) / 2
      if let channels = part(middle), isShown(channels) { shown = middle } else { tooMuch = middle }
    }
    return part(shown).map { intensities($0) }
  }

  private static func intensities(_ channels: Triple) -> RGB {
    RGB(
      level(channels.x, red, first: 10), level(channels.y, green, first: 20), level(channels.z, blue, first: 15))
  }

  /// The level (0…255) that shines with an intensity (0…1). A curve has an entry, in millionths, for every fifth level from
  /// `first` on; the level below that one is dark.
  private static func level(_ intensity: Double, _ curve: [Int32], first: Int) -> UInt8 {
    let wanted = min(max(intensity, 0), 1) * 1_000_000
    if wanted <= 0 { return 0 }
    var (level, span, lower) = (Double(first - 1), 1.0, 0.0)
    for (index, entry) in curve.enumerated() {
      let upper = Double(entry)
      if wanted <= upper {
        return UInt8(truncatingIfNeeded: Int(level + span * (wanted - lower) / (upper - lower) + 0.5))
      }
      (level, span, lower) = (Double(first + 5 * index), 5, upper)
    }
    return 255
  }

  private static let red: [Int32] = [
    936, 1481, 2329, 3529, 5127, 7169, 9699, 12759, 16392, 20637, 25533, 31119, 37431, 44504, 52373, 61069, 70624,
    81070, 92433, 104744, 118026, 132307, 147610, 163958, 181371, 199871, 219475, 240202, 262069, 285089, 309278,
    334647, 361208, 388971, 417945, 448138, 479555, 512202, 546082, 581199, 617552, 655144, 693971, 734031, 775322,
    817837, 861571, 906515, 952662, 1000000,
  ]

  private static let green: [Int32] = [
    832, 1998, 3612, 5736, 8428, 11745, 15740, 20463, 25960, 32275, 39449, 47519, 56520, 66484, 77439, 89409,
    102418, 116485, 131625, 147853, 165176, 183604, 203140, 223783, 245533, 268384, 292327, 317351, 343441, 370580,
    398747, 427919, 458068, 489165, 521176, 554067, 587797, 622324, 657604, 693588, 730225, 767459, 805235, 843491,
    882164, 921187, 960490, 1000000,
  ]

  private static let blue: [Int32] = [
    1341, 2080, 3188, 4729, 6766, 9357, 12559, 16424, 21004, 26344, 32489, 39481, 47357, 56154, 65903, 76634,
    88373, 101145, 114968, 129862, 145841, 162915, 181095, 200386, 220791, 242309, 264937, 288670, 313499, 339410,
    366390, 394421, 423481, 453547, 484592, 516587, 549498, 583291, 617925, 653361, 689553, 726454, 764013, 802178,
    840891, 880093, 919723, 959715, 1000000,
  ]
}
