/// x
struct AuditTrail {
  init(folder: String?) {}
  mutating func append(_ chunk: EventChunk) {}
}
