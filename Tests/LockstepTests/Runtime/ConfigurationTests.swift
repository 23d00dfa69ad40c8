import Diagnostics
import MigrationModel
import Postgres
import Testing

@testable import lockstep

/// Surroundings made of a few files.
func surroundings(
  _ files: [String: String] = [:], variables: [String: String] = [:]
) -> Surroundings {
  Surroundings(
    variables: variables, workingDirectory: "/home/ada/shop/backend", inputIsTerminal: false,
    outputIsTerminal: false,
    read: { path in
      let relative = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
      return files[relative].map { .text($0) } ?? .absent
    })
}

/// Settings for these words, files and variables.
func settings(
  _ words: [String] = [], _ files: [String: String] = [:], variables: [String: String] = [:]
) throws -> ProjectSettings {
  guard case .bare(let arguments) = try ArgumentParser().parse(words) else {
    throw Refusal(.error(code: "test", "not understood"))
  }
  return try ProjectSettings(
    arguments, ConfigurationSources(surroundings(files, variables: variables)),
    layouts: ["dbmate", "sqlx", "raw", "golang-migrate"])
}

func refusal(
  _ words: [String] = [], _ files: [String: String] = [:], variables: [String: String] = [:]
) -> String? {
  do {
    _ = try settings(words, files, variables: variables)
    return nil
  } catch {
    return Diagnostic(explaining: error).description
  }
}

@Suite struct ConfigurationFileTests {
  @Test func `every key of the contract is read`() throws {
    let file = try ConfigurationFile(
      """
      {
        directories: ["db/migrations"], layout: "dbmate", table: "public.schema_migrations",
        schema_file: "db/schema.sql", journal: "database",
        checklist: "docs/list.md", key_queries: "db/key", assertions: "db/assert",
        environments: {
          staging: { url_env: "STAGING_DATABASE_URL" },
          production: {
            service: "orders-prod", protected: true, validated_on: "staging",
            backup: { directory: "backups", command: null }, health: { sql: "select 1", timeout: "10s" },
            auto_rollback: true, lock_timeout: "2s", lock_attempts: 20, lock_victims: 30,
            lock_victim_wait: "900ms", statement_timeout: null, step_limit: "1min",
            timeout: "5min",
            approval: { other_than_author: true, break_glass: true },
          },
        },
      }
      """, path: "lockstep.json")
    #expect(file.directories == ["db/migrations"])
    #expect(file.layout == "dbmate")
    #expect(file.table == "public.schema_migrations")
    #expect(file.schemaFile == "db/schema.sql")
    #expect(file.journal == .database)
    #expect(file.checklist == "docs/list.md")
    #expect(file.keyQueries == "db/key")
    #expect(file.assertions == "db/assert")
    #expect(file.environments.map(\.name) == ["staging", "production"])
    #expect(file.environments[0].connection == .variable("STAGING_DATABASE_URL"))
    let production = file.environments[1]
    #expect(production.connection == .service("orders-prod"))
    #expect(production.isProtected)
    #expect(production.validatedOn == "staging")
    #expect(production.backup == .taken(directory: "backups", command: nil))
    #expect(production.health == .sql("select 1"))
    #expect(production.healthTimeout == .seconds(10))
    #expect(production.rollsBackAutomatically)
    #expect(production.lockTimeout == .seconds(2))
    #expect(production.lockAttempts == 20)
    #expect(
      production.lockBudget()
        == LockBudget(
          timeout: .seconds(2), attempts: 20, victims: 30, oldestVictim: .milliseconds(900)))
    #expect(production.lockBudget(timeout: .seconds(1), attempts: 2).attempts == 2)
    #expect(production.lockVictims == 30)
    #expect(production.statementTimeout == nil)
    #expect(production.stepLimit == .seconds(60))
    #expect(production.timeout == .seconds(300))
    #expect(production.approval == .init(otherThanAuthor: true, breakGlass: true))
  }

  @Test(arguments: [
    (
      "{direktories: []}",
      """
      error: there is no key "direktories" in the configuration
        at:   lockstep.json:1:2
        next: did you mean "directories"?
      """
    ),
    (
      "{environments: {production: {protect: true}}}",
      """
      error: there is no key "protect" in the configuration
        at:   lockstep.json:1:30
        next: did you mean "protected"?
      """
    ),
    (
      "{journal: 'files'}",
      """
      error: "journal" does not know "files"
        at:   lockstep.json:1:11
        next: did you mean "file"?
      """
    ),
    (
      "{environments: {p: {timeout: 300}}}",
      """
      error: "timeout" wants a time such as 200ms, 5s, 2min or 1h, not a number
        at:   lockstep.json:1:30
        next: correct the value there
      """
    ),
    (
      "{environments: {p: {url: 'postgres://a:secret@b/c', service: 's'}}}",
      """
      error: environment "p" says in more than one way where its database is
        at:   lockstep.json:1:17
        next: keep one of url, url_env and service
      """
    ),
    (
      "{environments: {p: {health: {}}}}",
      """
      error: "health" wants one of sql, command and url, not an object
        at:   lockstep.json:1:29
        next: correct the value there
      """
    ),
    (
      "{table: }",
      """
      error: the file is not valid JSON: expected a value, found "}"
        at:   lockstep.json:1:9
        next: correct it there; comments and trailing commas are allowed; nothing was done
      """
    ),
    (
      "[]",
      """
      error: "lockstep.json" wants an object, not a list
        at:   lockstep.json:1:1
        next: correct the value there
      """
    ),
  ]) func `a wrong file says what and where`(_ text: String, _ message: String) {
    #expect(refusal([], ["lockstep.json": text]) == message)
  }
}

