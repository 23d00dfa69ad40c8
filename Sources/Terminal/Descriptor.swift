import Canvas

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What is asked of a terminal's file descriptor beside ncurses.
enum Descriptor {
  /// What a wait for input ended with.
  enum Readiness {
    case readable, quiet, vanished
  }

  /// Waits for input, at most `milliseconds`.
  static func wait(_ descriptor: Int32, milliseconds: Int32) -> Readiness {
    var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while true {
      let count = poll(&watched, 1, milliseconds)
      if count < 0, errno == EINTR { continue }
      if count == 0 { return .quiet }
      return count > 0 && watched.revents & Int16(POLLIN) != 0 ? .readable : .vanished
    }
  }

  /// Returns what has arrived, or `nil` at the end of input and on any error.
  static func receive(_ descriptor: Int32, into buffer: inout [UInt8]) -> ArraySlice<UInt8>? {
    while true {
      let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
      if count > 0 { return buffer[..<count] }
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN { return [] }
      return nil
    }
  }

  /// Writes all of `text`, as far as the terminal is still there.
  static func send(_ descriptor: Int32, _ text: String) {
    if !text.isEmpty { send(descriptor, Array(text.utf8)) }
  }

  /// Writes all of `bytes` and tells whether they could be written.
  @discardableResult
  static func send(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count {
        let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
        let count = write(descriptor, rest.baseAddress, rest.count)
        if count >= 0 {
          done += count
        } else if errno == EAGAIN {
          var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          poll(&watched, 1, -1)
        } else if errno != EINTR {
          return false
        }
      }
      return true
    }
  }

  /// Returns the size the terminal reports; `nil` when it reports none, as a serial line does.
  static func size(_ descriptor: Int32) -> Size? {
    var size = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else {
      return nil
    }
    return Size(columns: Int(size.ws_col), rows: Int(size.ws_row))
  }
}
