import Testing

@testable import Surfaces

@Suite("Places of sockets")
struct SocketCountTests {
  @Test("there are as many places as the limit says") func limit() {
    let count = SocketCount(limit: 2)
    let (first, second) = (count.place(), count.place())
    #expect(first != nil && second != nil)
    #expect(count.place() == nil && count.place() == nil)
    first?.leave()
    let third = count.place()
    #expect(third != nil && count.place() == nil)
  }

  @Test("a place is left once, however often that is said") func once() {
    let count = SocketCount(limit: 1)
    var place = count.place()
    place?.leave()
    place?.leave()
    place = nil
    let next = count.place()
    #expect(next != nil && count.place() == nil)
  }

  @Test("a place whose socket never opens is left with its last reference") func forgotten() {
    let count = SocketCount(limit: 1)
    var opening: (() -> Void)? = { [place = count.place()] in place?.leave() }
    #expect(count.place() == nil)
    opening = nil
    _ = opening
    #expect(count.place() != nil)
  }
}
