import MigrationModel
import Postgres
import PostgresModel

/// Writes rows through a view that the view does not show, in an open transaction that is rolled back
/// afterwards.
struct ViewAttacker: Sendable {
  let session: ProbeSession
  let view: ProbedView
  private let all: [ProbedView]
  private var maker: RowMaker
  private var stack = Stack()

  private static let mostRows = 12

  init(_ session: ProbeSession, _ view: ProbedView, among all: [ProbedView]) {
    self.session = session
    self.view = view
    self.all = all
    maker = RowMaker(session)
  }

  /// The view and what it stands on, down to the table.
  private struct Stack: Sendable {
    /// The view itself first, each with what it takes from below.
    var layers: [(view: ProbedView, layer: ProbedView.Layer)] = []
    var table: Int64 = 0
    /// For each column of the view that can be written, that of the table.
    var columns: [String: String] = [:]
  }

  /// How a row is written through the view.
  private enum Way: String, Sendable {
    case insert = "inserting"
    /// A row that the view shows becomes the row.
    case update = "changing a row into"

    func words(_ row: String) -> String { "\(rawValue) \(row) through the view" }
  }

  mutating func sight() async throws -> ConstraintSight {
    var sight = ConstraintSight(view.subject, control: .notTried)
    do {
      try await look()
      let conditions = stack.layers.map(\.layer.condition)
      let good = try await rows(conditions.compactMap { $0 }.map { ($0, .isTrue) })
      let (way, row) = try await control(good)
      sight.control = .accepted(way.words(words(row)))
      if way == .update {
        sight.remarks.append(
          "no row can be inserted through the view: it does not have all it needs")
      }
      for (depth, condition) in conditions.enumerated() {
        guard let condition else { continue }
        // What stands below counts where the option says so.
        guard depth == 0 || view.option == .cascaded else { continue }
        try await attack(depth, condition, way, row, &sight)
      }
      if sight.attacks.isEmpty, sight.doubts.isEmpty {
        sight.doubts.append("it shows every row of what is below it: there is nothing to refuse")
      }
    } catch let error as RowMaker.CannotMake {
      if case .notTried = sight.control {
        sight.control = .notPossible(error.reason)
      } else {
        sight.doubts.append(error.reason)
      }
    }
    return sight
  }

  /// Looks through the view, down to the table.
  private mutating func look() async throws {
    var next = view
    var columns: [String: String]?
    while true {
      guard let layer = next.layer(), stack.layers.count < 16 else {
        throw RowMaker.CannotMake(reason: "\(next.object) does not stand on one relation")
      }
      stack.layers.append((next, layer))
      columns = columns.map { $0.compactMapValues { layer.columns[$0] } } ?? layer.columns
      guard
        let below = all.first(where: { QualifiedName(parsing: $0.object) == layer.below })
      else { break }
      next = below
    }
    let table = stack.layers.last?.layer.below.sql ?? ""
    let oid = try await session.texts("SELECT \(SQLText.literal(table))::regclass::oid")
    guard let found = oid.value?.first?.first.flatMap({ $0 }).flatMap({ Int64($0) }) else {
      throw RowMaker.CannotMake(reason: "\(table) is not there")
    }
    stack.table = found
    let shape = try await maker.shape(found)
    guard ["r", "p"].contains(shape.kind) else {
      throw RowMaker.CannotMake(reason: "\(shape.object) below it is no table of this database")
    }
    stack.columns = (columns ?? [:]).filter { shape.column($0.value)?.generated == nil }
  }

  // MARK: Rows

  /// Rows of the table of which these conditions are true or not; with names as the layers have them.
  private mutating func rows(
    _ conditions: [(expression: String, aim: RowSearch.Aim)]
  ) async throws -> [RowMaker.Row] {
    let shape = try await maker.shape(stack.table)
    let words = ExpressionWords(conditions.map(\.expression).joined(separator: " AND "))
    let columns = words.columns(of: shape.columns.filter { $0.generated == nil }.map(\.name))
    var wish = RowMaker.Wish(explicit: Set(columns), conditions: conditions)
    if let rows = try? await maker.rows(stack.table, wish), !rows.isEmpty { return rows }
    // Where columns have other names on the way, only a try can tell.
    let names = stack.columns.values.sorted().map { SQLText.identifier($0) }
    let constants = words.strings.map { SQLText.literal($0) } + words.numbers
    let hint = "true OR ROW(\((names + constants).joined(separator: ", "))) IS NULL"
    wish = RowMaker.Wish(
      explicit: Set(stack.columns.values), conditions: [(hint, .isTrue)], isVaried: true)
    return try await maker.rows(stack.table, wish)
  }

  /// What of a row the view can take, in the order of names.
  private func values(_ row: RowMaker.Row) -> [(column: String, value: String)] {
    stack.columns.sorted { $0.key < $1.key }.compactMap { column, below in
      row.values[below].map { (column, $0) }
    }
  }

