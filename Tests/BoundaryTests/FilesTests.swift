import Boundary
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("Files")
struct FilesTests {
  let folder = TemporaryFolder()
  static let old = Array("the old contents".utf8)
  static let new = Array("the new contents, which are longer".utf8)

  @Test("what is written is read again, and replaces what was there")
  func readAndWrite() throws {
    try Files.writeAtomically(Self.old, to: folder["a"])
    try Files.writeAtomically("é\n", to: folder["a"])
    #expect(try Files.readText(folder["a"]) == "é\n")
    #expect(try Files.size(folder["a"]) == 3)
    #expect(folder.names == ["a"])
  }

  @Test("an empty file and a large one come back whole")
  func sizes() throws {
    let large = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0) }
    for bytes in [[], large] {
      try Files.writeAtomically(bytes, to: folder["a"])
      #expect(try Files.read(folder["a"]) == bytes)
    }
  }

  @Test("FILE-01: what cannot be opened is refused with the system's reason")
  func missing() throws {
    let error = try #require(try refusal { _ = try Files.read(folder["missing"]) })
    #expect(error.rule.code == "FILE-01" && error.exit == .inputOutput)
    #expect(error.description.contains("No such file"))
    #expect(try refusal { try Files.writeAtomically([], to: folder["no/a"]) }?.exit == .inputOutput)
    #expect(try refusal { _ = try Files.list(folder["missing"]) }?.exit == .inputOutput)
    #expect(try refusal { _ = try Files.size(folder["missing"]) }?.exit == .inputOutput)
    #expect(try refusal { _ = try AppendFile(folder["no/a"]) }?.exit == .inputOutput)
  }

  @Test("FILE-02: folders, pipes, empty paths and NULs are no files, and nobody waits for them")
  func notFiles() throws {
    #expect(mkfifo(folder["pipe"], 0o600) == 0)
    for path in [folder.path, folder["pipe"], "", "a\0b"] {
      #expect(try refusal { _ = try Files.read(path) }?.rule.code == "FILE-02")
    }
    #expect(try refusal { _ = try JSONLines.read(folder["pipe"]) }?.rule.code == "FILE-02")
  }

  @Test("FILE-03: text that is not UTF-8, with the place")
  func notText() throws {
    let path = folder.write([0x61, 0xC3, 0xA9, 0xFF, 0x62], to: "a")
    let error = try #require(try refusal { _ = try Files.readText(path) })
    #expect(error.rule.code == "FILE-03")
    #expect(error.place.offset == 3)
  }

  @Test("FILE-04: a file above the limit is not read")
  func limit() throws {
    let path = folder.write(Self.old, to: "a")
    #expect(try Files.read(path, limit: Self.old.count) == Self.old)
    #expect(
      try refusal { _ = try Files.read(path, limit: Self.old.count - 1) }?.rule.code == "FILE-04")
  }

  @Test("SYS-16: files are 0600 and folders 0700, whatever the umask")
  func modes() async throws {
    // The mask belongs to the process, so this runs in one of its own.
    await #expect(processExitsWith: .success) {
      let folder = TemporaryFolder()
      for mask in [0, 0o777] as [mode_t] {
        umask(mask)
        try Files.writeAtomically([], to: folder["a"])
        try Files.createDirectory(folder["d\(mask)/e"])
        try AppendFile(folder["l\(mask)"]).append(line: "x")
        func mode(_ name: String) -> mode_t {
          var status = stat()
          return stat(folder[name], &status) == 0 ? status.st_mode & 0o777 : 0
        }
        #expect(mode("a") == 0o600)
        #expect(mode("l\(mask)") == 0o600)
        #expect(mode("d\(mask)") == 0o700 && mode("d\(mask)/e") == 0o700)
      }
    }
  }

  @Test(
    "SYS-01: a disk full at each operation in turn leaves the old file",
    arguments: [ENOSPC, EDQUOT, EFBIG])
  func diskFull(code: Int32) throws {
    try Files.writeAtomically(Self.old, to: folder["a"])
    let operations = try breakingEachOperation(.error(code)) {
      try Files.writeAtomically(Self.new, to: folder["a"])
    } check: { operation, refusal in
      let error = try #require(refusal)
      #expect(error.exit == .disk && error.file == folder["a"] || operation > 5)
      #expect(folder.names == ["a"])
      // Only the sync of the folder comes after the new file is in place.
      #expect(try Files.read(folder["a"]) == (operation > 5 ? Self.new : Self.old))
      try Files.writeAtomically(Self.old, to: folder["a"])
    }
    // Open, mode, write, sync, rename; open and sync the folder.
    #expect(operations == 7)
  }

  @Test("SYS-04: a short write and an interruption are completed unseen")
  func interrupted() throws {
    for fault in [.shortWrite, .error(EINTR)] as [FileFaults.Fault] {
      try breakingEachOperation(fault) {
        try Files.writeAtomically(Self.new, to: folder["a"])
      } check: { _, refusal in
        #expect(refusal == nil)
        #expect(try Files.read(folder["a"]) == Self.new)
        #expect(folder.names == ["a"])
        try Files.remove(folder["a"])
      }
    }
  }

  @Test("SYS-05: after a device error the file is written anew, once")
  func deviceError() throws {
    try breakingEachOperation(.error(EIO)) {
      try Files.writeAtomically(Self.new, to: folder["a"])
    } check: { _, refusal in
      let contents = try Files.read(folder["a"])
      #expect(refusal == nil)
      #expect(contents == Self.new)
      #expect(folder.names == ["a"])
    }
    let faults = FileFaults(.error(EIO), from: 4)
    let error = try FileFaults.$current.withValue(faults) {
      try refusal { try Files.writeAtomically(Self.old, to: folder["a"]) }
    }
    #expect(error?.rule.code == "SYS-05")
    #expect(error?.exit == .inputOutput)
    #expect(try Files.read(folder["a"]) == Self.new)
    #expect(folder.names == ["a"])
  }

  @Test("RUN-05: killed at each operation in turn, the file is the old or the new one")
  func killed() async throws {
    // 8 is beyond the last operation.
    for operation in 1...8 {
      let folder = TemporaryFolder()
      try Files.writeAtomically(Self.old, to: folder["a"])
      let path = folder["a"]
      let end: ExitTest.Condition = operation == 8 ? .success : .signal(SIGKILL)
      await #expect(processExitsWith: end) {
        [path = path as String, operation = operation as Int] in
        try FileFaults.$current.withValue(FileFaults(.kill, at: operation)) {
          try Files.writeAtomically(FilesTests.new, to: path)
        }
      }
      let contents = try Files.read(path)
      #expect(contents == (operation < 6 ? Self.old : Self.new))
      let left = folder.names.filter { $0 != "a" }
      #expect(left.allSatisfy { $0.hasPrefix(Files.temporaryPrefix) })
      try Files.writeAtomically(Self.old, to: path)
      #expect(try Files.read(path) == Self.old)
    }
  }

  @Test("folders are made, listed in order, renamed and removed with their contents")
  func folders() throws {
    try Files.createDirectory(folder["x/y/z"])
    try Files.createDirectory(folder["x/y/z/"])
    for name in ["b", "A", "é", "a"] { folder.write([], to: "x/\(name)") }
    #expect(try Files.list(folder["x"]) == ["A", "a", "b", "y", "é"])
    try Files.rename(folder["x"], to: folder["w"])
    #expect(Files.isDirectory(folder["w/y/z"]) && !Files.exists(folder["x"]))
    #expect(Files.exists(folder["w/a"]) && !Files.isDirectory(folder["w/a"]))
    try Files.remove(folder["w"])
    try Files.remove(folder["w"])
    #expect(folder.names == [])
    folder.write([], to: "file")
    #expect(try refusal { try Files.createDirectory(folder["file/x"]) }?.exit == .inputOutput)
  }

  @Test("a link is removed, not what it points to")
  func links() throws {
    try Files.createDirectory(folder["d"])
    folder.write([1], to: "d/kept")
    #expect(symlink(folder["d"], folder["link"]) == 0)
    #expect(symlink("nowhere", folder["dangling"]) == 0)
    #expect(!Files.exists(folder["dangling"]))
    try Files.remove(folder["link"])
    try Files.remove(folder["dangling"])
    #expect(folder.names == ["d"])
    #expect(try Files.list(folder["d"]) == ["kept"])
  }

  @Test("a rename replaces a file")
  func rename() throws {
    folder.write([1], to: "a")
    folder.write([2], to: "b")
    try Files.rename(folder["a"], to: folder["b"])
    #expect(try Files.read(folder["b"]) == [1])
    #expect(try refusal { try Files.rename(folder["a"], to: folder["b"]) }?.exit == .inputOutput)
  }

  @Test("a file is cut to a size")
  func truncate() throws {
    let path = folder.write(Self.old, to: "a")
    try Files.truncate(path, to: 7)
    #expect(try Files.readText(path) == "the old")
  }
}

