import MigrationModel
import PostgresModel
import Testing

/// How what was kept folds into how an item stands.
@Suite struct CheckedMigrationTests {
  private static let checklist = Checklist(
    title: "two",
    items: [
      ChecklistItem(id: "rollback", title: "Can be rolled back", proof: .rollback),
      ChecklistItem(id: "told", title: "The team was told"),
    ])

  /// Records of item `rollback` of 0042, a second apart.
  private func checked(
    _ acts: [(CheckRecord.Act, checksum: String)], item: String = "rollback",
    environment: String? = nil, version: Version = Version("0042")
  ) -> CheckedMigration {
    let records = acts.enumerated().map { index, act in
      CheckRecord(
        at: Instant(microseconds: Int64(index) * 1_000_000), by: "user\(index)", version: version,
        checksum: act.checksum, environment: environment, item: item, act: act.0)
    }
    return CheckedMigration(
      version: Version("0042"), name: "orders", checksum: "aa", environment: nil,
      checklist: Self.checklist, records: records)
  }

  private func rollback(_ acts: [(CheckRecord.Act, checksum: String)]) -> CheckedItem {
    checked(acts).items[0]
  }

  private func found(_ verdict: CheckFinding.Verdict, _ text: String) -> CheckRecord.Act {
    .proven(CheckFinding(verdict, [.init(text)]))
  }

  @Test func `nothing kept leaves every item open`() {
    let migration = checked([])
    #expect(migration.items.map(\.status) == [.open, .open])
    #expect(migration.verdict == .incomplete)
    #expect(migration.progress == (0, 2))
  }

  @Test(arguments: [
    (CheckFinding.Verdict.passed, CheckStatus.passed), (.failed, .failed), (.notProven, .open),
    (.notApplicable, .notApplicable),
  ])
  func `a proof gives its verdict, and who ran it when`(
    verdict: CheckFinding.Verdict, status: CheckStatus
  ) {
    let item = rollback([(found(verdict, "seen"), "aa")])
    #expect(item.status == status)
    #expect(item.evidence.map(\.text) == ["seen"])
    #expect(item.by == "user0" && item.at == Instant(microseconds: 0))
    #expect(item.reason == nil)
  }

  @Test func `a waiver stands above the proof that failed before it, whose evidence stays`() {
    let item = rollback([(found(.failed, "lost"), "aa"), (.waived(reason: "agreed"), "aa")])
    #expect(item.status == .waived && item.reason == "agreed" && item.by == "user1")
    #expect(item.evidence.map(\.text) == ["lost"])
  }

  @Test func `a signature with and without a note settles an item`() {
    #expect(rollback([(.signed(note: nil), "aa")]).status == .signed)
    #expect(rollback([(.signed(note: "seen by two"), "aa")]).reason == "seen by two")
  }

  @Test(arguments: [CheckFinding.Verdict.failed, .passed, .notApplicable])
  func `a proof after a person's word replaces it`(verdict: CheckFinding.Verdict) {
    let item = rollback([(.signed(note: "fine"), "aa"), (found(verdict, "seen"), "aa")])
    #expect(item.status == CheckStatus(verdict) && item.reason == nil && item.by == "user1")
  }

  @Test func `a later proof that proves nothing leaves a person's word, and adds its evidence`() {
    let item = rollback([(.signed(note: "fine"), "aa"), (found(.notProven, "no rows"), "aa")])
    #expect(item.status == .signed && item.reason == "fine" && item.by == "user0")
    #expect(item.evidence.map(\.text) == ["no rows"])
  }

  @Test func `what is taken back gives way to what was before it`() {
    let proof = (found(.failed, "lost"), checksum: "aa")
    let once = rollback([proof, (.waived(reason: "agreed"), "aa"), (.undone, "aa")])
    #expect(once.status == .failed && once.by == "user0" && once.reason == nil)
    let twice = rollback([
      (.signed(note: "a"), "aa"), (.waived(reason: "b"), "aa"), (.undone, "aa"),
    ])
    #expect(twice.status == .signed && twice.reason == "a")
    #expect(
      rollback([(.signed(note: nil), "aa"), (.undone, "aa"), (.undone, "aa")]).status == .open)
  }

  @Test func `a proof is not taken back`() {
    #expect(rollback([(found(.passed, "seen"), "aa"), (.undone, "aa")]).status == .passed)
  }

  @Test func `what was settled for another content is stale, with what was seen then`() {
    let item = rollback([(found(.passed, "seen"), "bb")])
    #expect(item.status == .stale && item.evidence.map(\.text) == ["seen"] && item.by == "user0")
    #expect(rollback([(.waived(reason: "old"), "bb")]).status == .stale)
    #expect(rollback([(found(.notProven, "no rows"), "bb")]).status == .open)
  }

  @Test func `a newer proof of this content settles what was stale`() {
    #expect(
      rollback([(found(.failed, "old"), "bb"), (found(.passed, "new"), "aa")]).status == .passed)
  }

  @Test func `a file that is as it was once has its old evidence again`() {
    let item = rollback([(found(.passed, "first"), "aa"), (found(.failed, "between"), "bb")])
    #expect(item.status == .passed && item.evidence.map(\.text) == ["first"])
    // And what was said of the other content is not taken back by what is said of this one.
    let undone = rollback([(.signed(note: nil), "aa"), (.signed(note: nil), "bb"), (.undone, "bb")])
    #expect(undone.status == .signed)
  }

  @Test func `remarks are kept in order whatever the content, and settle nothing`() {
    let item = rollback([(.noted("one"), "bb"), (.noted("two"), "aa")])
    #expect(item.notes == ["one", "two"] && item.status == .open)
    let settled = rollback([(found(.passed, "seen"), "aa"), (.noted("three"), "aa")])
    #expect(settled.status == .passed && settled.by == "user0" && settled.notes == ["three"])
  }

  @Test func `other environments, versions and items are passed over`() {
    let act = [(found(.passed, "seen"), checksum: "aa")]
    #expect(checked(act, environment: "staging").items[0].status == .open)
    #expect(checked(act, version: Version("0041")).items[0].status == .open)
    #expect(checked(act, item: "told").items.map(\.status) == [.open, .passed])
  }

  @Test func `one that fails makes the whole failed, and all settled makes it passed`() {
    func whole(_ first: CheckStatus, _ second: CheckStatus) -> CheckedMigration.Verdict {
      CheckedMigration(
        version: Version("1"), name: "a", checksum: "aa", environment: nil,
        items: zip(Self.checklist.items, [first, second]).map { CheckedItem($0, $1) }
      ).verdict
    }
    #expect(whole(.failed, .open) == .failed)
    #expect(whole(.passed, .stale) == .incomplete)
    #expect(whole(.passed, .open) == .incomplete)
    #expect(whole(.waived, .signed) == .passed)
    #expect(whole(.passed, .notApplicable) == .passed)
  }
}
