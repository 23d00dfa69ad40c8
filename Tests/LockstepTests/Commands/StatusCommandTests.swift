import TestSupport
import Testing

@testable import lockstep

/// `status`, and what every command says of a folder or a server that it does not find.
@Suite struct StatusCommandTests {
  @Test func `status tells pending and applied for people`() async throws {
    let (program, database) = try await SqlxProject.make()
    let before = try await program.sqlx("status")
    #expect(before.status == 0)
    #expect(
      before.output.hasSuffix(
        """
        sqlx in migrations, no history yet: no table public._sqlx_migrations

        VERSION  NAME           STATE
        001      create orders  pending
        002      add note       pending
        003      index          pending

        applied 0   pending 3   failed 0   problems 0

        """))
    #expect(before.output.hasPrefix("\(database.name) on /"))
    // Looking changes nothing.
    #expect(
      try await database.rows("select count(*) from pg_tables where schemaname = 'public'") == ["0"]
    )
    #expect(try await program.sqlx("up --count 1").status == 0)
    let after = try await program.sqlx("status").output
    #expect(after.contains("\n001      create orders  applied  20"))
    #expect(after.hasSuffix("\n\napplied 1   pending 2   failed 0   problems 0\n"))
  }

  @Test func `status as JSON has the keys of the contract in order`() async throws {
    let (program, database) = try await SqlxProject.make()
    let outcome = try await program.sqlx("status --json")
    #expect(outcome.status == 0)
    let text = outcome.output
    let start = try #require(text.firstRange(of: "\"layout\""))
    #expect(text.hasPrefix(#"{"database":{"name":"\#(database.name)","host":"/"#))
    #expect(text.contains(#""environment":null,"protected":false},"layout":"sqlx""#))
    #expect(
      text[start.lowerBound...].hasPrefix(
        #""layout":"sqlx","directories":["migrations"],"history_table":"public._sqlx_migrations","#
          + #""counts":{"applied":0,"pending":3,"failed":0,"problems":0},"migrations":["#
          + #"{"version":"001","name":"create orders","state":"pending","problems":[],"#
          + #""applied_at":null,"applied_by":null,"duration_ms":null,"checksum":""#))
    #expect(
      text.contains(
        #""reversible":true,"transactional":true,"files":["migrations/001_create_orders.up.sql","#
          + #""migrations/001_create_orders.down.sql"]},{"version":"002""#))
  }

  @Test func `status says with its exit code whether something is pending`() async throws {
    let (program, _) = try await SqlxProject.make()
    let pending = try await program.sqlx("status --exit-code --quiet")
    #expect(pending.status == 3)
    #expect(pending.output == "")
    #expect(try await program.sqlx("up").status == 0)
    #expect(try await program.sqlx("status --exit-code").status == 0)
    #expect(
      try await program.sqlx("info").output.hasSuffix(
        "applied 3   pending 0   failed 0   problems 0\n"))
  }

  @Test func `a changed file is shown with its way out and refused`() async throws {
    let (program, _) = try await SqlxProject.make()
    #expect(try await program.sqlx("up --count 1").status == 0)
    try program.write(
      "create table orders (id bigint);\n", to: "migrations/001_create_orders.up.sql")
    let status = try await program.sqlx("status").output
    #expect(
      status.contains("\n    has changed since it was applied\n      next: put the file back"))
    #expect(status.contains("problems 1"))
    let refused = try await program.sqlx("up --json")
    #expect(refused.status == 4)
    #expect(
      refused.output.hasPrefix(
        #"{"error":{"code":"drift","message":"001_create_orders has changed"#))
    #expect(refused.errors.hasPrefix("error: 001_create_orders has changed since it was applied\n"))
  }

  @Test func `without a folder it says where it looked`() async throws {
    let program = try Program(url: TestServer.shared.cluster.url(database: "postgres"))
    let outcome = try await program.sqlx("status")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors == """
        error: there is no migrations folder; looked for migrations, backend/migrations
          next: name it with --dir, or make the first migration with `lockstep new NAME`

        """)
  }

  @Test func `without a server it ends with its own exit status`() async throws {
    let program = try Program(SqlxProject.files, url: "postgres:///x?host=/tmp/no-such-folder")
    let outcome = try await program.sqlx("status --json")
    #expect(outcome.status == 5)
    #expect(
      outcome.output.hasPrefix(#"{"error":{"code":"no_connection","message":"cannot connect to "#))
  }
}
