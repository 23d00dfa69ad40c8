import PostgresModel

/// SQL to begin a migration with, made from the migration's name.
public struct Template: Sendable {
  /// As `--template` names it.
  public let name: String
  /// One line for help.
  public let summary: String
  /// Beginnings of names that ask for it, the longest that fits wins.
  public let prefixes: [String]
  /// Whether the SQL cannot be run in a transaction.
  public let isOutsideTransaction: Bool
  let make: @Sendable (TemplateName) -> TemplateText

  init(
    _ name: String, _ summary: String, prefixes: [String], isOutsideTransaction: Bool = false,
    make: @escaping @Sendable (TemplateName) -> TemplateText
  ) {
    self.name = name
    self.summary = summary
    self.prefixes = prefixes
    self.isOutsideTransaction = isOutsideTransaction
    self.make = make
  }

  /// The SQL for a migration of this name, as it is typed or as it stands in the file's name.
  public func text(for migration: String) -> TemplateText { make(TemplateName(migration)) }
}

/// A migration to fill in, both ways.
public struct TemplateText: Sendable, Hashable {
  public var up: String
  public var down: String

  public init(up: String, down: String) {
    self.up = up
    self.down = down
  }
}

/// The words of a migration's name, and what they name.
struct TemplateName {
  /// Lower case.
  let words: [String]

  init(_ name: String) {
    words = name.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
  }

  /// What stands in for a table or column that the name does not say.
  static let unknownTable = "your_table"
  static let unknownColumn = "your_column"

  /// The words without these at their beginning and end.
  func without(leading: [String], trailing: [String] = []) -> [String] {
    var rest = words[...]
    for word in leading where rest.first == word { rest = rest.dropFirst() }
    for word in trailing where rest.last == word && rest.count > 1 { rest = rest.dropLast() }
    return Array(rest)
  }

  /// The words before and after the last of these little words.
  static func split(_ words: [String], at little: [String]) -> (before: [String], after: [String])?
  {
    guard let index = words.lastIndex(where: { little.contains($0) }), index > 0,
      index + 1 < words.count
    else { return nil }
    return (Array(words[..<index]), Array(words[(index + 1)...]))
  }
}

extension [String] {
  /// An identifier made of the words; at most 63 bytes, as the server keeps.
  fileprivate func identifier(or unknown: String) -> String {
    isEmpty ? unknown : String(joined(separator: "_").prefix(63))
  }
}

private func quoted(_ name: String) -> String { SQLText.readableIdentifier(name) }

/// Every template.
public enum Templates {
  public static let all: [Template] = [
    table, column, dropColumn, index, constraint, enumeration, rename, backfill, updatedAt, outbox,
    feature,
  ]

  public static func named(_ name: String) -> Template? { all.first { $0.name == name } }

  /// The template that a migration's name asks for, by its longest fitting beginning.
  public static func fitting(_ migration: String) -> Template? {
    let name = TemplateName(migration).words.joined(separator: "_")
    let fits = all.flatMap { template in
      template.prefixes.filter { name.hasPrefix($0) }.map { (prefix: $0, template: template) }
    }
    if let best = fits.max(by: { $0.prefix.utf8.count < $1.prefix.utf8.count }) {
      if best.template.name == "table", name.hasSuffix("_enum") { return enumeration }
      return best.template
    }
    return nil
  }

  static let table = Template(
    "table", "a table with a key and time stamps", prefixes: ["create_"]
  ) { name in
    let table = quoted(
      name.without(leading: ["create", "table"], trailing: ["table"])
        .identifier(or: TemplateName.unknownTable))
    return TemplateText(
      up: """
        CREATE TABLE \(table) (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          created_at timestamptz NOT NULL DEFAULT now(),
          updated_at timestamptz NOT NULL DEFAULT now()
        );

        """,
      down: "DROP TABLE \(table);\n")
  }

  /// `add_email_to_users` → `users`, `email`.
  private static func tableAndColumn(
    _ words: [String], _ little: [String]
  ) -> (table: String, column: String) {
    guard let parts = TemplateName.split(words, at: little) else {
      return (TemplateName.unknownTable, words.identifier(or: TemplateName.unknownColumn))
    }
    return (
      parts.after.identifier(or: TemplateName.unknownTable),
      parts.before.identifier(or: TemplateName.unknownColumn)
    )
  }

  static let column = Template("column", "a column on a table", prefixes: ["add_"]) { name in
    let (table, column) = tableAndColumn(name.without(leading: ["add", "column"]), ["to", "on"])
    return TemplateText(
      up: "ALTER TABLE \(quoted(table)) ADD COLUMN \(quoted(column)) \(type(of: column));\n",
      down: "ALTER TABLE \(quoted(table)) DROP COLUMN \(quoted(column));\n")
  }

