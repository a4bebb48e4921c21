/// All that the world can know of a domain. It needs no running server: surfaces, the documentation, the command line and tests read it.
package protocol Contract {
  /// Every call, in the order of the documentation.
  static var operations: [Operation] { get }
  /// Every stream.
  static var streams: [Stream] { get }
}

extension Contract {
  package static var streams: [Stream] { [] }
}
