/// The lines that scrolled off the main screen, encoded (see `HistoryLine`) in pages.
///
/// Lines go into an open page, which grows as it needs; a full one is copied to its exact size and closed. The oldest pages go
/// when there are more lines or bytes than allowed.
struct History: ~Copyable {
  /// A page holds some 500 lines: small enough that finding a line in it is quick, large enough to compress well.
  static let pageSize = 32 << 10
  private static let firstCapacity = 1 << 10

  let byteLimit: Int
  let lineLimit: Int

  private(set) var pages: [HistoryPage] = []
  /// Of the pages within the bounds.
  private var closedBytes = 0
  /// Whether lines are stored at all.
  private var stores: Bool
  /// The line from which on somebody has yet to read; see ``hold(from:)``.
  private var heldFrom: Int?
  /// Pages beyond the bounds that are there for that reader only. They are the oldest.
  private var heldPages = 0
  /// What those are taking.
  private(set) var heldBytes = 0
  /// Lines ever pushed and not taken back: the absolute number of the next one.
  private(set) var total = 0
  private var pagesFirst = 0
  private var cleared = 0

  // The open page.
  private var open: UnsafeMutablePointer<UInt8>?
  private var capacity = 0
  private var used = 0
  private var openLines = 0
  private var openStyles: [Style] = []
  private var openLinks: [LinkTarget] = []

  /// For each of the terminal's style numbers, the number in the open page: `era << 32 | number`. An entry of an older era is void.
  private var styleNumbers: UnsafeMutablePointer<UInt64>?
  private var styleNumberCapacity = 0
  private var era: UInt64 = 1
  private var linkNumbers: [Int: Int] = [:]

  /// Bytes of the open page's styles and links.
  private var openExtra = 0

  /// Where a line was found last: reading lines in order does not search each from the beginning of its page.
  private var foundPage = -1
  private var foundIndex = 0
  private var foundOffset = 0

  /// The packed page that was read last, unpacked.
  private var unpacked: [UInt8] = []
  private var unpackedPage: HistoryPage?

  init(byteLimit: Int, lineLimit: Int) {
    self.byteLimit = max(byteLimit, 0)
    self.lineLimit = max(lineLimit, 0)
    stores = lineLimit > 0
  }

  deinit {
    open?.deallocate()
    styleNumbers?.deallocate()
  }

  /// The oldest line that is kept.
  var firstLine: Int { max(pagesFirst, cleared, total - lineLimit) }

  /// The oldest line that the reader for whom lines are held can still have; ``firstLine`` without one.
  var heldFirstLine: Int {
    guard let heldFrom else { return firstLine }
    return min(firstLine, max(heldFrom, storedFirst))
  }

  private var storedFirst: Int { pages.first?.firstLine ?? total - openLines }

  var bytesHeld: Int {
    var bytes = capacity + styleNumberCapacity * 8 + unpacked.capacity
    bytes += openStyles.capacity * MemoryLayout<Style>.stride + pages.capacity * 8
    return pages.reduce(bytes) { $0 + $1.bytesHeld }
  }

  // MARK: writing

  /// Room for a line of at most so many bytes, in the open page or a new one.
  @inline(__always)
  private mutating func reserve(_ size: Int) -> UnsafeMutablePointer<UInt8> {
    if used + size > capacity { makeRoom(size) }
    return open! + used
  }

  @inline(never)
  private mutating func makeRoom(_ size: Int) {
    if openLines > 0 && used + size > Self.pageSize { closePage() }
    let needed = used + size
    if needed <= capacity { return }
    let larger = max(min(max(capacity * 2, Self.firstCapacity), Self.pageSize), needed)
    let memory = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    if let open {
      memory.update(from: open, count: used)
      open.deallocate()
    }
    open = memory
    capacity = larger
  }

  private mutating func closePage() {
    guard let open, openLines > 0 else { return }
    let page = HistoryPage(
      copying: open, count: used, firstLine: total - openLines, lineCount: openLines, styles: openStyles,
      links: openLinks)
    pages.append(page)
    closedBytes += page.encodedSize
    used = 0
    openLines = 0
    emptyTables()
    dropOldPages()
  }

  private mutating func emptyTables() {
    openStyles.removeAll()
    openLinks.removeAll()
    linkNumbers.removeAll()
    openExtra = 0
    era += 1
    foundPage = -1
  }

  private mutating func dropOldPages() {
    while heldPages < pages.count {
      let page = pages[heldPages]
      let isBeyondLines = page.end <= total - lineLimit
      guard isBeyondLines || closedBytes > byteLimit else { break }
      holdPage(page)
    }
    dropReadPages()
  }

