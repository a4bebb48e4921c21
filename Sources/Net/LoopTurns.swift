import Sys

/// Who has had a loop for a while and has more for it waits here for another turn, so that others on the loop are served meanwhile.
///
/// One client can have something for a loop all the time: frames, requests ahead of their answers, a body in pieces of a byte. What is let in
/// each round is as much as keeps the round short, whatever it costs: a round that was too long lets in half as many the next time, a short one
/// one more. On the loop.
final class LoopTurns {
  /// Whose turn it is.
  enum Rank { case known, stranger }

  /// What a round may take, in nanoseconds.
  static let longestRound: UInt64 = 1_000_000
  private static let most = 64
  /// Of so many turns one is a stranger's, where both wait.
  private static let ranks = 4

  private var known = Line()
  private var strangers = Line()
  private var letIn = 8
  private var taken = 0

  /// In the order in which they came.
  private struct Line {
    private var jobs: [() -> Void] = []
    private var first = 0

    var isEmpty: Bool { first == jobs.count }

    mutating func append(_ job: @escaping () -> Void) { jobs.append(job) }

    mutating func next() -> (() -> Void)? {
      guard first < jobs.count else { return nil }
      defer {
        first += 1
        if first == jobs.count {
          jobs.removeAll(keepingCapacity: true)
          first = 0
        } else if first >= 1024 {
          jobs.removeFirst(first)
          first = 0
        }
      }
      return jobs[first]
    }
  }

  var isEmpty: Bool { known.isEmpty && strangers.isEmpty }

  /// Has `job` run in one of the next rounds.
  func wait(_ rank: Rank, _ job: @escaping () -> Void) {
    switch rank {
    case .known: known.append(job)
    case .stranger: strangers.append(job)
    }
  }

  /// Begins a round: those whose turn it is have it.
  /// - Parameter time: what the last round took, in nanoseconds.
  func letIn(after time: UInt64) {
    letIn = time > LoopTurns.longestRound ? max(1, letIn / 2) : min(LoopTurns.most, letIn + 1)
    // Those that come back while these have their turn wait for the next round.
    var round: [() -> Void] = []
    while round.count < letIn, let job = next() { round.append(job) }
    for job in round { job() }
  }

  /// Lets go of those who wait, and what they hold: the loop has stopped.
  func drop() {
    known = Line()
    strangers = Line()
  }

  private func next() -> (() -> Void)? {
    taken += 1
    if taken % LoopTurns.ranks == 0, let job = strangers.next() { return job }
    return known.next() ?? strangers.next()
  }
}
