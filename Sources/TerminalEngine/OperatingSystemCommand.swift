// OSC: titles, colours, links, clipboard, progress, notifications, marks.

extension Terminal {
  /// A number of a few digits; nil for anything else.
  static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
    guard !digits.isEmpty, digits.count <= 9 else { return nil }
    var value = 0
    for byte in digits {
      guard byte &- 0x30 < 10 else { return nil }
      value = value * 10 + Int(byte - 0x30)
    }
    return value
  }

  mutating func operatingSystemCommand(terminatedByBell: Bool) {
    let bytes = string
    let head = bytes.prefix { $0 != 0x3B }
    guard let code = Self.decimal(head) else { return }
    let rest = head.count < bytes.count ? bytes[(head.count + 1)...] : []
    // The answer ends as the question did: some programs wait for exactly that.
    let end = terminatedByBell ? "\u{7}" : "\u{1B}\\"
    func fields() -> [ArraySlice<UInt8>] {
      rest.split(separator: 0x3B, maxSplits: Self.fieldLimit, omittingEmptySubsequences: false)
    }
    switch code {
    case 0:
      guard let text = titleText(rest) else { return }
      setIconName(text)
      setTitle(text)
    case 1: if let text = titleText(rest) { setIconName(text) }
    case 2: if let text = titleText(rest) { setTitle(text) }
    case 4: setColors(fields(), special: false, end: end)
    case 5: setColors(fields(), special: true, end: end)
    case 7:
      guard rest.count <= LinkTable.uriLimit else { return }
      workingDirectory = Self.withoutControls(String(decoding: rest, as: UTF8.self))
      emit(.workingDirectory(workingDirectory))
    case 8: setLink(rest)
    case 9: notifyOrProgress(rest)
    case 10...19: setDynamicColors(code, fields(), end: end)
    case 52: setClipboard(rest)
    case 99: kittyNotification(rest)
    case 104: resetColors(fields(), special: false)
    case 105: resetColors(fields(), special: true)
    case 110...119:
      colors[dynamic: code - 100] = nil
      touchAll()
    case 133: mark(fields(), .osc133)
    case 633: mark(fields(), .osc633)
    case 777:
      let parts = rest.split(separator: 0x3B, maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count >= 2, parts[0].elementsEqual("notify".utf8) else { return }
      notify(
        title: String(decoding: parts[1], as: UTF8.self),
        body: parts.count > 2 ? String(decoding: parts[2], as: UTF8.self) : "")
    default: break
    }
  }

  /// Fields of one command that are looked at; a palette of 256 colours takes 512.
  private static let fieldLimit = 520

  /// OSC 8: `8 ; parameters ; uri`; an empty address ends the link.
  private mutating func setLink(_ rest: ArraySlice<UInt8>) {
    guard let separator = rest.firstIndex(of: 0x3B) else { return }
    penIsStale = true
    let address = rest[(separator + 1)...]
    var target = LinkTarget(uri: "", id: "")
    if address.count <= LinkTable.uriLimit {
      target.uri = Self.withoutControls(String(decoding: address, as: UTF8.self))
    }
    guard !target.uri.isEmpty else {
      penLink = 0
      return
    }
    for parameter in rest[..<separator].split(separator: 0x3A) where parameter.starts(with: "id=".utf8) {
      target.id = Self.withoutControls(
        String(decoding: parameter.dropFirst(3).prefix(LinkTable.idLimit), as: UTF8.self))
    }
    penLink = UInt64(linkNumber(target))
  }

  /// The number of a target, after a sweep if there must be one; 0 when there is no room even then.
  mutating func linkNumber(_ target: LinkTarget) -> Int {
    if let number = links.intern(target) { return number }
    if links.refusesSweep() { return 0 }
    var live = [Bool](repeating: false, count: links.count)
    live[Int(penLink)] = true
    live[Int(savedCursor.link)] = true
    live[Int(dormantSavedCursor.link)] = true
    live.withUnsafeMutableBufferPointer { live in
      grid.forEachCell { live[$0.linkID] = true }
      switch dormant {
      case .some(let other): other.forEachCell { live[$0.linkID] = true }
      case .none: break
      }
    }
    links.sweep(live: live)
    spend(rows * columns * 2 + links.count * 8)
    history.forgetLinkNumbers()
    let number = links.intern(target)
    if number == nil { links.noteUselessSweep() }
    return number ?? 0
  }

  /// OSC 52: `52 ; selections ; base64`. A query would tell a program what the user copied elsewhere, so it is never answered.
  private mutating func setClipboard(_ rest: ArraySlice<UInt8>) {
    guard let separator = rest.firstIndex(of: 0x3B) else { return }
    let data = rest[(separator + 1)...]
    guard !data.elementsEqual([0x3F]), rest.distance(from: rest.startIndex, to: separator) <= 16 else { return }
    let isBase64 = data.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2F, 0x3D: true
      default: false
      }
    }
    // Anything else clears the selection (xterm); that is an empty text.
    emit(
      .clipboard(
        selection: String(decoding: rest[..<separator], as: UTF8.self), base64: isBase64 ? Array(data) : []))
  }

  /// OSC 9: ConEmu's `9;4;state;percent`, or a notification of iTerm2.
  private mutating func notifyOrProgress(_ rest: ArraySlice<UInt8>) {
    let fields = rest.split(separator: 0x3B, maxSplits: 4, omittingEmptySubsequences: false)
    if fields.count > 1, fields[0].elementsEqual([0x34]) {
      guard let state = Self.decimal(fields[1]), state <= 4 else { return }
      var percent = fields.count > 2 ? min(Self.decimal(fields[2]) ?? 0, 100) : 0
      if state == 0 || state == 3 { percent = 0 }
      progress = state == 0 ? nil : Progress(state: state, percent: percent)
      emit(.progress(state: state, percent: percent))
      return
    }
    // The other numbered commands of ConEmu are not notifications.
    if fields.count > 1, Self.decimal(fields[0]).map({ $0 <= 12 }) == true { return }
    notify(title: nil, body: String(decoding: rest, as: UTF8.self))
  }
}
