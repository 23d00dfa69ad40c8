import Diagnostics
import MigrationModel
import Testing

/// A team's own task list, read as it is.
@Suite struct ChecklistMarkdownTests {
  private func titles(_ text: String) throws -> [String] {
    try Checklist(markdown: text).items.map(\.title)
  }

  private func refusal(_ text: String) -> Diagnostic? {
    do {
      _ = try Checklist(markdown: text, file: "docs/list.md")
      return nil
    } catch {
      return error.diagnostic
    }
  }

  @Test(arguments: [
    "- [ ] a", "* [ ] a", "+ [x] a", "- [X] a", "1. [ ] a", "12) [x] a", "  - [ ] a", "□ a", "☐ a",
    "☑ a", "☒ a", "- □ a", "> - [ ] a", "\t* [ ]   a  ", "- [ ] a\r",
  ])
  func `every form of a box is an item`(line: String) throws {
    #expect(try titles(line) == ["a"])
  }

  @Test(arguments: [
    "- a", "[ ] a", "- [y] a", "- [] a", "- [ ]a", "-[ ] a", "text - [ ] a", "1 [ ] a",
    "- [link](x) a", "<!-- - [ ] a -->", "<!--\n- [ ] a\n-->",
  ])
  func `what has no box is none`(text: String) {
    #expect(refusal(text)?.what == "the checklist holds no task")
  }

  @Test func `a list without tasks says how one is written`() {
    #expect(
      refusal("# Title\n\nwords\n")?.description == """
        error: the checklist holds no task
          at:   docs/list.md
          next: write each as a line of its own: - [ ] Roll it back on a copy
        """)
  }

  @Test func `headings are sections, the first of the first level is the title`() throws {
    let list = try Checklist(
      markdown: """
        Release
        =======

        - [ ] before any section

        ## Before ##
        - [ ] one

        After
        -----
        - [ ] two
        ### C# only
        - [ ] three
        """)
    #expect(list.title == "Release")
    #expect(list.items.map(\.section) == [nil, "Before", "After", "C# only"])
  }

  @Test func `a list with one heading of a lower level has it as its title`() throws {
    let list = try Checklist(markdown: "## Staging\n- [ ] a\n")
    #expect(list.title == "Staging" && list.items[0].section == nil)
    #expect(try Checklist(markdown: "- [ ] a").title == "Checklist")
  }

  @Test func `nested items and lines that go on are read`() throws {
    #expect(
      try titles(
        """
        - [ ] parent that goes
          on here
          - [x] child
            * [ ] grandchild
        words
          that belong to nothing
        """) == ["parent that goes on here", "child", "grandchild"])
  }

  @Test func `what a fence shows is an example, unless nothing stands outside of it`() throws {
    #expect(try titles("```\n- [ ] example\n```\n- [ ] real\n") == ["real"])
    #expect(try titles("~~~~ text\n- [ ] a\n~~~\n□ b\n~~~~\n") == ["a", "b"])
    // A fence that is never closed reaches to the end.
    #expect(try titles("- [ ] real\n```\n- [ ] example\n") == ["real"])
    #expect(try titles("```\n# no heading\n□ a\n```").count == 1)
    #expect(try Checklist(markdown: "```\n# no heading\n□ a\n```").title == "Checklist")
  }

  @Test func `a box that is ticked in the file proves nothing`() throws {
    let list = try Checklist(markdown: "- [x] done long ago")
    let checked = CheckedMigration(
      version: Version("1"), name: "a", checksum: "aa", environment: nil, checklist: list,
      records: [])
    #expect(checked.items.map(\.status) == [.open])
  }

  @Test func `a proof is named on the line of the item or the next`() throws {
    let list = try Checklist(
      markdown: """
        - [ ] Can be rolled back <!-- proof: rollback -->
        - [ ] Applies
          <!-- PROOF:  applies -->
        - [ ] Long text that
          goes on <!--proof:down_script-->
        - [ ] Nobody's

        <!-- proof: contract -->
        - [ ] Rolled back twice <!-- proof: rollback -->
        """)
    #expect(list.items.map(\.proof) == [.rollback, .applies, .downScript, nil, .rollback])
    #expect(
      list.items.map(\.id) == [
        "rollback", "applies", "down_script", "nobody-s", "rolled-back-twice",
      ])
    #expect(list.items[0].title == "Can be rolled back")
  }

  @Test func `a proof that there is not is refused with the nearest`() {
    #expect(
      refusal("- [ ] a\n\n- [ ] b <!-- proof: rolback -->")?.description == """
        error: there is no proof "rolback"
          at:   docs/list.md:3
          next: did you mean <!-- proof: rollback -->?
        """)
    #expect(
      refusal("- [ ] a <!-- proof: -->")?.next?.hasPrefix("one of applied, indexes, ") == true)
  }

  @Test func `ids are stable slugs, each once, and never the word of a proof`() throws {
    let list = try Checklist(
      markdown: """
        - [ ] Tell the Team!
        - [ ] tell the team
        - [ ] Rollback
        - [ ] ***
        - [ ] Übersicht prüfen
        """)
    #expect(
      list.items.map(\.id) == [
        "tell-the-team", "tell-the-team-2", "rollback-task", "task", "übersicht-prüfen",
      ])
  }

  @Test func `emphasis, code and links leave their words`() throws {
    #expect(
      try titles("- [ ] **Run** `make db` and [read](http://x/y) the \\*log\\*, snake_case")
        == ["Run make db and read the *log*, snake_case"])
  }

  @Test func `text that would act on a terminal, or never ends, is tamed`() throws {
    let title = try titles("- [ ] a\u{1b}[31mred\u{202e}x\u{7}")[0]
    #expect(title == "a [31mred x")
    let long = try titles("- [ ] " + String(repeating: "x", count: 100_000))[0]
    #expect(long.count == 300 && long.last == "…")
    let ids = try Checklist(markdown: "- [ ] " + String(repeating: "x ", count: 500)).items[0].id
    #expect(ids.count <= 60)
  }

  @Test(arguments: ["<!--", "- [ ", "```", "[[[[(((", "1.", "#######"])
  func `what begins and never ends holds no task`(_ text: String) {
    #expect(throws: Refusal.self) { try titles(text) }
  }

  @Test func `a link that never ends, and a mark before nothing, are words`() throws {
    #expect(try titles("- [ ] [a](") == ["[a]("])
    #expect(try titles("- [ ] \\") == ["\\"])
  }
}

