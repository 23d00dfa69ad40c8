import MigrationModel

/// The letter of a migration in the list, and what it stands for.
enum Mark: Sendable, Hashable, CaseIterable {
  case applied
  /// Applied, by a tool that keeps no checksum: whether the file is still the same is not known.
  case recorded
  case ready
  case strongLock
  case losesData
  case changed
  case missing
  case brokenOff
  case failed
  case outOfOrder
  case failedCheck
  case twice
  case unsupported
  case unknown

  /// At most two characters.
  var text: String {
    switch self {
    case .applied, .recorded: "ok"
    case .ready: "."
    case .strongLock: "!"
    case .losesData: "!!"
    case .changed: "~"
    case .missing: "M"
    case .brokenOff: "D"
    case .failed: "F"
    case .outOfOrder: "O"
    case .failedCheck: "C"
    case .twice: "T"
    case .unsupported: "U"
    case .unknown: "?"
    }
  }

  /// The line of the legend.
  var words: String {
    switch self {
    case .applied: "applied, as in its file"
    case .recorded: "applied; no checksum"
    case .ready: "pending"
    case .strongLock: "asks for a strong lock"
    case .losesData: "loss, or no way back"
    case .changed: "file changed since"
    case .missing: "applied, file missing"
    case .brokenOff: "dirty: broke off"
    case .failed: "failed"
    case .outOfOrder: "older than the applied"
    case .failedCheck: "a check has failed"
    case .twice: "two files, one version"
    case .unsupported: "cannot be run"
    case .unknown: "history not read yet"
    }
  }

  var tone: Tone {
    switch self {
    case .applied, .recorded: .good
    case .ready: .text
    case .strongLock, .changed, .outOfOrder: .warning
    case .losesData, .missing, .brokenOff, .failed, .failedCheck, .twice, .unsupported: .danger
    case .unknown: .dim
    }
  }

  /// The worst that is to be said of a migration.
  ///
  /// - Parameters:
  ///   - reading: What its SQL would do; `nil` where nobody has looked yet.
  ///   - check: What its checklist has come to; `nil` where nothing of it was kept.
  init(
    _ status: MigrationStatus, reading: MigrationReading?, check: CheckedMigration.Verdict? = nil,
    knowsStates: Bool
  ) {
    guard knowsStates else {
      self = .unknown
      return
    }
    let problems = status.problems
    let applied: Mark = status.row?.checksum == nil ? .recorded : .applied
    if problems.isEmpty, status.state == .applied, status.unfinished == nil {
      self = applied
      return
    }
    func has(_ code: String) -> Bool { problems.contains { $0.code == code } }
    if has("dirty") || status.unfinished != nil {
      self = .brokenOff
    } else if status.state == .failed {
      self = .failed
    } else if has("missing_file") {
      self = .missing
    } else if has("unsupported") {
      self = .unsupported
    } else if has("changed") {
      self = .changed
    } else if has("duplicate_version") {
      self = .twice
    } else if status.state == .applied {
      self = applied
    } else if has("out_of_order") {
      self = .outOfOrder
    } else if check == .failed {
      self = .failedCheck
    } else if reading?.losesData == true {
      self = .losesData
    } else if reading?.wantsStrongLock == true {
      self = .strongLock
    } else {
      self = .ready
    }
  }
}
