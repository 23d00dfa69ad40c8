import Diagnostics
import MigrationModel
import Postgres
import PostgresModel

/// What to work on and by which rules: the command line, the files and the variables weighed.
struct ProjectSettings: Sendable {
  /// The folder of the project as it is shown: `.`, or `..` when started below it.
  var root: String
  /// Configuration files that were read.
  var files: [String]
  /// `nil`: the defaults of the layouts are looked at.
  var directories: Setting<[String]>?
  /// `nil`: recognised from files and history table.
  var layout: Setting<String>?
  /// What was said about the history table for every layout.
  private var table: Setting<QualifiedName>?
  /// What some tool's own configuration says, by layout; of no concern to another layout.
  private var tablesByLayout: [String: Setting<QualifiedName>] = [:]
  var target: Setting<ConnectionString>
  /// As far as it can be told without connecting.
  var databaseName: String?
  /// Where the connection is known to belong to one.
  var environment: Setting<String>?
  var rules: EnvironmentRules
  /// Those that the project protects, by their names.
  var protectedEnvironments: [String] = []
  /// Where the environment is in which migrations are validated; `nil` where none is, or nothing tells.
  var validationTarget: ConnectionString?
  var isReadOnly: Bool
  /// `nil`: the layout's default.
  var schemaFile: Setting<String>?
  /// Whether the schema file is written after a run, for layouts whose tool does so.
  var dumpsSchema: Setting<Bool>
  var journal: ConfigurationFile.Journal
  var checklist: String?
  var keyQueries: String?
  var assertions: String?
  var diagramFile: String?
  /// Whether to wait for the server before anything else, and how long.
  var waits: Bool
  var waitTimeout: Setting<Duration>
  /// libpq's variables that stand in `.env` alone.
  var libpqVariables: [String: String]
  /// What helps where nobody answers and nobody has said which database is meant; `nil` where somebody
  /// has.
  var connectionAdvice: String?
  /// Things the user should know.
  var notes: [Diagnostic] = []

  /// What was said about the history table whatever the layout.
  var tableOfEveryLayout: QualifiedName? { table?.value }
  /// What some tool's own configuration says about its table.
  var tablesOfTools: [String: QualifiedName] { tablesByLayout.mapValues(\.value) }

  /// The history table that was asked for, for a project of this layout; `nil`: the layout's default.
  func table(for layout: String) -> Setting<QualifiedName>? { table ?? tablesByLayout[layout] }

  /// Whether losing something here would be worse than elsewhere.
  var isProduction: Bool { rules.isProtected || rules.name == "production" }

  /// The names that `--layout` knows.
  static let layouts = Layouts.all.map(\.name)

  /// Weighs everything: the command line wins over `lockstep.json`, that over the variables of other
  /// tools, and the process's variables over those in files.
  ///
  /// - Parameter layouts: The names that `--layout` knows.
  /// - Throws: `ConfigurationError`.
  init(
    _ arguments: Arguments, _ sources: ConfigurationSources, layouts: [String]
  ) throws(ConfigurationError) {
    let file = sources.file
    root = sources.root
    files = sources.paths
    isReadOnly = arguments.has(Options.readOnly)
    journal = file?.journal ?? .file
    checklist = file?.checklist.map { ConfigurationSources.path($0, in: sources.root) }
    keyQueries = file?.keyQueries.map { ConfigurationSources.path($0, in: sources.root) }
    assertions = file?.assertions.map { ConfigurationSources.path($0, in: sources.root) }
    diagramFile = file?.diagramFile.map { ConfigurationSources.path($0, in: sources.root) }
    libpqVariables = sources.libpqVariables

    var connecting = ConnectionSettings(sources)
    try connecting.resolve(
      url: arguments.text(Options.url), name: arguments.text(Options.environment))
    target = connecting.target
    connectionAdvice = connecting.advice
    databaseName = connecting.databaseName
    environment = connecting.environment
    rules = connecting.rules
    protectedEnvironments = file?.environments.filter(\.isProtected).map(\.name) ?? []
    if let name = rules.validatedOn {
      var validating = ConnectionSettings(sources)
      // What cannot be reached has validated nothing; that it cannot is said where it matters.
      if (try? validating.resolve(url: nil, name: name)) != nil {
        validationTarget = validating.target.value
      }
    }
    if let table = connecting.golangMigrateTable { tablesByLayout["golang-migrate"] = table }

    layout = try Self.layout(arguments, file, known: layouts)
    directories = Self.directories(arguments, sources)
    table = try Self.table(arguments, file)
    if let table = sources.variable("DBMATE_MIGRATIONS_TABLE") {
      tablesByLayout["dbmate"] = Setting(QualifiedName(parsing: table.value), from: table.origin)
    }
    if let sqlx = sources.sqlx {
      if let table = sqlx.table {
        tablesByLayout["sqlx"] = Setting(
          QualifiedName(parsing: table), from: "[migrate] table-name in \(sqlx.path)")
      }
      if sqlx.ignoresCharacters { notes.append(Self.ignoredCharacters(sqlx.path)) }
    }

    schemaFile =
      file?.schemaFile.map {
        Setting(
          ConfigurationSources.path($0, in: sources.root),
          from: "schema_file in \(file?.path ?? "")")
      } ?? sources.variable("DBMATE_SCHEMA_FILE")
    let noDump = try Self.bool("DBMATE_NO_DUMP_SCHEMA", sources)
    dumpsSchema = Setting(noDump?.value != true, from: noDump?.origin ?? "default")
    waits = try Self.bool("DBMATE_WAIT", sources)?.value ?? false
    waitTimeout = try Self.waitTimeout(sources)
  }

