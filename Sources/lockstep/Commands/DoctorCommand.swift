import Diagnostics
import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import PostgresModel

/// `lockstep doctor`: what was found, and where each thing came from.
struct DoctorCommand: Command {
  let name = "doctor"
  let summary = "what was found: layout, files, connection, server, rights, versions"
  let discussion = [
    "Tells everything that decides what the other commands do, each with where it came from, and goes on "
      + "when something is missing. Nothing is changed. The exit status is that of the first thing that "
      + "keeps Lockstep from working."
  ]
  let examples = [
    CommandExample("lockstep doctor", "when something is not as you expect"),
    CommandExample("lockstep doctor -e production --json", "for a script"),
  ]

  func run(_ arguments: Arguments, in context: CommandContext) async throws -> ExitCode {
    var settings = try context.settings(arguments)
    settings.isReadOnly = true
    var report = DoctorReport()
    report.addConfiguration(settings)
    let connection = await connect(settings, context, &report)
    await addProject(settings, connection, context, &report)
    if let connection { await addRights(connection, &report) }
    await addPrograms(connection, &report)
    if context.output.isJSON {
      context.output.print(report.json)
    } else {
      for line in report.lines { context.output.print(line) }
    }
    return report.problems.first.map { ExitCode(of: $0) } ?? .done
  }

  private func connect(
    _ settings: ProjectSettings, _ context: CommandContext, _ report: inout DoctorReport
  ) async -> Connection? {
    do {
      let connection = try await context.connect(settings)
      let facts = DatabaseFacts(of: connection)
      let tls = connection.isEncrypted ? "encrypted" : "not encrypted"
      let role = facts.isStandby ? "a standby: nothing can be applied here" : "a primary"
      report.add("server", "PostgreSQL \(facts.serverVersion), \(role), \(tls)")
      if facts.serverVersionNumber < 130_000 {
        report.fail(
          .error(
            code: "old_server", "PostgreSQL \(facts.serverVersion) is older than 13",
            next: "Lockstep is made for PostgreSQL 13 and later"), "server")
      }
      return connection
    } catch {
      report.fail(Diagnostic(explaining: error), "server")
      return nil
    }
  }

  private func addProject(
    _ settings: ProjectSettings, _ connection: Connection?, _ context: CommandContext,
    _ report: inout DoctorReport
  ) async {
    do {
      let project = try await context.project(settings)
      let files = try await project.readFiles()
      let folders = project.directories.joined(separator: ", ")
      report.add(
        "folders", "\(folders): \(counted(files.count, "file"))",
        from: settings.directories?.origin ?? "the usual place")
      guard let connection else { return addLayout(of: files, settings, &report) }
      let loaded = try await project.load(files, from: connection)
      addLayout(loaded, settings, &report)
    } catch {
      report.fail(Diagnostic(explaining: error), "project")
    }
  }

  private func addLayout(
    of files: [SourceFile], _ settings: ProjectSettings, _ report: inout DoctorReport
  ) {
    if let layout = settings.layout {
      report.add("layout", layout.value, from: layout.origin)
    } else if case .layout(let layout) = Layouts.recognise(files: files, tables: []) {
      report.add("layout", "\(layout.name): \(layout.summary)", from: "the files")
    } else {
      report.add("layout", "the files leave it open; the history table would tell")
    }
  }

  private func addLayout(
    _ loaded: LoadedProject, _ settings: ProjectSettings, _ report: inout DoctorReport
  ) {
    report.add(
      "layout", "\(loaded.layout.name): \(loaded.layout.summary)",
      from: settings.layout?.origin ?? "files and history table")
    let exists = loaded.history.tableExists
    report.add(
      "history",
      "\(loaded.table): "
        + (exists
          ? counted(loaded.history.rows.count, "row") : "not there yet; the first run makes it"),
      from: settings.table(for: loaded.layout.name)?.origin ?? "the layout's default")
    let status = loaded.status
    report.add(
      "migrations",
      "\(status.appliedCount) applied, \(status.pendingCount) pending, \(status.failedCount) failed, "
        + counted(status.problemCount, "problem"))
    for file in status.unsupported { report.add("ignored", "\(file.file.path): \(file.reason)") }
    for note in status.notes where note.code == "invalid_index" {
      report.add("index", note.what + (note.next.map { "; \($0)" } ?? ""))
    }
    for fault in status.faults { report.fail(fault, "migrations") }
  }