/// The checklists that come with the program.
@Suite struct ChecklistsTests {
  @Test func `each has a name, items of their own ids, and its proofs once`() {
    #expect(
      Checklists.all.map { "\($0.name) \($0.checklist.items.count)" } == [
        "staging 8", "before-creating 5", "creating 7", "testing 7", "deploying 8",
        "after-deploying 5", "every-migration 18",
      ])
    for (name, list) in Checklists.all {
      #expect(Set(list.items.map(\.id)).count == list.items.count, "\(name)")
      let proofs = list.items.compactMap(\.proof)
      #expect(Set(proofs).count == proofs.count, "\(name)")
      // A record under the word of a proof counts for the proof.
      for item in list.items where item.proof == nil {
        #expect(CheckProof(rawValue: item.id) == nil, "\(name) \(item.id)")
      }
    }
    #expect(Checklists.named("staging") == Checklists.staging)
    #expect(Checklists.named("nowhere") == nil)
  }

  @Test func `every proof stands in one of them`() {
    let used = Set(Checklists.all.flatMap { $0.checklist.items.compactMap(\.proof) })
    #expect(used == Set(CheckProof.allCases))
  }

  @Test func `one that is written as Markdown reads as itself`() throws {
    for (_, list) in Checklists.all {
      let text =
        "# \(list.title)\n"
        + list.items.map { item in
          "- [ ] \(item.title)" + (item.proof.map { " <!-- proof: \($0.rawValue) -->" } ?? "")
            + "\n"
        }.joined()
      let read = try Checklist(markdown: text)
      #expect(read.title == list.title)
      #expect(read.items.map(\.title) == list.items.map(\.title))
      #expect(read.items.map(\.proof) == list.items.map(\.proof))
    }
  }
}
