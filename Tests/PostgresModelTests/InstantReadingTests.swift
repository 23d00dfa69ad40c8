import PostgresModel
import Testing

@Suite struct InstantReadingTests {
  @Test(arguments: [
    0, 1, -1, 1_767_960_000_000_000, 951_782_400_000_000, 4_102_444_799_999_999,
    -62_135_596_800_000_000,
  ])
  func `what was written is read again`(_ microseconds: Int64) {
    let instant = Instant(microseconds: microseconds)
    #expect(Instant(iso8601: instant.iso8601) == instant, "\(instant.iso8601)")
  }

  @Test func `fewer digits than six are read`() {
    #expect(Instant(iso8601: "1970-01-01T00:00:01.5Z")?.microseconds == 1_500_000)
  }

  @Test(arguments: [
    "", "2026-01-09", "2026-01-09T12:00:00", "2026-13-09T12:00:00Z", "2026-01-09 12:00:00Z",
    "2026-01-09T25:00:00Z", "2026-01-09T12:00:00.Z", "2026-01-09T12:00:00.1234567Z",
    "2026-01-09T12:00:00+01:00", "x026-01-09T12:00:00Z",
  ])
  func `what is no such time is not read`(_ text: String) {
    #expect(Instant(iso8601: text) == nil)
  }
}
