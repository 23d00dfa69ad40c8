import Diagnostics

/// Every migration that a project's folders hold, as one layout reads them.
public struct Catalog: Sendable, Hashable {
  /// In the order in which the layout's own tool would apply them.
  public var migrations: [Migration]
  /// Files that are no migration of this layout, with the reason; shown, never skipped in silence.
  public var unsupported: [UnsupportedFile]
  /// Notes on the folder as a whole: a gap in the sequence, for example.
  public var notes: [Diagnostic]
  /// Faults of the folder as a whole that keep every run from starting.
  public var faults: [Diagnostic]

  public struct UnsupportedFile: Sendable, Hashable {
    public var file: SourceFile
    /// In words, as the end of "… is not a migration: ".
    public var reason: String

    public init(file: SourceFile, reason: String) {
      self.file = file
      self.reason = reason
    }
  }

  public init(
    migrations: [Migration], unsupported: [UnsupportedFile] = [], notes: [Diagnostic] = [],
    faults: [Diagnostic] = []
  ) {
    self.migrations = migrations
    self.unsupported = unsupported
    self.notes = notes
    self.faults = faults
  }
}
