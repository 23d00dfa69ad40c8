/// A lock that a statement will ask for, concluded from its text before it runs.
public struct ExpectedLock: Sendable, Hashable {
  /// What a relation is to the statement.
  public enum Role: String, Sendable, Hashable, CaseIterable {
    /// Named by the statement as what it is about.
    case target
    /// What a foreign key points to.
    case referenced
    /// What has a foreign key to the target.
    case referencing
    case parent, partition, defaultPartition
    case index, sequence
    /// Read by the statement or by a view.
    case source
    /// Depends on the target, and goes or changes with it.
    case dependent
  }

  /// Which relation is meant: by its name, or by what it is to a named one where only the server's
  /// catalog knows the name.
  public enum Place: Sendable, Hashable {
    case named(QualifiedName)
    case related(Relationship, QualifiedName)
  }

  /// How relations hang together; `SchemaFacts` turns these into names.
  public enum Relationship: Sendable, Hashable {
    case tableOfIndex, tableOfStatistics
    /// All below, whatever the depth; also the children of plain inheritance.
    case partitions
    case defaultPartition
    case partitionedParent
    case defaultPartitionOfParent
    /// Pointed to by a foreign key of this name, or by any where it is `nil`.
    case referenced(constraint: String?)
    /// Pointed to by a foreign key over this column, of the named table.
    case referencedByColumn(String)
    case referencing
    /// Has a foreign key to this column of the named table.
    case referencingColumn(String)
    /// Reference the named table, or one that does, and so on.
    case referencingInTurn
    case ownedSequences
    /// Those that are dropped with this column: of an identity, of `serial`, `OWNED BY`.
    case sequencesOfColumn(String)
    /// The sequence that numbers this column, where it is an identity.
    case identitySequence(String)
    case sourcesOfView
    case dependentViews
    case tablesUsingType
    /// The name stands for a schema.
    case everythingInSchema
    /// As `everythingInSchema`, but only what has rows of its own.
    case tablesInSchema
    /// The name stands for nothing.
    case everyTable
  }

  public var place: Place
  public var mode: LockMode
  public var role: Role
  /// `false` where it depends on what the catalog or the rows hold whether the lock is asked for.
  public var isCertain: Bool

  public init(_ place: Place, _ mode: LockMode, _ role: Role, isCertain: Bool = true) {
    self.place = place
    self.mode = mode
    self.role = role
    self.isCertain = isCertain
  }

  /// The relation's name; `nil` where only the catalog knows it.
  public var relation: QualifiedName? {
    guard case .named(let name) = place else { return nil }
    return name
  }

  /// Whether it is told even where there is little room: what is certain, and what may keep people out of
  /// a table that the statement does not name.
  public var isAlwaysTold: Bool {
    isCertain || mode.blocksWrites && (role == .referenced || role == .referencing)
  }

  /// The relation in words: `orders`, `the table of index i`.
  public var placeText: String {
    switch place {
    case .named(let name): name.description
    case .related(let relationship, let name): relationship.text(name)
    }
  }
}

extension ExpectedLock.Relationship {
  /// Whether there always is such a relation.
  var surelyExists: Bool {
    switch self {
    case .tableOfIndex, .tableOfStatistics, .everythingInSchema, .tablesInSchema, .everyTable: true
    default: false
    }
  }

  fileprivate func text(_ name: QualifiedName) -> String {
    switch self {
    case .tableOfIndex: "the table of index \(name)"
    case .tableOfStatistics: "the table of statistics \(name)"
    case .partitions: "every partition and child of \(name)"
    case .defaultPartition: "the default partition of \(name)"
    case .partitionedParent: "the table that \(name) is a partition of"
    case .defaultPartitionOfParent: "the default partition beside \(name)"
    case .referenced(let constraint?): "the table that \(constraint) of \(name) references"
    case .referenced(nil): "every table that \(name) references"
    case .referencedByColumn(let column): "the table that \(name).\(column) references"
    case .referencingColumn(let column): "every table that references \(name).\(column)"
    case .referencing, .referencingInTurn: "every table that references \(name)"
    case .ownedSequences: "the sequences of \(name)"
    case .sequencesOfColumn(let column): "the sequences of \(name).\(column)"
    case .identitySequence(let column): "the sequence of the identity \(name).\(column)"
    case .sourcesOfView: "every table that \(name) reads"
    case .dependentViews: "every view on \(name)"
    case .tablesUsingType: "every table with a column of type \(name)"
    case .tablesInSchema: "every table in schema \(name)"
    case .everythingInSchema: "everything in schema \(name)"
    case .everyTable: "every table"
    }
  }
}

