import Sys

/// Random numbers of the system, fetched many at a time: what masks the frames of a WebSocket would otherwise cost a system call each.
struct PooledRandom: RandomNumberGenerator {
  private static let bytes = 256
  private var pool: [UInt8] = []

  mutating func next() -> UInt64 {
    if pool.isEmpty { pool = randomBytes(PooledRandom.bytes) }
    var number: UInt64 = 0
    for byte in pool.suffix(8) { number = number << 8 | UInt64(byte) }
    pool.removeLast(8)
    return number
  }
}