@Suite("Files that grow")
struct AppendFileTests {
  let folder = TemporaryFolder()

  @Test("lines are added behind what is there")
  func append() throws {
    folder.write("zero\n", to: "log")
    let file = try AppendFile(folder["log"])
    try file.append(line: "one")
    try file.append(Array("two\n".utf8))
    try file.sync()
    #expect(try Files.readText(folder["log"]) == "zero\none\ntwo\n")
  }

  @Test("SYS-01: a full disk takes the cut line back", arguments: [1, 2])
  func diskFull(operation: Int) throws {
    let file = try AppendFile(folder["log"])
    try file.append(line: "one")
    // The first write is short, the one that completes it fails.
    let faults = FileFaults(
      operation == 1 ? [1: .error(ENOSPC)] : [1: .shortWrite, 2: .error(ENOSPC)])
    let error = try FileFaults.$current.withValue(faults) {
      try refusal { try file.append(line: "two") }
    }
    #expect(error?.rule.code == "SYS-01" && error?.exit == .disk)
    #expect(try Files.readText(folder["log"]) == "one\n")
    try file.append(line: "three")
    #expect(try Files.readText(folder["log"]) == "one\nthree\n")
  }
}

@Suite("The lock of a folder")
struct FolderLockTests {
  let folder = TemporaryFolder()

  @Test("RUN-02: a second holder is refused, naming the first")
  func busy() throws {
    let lock = try FolderLock(folder.path)
    let error = try #require(try refusal { _ = try FolderLock(folder.path) })
    #expect(error.rule.code == "RUN-02" && error.exit == .busy)
    #expect(error.description.contains("process \(getpid()) on "), "\(error)")
    #expect(error.description.contains(" UTC"))
    withExtendedLifetime(lock) {}
  }

  @Test("RUN-03: the lock of a holder that is gone is taken over")
  func free() async throws {
    let path = folder.path
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      let lock = try FolderLock(path)
      _ = withExtendedLifetime(lock) { kill(getpid(), SIGKILL) }
    }
    do { _ = try FolderLock(folder.path) }
    _ = try FolderLock(folder.path)
  }
}