/// An answer that may depend on what only the server knows.
public enum Judgement: Sendable, Hashable {
  case no
  case yes
  /// What it depends on, to stand behind the deed: `unless a valid CHECK proves it`, `if …`.
  case perhaps(String)

  /// The graver of two answers.
  func or(_ other: Judgement) -> Judgement {
    switch (self, other) {
    case (.yes, _), (_, .yes): .yes
    case (.perhaps, _): self
    default: other
    }
  }
}

/// What a statement will do to those who use the database meanwhile.
public struct StatementEffect: Sendable, Hashable {
  /// Strongest first; each relation once, in the strongest mode.
  public var locks: [ExpectedLock]
  /// Whether a table is written anew, every row.
  public var rewrites: Judgement
  /// Whether every row of a table is read while the locks are held.
  public var scans: Judgement
  /// The words for which the server refuses it in a transaction: `VACUUM`; `nil` where it does not.
  public var notInTransaction: String?
  /// What it waits for beside its locks; `nil` but for the concurrent forms.
  public var concurrentWait: ConcurrentWait?
  /// What else may happen and cannot be told from the text, in words: `what f() does`.
  public var unseen: [String]

  public init(
    locks: [ExpectedLock] = [], rewrites: Judgement = .no, scans: Judgement = .no,
    notInTransaction: String? = nil, concurrentWait: ConcurrentWait? = nil,
    unseen: [String] = []
  ) {
    self.locks = locks
    self.rewrites = rewrites
    self.scans = scans
    self.notInTransaction = notInTransaction
    self.concurrentWait = concurrentWait
    self.unseen = unseen
  }

  /// The strongest lock on something that stood before; `nil` where there is none.
  public var strongest: ExpectedLock? { locks.first }

  /// The effect in words, a line each, as it stands under the statement.
  public var lines: [String] { lockLines.map(\.line) + otherLines }

  /// The locks that are worth a line, each with its words.
  public var lockLines: [(lock: ExpectedLock, line: String)] {
    // What a query may touch beside its own tables, and own sequences, would only be noise.
    locks.filter { lock in
      lock.mode > (lock.isCertain ? .accessShare : .rowExclusive)
        && (lock.isCertain || lock.role != .sequence)
    }.map { ($0, Self.line(for: $0)) }
  }

  /// What else it does: rewrites, scans, waits, and what cannot be seen.
  public var otherLines: [String] {
    var lines: [String] = []
    switch rewrites {
    case .no: if locks.contains(where: { $0.mode.blocksWrites }) { lines.append("no rewrite") }
    case .yes: lines.append("rewrites every row")
    case .perhaps(let condition): lines.append("rewrites every row \(condition)")
    }
    switch scans {
    case .no: break
    case .yes: if rewrites != .yes { lines.append("reads every row") }
    case .perhaps(let condition):
      if rewrites != .perhaps(condition) { lines.append("reads every row \(condition)") }
    }
    if let concurrentWait { lines.append(concurrentWait.line) }
    if notInTransaction != nil { lines.append("cannot run in a transaction") }
    if !unseen.isEmpty { lines.append("not seen: \(unseen.joined(separator: ", "))") }
    return lines
  }

  private static func line(for lock: ExpectedLock) -> String {
    let condition = lock.isCertain ? "" : "may "
    let verb = lock.mode.blocksWrites ? "need" : "ask"
    let what = "\(condition)\(verb)\(lock.isCertain ? "s" : "") \(lock.mode.sqlName)"
    let rest =
      lock.mode.blocksReads
      ? "" : lock.mode.blocksWrites ? "; reads go on" : "; reads and writes go on"
    return "\(what) on \(lock.placeText)\(rest)"
  }
}

/// What is known about a statement's effect.
public enum EffectAnalysis: Sendable, Hashable {
  case analysed(StatementEffect)
  /// Its effect cannot be told from its text; the reason, lower case, without a full stop.
  case notAnalysed(String)

  /// The effect, where it is known.
  public var effect: StatementEffect? {
    guard case .analysed(let effect) = self else { return nil }
    return effect
  }

  /// The effect in words, a line each.
  public var lines: [String] {
    switch self {
    case .analysed(let effect): effect.lines
    case .notAnalysed(let reason): ["not analysed: \(reason)"]
    }
  }
}