  /// A page leaves the bounds.
  private mutating func holdPage(_ page: HistoryPage) {
    closedBytes -= page.encodedSize
    heldBytes += page.encodedSize
    pagesFirst = page.end
    heldPages += 1
  }

  /// Drops what is beyond the bounds and held for nobody.
  private mutating func dropReadPages() {
    var count = 0
    while count < heldPages {
      let page = pages[count]
      if let heldFrom, page.end > heldFrom, heldBytes <= Self.heldLimit { break }
      heldBytes -= page.encodedSize
      count += 1
    }
    heldPages -= count
    if count > 0 {
      pages.removeFirst(count)
      unpackedPage = nil
      unpacked = []
    }
  }

  /// What a reader that falls behind has kept for it beyond the bounds, in bytes of encoding.
  static let heldLimit = 2 << 20

  /// Keeps lines from that one on for a reader, beyond the bounds and unseen by everybody else, until it asks for later ones or, with
  /// `nil`, for none. Lines that are cleared are kept for it too. Past ``heldLimit`` the oldest go.
  mutating func hold(from line: Int?) {
    if line == heldFrom { return }
    heldFrom = line
    stores = lineLimit > 0 || line != nil
    dropReadPages()
    if !stores { clear() }
  }

  @inline(__always)
  private mutating func commit(_ end: UnsafeMutablePointer<UInt8>) {
    used = end - open!
    openLines += 1
    total += 1
  }

  /// Takes a row of the screen as the newest line.
  @inline(__always)
  mutating func push(
    _ row: Row, styles: borrowing StyleTable, clusters: borrowing ClusterTable, links: LinkTable
  ) {
    let length = Int(row.length)
    if row.flags & (Row.unicode | Row.styled) == 0 && stores {
      var target = reserve(length + 32)
      target.pointee = HistoryFlags.ascii | row.flags & Row.wrapped
      target += 1
      Varint.write(length, to: &target)
      Self.copyASCII(row.cells, length, to: target)
      commit(target + length)
    } else {
      pushStyled(row, styles: styles, clusters: clusters, links: links)
    }
  }

  /// Eight cells at a time; a cell nothing was written to becomes a space without a comparison. Reads and writes up to seven
  /// cells too many, for which grids and `reserve` have room.
  @inline(__always)
  private static func copyASCII(
    _ cells: UnsafeMutablePointer<Cell>, _ length: Int, to target: UnsafeMutablePointer<UInt8>
  ) {
    let one = SIMD8<UInt8>(repeating: 1)
    var index = 0
    while index < length {
      let eight = UnsafeRawPointer(cells + index).loadUnaligned(as: SIMD8<UInt64>.self)
      var bytes = SIMD8<UInt8>(truncatingIfNeeded: eight)
      bytes |= ((bytes &- one) &>> 7) &<< 5
      UnsafeMutableRawPointer(target + index).storeBytes(of: bytes, as: SIMD8<UInt8>.self)
      index &+= 8
    }
  }

  @inline(never)
  private mutating func pushStyled(
    _ row: Row, styles: borrowing StyleTable, clusters: borrowing ClusterTable, links: LinkTable
  ) {
    guard stores else {
      total += 1
      return
    }
    if openExtra > Self.pageSize { closePage() }
    let cells = row.cells
    var end = Int(row.length)
    while end > 0 && cells[end - 1] == 0 { end -= 1 }
    // A cell is at most 4 bytes of text, or a marker and a cluster, and 8 bytes of run.
    let isClustered = row.flags & Row.clustered != 0
    let worst = end * (isClustered ? ClusterTable.textLimit + 2 + 8 : 12) + 64
    let start = reserve(worst)
    // The lengths stand before what they measure, so room is left for the longest.
    let numberSize = worst < 1 << 14 ? 2 : 3
    var target = start + 1 + numberSize
    var flags = row.flags & Row.wrapped
    let text = target
    if row.flags & Row.unicode == 0 {
      flags |= HistoryFlags.ascii
      Self.copyASCII(cells, end, to: target)
      target += end
    } else if isClustered {
      flags |= HistoryFlags.hasMarkers
      Self.encodeClustered(cells, end, clusters, to: &target)
    } else {
      var index = 0
      while index < end {
        let cell = cells[index]
        if cell.isPaired {
          index = Self.encodePairs(cells, index, end, to: &target)
          continue
        }
        index &+= cell.isWide ? 2 : 1
        let scalar = UInt32(truncatingIfNeeded: cell & CellBits.scalar)
        UTF8Text.write(scalar == 0 ? 0x20 : scalar, to: &target)
      }
    }
    Varint.write(target - text, at: start + 1, size: numberSize)
    if row.flags & Row.styled != 0 {
      flags |= HistoryFlags.hasRuns
      let countPlace = target
      target += numberSize
      var count = 0
      var position = 0
      while position < end {
        let rendition = cells[position] & CellBits.rendition
        var next = position + 1
        while next &+ 4 <= end {
          let a = (cells[next] ^ rendition) | (cells[next &+ 1] ^ rendition)
          let b = (cells[next &+ 2] ^ rendition) | (cells[next &+ 3] ^ rendition)
          if (a | b) & CellBits.rendition != 0 { break }
          next &+= 4
        }
        while next < end && cells[next] & CellBits.rendition == rendition { next &+= 1 }
        Varint.write(next - position, to: &target)
        let style = number(ofStyle: cells[position].styleID, in: styles)
        let link = cells[position].linkID
        if link == 0 {
          Varint.write(style << 1, to: &target)
        } else {
          Varint.write(style << 1 | 1, to: &target)
          Varint.write(number(ofLink: link, in: links), to: &target)
        }
        count += 1
        position = next
      }
      Varint.write(count, at: countPlace, size: numberSize)
    }
    start.pointee = flags
    commit(target)
  }

