import PostgresModel

/// The statements of a migration whose run broke off, as its files have them now.
public struct BrokenOffScript: Sendable {
  public let units: [RunUnit]
  public let run: UnfinishedRun

  /// - Returns: `nil` where the files have no script in the direction of the run.
  public init?(_ run: UnfinishedRun, of migration: Migration, _ layout: any Layout) {
    var scripts = migration.up
    if run.direction == .down {
      guard case .scripts(let down, _) = migration.down else { return nil }
      scripts = down
    }
    let label = migrationLabel(migration.version, migration.name)
    units = scripts.map { ScriptPlanning($0, label: label, rules: layout.rules).unit }
    self.run = run
  }

  init(_ run: UnfinishedRun, units: [RunUnit]) {
    self.run = run
    self.units = units
  }

  /// Whether the statements are those that were run; `nil` where that was not kept.
  public var isUnchanged: Bool? {
    run.detail.map { $0.scriptHash == units.statementsHash }
  }

  /// The statement that was begun and not seen to end; `nil` where there is none, or none any more.
  var begun: (unit: RunUnit, index: Int)? {
    guard let number = run.detail?.begun?.number else { return nil }
    return units.statement(number: number)
  }

  /// What to ask the catalogue; `nil` where nothing was begun or the files have changed.
  public var question: EffectQuestion? {
    guard isUnchanged == true, let (unit, index) = begun else { return nil }
    // A script sent as one message may hold more than the statement.
    if case .outside = unit.form, unit.statements.count > 1 { return .untold }
    return EffectQuestion(unit.statements[index], sql: unit.text(of: index))
  }

  /// The settings of the session that were in force when it was begun, in order.
  public var settings: [String] {
    guard let (unit, index) = begun else { return [] }
    return unit.settings(before: index).map { unit.text(of: $0) }
  }
}

extension RunUnit {
  /// The text of a statement (0-based), without its semicolon.
  public func text(of index: Int) -> String {
    script.text(in: statements[index].range)
  }

  /// The statements before this one that set up the session.
  func settings(before index: Int) -> [Int] {
    statements[..<index].indices.filter { statements[$0].role == .sessionSetting }
  }

  /// Whether all of the unit's statements, sent as one message, do the same in a transaction of ours.
  public var isSameInTransaction: Bool {
    var sql = sql
    return sql.withUTF8 { bytes in statements.allSatisfy { $0.isSameInTransaction(in: bytes) } }
  }

  /// Whether one statement (0-based) does the same in a transaction of ours that also writes its count.
  public func isSameInTransaction(_ index: Int) -> Bool {
    // In a session that was made read-only the count would be refused, and the statement with it.
    let isReadOnly = settings(before: index).contains { setting in
      let words = text(of: setting).lowercased()
      return words.contains("read_only") || words.contains("read only")
    }
    guard !isReadOnly else { return false }
    var sql = sql
    return sql.withUTF8 { statements[index].isSameInTransaction(in: $0) }
  }
}

extension [RunUnit] {
  /// SHA-256 of all statements, in hexadecimal; comments between them may change.
  public var statementsHash: String {
    var bytes: [UInt8] = []
    for unit in self {
      for index in unit.statements.indices {
        bytes.append(contentsOf: unit.text(of: index).utf8)
        bytes.append(0)
      }
      bytes.append(1)
    }
    return Checksum(.sha256, of: bytes).hexadecimal
  }

  /// The statement of a 1-based number, counted over all units.
  func statement(number: Int) -> (unit: RunUnit, index: Int)? {
    var left = number - 1
    guard left >= 0 else { return nil }
    for unit in self {
      if left < unit.statements.count { return (unit, left) }
      left -= unit.statements.count
    }
    return nil
  }
}
