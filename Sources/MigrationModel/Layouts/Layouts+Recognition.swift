import Diagnostics
import PostgresModel

/// A table that may be a history table.
public struct RecognisedTable: Sendable, Hashable {
  public var name: QualifiedName
  /// Name → type as `format_type` gives it.
  public var columns: [String: String]

  public init(name: QualifiedName, columns: [String: String]) {
    self.name = name
    self.columns = columns
  }
}

extension Layouts {
  /// What can be told of a project's layout.
  public enum Recognised: Sendable {
    case layout(any Layout)
    /// More than one fits, by name.
    case ambiguous([String], Diagnostic)
    case unknown(Diagnostic)
  }

  /// Tells which tool a project belongs to: by its files first, by the history table where they leave it
  /// open.
  ///
  /// - Parameters:
  ///   - files: Of all folders; of a long list only some are looked into.
  ///   - tables: What stands under the names of history tables in the database; none where there is no
  ///     connection.
  ///   - projectEntries: Names in the project's root, such as `sqlx.toml`.
  public static func recognise(
    files: [SourceFile], tables: [RecognisedTable], projectEntries: Set<String> = []
  ) -> Recognised {
    let sample = sample(of: files)
    let ratings = all.map { (layout: $0, rating: rating(of: $0, sample, projectEntries)) }
    let best = ratings.map(\.rating).max() ?? .impossible
    guard best > .impossible else { return .unknown(unknown(sample)) }
    var candidates = ratings.filter { $0.rating == best }.map(\.layout)
    // Names fit more than one tool, and a table says more than names.
    let possible =
      best == .certain ? candidates : ratings.filter { $0.rating > .impossible }.map(\.layout)
    let withTable = possible.filter { layout in
      tables.contains { layout.recognisesTable(columns: $0.columns) }
    }
    if withTable.count == 1 { candidates = withTable }
    if candidates.count == 1, best > .possible || withTable.count == 1 {
      return .layout(candidates[0])
    }
    guard best > .possible else { return .unknown(unknown(sample)) }
    return .ambiguous(candidates.map(\.name), ambiguous(candidates.map(\.name)))
  }

  /// The layout whose mark the files bear, so that no table has to be looked at; `nil` where names alone
  /// speak, or nothing does.
  public static func marked(
    by files: [SourceFile], projectEntries: Set<String> = []
  ) -> (any Layout)? {
    let sample = sample(of: files)
    let certain = all.filter { rating(of: $0, sample, projectEntries) == .certain }
    return certain.count == 1 ? certain[0] : nil
  }

  /// How surely the files belong to a layout, once the project's root has been looked at.
  private static func rating(
    of layout: any Layout, _ files: [SourceFile], _ projectEntries: Set<String>
  ) -> Recognition {
    let rating = layout.recognise(files)
    let isMarked = layout.projectMarks.contains { projectEntries.contains($0) }
    return rating > .impossible && isMarked ? .certain : rating
  }

  /// Says that a table is not the layout's own; `nil` when it is.
  public static func mismatch(of table: RecognisedTable, with layout: any Layout) -> Diagnostic? {
    guard !layout.recognisesTable(columns: table.columns) else { return nil }
    let columns = table.columns.keys.sorted().joined(separator: ", ")
    let owner = all.first { $0.recognisesTable(columns: table.columns) }
    let what =
      owner.map { "the table \(table.name) is a history of \($0.name), not of \(layout.name)" }
      ?? "the table \(table.name) is no history of \(layout.name): its columns are \(columns)"
    let choice = owner.map { "say `--layout \($0.name)` if the files are its, or " } ?? ""
    return .error(
      code: "foreign_table", what,
      next: "\(choice)name another table with `--table NAME`; nothing was written")
  }

  private static func sample(of files: [SourceFile]) -> [SourceFile] {
    let step = sampleStep(ofFiles: files.count)
    return step == 1 ? files : stride(from: 0, to: files.count, by: step).map { files[$0] }
  }

  /// How far apart the files stand, from the first on, into which recognising looks.
  ///
  /// Evenly spread, in an odd step so that both halves of pairs are met.
  public static func sampleStep(ofFiles count: Int) -> Int {
    let limit = 256
    return count > limit * 2 ? count / limit | 1 : 1
  }

  private static func ambiguous(_ names: [String]) -> Diagnostic {
    let list = names.dropLast().joined(separator: ", ") + " and " + (names.last ?? "")
    return .error(
      code: "ambiguous_layout", "the files fit \(list), and no history table settles it",
      next: names.map { "`--layout \($0)`" }.joined(separator: " or ")
        + ", or `layout` in lockstep.json, says which")
  }

  private static func unknown(_ files: [SourceFile]) -> Diagnostic {
    let choices = all.map(\.name).joined(separator: ", ")
    let mark = files.lazy.compactMap { file in FileMarks(file).tool.map { (file, $0) } }
      .first { pair in !all.contains { $0.name == pair.1.name } }
    if let (file, tool) = mark {
      return .error(
        code: "unknown_layout", "the files are marked as those of \(tool.name)",
        at: SourceLocation(file: file.path),
        next: "layouts that can be read: \(choices)")
    }
    let isEmpty = !files.contains { $0.name.hasSuffix(".sql") }
    return .error(
      code: "unknown_layout",
      isEmpty
        ? "the folder holds no migrations that say which tool they belong to"
        : "the files fit no single layout",
      next: "say which with `--layout NAME`: \(choices)")
  }
}
