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

  @Test func `whoever wrote it under another name, or with somebody, has written it`() async throws
  {
    let folder = TemporaryFolder()
    folder.write("migrations/000_a.sql", "CREATE TABLE a ();\n")
    try git(
      folder,
      Self.commit + """
        git init -q; git add .; commit Ann ann@example.org
        git mv migrations/000_a.sql migrations/001_a.sql
        git -c user.name=Bob -c user.email=bob@example.org commit -qm x \
          -m 'Co-authored-by: Cat <cat@example.org>'
        """)
    #expect(
      await FileAuthors.authors(of: try await migration(folder)) == [
        "Bob <bob@example.org>", "Cat <cat@example.org>", "Ann <ann@example.org>",
      ])
  }

  @Test func `a header does not tell for git where git could`() async throws {
    let folder = TemporaryFolder()
    let header = "-- Migration: 001_a.sql\n-- Author: Zoe\n\n"
    folder.write("migrations/001_a.sql", header + "CREATE TABLE a ();\n")
    try git(folder, "git init -q")
    // Whoever has put it there can have written any name into it.
    #expect(await FileAuthors.authors(of: try await migration(folder)) == nil)
    try git(folder, Self.commit + "git add .; commit Ann ann@example.org")
    #expect(
      await FileAuthors.authors(of: try await migration(folder)) == [
        "Ann <ann@example.org>", "Zoe",
      ]
    )
  }

  @Test func `a clone without all of the history does not know who wrote a file`() async throws {
    let (origin, clone) = (TemporaryFolder(), TemporaryFolder())
    origin.write("migrations/001_a.sql", "CREATE TABLE a ();\n")
    try git(
      origin,
      Self.commit + """
        git init -q; git add .; commit Ann ann@example.org
        echo x > other; git add .; commit Bob bob@example.org
        """)
    // Git would say that Bob has written all of it.
    try git(clone, "git clone -q --depth 1 'file://\(origin.path)' .")
    #expect(await FileAuthors.authors(of: try await migration(clone)) == nil)
    try git(clone, "git fetch -q --unshallow")
    #expect(await FileAuthors.authors(of: try await migration(clone)) == ["Ann <ann@example.org>"])
  }
}
