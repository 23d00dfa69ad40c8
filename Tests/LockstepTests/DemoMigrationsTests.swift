import Testing

@testable import lockstep

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite struct DemoMigrationsTests {
  /// With `LOCKSTEP_RECORD=1` the source file is written anew from the folder.
  @Test func `the embedded migrations are those of the folder, byte for byte`() throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let folder = "/\(root)/migrations"
    let names = try #require(sqlFiles(in: folder))
    if getenv("LOCKSTEP_RECORD") != nil {
      let text = try source(names.map { ($0, try #require(bytes(of: "\(folder)/\($0)"))) })
      try overwrite("/\(root)/Sources/lockstep/Runtime/DemoMigrations.swift", text)
      return
    }
    #expect(DemoMigrations.files.map(\.name) == names)
    for (name, text) in DemoMigrations.files {
      #expect(bytes(of: "\(folder)/\(name)") == Array(text.utf8), "\(name)")
    }
  }

  private func source(_ files: [(String, [UInt8])]) throws -> String {
    var text = """
      /// The files of `migrations/`, so that the demonstration works wherever the program is.
      ///
      /// Written by its test with `LOCKSTEP_RECORD=1`.
      enum DemoMigrations {
        /// By name, in byte order.
        static let files: [(name: String, text: String)] = [

      """
    for (name, bytes) in files {
      let content = try #require(String(validating: bytes, as: UTF8.self))
      try #require(!content.contains("\"\"\"#") && !content.contains("\\#"))
      text += "    (\n      \"\(name)\",\n      #\"\"\"\n"
      for line in content.split(separator: "\n", omittingEmptySubsequences: false) {
        text += line.isEmpty ? "\n" : "      \(line)\n"
      }
      text += "      \"\"\"#\n    ),\n"
    }
    return text
      + """
        ]

        /// How many migrations they are; a way back belongs to its migration.
        static let count = files.count { !$0.name.hasSuffix(".down.sql") }
      }

      """
  }

  private func sqlFiles(in folder: String) -> [String]? {
    guard let stream = opendir(folder) else { return nil }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name.hasSuffix(".sql") { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  private func bytes(of path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(file, &buffer, buffer.count)
      guard count >= 0 else { return nil }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  private func overwrite(_ path: String, _ text: String) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    try #require(file >= 0)
    defer { close(file) }
    let bytes = Array(text.utf8)
    #expect(write(file, bytes, bytes.count) == bytes.count)
  }
}
