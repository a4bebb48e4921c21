package import Cluster
package import Events
import Operations
package import Sessions

extension SessionError: DomainError {}
extension EventError: DomainError {}
extension RegistryError: DomainError {}
