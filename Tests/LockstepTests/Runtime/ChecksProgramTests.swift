import Canvas
import EventLoop
import TestSupport
import Testing

@testable import lockstep

/// The checklist of the real program on a real terminal and a real server.
@Suite(.serialized, .mayBlock, .timeLimit(.minutes(10)))
struct ChecksProgramTests {
  /// The sample migrations in the folder of a project.
  static let samples = Dictionary(
    uniqueKeysWithValues: DemoMigrations.files.map { ("migrations/\($0.name)", $0.text) })
  /// The first of them that adds a column to a table that is there.
  static let version = "20260113100000"

  /// Which item of the checklist a line of the screen shows, with its mark.
  private func line(_ run: DashboardProgramTests.Run, _ title: String) -> String {
    run.terminal.lines.first { $0.contains("] \(title)") } ?? ""
  }

  private func waits(
    _ run: DashboardProgramTests.Run, for mark: String, of title: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let isThere = run.terminal.wait(atMost: .seconds(90)) {
      $0.text.contains("\(mark) \(title)")
    }
    #expect(isThere, "\(mark) \(title):\n\(run.terminal.text)", sourceLocation: sourceLocation)
  }

  /// How many scratch copies of a database there are, which bear its name.
  private func copies(of name: String) async throws -> [String] {
    try await TestServer.shared.makeDatabase().rows(
      """
      SELECT count(*) FROM pg_database d JOIN pg_shdescription s ON s.objoid = d.oid
      WHERE s.description LIKE '%\(name)%'
      """)
  }

  @Test func `a checklist is proven, signed, waived, taken back and exported`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try DashboardProgramTests.Run(
      url: database.url, files: Self.samples, size: Size(columns: 200, rows: 60))
    let applied = try await run.program.run(
      "up", "--url", database.url, "--dir", "migrations", "--layout", "sqlx", "--to",
      "20260112090000", "--yes")
    #expect(applied.status == 0, "\(applied.errors)")
    run.sees("applied 9")
    run.type("5")
    run.sees("5 Checks \(Self.version)")
    run.sees("not proven yet: V proves it")

    run.type("V")
    let isDone = run.terminal.wait(atMost: .seconds(120)) {
      $0.text.contains(" of 8 settled")
    }
    #expect(isDone, "\(run.terminal.text)")
    waits(run, for: "[x]", of: "Rolls back")
    #expect(line(run, "Applied on staging").contains("[ ]"), "it is pending still")
    #expect(line(run, "Key queries").contains("[x]") == false, "there are none")
    #expect(run.terminal.text.contains("rehearsed "), "the way back says so")
    #expect(try await copies(of: database.name) == ["0"])
    #expect(run.terminal.lines[0].contains("READ-ONLY"), "no arming was needed")

    run.type("/Key queries\r")
    run.type(" ")
    run.sees("sign \"Key queries")
    run.type("seen by hand\r")
    waits(run, for: "[s]", of: "Key queries")
    run.sees("seen by hand")

    run.type("/Schema dump\r")
    run.type("W\r")
    run.sees("a reason is needed")
    run.type("no diagram in this project\r")
    waits(run, for: "[-]", of: "Schema dump")
    run.type("u")
    run.sees("taken back: \"Schema dump")
    waits(run, for: "[ ]", of: "Schema dump")
    run.type("W")
    run.sees("reason:")
    run.type("drawn on the wall\r")
    waits(run, for: "[-]", of: "Schema dump")

