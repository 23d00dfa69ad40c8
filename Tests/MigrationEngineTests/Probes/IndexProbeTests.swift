import MigrationEngine
import MigrationModel
import TestSupport
import Testing

@Suite(.fewAtOnce) struct IndexProbeTests {
  private func trials(
    _ up: String, base: String = "create table users (id int primary key, name text)",
    isOutside: Bool = false
  ) async throws -> [Trial] {
    try await ProbeFixture(base: base).trials(up, isOutside: isOutside, probes: [IndexProbe()])
  }

  @Test func `every sort of index that the planner takes is proven`() async throws {
    let trials = try await trials(
      """
      create table t (a int primary key, b text, c int[], d jsonb, e int4range, f tsvector,
        g timestamptz, h bool, p point);
      create index t_b on t (b);
      create index t_lower on t (lower(b));
      create index t_pair on t (b, g desc) include (h);
      create index t_part on t (g) where h;
      create index t_hash on t using hash (b);
      create index t_array on t using gin (c);
      create index t_doc on t using gin (d jsonb_path_ops);
      create index t_range on t using gist (e);
      create index t_text on t using gin (f);
      create index t_brin on t using brin (g);
      create index t_point on t using spgist (p);
      create index t_like on t (b text_pattern_ops);
      create index t_c on t (b collate "C");
      create index "Odd ""name" on t (a, b);
      create unique index t_unique on t (b) where a > 3;
      """)
    #expect(trials.count == 16, "\(trials.words)")
    #expect(trials.allSatisfy { $0.outcome == .proven }, "\(trials.words)")
    let flags = trials.first { $0.subject == "index public.t_lower" }?.evidence.map(\.text)
    #expect(flags?.first == "it is valid, ready and live")
    #expect(flags?.last?.hasPrefix("the planner takes it") == true)
  }

  @Test func `indexes of partitions and their table are proven`() async throws {
    let trials = try await trials(
      """
      create table t (a int, b text, primary key (a)) partition by range (a);
      create table t1 partition of t for values from (0) to (10);
      create index t_b on t (b);
      """)
    #expect(
      trials.map(\.subject) == [
        "index public.t1_b_idx", "index public.t1_pkey", "index public.t_b", "index public.t_pkey",
      ])
    #expect(trials.allSatisfy { $0.outcome == .proven }, "\(trials.words)")
  }

  @Test func `an index on a partitioned table alone is not valid`() async throws {
    let trials = try await trials(
      "create index t_b on only t (b);",
      base: "create table t (a int, b text) partition by range (a);"
        + " create table t1 partition of t for values from (0) to (10)")
    #expect(trials.outcome("index public.t_b") == .refuted, "\(trials.words)")
    #expect(trials.first?.evidence.first == .init("it is not valid", .refutes))
  }

  @Test func `one that the script leaves because its name is taken is refuted`() async throws {
    let base = """
      create table users (id int primary key, name text); create table other (name text);
      create index i on other (name)
      """
    let trials = try await trials("create index if not exists i on users (name);", base: base)
    #expect(trials.outcome("index i on users") == .refuted, "\(trials.words)")
    #expect(
      trials.first?.evidence.last?.text
        == "another index has its name: CREATE INDEX i ON public.other USING btree (name)")
  }

  @Test func `one that was there as it should be is proven`() async throws {
    let base = "create table users (id int primary key, name text); create index i on users (name)"
    let trials = try await trials("create index if not exists i on users (name);", base: base)
    #expect(trials.outcome("index public.i") == .proven, "\(trials.words)")
  }

  @Test func `an invalid one that was there and is left is refuted`() async throws {
    let base = """
      create table users (id int primary key, name text) partition by range (id);
      create table users1 partition of users for values from (0) to (10);
      create index i on only users (name)
      """
    let trials = try await trials("create index if not exists i on users (name);", base: base)
    #expect(trials.outcome("index public.i") == .refuted, "\(trials.words)")
  }

  @Test func `one that the script makes and drops again is not missed`() async throws {
    let trials = try await trials("create index i on users (name); drop index i;")
    #expect(trials == [])
  }

  @Test func `one that another statement took away unseen is missed`() async throws {
    let trials = try await trials(
      "create index i on users (name); do $$ begin execute 'drop index i'; end $$;")
    #expect(trials.outcome("index i on users") == .refuted, "\(trials.words)")
    #expect(trials.first?.evidence.last?.text == "no index of that name is there")
  }

  @Test func `one that was built outside a transaction is proven`() async throws {
    let trials = try await trials(
      "create index concurrently i on users (name);", isOutside: true)
    #expect(trials.outcome("index public.i") == .proven, "\(trials.words)")
  }

  @Test func `amcheck is asked where it is installed`() async throws {
    let trials = try await trials(
      "create index i on users (name);",
      base: "create extension amcheck; create table users (id int primary key, name text)")
    #expect(trials.outcome("index public.i") == .proven, "\(trials.words)")
    #expect(trials.first?.evidence.map(\.text).contains("bt_index_check finds it sound") == true)
  }
}
