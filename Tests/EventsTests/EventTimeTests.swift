import Testing

@testable import Events

@Suite("Times of events")
struct EventTimeTests {
  @Test("no number is a time that cannot be written, read again and reckoned with")
  func extremes() {
    let edges: [Int64] = [
      0, .min, .max, -62_167_219_200_000_000, 253_402_300_799_999_999, 9_000_000_000_000_000_000,
    ]
    var numbers = edges.flatMap { edge in (-2...2).map { edge &+ $0 } + [edge &* -1] }
    for power in 0..<63 { numbers += [1 << power, -(1 << power)] }
    for _ in 0..<2000 { numbers.append(.random(in: .min ... .max) >> Int64.random(in: 0..<63)) }
    for number in numbers {
      let time = EventTime(microseconds: number)
      let text = Array(time.description.utf8)
      #expect(text.count == EventTime.length, "\(number): \(time)")
      #expect(text.withUnsafeBufferPointer { EventTime($0) } == time, "\(number): \(time)")
      var (writer, written) = (EventTimeWriter(), [UInt8]())
      writer.append(time, to: &written)
      #expect(written == text, "\(number)")
      let name = SegmentName(time)
      #expect(name.start <= time && name.path.utf8.count == "20261121/11.events.jsonl".utf8.count, "\(name.path)")
      for age in [Duration.zero, .seconds(1), .seconds(Int64.max), .seconds(Int64.min)] {
        #expect(time.earlier(by: age) <= time || age < .zero)
      }
    }
    #expect(EventTime(microseconds: .min).description == "0000-01-01T00:00:00.000000Z")
    #expect(EventTime(microseconds: .max).description == "9999-12-31T23:59:59.999999Z")
  }
}
