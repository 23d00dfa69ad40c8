import PostgresModel

/// A migration with its checklist, as far as it is settled.
public struct CheckedMigration: Sendable, Hashable {
  public var version: Version
  public var name: String
  /// `Migration.contentChecksum` in hexadecimal.
  public var checksum: String
  public var environment: String?
  /// In the order of the checklist.
  public var items: [CheckedItem]

  public init(
    version: Version, name: String, checksum: String, environment: String?, items: [CheckedItem]
  ) {
    self.version = version
    self.name = name
    self.checksum = checksum
    self.environment = environment
    self.items = items
  }

  public enum Verdict: String, Sendable, Hashable {
    case passed, failed
    /// Something is open, not proven or stale.
    case incomplete
  }

  public var verdict: Verdict {
    if items.contains(where: { $0.status == .failed }) { return .failed }
    return items.allSatisfy(\.status.isSettled) ? .passed : .incomplete
  }

  /// How many items need nothing more, and how many there are.
  public var progress: (settled: Int, of: Int) {
    (items.count { $0.status.isSettled }, items.count)
  }
}

/// An item of a checklist with what is known of it.
public struct CheckedItem: Sendable, Hashable {
  public var item: ChecklistItem
  public var status: CheckStatus
  /// What the last proof has seen; of a stale item, what it saw then.
  public var evidence: [CheckFinding.Evidence]
  /// The copy on which that was seen; `nil` where it was seen without one.
  public var copy: CheckFinding.Copy?
  public var by: String?
  public var at: Instant?
  /// Why it is waived, or what whoever signed has written.
  public var reason: String?
  /// Remarks, oldest first.
  public var notes: [String]

  public init(
    _ item: ChecklistItem, _ status: CheckStatus = .open, evidence: [CheckFinding.Evidence] = [],
    by: String? = nil, at: Instant? = nil, reason: String? = nil, notes: [String] = []
  ) {
    self.item = item
    self.status = status
    self.evidence = evidence
    self.by = by
    self.at = at
    self.reason = reason
    self.notes = notes
  }
}

/// How an item stands; the words of `check --json`.
public enum CheckStatus: String, Sendable, Hashable, CaseIterable {
  case passed, failed
  /// A person answers for leaving it out.
  case waived
  /// A person has seen to it.
  case signed
  /// Nothing was done yet, or what was tried has proven nothing.
  case open
  case notApplicable = "not_applicable"
  /// It was settled for another content of the migration's files.
  case stale

  /// Whether nothing more has to be done.
  public var isSettled: Bool {
    switch self {
    case .passed, .waived, .signed, .notApplicable: true
    case .failed, .open, .stale: false
    }
  }
}

extension CheckedMigration {
  /// Folds what was kept into how each item stands.
  ///
  /// - Parameter records: In the order in which they were kept; those of other migrations, environments
  ///   and items are passed over, those of another content make an item stale of which nothing else is
  ///   kept.
  public init(
    version: Version, name: String, checksum: String, environment: String?, checklist: Checklist,
    records: [CheckRecord]
  ) {
    let own = records.filter { $0.version == version && $0.environment == environment }
    self.init(
      version: version, name: name, checksum: checksum, environment: environment,
      items: checklist.items.map { item in
        CheckedItem(item, records: own.filter { $0.item == item.id }, checksum: checksum)
      })
  }
}

extension CheckedItem {
  /// What was kept of the content that the files have now counts alone, whatever came in between; only
  /// where there is nothing of it, what was kept of another content is shown, as stale.
  fileprivate init(_ item: ChecklistItem, records: [CheckRecord], checksum: String) {
    self.init(item)
    let isKept = fold(records.filter { $0.checksum == checksum })
    if !isKept {
      _ = fold(records.filter { $0.checksum != checksum })
      if status != .open { status = .stale }
    }
    notes = records.compactMap { record in
      guard case .noted(let text) = record.act else { return nil }
      return text
    }
  }

  /// A person's word stands above the proofs before it. A proof that comes later replaces it, unless it
  /// has proven nothing.
  ///
  /// - Returns: Whether anything was found or said, and not taken back.
  private mutating func fold(_ records: [CheckRecord]) -> Bool {
    var proof: CheckRecord?
    var words: [CheckRecord] = []
    for record in records {
      switch record.act {
      case .noted: break
      case .undone: _ = words.popLast()
      case .signed, .waived: words.append(record)
      case .proven(let finding):
        proof = record
        if finding.verdict != .notProven { words = [] }
      }
    }
    if let proof, case .proven(let finding) = proof.act {
      status = CheckStatus(finding.verdict)
      evidence = finding.evidence
      copy = finding.copy
    }
    guard let last = words.last ?? proof else { return false }
    by = last.by
    at = last.at
    switch last.act {
    case .signed(let note): (status, reason) = (.signed, note)
    case .waived(let why): (status, reason) = (.waived, why)
    case .proven, .noted, .undone: break
    }
    return true
  }
}

extension CheckStatus {
  public init(_ verdict: CheckFinding.Verdict) {
    switch verdict {
    case .passed: self = .passed
    case .failed: self = .failed
    case .notProven: self = .open
    case .notApplicable: self = .notApplicable
    }
  }
}