  private func words(_ row: RowMaker.Row) -> String {
    let conditions = stack.layers.compactMap(\.layer.condition).joined(separator: " AND ")
    let names = ExpressionWords(conditions).names
    let told = stack.columns.filter { names.contains($0.key) || names.contains($0.value) }
    return row.words(told.values.sorted())
  }

  // MARK: Writing

  /// Writes a row; what it was before is there already where it is an update.
  private func write(
    _ row: RowMaker.Row, _ way: Way, over first: RowMaker.Row?
  ) async throws -> Answer<[CommandOutcome]> {
    let values = values(row)
    let columns = values.map { SQLText.identifier($0.column) }
    let list = values.map(\.value).joined(separator: ", ")
    guard way == .update, let first else {
      if let rejection = try await maker.prepare(row) { return .rejected(rejection) }
      return try await session.attempt(
        "INSERT INTO \(view.object) (\(columns.joined(separator: ", "))) VALUES (\(list))")
    }
    switch try await maker.insert(first) {
    case .rejected(let rejection): return .rejected(rejection)
    case .accepted(nil): return .accepted([])
    case .accepted(let stored?):
      let same = stack.columns.sorted { $0.key < $1.key }.map { column, below in
        "\(SQLText.identifier(column)) IS NOT DISTINCT FROM \(stored.literal(below))"
      }
      let set = zip(columns, values).map { "\($0) = \($1.value)" }
      return try await session.attempt(
        """
        UPDATE \(view.object) SET \(set.joined(separator: ", "))
        WHERE \(same.joined(separator: " AND "))
        """)
    }
  }

  /// Finds a row that the view takes, and how.
  private func control(_ rows: [RowMaker.Row]) async throws -> (Way, RowMaker.Row) {
    var reason = "no row was found that it shows"
    for way in [Way.insert, .update] {
      for row in rows.prefix(Self.mostRows) {
        let (answer, isShown) = try await look(at: row, way, over: row)
        if let rejection = answer.rejection {
          reason = rejection.words
        } else if isShown {
          return (way, row)
        }
      }
    }
    throw RowMaker.CannotMake(reason: reason)
  }

  /// Writes a row and undoes it.
  ///
  /// - Returns: What the server said, and whether the view showed the row then.
  private func look(
    at row: RowMaker.Row, _ way: Way, over first: RowMaker.Row, without removal: [String] = []
  ) async throws -> (Answer<[CommandOutcome]>, isShown: Bool) {
    try await session.undoneInside {
      for sql in removal {
        if let rejection = try await session.attempt(sql).rejection {
          return (.rejected(rejection), false)
        }
      }
      let before = try await count()
      let answer = try await write(row, way, over: first)
      let isWritten = answer.value?.last?.rows == 1
      return (answer, isWritten ? try await count() == before + 1 : false)
    }
  }

  private func count() async throws -> Int64 {
    let rows = try await session.texts("SELECT count(*) FROM \(view.object)")
    return rows.value?.first?.first.flatMap { $0 }.flatMap { Int64($0) } ?? 0
  }

  /// Writes what one layer does not let through.
  ///
  /// - Parameter depth: 0 for the view itself.
  private mutating func attack(
    _ depth: Int, _ condition: String, _ way: Way, _ first: RowMaker.Row,
    _ sight: inout ConstraintSight
  ) async throws {
    var conditions: [(expression: String, aim: RowSearch.Aim)] = [(condition, .notTrue)]
    for (other, layer) in stack.layers.enumerated() where other != depth {
      if let text = layer.layer.condition { conditions.append((text, .isTrue)) }
    }
    let holder = stack.layers[depth].view
    let expected = ExpectedRejection(
      ["44000"], .message("violates check option for view \"\(holder.name)\""))
    let removal = ["ALTER VIEW \(view.object) RESET (check_option)"]
    var last: Attack?
    for row in (try? await rows(conditions))?.prefix(Self.mostRows) ?? [] {
      let said = words(row) + (depth == 0 ? "" : ", which \(holder.object) below does not show,")
      var attack = Attack(
        way.words(said), .withoutEffect, removal: "the option taken away")
      let (answer, isShown) = try await look(at: row, way, over: first)
      switch answer {
      case .rejected(let rejection) where expected.isMet(by: rejection):
        attack.result = .refused(rejection)
        let (without, isShown) = try await look(at: row, way, over: first, without: removal)
        if let rejection = without.rejection {
          attack.withoutIt = .stillRefused(rejection)
        } else if !isShown {
          // What is shown then broke nothing, and its refusal shows nothing.
          attack.withoutIt = .accepted
        }
      case .rejected(let rejection): attack.result = .refusedOtherwise(rejection)
      case .accepted(let results):
        if results.last?.rows == 1 { attack.result = isShown ? .repaired : .accepted }
      }
      last = attack
      if attack.outcome != .notProven { break }
    }
    if let last {
      sight.attacks.append(last)
    } else {
      sight.doubts.append("no values were found for which it is not true: \(condition)")
    }
  }
}
