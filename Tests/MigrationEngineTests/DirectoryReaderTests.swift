import EventLoop
import MigrationEngine
import MigrationModel
import Postgres
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite struct DirectoryReaderTests {
  private let folder = TemporaryFolder()

  private func read(_ names: String...) async throws -> [SourceFile] {
    try await read(names.isEmpty ? [folder.path] : names.map { "\(folder.path)/\($0)" })
  }

  private func read(_ paths: [String]) async throws -> [SourceFile] {
    try await onLoop { _ in try await DirectoryReader(paths).read() }
  }

  @Test func `files are read whole, byte by byte, in the order of their names' bytes`() async throws
  {
    folder.write("b.sql", "select 1")
    folder.write("B.sql", "")
    folder.write("ä.sql", [0xEF, 0xBB, 0xBF, 0x0D, 0x0A, 0xFF, 0x00])
    folder.write("10.sql", "x")
    folder.write("9.sql", "y")
    let files = try await read()
    #expect(files.map(\.name) == ["10.sql", "9.sql", "B.sql", "b.sql", "ä.sql"])
    #expect(files[2].content == .bytes([]))
    #expect(files[3].content == .bytes(Array("select 1".utf8)))
    #expect(files[4].content == .bytes([0xEF, 0xBB, 0xBF, 0x0D, 0x0A, 0xFF, 0x00]))
    #expect(files[0].path == "\(folder.path)/10.sql")
  }

  @Test func `several folders are told apart and keep the order in which they were named`()
    async throws
  {
    folder.write("two/1.sql", "a")
    folder.write("one/1.sql", "b")
    let files = try await read("two", "one")
    #expect(files.map(\.directory) == [0, 1])
    #expect(files.map(\.bytes) == [Array("a".utf8), Array("b".utf8)])
  }

  @Test func `what was read before serves again only where nothing has changed`() async throws {
    for number in 0..<300 { folder.write("\(1000 + number)_a.up.sql", "SELECT \(number);") }
    let path = folder.path
    let before = try await read()
    folder.write("1007_a.up.sql", "SELECT 8;")
    folder.write("1301_a.up.sql", "SELECT 9;")
    let after = try await onLoop { _ in try await DirectoryReader([path]).read(after: before) }
    #expect(after == (try await read()))
    #expect(after[7].bytes == Array("SELECT 8;".utf8))
    #expect(after.count == 301)
  }

  @Test func `files that the file system knows as unchanged are not read again`() async throws {
    // Older than any clock's step, as files of a folder mostly are.
    let paths = ["\(repositoryRoot)/migrations"]
    let (first, second) = try await onLoop { _ in
      let reader = DirectoryReader(paths)
      let first = try await reader.read()
      return (first, try await reader.read(after: first))
    }
    #expect(first.count >= 16)
    #expect(first.allSatisfy { $0.stamp != nil })
    #expect(zip(first, second).allSatisfy { $0.isSameReading(as: $1) })
    #expect(second == first)
  }

  @Test func `a file that was just written is read again, whatever the file system says`()
    async throws
  {
    folder.write("1_a.sql", "SELECT 1;")
    folder.write("target", "SELECT 2;")
    symlink("\(folder.path)/target", "\(folder.path)/2_b.sql")
    let files = try await read()
    #expect(files.allSatisfy { $0.stamp == nil })
  }

  @Test func `a slash at the end of a folder's name is not doubled`() async throws {
    folder.write("1.sql", "")
    let files = try await read([folder.path + "/"])
    #expect(files.map(\.path) == ["\(folder.path)/1.sql"])
  }

  @Test func `an empty folder holds nothing`() async throws {
    #expect(try await read() == [])
  }

  @Test func `a missing folder is told with the ways out`() async throws {
    let path = folder.path + "/nothere"
    let failure = await #expect(throws: DirectoryReader.Failure.self) {
      try await read([path])
    }
    #expect(
      failure?.diagnostic.description == """
        error: the migrations folder "\(path)" cannot be read: No such file or directory
          next: name the folder with --dir, or make the first migration there with `lockstep new NAME`
        """)
  }

  @Test func `a file in place of the folder is told`() async throws {
    folder.write("x.sql", "")
    let failure = await #expect(throws: DirectoryReader.Failure.self) { try await read("x.sql") }
    #expect(failure?.errno == ENOTDIR)
    #expect(failure?.diagnostic.code == "unreadable_directory")
    #expect(failure?.diagnostic.next == "name the folder that it is in with --dir")
  }

  @Test func `a folder named like a migration is an entry with its reason`() async throws {
    folder.makeFolder("001_x.sql")
    #expect(try await read().map(\.content) == [.unreadable("is a folder")])
  }

  @Test func `a link inside the folder is followed`() async throws {
    folder.write("a.sql", "select 1")
    folder.link("b.sql", to: "a.sql")
    #expect(try await read().map(\.bytes) == [Array("select 1".utf8), Array("select 1".utf8)])
  }

  @Test func `a link to a file in another folder of the project is followed`() async throws {
    folder.write("shared/a.sql", "select 1")
    folder.makeFolder("migrations")
    folder.link("migrations/a.sql", to: "../shared/a.sql")
    #expect(try await read("migrations", "shared").map(\.bytes.count) == [8, 8])
  }

  @Test func `a link that leads out of the folders is not followed`() async throws {
    folder.write("secret", "password")
    folder.makeFolder("migrations")
    folder.link("migrations/1_a.sql", to: "../secret")
    folder.link("migrations/2_b.sql", to: "/etc/passwd")
    // A name that only begins like the folder's.
    folder.write("migrations2/x", "password")
    folder.link("migrations/3_c.sql", to: "../migrations2/x")
    let reason = SourceFile.Content.unreadable("is a link that leads out of the migrations folders")
    #expect(try await read("migrations").map(\.content) == [reason, reason, reason])
  }

  @Test func `a link to nothing is an entry with its reason`() async throws {
    folder.link("001_x.sql", to: "nothere.sql")
    let files = try await read()
    #expect(files.map(\.content) == [.unreadable("is a link to nothing, or was removed meanwhile")])
  }

  @Test func `a named pipe is not waited for`() async throws {
    mkfifo("\(folder.path)/001_x.sql", 0o644)
    #expect(try await read().map(\.content) == [.unreadable("is not a regular file")])
  }

  @Test(.enabled(if: geteuid() != 0, "root may read every file"))
  func `a file without permission is an entry with its reason`() async throws {
    folder.write("001_x.sql", "select 1")
    chmod("\(folder.path)/001_x.sql", 0)
    #expect(try await read().map(\.content) == [.unreadable("permission denied")])
  }

  #if os(Linux)
    @Test func `a file that does not tell its size is read to its end`() async throws {
      let files = try await read(["/proc/sys/kernel/random"])
      let file = try #require(files.first { $0.name == "boot_id" })
      #expect(file.bytes.count == 37)
    }
  #endif

  @Test func `a file that grows meanwhile is read without a hole`() async throws {
    let line = Array("insert into t values (1);\n".utf8)
    folder.write("001_x.sql", line)
    let path = "\(folder.path)/001_x.sql"
    async let writing: Void = BlockingWork.run {
      let file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
      defer { close(file) }
      for _ in 0..<20_000 { _ = write(file, line, line.count) }
    }
    var before = 0
    for _ in 0..<20 {
      let bytes = try await read()[0].bytes
      #expect(bytes.count >= before)
      // It may end within a line: what is written across the border of a page is there in two parts.
      #expect(bytes.indices.allSatisfy { bytes[$0] == line[$0 % line.count] })
      before = bytes.count
    }
    await writing
  }

  @Test func `ten thousand files are read`() async throws {
    for number in 10_000..<20_000 { folder.write("\(number)_x.sql", "select \(number)") }
    let files = try await read()
    #expect(files.count == 10_000)
    #expect(files[9_999].bytes == Array("select 19999".utf8))
  }

  @Test func `texts that nobody will ask for are held where they are few, or recognise the layout`()
    async throws
  {
    let reader = DirectoryReader([folder.path])
    let wanted = DirectoryReader.Preparation(digest: .sha256, keepsTexts: false)
    for number in 1000..<1300 { folder.write("\(number)_x.sql", "select \(number)") }
    let few = try await onLoop { _ in try await reader.read { _ in wanted } }
    #expect(few.allSatisfy { $0.isKept })
    for number in 1300..<2000 { folder.write("\(number)_x.sql", "select \(number)") }
    let many = try await onLoop { _ in try await reader.read { _ in wanted } }
    let step = Layouts.sampleStep(ofFiles: 1000)
    for (index, file) in many.enumerated() {
      #expect(file.name == "\(1000 + index)_x.sql")
      #expect(file.isKept == (index % step == 0))
      #expect(file.checksum(.sha256) == Checksum(.sha256, of: Array("select \(1000 + index)".utf8)))
    }
  }

  @Test func `names that begin alike for long are sorted by what follows`() async throws {
    let names = ["x", "xy", "x.up.sql", "x.down.sql", "x.sql", ""].map {
      "20240101000000_add_\($0)"
    }
    for name in names { folder.write(name, name) }
    #expect(
      try await read().map(\.name) == names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
  }

  #if os(Linux)
    @Test func `a name that is not UTF-8 is shown as well as can be, and its file is read`()
      async throws
    {
      let name: [UInt8] = Array("\(folder.path)/001_".utf8) + [0xE4] + Array(".sql".utf8) + [0]
      let file = name.withUnsafeBytes {
        open($0.assumingMemoryBound(to: CChar.self).baseAddress!, O_WRONLY | O_CREAT, 0o644)
      }
      write(file, "select", 6)
      close(file)
      let files = try await read()
      #expect(files.map(\.name) == ["001_\u{FFFD}.sql"])
      #expect(files.map(\.content) == [.bytes(Array("select".utf8))])
    }
  #endif

  @Test func `among many files whose texts are not held, the odd ones are told as ever`()
    async throws
  {
    let large = [UInt8](repeating: UInt8(ascii: "-"), count: 200_000)
    for number in 1000..<1700 { folder.write("\(number)_x.sql", "select \(number)") }
    folder.write("1001_x.sql", large)
    folder.write("1002_x.sql", Array(large[..<65_536]))
    folder.write("1003_x.sql", "")
    unlink("\(folder.path)/1004_x.sql")
    mkdir("\(folder.path)/1004_x.sql", 0o755)
    unlink("\(folder.path)/1005_x.sql")
    symlink("1001_x.sql", "\(folder.path)/1005_x.sql")
    unlink("\(folder.path)/1006_x.sql")
    symlink("/etc/passwd", "\(folder.path)/1006_x.sql")
    let reader = DirectoryReader([folder.path])
    let wanted = DirectoryReader.Preparation(digest: .sha256, keepsTexts: false)
    let files = try await onLoop { _ in try await reader.read(wanted) }
    let kept = try await read()
    #expect(files.map(\.name) == kept.map(\.name))
    for (file, kept) in zip(files, kept) {
      #expect(file.unreadableReason == kept.unreadableReason)
      #expect(file.byteCount == kept.byteCount)
      if kept.unreadableReason == nil {
        #expect(!file.isKept)
        #expect(file.checksum(.sha256) == kept.checksum(.sha256))
      }
    }
  }

  @Test func `a project whose layout the files did not tell is read once more`() async throws {
    let table = "_sqlx_migrations"
    let migrations = (1000..<1600).map { SampleMigration.table("\($0)", "t\($0)") }
    let fixture = try await ProjectFixture("sqlx", migrations)
    var other = fixture.project
    other.layout = "golang-migrate"
    let (project, target) = (fixture.project, try fixture.target)
    let status = try await onLoop { [other] loop in
      let files = try await other.readFiles(.summarised)
      #expect(files.contains { !$0.isKept })
      let connection = try await Connection.open(target, application: "test", loop: loop)
      return try await project.load(files, from: connection).status
    }
    #expect(status.table.name == table)
    #expect(status.migrations.count == 600)
    #expect(status.migrations.allSatisfy { $0.migration?.up.first?.text.isEmpty == false })
  }

  @Test func `a file of 100 MB is read`() async throws {
    folder.write("001_x.sql", "select 1")
    truncate("\(folder.path)/001_x.sql", 100_000_000)
    let file = try await read()[0]
    #expect(file.bytes.count == 100_000_000)
    #expect(file.bytes.prefix(8).elementsEqual("select 1".utf8))
  }
}
