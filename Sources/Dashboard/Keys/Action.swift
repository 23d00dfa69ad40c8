/// What a key, a click or a command line does, by name.
///
/// Keys lead to actions by the tables in `Bindings` and in each pane; key bar and help are read from
/// the same tables.
public enum Action: Sendable, Hashable {
  // Moving in a pane.
  case move(Movement)
  case scrollLeft, scrollRight

  // Moving between panes.
  case focus(Int)
  case nextPane, previousPane
  case nextTab, previousTab
  case showTab(Int)
  case openLocks
  case open
  case back
  /// Goes back, and leaves where there is nothing to go back to.
  case leave

  // Finding.
  case search, nextMatch, previousMatch, filter

  // The picture.
  case reload, repaint, freeze, faster, slower
  case sort, reverseSort, tree, follow
  /// Asks the server itself who blocks whom.
  case verify
  // The past.
  case stepBack, stepForward, firstPicture, livePicture

  // Taking something out.
  case copy, copyMore, edit, page, save

  // Changing the database: each opens a plan.
  case applyNext, applyTo, rollBack

  // While something runs.
  case stepAside
  case nextStatement, runRest, rollBackRun

  // Other sessions: each opens a sheet that tells what would come of it.
  case cancelSession, endSession

  // The checklist: proving reads the database only, what a person says goes to the journal alone.
  case proveItem, proveAll, rehearse
  case sign, waive, note, takeBack
  case export, saveEvidence

  // The program.
  case command, help, interrupt, suspend, quit

  /// Where to go in a list or a text.
  public enum Movement: Sendable, Hashable {
    case lineUp, lineDown, halfUp, halfDown, pageUp, pageDown, first, last
    case wheelUp, wheelDown
  }
}

extension Action.Movement {
  /// How many rows of a list it goes down, negative ones up; `nil` for its first and its last row.
  ///
  /// - Parameter height: The rows that are seen.
  func rows(height: Int) -> Int? {
    switch self {
    case .lineUp: -1
    case .lineDown: 1
    case .halfUp: -max(1, height / 2)
    case .halfDown: max(1, height / 2)
    case .pageUp: -max(1, height - 1)
    case .pageDown: max(1, height - 1)
    case .wheelUp: -3
    case .wheelDown: 3
    case .first, .last: nil
    }
  }
}
