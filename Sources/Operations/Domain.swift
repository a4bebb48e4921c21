/// A contract, and what does all of it on this server.
package struct Domain: Sendable {
  package let contract: any Contract.Type
  package let operations: [OperationBinding]
  package let streams: [StreamBinding]

  /// Everything that the contract states must be bound, and nothing else.
  package init(_ contract: any Contract.Type, _ operations: [OperationBinding], streams: [StreamBinding] = []) {
    let (stated, bound) = (contract.operations.map(\.name), operations.map(\.operation.name))
    precondition(stated.sorted() == bound.sorted(), "\(contract) states \(stated), and these are bound: \(bound)")
    precondition(
      contract.streams.map(\.entrances.first?.name) == streams.map(\.stream.entrances.first?.name),
      "the streams of \(contract) are not bound as it states them")
    self.contract = contract
    self.operations = operations
    self.streams = streams
  }
}
