/// Commands that bring an event trigger's event about, each harmless in a transaction that is rolled back.
///
/// They work on objects of a schema of their own. Source of the tags: PostgreSQL manual, "Event Trigger
/// Firing Matrix".
public enum EventTriggerCommands {
  /// The schema, and the name of what belongs to none.
  public static let schema = "lockstep_probe"

  /// The command for a tag; `nil` where none is known that brings the event about.
  public static func command(_ tag: String, on event: String) -> String? {
    switch event {
    case "ddl_command_start", "ddl_command_end": commands[tag]
    case "sql_drop": tag.hasPrefix("DROP ") || dropping.contains(tag) ? commands[tag] : nil
    case "table_rewrite": rewrites[tag]
    default: nil
    }
  }

  /// What is tried where a trigger is for every command: some of each sort.
  public static func usualTags(of event: String) -> [String] {
    switch event {
    case "ddl_command_start", "ddl_command_end":
      ["CREATE TABLE", "ALTER TABLE", "CREATE FUNCTION", "DROP TABLE"]
    case "sql_drop": ["DROP TABLE", "ALTER TABLE"]
    case "table_rewrite": ["ALTER TABLE"]
    default: []
    }
  }

  /// Those whose command here drops something, beside those that say so.
  private static let dropping: Set<String> = [
    "ALTER DOMAIN", "ALTER FOREIGN TABLE", "ALTER TABLE", "ALTER TYPE",
  ]

  private static let rewrites: [String: String] = [
    "ALTER TABLE": "ALTER TABLE \(schema).t ALTER COLUMN c TYPE integer USING 1",
    "ALTER TYPE": "ALTER TYPE \(schema).y ALTER ATTRIBUTE b TYPE bigint CASCADE",
  ]

  /// Makes what the commands work on, in this order.
  public static let preparation: [String] = [
    "CREATE SCHEMA \(schema)",
    "CREATE TABLE \(schema).t (a integer PRIMARY KEY, b integer NOT NULL, c text)",
    "CREATE INDEX i ON \(schema).t (b)",
    "CREATE VIEW \(schema).v AS SELECT a, b FROM \(schema).t",
    "CREATE MATERIALIZED VIEW \(schema).m AS SELECT a FROM \(schema).t",
    "CREATE SEQUENCE \(schema).s",
    "CREATE FUNCTION \(schema).f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1'",
    "CREATE PROCEDURE \(schema).p() LANGUAGE sql AS ''",
    "CREATE AGGREGATE \(schema).g(integer) (SFUNC = int4pl, STYPE = integer)",
    "CREATE TYPE \(schema).y AS (a integer, b integer)",
    "CREATE TABLE \(schema).n OF \(schema).y",
    "CREATE DOMAIN \(schema).d AS integer CONSTRAINT k CHECK (VALUE > 0)",
    "CREATE TRIGGER r BEFORE UPDATE ON \(schema).t FOR EACH ROW EXECUTE FUNCTION "
      + "suppress_redundant_updates_trigger()",
    "CREATE RULE u AS ON DELETE TO \(schema).t DO ALSO NOTHING",
    "CREATE POLICY o ON \(schema).t",
    "CREATE STATISTICS \(schema).x ON b, c FROM \(schema).t",
    "CREATE COLLATION \(schema).l FROM \"C\"",
    "CREATE TEXT SEARCH CONFIGURATION \(schema).w (PARSER = pg_catalog.\"default\")",
    "CREATE TEXT SEARCH DICTIONARY \(schema).w (TEMPLATE = pg_catalog.simple)",
    "CREATE OPERATOR \(schema).=== (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer)",
    "CREATE FOREIGN DATA WRAPPER \(schema)",
    "CREATE SERVER \(schema) FOREIGN DATA WRAPPER \(schema)",
    "CREATE FOREIGN TABLE \(schema).h (a integer) SERVER \(schema)",
    "CREATE USER MAPPING FOR PUBLIC SERVER \(schema)",
    "CREATE PUBLICATION \(schema)",
  ]