  /// A run of ideographs or syllables from `first` on: pairs of bytes, or UTF-8 when they are few. Returns what follows it.
  @inline(__always)
  private static func encodePairs(
    _ cells: UnsafeMutablePointer<Cell>, _ first: Int, _ end: Int, to target: inout UnsafeMutablePointer<UInt8>
  ) -> Int {
    var index = first
    var pair = target + 2
    let limit = min(end, first + 2 * HistoryMarker.longestPairs)
    while index < limit, cells[index].isPaired {
      UnsafeMutableRawPointer(pair).storeBytes(
        of: UInt16(truncatingIfNeeded: cells[index]).littleEndian, as: UInt16.self)
      pair += 2
      index &+= 2
    }
    let count = (index - first) / 2
    if count >= HistoryMarker.fewestPairs {
      target[0] = HistoryMarker.pairs
      target[1] = UInt8(truncatingIfNeeded: count)
      target = pair
    } else {
      for few in 0..<count {
        UTF8Text.write(UInt32(truncatingIfNeeded: cells[first + few * 2] & CellBits.scalar), to: &target)
      }
    }
    return index
  }

  private static func encodeClustered(
    _ cells: UnsafeMutablePointer<Cell>, _ end: Int, _ clusters: borrowing ClusterTable,
    to target: inout UnsafeMutablePointer<UInt8>
  ) {
    let shown = CellBits.token | CellBits.tail | CellBits.leadSpacer
    var index = 0
    while index < end {
      let cell = cells[index]
      if cell & shown < 0x80 {
        // Words between the clusters, four letters at a time.
        while index &+ 4 <= end {
          let a = cells[index] & shown
          let b = cells[index &+ 1] & shown
          let c = cells[index &+ 2] & shown
          let d = cells[index &+ 3] & shown
          if (a | b | c | d) >= 0x80 { break }
          var four = UInt32(truncatingIfNeeded: a | b &<< 8 | c &<< 16 | d &<< 24)
          // The high bit of each sum says that the byte is not 0.
          four |= (~(four &+ 0x7F7F_7F7F) & 0x8080_8080) &>> 2
          UnsafeMutableRawPointer(target).storeBytes(of: four.littleEndian, as: UInt32.self)
          target += 4
          index &+= 4
        }
        while index < end {
          let content = cells[index] & shown
          if content >= 0x80 { break }
          target.pointee = content == 0 ? 0x20 : UInt8(truncatingIfNeeded: content)
          target += 1
          index &+= 1
        }
        continue
      }
      if cell.isPaired {
        index = encodePairs(cells, index, end, to: &target)
        continue
      }
      index &+= cell.isWide ? 2 : 1
      if cell.isTail { continue }
      if cell.isLeadSpacer {
        target.pointee = HistoryMarker.leadSpacer
        target += 1
      } else if cell.isCluster {
        let text = clusters.text(Int(cell & CellBits.scalar))
        target[0] = cell.isWide ? HistoryMarker.wide : HistoryMarker.narrow
        target[1] = UInt8(truncatingIfNeeded: text.count)
        target += 2
        // Whole words: what is behind the text is overwritten, and `reserve` has room for it.
        if let bytes = text.baseAddress {
          var copied = 0
          while copied < text.count {
            UnsafeMutableRawPointer(target + copied).storeBytes(
              of: UnsafeRawPointer(bytes + copied).loadUnaligned(as: SIMD16<UInt8>.self), as: SIMD16<UInt8>.self)
            copied &+= 16
          }
        }
        target += text.count
      } else {
        let scalar = UInt32(truncatingIfNeeded: cell & CellBits.scalar)
        if !cell.isWide && scalar >= 0x1100 && WidthTable.properties(of: scalar) & 2 != 0 {
          // A wide character on a screen one column wide.
          target[0] = HistoryMarker.narrow
          target[1] = UInt8(truncatingIfNeeded: scalar < 0x10000 ? 3 : 4)
          target += 2
        } else if cell.isWide && cell.isHalfFlag {
          target[0] = HistoryMarker.wide
          target[1] = 4
          target += 2
        }
        UTF8Text.write(scalar == 0 ? 0x20 : scalar, to: &target)
      }
    }
  }