@Suite struct ProjectSettingsTests {
  @Test func `without anything libpq decides`() throws {
    let result = try settings()
    #expect(result.target.value.description == "")
    #expect(result.target.origin == "libpq's environment")
    #expect(result.directories == nil)
    #expect(result.layout == nil)
    #expect(result.table(for: "dbmate") == nil)
    #expect(result.environment == nil)
  }

  @Test func `the command line wins over the file and the file over other tools' variables`() throws
  {
    let files = ["lockstep.json": "{directories: ['a', 'b'], table: 'own', layout: 'raw'}"]
    let variables = ["DBMATE_MIGRATIONS_DIR": "c,d", "DBMATE_MIGRATIONS_TABLE": "theirs"]
    let first = try settings(
      ["-d", "x", "-d", "y", "--table", "app.t", "--layout", "sqlx"], files, variables: variables)
    #expect(first.directories == Setting(["x", "y"], from: "--dir"))
    #expect(first.table(for: "sqlx")?.value.description == "app.t")
    #expect(first.layout == Setting("sqlx", from: "--layout"))
    let second = try settings([], files, variables: variables)
    #expect(second.directories == Setting(["a", "b"], from: "directories in lockstep.json"))
    #expect(second.table(for: "dbmate")?.value.description == "own")
    let third = try settings([], variables: variables)
    #expect(third.directories == Setting(["c", "d"], from: "DBMATE_MIGRATIONS_DIR"))
    #expect(third.table(for: "dbmate")?.value.description == "theirs")
    #expect(third.table(for: "sqlx") == nil)
  }

  @Test func `a variable of the process wins over the same in a file`() throws {
    let files = [".env": "DATABASE_URL=postgres://file/one"]
    let both = try settings([], files, variables: ["DATABASE_URL": "postgres://process/two"])
    #expect(both.target.value["host"] == "process")
    #expect(both.target.origin == "DATABASE_URL")
    let one = try settings([], files)
    #expect(one.target.value["host"] == "file")
    #expect(one.target.origin == "DATABASE_URL in .env")
  }

  @Test func `files are found in parents up to the root of the repository`() throws {
    let files = [
      "../.git": "", "../lockstep.json": "{directories: ['db'], schema_file: 's.sql'}",
      "../.env": "DATABASE_URL=postgres://h/d", "../../.env": "DATABASE_URL=postgres://wrong/d",
    ]
    let result = try settings([], files)
    #expect(result.root == "..")
    #expect(result.directories?.value == ["../db"])
    #expect(result.schemaFile?.value == "../s.sql")
    #expect(result.target.value["host"] == "h")
    #expect(result.files == ["../lockstep.json", "../.env"])
  }

  @Test func `outside a repository no parent is looked at`() throws {
    let result = try settings([], ["../.env": "DATABASE_URL=postgres://wrong/d"])
    #expect(result.target.value.description == "")
  }

