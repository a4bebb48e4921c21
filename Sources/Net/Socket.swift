import CUV
import Glibc

/// What a socket tells the one who reads it. All calls come on the loop, from libuv's callbacks or a later job: never
/// from inside a call that the owner itself made.
protocol SocketOwner: AnyObject {
  /// The bytes are the loop's shared buffer: copy what must last.
  func socket(_ socket: Socket, received bytes: UnsafeRawBufferPointer)
  /// The peer will send nothing more (it may still read).
  func socketEnded(_ socket: Socket)
  /// `queuedBytes` fell to 0 after having been above.
  func socketDrained(_ socket: Socket)
  /// The TLS handshake is over. Comes before any bytes.
  func socketSecured(_ socket: Socket)
  /// The socket is gone; the last call, exactly once. `error` is nil when this side closed it.
  func socketClosed(_ socket: Socket, error: NetError?)
}

extension SocketOwner {
  func socketSecured(_ socket: Socket) {}
}

/// A connected stream socket, TCP or Unix: the one place that reads and writes descriptors of connections, and so the
/// place where TLS goes in, between the descriptor and the owner (`TLSSession`). What is counted here are bytes of the network.
///
/// Writing tries the kernel at once with the caller's own bytes; what it does not take is copied and sent when the socket
/// is writable. One libuv write is under way at a time, what comes meanwhile is gathered for the next.
final class Socket: LoopHandle {
  enum Kind { case tcp, unix }

  /// A closing side waits this long for the peer to close too, so that the peer can still read the last response instead
  /// of meeting a reset (RFC 9112 §9.6).
  private static let lingerMilliseconds: UInt64 = 2000
  /// Queued output must shrink within this time while the socket is closing.
  private static let drainMilliseconds: UInt64 = 10_000
  /// `POLLRDHUP`, which glibc shows to GNU sources alone.
  private static let endOfSending: Int16 = 0x2000
  /// Bytes of one write that are put into TLS records before those are handed on.
  private static let sealedAtATime = 64 * 1024
  /// What a request in plain text is answered where TLS is spoken: people mistype addresses. The form is that of all errors.
  private static let plainAnswer: [UInt8] = {
    let text = #"{"error":{"code":"invalid_request","message":"Invalid request: this port speaks TLS; use https://."}}"#
    let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: \(text.utf8.count)\r\n"
    return Array((head + "Connection: close\r\n\r\n" + text).utf8)
  }()
  /// Dead peers that never said goodbye are found by TCP probes after this many idle seconds.
  private static let keepAliveSeconds: UInt32 = 60

  let peer: PeerAddress
  private var owner: (any SocketOwner)?
  private var isReading = false
  /// It has had the loop for a while, and reads again when it has a turn.
  private var isWaiting = false
  /// It has that turn, however long the round is already.
  private var hasTurn = false
  private var isFinishing = false
  private var isShutDown = false
  private var hasEnded = false
  private var readAtOnce = EventLoop.readBufferBytes
  /// Whether it is not known yet who is behind it.
  private var isStranger = false
  private var linger: Deadline?
  private var lingerProgress: UInt64 = 0
  private var tls: TLSSession?
  private var isDelivering = false
  /// Why the socket is being finished, or has been closed, when that was not the owner's wish.
  private var failure: NetError?

  private var pending = OutputBuffer()
  private var inFlight = OutputBuffer()
  private var request: UnsafeMutablePointer<uv_write_t>?
  private var isWriting = false
  /// Bytes ever accepted by `write`.
  private var accepted: UInt64 = 0

  /// Takes the descriptor over: it is closed with the socket, and at once when this throws.
  init(adopting fd: CInt, kind: Kind, peer: PeerAddress, on loop: EventLoop) throws(NetError) {
    self.peer = peer
    do {
      switch kind {
      case .tcp: try super.init(uv_tcp_t.self, on: loop, "socket") { uv_tcp_init(loop.uv, $0) }
      case .unix: try super.init(uv_pipe_t.self, on: loop, "socket") { uv_pipe_init(loop.uv, $0, 0) }
      }
    } catch {
      Glibc.close(fd)
      throw error
    }
    let status: CInt
    switch kind {
    case .tcp:
      let tcp = raw.assumingMemoryBound(to: uv_tcp_t.self)
      status = uv_tcp_open(tcp, fd)
      if status == 0 {
        uv_tcp_nodelay(tcp, 1)
        uv_tcp_keepalive(tcp, 1, Socket.keepAliveSeconds)
      }
    case .unix:
      status = uv_pipe_open(raw.assumingMemoryBound(to: uv_pipe_t.self), fd)
    }
    guard status == 0 else {
      Glibc.close(fd)
      super.close()
      throw NetError(uv: status, "socket")
    }
  }

