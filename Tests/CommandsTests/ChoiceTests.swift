import Cluster
import Domains
import Events
import Operations
import Sessions
import Store
import Testing

@testable import Commands

@Suite("What an option lets choose from is what the server knows")
struct ChoiceTests {
  @Test("each role can be given to a server, in the order of the enum")
  func roles() {
    let given = OptionKinds.named("--role")
    #expect(!given.isEmpty)
    for kind in given { #expect(kind == .choice(Role.allCases.map(\.rawValue))) }
  }

  @Test("each form of an event can be asked for", arguments: EventForm.allCases)
  func eventForms(form: EventForm) {
    let lists = OptionKinds.named("--format").filter { offers($0, form) }
    #expect(!lists.isEmpty)
  }

  @Test("events can be asked for in each order")
  func orders() {
    #expect(OptionKinds.named("--order").contains(.choice(EventOrder.allCases.map(\.rawValue))))
  }

  @Test("each shell that there is an integration for can be named as the one that reads elsewhere")
  func shells() {
    #expect(OptionKinds.named("--shell").contains(.choice(ShellIntegration.Shell.allCases.map(\.rawValue))))
  }

  @Test("each scope of a token can be given, and no other")
  func scopes() {
    // In an order of their own: help and completions have always listed what is read and published before files.
    #expect(tokenScopes.sorted() == Scope.allCases.map(\.rawValue).sorted())
  }

  private func offers(_ kind: ValueKind, _ form: EventForm) -> Bool {
    guard case .choice(let choices) = kind else { return false }
    return choices.contains(form.rawValue)
  }
}

/// The kinds of values that options of one name take anywhere in the table of commands.
private enum OptionKinds {
  static func named(_ name: String) -> [ValueKind] { kinds(of: name, in: CommandTable.root) }

  private static func kinds(of name: String, in command: CommandDefinition) -> [ValueKind] {
    command.options.filter { $0.name == name }.map(\.kind) + command.subcommands.flatMap { kinds(of: name, in: $0) }
  }
}
