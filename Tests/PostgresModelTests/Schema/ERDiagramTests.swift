import PostgresModel
import Testing

/// Diagrams of a schema that is given as facts.
@Suite struct ERDiagramTests {
  private static let snapshot: SchemaSnapshot = {
    func column(
      _ table: String, _ name: String, _ place: Int, _ type: String, notNull: Bool = false
    ) -> [SchemaFact] {
      let object = "\(table).\(name)"
      return [
        SchemaFact("column", object, "", table), SchemaFact("column", object, "type", type),
        SchemaFact("column", object, "place", "\(place)"),
      ] + (notNull ? [SchemaFact("column", object, "not null", "yes")] : [])
    }
    func constraint(_ table: String, _ name: String, _ definition: String) -> [SchemaFact] {
      [
        SchemaFact("constraint", "\(table).\(name)", "", table),
        SchemaFact("constraint", "\(table).\(name)", "definition", definition),
      ]
    }
    let odd = "sales.\"Line \"\"Items\"\"\""
    var facts = [
      SchemaFact("table", "public.customers"), SchemaFact("table", "public.orders"),
      SchemaFact("table", odd), SchemaFact("table", "public.orders_2026"),
      SchemaFact("table", "public.orders_2026", "partition of", "FOR VALUES IN (2026)"),
    ]
    facts += column("public.customers", "id", 1, "integer", notNull: true)
    facts += column("public.customers", "email", 2, "character varying(200)", notNull: true)
    facts += column("public.orders", "id", 2, "bigint", notNull: true)
    facts += column("public.orders", "customer_id", 10, "integer", notNull: true)
    facts += column("public.orders", "placed", 9, "timestamp with time zone")
    facts += column(odd, "\"order\"", 1, "bigint")
    facts += column(odd, "\"a b\"", 2, "numeric(10,2)[]")
    facts += column("public.orders_2026", "id", 1, "bigint")
    facts += constraint("public.customers", "customers_pkey", "PRIMARY KEY (id)")
    facts += constraint("public.customers", "customers_email_key", "UNIQUE (email)")
    facts += constraint("public.orders", "orders_pkey", "PRIMARY KEY (id)")
    facts += constraint("public.orders", "orders_check", "CHECK ((id > 0))")
    facts += constraint(
      "public.orders", "orders_customer",
      "FOREIGN KEY (customer_id) REFERENCES public.customers(id) ON DELETE CASCADE NOT VALID")
    facts += constraint(odd, "line_order", "FOREIGN KEY (\"order\") REFERENCES public.orders(id)")
    facts += constraint(odd, "line_unique", "UNIQUE (\"order\")")
    return SchemaSnapshot(facts)
  }()

  @Test func `tables, columns in their order, and keys are found`() throws {
    let diagram = ERDiagram(Self.snapshot)
    #expect(
      diagram.tables.map(\.name) == [
        QualifiedName(schema: "public", "customers"), QualifiedName(schema: "public", "orders"),
        QualifiedName(schema: "sales", "Line \"Items\""),
      ])
    #expect(diagram.tables[1].columns.map(\.name) == ["id", "placed", "customer_id"])
    #expect(diagram.relationships.map(\.constraint) == ["orders_customer", "line_order"])
    #expect(diagram.relationships.map(\.isOptional) == [false, true])
    #expect(diagram.relationships.map(\.isToOne) == [false, true])
  }

  @Test func `Mermaid quotes what is no plain name`() {
    #expect(
      ERDiagram(Self.snapshot).mermaid == """
        erDiagram
            "customers" {
                integer id PK
                varchar(200) email UK "not null"
            }
            "orders" {
                bigint id PK
                timestamptz placed
                integer customer_id FK "not null"
            }
            "sales.Line 'Items'" {
                bigint order FK, UK
                numeric(10_2)[] a_b "a b"
            }
            "customers" ||--o{ "orders" : "customer_id"
            "orders" |o--o| "sales.Line 'Items'" : "order"

        """)
  }

  @Test func `text is for a terminal`() {
    #expect(
      ERDiagram(Self.snapshot).text == """
        customers
          id     integer       PK
          email  varchar(200)  unique, not null

        orders
          id           bigint       PK
          placed       timestamptz
          customer_id  integer      not null, -> customers

        sales.Line "Items"
          order  bigint           unique, -> orders
          a b    numeric(10,2)[]

        """)
    #expect(ERDiagram(SchemaSnapshot([])).text == "no tables\n")
  }

  @Test func `DOT escapes what would end a label`() {
    let dot = ERDiagram(Self.snapshot).dot
    #expect(dot.contains("\"sales.Line \\\"Items\\\"\" [label=<"))
    #expect(dot.contains("<b>sales.Line &quot;Items&quot;</b>"))
    #expect(
      dot.contains(
        "  \"orders\":c2 -> \"customers\" [label=\"customer_id\", arrowtail=crowodot, arrowhead=teetee];\n"
      ))
    #expect(
      dot.contains(
        "<td align=\"left\">customer_id</td><td align=\"left\" port=\"c2\">integer</td>"))
    #expect(dot.count { $0 == "{" } == dot.count { $0 == "}" })
  }
}
