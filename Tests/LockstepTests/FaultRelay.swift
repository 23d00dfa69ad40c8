import EventLoop
import Synchronization
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Stands between a program and the server and breaks the line at a chosen request, as a network or a
/// crashing server would.
///
/// Requests are counted over all sessions, in the order in which they end: simple queries and `Sync`s.
/// Source: PostgreSQL manual, 55.2 "Message Flow" and 55.7 "Message Formats".
struct FaultRelay: Sendable {
  /// Where the line breaks, counted from 1.
  enum Break: Sendable, Hashable {
    case never
    /// The server never sees the request.
    case before(Int)
    /// The server has done what was asked; the program never hears of it.
    case after(Int)
  }

  /// What becomes of connections after the break.
  enum Afterwards: Sendable, CaseIterable { case serverIsBack, serverIsAway }

  /// What was seen, told while it goes on.
  final class Record: Sendable {
    fileprivate let count = Mutex(0)
    fileprivate let broken = Mutex(false)

    /// How many requests there were.
    var requests: Int { count.withLock { $0 } }
    var isBroken: Bool { broken.withLock { $0 } }
  }

  var server: TestServer
  var point: Break
  var afterwards = Afterwards.serverIsAway

  /// Relays while `body` runs, which is given the URL that leads through here.
  func relay<Result>(
    to database: TestDatabase, _ body: (String, Record) async throws -> Result
  ) async throws -> Result {
    let program = try Program()
    let path = program.folder + "/.s.PGSQL.5432"
    let listener = try #require(listen(at: path))
    var stop: [Int32] = [-1, -1]
    try #require(pipe(&stop) == 0)
    for end in stop { keepFromChildren(end) }
    let record = Record()
    let line = Line(
      serverPath: server.cluster.directory + "/.s.PGSQL.5432", path: path, point: point,
      afterwards: afterwards, record: record, listener: listener, stop: stop[0])
    let thread = Task { await BlockingWork.run { line.serve() } }
    let url = "postgresql:///\(database.name)?host=\(program.folder)&port=5432&user=lockstep"
    do {
      let result = try await body(url, record)
      tellToStop(stop[1])
      await thread.value
      return result
    } catch {
      tellToStop(stop[1])
      await thread.value
      throw error
    }
  }

  private func listen(at path: String) -> Int32? {
    openSocket(path) { bind($0, $1, $2) == 0 && startListening($0) }
  }
}

/// The work of a relay, on a thread of its own.
private struct Line: Sendable {
  var serverPath: String
  var path: String
  var point: FaultRelay.Break
  var afterwards: FaultRelay.Afterwards
  var record: FaultRelay.Record
  var listener: Int32
  var stop: Int32

  private struct Session {
    var client: Int32
    var server: Int32
    /// What the client has sent of a message that is not complete yet.
    var pending: [UInt8] = []
    var hasStarted = false
    /// What the server has answered since the client is no longer told.
    var withheld: [UInt8]?
  }

  /// What a session's turn led to.
  private enum Turn { case goesOn, ended, broke }

  func serve() {
    var listener = listener
    var sessions: [Session] = []
    defer {
      for end in sessions.flatMap({ [$0.client, $0.server] }) { hangUp(end) }
      if listener >= 0 { close(listener) }
      close(stop)
      unlink(path)
    }
    while true {
      var polled = ([stop, listener] + sessions.flatMap { [$0.client, $0.server] }).map {
        pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
      }
      poll(&polled, nfds_t(polled.count), -1)
      if polled[0].revents != 0 { return }
      for index in sessions.indices.reversed() {
        let isReady = (polled[index * 2 + 2].revents != 0, polled[index * 2 + 3].revents != 0)
        var turn = isReady.0 ? takeFromClient(&sessions[index]) : .goesOn
        if turn == .goesOn, isReady.1 { turn = takeFromServer(&sessions[index]) }
        switch turn {
        case .goesOn: continue
        case .ended: end(&sessions, index...index)
        case .broke:
          // Before the program can see it and be done: whoever waits for it asks at once.
          record.broken.withLock { $0 = true }
          if afterwards == .serverIsAway {
            close(listener)
            unlink(path)
            listener = -1
          }
          end(&sessions, 0...sessions.count - 1)
        }
        if turn == .broke { break }
      }
      if polled[1].revents != 0, listener >= 0 { accept(from: listener, into: &sessions) }
    }
  }

  private func end(_ sessions: inout [Session], _ range: ClosedRange<Int>) {
    for session in sessions[range] {
      hangUp(session.client)
      hangUp(session.server)
    }
    sessions.removeSubrange(range)
  }

