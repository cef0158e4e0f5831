#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the process was started with.
public enum Environment {
  /// The value of an environment variable; nil when there is none, or when it is not UTF-8.
  public static func value(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(validatingCString: value)
  }

  /// From now on a crash leaves no copy of the memory on disk, for it may hold a secret.
  public static func forbidCoreDumps() {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    #if canImport(Glibc)
      _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    #else
      _ = unsafe setrlimit(RLIMIT_CORE, &none)
    #endif
  }
}