  @inline(__always)
  private mutating func number(ofStyle id: Int, in styles: borrowing StyleTable) -> Int {
    if id < styleNumberCapacity {
      let entry = styleNumbers![id]
      if entry >> 32 == era { return Int(entry & 0xFFFF_FFFF) }
    }
    return addStyle(id, styles)
  }

  @inline(never)
  private mutating func addStyle(_ id: Int, _ styles: borrowing StyleTable) -> Int {
    if id >= styleNumberCapacity {
      let larger = styles.capacity
      let memory = UnsafeMutablePointer<UInt64>.allocate(capacity: larger)
      memory.initialize(repeating: 0, count: larger)
      if let styleNumbers {
        memory.update(from: styleNumbers, count: styleNumberCapacity)
        styleNumbers.deallocate()
      }
      styleNumbers = memory
      styleNumberCapacity = larger
    }
    let number = openStyles.count
    openStyles.append(styles[id])
    openExtra += MemoryLayout<Style>.stride
    styleNumbers![id] = era << 32 | UInt64(number)
    return number
  }

  private mutating func number(ofLink id: Int, in links: LinkTable) -> Int {
    if let number = linkNumbers[id] { return number }
    let number = openLinks.count
    let target = links[id] ?? LinkTarget(uri: "", id: "")
    openLinks.append(target)
    openExtra += target.bytesHeld
    linkNumbers[id] = number
    return number
  }

  /// The terminal's style numbers have been given to other styles.
  mutating func forgetStyleNumbers() { era += 1 }
  mutating func forgetLinkNumbers() { linkNumbers.removeAll() }

  mutating func clear() {
    if heldFrom != nil {
      closePage()
      while heldPages < pages.count { holdPage(pages[heldPages]) }
      dropReadPages()
    } else {
      pages = []
      heldPages = 0
      heldBytes = 0
    }
    closedBytes = 0
    used = 0
    openLines = 0
    emptyTables()
    pagesFirst = total
    cleared = total
    unpackedPage = nil
    unpacked = []
    open?.deallocate()
    open = nil
    capacity = 0
  }

  // MARK: reading

  /// What a line's numbers refer to.
  struct Tables {
    var styles: [Style]
    var links: [LinkTarget]
  }

  /// Calls `body` with a line; false when it is not kept (or its page cannot be unpacked).
  mutating func withLine(
    _ line: Int, _ decompress: ((UnsafeRawBufferPointer, Int) -> [UInt8]?)?,
    _ body: (HistoryLine, Tables) -> Void
  ) -> Bool {
    guard line >= heldFirstLine, line < total else { return false }
    let openFirst = total - openLines
    if line >= openFirst {
      guard let open else { return false }
      let found = find(line - openFirst, from: UnsafePointer(open), page: openFirst)
      body(found, Tables(styles: openStyles, links: openLinks))
      return true
    }
    let page = pages[pageIndex(of: line)]
    guard prepare(page, decompress) else { return false }
    let tables = Tables(styles: page.styles, links: page.links)
    if page.isPacked {
      let bytes = unpacked
      bytes.withUnsafeBufferPointer { bytes in
        body(find(line - page.firstLine, from: bytes.baseAddress!, page: page.firstLine), tables)
      }
    } else {
      body(find(line - page.firstLine, from: page.stored.baseAddress!, page: page.firstLine), tables)
    }
    return true
  }

