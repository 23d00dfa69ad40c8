import Diagnostics
import PostgresModel

extension ProjectStatus {
  /// The migrations that are meant by what was typed, in the order of the project.
  ///
  /// - Throws: `Refusal` for the first that there is not, with what is nearest.
  public func named(
    _ versions: [Version], _ layout: any Layout
  ) throws(Refusal) -> [MigrationStatus] {
    let search = VersionSearch(self, layout)
    var found: Set<Int> = []
    for version in versions { found.insert(try search.find(version).get()) }
    return found.sorted().map { migrations[$0] }
  }
}

/// Finds the migration that a person means by what was typed.
struct VersionSearch {
  private let status: ProjectStatus
  private let layout: any Layout

  init(_ status: ProjectStatus, _ layout: any Layout) {
    self.status = status
    self.layout = layout
  }

  /// Returns the index in `status.migrations`.
  ///
  /// Tried in this order: the version as the layout compares it, the number if one migration alone has
  /// it, the version with its name, the file's name.
  func find(_ version: Version) -> Result<Int, Refusal> {
    let identity = layout.identity(of: version)
    let migrations = status.migrations
    if let index = migrations.firstIndex(where: { layout.identity(of: $0.version) == identity }) {
      return .success(index)
    }
    if let number = version.number {
      let same = migrations.indices.filter { migrations[$0].version.number == number }
      if same.count == 1 { return .success(same[0]) }
    }
    let named = migrations.firstIndex { status in
      status.label == version.text
        || status.migration?.files.contains { $0.name == version.text } == true
    }
    if let named { return .success(named) }
    return .failure(Refusal(unknown(version)))
  }

  private func unknown(_ version: Version) -> Diagnostic {
    let what = "there is no migration with the version \"\(version)\""
    guard !status.migrations.isEmpty else {
      return .error(
        code: "unknown_version", what, next: "the folder holds no migrations; see `lockstep doctor`"
      )
    }
    let guess = proposal(for: version).map { "did you mean \($0)? " } ?? ""
    return .error(code: "unknown_version", what, next: guess + "`lockstep status` lists them all")
  }

  /// The only one that holds what was typed in version or name; else what is nearest as a word, or of
  /// as many digits and nearest as a number. Far from all of them, none: a guess would be a trap.
  private func proposal(for version: Version) -> String? {
    let holding = status.migrations.filter { $0.label.firstRange(of: version.text) != nil }
    if holding.count == 1, version.text.utf8.count > 2 { return holding[0].version.text }
    if let near = nearest(to: version.text, among: status.migrations.map(\.version.text)) {
      return near
    }
    guard let number = version.number else { return nil }
    func distance(_ other: Version) -> UInt64 {
      guard let other = other.number else { return .max }
      return other > number ? other - number : number - other
    }
    return status.migrations.map(\.version).filter { $0.text.utf8.count == version.text.utf8.count }
      .min { distance($0) < distance($1) }?.text
  }
}
