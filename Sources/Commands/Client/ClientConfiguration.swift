import Cluster
package import Formats
import Glibc
import Store
import Sys

/// How much of a session's history goes into the terminal's own before the session is shown.
package enum ScrollbackWish: Sendable, Equatable {
  case all
  case lines(Int)
  /// As many lines as the terminal has rows.
  case screenful

  /// `all`, `none` or a number.
  package init?(_ text: String) {
    switch text {
    case "all": self = .all
    case "none": self = .lines(0)
    case "screen": self = .screenful
    default:
      guard let count = Int(text), (0...ScrollbackWish.most).contains(count) else { return nil }
      self = .lines(count)
    }
  }

  /// More lines than any session keeps.
  static let most = 10_000_000

  func lines(rows: Int) -> Int {
    switch self {
    case .all: ScrollbackWish.most
    case .lines(let count): count
    case .screenful: rows
    }
  }
}

/// How many lines and bytes of history a session keeps: `50000`, `64M`.
package enum HistorySize: Sendable, Equatable {
  case lines(Int)
  case bytes(Int)

  /// A number of lines, or a number with `K`, `M` or `G` for bytes.
  package init?(_ text: String) {
    guard let last = text.last else { return nil }
    let factor: Int? = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30][last.lowercased()]
    guard let number = Int(factor == nil ? text[...] : text.dropLast()), number >= 0 else { return nil }
    if let factor {
      let (bytes, overflows) = number.multipliedReportingOverflow(by: factor)
      guard !overflows else { return nil }
      self = .bytes(bytes)
    } else {
      self = .lines(number)
    }
  }
}

/// What the user has written into `client.toml`, checked. A file that is not there is an empty one.
package struct ClientConfiguration: Sendable, Equatable {
  /// Nil where nothing is said; `none` is one that is not there.
  package enum KeySetting<Key: Sendable & Equatable>: Sendable, Equatable {
    case unset
    case none
    case key(Key)
  }

  package var prefix = KeySetting<KeyName>.unset
  package var detachKey = KeySetting<DetachKey>.unset
  package var status: Bool?
  package var scrollback: ScrollbackWish?
  package var history: HistorySize?
  package var updateEnvironment: [String]?

  /// As tmux's `update-environment`, less the number of a window that is none of the session's, and what Wayland needs.
  package static let usualUpdateEnvironment = [
    "DISPLAY", "KRB5CCNAME", "SSH_AGENT_PID", "SSH_ASKPASS", "SSH_AUTH_SOCK", "SSH_CONNECTION", "WAYLAND_DISPLAY",
    "XAUTHORITY",
  ]
  /// Variables that the list may name.
  static let mostVariables = 64

  package init() {}

  /// Reads `$XDG_CONFIG_HOME/roost/client.toml`.
  static func load(_ environment: [String: String]) throws(CommandFailure) -> ClientConfiguration {
    let paths: Paths
    do {
      paths = try Paths { name in environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    } catch {
      throw CommandFailure(.usage, error.message)
    }
    let path = paths.clientConfigurationFile
    let bytes: [UInt8]
    if let what = irregularity(of: path) { throw CommandFailure(.usage, "\(path) cannot be read: it \(what)") }
    do throws(SystemError) {
      // A byte more than is let in, so that what is too long is seen to be.
      bytes = try readRegularFile(path, limit: TOML.longest + 1)
    } catch {
      if error.code == ENOENT || error.code == ENOTDIR { return ClientConfiguration() }
      throw CommandFailure(.usage, "\(path) cannot be read: \(error.reason)")
    }
    do throws(TOML.Failure) {
      return try ClientConfiguration(parsing: bytes)
    } catch {
      throw CommandFailure(.usage, "\(path): \(error)")
    }
  }

  package init(parsing bytes: [UInt8]) throws(TOML.Failure) {
    var reader = try SettingsTable(TOML(parsing: bytes), name: nil)
    if let (text, line) = try reader.string("prefix") {
      guard text == "none" || KeyName(text)?.bytes != nil else {
        throw .at(line, "'prefix' is no key that a terminal sends; write 'ctrl+b', or 'none'")
      }
      prefix = KeyName(text).map { .key($0) } ?? .none
    }
    if let (text, line) = try reader.string("detach_key") {
      guard text == "none" || DetachKey(text) != nil else {
        throw .at(line, "'detach_key' is no key that a terminal sends; write 'f12', 'ctrl+b d', or 'none'")
      }
      detachKey = text == "none" ? .none : DetachKey(text).map { .key($0) } ?? .unset
    }
    status = try reader.boolean("status")?.value
    if let (value, line) = try reader.any("scrollback") {
      let wish =
        switch value.kind {
        case .string(let text): ScrollbackWish(text)
        case .integer(let count): ScrollbackWish(String(count))
        default: ScrollbackWish?.none
        }
      guard let wish else { throw .at(line, "'scrollback' is a number of lines, \"all\", \"none\" or \"screen\"") }
      scrollback = wish
    }
    if let (value, line) = try reader.any("history") {
      let size =
        switch value.kind {
        case .string(let text): HistorySize(text)
        case .integer(let count): HistorySize(String(count))
        default: HistorySize?.none
        }
      guard let size else { throw .at(line, "'history' is a number of lines, or a size such as \"64M\"") }
      history = size
    }
    if let (_, line) = try reader.any("update_environment") {
      let names = try reader.strings("update_environment")
      guard names.count <= ClientConfiguration.mostVariables else {
        throw .at(line, "'update_environment' names more than \(ClientConfiguration.mostVariables) variables")
      }
      for (name, line) in names where name.isEmpty || name.utf8.contains(0x3D) || name.utf8.contains(0) {
        throw .at(line, "'update_environment' holds something that is no name of a variable")
      }
      updateEnvironment = names.map(\.value)
    }
    try reader.finish()
  }
}
