package import Events
import Formats
import Net
package import Operations
package import Store
import Sys

/// What serves the streams of the `events` domain.
package struct EventStreams: Sendable {
  private let feeds: EventFeeds

  package init(log: EventLog, cursors: CursorStore) { feeds = EventFeeds(log: log, cursors: cursors) }

  package var all: [StreamBinding] {
    let feeds = feeds
    return [
      EventContract.follow.on { request, input in
        let following = try EventFollowing(input)
        let start = try await following.start(feeds, for: request.call)
        return StreamOpening { webSocket, closed in
          let socket = EventSocket(
            webSocket, following, from: start, feeds: feeds, call: request.call, accounts: request.catalogue.accounts,
            onClosed: closed)
          socket.assumeIsolated { $0.open() }
        }
      }
    ]
  }
}
