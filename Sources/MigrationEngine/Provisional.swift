// Stands in until MigrationModel recognises layouts and plans runs; then this file goes.
import Diagnostics
import MigrationModel
import PostgresModel

extension Layouts {
  public enum Recognised {
    case layout(any Layout)
    case ambiguous([String], Diagnostic)
    case unknown(Diagnostic)
  }
  public static func recognise(files: [SourceFile], tables: [RecognisedTable]) -> Recognised {
    let best = all.map { ($0, $0.recognise(files)) }.max { $0.1 < $1.1 }
    if let best, best.1 > .possible { return .layout(best.0) }
    return .unknown(
      .error(code: "unknown_layout", "the layout cannot be told", next: "use --layout"))
  }
}

public struct RecognisedTable: Sendable, Hashable {
  public var name: QualifiedName
  public var columns: [String: String]
  public init(name: QualifiedName, columns: [String: String]) {
    self.name = name
    self.columns = columns
  }
}
