import EventLoop
import MigrationEngine
import MigrationModel
import TestSupport
import Testing

/// Who wrote a migration, as version control and its header tell it.
@Suite struct FileAuthorsTests {
  private func migration(_ fixture: TemporaryFolder) async throws -> Migration {
    let files = try await DirectoryReader(["\(fixture.path)/migrations"]).read()
    return try #require(RawLayout().catalog(of: files).migrations.first)
  }

  private func git(_ folder: TemporaryFolder, _ script: String) throws {
    let outcome = try ChildProcess(["/bin/sh", "-ec", "cd \"$0\"\n\(script)", folder.path])
      .runBlocking()
    #expect(outcome.status == 0, "\(outcome.errorText)")
  }

  private static let commit = """
    commit() { git -c user.name="$1" -c user.email="$2" commit -qm x; }

    """

  @Test func `without version control the header tells, or nobody does`() async throws {
    let folder = TemporaryFolder()
    folder.write("migrations/001_a.sql", "CREATE TABLE a ();\n")
    #expect(await FileAuthors.authors(of: try await migration(folder)) == nil)
    folder.write(
      "migrations/001_a.sql", "-- Migration: 001_a.sql\n-- Author: Ann\n\nCREATE TABLE a ();\n")
    #expect(await FileAuthors.authors(of: try await migration(folder)) == ["Ann"])
  }

  @Test func `everybody who has committed to a file has written it`() async throws {
    let folder = TemporaryFolder()
    folder.write("migrations/001_a.sql", "CREATE TABLE a ();\n")
    try git(
      folder,
      Self.commit + "git init -q; git add .; commit Ann ann@example.org")
    #expect(
      await FileAuthors.authors(of: try await migration(folder)) == ["Ann <ann@example.org>"])
    folder.write("migrations/001_a.sql", "CREATE TABLE a (n int);\n")
    try git(folder, Self.commit + "git add .; commit Bob bob@example.org")
    #expect(
      await FileAuthors.authors(of: try await migration(folder)) == [
        "Bob <bob@example.org>", "Ann <ann@example.org>",
      ])
    // Who works here has written what is not committed yet.
    folder.write("migrations/001_a.sql", "CREATE TABLE a (n bigint);\n")
    try git(folder, "git config user.name Cat; git config user.email cat@example.org")
    #expect(
      await FileAuthors.authors(of: try await migration(folder))?.last == "Cat <cat@example.org>")
    #expect(await FileAuthors.identity(in: folder.path) == "Cat <cat@example.org>")
  }
}
