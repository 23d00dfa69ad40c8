import MigrationModel
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What versions a folder held when a run recorded its position, for tools that keep the current version
/// alone: without it, an older file that came later and was never applied looks applied.
///
/// JSON lines in `.lockstep/positions-HOST.jsonl`; appended with one write each, so that runs at the same
/// time do not mix their lines.
struct PositionLog: Sendable {
  /// The folder that holds `.lockstep`.
  var root: String

  private var folder: String { root + "/.lockstep" }

  /// Versions that were in the folder, at or below the current version, in any run recorded for this
  /// database and table; `nil` where none was recorded.
  func knownVersions(layout: String, table: QualifiedName, database: String) -> Set<UInt64>? {
    let key = PositionLog.key(layout: layout, table: table, database: database)
    var known: Set<UInt64>?
    for name in names() {
      for line in lines(of: folder + "/" + name) where line.hasPrefix(key) {
        let numbers = line.dropFirst(key.count).split { !$0.isNumber }.compactMap { UInt64($0) }
        known = (known ?? []).union(numbers)
      }
    }
    return known
  }

  /// Appends the versions that are applied now.
  ///
  /// - Returns: Why it could not be written, in words; `nil` when it was.
  func record(
    _ versions: [UInt64], layout: String, table: QualifiedName, database: String
  ) -> String? {
    if mkdir(folder, 0o755) != 0 && errno != EEXIST { return String(cString: strerror(errno)) }
    var host = [CChar](repeating: 0, count: 256)
    gethostname(&host, host.count - 1)
    let hostName = String(
      decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self
    ).filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "." }
    let path = "\(folder)/positions-\(hostName.isEmpty ? "host" : hostName).jsonl"
    let file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { return String(cString: strerror(errno)) }
    defer { close(file) }
    let key = PositionLog.key(layout: layout, table: table, database: database)
    let line = Array((key + versions.map(String.init).joined(separator: ",") + "]}\n").utf8)
    return write(file, line, line.count) == line.count ? nil : String(cString: strerror(errno))
  }

  /// The beginning of a line, which is also what a line is found by.
  private static func key(layout: String, table: QualifiedName, database: String) -> String {
    func quoted(_ text: String) -> String {
      text.unicodeScalars.reduce(into: "\"") { result, scalar in
        switch scalar {
        case "\"", "\\": result += "\\\(scalar)"
        case _ where scalar.value < 0x20: result += " "
        default: result.unicodeScalars.append(scalar)
        }
      } + "\""
    }
    return "{\"layout\":\(quoted(layout)),\"table\":\(quoted(table.description)),"
      + "\"database\":\(quoted(database)),\"applied\":["
  }

  private func names() -> [String] {
    guard let stream = opendir(folder) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = DirectoryReader.name(of: entry)
      if name.hasPrefix("positions-") && name.hasSuffix(".jsonl") { names.append(name) }
    }
    return names.sorted()
  }

  private func lines(of path: String) -> [Substring] {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return [] }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(file, &buffer, buffer.count)
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n" as Character)
  }
}
