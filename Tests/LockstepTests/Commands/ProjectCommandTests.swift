import EventLoop
import TestSupport
import Testing

@testable import lockstep

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The commands that look at a project or add to it.
@Suite struct ProjectCommandTests {
  @Test func `rename puts a late migration behind the newest, shows it first, overwrites nothing`()
    async throws
  {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program([
      "migrations/001_a.sql": "CREATE TABLE a ();\n",
      "migrations/003_c.sql": "CREATE TABLE c ();\n",
    ])
    let place = ["--url", database.url, "--layout", "raw"]
    #expect(try await program.run(words: ["up"] + place).status == 0)
    try program.write("CREATE TABLE b ();\n", to: "migrations/002_b.sql")
    #expect(try await program.run(words: ["up"] + place).status == 4)
    let shown = try await program.run(words: ["rename", "002", "--dry-run"] + place)
    #expect(shown.output == "would rename migrations/002_b.sql to migrations/004_b.sql\n")
    let refused = try await program.run(words: ["rename", "002", "--read-only"] + place)
    #expect(refused.status == 4)
    #expect(try program.names(in: "migrations") == ["001_a.sql", "002_b.sql", "003_c.sql"])
    let outcome = try await program.run(words: ["rename", "002"] + place)
    #expect(outcome.output == "renamed migrations/002_b.sql to migrations/004_b.sql\n")
    #expect(try program.names(in: "migrations") == ["001_a.sql", "003_c.sql", "004_b.sql"])
    #expect(try program.read("migrations/004_b.sql") == "CREATE TABLE b ();\n")
    #expect(try await program.run(words: ["up"] + place).status == 0)
    #expect(try await program.run(words: ["rename", "004"] + place).status == 4)
  }

