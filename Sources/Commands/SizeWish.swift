/// What the options say of a session's size: `--rows`, `--cols` and `--size`.
struct SizeWish {
  var rows: Int?
  var columns: Int?
  /// Who decides it, in the words of the API.
  var policy: String?

  private static let policies = ["latest", "smallest", "largest", "fixed"]

  init(_ invocation: Invocation) throws(CommandFailure) {
    rows = invocation.integer(Options.rows)
    columns = invocation.integer(Options.columns)
    guard let text = invocation.text(Options.size) else { return }
    if SizeWish.policies.contains(text) {
      policy = text
      return
    }
    let sides = text.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard sides.count == 2, let width = sides[0], let height = sides[1], (1...1000).contains(width),
      (1...1000).contains(height)
    else {
      throw CommandFailure(
        .usage, "--size: '\(printable(text))' is no size",
        hint:
          "Write it as 80x24 (columns, then rows, 1 to 1000), or one of \(SizeWish.policies.joined(separator: ", ")).")
    }
    guard rows == nil, columns == nil else {
      throw CommandFailure(
        .usage, "give the size either by --size \(printable(text)) or by --rows and --cols, not both")
    }
    (rows, columns, policy) = (height, width, "fixed")
  }
}
