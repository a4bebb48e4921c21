import Testing

@testable import Net

@Suite("Places of connections")
struct ConnectionPlacesTests {
  /// A connection that is only counted.
  private final class Counted: ServedConnection {
    let loop: EventLoop
    init(_ loop: EventLoop) { self.loop = loop }
    func shutDown() {}
    func giveWay() {}
    func abort() {}
  }

  private let loop: EventLoop
  private let here = AddressKey("10.0.0.1")
  private let there = AddressKey("10.0.0.2")

  init() throws { loop = try EventLoop(name: "places") }

  private func limits() -> HTTPLimits {
    var limits = HTTPLimits()
    limits.maxConnections = 10
    limits.reservedForUnix = 2
    limits.maxStrangers = 6
    limits.maxStrangersOfAddress = 4
    return limits
  }

  private func open(_ places: inout ConnectionPlaces, _ address: AddressKey?) -> Counted? {
    guard places.admit(address).isAdmitted else { return nil }
    let connection = Counted(loop)
    places.arrive(connection, address)
    return connection
  }

  @Test("the oldest stranger of an address gives way to the next") func address() throws {
    defer { loop.stop() }
    var places = ConnectionPlaces(limits: limits())
    let first = try #require(open(&places, here))
    let known = try #require(open(&places, here))
    places.know(known)
    for _ in 0..<3 { #expect(open(&places, here) != nil) }
    let next = places.admit(here)
    #expect(next.isAdmitted && next.giving === first)
    #expect(places.admit(there).giving == nil, "another address has its own")
  }

  @Test("when all strangers are too many, the address with most of them gives way") func all() throws {
    defer { loop.stop() }
    var places = ConnectionPlaces(limits: limits())
    let many = try (0..<4).map { _ in try #require(open(&places, here)) }
    for number in 0..<2 { #expect(open(&places, AddressKey("10.0.1.\(number)")) != nil) }
    let next = places.admit(there)
    #expect(next.isAdmitted && next.giving === many[0])
  }

  @Test("strangers on their way to their loops count, and do not give way") func arriving() {
    defer { loop.stop() }
    var places = ConnectionPlaces(limits: limits())
    for _ in 0..<4 { #expect(places.admit(here).isAdmitted) }
    #expect(!places.admit(here).isAdmitted)
    places.arrive(nil, here)
    #expect(places.admit(here).isAdmitted)
    for _ in 0..<4 { places.arrive(nil, here) }
    #expect(places.isEmpty)
  }

  @Test("nothing over TCP takes the places of the Unix socket, known or not") func reserve() throws {
    defer { loop.stop() }
    var places = ConnectionPlaces(limits: limits())
    for _ in 0..<8 { places.know(try #require(open(&places, here))) }
    #expect(open(&places, there) == nil)
    for _ in 0..<2 { #expect(open(&places, nil) != nil) }
    #expect(open(&places, nil) == nil)
  }

  @Test("what replaces a connection stands where it stood, and what ends leaves its place") func replacing() throws {
    defer { loop.stop() }
    var places = ConnectionPlaces(limits: limits())
    let stranger = try #require(open(&places, here))
    let known = try #require(open(&places, here))
    places.know(known)
    let (first, second) = (Counted(loop), Counted(loop))
    places.replace(stranger, by: first)
    places.replace(known, by: second)
    for _ in 0..<3 { #expect(open(&places, here) != nil) }
    #expect(places.admit(here).giving === first)
    places.arrive(nil, here)
    #expect(places.count == 5)
    for connection in places.connections { places.remove(connection) }
    #expect(places.isEmpty)
  }
}
