import Boundary
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Signals belong to a whole process, so each of these runs in one of its own.
@Suite("Signals")
struct InterruptionTests {
  @Test(
    "SYS-06: the first signal is noted, with its exit code",
    arguments: [(SIGHUP, 129), (SIGINT, 130), (SIGTERM, 143)] as [(Int32, Int32)])
  func first(number: Int32, code: Int32) async {
    await #expect(processExitsWith: .exitCode(7)) {
      [number = number as Int32, code = code as Int32] in
      Interruption.install()
      guard Interruption.requested == nil else { exit(1) }
      signalSelf(number)
      exit(Interruption.requested?.rawValue == code ? 7 : 2)
    }
  }

  @Test("SYS-07: the second signal ends the process at once")
  func second() async {
    await #expect(processExitsWith: .exitCode(143)) {
      Interruption.install()
      signalSelf(SIGINT)
      signalSelf(SIGTERM)
      exit(1)
    }
  }

  @Test("CFG-17: writing to a reader that is gone is no signal")
  func brokenPipe() async {
    await #expect(processExitsWith: .exitCode(7)) {
      Interruption.install()
      var ends: [Int32] = [0, 0]
      guard pipe(&ends) == 0 else { exit(1) }
      close(ends[0])
      let written = write(ends[1], "x", 1)
      exit(written == -1 && errno == EPIPE ? 7 : 2)
    }
  }

  @Test("SYS-03: a write beyond the file-size limit is a full disk, not a signal")
  func fileSizeLimit() async {
    await #expect(processExitsWith: .exitCode(7)) {
      Interruption.install()
      let folder = TemporaryFolder()
      var limit = rlimit(rlim_cur: 1000, rlim_max: 1000)
      #if canImport(Glibc)
        let resource = __rlimit_resource_t(RLIMIT_FSIZE.rawValue)
      #else
        let resource = RLIMIT_FSIZE
      #endif
      guard setrlimit(resource, &limit) == 0 else { exit(1) }
      do {
        try Files.writeAtomically(Array(repeating: 1, count: 5000), to: folder["a"])
      } catch let error as InputError {
        try Files.remove(folder.path)
        exit(error.rule.code == "SYS-03" && folder.names.isEmpty ? error.exit.rawValue : 3)
      }
      exit(2)
    }
  }
}

/// Sends a signal to this process and gives whichever thread takes it some time.
private func signalSelf(_ number: Int32) {
  kill(getpid(), number)
  for _ in 0..<20 { usleep(10_000) }
}
