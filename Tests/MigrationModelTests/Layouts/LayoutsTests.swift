import Diagnostics
import MigrationModel
import PostgresModel
import Testing

@Suite struct LayoutsTests {
  @Test func `each file of a layout is registered`() throws {
    let folder = "\(Fixtures.root)/../Sources/MigrationModel/Layouts"
    let files = try Fixtures.names(in: folder)
      .filter { $0.hasSuffix("Layout.swift") && $0 != "Layout.swift" }
      .map { String($0.dropLast(".swift".count)) }
    #expect(!files.isEmpty)
    #expect(files == Layouts.all.map { "\(type(of: $0))" }.sorted())
  }

  @Test func `names are unique and lead to their layouts`() {
    #expect(Set(Layouts.all.map(\.name)).count == Layouts.all.count)
    for layout in Layouts.all { #expect(Layouts.named(layout.name)?.name == layout.name) }
    #expect(Layouts.named("nothing") == nil)
  }

  // MARK: Every layout

  private let odd: [SourceFile] = [
    file(""), file("_"), file(".sql"), file("1"), file("1_"), file("1_.sql"), file("1_a.sql", ""),
    file("1_a.sql", "\u{FEFF}"), file("1_a.up.sql", bytes: [0xC0, 0x80]), file("١_a.sql"),
    file("2_b.sql", "-- ROLLBACK"), file("3_c.sql", "/*"), file("4_d.sql", "'"),
    file("5_e.sql", "$$"),
    file("6_f.sql", "-- migrate:up"), file("99999999999999999999999999_g.sql"), folder("7_h.sql"),
    unreadable("8_i.sql"), file("-9223372036854775808_j.sql"), file("1_a.down.sql"),
    file("a b.sql"),
  ]

  @Test(arguments: Layouts.all.map(\.name))
  func `no file is lost in silence`(name: String) throws {
    let layout = try #require(Layouts.named(name))
    let catalog = layout.catalog(of: odd)
    let seen = Set(
      catalog.migrations.flatMap(\.files).map(\.name) + catalog.unsupported.map(\.file.name))
    for file in odd {
      let isTold = catalog.faults.contains { $0.at?.hasPrefix(file.path) == true }
      #expect(seen.contains(file.name) || isTold, "\(file.name)")
    }
  }

  /// What a catalog says, but for the texts.
  private func telling(_ catalog: Catalog) -> [String] {
    let migrations = catalog.migrations.map { migration -> String in
      var way = "\(migration.down)"
      if case .scripts(let scripts, let warnings) = migration.down {
        way = "\(scripts.map { "\($0.file.path) \($0.range)" }) \(warnings)"
      }
      let up = migration.up.map { script in
        "\(script.file.path) \(script.range) \(script.noTransaction.map { "\($0)" } ?? "")"
      }
      return "\(migration.version) \(migration.name) \(up) \(way) \(migration.files.map(\.path)) "
        + "\(migration.checksum?.hexadecimal ?? "") \(migration.header) \(migration.notes) "
        + "\(migration.faults)"
    }
    return migrations + catalog.unsupported.map { "\($0.file.path) \($0.reason)" }
      + catalog.notes.map { "\($0)" } + catalog.faults.map { "\($0)" }
  }

  @Test(arguments: Layouts.all.filter(\.readsWholeFiles).map(\.name))
  func `a catalog of files whose text was not kept says the same`(name: String) throws {
    let layout = try #require(Layouts.named(name))
    let files =
      (odd + [
        file("20_a.up.sql", "-- no-transaction\n-- Author: me\nCREATE TABLE a ();\n"),
        file("20_a.down.sql", "-- nothing\n"), file("21_b.up.sql", "SELECT 1\0"),
        file("21_b.down.sql", bytes: [0x2D, 0xFF]), file("22_c.up.sql"), file("22_c.down.sql"),
        file("23_d.up.sql", "-- WARNING: Non-reversible migration\nDROP TABLE a;\n"),
        file("24_e.down.sql", "DROP TABLE e;\n"), file("25_f.up.sql", "-- +goose Up\n"),
        file("26_g.sql", "CREATE TABLE g ();\n-- ROLLBACK\n-- DROP TABLE g;\n-- NOTE: slow\n"),
        file("27_h.sql", "CREATE TABLE h ();\n\n-- ROLLBACK\n-- drop it by hand\n"),
        file("28_i.sql", "SELECT 1;\n-- ROLLBACK\n-- -- nothing\n"),
        file("29_j.sql", "SELECT 1;\n-- ROLLBACK\nDROP TABLE j;\n"),
      ]).map { file in
        guard case .bytes(let bytes) = file.content else { return file }
        return SourceFile(
          path: file.path, name: file.name, content: file.content,
          digest: layout.checksumAlgorithm.map { Checksum($0, of: bytes) })
      }
    let summarised = files.map { layout.examined($0).summarised }
    #expect(summarised.contains { !$0.isKept })
    #expect(layout.canRead(summarised))
    #expect(telling(layout.catalog(of: summarised)) == telling(layout.catalog(of: files)))
  }

  @Test func `files whose text was not kept are of use to their own layout alone`() {
    let digested = SourceFile(
      path: "m/1_a.up.sql", name: "1_a.up.sql", content: .bytes([0x3B]),
      digest: Checksum(.sha384, of: [0x3B]))
    #expect(SqlxLayout().canRead([digested.summarised]))
    #expect(!SqlxLayout().canRead([file("1_a.up.sql").summarised]))
    #expect(!GolangMigrateLayout().canRead([digested.summarised]))
    #expect(!RawLayout().canRead([digested.summarised]))
    #expect(RawLayout().canRead([digested]))
  }

  @Test(arguments: Layouts.all.map(\.name))
  func `the order does not depend on the order of the files`(name: String) throws {
    let layout = try #require(Layouts.named(name))
    let forward = layout.catalog(of: odd).migrations.map { $0.files[0].name }
    let backward = layout.catalog(of: odd.reversed()).migrations.map { $0.files[0].name }
    #expect(forward.filter { $0 != "1_a.sql" } == backward.filter { $0 != "1_a.sql" })
  }

  @Test(arguments: Layouts.all.map(\.name))
  func `new files are migrations of the layout with a way back`(name: String) throws {
    let layout = try #require(Layouts.named(name))
    var catalog = Catalog(migrations: [])
    var files: [SourceFile] = []
    for title in ["Create Users", "add ünïcode/../name", "x"] {
      let made = layout.newFiles(
        NewMigration(
          name: title, catalog: catalog, directory: "d",
          now: Instant(microseconds: 1_767_960_000_000_000), up: "SELECT 1;\n",
          down: "SELECT 2;\n"))
      files += made.map { new in
        file(String(new.path.dropFirst(2)), new.content)
      }
      catalog = layout.catalog(of: files)
      #expect(catalog.unsupported.isEmpty)
      #expect(catalog.faults.isEmpty)
    }
    #expect(catalog.migrations.count == 3)
    #expect(catalog.migrations.allSatisfy { $0.faults.isEmpty && $0.isReversible })
    #expect(catalog.migrations.map { layout.identity(of: $0.version) }.count == 3)
    #expect(Set(catalog.migrations.map { layout.identity(of: $0.version) }).count == 3)
    #expect(!files.contains { $0.name.contains("/") || $0.name.contains("..") })
  }

  @Test(arguments: Layouts.all.map(\.name))
  func `history statements name the table with its schema and quote what they are given`(
    name: String
  ) throws {
    let layout = try #require(Layouts.named(name))
    let table = QualifiedName(schema: "My Schema", "hist\"ory")
    let evil = "x'; DROP TABLE t; --"
    for kind in [HistoryChange.Kind.applied, .reverted, .reaffirmed] {
      let write = layout.record(
        HistoryChange(
          version: Version("1"), name: evil, checksum: Checksum(.sha384, of: []), kind: kind,
          runBy: evil), in: table)
      let all = write.mark + write.record + write.recordAfterMark + write.afterwards
      #expect(all.allSatisfy { $0.contains("\"My Schema\".\"hist\"\"ory\"") })
      #expect(all.allSatisfy { SQLScript.statements(in: $0).count == 1 })
      #expect(all.allSatisfy { !$0.hasSuffix(";") })
    }
    #expect(layout.readHistory(table).text.contains("\"My Schema\".\"hist\"\"ory\""))
    let create = layout.createTable(table, for: Catalog(migrations: []))
    #expect(create.allSatisfy { $0.contains("\"My Schema\".\"hist\"\"ory\"") })
    for statement in create { #expect(PgQueryParser().syntaxError(in: statement) == nil) }
  }

  @Test func `the key of Lockstep depends on database, schema and table`() {
    let key = AdvisoryLockKey.lockstep(
      database: "app", table: QualifiedName(schema: "public", "schema_migrations"))
    #expect(key.owner == "Lockstep")
    let digest = Checksum(.sha256, of: Array("lockstep\0app\0public\0schema_migrations".utf8))
    #expect(
      String(UInt64(bitPattern: key.key), radix: 16)
        == String(UInt64(digest.hexadecimal.prefix(16), radix: 16) ?? 0, radix: 16))
    #expect(
      key == AdvisoryLockKey.lockstep(database: "app", table: QualifiedName("schema_migrations")))
    #expect(
      key.key != AdvisoryLockKey.lockstep(database: "app", table: QualifiedName("other")).key)
    #expect(
      key.key
        != AdvisoryLockKey.lockstep(database: "b", table: QualifiedName("schema_migrations")).key)
  }
}
