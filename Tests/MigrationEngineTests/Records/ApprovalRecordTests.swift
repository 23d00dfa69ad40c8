import EventLoop
import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

/// Approvals, backups and health checks in the journal.
@Suite struct ApprovalRecordTests {
  private static let identity = RunRecordsTests.identity
  private static let at = RunRecordsTests.start("r").at

  private static func approval(_ manner: Approval.Manner) -> RunRecord {
    .approval(
      .given(
        Approval(
          id: "a", at: at, by: "Rita \"R\" Reader <rita@example.org>", alsoKnownAs: ["rita"],
          manner: manner, environment: "production", identity: identity, direction: .down,
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

  @Test func `an approval of which a part cannot be read is none`() async throws {
    let folder = TemporaryFolder()
    try FileRecords(root: folder.path).append([Self.approval(.typed)])
    let list = try ChildProcess(["/bin/ls", "\(folder.path)/.lockstep"]).runBlocking()
    let name = String(decoding: list.output, as: UTF8.self).split(separator: "\n")[0]
    let text = try #require(folder.text(".lockstep/\(name)"))
    folder.write(".lockstep/\(name)", text.replacing("\"checksum\":\"22\"", with: "\"checksum\":2"))
    let reading = try await FileRecords(root: folder.path).read(.all)
    #expect(reading.records.isEmpty)
    #expect(reading.notes.count == 1)
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
