import Formats
import Testing

@testable import Sessions

@Suite("What programs say of themselves")
struct ProgramNoticesTests {
  private let start = ContinuousClock.now
  private let time = Timestamp(milliseconds: 1000)

  private func count(_ news: [SessionAnnouncement.News]) -> [Int] {
    news.map {
      switch $0 {
      case .rang(let count), .notified(_, let count), .offered(_, let count): count
      default: 1
      }
    }
  }

  @Test("ten of a kind are told at once, then one in ten seconds, which tells of all before it")
  func bounds() {
    var notices = ProgramNotices()
    var told: [Int] = []
    for number in 1...100 {
      notices.rang(generation: UInt64(number), at: time)
      told += count(notices.due(at: start))
    }
    #expect(told == Array(repeating: 1, count: 10))
    #expect(notices.bells == 100 && notices.bellGeneration == 100 && notices.bellAt == time)
    let wait = notices.wait(at: start)
    #expect(wait.map { $0 > .seconds(9) && $0 < .seconds(11) } == true, "\(String(describing: wait))")
    #expect(notices.due(at: start + .seconds(5)).isEmpty)
    #expect(count(notices.due(at: start + .seconds(11))) == [90])
    #expect(notices.wait(at: start + .seconds(11)) == nil)
    // One kind takes nothing from another.
    notices.notified(title: nil, body: "done", generation: 101, at: time)
    #expect(count(notices.due(at: start + .seconds(11))) == [1])
  }

  @Test("a title that is put back before it is told, and a progress that is none, are no news")
  func unchanged() {
    var notices = ProgramNotices()
    notices.retitled("a")
    guard case .retitled("a")? = notices.due(at: start).first else {
      Issue.record("no title")
      return
    }
    notices.retitled("b")
    notices.retitled("a")
    notices.progressed(to: nil)
    #expect(notices.due(at: start).isEmpty && notices.wait(at: start) == nil)
    notices.progressed(to: ProgramProgress(state: 1, percent: 30))
    notices.progressed(to: ProgramProgress(state: 1, percent: 30))
    guard case .progressed(let progress)? = notices.due(at: start).first else {
      Issue.record("no progress")
      return
    }
    #expect(progress == ProgramProgress(state: 1, percent: 30) && progress?.state == .normal)
    notices.progressed(to: ProgramProgress(state: 0, percent: 0))
    #expect(notices.progress == nil)
    guard case .progressed(nil)? = notices.due(at: start).first else {
      Issue.record("no end of progress")
      return
    }
    #expect(ProgramProgress(state: 7, percent: 1) == nil)
  }

  @Test("what goes to the clipboard is told only where it is to be")
  func clipboard() {
    let base64 = Base64.encode(Array("sécret".utf8))
    let quiet = ClipboardOffer(selection: "c", base64: base64, keepsText: false)
    #expect(quiet.text == nil && quiet.bytes == 7)
    #expect(ClipboardOffer(selection: "c", base64: base64, keepsText: true).text == "sécret")
    let long = ClipboardOffer(
      selection: "p", base64: Base64.encode(Array(String(repeating: "é", count: 10_000).utf8)), keepsText: true)
    #expect(long.bytes == 20_000 && long.text == String(repeating: "é", count: 2048))
    #expect(ClipboardOffer(selection: "c", base64: [0x21], keepsText: true).text == nil)
  }
}
