import Diagnostics
import PostgresModel

/// New names for the files of a pending migration whose version is in the way: it was taken before, or is
/// older than one that is applied.
public struct Renaming: Sendable, Hashable {
  public var version: Version
  public var newVersion: Version
  /// In the order in which they are to be made.
  public var moves: [Move]
  /// What the renaming does not mend.
  public var notes: [Diagnostic]

  public struct Move: Sendable, Hashable {
    /// Paths as they are shown; both are in one folder.
    public var from: String
    public var to: String

    public init(from: String, to: String) {
      self.from = from
      self.to = to
    }
  }

  /// Proposes the next free version behind all that are applied.
  ///
  /// - Parameters:
  ///   - text: A version, a version with its name, or a file's name.
  ///   - now: The version where the folder's versions are times.
  /// - Throws: `Refusal` where there is no such migration, where it is applied, or where a version alone
  ///   does not tell which of its files is meant.
  public static func proposal(
    for text: String, status: ProjectStatus, layout: any Layout, now: Instant
  ) throws(Refusal) -> Renaming {
    let index = try VersionSearch(status, layout).find(Version(text)).get()
    let found = status.migrations[index]
    guard let migration = found.migration, let first = migration.files.first else {
      throw Refusal(found.diagnostic(of: .missingFile))
    }
    guard found.state == .pending else {
      throw Refusal(
        .error(
          code: "already_applied",
          "\(found.label) is \(found.state.rawValue); its name is recorded",
          at: found.location, next: "rename what is pending; nothing was renamed"))
    }
    try requireOne(found, text, first)
    let catalog = Catalog(of: status)
    let made = layout.newFiles(
      NewMigration(name: "x", catalog: catalog, directory: "", now: now, up: "", down: ""))
    let proposed = made.first.map { String($0.path.drop { $0 == "/" }.prefix { $0.isNumber }) }
    let newest = status.migrations.filter { $0.state == .applied }.map(\.version)
      .max { layout.isOrderedBefore($0, $1) }
    var version = Version(proposed ?? "")
    // The newest applied one may bear a time that has not come yet.
    if let number = newest?.number, let own = version.number, own <= number {
      version = Version(number: number + 1)
    }
    guard version.number != nil else {
      throw Refusal(
        .error(
          code: "no_free_version", "no version is left behind \(newest?.text ?? "the newest")",
          at: found.location, next: "rename it by hand; nothing was renamed"))
    }
    return Renaming(
      version: found.version, newVersion: version,
      moves: migration.files.map { Move(from: $0.path, to: renamed($0, found.version, version)) },
      notes: notes(migration, found.version))
  }

  private static func requireOne(
    _ found: MigrationStatus, _ text: String, _ first: SourceFile
  ) throws(Refusal) {
    guard text == found.version.text else { return }
    for case .duplicateVersion(let others) in found.problems {
      throw Refusal(
        Diagnostic(
          .error, code: "duplicate_version", "more than one file has the version \(found.version)",
          details: [.init("files", ([first.path] + others).joined(separator: ", "))],
          at: found.location?.description,
          next: "name the file: `lockstep rename \(first.name)`; nothing was renamed"))
    }
  }

  private static func renamed(_ file: SourceFile, _ old: Version, _ new: Version) -> String {
    let folder = file.path.dropLast(file.name.count)
    let rest = file.name.hasPrefix(old.text) ? file.name.dropFirst(old.text.count) : file.name[...]
    return "\(folder)\(new.text)\(rest)"
  }

  /// A header repeats the version and is part of the file's content, which is left alone.
  private static func notes(_ migration: Migration, _ version: Version) -> [Diagnostic] {
    migration.header.filter { $0.key == "Migration" && $0.value.hasPrefix(version.text) }.map {
      .note(
        code: "header_names_version", "the header still says \"\($0.key): \($0.value)\"",
        at: migration.files.first.map { SourceLocation(file: $0.path) },
        next: "put the new version there by hand")
    }
  }
}

extension Catalog {
  /// The migrations of a picture, so that a new version is behind all of them.
  fileprivate init(of status: ProjectStatus) {
    self.init(migrations: status.migrations.compactMap(\.migration))
  }
}
