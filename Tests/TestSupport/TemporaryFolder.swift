import EventLoop

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A folder of one test; it goes with the last reference to it.
public final class TemporaryFolder: Sendable {
  /// Absolute, without a slash at its end.
  public let path: String

  public init() {
    var template = Array("/tmp/lockstep-test-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { fatalError("no temporary folder: errno \(errno)") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { _ = try? ChildProcess(["/bin/rm", "-rf", "--", path]).runBlocking() }

  /// Writes a file, and the folders above it, anew.
  public func write(_ name: String, _ content: some Sequence<UInt8>) {
    makeFolders(above: name)
    let file = open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard file >= 0 else { fatalError("\(path)/\(name): errno \(errno)") }
    defer { close(file) }
    append(Array(content), to: file)
  }

  public func write(_ name: String, _ content: String) { write(name, content.utf8) }

  /// Makes a folder, and those above it.
  public func makeFolder(_ name: String) { makeFolders(above: name + "/") }

  public func link(_ name: String, to target: String) { symlink(target, "\(path)/\(name)") }

  public func remove(_ name: String) { unlink("\(path)/\(name)") }

  /// The bytes of a file; `nil` where there is none.
  public func read(_ name: String) -> [UInt8]? {
    let file = open("\(path)/\(name)", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = readSome(file, &buffer)
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
    }
  }

  public func text(_ name: String) -> String? {
    read(name).map { String(decoding: $0, as: UTF8.self) }
  }

  private func makeFolders(above name: String) {
    var folder = path
    for part in name.split(separator: "/" as Character, omittingEmptySubsequences: false).dropLast()
    {
      folder += "/\(part)"
      mkdir(folder, 0o755)
    }
  }

  private func append(_ bytes: [UInt8], to file: Int32) {
    var written = 0
    bytes.withUnsafeBytes { buffer in
      while written < buffer.count {
        let count = writeSome(file, buffer, from: written)
        guard count > 0 else { fatalError("cannot write: errno \(errno)") }
        written += count
      }
    }
  }
}

/// `read(2)` and `write(2)`, out of reach of the methods named so.
private func readSome(_ file: Int32, _ buffer: inout [UInt8]) -> Int {
  read(file, &buffer, buffer.count)
}

private func writeSome(_ file: Int32, _ bytes: UnsafeRawBufferPointer, from offset: Int) -> Int {
  write(file, bytes.baseAddress.map { $0 + offset }, bytes.count - offset)
}
