import PostgresModel

/// What rolling a migration back was seen to take away for good.
public struct DataLoss: Sendable, Hashable {
  public var table: QualifiedName
  /// `nil`: whole rows.
  public var column: String?
  public var rows: Int64
  public var kind: Kind
  public var written: Origin

  public enum Kind: String, Sendable, Hashable {
    /// It is not there any more.
    case gone
    /// It is there, and another.
    case changed
  }

  /// When it was written.
  public enum Origin: String, Sendable, Hashable {
    /// Before the migration: rolling back does not bring it back.
    case before
    /// Between applying and rolling back, into what only the migration made, or by its rules.
    case since
  }

  public init(
    _ kind: Kind, _ table: QualifiedName, column: String? = nil, rows: Int64, written: Origin
  ) {
    self.kind = kind
    self.table = table
    self.column = column
    self.rows = rows
    self.written = written
  }

  /// For people: `values of public.users.email (7 rows), there before it, are gone`.
  public var words: String {
    let what = column.map { "values of \(table).\($0)" } ?? "rows of \(table)"
    let when = written == .before ? "there before it" : "written since it was applied"
    return "\(what) (\(rows)), \(when), are \(kind == .gone ? "gone" : "other ones")"
  }
}

/// What the rows of a database come to, whatever their order.
public struct DataFingerprint: Sendable, Hashable {
  public struct Column: Sendable, Hashable {
    /// Rows in which it is not null.
    public var filled: Int64
    /// The sum of the hashes of its values, wrapping around.
    public var hash: UInt64

    public init(filled: Int64, hash: UInt64) {
      self.filled = filled
      self.hash = hash
    }
  }

  public struct Table: Sendable, Hashable {
    public var rows: Int64
    /// The sum of the hashes of the rows, their columns in the order of their names.
    public var hash: UInt64
    public var columns: [String: Column]

    public init(rows: Int64, hash: UInt64, columns: [String: Column]) {
      self.rows = rows
      self.hash = hash
      self.columns = columns
    }
  }

  public var tables: [QualifiedName: Table]
  /// Tables that were too large to be read.
  public var left: [QualifiedName]

  public init(_ tables: [QualifiedName: Table] = [:], left: [QualifiedName] = []) {
    self.tables = tables
    self.left = left
  }

  public var rows: Int64 { tables.values.reduce(0) { $0 + $1.rows } }

  /// What was there before and is not as it was after a migration was applied and rolled back.
  public func losses(after: DataFingerprint) -> [DataLoss] {
    var losses: [DataLoss] = []
    for (name, table) in tables.sorted(by: { $0.key < $1.key }) where table.rows > 0 {
      guard let now = after.tables[name] else {
        if !after.left.contains(name) {
          losses.append(DataLoss(.gone, name, rows: table.rows, written: .before))
        }
        continue
      }
      if now.rows < table.rows {
        losses.append(DataLoss(.gone, name, rows: table.rows - now.rows, written: .before))
        continue
      }
      guard now != table else { continue }
      let before = losses.count
      for (column, value) in table.columns.sorted(by: { $0.key < $1.key }) {
        let new = now.columns[column]
        if (new?.filled ?? 0) < value.filled {
          losses.append(
            DataLoss(
              .gone, name, column: column, rows: value.filled - (new?.filled ?? 0),
              written: .before))
        } else if now.rows == table.rows, new?.hash != value.hash {
          losses.append(
            DataLoss(.changed, name, column: column, rows: value.filled, written: .before))
        }
      }
      // Each value is there, but not in its row.
      if losses.count == before, now.rows == table.rows, now.hash != table.hash {
        losses.append(DataLoss(.changed, name, rows: table.rows, written: .before))
      }
    }
    return losses
  }
}

/// Rows that were written between applying and rolling back, and what became of them.
public struct WrittenSince: Sendable, Hashable {
  /// After it was applied, before and after the rows were written.
  public var before: DataFingerprint
  public var written: DataFingerprint
  /// After it was rolled back.
  public var after: DataFingerprint

  public init(
    before: DataFingerprint, written: DataFingerprint, after: DataFingerprint
  ) {
    self.before = before
    self.written = written
    self.after = after
  }

  /// What of them is not there any more.
  ///
  /// - Parameter plain: What there is after rolling back where no such row was written.
  public func losses(besides plain: DataFingerprint) -> [DataLoss] {
    var losses: [DataLoss] = []
    for (name, table) in written.tables.sorted(by: { $0.key < $1.key }) {
      let old = before.tables[name]
      let rows = table.rows - (old?.rows ?? 0)
      guard rows > 0 else { continue }
      guard let now = after.tables[name] else {
        losses.append(DataLoss(.gone, name, rows: rows, written: .since))
        continue
      }
      let plain = plain.tables[name]
      let kept = now.rows - (plain?.rows ?? 0)
      if kept < rows {
        losses.append(DataLoss(.gone, name, rows: rows - kept, written: .since))
        continue
      }
      for (column, value) in table.columns.sorted(by: { $0.key < $1.key }) {
        let filled = value.filled - (old?.columns[column]?.filled ?? 0)
        guard filled > 0 else { continue }
        let there = now.columns[column]
        let without = plain?.columns[column]
        let stays = (there?.filled ?? 0) - (without?.filled ?? 0)
        if stays < filled {
          losses.append(
            DataLoss(.gone, name, column: column, rows: filled - stays, written: .since))
        } else if (there?.hash ?? 0) &- (without?.hash ?? 0)
          != value.hash &- (old?.columns[column]?.hash ?? 0)
        {
          losses.append(DataLoss(.changed, name, column: column, rows: filled, written: .since))
        }
      }
    }
    return losses
  }
}
