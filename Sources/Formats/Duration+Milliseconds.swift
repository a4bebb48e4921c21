extension Duration {
  /// Whole milliseconds, rounded down; saturating.
  package var milliseconds: Int {
    let (seconds, attoseconds) = components
    let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1000)
    return overflow ? (seconds < 0 ? Int.min : Int.max) : Int(whole + attoseconds / 1_000_000_000_000_000)
  }
}
