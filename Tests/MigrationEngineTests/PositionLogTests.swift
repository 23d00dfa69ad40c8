import PostgresModel
import TestSupport
import Testing

@testable import MigrationEngine

@Suite struct PositionLogTests {
  private let table = QualifiedName(schema: "public", "schema_migrations")

  private func known(_ log: PositionLog, _ database: String = "app") -> Set<UInt64>? {
    log.knownVersions(layout: "golang-migrate", table: table, database: database)
  }

  private func record(
    _ log: PositionLog, _ versions: [UInt64], _ database: String = "app"
  ) -> String? {
    log.record(versions, layout: "golang-migrate", table: table, database: database)
  }

  @Test func `what several runs recorded is known together`() {
    let folder = TemporaryFolder()
    let log = PositionLog(root: folder.path)
    #expect(known(log) == nil)
    #expect(record(log, [1, 2]) == nil)
    #expect(record(log, [1, 2, 18_446_744_073_709_551_615]) == nil)
    #expect(known(log) == [1, 2, 18_446_744_073_709_551_615])
  }

  @Test func `a run that left nothing applied is known, too`() {
    let folder = TemporaryFolder()
    let log = PositionLog(root: folder.path)
    #expect(record(log, []) == nil)
    #expect(known(log) == [])
  }

  @Test func `databases, tables and layouts are kept apart, whatever their names`() {
    let folder = TemporaryFolder()
    let log = PositionLog(root: folder.path)
    #expect(record(log, [1], "app") == nil)
    #expect(record(log, [2], "a\"pp\\") == nil)
    #expect(known(log, "app") == [1])
    #expect(known(log, "a\"pp\\") == [2])
    #expect(
      log.knownVersions(
        layout: "golang-migrate", table: QualifiedName(schema: "x", "schema_migrations"),
        database: "app") == nil)
    #expect(log.knownVersions(layout: "other", table: table, database: "app") == nil)
  }

  @Test func `files of other machines are read, and lines that are none are passed over`() {
    let folder = TemporaryFolder()
    let log = PositionLog(root: folder.path)
    #expect(record(log, [1]) == nil)
    folder.write(
      ".lockstep/positions-other.jsonl",
      "rubbish\n{\"layout\":\"golang-migrate\",\"table\":\"public.schema_migrations\","
        + "\"database\":\"app\",\"applied\":[7,8]}\n{\"layout\":\"golang-mig")
    folder.write(".lockstep/notes.txt", "9")
    #expect(known(log) == [1, 7, 8])
  }

  @Test func `what cannot be written is said in words`() {
    let folder = TemporaryFolder()
    folder.write(".lockstep", "a file")
    #expect(record(PositionLog(root: folder.path), [1]) == "Not a directory")
  }
}
