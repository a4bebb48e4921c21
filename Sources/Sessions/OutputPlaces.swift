import TerminalEngine

/// Where on the main screen each piece of a session's output began, so that "what came after generation G" can be found again.
struct OutputPlaces {
  struct Place: Equatable {
    let generation: UInt64
    /// The cursor's absolute line before the piece.
    var line: Int
    /// The line in row 0 before the piece.
    var screenTop: Int
  }

  /// A reader asks about a generation that it was told moments ago; this many pieces are some seconds of a flood.
  static let capacity = 2048

  private var places: [Place] = []
  /// Whether places older than the first have been dropped.
  private var hasDropped = false

  mutating func append(_ place: Place) {
    if places.count >= OutputPlaces.capacity {
      places.removeFirst(OutputPlaces.capacity / 2)
      hasDropped = true
    }
    places.append(place)
  }

  /// The place of the first piece after that generation; `nil` when there is none yet, or when it is no longer known.
  func first(after generation: UInt64) -> Place? {
    if hasDropped, let oldest = places.first, generation + 1 < oldest.generation { return nil }
    var low = 0
    var high = places.count
    while low < high {
      let middle = (low + high) / 2
      if places[middle].generation > generation { high = middle } else { low = middle + 1 }
    }
    return low < places.count ? places[low] : nil
  }

  /// Whether there may have been pieces after that generation whose places are forgotten.
  func hasForgotten(after generation: UInt64) -> Bool {
    guard hasDropped, let oldest = places.first else { return false }
    return generation + 1 < oldest.generation
  }
}

extension OutputPlaces: HoldsPositions {
  mutating func visitPositions(_ body: (inout LinePosition) -> Void) {
    for index in places.indices {
      var line = LinePosition(line: places[index].line, column: 0)
      var top = LinePosition(line: places[index].screenTop, column: 0)
      body(&line)
      body(&top)
      places[index].line = line.line
      places[index].screenTop = top.line
    }
  }
}