  /// The type that a column's name hints at.
  private static func type(of column: String) -> String {
    if column.hasSuffix("_at") { return "timestamptz" }
    if column.hasSuffix("_id") { return "bigint" }
    if column.hasPrefix("is_") || column.hasPrefix("has_") { return "boolean" }
    return "text"
  }

  static let dropColumn = Template(
    "drop-column", "a column taken off a table", prefixes: ["remove_", "drop_column_"]
  ) { name in
    let (table, column) = tableAndColumn(
      name.without(leading: ["remove", "drop", "column"]), ["from", "on"])
    return TemplateText(
      up: """
        -- BREAKING CHANGE: programs that still read or write the column fail.
        ALTER TABLE \(quoted(table)) DROP COLUMN \(quoted(column));

        """,
      down: """
        -- The column comes back empty: WARNING: its values are lost.
        ALTER TABLE \(quoted(table)) ADD COLUMN \(quoted(column)) \(type(of: column));

        """)
  }

  static let index = Template(
    "index", "an index, built while the table is in use",
    prefixes: ["create_index_", "add_index_"],
    isOutsideTransaction: true
  ) { name in
    let words = name.without(leading: ["create", "add", "index", "on", "to"])
    let parts =
      TemplateName.split(words, at: ["on"])
      ?? (words.count > 1 ? ([words[0]], Array(words.dropFirst())) : (words, []))
    let table = parts.before.identifier(or: TemplateName.unknownTable)
    let column = parts.after.identifier(or: "id")
    let index = quoted(["idx", table, column].identifier(or: ""))
    return TemplateText(
      up: "CREATE INDEX CONCURRENTLY \(index) ON \(quoted(table)) (\(quoted(column)));\n",
      down: "DROP INDEX CONCURRENTLY IF EXISTS \(index);\n")
  }

  static let constraint = Template(
    "constraint", "a constraint on what comes from now on", prefixes: ["add_constraint_"]
  ) { name in
    let words = name.without(leading: ["add", "constraint"])
    let isUnique = words.contains("unique")
    let named = words.filter { $0 != "unique" }
    let parts = TemplateName.split(named, at: ["to", "on"])
    let column = (parts?.before ?? named).identifier(or: TemplateName.unknownColumn)
    let table = (parts?.after ?? []).identifier(or: TemplateName.unknownTable)
    let constraint = quoted([table, column, isUnique ? "key" : "check"].identifier(or: ""))
    let body =
      isUnique
      ? "UNIQUE (\(quoted(column)))" : "CHECK (\(quoted(column)) IS NOT NULL) NOT VALID"
    let advice =
      isUnique
      ? "-- On a table in use: build the index CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX.\n"
      : "-- Rows that are there are checked by VALIDATE CONSTRAINT, in a migration of its own.\n"
    return TemplateText(
      up: "\(advice)ALTER TABLE \(quoted(table))\n  ADD CONSTRAINT \(constraint) \(body);\n",
      down: "ALTER TABLE \(quoted(table)) DROP CONSTRAINT \(constraint);\n")
  }

  static let enumeration = Template(
    "enum", "a type with a fixed list of values",
    prefixes: ["create_enum_", "create_type_", "add_enum_"]
  ) { name in
    let type = quoted(
      name.without(leading: ["create", "add", "enum", "type"], trailing: ["enum", "type"])
        .identifier(or: "your_type"))
    return TemplateText(
      up: "CREATE TYPE \(type) AS ENUM ('first', 'second');\n", down: "DROP TYPE \(type);\n")
  }

  static let rename = Template(
    "rename", "a new name for a column or a table", prefixes: ["rename_"]
  ) { name in
    let words = name.without(leading: ["rename", "column", "table"])
    let place = TemplateName.split(words, at: ["in", "on", "of"])
    let names = TemplateName.split(place?.before ?? words, at: ["to"])
    let old = (names?.before ?? place?.before ?? words).identifier(or: "old_name")
    let new = (names?.after ?? []).identifier(or: "new_name")
    let breaking = "-- BREAKING CHANGE: programs that use the old name fail.\n"
    guard let table = place?.after.identifier(or: TemplateName.unknownTable) else {
      return TemplateText(
        up: "\(breaking)ALTER TABLE \(quoted(old)) RENAME TO \(quoted(new));\n",
        down: "ALTER TABLE \(quoted(new)) RENAME TO \(quoted(old));\n")
    }
    let alter = "ALTER TABLE \(quoted(table)) RENAME COLUMN"
    return TemplateText(
      up: "\(breaking)\(alter) \(quoted(old)) TO \(quoted(new));\n",
      down: "\(alter) \(quoted(new)) TO \(quoted(old));\n")
  }

