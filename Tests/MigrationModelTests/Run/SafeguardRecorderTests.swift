import MigrationModel
import PostgresModel
import Testing

/// What is kept of backups, health checks and ways back.
@Suite struct SafeguardRecorderTests {
  private func at(_ second: Int64) -> Instant { Instant(microseconds: second * 1_000_000) }

  @Test func `a run is kept from the beginning of its backup on`() {
    let plan = planned(upAll, DbmateLayout(), [dbmateFile("1_a.sql")])
    var recorder = RunRecorder(runStart(), plan: plan)
    let backup = Backup(
      way: "pg_dump", outcome: .failed(reason: "no room"), durationMilliseconds: 1)
    #expect(recorder.records(of: .backupStarted("x"), at: at(1)) == [.started(runStart())])
    #expect(
      recorder.records(of: .backupEnded(backup), at: at(2)) == [
        .backup(run: "r", at: at(2), backup)
      ])
  }

  @Test func `what is rolled back is kept with the file of its way back`() throws {
    let files = [file("1_a.up.sql", "SELECT 1;"), file("1_a.down.sql", "SELECT 2;")]
    var recorder = RunRecorder(runStart(), plan: planned(upAll, SqlxLayout(), files))
    let down = planned(downOne, SqlxLayout(), files, rows("1"))
    let version = Version("1")
    let check = HealthCheck(
      way: "sql", question: "select 1", outcome: .failed, answer: "no row",
      durationMilliseconds: 1)
    var kept = recorder.records(
      of: .migrationStarted(version: version, name: "a", direction: .up), at: at(1))
    for event in [RunEvent.healthChecked(check), .rollingBack(down)] {
      kept += recorder.records(of: event, at: at(2))
    }
    guard kept.count == 3, case .step(let begun) = kept[1] else {
      Issue.record("not the run, its step and its check: \(kept)")
      return
    }
    #expect(kept[0] == .started(runStart()))
    #expect(begun.outcome == .begun && begun.direction == .up)
    #expect(kept[2] == .health(run: "r", at: at(2), check))
    let records = recorder.records(
      of: .migrationFinished(
        version: version, name: "a", direction: .down, durationMilliseconds: 1), at: at(3))
    guard case .step(let step)? = records.last else {
      Issue.record("no step was kept")
      return
    }
    #expect(step.checksum == files[1].checksum(.sha256).hexadecimal)
  }
}
