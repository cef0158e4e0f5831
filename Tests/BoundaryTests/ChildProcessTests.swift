import Boundary
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

@Suite("Child processes")
struct ChildProcessTests {
  init() {
    // As the program does; a child that hangs up is no reason to end.
    signal(SIGPIPE, SIG_IGN)
  }

  private func child(_ script: String) throws -> ChildProcess {
    try ChildProcess(["sh", "-c", script])
  }

  @Test("lines go back and forth, however long")
  func lines() throws {
    let cat = try ChildProcess(["cat"])
    for text in [
      "a", "", #"{"x":"$(touch /tmp/no) `y` \n"}"#, String(repeating: "ä", count: 300_000),
    ] {
      #expect(try cat.exchange(text, timeout: 20, limit: 1 << 20) == text)
    }
  }

  @Test("one that does something and ends is waited for, however much it writes")
  func outcome() throws {
    for code in [0, 3] {
      let busy = try child("yes | head -c 300000; yes | head -c 300000 >&2; exit \(code)")
      #expect(!busy.succeeded)
      while !busy.hasEnded() { try Interruption.pause(milliseconds: 5) }
      #expect(busy.succeeded == (code == 0) && busy.hasEnded())
    }
    // A name of its own: tests run side by side, and the environment is one for all.
    setenv("TRIPOST_TEST_INHERITED", "yes", 1)
    defer { unsetenv("TRIPOST_TEST_INHERITED") }
    let words = ["sh", "-c", "test -n \"$TRIPOST_TEST_INHERITED\""]
    for isWhole in [false, true] {
      let child = try ChildProcess(words, inheritingAll: isWhole)
      while !child.hasEnded() { try Interruption.pause(milliseconds: 5) }
      #expect(child.succeeded == isWhole)
    }
  }

  @Test("FB-01: what cannot be started is refused")
  func missing() throws {
    for command in [["no-such-program"], ["/dev/null"], ["/no/such/path"]] {
      let error = try refusal { _ = try ChildProcess(command) }
      #expect(error?.rule.code == "FB-01")
      #expect(error?.exit == .script)
    }
  }

  @Test("FB-02: an end without an answer says how, and what was said last")
  func ends() throws {
    let program = try child("echo one >&2; echo 'no such file' >&2; exit 7")
    let error = try refusal { _ = try program.exchange("x", timeout: 20, limit: 100) }
    #expect(error?.rule.code == "FB-02")
    #expect(error?.found == "ended without an answer, with exit code 7")
    #expect(error?.hints == ["it said: no such file"])
    let killed = try child("kill -9 $$")
    #expect(
      try refusal { _ = try killed.exchange("x", timeout: 20, limit: 100) }?.found
        == "ended without an answer, by signal 9")
  }

  @Test("FB-03: a silent program is given up, and all that it started is gone")
  func silent() throws {
    let folder = TemporaryFolder()
    do {
      let program = try child(
        "trap '' TERM; sleep 1000 & echo $! > \(folder["child"]); : > \(folder["started"]); wait")
      while !Files.exists(folder["started"]) { try Interruption.pause(milliseconds: 5) }
      let error = try refusal { _ = try program.exchange("x", timeout: 1, limit: 100) }
      #expect(error?.rule.code == "FB-03")
    }
    let text = try Files.readText(folder["child"])
    let number = try #require(pid_t(text.split(separator: "\n")[0]))
    for _ in 0..<100 where kill(number, 0) == 0 { usleep(20_000) }
    #expect(kill(number, 0) == -1)
  }

  @Test("FB-04: too much, or no text; early hanging up is fine")
  func output() throws {
    #expect(
      try refusal {
        _ = try child("yes | tr -d '\\n'").exchange("x", timeout: 20, limit: 100_000)
      }?.rule.code == "FB-04")
    #expect(
      try refusal {
        _ = try child("printf '\\377\\n'; sleep 5").exchange("x", timeout: 20, limit: 100)
      }?.rule.code == "FB-04")
    let deaf = try child("exec <&-; echo hello; sleep 5")
    #expect(
      try deaf.exchange(String(repeating: "x", count: 1 << 20), timeout: 20, limit: 100) == "hello")
  }

  @Test("FB-07: no secret and no open file is inherited")
  func inherits() throws {
    setenv("TRIPOST_TEST_SECRET", "hunter2", 1)
    defer { unsetenv("TRIPOST_TEST_SECRET") }
    let program = try child("env | tr '\\n' ' '; echo")
    let environment = try program.exchange("", timeout: 20, limit: 1 << 16)
    #expect(environment.contains("PATH=") && !environment.contains("hunter2"))
    if Files.isDirectory("/proc/self/fd") {
      let file = open("/dev/null", O_RDONLY)
      defer { close(file) }
      // A pipe would be the shell's own while it starts the next program.
      let list = try child("exec ls -m /proc/self/fd").exchange("", timeout: 20, limit: 100)
      #expect(list == "0, 1, 2, 3", "the last is the listing's own")
    }
  }
}