  @Test func `where nobody has named a database the project's environments are proposed`() throws {
    let file = [
      "lockstep.json": "{environments: {staging: {url: 'postgres://s/x'}, qa: {service: 'q'}}}"
    ]
    let unnamed = try settings([], file)
    let failure = DatabaseError.cannotConnect(target: "me@socket", reason: "no", sqlstate: nil)
    let advised = unnamed.advising(failure).diagnostic
    #expect(advised.code == "no_connection")
    #expect(
      advised.next
        == "name the database with --url or DATABASE_URL, or one of the project's environments with "
        + "`-e staging` or `-e qa`")
    #expect(try settings(["-e", "staging"], file).connectionAdvice == nil)
    #expect(try settings(["-u", "postgres://a/b"], file).connectionAdvice == nil)
    #expect(try settings().connectionAdvice == nil)
  }

  @Test func `a history table of too many parts is refused`() throws {
    #expect(
      refusal(["--table", "a.b.c"])
        == """
        error: --table wants a table, with or without its schema, not "a.b.c"
          from: --table
          next: correct it, or take it away
        """)
    #expect(refusal(["--table", "a."]) != nil)
    #expect(try settings(["--table", "\"a.b\".c.d"]).tableOfEveryLayout != nil)
  }

  @Test func `environments of dbmate's file are known by name`() throws {
    let files = [
      ".env.dbmate": """
      DEV_DATABASE_URL="postgresql://u:p@localhost:5432/dev"
      STAGING_DATABASE_URL="postgresql://u:p@staging-db:5432/staging"
      PRODUCTION_DATABASE_URL="postgresql://u:p@prod-db:5432/prod"
      """
    ]
    let result = try settings(["-e", "prod"], files)
    #expect(result.environment == Setting("production", from: "--env"))
    #expect(result.target.value["host"] == "prod-db")
    #expect(result.rules.timeout == .seconds(300))
    #expect(try settings(["-e", "dev"], files).target.value["dbname"] == "dev")
  }

  @Test func `a database that is an environment's own is recognised without its name`() throws {
    let files = [
      "lockstep.json":
        "{environments: {production: {url: 'postgres://db1/orders', protected: true}}}"
    ]
    let result = try settings(["-u", "postgres://me@DB1:5432/orders?sslmode=require"], files)
    #expect(result.environment?.value == "production")
    #expect(result.rules.isProtected)
    let other = try settings(["-u", "postgres://db2/orders"], files)
    #expect(other.environment == nil)
    #expect(!other.rules.isProtected)
  }

  @Test(arguments: [
    ["-e", "development", "-u", "postgres://db1/orders"], ["-e", "mirror"], ["-e", "dev"],
  ])
  func `a protected database keeps its rules whatever environment is named for it`(
    _ words: [String]
  ) throws {
    let files = [
      "lockstep.json": """
      {environments: {mirror: {url: 'postgres://db1/orders'},
        production: {url: 'postgres://db1/orders', protected: true},
        spare: {url: 'postgres://db2/orders', protected: true}}}
      """
    ]
    let variables = ["DEV_DATABASE_URL": "postgres://db1/orders"]
    let named = ["-e", "dev"] == words || words.count > 2 ? "development" : "mirror"
    let error = #expect(throws: ConfigurationError.self) {
      try settings(words, files, variables: variables)
    }
    #expect(
      error?.diagnostic.description == """
        error: this is the database of "production", which is protected, not of "\(named)"
          from: the same database as environments.production.url at lockstep.json:2:3
          next: name the environment that it is: --env production, or another database; nothing was done
        """)
    // Without a name the protected one of both is meant; and another's own rules are no weaker.
    let unnamed = try settings(["-u", "postgres://db1/orders"], files)
    #expect(unnamed.environment?.value == "production")
    let spare = try settings(["-e", "spare", "-u", "postgres://db9/orders"], files)
    #expect(spare.rules.isProtected)
  }

  @Test func `an environment may be a service`() throws {
    let files = ["/home/ada/.pg_service.conf": "# c\n[orders]\nhost=db9\ndbname=orders\n"]
    let result = try settings(["-e", "orders"], files, variables: ["HOME": "/home/ada"])
    #expect(result.target.value["service"] == "orders")
    #expect(result.environment?.value == "orders")
  }

  @Test func `libpq's variables of a file are handed on unless the process has them`() throws {
    let result = try settings(
      [], [".env": "PGHOST=db1\nPGUSER=ada\nOTHER=1"], variables: ["PGUSER": "bob"])
    #expect(result.libpqVariables == ["PGHOST": "db1"])
  }

  @Test func `the keys of sqlx's file are honoured`() throws {
    let files = [
      "sqlx.toml": """
      [common]
      database-url-var = "SHOP_URL"
      [migrate]
      table-name = "app._sqlx_migrations"   # own
      migrations-dir = 'sql'
      """
    ]
    let result = try settings([], files, variables: ["SHOP_URL": "postgres://h/shop"])
    #expect(result.target.value["dbname"] == "shop")
    #expect(result.table(for: "sqlx")?.value.description == "app._sqlx_migrations")
    #expect(result.table(for: "dbmate") == nil)
    #expect(result.directories?.value == ["sql"])
  }

  @Test func `dbmate's switches are read`() throws {
    let variables = [
      "DBMATE_NO_DUMP_SCHEMA": "true", "DBMATE_WAIT": "1", "DBMATE_WAIT_TIMEOUT": "1m30s",
      "DBMATE_SCHEMA_FILE": "x.sql",
    ]
    let result = try settings([], variables: variables)
    #expect(!result.dumpsSchema.value)
    #expect(result.waits)
    #expect(result.waitTimeout.value == .seconds(90))
    #expect(result.schemaFile?.value == "x.sql")
    #expect(
      refusal([], variables: ["DBMATE_WAIT": "maybe"]) == """
        error: DBMATE_WAIT wants true or false, not "maybe"
          from: DBMATE_WAIT
          next: correct it, or take it away
        """)
  }

  @Test func `an environment that cannot be reached says how to name it`() {
    #expect(
      refusal(["-e", "staging"]) == """
        error: nothing says where the database of "staging" is
          next: set STAGING_DATABASE_URL in the environment, in .env or in .env.dbmate, or \
        "url_env" or "service" of environments.staging in lockstep.json
        """)
    #expect(
      refusal(["-e", "stagin"]) == """
        error: there is no environment "stagin"
          next: did you mean "staging"? one of the project's own is made in lockstep.json
        """)
    #expect(
      refusal(["-e", "live"], ["lockstep.json": "{environments: {live: {url_env: 'LIVE'}}}"]) == """
        error: environment "live" wants the variable LIVE, which is not set
          at:   lockstep.json:1:17
          next: set LIVE in the environment or in .env
        """)
  }

  @Test func `an unknown layout proposes the nearest`() {
    #expect(
      refusal(["--layout", "dbmat"]) == """
        error: there is no layout "dbmat"
          from: --layout
          next: did you mean "dbmate"?
        """)
  }
}

