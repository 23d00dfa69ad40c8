import MigrationModel

/// The mark before an item of a checklist, and what it stands for.
enum CheckMark: Sendable, Hashable, CaseIterable {
  case passed, failed, signed, waived, notApplicable, open, stale, proving

  init(_ status: CheckStatus) {
    switch status {
    case .passed: self = .passed
    case .failed: self = .failed
    case .waived: self = .waived
    case .signed: self = .signed
    case .open: self = .open
    case .notApplicable: self = .notApplicable
    case .stale: self = .stale
    }
  }

  /// Three characters.
  var text: String {
    switch self {
    case .passed: "[x]"
    case .failed: "[!]"
    case .signed: "[s]"
    case .waived: "[-]"
    case .notApplicable: "[/]"
    case .open: "[ ]"
    case .stale: "[~]"
    case .proving: "[>]"
    }
  }

  /// The line of the legend.
  var words: String {
    switch self {
    case .passed: "proven, by something that was run and seen"
    case .failed: "tried, and shown to be otherwise"
    case .signed: "a person has seen to it"
    case .waived: "left out; a person answers for it, with a reason"
    case .notApplicable: "the migration has nothing of the kind"
    case .open: "not proven"
    case .stale: "settled for what the files were before"
    case .proving: "being proven"
    }
  }

  var tone: Tone {
    switch self {
    case .passed, .signed: .good
    case .failed: .danger
    case .stale: .warning
    case .proving: .active
    case .open: .text
    case .waived, .notApplicable: .dim
    }
  }
}
