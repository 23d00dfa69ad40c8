import PostgresModel

/// CRC-32 as gzip and Ethernet use it (ISO-HDLC): reflected polynomial 0xEDB88320, start and final
/// exclusive-or 0xFFFFFFFF.
enum CRC32 {
  private static let table: [UInt32] = (0..<256).map { index in
    (0..<8).reduce(UInt32(index)) { remainder, _ in
      remainder & 1 == 1 ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1
    }
  }

  static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 {
    ~bytes.reduce(UInt32.max) { sum, byte in
      sum >> 8 ^ table[Int((sum ^ UInt32(byte)) & 0xFF)]
    }
  }
}

extension AdvisoryLockKey {
  /// The key by which runs of Lockstep exclude each other on one history table.
  ///
  /// The first eight bytes, the most significant first, of the SHA-256 of `lockstep`, the database, the
  /// schema and the table, with a NUL between each two. Without a schema the table is taken to be in
  /// `public`.
  public static func lockstep(database: String, table: QualifiedName) -> AdvisoryLockKey {
    let parts = ["lockstep", database, table.schema ?? "public", table.name]
    let digest = Checksum(.sha256, of: Array(parts.joined(separator: "\0").utf8))
    let key = digest.bytes.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return AdvisoryLockKey(key: Int64(bitPattern: key), owner: "Lockstep")
  }

  /// The key of migrators that are built into a program with sqlx; its command line takes none.
  ///
  /// Source: `generate_lock_id` in `sqlx-postgres/src/migrate.rs`, sqlx 0.8.6.
  static func sqlx(database: String) -> AdvisoryLockKey {
    let key = Int64(0x3d32_ad9e) * Int64(CRC32.checksum(of: database.utf8))
    return AdvisoryLockKey(key: key, owner: "a program with sqlx migrations")
  }

  /// The key that golang-migrate makes of a name and what makes it more precise.
  ///
  /// Source: `GenerateAdvisoryLockId` in `database/util.go`, golang-migrate 4.19.1.
  static func golangMigrate(_ name: String, _ additional: [String], owner: String)
    -> AdvisoryLockKey
  {
    let text = (additional + [name]).joined(separator: "\0")
    let sum = CRC32.checksum(of: text.utf8) &* 1_486_364_155
    return AdvisoryLockKey(key: Int64(sum), owner: owner)
  }
}
