import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Where a project's migrations are, and what was said about them.
public struct Project: Sendable, Hashable {
  /// Folders, in the order in which they were named.
  public var directories: [String]
  /// `--layout`; `nil` lets the files and the history table decide.
  public var layout: String?
  /// What was said about the history table for every layout; `nil` is the layout's default.
  public var table: QualifiedName?
  /// What one tool's own configuration says about its table, by layout.
  public var tablesByLayout: [String: QualifiedName]
  /// The folder that holds `.lockstep`.
  public var root: String

  public init(
    directories: [String], layout: String? = nil, table: QualifiedName? = nil,
    tablesByLayout: [String: QualifiedName] = [:], root: String = "."
  ) {
    self.directories = directories
    self.layout = layout
    self.table = table
    self.tablesByLayout = tablesByLayout
    self.root = root
  }

  /// The history table of a layout, as it was named or by default.
  public func table(for layout: any Layout) -> QualifiedName {
    table ?? tablesByLayout[layout.name] ?? QualifiedName(parsing: layout.defaultTable)
  }

  /// Whether the texts of files are held after they have been read.
  public enum Texts: Sendable, Hashable {
    case kept
    /// Only what a catalog asks of them, where there are many and the layout allows it: for an answer
    /// that shows no text and runs nothing.
    case summarised
  }

  /// Reads the folders.
  ///
  /// - Parameter earlier: Files of an earlier reading, which serve again where nothing has changed.
  /// - Throws: `DirectoryReader.Failure`.
  public func readFiles(
    _ texts: Texts = .kept, after earlier: [SourceFile] = []
  ) async throws(DirectoryReader.Failure) -> [SourceFile] {
    let prepare = { @Sendable (layout: (any Layout)?) in
      var preparation = DirectoryReader.Preparation(
        digest: layout?.checksumAlgorithm,
        keepsTexts: texts == .kept || !(layout?.readsWholeFiles ?? false),
        examine: { layout?.examined($0) ?? $0 })
      preparation.isDigested = { layout?.recordsChecksum(ofFile: $0) ?? true }
      return preparation
    }
    let named = layout.flatMap { Layouts.named($0) }
    return try await DirectoryReader(directories).read(
      named.map { prepare($0) },
      preparing: { sample in
        guard case .layout(let found) = Layouts.recognise(files: sample, tables: []) else {
          return prepare(nil)
        }
        return prepare(found)
      },
      after: earlier)
  }

  /// What a history table and its surroundings say, before it is joined with files.
  public struct Past: Sendable, Hashable {
    var surroundings: HistoryStore.Surroundings
    var table: QualifiedName
    var history: History
  }

  /// Asks for the past of the layout that was named, so that it is there when the files have been read.
  ///
  /// - Returns: `nil` where the files have to tell the layout first.
  /// - Throws: `Refusal` where the table is another tool's, `DatabaseError`.
  public func past(from connection: Connection) async throws -> Past? {
    guard let layout = layout.flatMap({ Layouts.named($0) }) else { return nil }
    return try await past(of: layout, HistoryStore(connection))
  }

  private func past(of layout: any Layout, _ store: HistoryStore) async throws -> Past {
    let named = table(for: layout)
    let surroundings = try await store.surroundings(of: named)
    let schema = surroundings.tableSchema ?? named.schema ?? surroundings.currentSchema ?? "public"
    let table = QualifiedName(schema: schema, named.name)
    var history = History.absent
    history.invalidIndexes = surroundings.invalidIndexes
    if surroundings.tableSchema != nil {
      history.tableExists = true
      (history.tableColumns, history.rows) = try await rows(of: layout, in: table, store)
    }
    return Past(surroundings: surroundings, table: table, history: history)
  }

  /// The catalogue of the layout that was named, so that it is there when the past has been told.
  ///
  /// - Returns: `nil` where the history table has to tell the layout first.
  public func catalog(of files: [SourceFile]) -> Catalog? {
    guard let layout = layout.flatMap({ Layouts.named($0) }), layout.canRead(files) else {
      return nil
    }
    return layout.catalog(of: files)
  }

