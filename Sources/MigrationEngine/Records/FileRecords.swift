import Diagnostics
import EventLoop
import JSON
import MigrationModel
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Records as JSON lines in `.lockstep/journal-YYYYMMDD-HOST.jsonl`, a file for each day and machine.
///
/// Lines that come together are written by one `write` to a file opened for appending, so that writers at
/// the same time do not mix them.
public struct FileRecords: RunRecords {
  /// The folder that holds `.lockstep`.
  public var root: String
  /// The most bytes that are read, newest files first and those of a day together; older ones are left
  /// out with a note.
  public var limit: Int
  private let file = OpenJournal()

  public init(root: String, limit: Int = 64 << 20) {
    self.root = root
    self.limit = limit
  }

  private var folder: String { root + "/.lockstep" }

  /// The machine's name as files bear it.
  static func hostName() -> String {
    var buffer = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, buffer.count - 1)
    let name = String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self
    ).filter { $0.isLetter || $0.isNumber || $0 == "-" || $0 == "." }
    return name.isEmpty ? "host" : name
  }

  // MARK: Writing

  public func append(_ records: [RunRecord]) throws(RunRecordsFailure) {
    guard !records.isEmpty else { return }
    var lines: [UInt8] = []
    for record in records {
      record.json.append(to: &lines)
      lines.append(UInt8(ascii: "\n"))
    }
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let day = Int64(time.tv_sec) / 86_400
    var failure = file.add(lines, of: day) { path(of: day) }
    if failure == ENOENT {
      if mkdir(folder, 0o755) != 0, errno != EEXIST { throw cannotWrite(folder, errno) }
      failure = file.add(lines, of: day) { path(of: day) }
    }
    if failure != 0 { throw cannotWrite(path(of: day), failure) }
  }

  private func path(of day: Int64) -> String {
    let text = Instant(microseconds: day * 86_400_000_000).versionText.prefix(8)
    return "\(folder)/journal-\(text)-\(FileRecords.hostName()).jsonl"
  }

  private func cannotWrite(_ path: String, _ reason: Int32) -> RunRecordsFailure {
    RunRecordsFailure(
      "the journal \"\(path)\" cannot be written: \(String(cString: strerror(reason)))",
      next: "the migrations stand; what is not kept is missing from the history of runs")
  }

  // MARK: Reading

  public func read(_ wanted: RunRecordSelection) async throws(RunRecordsFailure) -> RunRecordReading
  {
    let copy = self
    return await BlockingWork.run { copy.readBlocking(wanted) }
  }

  func readBlocking(_ wanted: RunRecordSelection) -> RunRecordReading {
    var reading = RunRecordReading()
    var left = limit
    var passedOver = 0
    var parts: [[RunRecord]] = []
    var day: Substring = ""
    for name in names(&reading).reversed() {
      guard left > 0 || name.prefix(day.count) == day else {
        passedOver += 1
        continue
      }
      day = name.prefix("journal-YYYYMMDD-".count)
      guard let bytes = FileRecords.bytes(of: "\(folder)/\(name)") else {
        reading.note(
          .note(
            code: "journal_unreadable",
            "the journal \"\(folder)/\(name)\" cannot be read: \(String(cString: strerror(errno)))",
            next: "make it readable for whoever runs Lockstep"))
        continue
      }
      left -= bytes.count
      parts.append(records(in: bytes, of: name, wanted, &reading))
    }
    if passedOver > 0 {
      // What takes a word back is newer than the word.
      reading.note(
        .note(
          code: "journal_unreadable",
          "\(passedOver) older journals are not looked at: there is more than is read at once"),
        mayHideWords: false)
    }
    reading.records = parts.reversed().flatMap { $0 }
    return reading
  }

  private func records(
    in bytes: [UInt8], of name: String, _ wanted: RunRecordSelection,
    _ reading: inout RunRecordReading
  ) -> [RunRecord] {
    var records: [RunRecord] = []
    var unreadable: [Int] = []
    var mayHideWords = false
    bytes.withUnsafeBufferPointer { buffer in
      var start = 0
      var number = 0
      while start < buffer.count {
        let end = buffer[start...].firstIndex(of: UInt8(ascii: "\n")) ?? buffer.count
        defer { start = end + 1 }
        number += 1
        let line = UnsafeBufferPointer(rebasing: buffer[start..<end])
        guard !line.isEmpty, wanted.mayTake(line) else { continue }
        guard let json = JSONValue(reading: line), let record = RunRecord(json) else {
          unreadable.append(number)
          mayHideWords = mayHideWords || RunRecord.mayBeWord(String(decoding: line, as: UTF8.self))
          continue
        }
        if wanted.takes(record) { records.append(record) }
      }
    }
    if let first = unreadable.first {
      let more = unreadable.count > 1 ? " and \(unreadable.count - 1) more" : ""
      reading.note(
        .note(
          code: "journal_unreadable",
          "line \(first)\(more) of the journal \"\(folder)/\(name)\" is no record and passed over",
          next: mayHideWords ? "put it right, or take it out" : nil),
        mayHideWords: mayHideWords)
    }
    return records
  }

  private func names(_ reading: inout RunRecordReading) -> [String] {
    guard let stream = opendir(folder) else {
      if errno != ENOENT {
        reading.note(
          .note(
            code: "journal_unreadable",
            "the journals in \"\(folder)\" cannot be read: \(String(cString: strerror(errno)))",
            next: "make the folder readable for whoever runs Lockstep"))
      }
      return []
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = DirectoryReader.name(of: entry)
      if name.hasPrefix("journal-"), name.hasSuffix(".jsonl") { names.append(name) }
    }
    return names.sorted()
  }

  private static func bytes(of path: String) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 262_144)
    while true {
      let count = readSome(file, &buffer, buffer.count)
      guard count >= 0 else { return nil }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
    }
  }
}

/// `read(2)`, out of reach of the methods named so.
private func readSome(_ file: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
  read(file, buffer, count)
}

extension RunRecordSelection {
  /// Whether a line can be one that is wanted, told without reading it: what Lockstep writes begins with
  /// its kind.
  fileprivate func mayTake(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
    guard self == .steps else { return true }
    let others = [
      "{\"kind\":\"statement\"", "{\"kind\":\"lock_attempt\"", "{\"kind\":\"run_ended\"",
    ]
    return !others.contains { line.starts(with: $0.utf8) }
  }
}
