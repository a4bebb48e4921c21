package import Causality

/// What has happened to an entry of the registry, for whoever keeps a log.
package struct RegistryAnnouncement: Sendable {
  package enum News: Sendable, Equatable {
    case added(BackendTerms, BackendRecord.Source)
    case removed
    case roleChanged(from: Role, to: Role)
    case healthChanged(from: Health, to: HealthReport)
    /// Somebody else answers at its address; it is not used until somebody confirms the change.
    case identityChanged(from: String, to: String)
    /// Somebody has confirmed the change.
    case identityConfirmed(from: String, to: String)
  }

  /// The entry's own id.
  package let key: String
  package let address: String
  package let serverID: String?
  package let hostname: String?
  package let news: News
  /// `nil` for what happened of its own accord.
  package let cause: Cause?

  init(_ record: BackendRecord, _ news: News, because cause: Cause? = Cause.current) {
    key = record.key
    address = record.address.text
    serverID = record.serverID
    hostname = record.hostname
    self.news = news
    self.cause = cause
  }
}