  static let backfill = Template(
    "backfill", "values for old rows, by batches with a commit and a pause after each",
    prefixes: ["backfill_"], isOutsideTransaction: true
  ) { name in
    let words = name.without(leading: ["backfill"])
    let (table, column) =
      TemplateName.split(words, at: ["in", "on", "of", "to"]) != nil || words.count < 2
      ? tableAndColumn(words, ["in", "on", "of", "to"])
      : (words[0], Array(words.dropFirst()).identifier(or: TemplateName.unknownColumn))
    return TemplateText(
      up: backfillText(table: quoted(table), column: quoted(column)),
      down: """
        -- Rows that had no value cannot be told from the others any more: the values stay.
        SELECT 1;

        """)
  }

  private static func backfillText(table: String, column: String) -> String {
    """
    DO $$
    DECLARE
      batch_size CONSTANT integer := 1000;
      last_id bigint := 0;
      next_id bigint;
      changed bigint;
      processed bigint := 0;
      total bigint;
    BEGIN
      SELECT count(*) INTO total FROM \(table) WHERE \(column) IS NULL;
      LOOP
        SELECT max(id) INTO next_id FROM (
          SELECT id FROM \(table) WHERE \(column) IS NULL AND id > last_id ORDER BY id LIMIT batch_size
        ) AS batch;
        EXIT WHEN next_id IS NULL;
        UPDATE \(table) SET \(column) = DEFAULT -- the value for old rows
        WHERE \(column) IS NULL AND id > last_id AND id <= next_id;
        GET DIAGNOSTICS changed = ROW_COUNT;
        last_id := next_id;
        processed := processed + changed;
        RAISE NOTICE 'Processed % of % rows', processed, total;
        COMMIT;
        PERFORM pg_sleep(0.1);
      END LOOP;
    END $$;

    """
  }

  static let updatedAt = Template(
    "updated-at", "a trigger that keeps updated_at",
    prefixes: ["add_updated_at_trigger_", "create_trigger_"]
  ) { name in
    let words = name.without(
      leading: ["add", "create", "trigger", "updated", "at", "trigger", "to", "on", "for"],
      trailing: ["at", "updated", "trigger"])
    let table = words.identifier(or: TemplateName.unknownTable)
    let function = quoted([table, "set", "updated", "at"].identifier(or: ""))
    return TemplateText(
      up: """
        CREATE FUNCTION \(function)() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          NEW.updated_at := now();
          RETURN NEW;
        END $$;

        CREATE TRIGGER \(function) BEFORE UPDATE ON \(quoted(table))
          FOR EACH ROW EXECUTE FUNCTION \(function)();

        """,
      down: """
        DROP TRIGGER \(function) ON \(quoted(table));
        DROP FUNCTION \(function)();

        """)
  }

  static let outbox = Template(
    "outbox", "events written with the data they tell of",
    prefixes: ["create_outbox", "add_outbox"]
  ) { name in
    let words = name.without(leading: ["create", "add"], trailing: ["table"])
    let outbox = words.contains("outbox") ? words.identifier(or: "outbox") : "outbox"
    let unprocessed = quoted(["idx", outbox, "unprocessed"].identifier(or: ""))
    let aggregate = quoted(["idx", outbox, "aggregate"].identifier(or: ""))
    let table = quoted(outbox)
    return TemplateText(
      up: """
        CREATE TABLE \(table) (
          id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
          aggregate_type text NOT NULL,
          aggregate_id uuid NOT NULL,
          event_type text NOT NULL,
          payload jsonb NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          processed_at timestamptz
        );

        CREATE INDEX \(unprocessed) ON \(table) (created_at) WHERE processed_at IS NULL;
        CREATE INDEX \(aggregate) ON \(table) (aggregate_type, aggregate_id);

        COMMENT ON TABLE \(table) IS 'Events to publish, written with the data they tell of';

        """,
      down: "DROP TABLE \(table);\n")
  }

  static let feature = Template(
    "enable", "an extension, or row level security", prefixes: ["enable_"]
  ) { name in
    let words = name.without(leading: ["enable"])
    let isSecurity = words.starts(with: ["row", "level", "security"]) || words.first == "rls"
    guard isSecurity else {
      let extensionName = quoted(
        name.without(leading: ["enable", "extension"], trailing: ["extension"])
          .identifier(or: "pgcrypto"))
      return TemplateText(
        up: "CREATE EXTENSION IF NOT EXISTS \(extensionName);\n",
        down: "DROP EXTENSION IF EXISTS \(extensionName);\n")
    }
    let table = quoted(
      (TemplateName.split(words, at: ["on", "for"])?.after ?? [])
        .identifier(or: TemplateName.unknownTable))
    return TemplateText(
      up: """
        -- Without a policy nobody but the owner sees a row: CREATE POLICY … ON \(table) …
        ALTER TABLE \(table) ENABLE ROW LEVEL SECURITY;

        """,
      down: "ALTER TABLE \(table) DISABLE ROW LEVEL SECURITY;\n")
  }
}