@Suite struct ConfigurationURLTests {
  func url(_ text: String) throws -> ConfigurationURL {
    try ConfigurationURL(text, origin: "--url")
  }

  @Test func `a URL is passed on as libpq takes it`() throws {
    let target = try url("postgres://ada:p%40ss@db1:5433/orders?sslmode=require").target
    #expect(target["user"] == "ada")
    #expect(target["password"] == "p@ss")
    #expect(target["port"] == "5433")
    #expect(target["sslmode"] == "require")
  }

  @Test func `settings of the session become options`() throws {
    let target = try url("postgres://h/d?search_path=app,public&options=-c%20a%3Db").target
    #expect(target["options"] == "-c search_path=app,public -c a=b")
    #expect(
      try url("postgres://h/d?options[search_path]=two%20words").target["options"]
        == "-c search_path=two\\ words")
  }

  @Test func `parameters of other drivers are taken off`() throws {
    let read = try url(
      "pgx5://h/d?x-migrations-table=app.m&x-lock-timeout=1&statement-cache-capacity=5")
    #expect(read.migrationsTable?.description == "app.m")
    #expect(read.target.description == "dbname=d host=h")
  }

  @Test func `a socket is a host`() throws {
    #expect(try url("postgres:///d?socket=/run/pg").target["host"] == "/run/pg")
  }

  @Test func `a bare name is a database`() throws {
    #expect(try url("my db").target["dbname"] == "my db")
    #expect(try url("host=h dbname=d").target["host"] == "h")
  }

  @Test(arguments: [
    "postgres://u:se%cret@h/d", "postgres://u:se@cret@h/d", "postgres://u:se/cret@h/d",
    "host=h password=se cret", "mysql://u:secret@h/d",
  ]) func `an error never repeats the password`(_ text: String) {
    do {
      _ = try url(text)
      Issue.record("\(text) was taken")
    } catch {
      let message = Diagnostic(explaining: error).description
      #expect(!message.contains("cret"))
      #expect(message.contains("next: "))
    }
  }
}