  private static let commands: [String: String] = [
    "ALTER AGGREGATE": "ALTER AGGREGATE \(schema).g(integer) RENAME TO g2",
    "ALTER COLLATION": "ALTER COLLATION \(schema).l RENAME TO l2",
    "ALTER DEFAULT PRIVILEGES":
      "ALTER DEFAULT PRIVILEGES IN SCHEMA \(schema) GRANT SELECT ON TABLES TO PUBLIC",
    "ALTER DOMAIN": "ALTER DOMAIN \(schema).d DROP CONSTRAINT k",
    "ALTER FOREIGN DATA WRAPPER": "ALTER FOREIGN DATA WRAPPER \(schema) NO HANDLER",
    "ALTER FOREIGN TABLE": "ALTER FOREIGN TABLE \(schema).h DROP COLUMN a",
    "ALTER FUNCTION": "ALTER FUNCTION \(schema).f(integer) STABLE",
    "ALTER INDEX": "ALTER INDEX \(schema).i RENAME TO i2",
    "ALTER MATERIALIZED VIEW": "ALTER MATERIALIZED VIEW \(schema).m RENAME TO m2",
    "ALTER OPERATOR": "ALTER OPERATOR \(schema).=== (integer, integer) OWNER TO CURRENT_USER",
    "ALTER POLICY": "ALTER POLICY o ON \(schema).t USING (false)",
    "ALTER PROCEDURE": "ALTER PROCEDURE \(schema).p() RENAME TO p2",
    "ALTER PUBLICATION": "ALTER PUBLICATION \(schema) ADD TABLE \(schema).t",
    "ALTER ROUTINE": "ALTER ROUTINE \(schema).f(integer) STABLE",
    "ALTER RULE": "ALTER RULE u ON \(schema).t RENAME TO u2",
    "ALTER SCHEMA": "ALTER SCHEMA \(schema) RENAME TO \(schema)2",
    "ALTER SEQUENCE": "ALTER SEQUENCE \(schema).s CACHE 2",
    "ALTER SERVER": "ALTER SERVER \(schema) VERSION '2'",
    "ALTER STATISTICS": "ALTER STATISTICS \(schema).x RENAME TO x2",
    "ALTER TABLE": "ALTER TABLE \(schema).t DROP COLUMN c",
    "ALTER TEXT SEARCH CONFIGURATION": "ALTER TEXT SEARCH CONFIGURATION \(schema).w RENAME TO w2",
    "ALTER TEXT SEARCH DICTIONARY": "ALTER TEXT SEARCH DICTIONARY \(schema).w RENAME TO w2",
    "ALTER TRIGGER": "ALTER TRIGGER r ON \(schema).t RENAME TO r2",
    "ALTER TYPE": "ALTER TYPE \(schema).y DROP ATTRIBUTE b CASCADE",
    "ALTER USER MAPPING": "ALTER USER MAPPING FOR PUBLIC SERVER \(schema) OPTIONS (ADD a 'b')",
    "ALTER VIEW": "ALTER VIEW \(schema).v RENAME TO v2",
    "COMMENT": "COMMENT ON TABLE \(schema).t IS 'x'",
    "CREATE AGGREGATE": "CREATE AGGREGATE \(schema).g2(integer) (SFUNC = int4pl, STYPE = integer)",
    "CREATE CAST": "CREATE CAST (\(schema).y AS integer) WITH INOUT",
    "CREATE COLLATION": "CREATE COLLATION \(schema).l2 FROM \"C\"",
    "CREATE DOMAIN": "CREATE DOMAIN \(schema).d2 AS integer",
    "CREATE FOREIGN DATA WRAPPER": "CREATE FOREIGN DATA WRAPPER \(schema)2",
    "CREATE FOREIGN TABLE": "CREATE FOREIGN TABLE \(schema).h2 (a integer) SERVER \(schema)",
    "CREATE FUNCTION": "CREATE FUNCTION \(schema).f2() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE INDEX": "CREATE INDEX i2 ON \(schema).t (c)",
    "CREATE MATERIALIZED VIEW": "CREATE MATERIALIZED VIEW \(schema).m2 AS SELECT 1 AS a",
    "CREATE OPERATOR":
      "CREATE OPERATOR \(schema).==== (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer)",
    "CREATE OPERATOR FAMILY": "CREATE OPERATOR FAMILY \(schema).z USING btree",
    "CREATE POLICY": "CREATE POLICY o2 ON \(schema).t",
    "CREATE PROCEDURE": "CREATE PROCEDURE \(schema).p2() LANGUAGE sql AS ''",
    "CREATE PUBLICATION": "CREATE PUBLICATION \(schema)2",
    "CREATE RULE": "CREATE RULE u2 AS ON INSERT TO \(schema).t DO ALSO NOTHING",
    "CREATE SCHEMA": "CREATE SCHEMA \(schema)2",
    "CREATE SEQUENCE": "CREATE SEQUENCE \(schema).s2",
    "CREATE SERVER": "CREATE SERVER \(schema)2 FOREIGN DATA WRAPPER \(schema)",
    "CREATE STATISTICS": "CREATE STATISTICS \(schema).x2 ON a, c FROM \(schema).t",
    "CREATE TABLE": "CREATE TABLE \(schema).t2 (a integer PRIMARY KEY)",
    "CREATE TABLE AS": "CREATE TABLE \(schema).t2 AS SELECT 1 AS a",
    "CREATE TEXT SEARCH CONFIGURATION":
      "CREATE TEXT SEARCH CONFIGURATION \(schema).w2 (PARSER = pg_catalog.\"default\")",
    "CREATE TEXT SEARCH DICTIONARY":
      "CREATE TEXT SEARCH DICTIONARY \(schema).w2 (TEMPLATE = pg_catalog.simple)",
    "CREATE TRIGGER":
      "CREATE TRIGGER r2 BEFORE UPDATE ON \(schema).t FOR EACH ROW EXECUTE FUNCTION "
      + "suppress_redundant_updates_trigger()",
    "CREATE TYPE": "CREATE TYPE \(schema).y2 AS ENUM ('a')",
    "CREATE USER MAPPING": "CREATE USER MAPPING FOR CURRENT_USER SERVER \(schema)",
    "CREATE VIEW": "CREATE VIEW \(schema).v2 AS SELECT 1 AS a",
    "DROP AGGREGATE": "DROP AGGREGATE \(schema).g(integer)",
    "DROP COLLATION": "DROP COLLATION \(schema).l",
    "DROP DOMAIN": "DROP DOMAIN \(schema).d",
    "DROP FOREIGN DATA WRAPPER": "DROP FOREIGN DATA WRAPPER \(schema) CASCADE",
    "DROP FOREIGN TABLE": "DROP FOREIGN TABLE \(schema).h",
    "DROP FUNCTION": "DROP FUNCTION \(schema).f(integer)",
    "DROP INDEX": "DROP INDEX \(schema).i",
    "DROP MATERIALIZED VIEW": "DROP MATERIALIZED VIEW \(schema).m",
    "DROP OPERATOR": "DROP OPERATOR \(schema).=== (integer, integer)",
    "DROP POLICY": "DROP POLICY o ON \(schema).t",
    "DROP PROCEDURE": "DROP PROCEDURE \(schema).p()",
    "DROP PUBLICATION": "DROP PUBLICATION \(schema)",
    "DROP ROUTINE": "DROP ROUTINE \(schema).f(integer)",
    "DROP RULE": "DROP RULE u ON \(schema).t",
    "DROP SCHEMA": "DROP SCHEMA \(schema) CASCADE",
    "DROP SEQUENCE": "DROP SEQUENCE \(schema).s",
    "DROP SERVER": "DROP SERVER \(schema) CASCADE",
    "DROP STATISTICS": "DROP STATISTICS \(schema).x",
    "DROP TABLE": "DROP TABLE \(schema).t CASCADE",
    "DROP TEXT SEARCH CONFIGURATION": "DROP TEXT SEARCH CONFIGURATION \(schema).w",
    "DROP TEXT SEARCH DICTIONARY": "DROP TEXT SEARCH DICTIONARY \(schema).w",
    "DROP TRIGGER": "DROP TRIGGER r ON \(schema).t",
    "DROP TYPE": "DROP TYPE \(schema).y CASCADE",
    "DROP USER MAPPING": "DROP USER MAPPING FOR PUBLIC SERVER \(schema)",
    "DROP VIEW": "DROP VIEW \(schema).v",
    "GRANT": "GRANT SELECT ON \(schema).t TO PUBLIC",
    "REFRESH MATERIALIZED VIEW": "REFRESH MATERIALIZED VIEW \(schema).m",
    "REVOKE": "REVOKE SELECT ON \(schema).t FROM PUBLIC",
    "SELECT INTO": "SELECT 1 AS a INTO \(schema).t2",
  ]
}
