import Testing

@testable import Sessions

@Suite("How long output waits for those who look for a text in it")
struct OutputPauseTests {
  private let start = ContinuousClock.now

  private func at(_ milliseconds: Int) -> ContinuousClock.Instant { start + .milliseconds(milliseconds) }

  @Test("for two seconds at once, and then for as long as was saved up since")
  func savings() {
    var pause = OutputPause()
    #expect(pause.begin(at: at(0)) == .seconds(2))
    #expect(pause.begin(at: at(500)) == .milliseconds(1500))
    pause.end(at: at(2000))
    #expect(pause.begin(at: at(2000)) == nil)
    #expect(pause.begin(at: at(2200)) == .milliseconds(100))
    pause.end(at: at(2300))
    #expect(pause.begin(at: at(2300)) == nil)
  }

  @Test("no more than two seconds are saved up, and waiting saves nothing")
  func bound() {
    var pause = OutputPause()
    #expect(pause.begin(at: at(60_000)) == .seconds(2))
    pause.end(at: at(61_000))
    #expect(pause.begin(at: at(61_000)) == .seconds(1))
    pause.end(at: at(61_000))
    #expect(pause.begin(at: at(90_000)) == .seconds(2))
  }
}