  private func addRights(_ connection: Connection, _ report: inout DoctorReport) async {
    let query = Query<[String]>(
      """
      select current_user::text, has_schema_privilege(coalesce(current_schema(), 'public'), 'CREATE')::text,
        (select rolsuper from pg_roles where rolname = current_user)::text,
        pg_has_role('pg_monitor', 'USAGE')::text, pg_has_role('pg_signal_backend', 'USAGE')::text,
        (select string_agg(extname || ' ' || extversion, ', ' order by extname) from pg_extension)
      """
    ) { (row) throws(ResultRow.Mismatch) in (0..<6).map { row.optionalString($0) ?? "" } }
    do throws(DatabaseError) {
      guard let answer = try await connection.rows(query).first else { return }
      func isTrue(_ index: Int) -> Bool { answer[index] == "true" }
      report.add("role", isTrue(2) ? "\(answer[0]), a superuser" : answer[0])
      report.add(
        "rights",
        isTrue(1)
          ? "may create tables, the history table among them"
          : "may not create tables: ask for GRANT CREATE ON SCHEMA")
      report.add(
        "locks",
        isTrue(3)
          ? "sees what other sessions run"
          : "does not see what other roles' sessions run: ask for GRANT pg_monitor")
      report.add(
        "signals",
        isTrue(4) || isTrue(2)
          ? "may cancel and end sessions"
          : "may end only sessions of its own role: ask for GRANT pg_signal_backend")
      report.add("extensions", answer[5].isEmpty ? "none" : answer[5])
    } catch {
      report.fail(error.diagnostic, "rights")
    }
  }

  private func addPrograms(_ connection: Connection?, _ report: inout DoctorReport) async {
    report.add(
      "libraries",
      "libpq \(ClientLibrary.version), grammar of PostgreSQL \(PgQueryParser.grammarVersion)")
    do {
      let outcome = try await ChildProcess(["pg_dump", "--version"]).run()
      let text = String(decoding: outcome.output, as: UTF8.self)
      let version = text.split { $0 == " " || $0 == "\n" }.first { $0.first?.isNumber == true }
      let major = version.flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
      let server = (connection?.serverVersion ?? 0) / 10_000
      report.add(
        "pg_dump",
        "\(version ?? "unknown version")"
          + (major < server ? ": older than the server, which it will refuse to dump" : ""))
    } catch {
      report.add("pg_dump", "not found: schema files and backups cannot be written")
    }
  }
}

/// What the doctor found, in order.
struct DoctorReport: Sendable {
  private(set) var problems: [Diagnostic] = []
  private var entries: [Entry] = []

  private struct Entry: Sendable {
    var name: String
    var text: String
    var origin: String?
    var problem: Diagnostic?
  }

  mutating func add(_ name: String, _ text: String, from origin: String? = nil) {
    entries.append(Entry(name: name, text: text, origin: origin, problem: nil))
  }

  mutating func fail(_ diagnostic: Diagnostic, _ name: String) {
    problems.append(diagnostic)
    entries.append(Entry(name: name, text: diagnostic.what, origin: nil, problem: diagnostic))
  }

  /// What was said, before anything is tried.
  mutating func addConfiguration(_ settings: ProjectSettings) {
    add("lockstep", ProgramVersion.number)
    let files = settings.files.joined(separator: ", ")
    add("configuration", files.isEmpty ? "no file" : files)
    let place = settings.target.value.summary
    add("connection", place.isEmpty ? "libpq's defaults" : place, from: settings.target.origin)
    if let environment = settings.environment {
      add(
        "environment", environment.value + (settings.rules.isProtected ? ", protected" : ""),
        from: environment.origin)
    } else {
      add("environment", "none named and none recognised")
    }
    if let file = settings.schemaFile { add("schema file", file.value, from: file.origin) }
  }

  var lines: [[Output.Span]] {
    let width = (entries.map(\.name.count).max() ?? 0) + 2
    return entries.flatMap { entry -> [[Output.Span]] in
      let name = entry.name + String(repeating: " ", count: width - entry.name.count)
      guard let problem = entry.problem else {
        let origin = entry.origin.map { "   (\($0))" } ?? ""
        return [[.init(name, .faint), .init(entry.text), .init(origin, .faint)]]
      }
      let indent = String(repeating: " ", count: width)
      let rest = problem.description.split(separator: "\n").dropFirst().map { line in
        [Output.Span(indent + line)]
      }
      return [[.init(name, .faint), .init("problem: \(entry.text)", .bad)]] + rest
    }
  }

  var json: JSONValue {
    [
      "findings": .array(
        entries.map { entry in
          [
            "name": .string(entry.name), "text": .string(entry.text),
            "from": JSONValue(entry.origin), "problem": entry.problem?.json ?? .null,
          ]
        }),
      "problems": JSONValue(problems.count),
    ]
  }
}
