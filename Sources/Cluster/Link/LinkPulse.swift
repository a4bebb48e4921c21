/// Whether the other side of a link lives: when it was heard last, and the ping that it has not answered.
struct LinkPulse {
  private var heard = ContinuousClock.now
  private var ping: (token: UInt64, at: ContinuousClock.Instant)?

  /// Something came from it.
  mutating func beat() { heard = .now }

  /// How long nothing at all was heard.
  func silence(at now: ContinuousClock.Instant) -> Duration { heard.duration(to: now) }

  /// How long the ping has been waiting that was not answered.
  func waited(at now: ContinuousClock.Instant) -> Duration? { ping?.at.duration(to: now) }

  /// What to send now: a new ping, or once more the one that was not answered.
  mutating func token(at now: ContinuousClock.Instant) -> UInt64 {
    let sent = ping ?? (UInt64.random(in: .min ... .max), now)
    ping = sent
    return sent.token
  }

  /// The round trip, where this answers the ping.
  mutating func answered(_ token: UInt64) -> Duration? {
    guard let sent = ping, sent.token == token else { return nil }
    ping = nil
    return sent.at.duration(to: .now)
  }

  /// No answer will come any more.
  mutating func forgetPing() { ping = nil }
}
