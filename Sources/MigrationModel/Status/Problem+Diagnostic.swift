import Diagnostics

extension MigrationStatus {
  /// The migration as messages name it: version and name joined by an underscore.
  public var label: String { migrationLabel(version, name) }

  /// Where the migration is written down; `nil` where its file is gone.
  public var location: SourceLocation? {
    migration?.files.first.map { SourceLocation(file: $0.path) }
  }

  /// What a problem is and what can be done about it, in the words of every screen and command.
  public func diagnostic(of problem: Problem) -> Diagnostic {
    switch problem {
    case .unsupported(let fault): return fault
    case .changed(let recorded, let found):
      var diagnostic = problemDiagnostic(problem)
      diagnostic.details = [
        Diagnostic.Detail("applied", recorded.hexadecimal),
        Diagnostic.Detail("found", found.hexadecimal),
      ]
      return diagnostic
    case .duplicateVersion(let paths):
      var diagnostic = problemDiagnostic(problem)
      diagnostic.details = paths.map { Diagnostic.Detail("also", $0) }
      return diagnostic
    default: return problemDiagnostic(problem)
    }
  }

  private func problemDiagnostic(_ problem: Problem) -> Diagnostic {
    Diagnostic(
      problem.severity, code: problem.diagnosticCode, "\(label) \(problem.explanation)",
      at: location?.description, next: wayOut(of: problem))
  }

  /// What to do about a problem.
  func wayOut(of problem: Problem) -> String {
    switch problem {
    case .changed:
      "put the file back as it was applied; or, if the database has what the file now says, record it "
        + "with `lockstep mark \(version) applied`"
    case .missingFile:
      "put the file back; or, if it is gone for good, forget it with `lockstep mark \(version) pending`"
    case .outOfOrder:
      "put it behind the newest applied one with `lockstep rename \(version)`; or apply it late: "
        + "`lockstep up`, with `--allow-out-of-order` where its tool would pass it over"
    case .duplicateVersion:
      "give one of them a version of its own: `lockstep rename \(fileName)`"
    case .dirty: dirtyWayOut
    case .irreversibleWithoutNote:
      "write a way back; or say in the file that there is none: `-- WARNING: Non-reversible migration`"
    case .unsupported(let fault): fault.next ?? "mend the file"
    }
  }

  private var fileName: String { migration?.files.first?.name ?? version.text }

  private var dirtyWayOut: String {
    let choice =
      "see what stands, then `lockstep mark \(version) applied` (all of it is there) or "
      + "`lockstep mark \(version) pending` (none of it is)"
    guard let run = unfinished else { return choice }
    var done =
      "\(run.statementsDone) of \(run.statementsTotal) statements of going \(run.direction.rawValue) "
      + "were seen to end"
    guard let detail = run.detail else { return "\(done); \(choice)" }
    if let begun = detail.begun { done += ", statement \(begun.number) was begun" }
    return "\(done); go on with `lockstep \(run.direction.rawValue) --resume`; or \(choice)"
  }
}

/// The migration as messages name it: version and name joined by an underscore.
func migrationLabel(_ version: Version, _ name: String) -> String {
  guard !name.isEmpty else { return version.text }
  let blank = UInt8(ascii: " ")
  guard name.utf8.contains(blank) else { return version.text + "_" + name }
  let words = name.utf8.map { $0 == blank ? UInt8(ascii: "_") : $0 }
  return version.text + "_" + String(decoding: words, as: UTF8.self)
}

extension MigrationStatus.Problem {
  /// What is wrong, as the end of a sentence that begins with the migration.
  public var explanation: String {
    switch self {
    case .changed: "has changed since it was applied"
    case .missingFile: "was applied, but its file is gone"
    case .outOfOrder(let newest): "is pending, but older than \(newest), which is applied"
    case .duplicateVersion: "shares its version with another file"
    case .dirty: "broke off half-way"
    case .irreversibleWithoutNote:
      "has no way back, and nothing in the file says that this is meant"
    case .unsupported(let fault): fault.what
    }
  }

  /// How much it matters: an error keeps runs from starting.
  public var severity: Diagnostic.Severity {
    switch self {
    case .changed, .missingFile, .duplicateVersion, .dirty, .unsupported: .error
    case .outOfOrder: .warning
    case .irreversibleWithoutNote: .note
    }
  }

  /// The stable word of messages; `status --json` has its own (`code`).
  var diagnosticCode: String {
    if case .changed = self { "drift" } else { code }
  }
}