  private func accept(from listener: Int32, into sessions: inout [Session]) {
    let client = acceptSocket(listener)
    guard client >= 0 else { return }
    if let server = openSocket(serverPath, { connect($0, $1, $2) == 0 }) {
      sessions.append(Session(client: client, server: server))
    } else {
      close(client)
    }
  }

  private func takeFromClient(_ session: inout Session) -> Turn {
    guard let bytes = receive(from: session.client) else { return .ended }
    session.pending += bytes
    while let message = nextMessage(of: &session) {
      let isRequest = [UInt8(ascii: "Q"), UInt8(ascii: "S")].contains(message.type)
      let number =
        isRequest
        ? record.count.withLock {
          $0 += 1
          return $0
        } : 0
      let isOver = record.isBroken
      if !isOver, isRequest, point == .before(number) { return .broke }
      if !isOver, isRequest, point == .after(number) { session.withheld = [] }
      guard send(message.bytes, to: session.server) else { return .ended }
    }
    return .goesOn
  }

  /// The first message of a session has no type byte.
  private func nextMessage(of session: inout Session) -> (type: UInt8?, bytes: [UInt8])? {
    let offset = session.hasStarted ? 1 : 0
    guard session.pending.count >= offset + 4 else { return nil }
    let length = offset + bigEndian(session.pending[offset..<offset + 4])
    guard session.pending.count >= length else { return nil }
    let bytes = Array(session.pending[..<length])
    session.pending.removeFirst(length)
    defer { session.hasStarted = true }
    return (session.hasStarted ? bytes[0] : nil, bytes)
  }

  private func takeFromServer(_ session: inout Session) -> Turn {
    let bytes = receive(from: session.server)
    guard var withheld = session.withheld else {
      return bytes.map { send($0, to: session.client) } == true ? .goesOn : .ended
    }
    guard let bytes else { return .broke }
    withheld += bytes
    while withheld.count >= 5 {
      let length = 1 + bigEndian(withheld[1..<5])
      guard withheld.count >= length else { break }
      // ReadyForQuery: all that was asked is done.
      if withheld[0] == UInt8(ascii: "Z") { return .broke }
      withheld.removeFirst(length)
    }
    session.withheld = withheld
    return .goesOn
  }

  private func bigEndian(_ bytes: ArraySlice<UInt8>) -> Int {
    bytes.reduce(0) { $0 << 8 | Int($1) }
  }
}

private func receive(from descriptor: Int32) -> [UInt8]? {
  var buffer = [UInt8](repeating: 0, count: 65_536)
  let count = read(descriptor, &buffer, buffer.count)
  return count > 0 ? Array(buffer[..<count]) : nil
}

private func send(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
  var sent = 0
  while sent < bytes.count {
    let count = bytes.withUnsafeBytes { buffer in
      send(descriptor, buffer.baseAddress.map { $0 + sent }, bytes.count - sent, noSignal)
    }
    guard count > 0 else { return false }
    sent += count
  }
  return true
}

private func acceptSocket(_ listener: Int32) -> Int32 {
  let descriptor = accept(listener, nil, nil)
  if descriptor >= 0 { keepFromChildren(descriptor) }
  return descriptor
}

/// A server that another test starts at this moment would hold it open to its end.
private func keepFromChildren(_ descriptor: Int32) { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }

/// A byte is seen also where somebody else still holds the pipe's end.
private func tellToStop(_ descriptor: Int32) {
  var byte: UInt8 = 0
  _ = write(descriptor, &byte, 1)
  close(descriptor)
}

/// The other side sees the end also where somebody else still holds the socket.
private func hangUp(_ descriptor: Int32) {
  shutdown(descriptor, socketBothWays)
  close(descriptor)
}

private func startListening(_ descriptor: Int32) -> Bool { listen(descriptor, 16) == 0 }

/// Makes a unix socket and lets `use` bind or connect it.
private func openSocket(
  _ path: String, _ use: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Bool
) -> Int32? {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
  let descriptor = socket(AF_UNIX, streamSocket, 0)
  keepFromChildren(descriptor)
  let isOpen = withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      use(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
  if isOpen { return descriptor }
  close(descriptor)
  return nil
}

#if canImport(Glibc)
  private let streamSocket = Int32(SOCK_STREAM.rawValue)
  private let noSignal = Int32(MSG_NOSIGNAL)
  private let socketBothWays = Int32(SHUT_RDWR)
#else
  private let streamSocket = SOCK_STREAM
  private let noSignal: Int32 = 0
  private let socketBothWays = SHUT_RDWR
#endif
