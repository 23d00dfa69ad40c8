import PostgresModel
import Testing

private func name(_ text: String) -> QualifiedName { QualifiedName(parsing: text) }

@Suite struct SchemaFactsTests {
  private let facts = SchemaFacts([
    .searchPath("app"), .searchPath("public"),
    .relation(.init(name("public.a"))), .relation(.init(name("app.a"))),
    .relation(.init(name("public.b"), .partitionedTable)),
    .relation(.init(name("public.b1"), .partitionedTable)),
    .relation(.init(name("public.b11"))),
    .relation(.init(name("public.bd"), isDefaultPartition: true)),
    .relation(.init(name("public.v"), .view)), .relation(.init(name("public.w"), .view)),
    .relation(.init(name("public.s"), .sequence, owner: name("app.a"))),
    .parent(of: name("public.b1"), name("public.b")),
    .parent(of: name("public.b11"), name("public.b1")),
    .parent(of: name("public.bd"), name("public.b")),
    .source(of: name("public.v"), name("app.a")), .source(of: name("public.w"), name("public.v")),
    .type(of: name("app.a"), name("app.mood")),
    .foreignKey(.init("k", of: name("public.b"), ["x"], to: name("app.a"), ["id"])),
    .statistics(name("public.st"), of: name("app.a")),
  ])

  /// The locks of a statement as `mode relation`.
  private func locks(_ sql: String) -> Set<String> {
    let effect = StatementLocks(facts: facts).effect(of: sql).effect
    return Set(effect?.locks.map { "\($0.mode.sqlName) \($0.placeText)" } ?? [])
  }

  @Test func `a name without a schema is looked for along the search path`() {
    #expect(facts.relation(name("a"))?.name == name("app.a"))
    #expect(facts.relation(name("public.a"))?.name == name("public.a"))
    #expect(facts.relation(name("b"))?.name == name("public.b"))
    #expect(facts.relation(name("nothing")) == nil)
  }

  @Test func `partitions are found at every depth`() {
    #expect(
      locks("alter table b add c int") == [
        "ACCESS EXCLUSIVE public.b", "ACCESS EXCLUSIVE public.b1", "ACCESS EXCLUSIVE public.b11",
        "ACCESS EXCLUSIVE public.bd",
      ])
    #expect(locks("alter table only b add c int") == ["ACCESS EXCLUSIVE public.b"])
  }

  @Test func `a dropped partition takes its parent and the default partition with it`() {
    #expect(
      locks("drop table b1") == [
        "ACCESS EXCLUSIVE public.b1", "ACCESS EXCLUSIVE public.b11", "ACCESS EXCLUSIVE public.b",
        "ACCESS EXCLUSIVE public.bd",
      ])
  }

  @Test func `a cascade reaches views of views, sequences and foreign keys`() {
    #expect(
      locks("drop table a cascade") == [
        "ACCESS EXCLUSIVE app.a", "ACCESS EXCLUSIVE public.v", "ACCESS EXCLUSIVE public.w",
        "ACCESS EXCLUSIVE public.s", "ACCESS EXCLUSIVE public.b",
      ])
  }

  @Test func `types and statistics lead to their tables`() {
    #expect(locks("drop type mood cascade") == ["ACCESS EXCLUSIVE app.a"])
    #expect(locks("drop statistics public.st") == ["SHARE UPDATE EXCLUSIVE app.a"])
  }

  @Test func `a column's foreign key is found from both sides`() {
    #expect(locks("alter table only b alter x type bigint").contains("ACCESS EXCLUSIVE app.a"))
    #expect(locks("alter table only a alter id type bigint").contains("ACCESS EXCLUSIVE public.b"))
    #expect(!locks("alter table only b alter y type bigint").contains("ACCESS EXCLUSIVE app.a"))
  }

  @Test func `of a relation that is not known nothing is left out`() {
    #expect(
      locks("drop index app.missing").contains("ACCESS EXCLUSIVE the table of index app.missing"))
  }
}
