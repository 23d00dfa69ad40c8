import EventLoop
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The built program, run in a folder of its own.
struct Program {
  /// Holds the files of the project; absolute.
  let folder: String
  var variables: [String: String] = [:]

  /// What a run left behind.
  struct Outcome {
    var status: Int32
    var output: String
    var errors: String

    var lines: [String] { output.split(separator: "\n").map(String.init) }
  }

  /// Makes an empty folder, and files in it.
  init(_ files: [String: String] = [:], url: String? = nil) throws {
    var template = Array("/tmp/lockstep-test-XXXXXX".utf8CString)
    let path = template.withUnsafeMutableBufferPointer { buffer in
      mkdtemp(buffer.baseAddress!).map { String(cString: $0) }
    }
    folder = try #require(path)
    FoldersOfTests.removeAtExit(folder)
    if let url { variables["DATABASE_URL"] = url }
    for (name, content) in files { try write(content, to: name) }
  }

  /// Writes a file, with the folders it needs.
  func write(_ content: String, to name: String) throws {
    var path = folder
    let parts = name.split(separator: "/")
    for part in parts.dropLast() {
      path += "/\(part)"
      mkdir(path, 0o755)
    }
    let file = try #require(fopen("\(folder)/\(name)", "w"))
    defer { fclose(file) }
    let bytes = Array(content.utf8)
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
  }

  func read(_ name: String) throws -> String {
    let file = try #require(fopen("\(folder)/\(name)", "r"), "\(name) is there")
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// The names in a folder of the project, sorted.
  func names(in name: String) throws -> [String] {
    let directory = try #require(opendir("\(folder)/\(name)"))
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      let name = withUnsafePointer(to: entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if !name.hasPrefix(".") { names.append(name) }
    }
    return names.sorted()
  }

  /// Runs the program to its end, with nothing on its standard input.
  func run(_ words: String...) async throws -> Outcome { try await run(words: words) }

  func run(words: [String]) async throws -> Outcome {
    var environment = ChildProcess.ownEnvironment.filter { name, _ in
      !name.hasPrefix("PG") && !name.hasPrefix("DBMATE") && !name.hasSuffix("DATABASE_URL")
    }
    environment["HOME"] = folder
    environment.merge(variables) { _, own in own }
    let shell = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, folder, try Program.path()]
    let outcome = try await ChildProcess(shell + words, environment: environment).run()
    return Outcome(
      status: outcome.status, output: String(decoding: outcome.output, as: UTF8.self),
      errors: outcome.errorText)
  }

  /// The executable lies beside the program that runs the tests.
  static func path() throws -> String {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { bytes in
      readlink("/proc/self/exe", bytes.baseAddress!, bytes.count)
    }
    let own =
      count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : CommandLine.arguments[0]
    let end = try #require(own.lastIndex(of: "/"))
    var folder = String(own[..<end])
    // On macOS the tests lie in a bundle.
    while folder.contains(".xctest") {
      folder = String(folder[..<(try #require(folder.lastIndex(of: "/")))])
    }
    return "\(folder)/lockstep"
  }
}

extension Program {
  /// Sends SIGINT to the programs that run in this folder, as ctrl-c would.
  func interruptChildren() throws { try signalChildren(SIGINT) }

  /// Sends a signal to the programs that run in this folder.
  func signalChildren(_ number: Int32) throws {
    let outcome = try ChildProcess(["/bin/sh", "-c", "ls -d /proc/[0-9]*"]).runBlocking()
    for path in String(decoding: outcome.output, as: UTF8.self).split(separator: "\n") {
      guard link("\(path)/cwd") == folder, link("\(path)/exe")?.hasSuffix("/lockstep") == true,
        let pid = pid_t(path.dropFirst(6))
      else { continue }
      kill(pid, number)
    }
  }

  /// Where a link leads; `nil` where the process has gone.
  private func link(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }
}

/// The folders that tests have made; they go when the test run ends, since a test may look into one
/// after the program in it has ended.
private enum FoldersOfTests {
  private static let made = Mutex<[String]>([])
  private static let removal: Void = {
    atexit {
      let folders = FoldersOfTests.made.withLock { $0 }
      _ = try? ChildProcess(["rm", "-rf", "--"] + folders).runBlocking()
    }
  }()

  static func removeAtExit(_ folder: String) {
    _ = removal
    made.withLock { $0.append(folder) }
  }
}
