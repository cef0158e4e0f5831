import Dispatch
import Synchronization

/// Brings what comes over HTTP on any thread to the one that works on it.
final class Mailbox: Sendable {
  struct Mail: Sendable {
    let job: Int
    let attempt: Int
    let result: Result<EndpointResponse, TransportFailure>
  }

  private let mails = Mutex<[Mail]>([])
  private let bell = DispatchSemaphore(value: 0)

  func put(_ mail: Mail) {
    mails.withLock { $0.append(mail) }
    bell.signal()
  }

  /// What has come, after at most so many seconds when there is nothing yet.
  func wait(_ seconds: Double) -> [Mail] {
    _ = bell.wait(timeout: .now() + seconds)
    return mails.withLock { mails in
      defer { mails = [] }
      return mails
    }
  }
}