  /// The catalogue of the files and, meanwhile, the past.
  private func both(
    _ layout: any Layout, _ files: [SourceFile], _ store: HistoryStore
  ) async throws -> (Catalog, Past) {
    // A few files are read faster than a thread is made.
    guard files.count >= 256 else {
      let catalog = layout.catalog(of: files)
      return (catalog, try await past(of: layout, store))
    }
    async let catalog = BlockingWork.run { layout.catalog(of: files) }
    let past = try await past(of: layout, store)
    return (await catalog, past)
  }

  /// Joins files with what the database says about the past.
  ///
  /// - Parameters:
  ///   - known: The past, where it has been asked for already.
  ///   - read: The catalogue of these files, where it has been made already.
  /// - Throws: `Refusal` where the layout cannot be told or the table is another tool's, `DatabaseError`.
  public func load(
    _ files: [SourceFile], from connection: Connection, past known: Past? = nil,
    catalog read: Catalog? = nil
  ) async throws -> LoadedProject {
    let store = HistoryStore(connection)
    let layout = try await layout(for: files, store)
    var files = files
    // The history table may say another layout than the files did.
    if !layout.canRead(files) { files = try await readFiles(.kept) }
    let catalog: Catalog
    let past: Past
    if let known {
      (catalog, past) = (read ?? layout.catalog(of: files), known)
    } else {
      (catalog, past) = try await both(layout, files, store)
    }
    return join(
      files, catalog, try await complete(past, catalog, layout, connection), layout, connection)
  }

  /// Reads files and past again.
  ///
  /// - Parameter earlier: What was known a moment ago, from this connection's database.
  /// - Returns: `nil` where nothing has changed since.
  /// - Throws: As `readFiles` and `load`.
  public func reload(
    after earlier: LoadedProject, from connection: Connection
  ) async throws -> LoadedProject? {
    let files = try await readFiles(after: earlier.files)
    guard files.count == earlier.files.count,
      zip(files, earlier.files).allSatisfy({ $0.isSameReading(as: $1) })
    else { return try await load(files, from: connection) }
    let layout = earlier.layout
    let past = try await complete(
      try await past(of: layout, HistoryStore(connection)), earlier.catalog, layout, connection)
    if past == earlier.past { return nil }
    return join(files, earlier.catalog, past, layout, connection)
  }

  /// Puts to the past what is not in the history table.
  private func complete(
    _ past: Past, _ catalog: Catalog, _ layout: any Layout, _ connection: Connection
  ) async throws -> Past {
    var past = past
    if past.surroundings.hasJournal {
      past.history.unfinished = try await connection.rows(
        RunJournal(layout: layout.name, table: past.table).unfinished)
      for index in past.history.unfinished.indices {
        try await inspect(&past.history.unfinished[index], catalog, layout, connection)
      }
    }
    if layout.rules.history == .currentVersionOnly {
      past.history.knownVersions = PositionLog(root: root).knownVersions(
        layout: layout.name, table: past.table, database: connection.database)
    }
    return past
  }

  private func join(
    _ files: [SourceFile], _ catalog: Catalog, _ past: Past, _ layout: any Layout,
    _ connection: Connection
  ) -> LoadedProject {
    var status = ProjectStatus.joining(
      catalog: catalog, history: past.history, layout: layout, table: past.table)
    if past.surroundings.hasRecords, past.surroundings.currentSchema == "lockstep" {
      status.faults.append(Project.strayPath(connection.user))
    }
    return LoadedProject(
      layout: layout, files: files, catalog: catalog, past: past, status: status,
      database: DatabaseFacts(of: connection))
  }

  /// To a role named `lockstep` the schema that keeps the runs is its own, by `"$user"`.
  private static func strayPath(_ user: String) -> Diagnostic {
    .error(
      code: "stray_path",
      "what migrations of role \"\(user)\" make would go into schema \"lockstep\", which keeps the runs",
      next: "run as another role, or say where they go: ALTER ROLE \(SQLText.identifier(user)) SET"
        + " search_path = public")
  }

  /// Asks what became of the statement that a broken-off run had begun.
  private func inspect(
    _ run: inout UnfinishedRun, _ catalog: Catalog, _ layout: any Layout, _ connection: Connection
  ) async throws(DatabaseError) {
    guard run.detail?.begun != nil else { return }
    let identity = layout.identity(of: run.version)
    guard
      let migration = catalog.migrations.first(where: {
        layout.identity(of: $0.version) == identity
      }),
      let script = BrokenOffScript(run, of: migration, layout), let question = script.question
    else { return }
    do throws(DatabaseError) {
      run.detail?.begun?.answer = try await EffectInspection(connection: connection).answer(
        question, settings: script.settings)
    } catch {
      // A name or a setting that the server refuses leaves it untold; the plan then asks a person.
      guard error.serverError != nil else { throw error }
    }
  }