  deinit {
    request?.deallocate()
  }

  private var stream: UnsafeMutablePointer<uv_stream_t> { raw.assumingMemoryBound(to: uv_stream_t.self) }

  // MARK: Reading

  /// Hands the socket to its reader. Bytes come after `startReading()`. One that has closed before is told so in a later job, as it would have
  /// been: the peer may leave at any time, also between two owners.
  func setOwner(_ owner: any SocketOwner) {
    guard isClosed else {
      self.owner = owner
      return
    }
    loop.later { [self] in owner.socketClosed(self, error: failure) }
  }

  func startReading() {
    guard !isClosed, !isReading, !hasEnded else { return }
    isReading = true
    if !isWaiting { beginReading() }
  }

  private func beginReading() {
    if let tls, !isFinishing {
      if tls.hasUnread { loop.later { [self] in deliver() } }
      if tls.inputHasEnded { return }
    }
    let status = uv_read_start(
      stream,
      { handle, _, buffer in
        guard let socket = Socket.of(handle?.pointee.data), let buffer else { return }
        if socket.mustWait {
          buffer.pointee = uv_buf_init(nil, 0)
          return
        }
        let shared = socket.loop.readBuffer
        buffer.pointee = uv_buf_init(
          shared.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(min(shared.count, socket.readAtOnce)))
      },
      { handle, count, buffer in
        guard let socket = Socket.of(handle?.pointee.data) else { return }
        socket.read(count, buffer?.pointee.base)
      })
    if status != 0 { close(NetError(uv: status, "read")) }
  }

  func stopReading() {
    guard !isClosed, isReading else { return }
    isReading = false
    if !isWaiting { uv_read_stop(stream) }
  }

  /// Whether the peer has ended its sending, or is gone altogether, behind whatever it sent that nobody has read yet. For an owner that does
  /// not read at the moment, and so would not hear of it.
  var peerHasLeft: Bool {
    var fd: uv_os_fd_t = -1
    guard !isClosed, uv_fileno(base, &fd) == 0 else { return true }
    var entry = pollfd(fd: fd, events: Socket.endOfSending, revents: 0)
    return poll(&entry, 1, 0) > 0
  }

  /// A process of this machine is always heard: others are not to be in its way.
  private var mustWait: Bool {
    let isLong = loop.isRoundLong
    if hasTurn { return false }
    if case .unix = peer { return false }
    return isLong
  }

  private func waitForTurn() {
    guard !isClosed, isReading, !isWaiting else { return }
    isWaiting = true
    uv_read_stop(stream)
    loop.turns.wait(isStranger ? .stranger : .known) { [self] in
      isWaiting = false
      guard !isClosed, isReading else { return }
      hasTurn = true
      beginReading()
    }
  }

  private func read(_ count: Int, _ base: UnsafeMutablePointer<CChar>?) {
    if count == Int(UV_ENOBUFS.rawValue) { return waitForTurn() }
    hasTurn = false
    defer { if loop.isRoundLong { waitForTurn() } }
    if count > 0 {
      // Input after the last response is dropped.
      guard !isFinishing else {
        if !loop.drainedInput.took(count, from: self) { stopReading() }
        return
      }
      let bytes = UnsafeRawBufferPointer(start: base, count: count)
      if let tls {
        tls.feed(bytes)
        deliver()
        // Unless it has gone to another loop meanwhile.
        if self.tls === tls { tls.keepRest() }
      } else {
        owner?.socket(self, received: bytes)
      }
    } else if count == Int(UV_EOF.rawValue) {
      if let tls, !isFinishing {
        tls.inputHasEnded = true
        deliver()
        return
      }
      isReading = false
      hasEnded = true
      if isFinishing {
        if isShutDown { close(nil) }
      } else {
        owner?.socketEnded(self)
      }
    } else if count < 0 {
      close(NetError(uv: CInt(truncatingIfNeeded: count), "read"))
    }
  }

