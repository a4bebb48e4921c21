import Formats
import Operations

/// Finds what a request is for: method and path against templates such as `/sessions/{session}/screen`.
///
/// Templates lie in buckets by their number of segments, literal segments before parameters, so a look-up compares a handful of
/// short strings. A path is split first and decoded segment by segment afterwards, so `%2F` is a character of a name and never a
/// separator. A trailing slash is a segment of its own, empty, and matches nothing.
struct Router<Target: Sendable>: Sendable {
  /// What a look-up comes to.
  enum Match {
    case found(Target, path: [(name: String, value: String)])
    case notFound
    /// The path is known, the method is not; `allow` is the value of the header of that name.
    case methodNotAllowed(allow: String)
    /// A segment is not well-formed percent-encoded UTF-8.
    case malformed
  }

  private enum Segment: Sendable, Equatable {
    case literal([UInt8])
    case parameter(String)

    init(_ text: Substring) {
      self =
        text.first == "{" && text.last == "}"
        ? .parameter(String(text.dropFirst().dropLast())) : .literal(Array(text.utf8))
    }

    var isLiteral: Bool { if case .literal = self { true } else { false } }
  }

  private struct Entry: Sendable {
    let segments: [Segment]
    var targets: [(method: String, target: Target)]

    /// Literals come first, leftmost difference deciding, so that a fixed path wins over a parameter in its place.
    func precedes(_ other: Entry) -> Bool {
      for (mine, theirs) in zip(segments, other.segments) where mine.isLiteral != theirs.isLiteral {
        return mine.isLiteral
      }
      return false
    }
  }

  /// By number of segments.
  private var buckets: [[Entry]] = []

  init(_ routes: [(Route, Target)]) {
    for (route, target) in routes { add(route, target) }
    for index in buckets.indices { buckets[index].sort { $0.precedes($1) } }
  }

  private mutating func add(_ route: Route, _ target: Target) {
    let segments =
      route.path == "/"
      ? [] : route.path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { Segment($0) }
    while buckets.count <= segments.count { buckets.append([]) }
    let bucket = segments.count
    if let index = buckets[bucket].firstIndex(where: { $0.segments == segments }) {
      buckets[bucket][index].targets.append((route.method, target))
    } else {
      buckets[bucket].append(Entry(segments: segments, targets: [(route.method, target)]))
    }
  }

  /// `HEAD` finds what `GET` finds (RFC 9110 §9.3.2).
  func match(method: String, path: Substring) -> Match {
    guard path.utf8.first == 0x2F else { return .notFound }
    // No template is that long; a path of thousands of slashes is not worth splitting to its end.
    guard let segments = Segments(path, atMost: buckets.count - 1) else { return .malformed }
    guard segments.count < buckets.count else { return .notFound }
    let wanted = method == "HEAD" ? "GET" : method
    var allowed: [String] = []
    for entry in buckets[segments.count] where segments.match(entry.segments) {
      if let (_, target) = entry.targets.first(where: { $0.method == wanted }) {
        return .found(target, path: segments.parameters(of: entry.segments))
      }
      allowed += entry.targets.map(\.method)
    }
    if allowed.isEmpty { return .notFound }
    if allowed.contains("GET") { allowed.append("HEAD") }
    return .methodNotAllowed(allow: Set(allowed).sorted().joined(separator: ", "))
  }

  /// A path taken apart and decoded: `/` has no segments, `/a` one, `/a/` two of which the second is empty.
  private struct Segments {
    /// The segments one behind the other; escapes may have stood for slashes.
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    var count: Int { ends.count }

    /// `nil` when a segment does not decode. Beyond one more than `most` segments it does not look.
    init?(_ path: Substring, atMost most: Int) {
      let path = path.utf8.dropFirst()
      if path.isEmpty { return }
      bytes.reserveCapacity(path.count)
      ends.reserveCapacity(most + 1)
      for raw in path.split(separator: 0x2F, maxSplits: most + 1, omittingEmptySubsequences: false).prefix(most + 1) {
        if raw.contains(0x25) {
          guard let decoded = PercentEncoding.decode(Substring(raw)) else { return nil }
          bytes.append(contentsOf: decoded.utf8)
        } else {
          bytes.append(contentsOf: raw)
        }
        ends.append(bytes.count)
      }
    }

    private subscript(_ index: Int) -> ArraySlice<UInt8> { bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }

    func match(_ template: [Segment]) -> Bool {
      for (index, segment) in template.enumerated() {
        switch segment {
        case .literal(let text): if !self[index].elementsEqual(text) { return false }
        case .parameter: if self[index].isEmpty { return false }
        }
      }
      return true
    }

    func parameters(of template: [Segment]) -> [(name: String, value: String)] {
      var parameters: [(name: String, value: String)] = []
      for case (let index, .parameter(let name)) in template.enumerated() {
        parameters.append((name, String(decoding: self[index], as: UTF8.self)))
      }
      return parameters
    }
  }
}
