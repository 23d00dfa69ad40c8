import TestSupport
import Testing

@testable import lockstep

/// `mark`: the history is written, and nothing is run.
@Suite struct MarkCommandTests {
  @Test func `mark writes the history alone`() async throws {
    let (program, database) = try await SqlxProject.make()
    let one = try await program.sqlx("mark --to 2 applied")
    #expect(one.status == 0)
    #expect(
      one.output == "recorded as applied: 001_create_orders\nrecorded as applied: 002_add_note\n")
    #expect(
      try await database.rows("select version from _sqlx_migrations order by 1") == ["1", "2"])
    #expect(try await database.rows("select to_regclass('orders') is null") == ["t"])
    let back = try await program.sqlx("mark 2 pending --json")
    #expect(
      back.lines.contains(
        #"{"event":"marked","version":"002","name":"add note","state":"pending"}"#))
    #expect(try await database.rows("select version from _sqlx_migrations") == ["1"])
    let wrong = try await program.sqlx("mark 2 done")
    #expect(wrong.status == 2)
    #expect(
      wrong.errors == """
        error: `lockstep mark` wants applied or pending at the end, not "done"
          next: `lockstep help mark` shows how it is used

        """)
  }
}
