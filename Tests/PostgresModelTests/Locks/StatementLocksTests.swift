import PostgresModel
import TestSupport
import Testing

private func lab(_ name: String) -> QualifiedName { QualifiedName(schema: "lab", name) }

/// The schema on which the locks were measured.
private let laboratory: SchemaFacts = {
  typealias Relation = SchemaFacts.Relation
  let mood: Set<QualifiedName> = [lab("mood"), lab("posint"), lab("plainint")]
  let indexes = ["pk", "email_ix", "age_ix", "code_ux", "filled_ux", "id_ux"].map {
    Relation(lab("customer_" + $0), .index, owner: lab("customer"))
  }
  return SchemaFacts(
    searchPath: ["lab"],
    relations: indexes + [
      Relation(lab("region")), Relation(lab("customer"), types: mood), Relation(lab("orders")),
      Relation(lab("loose")), Relation(lab("event"), .partitionedTable),
      Relation(lab("event_2023"), parents: [lab("event")]),
      Relation(lab("event_default"), parents: [lab("event")], isDefaultPartition: true),
      Relation(lab("event_new")), Relation(lab("parent")), Relation(lab("child")),
      Relation(lab("customer_v"), .view, sources: [lab("customer")]),
      Relation(lab("customer_mv"), .materializedView, sources: [lab("customer")]),
      Relation(lab("customer_mv_ux"), .index, owner: lab("customer_mv")),
      Relation(
        lab("customer_id_seq"), .sequence, owner: lab("customer"), column: .identity("id")),
      Relation(lab("sq"), .sequence), Relation(lab("pair"), .compositeType),
      // Made by the preparation of single cases.
      Relation(lab("i"), .partitionedIndex, owner: lab("event")),
      Relation(lab("i23"), .index, owner: lab("event_2023")),
    ],
    foreignKeys: [
      .init(
        "orders_customer_fk", of: lab("orders"), ["customer_id"], to: lab("customer"), ["id"])
    ],
    statistics: [lab("customer_st"): lab("customer")])
}()

extension MeasuredStatement {
  /// What stood in the database when it was measured.
  fileprivate var facts: SchemaFacts {
    var facts = laboratory
    if setup?.contains("ADD CONSTRAINT k FOREIGN KEY") ?? false {
      facts.foreignKeys.append(
        .init("k", of: lab("loose"), ["customer_id"], to: lab("customer"), ["id"]))
    }
    if setup?.contains("DROP TABLE event_default") ?? false {
      facts.relations[lab("event_default")] = nil
    }
    if setup?.contains("ALTER id DROP IDENTITY") ?? false {
      facts.relations[lab("customer_id_seq")] = nil
    }
    return facts
  }
}

private func expected(_ sql: String, _ facts: SchemaFacts? = nil) -> [String] {
  let effects = StatementLocks(facts: facts).effects(in: sql)
  return effects.last?.effect?.locks.map {
    "\($0.isCertain ? "" : "? ")\($0.mode.sqlName) \($0.placeText)"
  } ?? []
}

@Suite struct MeasuredLocksTests {
  /// Locks that the measurement could not see, with the reason.
  private static let unmeasured: [String: Set<QualifiedName>] = [
    // Without rows and indexes it is done before the sampler, which looks from outside, comes by.
    "reindex_schema": [lab("parent")]
  ]

  @Test func `the measurements are those of the version that is named`() {
    #expect(MeasuredStatement.all.count > 170)
    #expect(StatementLocks.measuredOn == "15.18")
  }

