import Diagnostics

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A file of the user's own that a result is written to.
struct ReportFile: Sendable {
  var path: String

  /// Writes the file whole or not at all.
  ///
  /// - Throws: `Refusal`.
  func replace(with text: String) throws(Refusal) {
    makeFolder()
    let temporary = "\(path).lockstep-\(getpid())"
    let isWritten = write(text, to: temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC)
    guard isWritten, rename(temporary, path) == 0 else {
      let failure = cannotWrite()
      unlink(temporary)
      throw failure
    }
  }

  private func makeFolder() {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return }
    // Whether it was there, or could not be made, shows when the file is opened.
    _ = mkdir(String(path[..<slash]), 0o755)
  }

  private func write(_ text: String, to path: String, _ flags: Int32) -> Bool {
    let file = open(path, flags, 0o644)
    guard file >= 0 else { return false }
    defer { close(file) }
    return HandOver.write(text, to: file)
  }

  private func cannotWrite() -> Refusal {
    Refusal(
      .error(
        code: "cannot_write", "\"\(path)\" cannot be written: \(String(cString: strerror(errno)))",
        next: "name another file, or check the folder's permissions; what was found is recorded"))
  }
}
