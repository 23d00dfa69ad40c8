import Testing

@testable import PostgresModel

@Suite struct ProbedViewTests {
  private func layer(_ definition: String) -> ProbedView.Layer? {
    ProbedView(
      oid: 1, object: "public.v", name: "v", option: .cascaded, definition: definition
    ).layer()
  }

  @Test func `what a view takes from below is read`() {
    let layer = layer(
      " SELECT t.id AS number,\n    t.\"Odd\",\n    t.a + 1 AS next\n   FROM public.\"T\" t\n"
        + "  WHERE t.a > 5 AND (t.\"Odd\" <> ALL (ARRAY['t.x'::text, ' WHERE '::text]));")
    #expect(layer?.below == QualifiedName(schema: "public", "T"))
    #expect(layer?.columns == ["number": "id", "Odd": "Odd"])
    #expect(
      layer?.condition
        == "a > 5 AND (\"Odd\" <> ALL (ARRAY['t.x'::text, ' WHERE '::text]))")
  }

  @Test func `a condition ends where the query's order begins`() {
    let layer = layer("SELECT w.id FROM public.w WHERE (w.id > 0) ORDER BY w.id;")
    #expect(layer?.condition == "(id > 0)")
    #expect(self.layer("SELECT w.id FROM public.w;")?.condition == nil)
  }

  @Test(arguments: [
    "SELECT a.id FROM a, b", "SELECT a.id FROM a JOIN b ON true", "SELECT 1 AS id",
    "SELECT a.id FROM a UNION SELECT b.id FROM b", "not SQL",
  ])
  func `one that does not stand on one relation has no layer`(_ definition: String) {
    #expect(layer(definition) == nil)
  }

  @Test func `those with an option that are new or changed are tried`() {
    func view(_ option: ProbedView.Option?, _ definition: String = "SELECT 1") -> ProbedView {
      ProbedView(oid: 1, object: "public.v", name: "v", option: option, definition: definition)
    }
    #expect(ProbedView.touched(from: [], to: [view(.local)]) == [view(.local)])
    #expect(ProbedView.touched(from: [], to: [view(nil)]) == [])
    #expect(ProbedView.touched(from: [view(.local)], to: [view(.local)]) == [])
    #expect(ProbedView.touched(from: [view(nil)], to: [view(.local)]).count == 1)
    #expect(ProbedView.touched(from: [view(.local)], to: [view(.local, "SELECT 2")]).count == 1)
    #expect(ProbedView.touched(from: [view(.local)], to: [view(nil)]) == [])
  }
}
