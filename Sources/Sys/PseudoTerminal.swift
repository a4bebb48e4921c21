import CSys
import Glibc

/// Rows and columns of a terminal, in cells.
package struct WindowSize: Sendable, Equatable {
  package var rows: UInt16
  package var columns: UInt16

  package init(rows: UInt16, columns: UInt16) {
    self.rows = rows
    self.columns = columns
  }
}

/// The line discipline's modes that tell how a program reads (termios(3)).
package struct LineMode: Sendable, Equatable {
  /// ICANON: input comes in lines.
  package var canonical: Bool
  /// ECHO: what is typed is shown. Canonical without echo is how passwords are read.
  package var echo: Bool
  /// ISIG: Ctrl-C and its like make signals.
  package var signals: Bool
  /// ICRNL: Enter's CR becomes the end of a line. Line editors switch it off, but for those of zsh and busybox.
  package var mapsReturn: Bool
}

/// A fresh PTY: the master and where its slave is.
package struct OpenedTerminal: ~Copyable, Sendable {
  package var master: Descriptor
  package var path: String
}

/// Calls on the master side of a PTY (pty(7)). Linux answers the terminal questions on the master too.
package enum PseudoTerminal {
  /// A new pair: the master (close-on-exec, blocking) and the path of its slave.
  package static func open(size: WindowSize) throws(SystemError) -> OpenedTerminal {
    var path = [CChar](repeating: 0, count: 64)
    let opened = csys_open_pty(&path, path.count)
    guard opened >= 0 else { throw .last("posix_openpt") }
    let master = Descriptor(owning: opened)
    try setSize(master.raw, size)
    return OpenedTerminal(master: master, path: String(cBuffer: path))
  }

  /// Sets the size; the foreground process group gets SIGWINCH when it changed.
  package static func setSize(_ master: CInt, _ size: WindowSize) throws(SystemError) {
    var window = winsize(ws_row: size.rows, ws_col: size.columns, ws_xpixel: 0, ws_ypixel: 0)
    guard ioctl(master, UInt(TIOCSWINSZ), &window) == 0 else { throw .last("ioctl(TIOCSWINSZ)") }
  }

  /// The size of any terminal descriptor, or nil when it is not a terminal.
  package static func size(of descriptor: CInt) -> WindowSize? {
    var window = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &window) == 0 else { return nil }
    return WindowSize(rows: window.ws_row, columns: window.ws_col)
  }

  /// The process group that owns the terminal now, or nil when there is none.
  package static func foregroundGroup(of master: CInt) -> ProcessID? {
    var group: ProcessID = 0
    guard ioctl(master, UInt(TIOCGPGRP), &group) == 0, group > 0 else { return nil }
    return group
  }

  /// Bytes of input that no program has read yet: in line mode those of complete lines, an end of input counting as one. nil when the slave
  /// cannot be asked.
  ///
  /// All that was written to the master before counts, however late the kernel is with it; and whoever had gone to sleep waiting for it is
  /// awake by then, so that a reader found asleep after an answer of 0 has taken all of it and waits for more.
  package static func pendingInput(of master: CInt) -> Int? {
    let count = csys_pty_pending(master)
    return count >= 0 ? Int(count) : nil
  }

  package static func lineMode(of master: CInt) -> LineMode? {
    var settings = termios()
    guard tcgetattr(master, &settings) == 0 else { return nil }
    let flags = settings.c_lflag
    return LineMode(
      canonical: flags & tcflag_t(ICANON) != 0, echo: flags & tcflag_t(ECHO) != 0,
      signals: flags & tcflag_t(ISIG) != 0, mapsReturn: settings.c_iflag & tcflag_t(ICRNL) != 0)
  }

  /// The slave's device number as `stat` and /proc show it, for `ProcessStatus.isReading`.
  package static func device(of master: CInt) -> UInt64? {
    let number = csys_pty_number(master)
    var status = stat()
    guard number >= 0, stat("/dev/pts/\(number)", &status) == 0 else { return nil }
    return UInt64(status.st_rdev)
  }
}
