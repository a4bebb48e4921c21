/// Scripts that make a shell report its commands.
enum ShellIntegration {
  /// What to add to a shell's arguments and environment; `nil` for shells without integration.
  static func prepare(
    shell: String, folder: String, nonce: String, environment: [String: String]
  ) -> (arguments: [String], environment: [String: String])? { nil }
}
