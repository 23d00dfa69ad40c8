import Diagnostics

/// What a catalog asks of a file that is one whole script, so that its text need not be kept.
public struct TextSummary: Sendable, Hashable {
  let byteCount: Int
  /// `nil` for the ordinary text: no fault, no mark, no header, and SQL in it.
  private let peculiarities: Shared<Peculiarities>?

  private struct Peculiarities: Sendable, Hashable {
    var faults: [Diagnostic]
    var marks: FileMarks
    var holdsSQL: Bool
  }

  /// Reads a text that will not be kept.
  ///
  /// - Parameter file: With its bytes.
  init(_ file: SourceFile) {
    byteCount = file.byteCount
    // What was examined holds its marks already.
    let all = Peculiarities(
      faults: file.contentFaults(),
      marks: file.rawExamination == nil ? FileMarks(file) : FileMarks(),
      holdsSQL: Script(file: file).holdsSQL)
    let isOrdinary = all.faults.isEmpty && all.marks == FileMarks() && all.holdsSQL
    peculiarities = isOrdinary ? nil : Shared(all)
  }

  var faults: [Diagnostic] { peculiarities?.value.faults ?? [] }
  var marks: FileMarks { peculiarities?.value.marks ?? FileMarks() }
  var holdsSQL: Bool { peculiarities?.value.holdsSQL ?? true }
}

extension SourceFile {
  /// The file without its text; the file itself where there was none.
  ///
  /// For catalogs whose layout says `readsWholeFiles`.
  public var summarised: SourceFile {
    guard case .bytes = content else { return self }
    return replacing(content: TextSummary(self))
  }
}
