import Diagnostics
import EventLoop
import MigrationModel
import Postgres
import PostgresModel
import Synchronization

/// A throw-away database with the schema and the history of another, and rows of it where they are wanted.
///
/// Its comment marks it, and until it has one its name does; only what bears a mark is ever dropped. From
/// before it is made, and while its maker lives, he holds an advisory lock by which others know that it is in
/// use.
final class ScratchDatabase: Sendable {
  let name: String
  let target: ConnectionString
  let mode: RehearsalReport.Mode
  let serverVersion: String
  /// Why it is this mode and no stronger one, and what its rows lack.
  var notes: [String] { reasons + gaps.withLock { $0 } }
  private let reasons: [String]
  private let gaps = Mutex<[String]>([])
  let sample: SampleSize
  /// A session with the database that it is a copy of, or with the private server.
  private let maker: Connection
  /// Another database of the same server.
  var elsewhere: ConnectionString { maker.target }
  private let cluster: PrivateCluster?
  /// What it is a copy of; `nil` where it was made by somebody else.
  private let origin: Origin?

  struct Origin: Sendable {
    var source: ConnectionString
    var history: QualifiedName?
    var strategy: String
  }

  static let mark = "scratch database of lockstep, copy of "

  /// What is wanted of a copy.
  struct Request: Sendable {
    var mode = RehearsalMode.auto
    var sample = SampleSize.usual
    /// Why it must not share the server with the target; `nil` where it may.
    var needsOwnServer: String?
  }

  init(
    name: String, target: ConnectionString, mode: RehearsalReport.Mode, maker: Connection,
    cluster: PrivateCluster? = nil, sample: SampleSize = .usual, notes: [String] = [],
    origin: Origin? = nil
  ) {
    self.origin = origin
    self.name = name
    self.target = target
    self.mode = mode
    self.maker = maker
    self.cluster = cluster
    self.sample = sample
    reasons = notes
    serverVersion = maker.serverVersionText
  }

  // MARK: Making

  /// Makes one beside the source, or on a private server where the role may not make databases.
  ///
  /// - Parameter history: The history table, whose rows are copied; `nil` where there is none.
  /// - Throws: `DatabaseError`, `PrivateCluster.Failure`, `Refusal` where it cannot be copied as wanted.
  static func make(
    of source: ConnectionString, history: QualifiedName?, _ request: Request = Request(),
    loop: EventLoop
  ) async throws -> ScratchDatabase {
    let session = try await Connection.open(source, application: "lockstep rehearse", loop: loop)
    try await dropLeftovers(session)
    let choice = try await ScratchChoice.make(request, history: history, session)
    do {
      return try await make(of: source, history, choice, session, loop: loop)
    } catch let refusal as Refusal where request.mode == .auto && choice.mode == .sampled {
      // The rows are more than was asked for; the schema alone may do.
      var weaker = choice
      weaker.mode = .shape
      weaker.notes.append("the rows could not be copied: \(refusal.diagnostic.what)")
      return try await make(of: source, history, weaker, session, loop: loop)
    }
  }

  private static func make(
    of source: ConnectionString, _ history: QualifiedName?, _ choice: ScratchChoice,
    _ session: Connection, loop: EventLoop
  ) async throws -> ScratchDatabase {
    let scratch = try await create(of: source, history, choice, session, loop: loop)
    do {
      try await scratch.fill(of: source, history, session)
      return scratch
    } catch {
      await scratch.drop()
      throw error
    }
  }

  /// Marks it and copies what it is to have.
  private func fill(
    of source: ConnectionString, _ history: QualifiedName?, _ session: Connection
  ) async throws {
    try await setMark(as: session.database)
    try await refuseTarget()
    switch mode {
    case .clone: break
    case .shape, .privateShape:
      try await copySchema(of: source, history: history, source: session)
    case .sampled, .privateSampled:
      let found = try await copySample(of: source, history: history, source: session)
      gaps.withLock { $0 = found }
    }
  }

  /// Makes another one like it, of the source as it is now; it has to be dropped before this one is.
  ///
  /// - Throws: `DatabaseError`, `Refusal` where it cannot be copied.
  func another() async throws -> ScratchDatabase {
    guard let origin else { throw ScratchChoice.cannotClone(name, "its source is not known") }
    let session =
      mode.isPrivate
      ? try await Connection.open(
        origin.source, application: "lockstep rehearse", loop: maker.loop) : maker
    let name = ScratchName.make(of: maker.database, owner: try await maker.owner())
    let template =
      mode == .clone
      ? SQLText.identifier(maker.database) + origin.strategy : "template0"
    try await Self.lock(name, in: maker)
    do throws(DatabaseError) {
      try await maker.execute("CREATE DATABASE \(name) TEMPLATE \(template)")
    } catch {
      await Self.unlock(name, in: maker)
      throw error
    }
    var target = target
    target["dbname"] = name
    let other = ScratchDatabase(
      name: name, target: target, mode: mode, maker: maker, sample: sample, origin: origin)
    do {
      try await other.fill(of: origin.source, origin.history, session)
      return other
    } catch {
      await other.drop()
      throw error
    }
  }