  @Test func `every measured statement is concluded to lock what it locked`() {
    var agreed = 0
    var locks = 0
    for measured in MeasuredStatement.all {
      guard let effect = StatementLocks(facts: measured.facts).effect(of: measured.statement).effect
      else {
        Issue.record("\(measured.id): not analysed")
        continue
      }
      var concluded: [QualifiedName: ExpectedLock] = [:]
      for lock in effect.locks {
        guard let name = lock.relation else {
          Issue.record("\(measured.id): \(lock.placeText) has no name")
          continue
        }
        concluded[name] = lock
      }
      var isRight = true
      for (name, mode) in measured.locks {
        let relation = lab(name)
        locks += 1
        if concluded[relation]?.mode != mode {
          isRight = false
          Issue.record(
            "\(measured.id): \(relation) \(mode.sqlName), not \(concluded[relation]?.mode.sqlName ?? "none")"
          )
        }
      }
      for (relation, lock) in concluded where lock.isCertain && measured.locks[relation.name] == nil
      {
        if lock.role == .index {
          // Those of later preparations are in the facts, but not always there.
          let was = measured.indexes[relation.name]
          #expect(was == nil || was == lock.mode, "\(measured.id): \(relation)")
          continue
        }
        if Self.unmeasured[measured.id]?.contains(relation) ?? false { continue }
        isRight = false
        Issue.record("\(measured.id): \(lock.mode.sqlName) on \(relation) was not measured")
      }
      if isRight { agreed += 1 }
    }
    print(
      "locks as measured: \(agreed) of \(MeasuredStatement.all.count) statements, \(locks) locks")
  }

  @Test func `rewriting and reading are concluded as they were measured, or said to depend`() {
    var sure = 0
    for measured in MeasuredStatement.all {
      guard let effect = StatementLocks(facts: measured.facts).effect(of: measured.statement).effect
      else { continue }
      for (name, concluded, was) in [
        ("rewrite", effect.rewrites, measured.rewrites), ("scan", effect.scans, measured.scans),
      ] {
        switch concluded {
        case .yes: #expect(was, "\(measured.id): \(name)")
        case .no: #expect(!was, "\(measured.id): \(name)")
        case .perhaps: continue
        }
        sure += 1
      }
    }
    print(
      "rewrites and scans as measured: \(sure) of \(2 * MeasuredStatement.all.count), the rest depends"
    )
  }

  @Test func `what may run in a transaction is told as it was measured`() {
    for measured in MeasuredStatement.all {
      let effect = StatementLocks(facts: measured.facts).effect(of: measured.statement).effect
      #expect((effect?.notInTransaction == nil) == measured.runsInTransaction, "\(measured.id)")
    }
  }

  @Test func `without any facts no lock goes unsaid`() {
    var said = (byName: 0, byPlace: 0, asUnseen: 0)
    for measured in MeasuredStatement.all {
      guard let effect = StatementLocks().effect(of: measured.statement).effect else {
        Issue.record("\(measured.id): not analysed")
        continue
      }
      for (relation, mode) in measured.locks {
        let strong = effect.locks.filter { $0.mode >= mode }
        if strong.contains(where: { $0.relation?.name == relation }) {
          said.byName += 1
        } else if strong.contains(where: { $0.relation == nil }) {
          said.byPlace += 1
        } else if !effect.unseen.isEmpty {
          said.asUnseen += 1
        } else {
          Issue.record("\(measured.id): \(mode.sqlName) on \(relation) goes unsaid")
        }
      }
    }
    print(
      "without facts: \(said.byName) locks told by name, \(said.byPlace) by their place,"
        + " \(said.asUnseen) as what cannot be seen")
  }

  @Test func `statements that failed when they were measured are told apart`() {
    print("left out, since they failed when they were measured:")
    for failed in MeasuredStatement.failed { print("  \(failed.id): \(failed.reason)") }
    #expect(MeasuredStatement.failed.count + MeasuredStatement.all.count == 180)
  }
}

@Suite struct StatementLocksTests {
  private func lines(_ sql: String, _ facts: SchemaFacts? = nil) -> [String] {
    StatementLocks(facts: facts).effect(of: sql).lines
  }

