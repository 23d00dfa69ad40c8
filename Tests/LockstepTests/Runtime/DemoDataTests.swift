import EventLoop
import MigrationEngine
import TestSupport
import Testing

@testable import lockstep

@Suite struct DemoDataTests {
  @Test
  func `rows and clients fit the applied migrations, and clients go on fitting the pending ones`()
    async throws
  {
    let database = try await TestServer.shared.makeDatabase()
    let ups = try await sampleFiles { !$0.hasSuffix(".down.sql") }
    #expect(ups.count > DemoData.appliedMigrations)
    for file in ups.prefix(DemoData.appliedMigrations) { try await database.execute(file.sql) }
    try await database.execute(DemoData.rows)
    for table in ["memberships", "sessions", "components", "messages", "outbox"] {
      let rows = try await database.rows("SELECT count(*) >= 400 FROM \(table)")
      #expect(rows == ["t"], "\(table)")
    }
    try await everyClientOnce(in: database)
    // Shorter than the whole, so that the backfill with its pauses is a short one.
    try await database.execute("DELETE FROM messages WHERE sequence_number > 1")
    for file in ups.dropFirst(DemoData.appliedMigrations) {
      try await database.execute(file.sql)
      try await everyClientOnce(in: database)
    }
    let counted = try await database.rows(
      "SELECT count(*) FROM messages WHERE word_count IS NULL AND sequence_number = 1")
    #expect(counted == ["0"])
  }

  @Test func `every rollback but one restores the schema, and the irreversible one has none`()
    async throws
  {
    let database = try await TestServer.shared.makeDatabase()
    let ups = try await sampleFiles { !$0.hasSuffix(".down.sql") }
    let downs = try await sampleFiles { $0.hasSuffix(".down.sql") }
    var before = try await dump(database)
    var withoutWayBack: [String] = []
    var notRestored: [String] = []
    for up in ups {
      try await database.execute(up.sql)
      let after = try await dump(database)
      if let down = downs.first(where: { $0.version == up.version }) {
        try await database.execute(down.sql)
        if try await dump(database) == before {
          try await database.execute(up.sql)
        } else {
          notRestored.append(up.name)
        }
      } else {
        withoutWayBack.append(up.name)
        #expect(up.sql.hasPrefix("-- WARNING: Non-reversible migration"))
      }
      before = after
    }
    #expect(notRestored == ["20260120153000_add_priority_to_sessions.sql"])
    #expect(withoutWayBack == ["20260119110000_merge_conversation_phases.sql"])
  }
}

/// One of the repository's sample migrations.
private struct SampleFile {
  var name: String
  var sql: String
  var version: Substring { name.prefix { $0 != "_" } }
}

private func sampleFiles(_ isWanted: (String) -> Bool) async throws -> [SampleFile] {
  let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
  return try await DirectoryReader(["\(root)/migrations"]).read()
    .filter { isWanted($0.name) }
    .map { SampleFile(name: $0.name, sql: String(decoding: $0.bytes, as: UTF8.self)) }
}

private func everyClientOnce(in database: TestDatabase) async throws {
  for client in DemoData.workload {
    try await database.server.withConnection(to: database.name) { connection in
      for case .run(let sql) in client.steps { try await connection.execute(sql) }
    }
  }
}

private func dump(_ database: TestDatabase) async throws -> String {
  let outcome = try await ChildProcess([
    database.server.binaries + "/pg_dump", "--schema-only", "-d", database.url,
  ]).run()
  #expect(outcome.status == 0, "\(outcome.errorText)")
  // Newer versions write a line with a random key.
  return String(decoding: outcome.output, as: UTF8.self).split(separator: "\n")
    .filter { !$0.hasPrefix("\\restrict") && !$0.hasPrefix("\\unrestrict") }
    .joined(separator: "\n")
}
