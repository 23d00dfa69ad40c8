import Diagnostics

/// What `lockstep.json` says; every key is optional.
struct ConfigurationFile: Sendable, Hashable {
  /// The path as it is shown.
  var path: String
  var directories: [String]?
  var layout: String?
  var table: String?
  var schemaFile: String?
  var journal: Journal?
  var checklist: String?
  var keyQueries: String?
  var assertions: String?
  /// The committed entity-relationship diagram.
  var diagramFile: String?
  /// In the order in which they stand in the file.
  var environments: [EnvironmentRules] = []

  /// Where runs and audit events are kept.
  enum Journal: String, Sendable, Hashable, CaseIterable {
    case file, database
  }
}

/// What the project says about one environment.
struct EnvironmentRules: Sendable, Hashable {
  var name: String
  var place: SourceLocation?
  var connection: Connection?
  var isProtected = false
  var validatedOn: String?
  var backup: Backup = .none
  var health: Health?
  /// How long the answer to the health check may take; `nil` for the usual.
  var healthTimeout: Duration?
  var rollsBackAutomatically = false
  var lockTimeout: Duration?
  var lockAttempts: Int?
  /// How many sessions may queue behind a waiting migration.
  var lockVictims: Int?
  /// How long any one of them may wait.
  var lockVictimWait: Duration?
  var statementTimeout: Duration?
  /// Of the whole run.
  var timeout: Duration?
  var approval = Approval()

  /// Where the database is.
  enum Connection: Sendable, Hashable {
    case url(String)
    /// The name of a variable that holds the URL.
    case variable(String)
    /// A section of `pg_service.conf`.
    case service(String)
  }

  enum Backup: Sendable, Hashable {
    case none
    /// `directory`: `nil` for the default one; `command`: `nil` for `pg_dump`.
    case taken(directory: String?, command: [String]?)
  }

  enum Health: Sendable, Hashable {
    case sql(String)
    case command([String])
    case url(String)
  }

  struct Approval: Sendable, Hashable {
    var otherThanAuthor = false
    var breakGlass = false
  }

  init(name: String) { self.name = name }
}
