import EventLoop
import MigrationEngine
import MigrationModel
import PostgresModel
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The real program killed with SIGKILL at many moments: afterwards the history tells what is there.
@Suite(.fewAtOnce, .mayBlock) struct CrashTests {
  /// Layouts with a journal row, with a mark in a row of their own, and with one mark for all.
  static let layouts = ["dbmate", "raw", "sqlx", "golang-migrate"]
  static let moments = 0..<10

  /// Twelve migrations; each third cannot be in a transaction.
  static let migrations: [SampleMigration] = (1...12).map { number in
    let version = number < 10 ? "00\(number)" : "0\(number)"
    let table = "t\(number)"
    let insert = "INSERT INTO \(table) SELECT n FROM generate_series(1, 500) n;"
    guard number % 3 == 0 else {
      return SampleMigration(
        version, "inside",
        up: """
          CREATE TABLE \(table) (n int);
          \(insert)
          SELECT pg_sleep(0.004);
          \(insert)
          """, down: "DROP TABLE \(table);")
    }
    return SampleMigration(
      version, "outside",
      up: """
        CREATE TABLE \(table) (n int);
        \(insert)
        CREATE INDEX CONCURRENTLY \(table)_n ON \(table) (n);
        SELECT pg_sleep(0.004);
        \(insert)
        """, down: "DROP TABLE \(table);")
  }

  /// When a run is killed.
  private enum Moment {
    case afterLines(Int)
    case afterMilliseconds(UInt32)
  }

  /// Half of the moments are events, half are times that a seed gives.
  private func moment(_ index: Int, _ layout: String) -> Moment {
    guard index % 2 == 1 else { return .afterLines(index * 3) }
    // A multiplicative generator: the same moments in every run of the tests.
    var seed = UInt64(index) &* 2_654_435_761 &+ UInt64(layout.utf8.count)
    seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return .afterMilliseconds(UInt32(10 + (seed >> 33) % 200))
  }

  /// Starts `lockstep up` and kills it.
  private func runAndKill(_ fixture: ProjectFixture, _ moment: Moment) throws {
    var ends: [Int32] = [-1, -1]
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    #expect(pipe(&ends) == 0 && null >= 0)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { for descriptor in [ends[0], null] { close(descriptor) } }
    let child = try fixture.program(["up", "--json"]).spawn(
      input: null, output: ends[1], errorOutput: null)
    close(ends[1])
    switch moment {
    case .afterMilliseconds(let time): usleep(time * 1000)
    case .afterLines(let count):
      var lines = 0
      var byte: UInt8 = 0
      while lines < count, read(ends[0], &byte, 1) == 1 {
        if byte == UInt8(ascii: "\n") { lines += 1 }
      }
    }
    kill(child, SIGKILL)
    _ = ChildProcess.waitForExit(child)
  }

  /// What there is of a migration: rows in its table, `-` without one, and whether its index is valid.
  private func objects(_ fixture: ProjectFixture) async throws -> [String] {
    var found: [String] = []
    for number in 1...Self.migrations.count {
      let isThere =
        try await fixture.database.rows(
          "SELECT to_regclass('t\(number)') IS NOT NULL") == ["t"]
      guard isThere else {
        found.append("-")
        continue
      }
      found.append(
        try await fixture.database.rows(
          """
          SELECT count(*) || coalesce((SELECT ' ' || indisvalid FROM pg_index
            WHERE indrelid = 't\(number)'::regclass), '') FROM t\(number)
          """)[0])
    }
    return found
  }

  private func whole(_ number: Int) -> String { number % 3 == 0 ? "1000 true" : "1000" }

  @Test(arguments: layouts, moments)
  func `after a kill the history tells the truth, and the rest can be applied`(
    _ layout: String, _ index: Int
  ) async throws {
    let fixture = try await ProjectFixture(layout, Self.migrations)
    let moment = moment(index, layout)
    try runAndKill(fixture, moment)
    try await fixture.waitForTheServer()
    let status = try await fixture.status()
    let objects = try await objects(fixture)
    #expect(status.migrations.count == Self.migrations.count)
    #expect(status.failedCount <= 1)
    for (position, migration) in status.migrations.enumerated() {
      let number = position + 1
      let words = "\(moment): \(migration.version) \(migration.state) has \(objects[position])"
      switch migration.state {
      case .applied: #expect(objects[position] == whole(number), "\(words)")
      case .pending: #expect(objects[position] == "-", "\(words)")
      case .failed: #expect(number % 3 == 0, "\(words)")
      }
    }
    try await finish(fixture, status)
  }

  /// Undoes by hand what broke off, says so, and applies the rest with the program.
  private func finish(_ fixture: ProjectFixture, _ status: ProjectStatus) async throws {
    if let failed = status.migrations.firstIndex(where: { $0.state == .failed }) {
      try await fixture.database.execute("DROP TABLE IF EXISTS t\(failed + 1)")
      let mark = try fixture.program(["mark", Self.migrations[failed].version, "pending"])
        .runBlocking()
      #expect(mark.status == 0, "\(mark.errorText)")
    }
    let up = try fixture.program(["up"]).runBlocking()
    #expect(up.status == 0, "\(up.errorText)")
    #expect(try await objects(fixture) == (1...Self.migrations.count).map(whole))
    #expect(
      try await fixture.statusLines() == Self.migrations.map { "\($0.version) applied" })
    #expect(
      try await fixture.database.rows("SELECT to_regnamespace('lockstep') IS NULL") == ["t"])
  }
}
