import TerminalEngine
import TerminalInvariants
import Testing

/// Property tests: random output, structured and not, against what the engine promises.
@Suite("Promises under random output")
struct FuzzTests {
  /// Enough that a fault in a common sequence is met in one run, few enough for a debug build.
  static let seeds = Array(UInt64(1)...120)

  @Test("the engine keeps its promises whatever it is fed", arguments: seeds)
  func promises(seed: UInt64) {
    var grammar = TerminalGrammar(seed: seed)
    let scenario = grammar.scenario(steps: 12)
    guard let violation = Invariants.firstViolation(scenario) else { return }
    let short = scenario.minimized { Invariants.firstViolation($0)?.promise == violation.promise }
    Issue.record("seed \(seed): \(Invariants.firstViolation(short) ?? violation)\n\(short)")
  }

  @Test(
    "a picture at any moment, and what follows it, is the same on another terminal", arguments: Array(UInt64(1)...400))
  func pictures(seed: UInt64) {
    var grammar = TerminalGrammar(seed: seed)
    let scenario = grammar.pictureScenario()
    guard let violation = Invariants.firstViolationUncut(scenario) else { return }
    let short = scenario.minimized { Invariants.firstViolationUncut($0)?.promise == violation.promise }
    Issue.record("seed \(seed): \(Invariants.firstViolationUncut(short) ?? violation)\n\(short)")
  }

  @Test("the engine keeps its promises for plain random bytes", arguments: Array(UInt64(1)...20))
  func randomBytes(seed: UInt64) {
    var random = RandomSource(seed: seed)
    let bytes = (0..<600).map { _ in UInt8(random.below(256)) }
    let scenario = bytes.withUnsafeBufferPointer { Scenario(fuzzInput: $0) }
    guard let violation = Invariants.firstViolation(scenario) else { return }
    let short = scenario.minimized { Invariants.firstViolation($0)?.promise == violation.promise }
    Issue.record("seed \(seed): \(Invariants.firstViolation(short) ?? violation)\n\(short)")
  }
}
