import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Migrations folders as they should not be. Each is told with its file and its way out, runs nothing, and
/// does not hide the others.
@Suite(.timeLimit(.minutes(10))) struct FaultFilesTests {
  /// A good migration before and after the bad one.
  private static let around = [
    "migrations/1_first.sql":
      "-- migrate:up\ncreate table first ();\n-- migrate:down\ndrop table first;\n",
    "migrations/9_last.sql":
      "-- migrate:up\ncreate table last ();\n-- migrate:down\ndrop table last;\n",
  ]

  private func project() async throws -> (program: Program, database: TestDatabase) {
    let database = try await TestServer.shared.makeDatabase()
    return (try Program(Self.around, url: database.url), database)
  }

  /// Checks that `up` refuses because of the bad file, that nothing was run, and that `status` shows the file
  /// with its fault among the others.
  private func expectRefused(
    _ program: Program, _ database: TestDatabase, _ what: String, at place: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let up = try await program.run("up", "--layout", "dbmate")
    expectTold(up, status: 4, what, sourceLocation: sourceLocation)
    #expect(
      up.errors.contains("\n  at:   \(place)\n"), "\(up.errors)", sourceLocation: sourceLocation)
    #expect(up.output.isEmpty, sourceLocation: sourceLocation)
    let tables = try await database.rows(
      "select relname from pg_class where relnamespace = 'public'::regnamespace")
    #expect(tables.isEmpty, sourceLocation: sourceLocation)
    let status = try await program.run("status", "--layout", "dbmate")
    #expect(status.status == 0, sourceLocation: sourceLocation)
    for word in ["first ", "last ", "problems 1"] {
      #expect(
        status.output.contains(word), "\(status.output)", sourceLocation: sourceLocation)
    }
    #expect(status.output.contains(what), "\(status.output)", sourceLocation: sourceLocation)
    expectHarmless(status, sourceLocation: sourceLocation)
  }

  @Test func `a file that is not UTF-8 is told with its first bad byte`() async throws {
    let (program, database) = try await project()
    try write([UInt8]("-- migrate:up\nselect '".utf8) + [0xE4] + [UInt8]("';\n".utf8), program)
    try await expectRefused(
      program, database, "migrations/5_bad.sql is not UTF-8: byte 0xe4 at offset 22",
      at: "migrations/5_bad.sql:2:9")
  }

  @Test func `a file that holds a NUL is told with its place`() async throws {
    let (program, database) = try await project()
    try write([UInt8]("-- migrate:up\nselect 'a\0b';\n".utf8), program)
    try await expectRefused(
      program, database, "migrations/5_bad.sql holds a NUL byte", at: "migrations/5_bad.sql:2:10")
  }

  @Test func `a byte order mark that the tool would stumble over is told`() async throws {
    let (program, database) = try await project()
    try write([0xEF, 0xBB, 0xBF] + [UInt8]("-- migrate:up\nselect 1;\n".utf8), program)
    try await expectRefused(
      program, database, "5_bad.sql is no dbmate migration: a byte order mark stands before",
      at: "migrations/5_bad.sql:1:1")
  }

  @Test func `an empty file is told to hold no migration`() async throws {
    let (program, database) = try await project()
    try write([], program)
    try await expectRefused(
      program, database,
      "5_bad.sql is no dbmate migration: there is no line that begins with `-- migrate:up`",
      at: "migrations/5_bad.sql:1:1")
  }

  @Test func `a named pipe is told and not waited for`() async throws {
    let (program, database) = try await project()
    try #require(mkfifo("\(program.folder)/migrations/5_bad.sql", 0o600) == 0)
    try await expectRefused(
      program, database, "migrations/5_bad.sql cannot be read: is not a regular file",
      at: "migrations/5_bad.sql")
  }

  @Test func `a link that leads out of the folder is not followed`() async throws {
    let (program, database) = try await project()
    try program.write("-- migrate:up\nselect 'secret';\n", to: "elsewhere.sql")
    symlink("../elsewhere.sql", "\(program.folder)/migrations/5_bad.sql")
    try await expectRefused(
      program, database,
      "migrations/5_bad.sql cannot be read: is a link that leads out of the migrations folders",
      at: "migrations/5_bad.sql")
  }

  @Test func `a link to nothing is told as such`() async throws {
    let (program, database) = try await project()
    symlink("nowhere", "\(program.folder)/migrations/5_bad.sql")
    try await expectRefused(
      program, database, "migrations/5_bad.sql cannot be read: is a link to nothing",
      at: "migrations/5_bad.sql")
  }

  @Test func `a link inside the folder is followed`() async throws {
    let (program, database) = try await project()
    try program.write(Self.around["migrations/1_first.sql"] ?? "", to: "migrations/not_one.txt")
    unlink("\(program.folder)/migrations/1_first.sql")
    symlink("not_one.txt", "\(program.folder)/migrations/1_first.sql")
    #expect(try await program.run("up", "--layout", "dbmate").status == 0)
    #expect(
      try await database.rows("select version from schema_migrations order by 1") == ["1", "9"])
  }

  @Test(arguments: ["dbmate", "sqlx", "golang-migrate", "raw"])
  func `a folder with a migration's name is passed over, as the tools do`(layout: String)
    async throws
  {
    let database = try await TestServer.shared.makeDatabase()
    let name = layout == "golang-migrate" ? "1_first.up.sql" : "1_first.sql"
    let program = try Program(
      [
        "migrations/\(name)": layout == "dbmate"
          ? Self.around["migrations/1_first.sql"] ?? "" : "create table first ();\n"
      ], url: database.url)
    let folder = layout == "golang-migrate" ? "5_bad.up.sql" : "5_bad.sql"
    mkdir("\(program.folder)/migrations/\(folder)", 0o755)
    let outcome = try await program.run("up", "--layout", layout)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let status = try await program.run("status", "--layout", layout)
    #expect(status.output.contains("applied 1   pending 0"), "\(status.output)")
  }

  @Test func `line ends of Windows run as they are`() async throws {
    let (program, database) = try await project()
    try write(
      [UInt8](
        "-- migrate:up\r\ncreate table crlf ();\r\n-- migrate:down\r\ndrop table crlf;\r\n".utf8),
      program)
    #expect(try await program.run("up", "--layout", "dbmate").status == 0)
    #expect(try await database.rows("select to_regclass('crlf')::text") == ["crlf"])
    #expect(try await program.run("down", "--layout", "dbmate", "--to", "1", "--yes").status == 0)
    #expect(try await database.rows("select to_regclass('crlf')::text") == ["<null>"])
  }

  @Test func `the same version twice is refused with both names`() async throws {
    let (program, database) = try await project()
    try program.write("-- migrate:up\nselect 1;\n", to: "migrations/5_one.sql")
    try program.write("-- migrate:up\nselect 2;\n", to: "migrations/5_two.sql")
    let up = try await program.run("up", "--layout", "dbmate")
    expectTold(up, status: 4, "5")
    #expect(up.errors.contains("5_one.sql") && up.errors.contains("5_two.sql"), "\(up.errors)")
    #expect(try await database.rows("select to_regclass('first')::text") == ["<null>"])
    let status = try await program.run("status", "--layout", "dbmate", "--json")
    #expect(status.output.contains("duplicate_version"))
  }

  @Test(arguments: ["dbmate", "sqlx", "golang-migrate", "raw"])
  func `a version beyond 64 bits runs where the tool takes it and is told elsewhere`(
    layout: String
  ) async throws {
    let database = try await TestServer.shared.makeDatabase()
    let version = "99999999999999999999"
    let name = layout == "golang-migrate" ? "\(version)_far.up.sql" : "\(version)_far.sql"
    let program = try Program(
      ["migrations/\(name)": "-- migrate:up\ncreate table far ();\n"], url: database.url)
    let outcome = try await program.run("up", "--layout", layout)
    let isThere = try await database.rows("select to_regclass('far') is not null") == ["t"]
    if outcome.status == 0, isThere {
      #expect(
        try await database.rows("select version::text from schema_migrations") == [version])
    } else if outcome.status == 0 {
      // Passed over as the tool does: then it has to be said.
      let status = try await program.run("status", "--layout", layout)
      #expect(status.output.contains(name), "\(status.output)")
    } else {
      expectTold(outcome, status: 4, version)
      #expect(!isThere)
    }
  }

  @Test func `ten thousand files are read, ordered and counted`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program(url: database.url)
    for number in 1...10_000 {
      try program.write(
        "-- migrate:up\nselect \(number);\n-- migrate:down\n",
        to: "migrations/\(100_000 + number)_n.sql")
    }
    let status = try await program.run("status", "--layout", "dbmate")
    #expect(status.status == 0)
    #expect(status.output.contains("applied 0   pending 10000   failed 0   problems 0"))
    let up = try await program.run("up", "--layout", "dbmate", "--count", "3", "--yes", "--quiet")
    #expect(up.status == 0, "\(up.errors)")
    #expect(
      try await database.rows("select version from schema_migrations order by 1")
        == ["100001", "100002", "100003"])
  }

  @Test func `a file of many megabytes runs`() async throws {
    let (program, database) = try await project()
    let file = try #require(fopen("\(program.folder)/migrations/5_bad.sql", "w"))
    func append(_ text: String, times: Int = 1) {
      let bytes = Array(text.utf8)
      for _ in 0..<times { fwrite(bytes, 1, bytes.count, file) }
    }
    append("-- migrate:up\ncreate table large ();\n")
    let line = "-- nothing to see in this line, but it has to be read like any other\n"
    append(String(repeating: line, count: 1000), times: (4 << 20) / (line.utf8.count * 1000))
    append("insert into first default values;\n-- migrate:down\n")
    fclose(file)
    let outcome = try await program.run("up", "--layout", "dbmate", "--yes")
    #expect(outcome.status == 0, "\(outcome.errors.prefix(2000))")
    #expect(try await database.rows("select to_regclass('large')::text") == ["large"])
    #expect(try await database.rows("select count(*) from first") == ["1"])
  }

  @Test func `a folder that is not there is told with the ways out`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program(url: database.url)
    for command in ["status", "up", "down"] {
      let outcome = try await program.run(command, "--dir", "nowhere", "--layout", "dbmate")
      expectTold(outcome, status: 2, "\"nowhere\"")
    }
  }

  private func write(_ bytes: [UInt8], _ program: Program) throws {
    let file = try #require(fopen("\(program.folder)/migrations/5_bad.sql", "w"))
    defer { fclose(file) }
    #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
  }
}
