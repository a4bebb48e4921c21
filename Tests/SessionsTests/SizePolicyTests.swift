import TerminalEngine
import Testing

@testable import Sessions

@Suite("Whose size a session has")
struct SizePolicyTests {
  private let large = SizePolicy.Claim(TerminalSize(rows: 50, columns: 100), activity: 1)
  private let wide = SizePolicy.Claim(TerminalSize(rows: 20, columns: 200), activity: 3)
  private let small = SizePolicy.Claim(TerminalSize(rows: 10, columns: 40), activity: 2)

  @Test("the latest is who was active last, whatever the order of the list")
  func latest() {
    #expect(SizePolicy.latest.size(for: [large, wide, small]) == wide.size)
    #expect(SizePolicy.latest.size(for: [small, large]) == small.size)
    #expect(SizePolicy.latest.size(for: [large]) == large.size)
  }

  @Test("the smallest and the largest are taken of each side")
  func sides() {
    #expect(SizePolicy.smallest.size(for: [large, wide]) == TerminalSize(rows: 20, columns: 100))
    #expect(SizePolicy.largest.size(for: [large, wide, small]) == TerminalSize(rows: 50, columns: 200))
  }

  @Test("nobody decides over a fixed size, and nobody decides when nobody is there")
  func nobody() {
    #expect(SizePolicy.fixed.size(for: [large, small]) == nil)
    for policy in SizePolicy.allCases { #expect(policy.size(for: []) == nil) }
  }

  @Test("what a client sees is named by the two sizes")
  func modes() {
    let session = TerminalSize(rows: 24, columns: 80)
    #expect(ViewMode(of: session, session: session) == .ownSize)
    #expect(ViewMode(of: TerminalSize(rows: 25, columns: 80), session: session) == .border)
    #expect(ViewMode(of: TerminalSize(rows: 24, columns: 79), session: session) == .window)
    #expect(ViewMode(of: TerminalSize(rows: 50, columns: 40), session: session) == .window)
  }
}
