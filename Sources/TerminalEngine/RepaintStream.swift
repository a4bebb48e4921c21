/// The bytes of a picture so far, and how the other terminal's pen stands after them.
struct RepaintStream {
  var bytes: [UInt8] = []
  /// The style and the link of the last cell; the style's number means nothing while a pen is set.
  private var rendition: Cell = 0
  /// A pen that may have no number in the table of styles.
  private var pen: Style?
  private var isProtected = false
  /// Protected by SPA and EPA, not by DECSCA.
  private let isISO: Bool
  /// Mode 2027. Cells are painted without it, but for those that only it makes.
  private var joinsClusters = false

  init(capacity: Int, protection: Protection) {
    bytes.reserveCapacity(capacity)
    isISO = protection == .iso
  }

  mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

  mutating func move(row: Int, column: Int) {
    bytes.append(0x1B, 0x5B)
    bytes.append(decimal: row)
    bytes.append(0x3B)
    bytes.append(decimal: column)
    bytes.append(0x48)
  }

  mutating func move(column: Int) {
    bytes.append(0x1B, 0x5B)
    bytes.append(decimal: column)
    bytes.append(0x47)
  }

  /// What is left of the styles and characters; see ``PictureBudget``.
  var isPlain: Bool { bytes.count > PictureBudget.styled }
  var isASCII: Bool { bytes.count > PictureBudget.text }

  mutating func set(rendition: Cell, styles: borrowing StyleTable, links: LinkTable) {
    let wanted = isPlain ? 0 : rendition
    if pen != nil || wanted.styleID != self.rendition.styleID {
      let style = styles[wanted.styleID]
      if pen != style { add(style: style) }
      pen = nil
    }
    if wanted.linkID != self.rendition.linkID { add(LinkTarget.command(links[wanted.linkID])) }
    self.rendition = wanted
  }

  mutating func set(pen wanted: Style, styles: borrowing StyleTable) {
    let present = pen == nil ? styles[rendition.styleID] : pen
    if present != wanted { add(style: wanted) }
    pen = wanted
  }

  private mutating func add(style: Style) {
    bytes.append(0x1B, 0x5B)
    if !style.isDefault { Terminal.appendRendition(style, to: &bytes) }
    bytes.append(0x6D)
  }

  mutating func set(joinsClusters wanted: Bool) {
    if wanted != joinsClusters { add("\u{1B}[?2027\(wanted ? "h" : "l")") }
    joinsClusters = wanted
  }

  mutating func set(protected wanted: Bool) {
    guard wanted != isProtected else { return }
    if isISO {
      bytes.append(0x1B, wanted ? 0x56 : 0x57)
    } else {
      add(wanted ? "\u{1B}[1\"q" : "\u{1B}[0\"q")
    }
    isProtected = wanted
  }

  /// The pen and the charsets as after a reset.
  mutating func setPlain(styles: borrowing StyleTable, links: LinkTable) {
    set(rendition: 0, styles: styles, links: links)
    set(protected: false)
    add(Charsets.plainSetup)
  }
}
