package import Cluster
package import Store

/// An ``Operation`` with the types of what it takes and gives: what whoever does it is held against, and who asks for it can use.
package struct TypedOperation<Input: Sendable, Output: Sendable>: Sendable {
  package let operation: Operation
  private let decode: @Sendable (Arguments) throws -> Input
  private let encode: @Sendable (Output) throws -> Answer

  private init(
    _ operation: Operation, decode: @escaping @Sendable (Arguments) throws -> Input,
    encode: @escaping @Sendable (Output) throws -> Answer
  ) {
    self.operation = operation
    self.decode = decode
    self.encode = encode
  }

  /// The same endpoint, bound to what does it.
  package func on(_ perform: @escaping @Sendable (Call, Input) async throws -> Output) -> OperationBinding {
    // No capture list: a closure with one leaves its caller's loop for the global pool (Swift 6.3).
    let (decode, encode) = (decode, encode)
    return OperationBinding(operation) { call, arguments in
      try encode(try await perform(call, try decode(arguments)))
    }
  }
}

/// An operation, and what does it on this server.
package struct OperationBinding: Sendable {
  package let operation: Operation
  let perform: @Sendable (Call, Arguments) async throws -> Answer

  fileprivate init(
    _ operation: Operation, perform: @escaping @Sendable (Call, Arguments) async throws -> Answer
  ) {
    self.operation = operation
    self.perform = perform
  }
}

extension TypedOperation where Input: Decodable {
  private init(
    _ name: String, _ summary: String, _ scope: Scope?, _ route: Route, _ effect: Effect, status: Int,
    rawField: String?, output: Lazy<Schema>?, encode: @escaping @Sendable (Output) throws -> Answer
  ) {
    let input = Lazy { Schema.of(Input.self) }
    let known = Lazy { Set(input.value.fields.map(\.name)) }
    self.init(
      Operation(
        name, summary, scope, route, effect, status: status, rawField: rawField, input: input, output: output),
      decode: { try $0.decode(Input.self, known: known.value, rawField: rawField) }, encode: encode)
  }

  /// A call that is answered with a record, encoded generally.
  package init(
    _ name: String, _ summary: String, _ scope: Scope?, _ route: Route, _ effect: Effect, status: Int = 200,
    rawField: String? = nil, takes: Input.Type, gives: Output.Type
  ) where Output: Codable {
    self.init(
      name, summary, scope, route, effect, status: status, rawField: rawField, output: Lazy { .of(Output.self) },
      encode: { .json(try encodeJSON($0)) })
  }

  /// A call whose answer is encoded by hand.
  package init(
    _ name: String, _ summary: String, _ scope: Scope?, _ route: Route, _ effect: Effect, status: Int = 200,
    rawField: String? = nil, takes: Input.Type, gives: Output.Type
  ) where Output: EncodedDocument {
    self.init(
      name, summary, scope, route, effect, status: status, rawField: rawField, output: Lazy { Output.schema },
      encode: { .json($0.encoded()) })
  }

  /// A call that has nothing to answer.
  package init(
    _ name: String, _ summary: String, _ scope: Scope?, _ route: Route, _ effect: Effect, status: Int = 204,
    takes: Input.Type
  ) where Output == Void {
    self.init(
      name, summary, scope, route, effect, status: status, rawField: nil, output: nil, encode: { _ in .empty })
  }
}

extension TypedOperation where Input == Arguments, Output == Answer {
  /// A call that reads its arguments itself, because no one type of ours describes them.
  package init(
    _ name: String, _ summary: String, _ scope: Scope?, _ route: Route, _ effect: Effect, status: Int = 200,
    takes input: @escaping @autoclosure @Sendable () -> Schema,
    gives output: @escaping @autoclosure @Sendable () -> Schema
  ) {
    self.init(
      Operation(
        name, summary, scope, route, effect, status: status, rawField: nil, input: Lazy(input), output: Lazy(output)),
      decode: { $0 }, encode: { $0 })
  }
}

extension TypedOperation {
  private func with(_ change: (inout Operation) -> Void) -> TypedOperation {
    var operation = operation
    change(&operation)
    return TypedOperation(operation, decode: decode, encode: encode)
  }

  /// The same call, which waits for something.
  package func waiting(_ wait: Wait) -> TypedOperation { with { $0.wait(wait) } }

  /// The same call, which may wait for a moment until what it is for is ready for it.
  package func pausing() -> TypedOperation { with { $0.mayPause = true } }

  /// The same call, of which one caller has so many under way and no more.
  package func sharing(_ share: Share) -> TypedOperation { with { $0.share = share } }

  /// The same call, which gives a session a name and tags.
  package func labelling(name: String, tags: String) -> TypedOperation {
    with { $0.labels = LabelFields(name: name, tags: tags) }
  }

  /// The same call, whose effects come in the order asked for.
  package func ordered() -> TypedOperation { with { $0.isOrdered = true } }

  /// The same call, whose answers can be megabytes.
  package func answeringAtLength() -> TypedOperation { with { $0.answersAtLength = true } }

  /// The same call, whose answer has other forms for who accepts them.
  package func negotiating(_ forms: AnswerForm...) -> TypedOperation { with { $0.forms = forms } }

  /// The same call, which is this kind of work to a server that is in a role.
  package func working(as work: Work) -> TypedOperation { with { $0.work = work } }

  /// The same call, which is not passed on to other servers, nor done for a hub: what it gives is for the server that was asked, and ends with what
  /// that server knows.
  /// - Parameter instead: what to do in its place, as a sentence.
  package func notThroughHubs(_ instead: String) -> TypedOperation { with { $0.insteadOfHub = instead } }
}
