import MigrationModel
import PostgresModel

/// What a person says of an item; who and where, the program knows that keeps it.
public struct CheckWord: Sendable, Hashable {
  public var version: Version
  /// `Migration.contentChecksum` in hexadecimal of what the person has seen.
  public var checksum: String
  /// `ChecklistItem.id`.
  public var item: String
  public var act: CheckRecord.Act

  public init(version: Version, checksum: String, item: String, act: CheckRecord.Act) {
    self.version = version
    self.checksum = checksum
    self.item = item
    self.act = act
  }
}