    run.type(":export md\r")
    run.sees("saved to lockstep-checks-\(Self.version)-")
    let name = try #require(
      try run.program.names(in: ".").first { $0.hasPrefix("lockstep-checks-") })
    let markdown = try run.program.read(name)
    #expect(markdown.contains("seen by hand"))
    #expect(markdown.contains("drawn on the wall"))
    #expect(markdown.contains("Rolls back"))
    run.type("E")
    run.sees("saved 5 files to lockstep-evidence-\(Self.version)-")
    let folder = try #require(
      try run.program.names(in: ".").first { $0.hasPrefix("lockstep-evidence-") })
    #expect(
      try run.program.names(in: folder).sorted() == [
        "\(Self.version)_add_word_count_to_messages.down.sql",
        "\(Self.version)_add_word_count_to_messages.sql", "checks.html", "checks.json", "checks.md",
      ])
    #expect(try run.program.read("\(folder)/checks.html").contains("drawn on the wall"))
    #expect(try run.program.read("\(folder)/checks.json").contains("\"waived\""))

    // What another reader of the journal finds, and what becomes of it when the file changes.
    let known = try await run.program.run(
      "check", Self.version, "--known", "--json", "--url", database.url, "--dir", "migrations",
      "--layout", "sqlx")
    #expect(known.output.contains("drawn on the wall"), "\(known.errors)")
    let path = "migrations/\(Self.version)_add_word_count_to_messages.sql"
    try run.program.write(try run.program.read(path) + "-- edited\n", to: path)
    waits(run, for: "[~]", of: "Rolls back")
    run.type("Q")
    #expect(run.terminal.waitForExit() == .exited(0))
  }

  @Test func `a check is cancelled and its scratch copy is gone`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try DashboardProgramTests.Run(
      url: database.url,
      files: [
        "migrations/0001_slow.sql": "CREATE TABLE half (id int);\nSELECT pg_sleep(300);\n",
        "migrations/0001_slow.down.sql": "DROP TABLE half;\n",
      ], size: Size(columns: 120, rows: 40))
    run.sees("pending 1")
    run.type("5T")
    run.sees("0001 rehearsing: up")
    run.terminal.send(.control("c"))
    run.sees("cancelled: the scratch copy is gone")
    #expect(try await copies(of: database.name) == ["0"])
    run.type("q")
    #expect(run.terminal.waitForExit() == .exited(0))
  }

  @Test func `leaving drops the scratch copy of a check that is under way`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try DashboardProgramTests.Run(
      url: database.url,
      files: ["migrations/0001_slow.sql": "CREATE TABLE half (id int);\nSELECT pg_sleep(300);\n"],
      size: Size(columns: 120, rows: 40))
    run.sees("pending 1")
    run.type("5T")
    run.sees("0001 rehearsing: up")
    run.type("q")
    #expect(run.terminal.waitForExit(atMost: .seconds(60)) == .exited(0))
    #expect(try await copies(of: database.name) == ["0"])
    #expect(String(decoding: run.terminal.transcript, as: UTF8.self).contains("scratch copy"))
  }

  @Test func `a rehearsal in the dashboard keeps nothing and tells`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let run = try DashboardProgramTests.Run(
      url: database.url, size: Size(columns: 120, rows: 40))
    run.sees("pending 2")
    run.type("5T")
    run.sees("rehearsed: 0001 applies, rolls back exactly, applies again")
    run.sees("rehearsed ")
    run.terminal.send(.end)
    run.terminal.send(.enter)
    run.sees("schema without rows")
    run.sees("+ table public.orders")
    run.terminal.send(.escape)
    run.sees("0/8")
    run.type("q")
    #expect(run.terminal.waitForExit() == .exited(0))
  }

  @Test func `a team's own list is taken from its file`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    var files = DashboardProgramTests.files
    files["lockstep.json"] = "{checklist: 'docs/checks.md'}"
    files["docs/checks.md"] = """
      # Our checks
      ## Before
      - [ ] Ask support
      ## On a copy
      - [ ] Go back once <!-- proof: rollback -->
      """
    let run = try DashboardProgramTests.Run(
      url: database.url, files: files, size: Size(columns: 120, rows: 40))
    run.sees("[ ] Ask support")
    run.sees("On a copy")
    run.sees("applied 0  pending 2")
    run.type("5jv")
    waits(run, for: "[x]", of: "Go back once")
    try run.program.write("- [ ] Ask nobody\n", to: "docs/checks.md")
    run.type("R")
    run.sees("[ ] Ask nobody")
    run.type("q")
    #expect(run.terminal.waitForExit() == .exited(0))
  }
}
