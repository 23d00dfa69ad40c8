import Canvas
import MigrationModel
import PostgresModel
import Testing

@testable import Dashboard

/// What is told of the session that the lock pane has selected.
struct SessionPaneTests {
  @Test func `a session's tables stand before their indexes, which are counted`() {
    var names = Scenes.names42
    for oid in UInt32(16500)..<16508 {
      names.names[oid] = QualifiedName(schema: "public", "a_index_\(oid)")
      names.tables[oid] = 16401
    }
    names.names[16600] = QualifiedName(schema: "public", "lines_pkey")
    names.tables[16600] = 16402
    let held = [16401, 16600] + Array(UInt32(16500)..<16508)
    let snapshot = LockSnapshot(
      at: Scenes.now, database: 5, backends: 1,
      locks: held.map { oid in
        LockRow(
          LockTag(.relation, database: 5, relation: oid), pid: 9, mode: .rowShare, isGranted: true)
      },
      sessions: [Scenes.session(9, "reader", state: "idle in transaction", since: 5)])
    let model = Scenes.ready(
      200, 60,
      locks: LockSample(
        at: Scenes.now, costMilliseconds: 0.4,
        content: .full(snapshot, WaitGraph(snapshot), names: names, ours: [])))
    #expect(model.text.contains("holds   ROW SHARE orders with 8 indexes, lines_pkey of lines "))
  }
}
