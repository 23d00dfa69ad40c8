import JSON
import TestSupport
import Testing

@testable import lockstep

@Suite struct RehearseCommandTests {
  private func program(_ up: String, _ down: String) async throws -> Program {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute(
      "create table users (id int primary key, name text); insert into users values (1, 'a'), (2, 'b');"
        + " create view names as select name from users")
    return try Program(
      ["db/migrations/1_a.sql": "-- migrate:up\n\(up)\n-- migrate:down\n\(down)\n"],
      url: database.url)
  }

  private static let up =
    "alter table users alter id type bigint;\nalter table users drop column name cascade;"
  private static let down =
    "alter table users add column name text; create view names as select name from users;"
    + " alter table users alter id type int;"

  @Test func `the keys of a statement and of the way back are all there`() async throws {
    let program = try await program(Self.up, Self.down)
    let outcome = try await program.run("rehearse", "--json", "-ddb/migrations")
    #expect(outcome.status == 0)
    let report = try #require(JSONValue(reading: outcome.output))
    #expect(report["mode"]?.text == "clone")
    let migration = try #require(report["migrations"]?.elements?.first)
    let statements = try #require(migration["statements"]?.elements)
    #expect(
      statements[0]["locks"]?.elements?.first?.description
        == #"{"mode":"ACCESS EXCLUSIVE","relation":"public.users"}"#)
    #expect(statements[0]["rewrites"]?.description == #"["public.users"]"#)
    #expect(statements[0]["observed"]?.text == "stepped")
    #expect(statements[0]["buffers"]?["hit"] != nil && statements[0]["buffers"]?["read"] != nil)
    #expect(statements[0]["temp_bytes"]?.description == "0")
    #expect(statements[0]["forecast_differs"]?.description == "[]")
    #expect(
      statements[1]["dropped"]?.description
        == #"[{"kind":"table column","object":"public.users.name","cascaded":false},"#
        + #"{"kind":"view","object":"public.names","cascaded":true}]"#)
    let rollback = try #require(migration["rollback"])
    #expect(rollback["verdict"]?.text == "lossy")
    #expect(rollback["loses_data"] == .bool(true))
    let back = try #require(rollback["statements"]?.elements)
    #expect(back.count == 3)
    #expect(
      back[0]["locks"]?.elements?.first?.description
        == #"{"mode":"ACCESS EXCLUSIVE","relation":"public.users"}"#)
    #expect(back[2]["rewrites"]?.description == #"["public.users"]"#)
    #expect(back[1]["forecast_differs"]?.description == "[]")
    #expect(
      rollback["lost"]?.description
        == #"[{"table":"public.users","column":"name","rows":2,"what":"gone","written":"before"}]"#)
    #expect(migration["contention"] == .null && migration["broken_off"] == .null)
    #expect(migration["rolled_back_first"]?.description == "[]")
  }

  @Test func `people are told in eighty columns`() async throws {
    let program = try await program(Self.up, Self.down)
    let outcome = try await program.run("rehearse", "-q", "-ddb/migrations")
    #expect(outcome.status == 0)
    #expect(outcome.lines.allSatisfy { $0.count <= 80 })
    #expect(outcome.lines.contains("1 a  applies, rolls back without its rows, applies again"))
    #expect(outcome.lines.contains("       writes public.users anew"))
    #expect(outcome.lines.contains { $0.hasPrefix("       blocks: ") && $0.hasSuffix(" read") })
    #expect(outcome.lines.contains("       drops view public.names by cascade"))
    let back = try #require(outcome.lines.firstIndex(of: "  the way back:"))
    #expect(
      outcome.lines[(back + 1)...].contains("       ACCESS EXCLUSIVE on public.users"))
    #expect(
      outcome.lines.contains(
        "  rolling back: values of public.users.name (2), there before it, are gone"))
  }

  @Test func `one that is applied is named, and told with what was rolled back for it`()
    async throws
  {
    let program = try await program(Self.up, Self.down)
    #expect(try await program.run("up", "--yes", "-ddb/migrations").status == 0)
    let outcome = try await program.run(
      "rehearse", "1", "--json", "--contention", "-ddb/migrations")
    #expect(outcome.status == 0)
    let report = try #require(JSONValue(reading: outcome.output))
    let migration = try #require(report["migrations"]?.elements?.first)
    #expect(migration["verdict"]?.text == "passed")
    #expect(migration["rolled_back_first"]?.description == #"["1"]"#)
    for run in try #require(migration["contention"]?.elements) {
      let stall = try #require(run["stalls"]?.elements?.first)
      #expect(stall["relation"]?.text == "public.users")
      #expect(stall["writes"]?.text == "update" && stall["not_written"] == .null)
      #expect(stall["written"] != nil && stall["written"] != .null)
    }
    let words = try await program.run("rehearse", "1", "-q", "-ddb/migrations")
    #expect(words.lines.contains("  rehearsed after rolling back on the copy: 1"))
    // Who names none means what is pending.
    #expect(try await program.run("rehearse", "-ddb/migrations").status == 0)
  }

  @Test func `of several the last line says how they fared`() async throws {
    let program = try await program("create table a (i int);", "drop table a;")
    for (version, sql) in [(2, "create table b (i nothing)"), (3, "select 1"), (4, "select 1")] {
      try program.write(
        "-- migrate:up\n\(sql);\n-- migrate:down\nselect 1;\n", to: "db/migrations/\(version)_x.sql"
      )
    }
    let outcome = try await program.run("rehearse", "-q", "-ddb/migrations")
    #expect(outcome.status == 1)
    #expect(outcome.lines.last == "4 migrations: 1 passed, 1 failed, 2 not run")
    let words = "not run: one before it failed\n"
    #expect(outcome.output.contains("\n\n3 x  \(words)4 x  \(words)\n"))
  }

  @Test func `a sample that is no size is wrong usage`() async throws {
    let program = try await program("select 1;", "select 1;")
    let outcome = try await program.run("rehearse", "--sample", "some", "-ddb/migrations")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors
        == "error: `lockstep rehearse` wants for --sample rows of a table, or a share (500, 2%),"
        + " not \"some\"\n  next: `lockstep help rehearse` shows how it is used\n")
  }
}
