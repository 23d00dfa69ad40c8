import PostgresModel

extension LockPicture {
  /// A full scan, with what was drawn from it.
  public struct Scan: Sendable {
    public let snapshot: LockSnapshot
    public let graph: WaitGraph
    public let names: RelationNames
    public let ours: Set<Int32>
    private let preparedOwners: [VirtualTransaction?: LockOwner]
    /// Indices into `snapshot.locks` of the locks on each relation, found once a scan and not once a
    /// statement that is forecast.
    private let rowsByRelation: [UInt32: [Int]]
    private let relationsByName: [String: [UInt32]]
    /// Parallel workers by the pid of their leader.
    let workers: [Int32: [Int32]]
    /// The sessions of others whose snapshots a concurrent index build would wait for, oldest first.
    let olderSnapshots: [LockSession]
    /// The indexes being built, by the pid of who builds.
    var builds: [Int32: LockQueries.IndexProgress] = [:]

    init(
      _ snapshot: LockSnapshot, _ graph: WaitGraph, names: RelationNames, ours: Set<Int32>
    ) {
      self.snapshot = snapshot
      self.graph = graph
      self.names = names
      self.ours = ours
      preparedOwners = snapshot.preparedOwners
      var rows: [UInt32: [Int]] = [:]
      for (index, row) in snapshot.locks.enumerated() where row.tag.kind == .relation {
        guard let oid = row.tag.relation,
          row.tag.database == snapshot.database || row.tag.database == 0
        else { continue }
        rows[oid, default: []].append(index)
      }
      rowsByRelation = rows
      relationsByName = Dictionary(
        grouping: rows.keys.filter { names.names[$0] != nil }, by: { names.names[$0]?.name ?? "" })
      var workers: [Int32: [Int32]] = [:]
      for session in snapshot.sessions.values {
        guard let leader = session.leader, leader != session.pid else { continue }
        workers[leader, default: []].append(session.pid)
      }
      self.workers = workers.mapValues { $0.sorted() }
      olderSnapshots = snapshot.olderSnapshots().filter { !ours.contains($0.pid) }
    }

    /// Whose lock a row is; that of a parallel worker is its leader's.
    func owner(of row: LockRow) -> LockOwner {
      if let pid = row.pid { return .session(pid: snapshot.sessions[pid]?.leader ?? pid) }
      return preparedOwners[row.virtualTransaction] ?? .unknown(row.virtualTransaction)
    }

    /// The relations of a name on which some lock is held or wanted.
    ///
    /// Without a schema every table of the name counts, since `search_path` is not known here.
    func lockedRelations(named name: QualifiedName) -> [UInt32] {
      (relationsByName[name.name] ?? []).filter { oid in
        name.schema == nil || names.names[oid]?.schema == name.schema
      }
    }

    /// The locks of others, held or waited for, that would keep a session from getting `mode` on a
    /// relation.
    func obstacles(to mode: LockMode, on name: QualifiedName) -> [LockRow] {
      lockedRelations(named: name).flatMap { rowsByRelation[$0] ?? [] }
        .map { snapshot.locks[$0] }
        .filter { row in
          mode.conflicts(with: row.mode) && !(row.pid.map(ours.contains) ?? false)
        }
    }

    /// The locks of others that a concurrent form would wait for on a relation, though it does not ask
    /// for one that conflicts with them; on the table, where the relation is an index.
    func awaited(by wait: ConcurrentWait, for lock: ExpectedLock) -> [LockRow] {
      guard let mode = wait.holders, wait.isForHolders(of: lock.role), let name = lock.relation
      else { return [] }
      let relations = lock.role == .index ? tables(ofIndex: name) : lockedRelations(named: name)
      return relations.flatMap { rowsByRelation[$0] ?? [] }.map { snapshot.locks[$0] }
        .filter { row in
          row.isGranted && mode.conflicts(with: row.mode)
            && !(row.pid.map(ours.contains) ?? false)
        }
    }

    /// The tables of the indexes of a name.
    func tables(ofIndex name: QualifiedName) -> [UInt32] {
      names.tables.compactMap { index, table in
        guard let found = names.names[index], found.name == name.name,
          name.schema == nil || found.schema == name.schema
        else { return nil }
        return table
      }
    }

    /// What a lock is on; the owner of a virtual transaction is named, since its number tells nobody
    /// anything.
    ///
    /// - Parameter waiter: Who waits for it: the server's account of a build goes before the table.
    func text(_ tag: LockTag, waiter: Int32? = nil) -> String {
      guard tag.kind == .virtualTransaction else { return names.place(tag) }
      let locker = waiter.flatMap { builds[$0]?.currentLocker }
      let holder = snapshot.locks.first { $0.tag == tag && $0.isGranted }
      guard let owner = locker.map({ LockOwner.session(pid: $0) }) ?? holder.map(owner(of:)) else {
        return names.text(tag)
      }
      let session = owner.pid.flatMap { snapshot.sessions[$0] }
      let isOurs = owner.pid.map(ours.contains) ?? false
      let name = SessionWords.name(owner, session, isOurs: isOurs)
      return "transaction of \(owner.pid.map { "\($0) " } ?? "")\(name)"
    }

    /// As `text(_:waiter:)`, in the few cells of a column: `xact 16669`.
    func shortText(_ tag: LockTag, waiter: Int32?) -> String {
      guard tag.kind == .virtualTransaction else { return names.place(tag) }
      let locker = waiter.flatMap { builds[$0]?.currentLocker }
      let holder = snapshot.locks.first { $0.tag == tag && $0.isGranted }
      let owner = locker.map { LockOwner.session(pid: $0) } ?? holder.map(owner(of:))
      return owner?.pid.map { "xact \($0)" } ?? names.text(tag)
    }

    /// Whether a session or prepared transaction works in another database of the server.
    func isElsewhere(_ owner: LockOwner) -> Bool {
      switch owner {
      case .session(let pid):
        guard let name = snapshot.sessions[pid]?.database else { return false }
        return names.databases.values.contains(name)
      case .prepared(let gid):
        let prepared = snapshot.preparedTransactions.first { $0.gid == gid }
        return prepared?.database.map { $0 != snapshot.database } ?? false
      case .unknown: return false
      }
    }

    /// The roots of the tree: those with somebody of this database before those of others.
    var rootsHereFirst: [Int] {
      guard !names.databases.isEmpty else { return graph.roots }
      let elsewhere = Set(
        graph.roots.filter { root in
          isElsewhere(graph.nodes[root].owner)
            && graph.nodes[root].children.allSatisfy { isElsewhere(graph.nodes[$0].owner) }
        })
      return graph.roots.filter { !elsewhere.contains($0) }
        + graph.roots.filter(elsewhere.contains)
    }

    /// The index of a session's or prepared transaction's node; `nil` for one that nobody waits for
    /// and that waits for nobody.
    func node(of owner: LockOwner) -> Int? { graph.nodes.firstIndex { $0.owner == owner } }
  }
}