  @Test func `new begins both directions from the name and never overwrites`() async throws {
    let program = try Program(["migrations/001_a.up.sql": "", "migrations/001_a.down.sql": ""])
    let words = ["new", "create", "orders", "--layout", "golang-migrate"]
    let outcome = try await program.run(words: words)
    #expect(outcome.status == 0)
    #expect(
      outcome.output
        == "created migrations/002_create_orders.up.sql\ncreated migrations/002_create_orders.down.sql\n"
    )
    #expect(
      try program.read("migrations/002_create_orders.up.sql").hasPrefix("CREATE TABLE orders ("))
    #expect(try program.read("migrations/002_create_orders.down.sql") == "DROP TABLE orders;\n")
    let second = try await program.run(words: words)
    #expect(second.output.hasPrefix("created migrations/003_create_orders.up.sql\n"))
    #expect(try program.names(in: "migrations").count == 6)
  }

  @Test func `the first migration of a project makes its folder`() async throws {
    let program = try Program()
    let unsure = try await program.run("new", "create_orders")
    #expect(unsure.status == 2)
    #expect(
      unsure.errors == """
        error: an empty folder does not tell whose migrations these will be
          next: say it once: --layout dbmate | sqlx | raw | golang-migrate

        """)
    let outcome = try await program.run(
      "new", "anything", "--layout", "dbmate", "--template", "none", "--json")
    #expect(outcome.status == 0)
    let names = try program.names(in: "db/migrations")
    #expect(names.count == 1)
    #expect(names[0].hasSuffix("_anything.sql"))
    #expect(
      outcome.output
        == #"{"files":["db/migrations/\#(names[0])"],"layout":"dbmate","template":null}"# + "\n")
    #expect(try program.read("db/migrations/\(names[0])").contains("-- migrate:down"))
  }

  @Test func `a mistyped template proposes the nearest`() async throws {
    let outcome = try await Program().run("new", "x", "--template", "tabel")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors.hasPrefix(
        "error: --template does not know \"tabel\"\n  next: did you mean table? "))
  }

  @Test func `doctor tells what was found and where it came from`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program([
      "lockstep.json": "{directories: ['sql'], layout: 'sqlx'}",
      ".env": "DATABASE_URL='\(database.url)'",
      "sql/1_a.sql": "select 1;",
    ])
    let outcome = try await program.run("doctor")
    #expect(outcome.status == 0)
    func finding(_ name: String) -> String? {
      outcome.lines.first { $0.hasPrefix(name + " ") }.map {
        String($0.dropFirst(name.count).drop { $0 == " " })
      }
    }
    #expect(finding("configuration") == "lockstep.json, .env")
    #expect(finding("connection")?.hasSuffix("/\(database.name)   (DATABASE_URL in .env)") == true)
    #expect(finding("folders") == "sql: 1 file   (directories in lockstep.json)")
    #expect(finding("layout")?.hasSuffix("   (layout in lockstep.json)") == true)
    #expect(
      finding("history")
        == "public._sqlx_migrations: not there yet; the first run makes it   (the layout's default)"
    )
    #expect(finding("migrations") == "0 applied, 1 pending, 0 failed, 0 problems")
    #expect(finding("role")?.hasSuffix(", a superuser") == true)
    #expect(finding("extensions")?.contains("plpgsql ") == true)
  }

  @Test func `doctor goes on without a server`() async throws {
    let program = try Program(
      ["migrations/1_a.sql": "select 1;"], url: "postgres://ada:secret@/x?host=/tmp/no-such-folder")
    let outcome = try await program.run("doctor", "--layout", "sqlx", "--json")
    #expect(outcome.status == 5)
    #expect(
      outcome.output.contains(
        #"{"name":"folders","text":"migrations: 1 file","from":"the usual place","problem":null}"#))
    #expect(outcome.output.contains(#""problem":{"code":"no_connection""#))
    #expect(!outcome.output.contains("secret"))
    #expect(!outcome.errors.contains("secret"))
  }

  @Test func `without a command and a terminal the status is shown`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program(["migrations/1_a.sql": "select 1;"], url: database.url)
    let outcome = try await program.run("--layout", "sqlx")
    #expect(outcome.status == 0)
    #expect(outcome.output.hasSuffix("applied 0   pending 1   failed 0   problems 0\n"))
  }

  @Test func `help and version need nothing`() async throws {
    let program = try Program([".env": "not an environment file"])
    let help = try await program.run("help")
    #expect(help.status == 0)
    #expect(help.output == HelpText.overview() + "\n")
    #expect(
      try await program.run("up", "--help").output.hasPrefix("lockstep up: apply what is pending\n")
    )
    let version = try await program.run("--version")
    #expect(version.output.hasPrefix("lockstep \(ProgramVersion.number) (libpq "))
    let wrong = try await program.run("statsu", "--json")
    #expect(wrong.status == 2)
    #expect(
      wrong.output
        == #"{"error":{"code":"usage","message":"there is no command \"statsu\"","at":null,"next":"did you mean `lockstep status`? `lockstep help` lists the commands","sqlstate":null}}"#
        + "\n")
  }

  @Test func `an interrupt cancels the statement and ends with 130`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program(
      ["migrations/1_a.sql": "create table a (); select pg_sleep(600);"], url: database.url)
    let running = Task { try await program.run("up", "--yes", "--layout", "sqlx") }
    let sleeping =
      "select pid from pg_stat_activity where datname = current_database() and query like '%pg_sleep(600)%' and wait_event = 'PgSleep'"
    while try await database.rows(sleeping).isEmpty {}
    try program.interruptChildren()
    let outcome = try await running.value
    #expect(outcome.status == 130)
    #expect(
      outcome.errors.hasPrefix("error: migration 1_a was interrupted and its statement cancelled"))
    #expect(try await database.rows(sleeping) == [])
    #expect(try await database.rows("select to_regclass('a') is null") == ["t"])
  }

  @Test func `dump writes dbmate's schema file`() async throws {
    let database = try await TestServer.shared.makeDatabase()
    let program = try Program(
      [
        "db/migrations/1_a.sql":
          "-- migrate:up\ncreate table a (id int);\n-- migrate:down\ndrop table a;\n"
      ],
      url: database.url)
    #expect(try await program.run("up").status == 0)
    let own = try program.read("db/schema.sql")
    try program.write("stale", to: "db/schema.sql")
    let outcome = try await program.run("dump")
    #expect(outcome.status == 0)
    #expect(outcome.errors == "wrote db/schema.sql\n")
    #expect(try program.read("db/schema.sql") == own)
    #expect(own.contains("CREATE TABLE public.a"))
    #expect(own.hasSuffix("INSERT INTO public.schema_migrations (version) VALUES\n    ('1');\n"))
  }
}
