import EventLoop

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Programs of the user's choice that get the terminal for a while.
enum HandOver {
  /// The editor at a line: `VISUAL`, else `EDITOR`, else `vi`.
  ///
  /// The variable may hold arguments, so that a shell takes it apart, as it does for git.
  static func editor(_ environment: [String: String], path: String, line: Int) -> [String] {
    let editor = chosen(["VISUAL", "EDITOR"], environment) ?? "vi"
    let program = editor.split(separator: " ").first?.split(separator: "/").last.map(String.init)
    let knowsLines = ["vi", "vim", "nvim", "view", "nano", "emacs", "micro", "joe", "kak", "ne"]
    var arguments = ["/bin/sh", "-c", "exec \(editor) \"$@\"", editor]
    if let program, knowsLines.contains(program) { arguments.append("+\(max(1, line))") }
    // A path that begins with a dash would be taken for an option.
    arguments.append(path.hasPrefix("-") ? "./\(path)" : path)
    return arguments
  }

  /// The pager: `LOCKSTEP_PAGER`, else `PAGER`, else `less`.
  static func pager(_ environment: [String: String]) -> [String] {
    let pager = chosen(["LOCKSTEP_PAGER", "PAGER"], environment) ?? "less"
    return ["/bin/sh", "-c", "exec \(pager)", pager]
  }

  private static func chosen(_ names: [String], _ environment: [String: String]) -> String? {
    names.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
  }

  /// Makes a file without a name that holds a text, ready to be read from its beginning.
  static func temporaryFile(holding text: String) -> Int32? {
    var path = Array("/tmp/lockstep.XXXXXX".utf8CString)
    let file = mkstemp(&path)
    guard file >= 0 else { return nil }
    unlink(path)
    _ = fcntl(file, F_SETFD, FD_CLOEXEC)
    guard write(text, to: file), lseek(file, 0, SEEK_SET) == 0 else {
      close(file)
      return nil
    }
    return file
  }

  /// Writes all of a text; tells whether it could.
  static func write(_ text: String, to file: Int32) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = writeSome(file, rest)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { return false }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      }
      return true
    }
  }

  /// Waits for a child on the calling thread; its exit status, or 128 and the signal's number.
  static func wait(for child: pid_t) -> Int32 {
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0 {
      guard errno == EINTR else { return 128 }
    }
    let signal = status & 0x7f
    return signal == 0 ? (status >> 8) & 0xff : 128 + signal
  }
}

/// `write(2)`, out of reach of the function named so.
private func writeSome(_ file: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
  write(file, bytes.baseAddress, bytes.count)
}