  private static func create(
    of source: ConnectionString, _ history: QualifiedName?, _ choice: ScratchChoice,
    _ session: Connection, loop: EventLoop
  ) async throws -> ScratchDatabase {
    let origin = Origin(source: source, history: history, strategy: choice.strategy)
    let name = ScratchName.make(of: session.database, owner: try await session.owner())
    if choice.needsOwnServer {
      return try await makePrivate(name, of: session, choice, origin, loop: loop)
    }
    var target = source
    target["dbname"] = name
    func made(_ mode: RehearsalReport.Mode) -> ScratchDatabase {
      ScratchDatabase(
        name: name, target: target, mode: mode, maker: session, sample: choice.sample,
        notes: choice.notes, origin: origin)
    }
    if choice.mode == .clone {
      do throws(DatabaseError) {
        let template = SQLText.identifier(session.database)
        try await lock(name, in: session)
        try await session.execute("CREATE DATABASE \(name) TEMPLATE \(template)\(choice.strategy)")
        return made(.clone)
      } catch {
        await unlock(name, in: session)
        guard let server = error.serverError else { throw error }
        guard !choice.isAsked else {
          throw ScratchChoice.cannotClone(session.database, server.message)
        }
        var weaker = choice
        weaker.mode = .sampled
        weaker.notes.append("no clone: \(server.message)")
        return try await create(of: source, history, weaker, session, loop: loop)
      }
    }
    do throws(DatabaseError) {
      try await lock(name, in: session)
      try await session.execute("CREATE DATABASE \(name) TEMPLATE template0")
      return made(choice.mode == .sampled ? .sampled : .shape)
    } catch {
      await unlock(name, in: session)
      guard error.serverError?.isInsufficientPrivilege == true else { throw error }
      return try await makePrivate(name, of: session, choice, origin, loop: loop)
    }
  }

  private static func makePrivate(
    _ name: String, of source: Connection, _ choice: ScratchChoice, _ origin: Origin,
    loop: EventLoop
  ) async throws -> ScratchDatabase {
    // Rows do not leave their server unless somebody says so.
    let mode: RehearsalReport.Mode =
      choice.mode == .sampled && choice.isAsked ? .privateSampled : .privateShape
    let cluster = try await BlockingWork.run { () -> Result<PrivateCluster, any Error> in
      Result { try PrivateCluster.startBlocking() }
    }.get()
    do {
      let target = try ConnectionString(cluster.url(database: "postgres"))
      let session = try await Connection.open(
        target, application: "lockstep rehearse", loop: loop)
      // Owners and grants are a part of the schema, so the roles have to be there.
      let query = Query<(name: String, isUnbound: Bool)>(
        "SELECT rolname, rolbypassrls OR rolsuper FROM pg_roles WHERE rolname !~ '^pg_'"
      ) { (row) throws(ResultRow.Mismatch) in (try row.string(0), try row.bool(1)) }
      let roles = try await source.rows(query)
      for role in roles where role.name != session.user {
        // Whom row security does not bind there it does not bind here.
        let option = role.isUnbound ? " BYPASSRLS" : ""
        try await session.execute("CREATE ROLE \(SQLText.identifier(role.name))\(option)")
      }
      try await lock(name, in: session)
      try await session.execute("CREATE DATABASE \(name) TEMPLATE template0")
      var scratch = target
      scratch["dbname"] = name
      return ScratchDatabase(
        name: name, target: scratch, mode: mode, maker: session, cluster: cluster,
        sample: choice.sample, notes: choice.notes, origin: origin)
    } catch {
      await BlockingWork.run { cluster.stopBlocking() }
      throw error
    }
  }

  private func setMark(as source: String) async throws(DatabaseError) {
    let comment = SQLText.literal(Self.mark + source)
    try await maker.execute("COMMENT ON DATABASE \(name) IS \(comment)")
  }

  /// Makes sure that its address leads to it: a pooler may lead every name to one database.
  private func refuseTarget() async throws {
    let session = try await Connection.open(
      target, application: "lockstep rehearse", loop: maker.loop)
    try await ScratchDatabase.refuse(session, unlessIt: name)
  }

  /// - Throws: `Refusal` where the session is not with the scratch database of this name.
  static func refuse(
    _ session: Connection, unlessIt name: String
  ) async throws {
    let query = Query<Bool>(
      """
      SELECT datname = $1 AND coalesce(pg_catalog.shobj_description(oid, 'pg_database'), '') LIKE $2
      FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()
      """, [name, mark.replacing("_", with: "\\_") + "%"]
    ) { (row) throws(ResultRow.Mismatch) in try row.bool(0) }
    guard try await session.rows(query).first == true else {
      throw Refusal(
        .error(
          code: "scratch_is_target",
          "the address of the scratch database leads to another one, which may be the target",
          next: "name the server itself rather than a pooler; nothing was run"))
    }
  }

  /// Drops it, and what was only there for it; harmless when it is gone.
  func drop() async {
    // A server that went away took the scratch database's use with it; the next rehearsal drops it.
    // One by one: together they would be one transaction, in which no database can be dropped.
    _ = try? await maker.execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)")
    await Self.unlock(name, in: maker)
    if let cluster { await BlockingWork.run { cluster.stopBlocking() } }
  }
}

extension Connection {
  /// The role to which belongs what the session makes.
  fileprivate func owner() async throws(DatabaseError) -> String {
    let query = Query<String>("SELECT current_user") { (row) throws(ResultRow.Mismatch) in
      try row.string(0)
    }
    return try await rows(query).first ?? user
  }
}
