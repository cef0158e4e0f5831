import Boundary
import CQuantKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The processors that the system lets this process use, and the memory it has taken.
public enum Processors {
  /// What the maker calls the processor; empty where the system does not say.
  public static let name: String = {
    #if os(Linux)
      let lines = (try? Files.readText("/proc/cpuinfo"))?.split(separator: "\n") ?? []
      let line = lines.first { $0.hasPrefix("model name") }
      return line?.split(separator: ":").last.map { $0.drop { $0 == " " } }.map(String.init) ?? ""
    #else
      var name = [CChar](repeating: 0, count: 256)
      var size = name.count
      guard sysctlbyname("machdep.cpu.brand_string", &name, &size, nil, 0) == 0 else { return "" }
      return String(decoding: name.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
    #endif
  }()

  /// The most memory that this process has had at once; bytes.
  public static var peakMemory: Int {
    var usage = rusage()
    #if os(Linux)
      getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
      return usage.ru_maxrss * 1024
    #else
      getrusage(RUSAGE_SELF, &usage)
      return usage.ru_maxrss
    #endif
  }

  /// The memory that this process has now; bytes.
  ///
  /// Where the system does not say, the most that it has had.
  public static var memory: Int {
    #if os(Linux)
      // Pages: the whole, those in memory, …
      let fields = (try? Files.readText("/proc/self/statm"))?.split(separator: " ") ?? []
      guard fields.count > 1, let pages = Int(fields[1]) else { return peakMemory }
      return pages * Int(getpagesize())
    #else
      return peakMemory
    #endif
  }

  /// Numbers of the processors in the affinity mask.
  static let allowed: [Int] = {
    var numbers = [Int32](repeating: 0, count: 1024)
    let count = qk_allowed_processors(&numbers, numbers.count)
    return count > 0 ? numbers[..<count].map(Int.init) : Array(0..<max(1, online))
  }()

  private static var online: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

  /// Cores behind them: two hardware threads of a core count once.
  static let physicalCores: Int = {
    #if os(Linux)
      let cores = allowed.map { number in
        let siblings = "/sys/devices/system/cpu/cpu\(number)/topology/thread_siblings_list"
        return (try? Files.readText(siblings)) ?? "\(number)"
      }
      return Set(cores).count
    #else
      var count: Int32 = 0
      var size = MemoryLayout<Int32>.size
      return sysctlbyname("hw.physicalcpu", &count, &size, nil, 0) == 0 ? Int(count) : allowed.count
    #endif
  }()

  /// A variable of the environment.
  static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}
