import Testing

@testable import Net

@Suite("Turns on a loop")
struct LoopTurnsTests {
  private final class Record {
    var names: [String] = []
  }

  @Test("a round that was too long lets in half as many the next time, down to one, a short one one more")
  func measure() {
    let turns = LoopTurns()
    let record = Record()
    for number in 0..<200 { turns.wait(.known) { record.names.append("\(number)") } }
    func letIn(_ time: UInt64) -> Int {
      let before = record.names.count
      turns.letIn(after: time)
      return record.names.count - before
    }
    #expect(letIn(0) == 9)
    let long = LoopTurns.longestRound + 1
    #expect([letIn(long), letIn(long), letIn(long), letIn(long)] == [4, 2, 1, 1])
    #expect([letIn(0), letIn(0)] == [2, 3])
    #expect(record.names == (0..<record.names.count).map { "\($0)" }, "in the order in which they came")
  }

  @Test("one turn of four is a stranger's where others wait too, and who comes back waits for the next round")
  func ranks() {
    let turns = LoopTurns()
    let record = Record()
    for number in 0..<6 { turns.wait(.known) { record.names.append("k\(number)") } }
    for number in 0..<3 {
      turns.wait(.stranger) {
        record.names.append("s\(number)")
        turns.wait(.stranger) { record.names.append("again") }
      }
    }
    turns.letIn(after: 0)
    #expect(record.names == ["k0", "k1", "k2", "s0", "k3", "k4", "k5", "s1", "s2"])
    turns.letIn(after: 0)
    #expect(record.names.suffix(3) == ["again", "again", "again"] && turns.isEmpty)
  }
}