  private static func layout(
    _ arguments: Arguments, _ file: ConfigurationFile?, known: [String]
  ) throws(ConfigurationError) -> Setting<String>? {
    let said =
      arguments.text(Options.layout).map { Setting($0, from: "--layout") }
      ?? file?.layout.map { Setting($0, from: "layout in \(file?.path ?? "")") }
    guard let said else { return nil }
    guard known.contains(said.value) else {
      throw .unknownLayout(said.value, known: known, origin: said.origin)
    }
    return said
  }

  private static func directories(
    _ arguments: Arguments, _ sources: ConfigurationSources
  ) -> Setting<[String]>? {
    let given = arguments.texts(Options.directory)
    if !given.isEmpty { return Setting(given, from: "--dir") }
    if let file = sources.file, let directories = file.directories {
      return Setting(
        directories.map { ConfigurationSources.path($0, in: sources.root) },
        from: "directories in \(file.path)")
    }
    if let variable = sources.variable("DBMATE_MIGRATIONS_DIR") {
      // dbmate's flag of this name may be repeated; its library splits the variable at commas.
      return Setting(variable.value.split(separator: ",").map(String.init), from: variable.origin)
    }
    if let sqlx = sources.sqlx, let directory = sqlx.directory {
      return Setting([directory], from: "[migrate] migrations-dir in \(sqlx.path)")
    }
    return nil
  }

  private static func table(
    _ arguments: Arguments, _ file: ConfigurationFile?
  ) throws(ConfigurationError) -> Setting<QualifiedName>? {
    if let table = arguments.text(Options.table) {
      let parts = table.split(separator: ".", omittingEmptySubsequences: false)
      // What is quoted may hold any character.
      guard table.contains("\"") || (parts.count < 3 && !parts.contains("")) else {
        throw .wrongVariable(
          name: "--table", wanted: "a table, with or without its schema", found: table,
          origin: "--table")
      }
      return Setting(QualifiedName(parsing: table), from: "--table")
    }
    guard let file, let table = file.table else { return nil }
    return Setting(QualifiedName(parsing: table), from: "table in \(file.path)")
  }

  private static func bool(
    _ name: String, _ sources: ConfigurationSources
  ) throws(ConfigurationError) -> Setting<Bool>? {
    guard let variable = sources.variable(name) else { return nil }
    // Source: Go's strconv.ParseBool, which reads dbmate's flags.
    switch variable.value {
    case "1", "t", "T", "true", "TRUE", "True": return Setting(true, from: variable.origin)
    case "0", "f", "F", "false", "FALSE", "False": return Setting(false, from: variable.origin)
    default:
      throw .wrongVariable(
        name: name, wanted: "true or false", found: variable.value, origin: variable.origin)
    }
  }

  private static func waitTimeout(
    _ sources: ConfigurationSources
  ) throws(ConfigurationError) -> Setting<Duration> {
    guard let variable = sources.variable("DBMATE_WAIT_TIMEOUT") else {
      return Setting(.seconds(60), from: "default")
    }
    guard let duration = DurationText.parse(variable.value) else {
      throw .wrongVariable(
        name: "DBMATE_WAIT_TIMEOUT", wanted: "a time such as \(DurationText.example)",
        found: variable.value, origin: variable.origin)
    }
    return Setting(duration, from: variable.origin)
  }

  private static func ignoredCharacters(_ path: String) -> Diagnostic {
    .warning(
      code: "ignored_chars",
      "\"ignored-chars\" is not honoured: checksums are those of the files' bytes",
      at: SourceLocation(file: path),
      next: "an applied file may be shown as changed that sqlx takes for the same")
  }
}
