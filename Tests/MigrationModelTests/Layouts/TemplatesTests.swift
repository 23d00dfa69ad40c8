import MigrationModel
import PostgresModel
import Testing

@Suite struct TemplatesTests {
  @Test(arguments: [
    ("create_users_table", "table"), ("create_index_users_email", "index"),
    ("add_email_to_users", "column"), ("remove_email_from_users", "drop-column"),
    ("add_constraint_unique_email_to_users", "constraint"), ("enable_pgcrypto", "enable"),
    ("create_status_enum", "enum"), ("create_enum_status", "enum"),
    ("rename_a_to_b_in_t", "rename"),
    ("backfill_users_role", "backfill"), ("create_outbox_table", "outbox"),
    ("add_updated_at_trigger_to_users", "updated-at"), ("Create Users", "table"),
  ])
  func `the longest fitting beginning of a name chooses`(name: String, expected: String) {
    #expect(Templates.fitting(name)?.name == expected)
  }

  @Test func `a name without such a beginning chooses none`() {
    #expect(Templates.fitting("users") == nil)
    #expect(Templates.named("index")?.isOutsideTransaction == true)
    #expect(Templates.named("nothing") == nil)
  }

  @Test(arguments: [
    ("create_users_table", "CREATE TABLE users (", "DROP TABLE users;"),
    ("create_order", "CREATE TABLE \"order\"(", "DROP TABLE \"order\";"),
    (
      "add_email_to_users", "ALTER TABLE users ADD COLUMN email text;",
      "ALTER TABLE users DROP COLUMN email;"
    ),
    (
      "add_shipped_at_to_orders", "ALTER TABLE orders ADD COLUMN shipped_at timestamptz;",
      "ALTER TABLE orders DROP COLUMN shipped_at;"
    ),
    ("remove_a_b_from_t", "ALTER TABLE t DROP COLUMN a_b;", "ALTER TABLE t ADD COLUMN a_b text;"),
    (
      "create_index_sessions_user_id",
      "CREATE INDEX CONCURRENTLY idx_sessions_user_id ON sessions (user_id);",
      "DROP INDEX CONCURRENTLY IF EXISTS idx_sessions_user_id;"
    ),
    (
      "create_index_order_lines_on_sku",
      "CREATE INDEX CONCURRENTLY idx_order_lines_sku ON order_lines (sku);",
      "DROP INDEX CONCURRENTLY IF EXISTS idx_order_lines_sku;"
    ),
    (
      "add_constraint_unique_email_to_users", "ADD CONSTRAINT users_email_key UNIQUE (email);",
      "ALTER TABLE users DROP CONSTRAINT users_email_key;"
    ),
    (
      "add_constraint_email_to_users",
      "ADD CONSTRAINT users_email_check CHECK (email IS NOT NULL) NOT VALID;",
      "ALTER TABLE users DROP CONSTRAINT users_email_check;"
    ),
    ("create_enum_mood", "CREATE TYPE mood AS ENUM ('first', 'second');", "DROP TYPE mood;"),
    (
      "rename_a_to_b_in_t", "ALTER TABLE t RENAME COLUMN a TO b;",
      "ALTER TABLE t RENAME COLUMN b TO a;"
    ),
    ("rename_old_to_new", "ALTER TABLE old RENAME TO new;", "ALTER TABLE new RENAME TO old;"),
    ("backfill_users_role_id", "UPDATE users SET role_id = DEFAULT", "SELECT 1;"),
    (
      "create_trigger_users_updated_at", "BEFORE UPDATE ON users",
      "DROP FUNCTION users_set_updated_at();"
    ),
    (
      "enable_row_level_security_on_users", "ALTER TABLE users ENABLE ROW LEVEL SECURITY;",
      "ALTER TABLE users DISABLE ROW LEVEL SECURITY;"
    ),
    (
      "enable_pgcrypto", "CREATE EXTENSION IF NOT EXISTS pgcrypto;",
      "DROP EXTENSION IF EXISTS pgcrypto;"
    ),
    ("create_outbox", "CREATE TABLE outbox (", "DROP TABLE outbox;"),
  ])
  func `names of tables and columns come from the migration's name`(
    name: String, up: String, down: String
  ) throws {
    let text = try #require(Templates.fitting(name)).text(for: name)
    func squeezed(_ text: String) -> String { text.filter { !$0.isWhitespace } }
    #expect(squeezed(text.up).contains(squeezed(up)))
    #expect(squeezed(text.down).contains(squeezed(down)))
  }

  @Test(arguments: Templates.all.map(\.name))
  func `each template is SQL both ways, and in a transaction if it says so`(name: String) throws {
    let template = try #require(Templates.named(name))
    for migration in ["x", "create_a_b_c", "", "\(template.prefixes[0])select_on_user"] {
      let text = template.text(for: migration)
      for sql in [text.up, text.down] {
        #expect(PgQueryParser().syntaxError(in: sql) == nil, "\(sql)")
        #expect(!SQLScript.statements(in: sql).isEmpty)
        #expect(sql.hasSuffix("\n"))
      }
      let plan = planned(upAll, RawLayout(), [file("001_x.sql", text.up)])
      let isInTransaction = plan.steps[0].units[0].form.isInTransaction
      #expect(isInTransaction != template.isOutsideTransaction)
      #expect(plan.refusals.isEmpty)
    }
  }

  @Test(arguments: Templates.all.map(\.name))
  func `each template survives the comments of a raw file`(name: String) throws {
    let template = try #require(Templates.named(name))
    let migration = template.prefixes[0] + "a_to_b"
    let text = template.text(for: migration)
    let made = RawLayout().newFiles(
      NewMigration(
        name: migration, catalog: Catalog(migrations: []), directory: "m",
        now: Instant(microseconds: 0), up: text.up, down: text.down))
    let read = RawLayout().catalog(of: [file(String(made[0].path.dropFirst(2)), made[0].content)])
    #expect(read.migrations[0].downScripts.count == 1)
    let found = SQLScript.statements(in: read.migrations[0].downScripts[0].text).map(\.command)
    #expect(found == SQLScript.statements(in: text.down).map(\.command))
  }
}
