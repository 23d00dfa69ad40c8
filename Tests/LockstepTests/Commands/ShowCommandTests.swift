import Testing

@testable import lockstep

/// `show`: the SQL of one migration.
@Suite struct ShowCommandTests {
  @Test func `show prints the script byte for byte and needs no server`() async throws {
    var program = try Program([
      "migrations/001_a.up.sql": "select\t'\u{1b}[31m';\n",
      "migrations/001_a.down.sql": "select 2;",
    ])
    program.variables["DATABASE_URL"] = "postgres:///x?host=/tmp/no-such-folder"
    let up = try await program.sqlx("show 1")
    #expect(up.status == 0)
    #expect(up.output == "select\t'\u{1b}[31m';\n")
    #expect(try await program.sqlx("show 001_a --down").output == "select 2;\n")
    #expect(
      try await program.sqlx("show 1 --down --json").output
        == #"{"version":"001","name":"a","direction":"down","sql":"select 2;","transactional":true,"#
        + #""files":["migrations/001_a.down.sql"]}"# + "\n")
    let unknown = try await program.sqlx("show 7")
    #expect(unknown.status == 2)
    #expect(unknown.errors.hasPrefix("error: there is no migration with the version \"7\"\n"))
  }
}
