import Testing

@testable import Cluster

@Suite("Roles")
struct RoleTests {
  @Test(
    "each role permits its kinds of work and no more",
    arguments: [
      (Role.none, [Work.identity]),
      (.observer, [.identity, .reads]),
      (.hub, [.identity, .reads]),
      (.drain, [.identity, .reads, .changes]),
      (.member, [.identity, .reads, .changes, .places]),
    ])
  func permissions(role: Role, works: [Work]) {
    #expect(Work.allCases.filter { role.permits($0) } == works)
  }

  @Test("the role that a refusal recommends permits the work", arguments: Work.allCases)
  func recommendation(work: Work) { #expect(Role.needed(for: work).permits(work)) }
}
