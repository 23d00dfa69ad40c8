import Canvas
import TestSupport
import Testing

/// `up --step` on a terminal.
@Suite(.serialized, .mayBlock, .timeLimit(.minutes(10))) struct StepCommandTests {
  static let files = [
    "migrations/0001_orders.sql": """
    CREATE TABLE orders (id bigint PRIMARY KEY);
    ALTER TABLE customers ADD COLUMN note text;

    """
  ]

  private func start(
    _ database: TestDatabase, _ further: [String] = []
  ) throws -> TerminalEmulator {
    let program = try Program(Self.files)
    let shell = ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, program.folder, try Program.path()]
    let words =
      [
        "up", "--step", "--url", database.url, "--dir", "migrations", "--layout", "sqlx",
        "--no-color",
      ] + further
    return try TerminalEmulator(
      shell + words, environment: ["HOME": program.folder], size: Size(columns: 120, rows: 30))
  }

  private func expect(_ text: String, on terminal: TerminalEmulator) {
    #expect(terminal.wait(for: text), "\(text) is not in:\n\(terminal.text)")
  }

  private func database() async throws -> TestDatabase {
    let database = try await TestServer.shared.makeDatabase()
    try await database.execute("CREATE TABLE customers (id int)")
    return database
  }

  @Test func `each statement is asked about and its effect is told`() async throws {
    let database = try await database()
    let terminal = try start(database)
    expect("run it? [y]es, [a]ll the rest of it, [n]o: roll back", on: terminal)
    #expect(
      terminal.lines.prefix(4).contains { $0.hasPrefix("statement 1 of 2, line 1: CREATE TABLE") })
    #expect(
      terminal.lines.prefix(4).contains {
        $0.hasPrefix("    CREATE TABLE orders (id bigint PRIMARY KEY)")
      })
    terminal.send("y\n")
    expect("added table public.orders", on: terminal)
    expect("statement 2 of 2, line 2: ALTER TABLE", on: terminal)
    terminal.send("y\n")
    expect("holds ACCESS EXCLUSIVE on public.customers", on: terminal)
    expect("added column public.customers.note: text", on: terminal)
    expect("commit? [y]es", on: terminal)
    #expect(try await database.rows("SELECT to_regclass('orders') IS NULL") == ["t"])
    terminal.send("y\n")
    expect("applied 0001_orders", on: terminal)
    #expect(try await database.rows("SELECT count(*) FROM _sqlx_migrations") == ["1"])
  }

  @Test func `a question that nobody answers ends with the step limit`() async throws {
    let database = try await database()
    let terminal = try start(database, ["--step-limit", "1s"])
    expect("rolled back after 1.0 s", on: terminal)
    expect("stepping held its transaction open for longer than 1 s", on: terminal)
    expect("nothing of 0001 was applied", on: terminal)
    #expect(terminal.waitForExit() == .exited(1))
    // The error begins a line of its own, behind the question.
    #expect(terminal.lines.contains { $0.hasPrefix("error: migration 0001_orders was ended") })
    #expect(try await database.rows("SELECT to_regclass('orders') IS NULL") == ["t"])
  }

  @Test func `a step limit says nothing without steps`() async throws {
    let database = try await database()
    let outcome = try await Program(Self.files).run(
      "up", "--step-limit", "1s", "--url", database.url, "--dir", "migrations", "--layout", "sqlx")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.contains("--step-limit says nothing without --step")
        && outcome.errors.contains("add --step, or leave --step-limit out"))
  }

  @Test func `a no rolls all of it back`() async throws {
    let database = try await database()
    let terminal = try start(database)
    expect("statement 1 of 2", on: terminal)
    terminal.send("y\n")
    expect("statement 2 of 2", on: terminal)
    terminal.send("n\n")
    expect("rolled back 0001_orders; nothing of it stands", on: terminal)
    #expect(try await database.rows("SELECT to_regclass('orders') IS NULL") == ["t"])
    #expect(try await database.rows("SELECT count(*) FROM _sqlx_migrations") == ["0"])
  }
}
