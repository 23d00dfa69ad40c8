/// The panes of the dashboard; a new one is a file and a line here.
public enum Panes {
  /// In the order of their numbers.
  public static let all: [any Pane] = [
    MigrationsPane(),
    ScriptPane.script,
    ScriptPane.wayBack,
    LocksPane(),
    ChecksPane(),
    SessionPane(),
    TimelinePane(),
    LogPane(),
  ]
}
