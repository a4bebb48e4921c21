// The window's title and icon name, and xterm's stack of them.

/// An entry of the title stack (`CSI 22 ; 0, 1 or 2 t`): always both names, as in xterm.
struct SavedTitle {
  var title: String
  var iconName: String

  var bytesHeld: Int { title.utf8.count + iconName.utf8.count + 32 }
}

extension Terminal {
  /// xterm's stack has ten entries.
  static let titleStackLimit = 10
  /// Longer titles are cut: no window bar shows more.
  static let titleLimit = 1024

  /// Text without control characters, so that it may stand inside a sequence or a line.
  static func withoutControls(_ text: String) -> String {
    let isControl = { (scalar: Unicode.Scalar) in
      scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value) || scalar.value == 0x2028 || scalar.value == 0x2029
    }
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var clean = String.UnicodeScalarView()
    clean.append(contentsOf: text.unicodeScalars.lazy.filter { !isControl($0) })
    return String(clean)
  }

  /// The text of a title, without control characters and not too long.
  static func titleText(_ bytes: ArraySlice<UInt8>) -> String {
    withoutControls(String(decoding: bytes.prefix(titleLimit), as: UTF8.self))
  }

  mutating func setTitle(_ text: String) {
    title = text
    emit(.title(text))
  }

  mutating func setIconName(_ text: String) {
    iconName = text
    emit(.iconName(text))
  }

  /// 0 pushes both, 1 the icon's name, 2 the title. The other name is the one pushed before, or the one in force when none was: so
  /// one pushed after the other come back together.
  mutating func pushTitle(_ which: Int) {
    guard which <= 2 else { return }
    let last = titleStack.last
    if titleStack.count == Self.titleStackLimit { titleStack.removeFirst() }
    titleStack.append(
      SavedTitle(
        title: which == 1 ? last?.title ?? title : title, iconName: which == 2 ? last?.iconName ?? iconName : iconName))
  }

  /// Takes an entry off the stack, and of it both names, the icon's or the title.
  mutating func popTitle(_ which: Int) {
    guard which <= 2, let saved = titleStack.popLast() else { return }
    if which != 1, saved.title != title { setTitle(saved.title) }
    if which != 2, saved.iconName != iconName { setIconName(saved.iconName) }
  }
}