  private func pageIndex(of line: Int) -> Int {
    var low = 0
    var high = pages.count - 1
    while low < high {
      let middle = (low + high + 1) / 2
      if pages[middle].firstLine <= line { low = middle } else { high = middle - 1 }
    }
    return low
  }

  private mutating func find(_ index: Int, from start: UnsafePointer<UInt8>, page: Int) -> HistoryLine {
    if foundPage != page || foundIndex > index {
      foundPage = page
      foundIndex = 0
      foundOffset = 0
    }
    var line = HistoryLine(at: start + foundOffset)
    while foundIndex < index {
      foundOffset = line.end - start
      foundIndex += 1
      line = HistoryLine(at: start + foundOffset)
    }
    return line
  }

  /// Unpacks a page if it is packed; false when that fails.
  private mutating func prepare(
    _ page: HistoryPage, _ decompress: ((UnsafeRawBufferPointer, Int) -> [UInt8]?)?
  ) -> Bool {
    if !page.isPacked || unpackedPage === page { return true }
    guard let decompress, let bytes = page.unpack(decompress) else { return false }
    unpacked = bytes
    unpackedPage = page
    return true
  }

  // MARK: sealing

  /// An open page that holds less stays open: so small a page packs badly.
  private static let leastSealed = 4 << 10

  /// Packs up to so many pages that were not tried yet, the open one too when it is worth it. Returns the bytes saved, and whether that
  /// was all.
  mutating func seal(
    atMost limit: Int, _ compress: (UnsafeRawBufferPointer) -> [UInt8]?
  ) -> (saved: Int, isDone: Bool) {
    var saved = 0
    if used >= Self.leastSealed {
      saved += capacity - used
      closePage()
      open?.deallocate()
      open = nil
      capacity = 0
    }
    // The newest come last; those before them were tried when they were new.
    var first = pages.count
    while first > 0, !pages[first - 1].isSettled { first -= 1 }
    let last = first + min(max(limit, 0), pages.count - first)
    saved += HistoryPage.pack(pages[first..<last], compress)
    return (saved, last == pages.count)
  }

  /// The newest line does not go on in what stands below it now. One that is kept for a reader only is as it left.
  mutating func tearLast(_ decompress: ((UnsafeRawBufferPointer, Int) -> [UInt8]?)?) {
    guard total > firstLine else { return }
    var isWrapped = false
    _ = withLine(total - 1, decompress) { line, _ in isWrapped = line.isWrapped }
    guard isWrapped, openLines > 0 || reopenLastPage(decompress), let open else { return }
    _ = find(openLines - 1, from: UnsafePointer(open), page: total - openLines)
    open[foundOffset] &= ~HistoryFlags.wrapped
  }

  // MARK: taking back

  /// Removes the newest lines, which come back onto the screen; the caller has read them.
  mutating func removeLast(_ count: Int, _ decompress: ((UnsafeRawBufferPointer, Int) -> [UInt8]?)?) {
    var left = min(count, total - firstLine)
    // Lines beyond the bound stay gone, though fewer are kept now.
    cleared = firstLine
    while left > 0 {
      if openLines == 0 && !reopenLastPage(decompress) { return }
      let removed = min(left, openLines)
      let kept = openLines - removed
      foundPage = -1
      if kept == 0 {
        used = 0
        emptyTables()
      } else if let open {
        var end = UnsafePointer(open)
        for _ in 0..<kept { end = HistoryLine(at: end).end }
        used = end - UnsafePointer(open)
      }
      openLines = kept
      total -= removed
      left -= removed
    }
  }

  private mutating func reopenLastPage(_ decompress: ((UnsafeRawBufferPointer, Int) -> [UInt8]?)?) -> Bool {
    guard pages.count > heldPages, let page = pages.last, prepare(page, decompress) else { return false }
    if capacity < page.unpackedSize {
      open?.deallocate()
      capacity = max(page.unpackedSize, Self.pageSize)
      open = .allocate(capacity: capacity)
    }
    if page.isPacked {
      unpacked.withUnsafeBufferPointer { open!.update(from: $0.baseAddress!, count: page.unpackedSize) }
    } else {
      open!.update(from: page.stored.baseAddress!, count: page.unpackedSize)
    }
    pages.removeLast()
    closedBytes -= page.encodedSize
    if unpackedPage === page {
      unpackedPage = nil
      unpacked = []
    }
    used = page.unpackedSize
    openLines = page.lineCount
    emptyTables()
    openStyles = page.styles
    openLinks = page.links
    openExtra = page.encodedSize - page.unpackedSize
    return true
  }
}
