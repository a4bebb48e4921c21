/// The connections of a server, and who of them gives way when there are too many.
///
/// Places are kept for the Unix socket, which no number of strangers can take. Connections over TCP whose user is not known yet have a part of the rest,
/// and each address a part of that; where it is full, the oldest stranger goes, of the same address or of the one that has most: so whoever
/// has a token gets in, and need only send it at once.
struct ConnectionPlaces {
  private struct Entry {
    let connection: any ServedConnection
    /// `nil` for a Unix socket.
    let address: AddressKey?
  }

  private let limits: HTTPLimits
  private var entries: [ObjectIdentifier: Entry] = [:]
  /// Strangers by address, with the order of their coming.
  private var strangers: [AddressKey: [ObjectIdentifier: UInt64]] = [:]
  private var strangerCount = 0
  private var arrivals: UInt64 = 0
  /// Connections over TCP that are open or on their way to their loop.
  private var tcpCount = 0
  /// Accepted connections on their way to their loop, and those of them that are strangers.
  private var arriving = 0
  private var arrivingStrangers: [AddressKey: Int] = [:]
  private var arrivingStrangerCount = 0

  init(limits: HTTPLimits) { self.limits = limits }

  var isEmpty: Bool { entries.isEmpty && arriving == 0 }
  var count: Int { entries.count }
  var connections: [any ServedConnection] { entries.values.map(\.connection) }

  /// Whether there is a place for one more, which is then counted as arriving, and who has to go for it.
  mutating func admit(_ address: AddressKey?) -> (isAdmitted: Bool, giving: (any ServedConnection)?) {
    guard entries.count + arriving < limits.maxConnections else { return (false, nil) }
    guard let address else {
      arriving += 1
      return (true, nil)
    }
    guard tcpCount < limits.maxConnections - limits.reservedForUnix else { return (false, nil) }
    var giving: (any ServedConnection)?
    if count(of: address) >= limits.maxStrangersOfAddress {
      guard let oldest = removeOldestStranger(of: address) else { return (false, nil) }
      giving = oldest
    } else if strangerCount + arrivingStrangerCount >= limits.maxStrangers {
      let most = strangers.max { $0.value.count < $1.value.count }
      guard let most, let oldest = removeOldestStranger(of: most.key) else { return (false, nil) }
      giving = oldest
    }
    arriving += 1
    tcpCount += 1
    arrivingStrangers[address, default: 0] += 1
    arrivingStrangerCount += 1
    return (true, giving)
  }

  /// An admitted connection is on its loop; `nil` when it got lost on the way.
  mutating func arrive(_ connection: (any ServedConnection)?, _ address: AddressKey?) {
    arriving -= 1
    if let address {
      arrivingStrangerCount -= 1
      arrivingStrangers[address, default: 1] -= 1
      if arrivingStrangers[address] == 0 { arrivingStrangers[address] = nil }
    }
    guard let connection else {
      if address != nil { tcpCount -= 1 }
      return
    }
    let id = ObjectIdentifier(connection)
    entries[id] = Entry(connection: connection, address: address)
    if let address { addStranger(id, address) }
  }

  /// It is known now who is behind a connection.
  mutating func know(_ connection: any ServedConnection) {
    let id = ObjectIdentifier(connection)
    if let address = entries[id]?.address { removeStranger(id, address) }
  }

  mutating func replace(_ old: any ServedConnection, by new: any ServedConnection) {
    guard let entry = entries.removeValue(forKey: ObjectIdentifier(old)) else { return }
    let id = ObjectIdentifier(new)
    entries[id] = Entry(connection: new, address: entry.address)
    if let address = entry.address, removeStranger(ObjectIdentifier(old), address) { addStranger(id, address) }
  }

  mutating func remove(_ connection: any ServedConnection) {
    let id = ObjectIdentifier(connection)
    guard let entry = entries.removeValue(forKey: id) else { return }
    guard let address = entry.address else { return }
    tcpCount -= 1
    removeStranger(id, address)
  }

  private func count(of address: AddressKey) -> Int {
    (strangers[address]?.count ?? 0) + (arrivingStrangers[address] ?? 0)
  }

  private mutating func addStranger(_ id: ObjectIdentifier, _ address: AddressKey) {
    arrivals += 1
    strangers[address, default: [:]][id] = arrivals
    strangerCount += 1
  }

  @discardableResult
  private mutating func removeStranger(_ id: ObjectIdentifier, _ address: AddressKey) -> Bool {
    guard strangers[address]?.removeValue(forKey: id) != nil else { return false }
    strangerCount -= 1
    if strangers[address]?.isEmpty == true { strangers[address] = nil }
    return true
  }

  private mutating func removeOldestStranger(of address: AddressKey) -> (any ServedConnection)? {
    guard let oldest = strangers[address]?.min(by: { $0.value < $1.value })?.key else { return nil }
    removeStranger(oldest, address)
    return entries[oldest]?.connection
  }
}