  private func layout(for files: [SourceFile], _ store: HistoryStore) async throws -> any Layout {
    if let name = layout {
      guard let found = Layouts.named(name) else {
        let proposal = nearest(to: name, among: Layouts.all.map(\.name))
        throw Refusal(
          .error(
            code: "unknown_layout", "there is no layout \"\(name)\"",
            next: proposal.map { "did you mean `--layout \($0)`?" }
              ?? "one of \(Layouts.all.map(\.name).joined(separator: ", "))"))
      }
      return found
    }
    let entries = rootEntries()
    if let found = Layouts.marked(by: files, projectEntries: entries) { return found }
    // Names alone leave it open; the history tables that are there may settle it.
    let names = Layouts.all.map { self.table(for: $0) }
    let tables = try await store.tables(named: names)
    switch Layouts.recognise(
      files: files,
      tables: tables.map { RecognisedTable(name: $0.name, columns: $0.columns) },
      projectEntries: entries)
    {
    case .layout(let found): return found
    case .ambiguous(_, let diagnostic), .unknown(let diagnostic): throw Refusal(diagnostic)
    }
  }

  /// What stands beside the migrations folders: `sqlx.toml` and its like belong to one tool alone.
  private func rootEntries() -> Set<String> {
    var entries: Set<String> = []
    guard let stream = opendir(root) else { return [] }
    defer { closedir(stream) }
    while let entry = readdir(stream) { entries.insert(DirectoryReader.name(of: entry)) }
    return entries
  }

  /// Refuses a table that is plainly another layout's; one that is nobody's may be the layout's own with
  /// columns that a team has added.
  private func refuseTable(
    of layout: any Layout, _ table: QualifiedName, _ columns: [String: String]
  ) throws(Refusal) {
    guard !layout.recognisesTable(columns: columns),
      let owner = Layouts.all.first(where: { $0.recognisesTable(columns: columns) })
    else { return }
    throw Refusal(
      .error(
        code: "foreign_table",
        "the table \"\(table)\" is not a history table of \(layout.name)",
        next: "it looks like one of \(owner.name): name the right layout with --layout, or another"
          + " table with --table"))
  }

  /// The columns of a history table, and its rows.
  private func rows(
    of layout: any Layout, in table: QualifiedName, _ store: HistoryStore
  ) async throws -> ([String: String], [HistoryRow]) {
    do {
      return try await store.rows(layout.readHistory(table), of: table) {
        try refuseTable(of: layout, table, $0)
      }
    } catch let error as DatabaseError {
      // undefined_column, or a value that does not read as the layout's.
      if let server = error.serverError, server.isInsufficientPrivilege {
        throw Refusal(
          .error(
            code: "no_history_access", server.message,
            next: "as its owner: GRANT SELECT ON \(table.sql) TO"
              + " \(SQLText.identifier(store.connection.user)); nothing was done",
            sqlstate: server.sqlstate))
      }
      let isForeign: Bool
      switch error {
      case .server(let server): isForeign = server.sqlstate == "42703"
      case .unexpectedAnswer: isForeign = true
      case .cannotConnect, .connectionLost: isForeign = false
      }
      guard isForeign else { throw error }
      throw Refusal(
        Diagnostic(
          .error, code: "foreign_table",
          "the table \"\(table)\" is not a history table of \(layout.name)",
          details: [.init("server", error.diagnostic.what)],
          next: "name the right layout with --layout, or another table with --table"))
    }
  }
}

/// Everything known about a project at one moment.
public struct LoadedProject: Sendable {
  public var layout: any Layout
  /// The entries of the folders, in the order in which they were read.
  public var files: [SourceFile]
  public var catalog: Catalog
  var past: Project.Past
  public var status: ProjectStatus
  public var database: DatabaseFacts

  /// With the schema it is in, or would be made in.
  public var table: QualifiedName { past.table }
  public var history: History { past.history }
  /// The role that logged in, before any `SET ROLE`.
  public var sessionUser: String { past.surroundings.sessionUser }
}
