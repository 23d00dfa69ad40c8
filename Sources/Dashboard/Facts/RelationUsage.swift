import PostgresModel

/// How many sessions use which table, as the looks of the lock monitor found it since the start.
///
/// A look sees only who holds a lock at that moment: short statements are missed, so that the numbers
/// are lower bounds, and how often a table was seen at all is told beside them.
struct RelationUsage: Sendable {
  /// Full looks so far.
  private(set) var looks = 0
  private var entries: [UInt32: Entry] = [:]
  private var relationsByName: [String: [UInt32]] = [:]
  private var minute: Int64?
  /// Minutes that are over.
  private var minutes = 0

  /// Bounds the memory; tables beyond it are not counted and told as unknown.
  static let mostRelations = 4096

  private struct Entry: Sendable {
    var name: QualifiedName
    var looks = 0
    var lastLook = 0
    /// Distinct sessions, added up over the minutes that are over.
    var sessions = 0
    var pids: Set<Int32> = []

    mutating func count(_ pid: Int32, look: Int) {
      pids.insert(pid)
      guard lastLook != look else { return }
      lastLook = look
      looks += 1
    }
  }

  /// What is known of one table.
  struct Usage: Sendable, Hashable {
    /// Looks that found somebody on it, of how many.
    var seen: Int
    var looks: Int
    /// Distinct sessions in a minute, on average.
    var sessionsPerMinute: Double
  }

  /// Counts one more look; our own sessions and the catalog do not count.
  mutating func note(_ scan: LockPicture.Scan, at: Instant) {
    looks += 1
    let now = at.microseconds / 60_000_000
    if let minute, minute != now {
      minutes += 1
      for oid in Array(entries.keys) {
        let count = entries[oid]?.pids.count ?? 0
        entries[oid]?.sessions += count
        entries[oid]?.pids.removeAll(keepingCapacity: true)
      }
    }
    minute = now
    for row in scan.snapshot.locks where row.tag.kind == .relation {
      guard let oid = row.tag.relation, oid >= 16_384, let pid = row.pid,
        row.tag.database == scan.snapshot.database, !scan.ours.contains(pid)
      else { continue }
      if entries[oid] == nil {
        guard entries.count < Self.mostRelations, let name = scan.names.names[oid] else { continue }
        entries[oid] = Entry(name: name)
        relationsByName[name.name, default: []].append(oid)
      }
      let leader = scan.snapshot.sessions[pid]?.leader ?? pid
      entries[oid]?.count(leader, look: looks)
    }
  }

  /// What is known of a table; `nil` before the first look, and where there is no room for more.
  ///
  /// Without a schema the busiest table of the name counts, since `search_path` is not known here.
  func usage(of name: QualifiedName) -> Usage? {
    guard looks > 0 else { return nil }
    let found = (relationsByName[name.name] ?? []).compactMap { entries[$0] }
      .filter { name.schema == nil || $0.name.schema == name.schema }
    guard let entry = found.max(by: { $0.looks < $1.looks }) else {
      guard entries.count < Self.mostRelations else { return nil }
      return Usage(seen: 0, looks: looks, sessionsPerMinute: 0)
    }
    let sessions = Double(entry.sessions + entry.pids.count)
    return Usage(
      seen: entry.looks, looks: looks, sessionsPerMinute: sessions / Double(max(1, minutes + 1)))
  }
}
