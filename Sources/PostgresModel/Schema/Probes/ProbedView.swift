/// A view that stands on one relation, so that rows can be written through it.
public struct ProbedView: Sendable, Hashable {
  public var oid: Int64
  /// Qualified and quoted, as a `SchemaFact` names it.
  public var object: String
  /// Without schema and quotes, as the server's refusals name it.
  public var name: String
  /// `nil` where it has no `WITH CHECK OPTION`.
  public var option: Option?
  /// The query, as the server writes it with an empty `search_path`.
  public var definition: String

  /// How far the option goes.
  public enum Option: String, Sendable, Hashable {
    case local
    /// The conditions of the views below count as well.
    case cascaded
  }

  /// How evidence names it.
  public var subject: String { "WITH CHECK OPTION of view \(object)" }

  /// Those with a check option that are new or not what they were.
  public static func touched(from before: [ProbedView], to after: [ProbedView]) -> [ProbedView] {
    func promise(_ view: ProbedView) -> [String?] { [view.option?.rawValue, view.definition] }
    let old = Dictionary(before.map { ($0.object, promise($0)) }) { first, _ in first }
    return after.filter { $0.option != nil && old[$0.object] != promise($0) }
  }

  /// Every view of the database.
  public static let all = Query<ProbedView>(
    """
    SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relname,
      (SELECT lower(substr(v, 14)) FROM unnest(c.reloptions) v WHERE v LIKE 'check_option=%'),
      pg_get_viewdef(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'v' AND n.nspname !~ '^pg_'
      AND n.nspname NOT IN ('information_schema', 'lockstep')
    ORDER BY 2
    """
  ) { (row) throws(ResultRow.Mismatch) in
    ProbedView(
      oid: try row.integer(0), object: try row.string(1), name: try row.string(2),
      option: row.optionalString(3).flatMap(Option.init(rawValue:)), definition: try row.string(4))
  }

  // MARK: What it is made of

  /// What a view takes from the one relation below it.
  public struct Layer: Sendable, Hashable {
    /// The relation below.
    public var below: QualifiedName
    /// For each column of the view that is a column below, that one.
    public var columns: [String: String]
    /// What is true of every row that it shows; `nil` where it shows all.
    public var condition: String?
  }

  /// Reads its query; `nil` where it does not stand on one relation.
  public func layer(_ parser: some SQLParser = PgQueryParser()) -> Layer? {
    guard let select = parser.parse(definition).statements.first?.tree, select["larg"].isNull,
      select["fromClause"].items.count == 1
    else { return nil }
    let source = select["fromClause"][0]["RangeVar"]
    guard let name = source.relationName else { return nil }
    let alias = source["alias"]["aliasname"].string ?? name.name
    var columns: [String: String] = [:]
    for item in select["targetList"].items {
      let target = item["ResTarget"]
      guard let column = target["val"]["ColumnRef"]["fields"].nameParts.last else { continue }
      columns[target["name"].string ?? column] = column
    }
    return Layer(below: name, columns: columns, condition: condition(alias))
  }

  /// What stands behind `WHERE`, with columns by their names alone.
  private func condition(_ alias: String) -> String? {
    var copy = definition
    return copy.withUTF8 { bytes in
      var lexer = SQLLexer(bytes)
      var depth = 0
      var end = 0
      var words: [String] = []
      var isInside = false
      while true {
        let token = lexer.nextSignificant()
        let text = lexer.text(token)
        let hasGap = token.start > end
        end = token.end
        switch token.kind {
        case .end, .semicolon: return isInside ? words.joined() : nil
        case .openParenthesis: depth += 1
        case .closeParenthesis: depth -= 1
        case .word where depth == 0 && text == "WHERE" && !isInside:
          isInside = true
          continue
        case .word where depth == 0 && (text == "ORDER" || text == "FOR"):
          return isInside ? words.joined() : nil
        case .punctuation where text == ".":
          if let last = words.last, QualifiedName(parsing: last).name == alias {
            words[words.count - 1] = ""
            continue
          }
        default: break
        }
        guard isInside else { continue }
        if hasGap, !words.isEmpty { words.append(" ") }
        words.append(text)
      }
    }
  }
}