  // MARK: TLS

  /// From here on the socket speaks TLS, beginning with the first `startReading()`. Nothing must have been read or written.
  func secure(with session: TLSSession) { tls = session }

  /// Hands the owner what the network brought, as long as it wants to read.
  private func deliver() {
    guard let tls, !isDelivering else { return }
    isDelivering = true
    defer { isDelivering = false }
    let buffer = loop.plainBuffer
    while !isClosed, isReading, !isFinishing, self.tls === tls {
      let event = tls.next(into: buffer)
      sendOutput(of: tls)
      if isClosed { return }
      switch event {
      case .secured:
        owner?.socketSecured(self)
      case .bytes(let count):
        owner?.socket(self, received: UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      case .wantsMore:
        // An end that the peer did not announce may be somebody else's doing, and what came before it is not all (RFC 8446 §6.1).
        if tls.inputHasEnded {
          close(
            NetError(
              .closed, tls.isSecured ? "the connection was cut" : "the connection was cut during the TLS handshake"))
        }
        return
      case .ended:
        stopReading()
        hasEnded = true
        owner?.socketEnded(self)
      case .failed(let error):
        fail(error, tls)
      }
    }
  }

  private func sendOutput(of tls: TLSSession) {
    guard tls.output.count > 0 else { return }
    writePlain(UnsafeRawBufferPointer(start: tls.output.base, count: tls.output.count))
    tls.emptyOutput()
  }

  /// A peer that began the handshake hears why it failed, as does one that should not have spoken in plain text.
  private func fail(_ error: NetError, _ tls: TLSSession) {
    guard tls.isServer else { return close(error) }
    failure = error
    self.tls = nil
    if tls.metPlainHTTP { write(Socket.plainAnswer) }
    finish()
  }

  private func write(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer,
    through tls: TLSSession
  ) {
    // Nobody has anything to say before it is known to whom.
    guard tls.isSecured else { return }
    let total = first.count + second.count + third.count
    if total > first.count, total <= TLSSession.maxRecordBytes {
      // One record instead of one for every part.
      withUnsafeTemporaryAllocation(byteCount: total, alignment: 1) { joined in
        var count = 0
        for part in [first, second, third] {
          UnsafeMutableRawBufferPointer(rebasing: joined[count...]).copyMemory(from: part)
          count += part.count
        }
        seal(UnsafeRawBufferPointer(joined), tls)
      }
    } else {
      for part in [first, second, third] { seal(part, tls) }
    }
  }

  private func seal(_ bytes: UnsafeRawBufferPointer, _ tls: TLSSession) {
    var rest = bytes
    while !rest.isEmpty, !isClosed {
      let count = min(rest.count, Socket.sealedAtATime)
      guard tls.seal(UnsafeRawBufferPointer(rebasing: rest[..<count])) else {
        close(NetError(.tlsFailed, "the TLS connection is broken"))
        return
      }
      sendOutput(of: tls)
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
    }
  }

  // MARK: Writing

  /// Accepted, not yet taken by the kernel.
  var queuedBytes: Int {
    guard !isClosed else { return 0 }
    return pending.count + (isWriting ? uv_stream_get_write_queue_size(stream) : 0)
  }

  /// Bytes the kernel has taken so far: moves when the peer reads.
  var takenBytes: UInt64 { accepted - UInt64(queuedBytes) }

  /// Sends the parts one after the other. Never fails here: a broken socket is told to the owner by `socketClosed`.
  func write(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer = .init(start: nil, count: 0),
    _ third: UnsafeRawBufferPointer = .init(start: nil, count: 0)
  ) {
    guard !isClosed, !isFinishing else { return }
    if let tls {
      write(first, second, third, through: tls)
    } else {
      writePlain(first, second, third)
    }
  }

  private func writePlain(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer = .init(start: nil, count: 0),
    _ third: UnsafeRawBufferPointer = .init(start: nil, count: 0)
  ) {
    let total = first.count + second.count + third.count
    if total == 0 { return }
    accepted += UInt64(total)
    var taken = 0
    if !isWriting {
      let count = tryWrite(first, second, third)
      if count < 0, count != UV_EAGAIN.rawValue {
        close(NetError(uv: count, "write"))
        return
      }
      taken = max(0, Int(count))
      if taken == total { return }
    }
    for part in [first, second, third] {
      if taken >= part.count {
        taken -= part.count
      } else {
        pending.append(UnsafeRawBufferPointer(rebasing: part[taken...]))
        taken = 0
      }
    }
    if !isWriting { sendPending() }
  }

  func write(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { write($0) }
  }

  private func tryWrite(
    _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, _ third: UnsafeRawBufferPointer
  ) -> CInt {
    withUnsafeTemporaryAllocation(of: uv_buf_t.self, capacity: 3) { buffers in
      var count = 0
      func add(_ part: UnsafeRawBufferPointer) {
        guard let base = part.baseAddress, part.count > 0 else { return }
        // libuv takes lengths of 32 bits; a larger part is cut, which reads as a partial write.
        buffers[count] = uv_buf_init(
          UnsafeMutableRawPointer(mutating: base).assumingMemoryBound(to: CChar.self), UInt32(clamping: part.count))
        count += 1
      }
      add(first)
      if first.count <= Int(UInt32.max) { add(second) }
      if first.count <= Int(UInt32.max), second.count <= Int(UInt32.max) { add(third) }
      return uv_try_write(stream, buffers.baseAddress, UInt32(count))
    }
  }

  private func sendPending() {
    swap(&pending, &inFlight)
    let request = self.request ?? .allocate(capacity: 1)
    self.request = request
    request.pointee.data = base.pointee.data
    var buffer = uv_buf_init(inFlight.base?.assumingMemoryBound(to: CChar.self), UInt32(clamping: inFlight.count))
    isWriting = true
    let status = uv_write(request, stream, &buffer, 1) { request, status in
      Socket.of(request?.pointee.data)?.wrote(status)
    }
    if status != 0 {
      isWriting = false
      inFlight.free()
      close(NetError(uv: status, "write"))
    }
  }

  private func wrote(_ status: CInt) {
    isWriting = false
    inFlight.free()
    if isClosed { return }
    if status < 0 {
      close(NetError(uv: status, "write"))
    } else if pending.count > 0 {
      sendPending()
    } else if isFinishing {
      shutDown()
    } else {
      owner?.socketDrained(self)
    }
  }

  // MARK: Ending

  /// Has the kernel take no more than about so many bytes that it cannot send yet (`TCP_NOTSENT_LOWAT`): what is more urgent and comes later
  /// would have to wait behind them. Nothing for a socket that is not TCP.
  func limitUnsent(to bytes: CInt) { setTCPOption(TCP_NOTSENT_LOWAT, bytes) }

  /// Has the peer send no more than about so many bytes that nobody has read yet (`TCP_WINDOW_CLAMP`): they are held in the kernel, where no
  /// limit of ours counts them. Nothing for a socket that is not TCP.
  /// - Parameter atOnce: What one read takes.
  /// - Parameter isStranger: Whether it is not known yet who is behind it.
  func limitUnread(to bytes: CInt, atOnce: Int = EventLoop.readBufferBytes, isStranger: Bool = false) {
    readAtOnce = atOnce
    self.isStranger = isStranger
    setTCPOption(TCP_WINDOW_CLAMP, bytes)
  }

  private func setTCPOption(_ name: CInt, _ value: CInt) {
    var fd: uv_os_fd_t = -1
    guard !isClosed, base.pointee.type == UV_TCP, uv_fileno(base, &fd) == 0 else { return }
    var value = value
    setsockopt(fd, CInt(IPPROTO_TCP), name, &value, socklen_t(MemoryLayout<CInt>.size))
  }

  /// Closes after everything written has been taken and the peer has had a moment to read it.
  func finish() {
    guard !isClosed, !isFinishing else { return }
    if let tls {
      tls.sayGoodbye()
      sendOutput(of: tls)
      if isClosed { return }
    }
    isFinishing = true
    readAtOnce = EventLoop.readBufferBytes
    let linger = Deadline(loop: loop) { [unowned self] in lingerPassed() }
    self.linger = linger
    if isWriting {
      lingerProgress = takenBytes
      linger.set(after: Socket.drainMilliseconds)
    } else {
      shutDown()
    }
    startReading()  // to see the peer's end
  }

  /// More of what is dropped may be read.
  func drainOn() { startReading() }

  private func shutDown() {
    guard !isClosed, !isShutDown else { return }
    isShutDown = true
    if hasEnded {
      close(nil)
      return
    }
    // Nothing is queued here, so the descriptor can be shut down directly.
    var fd: uv_os_fd_t = -1
    if uv_fileno(base, &fd) == 0 { shutdown(fd, CInt(SHUT_WR)) }
    linger?.set(after: Socket.lingerMilliseconds)
  }

  private func lingerPassed() {
    let progress = takenBytes
    if !isShutDown, progress != lingerProgress {
      lingerProgress = progress
      linger?.set(after: Socket.drainMilliseconds)
    } else {
      close(isShutDown ? nil : NetError(.timedOut, "the peer does not read"))
    }
  }

  /// Closes now; queued output is lost. The owner hears of it in a later job.
  func close(_ error: NetError?) {
    guard !isClosed else { return }
    let owner = take(&owner)
    let error = error ?? failure
    failure = error
    release()
    if let owner {
      loop.later { owner.socketClosed(self, error: error) }
    }
  }

  override func close() { close(nil) }

  override func loopStops() { close(NetError(.closed, "the event loop stopped")) }

  private func release() {
    linger?.close()
    linger = nil
    pending.free()
    tls = nil
    super.close()
  }

  /// Takes the connection off this loop: a duplicate of the descriptor, this socket closed without a word to its owner.
  /// Only when nothing is queued. Nil when the system has no descriptor left. A TLS session goes along, with what it has not yet delivered.
  func detach() -> DetachedSocket? {
    guard !isClosed, queuedBytes == 0 else { return nil }
    var fd: uv_os_fd_t = -1
    guard uv_fileno(base, &fd) == 0 else { return nil }
    let copy = fcntl(fd, F_DUPFD_CLOEXEC, 3)
    guard copy >= 0 else { return nil }
    let kind: Kind = base.pointee.type == UV_TCP ? .tcp : .unix
    _ = take(&owner)
    let tls = take(&tls)
    tls?.keepRest()
    release()
    return DetachedSocket(fd: copy, kind: kind, peer: peer, tls: tls)
  }
}

/// A connected descriptor on its way to a loop; closed if it never gets there.
final class DetachedSocket: @unchecked Sendable {
  // Unchecked: handed over once, from one loop to another.
  private var fd: CInt
  private let kind: Socket.Kind
  let peer: PeerAddress
  private let tls: TLSSession?

  init(fd: CInt, kind: Socket.Kind, peer: PeerAddress, tls: TLSSession? = nil) {
    self.fd = fd
    self.kind = kind
    self.peer = peer
    self.tls = tls
  }

  func attach(to loop: EventLoop) throws(NetError) -> Socket {
    let descriptor = fd
    fd = -1
    let socket = try Socket(adopting: descriptor, kind: kind, peer: peer, on: loop)
    if let tls { socket.secure(with: tls) }
    return socket
  }

  deinit {
    if fd >= 0 { close(fd) }
  }
}

/// Growing output in memory whose address libuv may keep until the write is done.
struct OutputBuffer {
  private(set) var base: UnsafeMutableRawPointer?
  private(set) var count = 0
  private var capacity = 0

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    if count + bytes.count > capacity {
      capacity = max(4096, count + bytes.count, capacity * 2)
      guard let grown = realloc(base, capacity) else { fatalError("out of memory") }
      base = grown
    }
    memcpy(base! + count, source, bytes.count)
    count += bytes.count
  }

  mutating func free() {
    Glibc.free(base)
    base = nil
    count = 0
    capacity = 0
  }
}
