#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the program finds around it when it starts; passed in, so that tests can give another one.
struct Surroundings: Sendable {
  var variables: [String: String]
  /// Absolute, without a slash at the end.
  var workingDirectory: String
  var inputIsTerminal: Bool
  var outputIsTerminal: Bool
  /// Reads a file of configuration; a path is absolute or relative to the working directory.
  var read: @Sendable (String) -> FileContent

  enum FileContent: Sendable, Hashable {
    case text(String)
    case absent
    case unreadable(reason: String)
    case notText
  }

  /// The surroundings of this process.
  static func ofProcess() -> Surroundings {
    Surroundings(
      variables: processVariables(), workingDirectory: currentDirectory(),
      inputIsTerminal: isatty(STDIN_FILENO) == 1, outputIsTerminal: isatty(STDOUT_FILENO) == 1,
      read: readFile)
  }
}

private func processVariables() -> [String: String] {
  var variables = [String: String](minimumCapacity: 64)
  var entry = environ
  while let text = entry.pointee {
    // Bytes: this is done at every start, and characters cost a hundred times as much.
    if let equals = strchr(text, Int32(UInt8(ascii: "="))) {
      let name = UnsafeRawBufferPointer(start: text, count: equals - text)
      variables[String(decoding: name, as: UTF8.self)] = String(cString: equals + 1)
    }
    entry += 1
  }
  return variables
}

private func currentDirectory() -> String {
  guard let path = getcwd(nil, 0) else { return "." }
  defer { free(path) }
  return String(cString: path)
}

// Files of configuration are small; what is larger than this is taken for a mistake.
private let largestFile = 1 << 20

private func readFile(_ path: String) -> Surroundings.FileContent {
  let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
  guard descriptor >= 0 else {
    return errno == ENOENT || errno == ENOTDIR
      ? .absent : .unreadable(reason: String(cString: strerror(errno)).lowercased())
  }
  defer { close(descriptor) }
  var status = stat()
  guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
    return .unreadable(reason: "it is not a regular file")
  }
  guard status.st_size <= largestFile else {
    return .unreadable(reason: "it is larger than \(largestFile) bytes")
  }
  // One byte more than there is, so that the end is met without a second buffer; a file that grows
  // meanwhile is read as it was.
  var bytes = [UInt8](repeating: 0, count: Int(status.st_size) + 1)
  var count = 0
  while count < bytes.count {
    let got = bytes.withUnsafeMutableBytes {
      read(descriptor, $0.baseAddress! + count, $0.count - count)
    }
    if got < 0 {
      if errno == EINTR { continue }
      return .unreadable(reason: String(cString: strerror(errno)).lowercased())
    }
    if got == 0 { break }
    count += got
  }
  return String(validating: bytes[..<count], as: UTF8.self).map { .text($0) } ?? .notText
}
