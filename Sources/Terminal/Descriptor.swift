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

  /// Writes all of `text`; what cannot be written is lost, as on any terminal that is gone.
  static func send(_ descriptor: Int32, _ text: String) {
    let bytes = Array(text.utf8)
    bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count {
        let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
        let count = write(descriptor, rest.baseAddress, rest.count)
        if count >= 0 {
          done += count
        } else if errno == EAGAIN {
          var watched = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          if poll(&watched, 1, 1000) == 0 { return }
        } else if errno != EINTR {
          return
        }
      }
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
