import MigrationModel
import PostgresModel
import Testing

/// The forms of a validation report.
@Suite struct ChecklistReportTests {
  static let hostile =
    "<script>alert(1)</script> `x` **b** [l](http://e) @ada | %0A::error::\n\u{1b}[2J\u{202e}\"'&"

  private func report(_ text: String = "told") -> ChecklistReport {
    let list = Checklist(
      title: "Staging",
      items: [
        ChecklistItem(id: "rollback", title: "Rolls back", proof: .rollback),
        ChecklistItem(id: "team", title: text, section: text),
        ChecklistItem(id: "health", title: "Health", section: "After"),
        ChecklistItem(id: "contract", title: "Contract", proof: .contract, section: "After"),
      ])
    let at = Instant(microseconds: 1_770_000_000_000_000)
    let items = [
      CheckedItem(
        list.items[0], .failed, evidence: [.init("not as before: \(text)", .refutes)], by: "ada",
        at: at),
      CheckedItem(list.items[1], .waived, by: "ada", at: at, reason: text, notes: [text]),
      CheckedItem(list.items[2]),
      CheckedItem(
        list.items[3], .passed, evidence: [.init("all well", .supports)], by: "ci", at: at),
    ]
    return ChecklistReport(
      title: list.title,
      migrations: [
        CheckedMigration(
          version: Version("001"), name: text, checksum: "ab12", environment: "staging",
          items: items)
      ], database: "shop on db1:5432", environment: "staging", at: at, by: "ada",
      files: [Version("001"): "db/a,b:c.sql"])
  }

  @Test func `Markdown is a task list with its evidence folded in`() {
    #expect(
      report("told").markdown == """
        ## Staging: failed

        staging: shop on db1:5432  
        2026-02-02 02:40:00 UTC, by ada

        ### 001\\_told: failed, 2 of 4 settled

        SHA-256 `ab12`

        - [ ] Rolls back — **failed**, proven by ada, 2026-02-02 02:40:00 UTC
          <details><summary>evidence</summary>

          ```text
          ! not as before: told
          ```

          </details>

        **told**

        - [x] told — **waived**, waived by ada, 2026-02-02 02:40:00 UTC: told
          - Note: told

        **After**

        - [ ] Health — **open**
        - [x] Contract — **passed**, proven by ci, 2026-02-02 02:40:00 UTC
          <details><summary>evidence</summary>

          ```text
          + all well
          ```

          </details>

        """)
  }

  @Test func `the copies on which it was seen are told, and of several what for`() {
    var report = report()
    func copies(_ copies: [CheckFinding.Copy?]) -> [String] {
      for (index, copy) in copies.enumerated() { report.migrations[0].items[index].copy = copy }
      return report.migrations[0].rehearsalLines
    }
    let sample = CheckFinding.Copy(.sampled, sample: "at most 500 rows a table")
    #expect(copies([nil, nil, nil, nil]) == [])
    let words = "schema with a sample of the rows, on the same server, at most 500 rows a table"
    #expect(copies([sample, nil, nil, sample]) == ["rehearsed: \(words)"])
    #expect(report.markdown.contains("\n\nrehearsed: \(words)\n\n- [ ] Rolls back"))
    #expect(report.html.contains("<p>rehearsed: \(words)</p>\n<table>"))
    #expect(
      copies([sample, nil, nil, .init(.clone)]) == [
        "rehearsed for rollback: \(words)",
        "rehearsed for contract: a clone with every row, on the same server",
      ])
    // What was seen of another content says nothing of this one.
    report.migrations[0].items[3].status = .stale
    #expect(report.migrations[0].rehearsalLines == ["rehearsed: \(words)"])
  }

  @Test func `a report reads as a task list again`() throws {
    let list = try Checklist(markdown: report("told").markdown)
    #expect(list.items.count == 4)
  }

  @Test func `hostile text is nothing but text in Markdown`() {
    let markdown = report(Self.hostile).markdown
    // A fence shows everything as it is.
    let parts = markdown.split(separator: "\n").filter { !$0.hasPrefix("  ! ") }
    #expect(!parts.contains { $0.contains("<script") } && !markdown.contains("\u{1b}"))
    #expect(!markdown.contains("\u{202e}"))
    #expect(markdown.contains("&#64;ada") && markdown.contains("\\`x\\`"))
    #expect(markdown.contains("\\[l\\](http://e)"))
    #expect(!markdown.contains("\n::error"))
  }

  @Test func `a fence is longer than any in the evidence`() {
    let markdown = report("````` end").markdown
    #expect(markdown.contains("  ``````text\n"))
  }

  @Test func `hostile text is nothing but text in HTML`() {
    let html = report(Self.hostile).html
    #expect(!html.contains("<script") && !html.contains("\u{1b}") && !html.contains("\u{202e}"))
    #expect(html.contains("&lt;script&gt;") && html.contains("&quot;&#39;&amp;"))
    // Every tag that is opened is closed: the page is one that a strict reader takes.
    for tag in [
      "table", "tr", "td", "th", "details", "pre", "small", "h1", "h2", "p", "body", "html",
    ] {
      let opened = html.split(separator: "<").count {
        $0.hasPrefix("\(tag)>") || $0.hasPrefix("\(tag) ")
      }
      let closed = html.split(separator: "<").count { $0.hasPrefix("/\(tag)>") }
      #expect(opened == closed && opened > 0, "\(tag): \(opened) and \(closed)")
    }
  }

  @Test func `annotations stand beside the files, each on its line`() {
    let lines = report("told").annotations().split(separator: "\n")
    #expect(
      lines == [
        "::error file=db/a%2Cb%3Ac.sql,title=Rolls back%3A failed::001_told: Rolls back: failed"
          + "%0Anot as before: told",
        "::warning file=db/a%2Cb%3Ac.sql,title=Health%3A open::001_told: Health: open",
        "::notice::Staging on staging: failed, 2 of 4 settled",
      ])
    let hostile = report(Self.hostile).annotations()
    #expect(hostile.split(separator: "\n").count == 3)
    #expect(hostile.contains("%250A::error::%0A") && !hostile.contains("\u{1b}"))
  }

  @Test func `an entry says what was decided, and what was left out`() {
    #expect(
      report("told").decisionEntry("Go *now*") == """

        ## 2026-02-02: Go \\*now\\*

        - **Staging**: failed
        - **Where**: staging (shop on db1:5432)
        - **When, by whom**: 2026-02-02 02:40:00 UTC, ada
        - 001\\_told: failed, 2 of 4 settled; SHA-256 `ab12`
          - Rolls back: failed, proven by ada, 2026-02-02 02:40:00 UTC
          - told: waived, waived by ada, 2026-02-02 02:40:00 UTC: told
          - Health: open

        """)
    #expect(!report(Self.hostile).decisionEntry(Self.hostile).contains("<script"))
  }

  @Test func `the whole has failed where one has, and passed where all have`() {
    var report = report()
    #expect(report.verdict == .failed)
    report.migrations = []
    #expect(report.verdict == .passed)
    #expect(report.markdown.contains("No migrations."))
  }
}
