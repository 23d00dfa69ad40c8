import EventLoop
import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// Approvals, backups and health checks in the journal.
@Suite struct ApprovalRecordTests {
  private static let identity = DatabaseIdentity(
    database: "app", server: "db1:5432", system: "7", oid: "16384")
  private static let at = RunRecordsTests.start("r").at

  private static func approval(_ manner: Approval.Manner) -> RunRecord {
    .approval(
      .given(
        Approval(
          id: "a", at: at, by: "Rita \"R\" Reader <rita@example.org>", alsoKnownAs: ["rita"],
          manner: manner, environment: "production", identity: identity, table: "public.t",
          direction: .down,
          migrations: [
            ApprovedMigration(
              version: Version("001"), name: "a", checksum: "00", evidence: "11",
              authors: ["Ann <ann@example.org>"]),
            ApprovedMigration(
              version: Version("002"), name: "b", checksum: "22", evidence: "33", authors: nil),
          ])))
  }

  private static func backup(_ outcome: Backup.Outcome) -> RunRecord {
    .backup(run: "r", at: at, Backup(way: "pg_dump", outcome: outcome, durationMilliseconds: 1.5))
  }

  static let all: [RunRecord] = [
    approval(.typed), approval(.named), approval(.brokeGlass(reason: "down\nagain")),
    .approval(
      .revoked(.init(approval: "a", at: at, by: "Bob", reason: nil, identity: identity))),
    backup(.taken(BackupFile(path: "b/x.dump", bytes: 12, sha256: "ab", entries: 3))),
    backup(.left(reference: "snap-1")), backup(.left(reference: nil)),
    backup(.failed(reason: "no room")),
    .health(
      run: "r", at: at,
      HealthCheck(
        way: "url", question: "https://x", outcome: .failed, answer: "no answer",
        durationMilliseconds: 30_000)),
    .started(
      RunStart(
        id: "r", at: at, by: "me", host: "h", version: "1", identity: identity, user: "me",
        environment: "production", layout: "raw", table: "public.t", request: "up",
        asks: ["backup", "health"])),
  ]

  @Test func `what was kept is read again`() async throws {
    let folder = TemporaryFolder()
    try FileRecords(root: folder.path).append(Self.all)
    let reading = try await FileRecords(root: folder.path).read(.all)
    #expect(reading.records == Self.all)
    #expect(reading.notes.isEmpty)
    #expect(try await FileRecords(root: folder.path).read(.steps).records.count == 1)
  }

  @Test(arguments: [
    (#""checksum":"22""#, #""checksum":2"#), (#""direction":"down""#, #""direction":"both""#),
    (#","direction":"down""#, ""), (#""act":"approved""#, #""act":"waved_through""#),
  ])
  func `an approval of which a part cannot be read is none, and leaves a gap`(
    _ part: String, _ edited: String
  ) async throws {
    let folder = TemporaryFolder()
    try FileRecords(root: folder.path).append([Self.approval(.typed)])
    let list = try ChildProcess(["/bin/ls", "\(folder.path)/.lockstep"]).runBlocking()
    let name = String(decoding: list.output, as: UTF8.self).split(separator: "\n")[0]
    let text = try #require(folder.text(".lockstep/\(name)"))
    #expect(text.contains(part))
    folder.write(".lockstep/\(name)", text.replacing(part, with: edited))
    let reading = try await FileRecords(root: folder.path).read(.all)
    #expect(reading.records.isEmpty)
    #expect(reading.notes.count == 1)
    #expect(reading.gaps == reading.notes)
    #expect(reading.gaps.first?.next == "put it right, or take it out")
  }

  @Test func `a place that cannot be read may have held anything`() async throws {
    struct Closed: RunRecords {
      func append(_ records: [RunRecord]) {}
      func read(_ wanted: RunRecordSelection) throws(RunRecordsFailure) -> RunRecordReading {
        throw RunRecordsFailure("closed", next: "open it")
      }
    }
    let folder = TemporaryFolder()
    folder.write(".lockstep/journal-20250101-h.jsonl/x", "a folder where a file is to be")
    let files = FileRecords(root: folder.path)
    let reading = try await JoinedRecords(files, readingAlso: [Closed()]).read(.all)
    #expect(reading.gaps == reading.notes)
    #expect(
      reading.gaps.map(\.what) == [
        "the journal \"\(folder.path)/.lockstep/journal-20250101-h.jsonl\" cannot be read: Is a directory",
        "closed",
      ])
    let other = TemporaryFolder()
    other.write(".lockstep", "a file where the folder is to be")
    #expect(
      try await FileRecords(root: other.path).read(.all).gaps.map(\.what) == [
        "the journals in \"\(other.path)/.lockstep\" cannot be read: Not a directory"
      ])
  }

  @Test func `approvals of all databases are in the archive, backups and checks with their runs`() {
    let archive = RunArchive(
      [Self.all[9]] + Self.all.dropLast(), of: Self.identity, layout: "raw", table: "public.t")
    #expect(archive.approvals.count == 4)
    #expect(archive.runs.map(\.backups.count) == [4])
    #expect(archive.runs.map(\.health.count) == [1])
    let other = DatabaseIdentity(database: "other", server: "x")
    #expect(RunArchive(Self.all, of: other).approvals.count == 4)
    #expect(RunArchive(Self.all, of: other).runs.isEmpty)
  }
}
