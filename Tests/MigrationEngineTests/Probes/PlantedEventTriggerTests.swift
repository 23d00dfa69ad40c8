import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

@Suite(.fewAtOnce) struct PlantedEventTriggerTests {
  @Test(arguments: planted)
  func `what is found is what is true`(_ planted: Planted) async throws {
    let trials = try await ProbeFixture(base: planted.base).trials(
      planted.up, probes: [TriggerProbe()])
    #expect(trials.outcome("event trigger g") == planted.truth, "\(trials.words)")
    for evidence in planted.evidence {
      #expect(
        trials.flatMap(\.evidence).contains { $0.text.contains(evidence) },
        "\(evidence)\n\(trials.words)")
    }
  }

  @Test(arguments: ["ddl_command_start", "ddl_command_end", "sql_drop", "table_rewrite"])
  func `every command that is known brings its event about`(_ event: String) async throws {
    let tags = Self.tags.filter { EventTriggerCommands.command($0, on: event) != nil }
    #expect(tags.count >= (event == "table_rewrite" ? 2 : 25))
    for start in stride(from: 0, to: tags.count, by: 20) {
      let some = tags[start..<min(start + 20, tags.count)]
      let list = some.map { "'\($0)'" }.joined(separator: ", ")
      let trials = try await ProbeFixture(base: "").trials(
        Self.function("null;")
          + "create event trigger g on \(event) when tag in (\(list)) execute function e();",
        probes: [TriggerProbe()])
      #expect(trials.outcome("event trigger g") == .proven, "\(trials.words)")
      #expect(trials.flatMap(\.evidence).count { $0.text.contains("it is called") } == some.count)
    }
  }

  @Test func `one that lets nothing be dropped does not keep a rehearsal from its end`()
    async throws
  {
    let up =
      Self.function("raise exception 'nothing is dropped here';")
      + "create event trigger g on sql_drop execute function e(); create table noted (n int);"
    let report = try await ProbeFixture(base: "").report(
      up, down: "drop event trigger g; drop function e(); drop table noted;")
    let migration = try #require(report.migrations.first)
    #expect(migration.applies == true)
    #expect(migration.verdict == .passed, "\(String(describing: migration.error))")
    #expect(
      migration.trials?.outcome("event trigger g") == .notProven, "\(migration.trials?.words ?? "")"
    )
  }

  /// A migration that makes an event trigger, and what is true of it.
  struct Planted: Sendable, CustomTestStringConvertible {
    var words: String
    var base = ""
    var up: String
    var truth: Trial.Outcome
    var evidence: [String]

    var testDescription: String { words }

    init(
      _ words: String, base: String = "", _ up: String, _ truth: Trial.Outcome,
      _ evidence: String...
    ) {
      self.words = words
      self.base = base
      self.up = up
      self.truth = truth
      self.evidence = evidence
    }
  }

  private static func function(_ body: String, _ name: String = "e") -> String {
    "create function \(name)() returns event_trigger language plpgsql as $f$ begin \(body) end $f$; "
  }

  private static func trigger(_ event: String, _ tags: String...) -> String {
    let list = tags.map { "'\($0)'" }.joined(separator: ", ")
    let filter = tags.isEmpty ? "" : " when tag in (\(list))"
    return "create event trigger g on \(event)\(filter) execute function e(); "
  }

  private static let tags =
    [
      "ALTER", "CREATE", "DROP",
    ].flatMap { verb in
      [
        "AGGREGATE", "CAST", "COLLATION", "DEFAULT PRIVILEGES", "DOMAIN", "FOREIGN DATA WRAPPER",
        "FOREIGN TABLE", "FUNCTION", "INDEX", "MATERIALIZED VIEW", "OPERATOR", "OPERATOR FAMILY",
        "POLICY", "PROCEDURE", "PUBLICATION", "ROUTINE", "RULE", "SCHEMA", "SEQUENCE", "SERVER",
        "STATISTICS", "TABLE", "TABLE AS", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY",
        "TRIGGER", "TYPE", "USER MAPPING", "VIEW",
      ].map { "\(verb) \($0)" }
    } + ["COMMENT", "GRANT", "REFRESH MATERIALIZED VIEW", "REVOKE", "SELECT INTO"]

  private static let idle = function("null;")

  static let planted: [Planted] = [
    // They fire.
    .init(
      "the end of a command", idle + trigger("ddl_command_end", "CREATE TABLE"), .proven,
      "ddl_command_end: it is called once for CREATE TABLE"),
    .init(
      "the start of two commands", idle + trigger("ddl_command_start", "DROP TABLE", "CREATE VIEW"),
      .proven, "it is called once for DROP TABLE", "it is called once for CREATE VIEW"),
    .init(
      "what is dropped",
      "create table dropped (name text); "
        + function(
          "insert into dropped select object_identity from pg_event_trigger_dropped_objects();")
        + trigger("sql_drop"), .proven, "sql_drop: it is called once for DROP TABLE",
      "it is called once for ALTER TABLE"),
    .init(
      "a table that is rewritten",
      function("raise notice '%', pg_event_trigger_table_rewrite_oid();")
        + trigger("table_rewrite"), .proven, "table_rewrite: it is called once for ALTER TABLE"),
    .init(
      "every command", idle + trigger("ddl_command_end"), .proven,
      "it is called once for CREATE FUNCTION"),
    .init(
      "always",
      idle + trigger("ddl_command_end", "COMMENT") + "alter event trigger g enable always;",
      .proven),
    .init(
      "its function alone is changed", base: idle + trigger("ddl_command_end", "CREATE VIEW"),
      "create or replace function e() returns event_trigger language plpgsql as $$ begin raise notice"
        + " 'x'; end $$;", .proven, "it is called once for CREATE VIEW"),
    .init(
      "one that refuses some commands of all",
      function("if tg_tag = 'DROP TABLE' then raise 'no'; end if;") + trigger("ddl_command_start"),
      .proven, "it is called once for CREATE TABLE", "it raises for DROP TABLE, which may be"),
    .init(
      "beside one that calls the same function",
      base: idle + "create event trigger a on ddl_command_end execute function e()",
      trigger("ddl_command_end", "CREATE TABLE"), .proven,
      "the event trigger a, which calls the same function, was off for this",
      "it is called once for CREATE TABLE"),
    // They do not, or nobody can tell.
    .init(
      "disabled", idle + trigger("ddl_command_end") + "alter event trigger g disable;", .refuted,
      "it is disabled"),
    .init(
      "for replicas only",
      idle + trigger("ddl_command_end") + "alter event trigger g enable replica;", .refuted,
      "it fires only where session_replication_role is replica"),
    .init(
      "an old one is disabled", base: idle + trigger("ddl_command_end", "CREATE TABLE"),
      "alter event trigger g disable;", .refuted, "it is disabled"),
    .init(
      "disabled beside one that calls the same function",
      base: idle + "create event trigger a on ddl_command_end execute function e()",
      trigger("ddl_command_end", "CREATE TABLE") + "alter event trigger g disable;", .refuted),
    .init(
      "a database of replicas",
      idle + trigger("ddl_command_end")
        + "do $$ begin execute format('alter database %I set session_replication_role = replica',"
        + " current_database()); end $$;", .refuted),
    .init(
      "one that names a table that is not there",
      function("insert into nowhere values (1);") + trigger("ddl_command_end", "CREATE VIEW"),
      .refuted, "it raises for CREATE VIEW: relation \"nowhere\" does not exist (SQLSTATE 42P01)"),
    .init(
      "one that is always called and lets nothing begin",
      function("raise exception 'never';") + trigger("ddl_command_start")
        + "alter event trigger g enable always;", .refuted,
      "it raises for CREATE TABLE: never (SQLSTATE P0001)"),
    .init(
      "one that asks what it may not ask",
      function("perform count(*) from pg_event_trigger_dropped_objects();")
        + trigger("ddl_command_end", "CREATE VIEW"), .refuted, "(SQLSTATE 39P03)"),
    .init(
      "one that forbids what it is for",
      function("raise exception 'views are not wanted';")
        + trigger("ddl_command_start", "CREATE VIEW"), .notProven,
      "which may be what it is for: views are not wanted (SQLSTATE P0001)"),
    .init(
      "one whose command nothing here can bring about",
      idle + trigger("ddl_command_end", "CREATE EXTENSION", "CREATE TABLE"), .notProven,
      "CREATE EXTENSION could not be brought about: no harmless command is known",
      "it is called once for CREATE TABLE"),
    .init(
      "one that waits for what drops nothing", idle + trigger("sql_drop", "CREATE TABLE"),
      .notProven, "CREATE TABLE could not be brought about"),
    .init(
      "one that calls another server",
      function("perform dblink_exec('x', 'y');") + trigger("ddl_command_end", "CREATE VIEW"),
      .notProven, "no rollback takes its effects back: it calls dblink_exec"),
    .init(
      "behind one that forbids the command",
      base: function("raise exception 'never';", "no")
        + "create event trigger a on ddl_command_start when tag in ('CREATE VIEW') execute function"
        + " no()",
      idle + trigger("ddl_command_start", "CREATE VIEW"), .notProven,
      "CREATE VIEW could not be brought about: never (SQLSTATE P0001)"),
  ]
}