  @Test func `the effect is told in the words of the field`() {
    #expect(
      lines("alter table orders add column channel text") == [
        "needs ACCESS EXCLUSIVE on orders",
        "may need ACCESS EXCLUSIVE on every partition and child of orders", "no rewrite",
      ])
    #expect(
      lines("create index concurrently i on customer (age)", laboratory) == [
        "asks SHARE UPDATE EXCLUSIVE on lab.customer; reads and writes go on", "reads every row",
        "waits for older transactions to end", "cannot run in a transaction",
      ])
    #expect(
      lines("create index i on customer (age)", laboratory) == [
        "needs SHARE on lab.customer; reads go on", "no rewrite", "reads every row",
      ])
    #expect(
      lines("alter table customer alter age set not null", laboratory) == [
        "needs ACCESS EXCLUSIVE on lab.customer", "no rewrite",
        "reads every row unless a valid CHECK proves that there is no null",
      ])
    #expect(
      lines("alter table customer alter age type bigint", laboratory) == [
        "needs ACCESS EXCLUSIVE on lab.customer",
        "rewrites every row unless the old values can stand as they are",
      ])
    #expect(
      lines("vacuum full customer", laboratory) == [
        "needs ACCESS EXCLUSIVE on lab.customer", "rewrites every row",
        "cannot run in a transaction",
      ])
    #expect(lines("select 1") == [])
    #expect(
      lines("insert into t values (1)") == ["asks ROW EXCLUSIVE on t; reads and writes go on"])
  }

  @Test func `what only the catalog knows is told as such`() {
    #expect(
      expected("drop index customer_age_ix") == [
        "ACCESS EXCLUSIVE customer_age_ix", "ACCESS EXCLUSIVE the table of index customer_age_ix",
      ])
    #expect(
      expected("drop index customer_age_ix", laboratory) == [
        "ACCESS EXCLUSIVE lab.customer_age_ix", "ACCESS EXCLUSIVE lab.customer",
      ])
    #expect(
      expected("alter table orders drop constraint c") == [
        "ACCESS EXCLUSIVE orders", "? ACCESS EXCLUSIVE every partition and child of orders",
        "? ACCESS EXCLUSIVE the table that c of orders references",
      ])
  }

  @Test func `what the script makes itself is nobody else's`() {
    let sql =
      "create table t (a int); create index on t (a); alter table t add b int; insert into t values (1)"
    #expect(StatementLocks().effects(in: sql).map { $0.effect?.locks } == [[], [], [], []])
    #expect(
      expected("create table p partition of t default; drop table p").first == "ACCESS EXCLUSIVE t")
    #expect(
      expected("create table t (a int); alter table t rename to u; drop table u").contains {
        $0.hasSuffix(" u")
      } == false)
    #expect(
      expected("create table if not exists t (a int); drop table t").contains("ACCESS EXCLUSIVE t"))
  }

  @Test func `dropping one's own table still locks the one it references`() {
    let sql = "create table t (a int references orders); drop table t"
    #expect(expected(sql).contains("ACCESS EXCLUSIVE orders"))
    #expect(
      expected("create index i on t (a); drop index i").contains(
        "ACCESS EXCLUSIVE the table of index i"))
  }

  @Test func `a foreign key locks both tables and a self reference one of them once`() {
    #expect(
      expected("alter table only a add foreign key (b) references s.c") == [
        "SHARE ROW EXCLUSIVE a", "SHARE ROW EXCLUSIVE s.c",
        "? SHARE ROW EXCLUSIVE every partition and child of s.c",
      ])
    #expect(
      expected("alter table only a add foreign key (b) references a").first
        == "SHARE ROW EXCLUSIVE a")
  }

  @Test(arguments: [
    ("do $$ begin drop table t; end $$", "a DO block can do anything"),
    ("call p()", "a procedure can do anything"),
    ("execute p", "what EXECUTE runs was prepared elsewhere"),
    ("\\i x.sql", "\\i is a command of psql"),
    (
      "alter table t alter c set expression as (1)",
      "not understood by the grammar of PostgreSQL 15: syntax error at or near \"expression\""
    ),
    ("drop owned by r", "it depends on what the role owns"),
  ])
  func `what cannot be told is said not to be analysed`(_ sql: String, _ reason: String) {
    #expect(StatementLocks().effect(of: sql) == .notAnalysed(reason))
    #expect(lines(sql) == ["not analysed: \(reason)"])
  }

  @Test func `functions of the user's own are named as not seen`() {
    let effect = StatementLocks().effect(of: "select s.refresh_all(), now(), count(*) from t")
      .effect
    #expect(effect?.unseen == ["what s.refresh_all() does"])
    #expect(lines("drop function f(int) cascade") == ["not seen: what CASCADE drops with it"])
    #expect(lines("select f(1)") == ["not seen: what f() does"])
    #expect(
      lines("create extension pg_trgm") == ["not seen: what the script of extension pg_trgm does"])
  }

  @Test func `a default is judged by what computes it`() {
    func rewrite(_ expression: String) -> Judgement? {
      StatementLocks().effect(of: "alter table t add c text default \(expression)").effect?.rewrites
    }
    #expect(rewrite("now()") == .no)
    #expect(rewrite("upper('x') || current_date") == .no)
    #expect(rewrite("gen_random_uuid()") == .yes)
    #expect(rewrite("coalesce(random()::text, 'x')") == .yes)
    #expect(rewrite("my.f()") == .perhaps("unless my.f is declared stable or immutable"))
    #expect(rewrite("my.now()") == .perhaps("unless my.now is declared stable or immutable"))
  }

  @Test func `statements inside of others are seen`() {
    #expect(
      Set(expected("with x as (delete from a returning *) insert into b select * from x, c"))
        .isSuperset(of: ["ROW EXCLUSIVE a", "ROW EXCLUSIVE b", "ACCESS SHARE c"]))
    #expect(expected("with x as (select 1) select * from x") == [])
    #expect(expected("explain analyze update t set a = 1").contains("ROW EXCLUSIVE t"))
    #expect(expected("select * from a for update of a").first == "ROW SHARE a")
    #expect(
      expected("create schema s create table s.t (a int references o)").contains(
        "SHARE ROW EXCLUSIVE o"))
  }

  @Test func `the sequence of an identity changes with its column`() {
    let sql = "alter table customer alter id type int"
    #expect(
      expected(sql, laboratory) == [
        "ACCESS EXCLUSIVE lab.customer", "ACCESS EXCLUSIVE lab.orders",
        "SHARE ROW EXCLUSIVE lab.customer_id_seq",
      ])
    #expect(
      expected(sql).contains("? SHARE ROW EXCLUSIVE the sequence of the identity customer.id"))
    #expect(
      lines(sql, laboratory).contains(
        "needs SHARE ROW EXCLUSIVE on lab.customer_id_seq; reads go on"))
    #expect(!lines(sql).contains { $0.contains("identity") })
    #expect(
      expected("alter table customer alter age type bigint", laboratory) == [
        "ACCESS EXCLUSIVE lab.customer"
      ])
  }

  @Test func `a sequence that only belongs to a column goes with it and does not change with it`() {
    var facts = laboratory
    facts.relations[lab("customer_id_seq")]?.column = .owned("id")
    #expect(
      !expected("alter table customer alter id type int", facts).contains { $0.hasSuffix("seq") })
    #expect(
      expected("alter table customer drop column id", facts).contains(
        "ACCESS EXCLUSIVE lab.customer_id_seq"))
    #expect(
      !expected("alter table customer drop column age", facts).contains { $0.hasSuffix("seq") })
  }

  @Test func `a sequence that takes defaults with it is not said to lock nothing else`() {
    #expect(
      lines("drop sequence s cascade").last
        == "not seen: the tables whose defaults CASCADE drops with it")
    #expect(
      expected("alter sequence s owned by t.c") == ["SHARE ROW EXCLUSIVE s", "ACCESS SHARE t"])
    #expect(expected("alter sequence s owned by none") == ["SHARE ROW EXCLUSIVE s"])
  }

  @Test func `a cascade reaches all that reference in turn`() {
    var facts = laboratory
    facts.foreignKeys.append(.init("k", of: lab("loose"), ["a"], to: lab("orders"), ["id"]))
    #expect(
      Set(expected("truncate customer cascade", facts))
        == [
          "ACCESS EXCLUSIVE lab.customer", "ACCESS EXCLUSIVE lab.orders",
          "ACCESS EXCLUSIVE lab.loose",
        ])
  }
}
