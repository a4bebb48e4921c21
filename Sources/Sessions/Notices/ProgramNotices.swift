package import Formats
import Net
import TerminalEngine

/// A text that a program has its terminal show to whoever sits there (OSC 9, OSC 777, and OSC 99 of kitty).
package struct ProgramNotification: Sendable, Equatable, Codable {
  package var title: String?
  package var body: String
  package var at: Timestamp
}

/// How far a program says that it is (OSC 9;4 of ConEmu).
package struct ProgramProgress: Sendable, Equatable, Codable {
  package enum State: String, Sendable, CaseIterable, Codable {
    case normal, error, indeterminate, paused
  }

  package var state: State
  /// 0 to 100; of `indeterminate` it says nothing.
  package var percent: Int

  /// nil for a program that shows no progress any more.
  init?(state: Int, percent: Int) {
    guard state > 0, state <= State.allCases.count else { return nil }
    self.state = State.allCases[state - 1]
    self.percent = percent
  }
}

/// What a program gave to the clipboard of whoever sits at its terminal (OSC 52).
package struct ClipboardOffer: Sendable, Equatable {
  /// `c`, `p`, …
  package var selection: String
  package var bytes: Int
  /// Where the server is to tell it.
  package var text: String?

  /// The most of the text that is kept, in bytes.
  static let longestText = 4096

  init(selection: String, base64: [UInt8], keepsText: Bool) {
    self.selection = selection
    bytes = base64.count(where: { $0 != UInt8(ascii: "=") }) * 3 / 4
    guard keepsText, let decoded = Base64.decode(base64) else { return }
    text = String(decoding: decoded.prefix(ClipboardOffer.longestText + 4), as: UTF8.self).cut(
      to: ClipboardOffer.longestText)
  }
}

/// What a program says of itself by its terminal, beside what it shows: that it rings, wants attention, has come so far, has another title,
/// gives a text to the clipboard.
///
/// Programs may say so as often as they like. Of each kind ``burst`` are told at once and one every ten seconds after that: the latest, with how
/// many there were since the one told before. Pure: times come in as values.
struct ProgramNotices {
  static let burst = 10.0
  static let perSecond = 0.1

  /// Bells rung since the server knows the session.
  private(set) var bells = 0
  private(set) var bellAt: Timestamp?
  /// The session's generation then; 0 before the first.
  private(set) var bellGeneration: UInt64 = 0
  private(set) var notification: ProgramNotification?
  private(set) var notificationGeneration: UInt64 = 0
  private(set) var progress: ProgramProgress?

  private var bell = Pending<Void>()
  private var notified = Pending<ProgramNotification>()
  private var progressed = Pending<ProgramProgress?>()
  private var retitled = Pending<String>()
  private var offered = Pending<ClipboardOffer>()
  /// The title that was told last.
  private var title = ""

  /// One kind of what is to be told.
  private struct Pending<Notice> {
    var latest: Notice?
    var count = 0
    var bucket = TokenBucket(burst: burst, perSecond: perSecond)

    mutating func add(_ notice: Notice) {
      latest = notice
      count += 1
    }

    /// What may be told now, and how many it stands for.
    mutating func take(at now: ContinuousClock.Instant) -> (notice: Notice, count: Int)? {
      guard let latest, bucket.take(at: now) else { return nil }
      defer { (self.latest, count) = (nil, 0) }
      return (latest, count)
    }

    /// How long until it may be told; nil where there is nothing to tell.
    mutating func wait(at now: ContinuousClock.Instant) -> Duration? { latest == nil ? nil : bucket.wait(at: now) }
  }

  // MARK: taking

  mutating func rang(generation: UInt64, at time: Timestamp) {
    bells += 1
    bellAt = time
    bellGeneration = generation
    bell.add(())
  }

  mutating func notified(title: String?, body: String, generation: UInt64, at time: Timestamp) {
    let notification = ProgramNotification(title: title, body: body, at: time)
    self.notification = notification
    notificationGeneration = generation
    notified.add(notification)
  }

  mutating func progressed(to progress: ProgramProgress?) {
    guard progress != self.progress else { return }
    self.progress = progress
    progressed.add(progress)
  }

  mutating func retitled(_ title: String) { retitled.add(title) }

  mutating func offered(_ offer: ClipboardOffer) { offered.add(offer) }

  // MARK: telling

  /// What is to be told now.
  mutating func due(at now: ContinuousClock.Instant) -> [SessionAnnouncement.News] {
    var news: [SessionAnnouncement.News] = []
    if let told = bell.take(at: now) { news.append(.rang(count: told.count)) }
    if let told = notified.take(at: now) { news.append(.notified(told.notice, count: told.count)) }
    if let told = progressed.take(at: now) { news.append(.progressed(told.notice)) }
    // A program that puts back what it has changed for a moment has said nothing.
    if retitled.latest == title { retitled = Pending(bucket: retitled.bucket) }
    if let told = retitled.take(at: now) {
      title = told.notice
      news.append(.retitled(told.notice))
    }
    if let told = offered.take(at: now) { news.append(.offered(told.notice, count: told.count)) }
    return news
  }

  /// How long until there is something to tell; nil where there is nothing.
  mutating func wait(at now: ContinuousClock.Instant) -> Duration? {
    [
      bell.wait(at: now), notified.wait(at: now), progressed.wait(at: now), retitled.wait(at: now),
      offered.wait(at: now),
    ]
    .compactMap { $0 }.min()
  }
}
