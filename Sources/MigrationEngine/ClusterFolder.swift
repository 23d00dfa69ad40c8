#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The folder of a private cluster, and who owns it.
struct ClusterFolder: Sendable {
  /// Absolute.
  var path: String
  /// Whether the cluster is still to be made.
  var isNew: Bool
  /// Whether the user asked to keep it.
  var isKept: Bool
  /// Who runs the server; `nil` for ourselves. Root may not run one.
  var account: Account?

  /// A user of this machine.
  struct Account: Sendable {
    var name: String
    var user: uid_t
    var group: gid_t
  }

  var data: String { path + "/data" }
  var log: String { path + "/server.log" }
  /// Stands where a cluster that is to be kept was completed: nobody else's cluster is ever started.
  var marker: String { path + "/lockstep-cluster" }

  /// What goes when the cluster is not kept, or was never completed.
  var removals: [String] { isKept ? (isNew ? [data, log] : []) : [path] }

  /// Makes an empty folder that goes away with the cluster.
  ///
  /// It is below `TMPDIR`, or below `/tmp` where the server could not use that: sockets have short paths, and
  /// the server's user must be let through.
  static func temporary() throws(PrivateCluster.Failure) -> ClusterFolder {
    let wanted = getenv("TMPDIR").map { absolute(String(cString: $0)) } ?? "/tmp"
    let account = geteuid() == 0 ? serverAccount() : nil
    let isFit =
      problem(with: wanted + "/lockstep-XXXXXX") == nil && obstacle(to: account, on: wanted) == nil
    let parent = isFit ? wanted : "/tmp"
    var template = Array("\(parent)/lockstep-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw .noFolder(path: parent, reason: String(cString: strerror(errno)))
    }
    let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let folder = ClusterFolder(path: path, isNew: true, isKept: false, account: account)
    folder.handOver()
    return folder
  }

  /// Opens the folder of a kept cluster, or makes it.
  ///
  /// - Throws: `unfitFolder` where something else is in it, or where the server could not use it.
  static func kept(_ name: String) throws(PrivateCluster.Failure) -> ClusterFolder {
    let path = absolute(name)
    if let problem = problem(with: path) {
      throw .unfitFolder(path: path, reason: problem, next: "choose a short, plain path")
    }
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw .unfitFolder(
        path: path, reason: String(cString: strerror(errno)),
        next: "choose a folder that can be written to")
    }
    guard let names = entries(of: path) else {
      throw .unfitFolder(
        path: path, reason: String(cString: strerror(errno)),
        next: "choose a folder that is not there yet")
    }
    var folder = ClusterFolder(path: path, isNew: names.isEmpty, isKept: true)
    guard folder.isNew || access(folder.marker, F_OK) == 0 else {
      throw .unfitFolder(
        path: path, reason: "it is not empty, and not a cluster that Lockstep has kept",
        next: "choose a folder that is empty or not there yet")
    }
    if geteuid() == 0 { folder.account = folder.isNew ? serverAccount() : owner(of: folder.data) }
    if let obstacle = obstacle(to: folder.account, on: path) {
      if folder.isNew { rmdir(path) }
      throw .unfitFolder(
        path: path,
        reason: "the server's user \"\(folder.account?.name ?? "")\" may not enter \"\(obstacle)\"",
        next: "choose a folder below /var/tmp, or start Lockstep as an ordinary user")
    }
    if folder.isNew { folder.handOver() }
    return folder
  }

  /// Gives the folder to the server's user, and keeps everybody else out: whoever reaches the socket is the
  /// server's superuser.
  private func handOver() {
    chmod(path, 0o700)
    if let account { chown(path, account.user, account.group) }
  }

  /// The socket's name, `/.s.PGSQL.5432`, and its final NUL come on top of the folder.
  /// Source: `sockaddr_un.sun_path` has 108 bytes on Linux and 104 on macOS.
  private static let longestPath = 104 - 15

  private static func problem(with path: String) -> String? {
    if path.utf8.count > longestPath {
      return "its path has more than \(longestPath) bytes, too many for a socket"
    }
    // libpq and the server take a list of folders apart at these.
    if path.contains(where: { ",\"'\\".contains($0) || $0.isNewline }) {
      return "its path has characters that a socket's folder cannot have"
    }
    return nil
  }

  /// Returns the first folder on the way to `path` that the account may not enter.
  private static func obstacle(to account: Account?, on path: String) -> String? {
    guard let account else { return nil }
    let parts = path.split(separator: "/" as Character)
    for count in 0..<parts.count {
      let folder = "/" + parts[..<count].joined(separator: "/")
      var facts = stat()
      guard stat(folder, &facts) == 0 else { continue }
      let needed: mode_t =
        facts.st_uid == account.user ? S_IXUSR : facts.st_gid == account.group ? S_IXGRP : S_IXOTH
      if facts.st_mode & needed == 0 { return folder }
    }
    return nil
  }

  private static func serverAccount() -> Account? {
    for name in ["postgres", "nobody"] {
      if let entry = getpwnam(name) {
        return Account(name: name, user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
      }
    }
    return nil
  }

  private static func owner(of path: String) -> Account? {
    var facts = stat()
    guard stat(path, &facts) == 0, facts.st_uid != 0 else { return nil }
    let name = getpwuid(facts.st_uid).map { String(cString: $0.pointee.pw_name) }
    return Account(name: name ?? "\(facts.st_uid)", user: facts.st_uid, group: facts.st_gid)
  }

  private static func entries(of path: String) -> [String]? {
    guard let stream = opendir(path) else { return nil }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  private static func absolute(_ path: String) -> String {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    if path.hasPrefix("/") { return path }
    guard let here = getcwd(nil, 0) else { return path }
    defer { free(here) }
    return path == "." ? String(cString: here) : String(cString: here) + "/" + path
  }
}
