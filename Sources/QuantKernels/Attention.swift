import CQuantKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What keys or values are stored as.
public enum KeyValueType: String, CaseIterable, Sendable {
  case f32, f16, q8_0

  var code: qk_store_type {
    switch self {
    case .f32: qk_store_f32
    case .f16: qk_store_f16
    case .q8_0: qk_store_q8_0
    }
  }

  /// What head sizes have to be multiples of.
  public var headSizeStep: Int { self == .q8_0 ? Int(QK_STORE_BLOCK) : 2 }
}

/// What keys and values are stored as.
public struct KeyValueTypes: Equatable, Sendable {
  public var key: KeyValueType
  public var value: KeyValueType

  public init(key: KeyValueType = .f32, value: KeyValueType = .f32) {
    self.key = key
    self.value = value
  }

  /// What head sizes have to be multiples of.
  public var headSizeStep: Int { max(key.headSizeStep, value.headSizeStep) }

  /// Bytes of `KeyValueStore.pageLength` positions of one key/value head.
  public func pageBytes(headSize: Int) -> Int {
    qk_store_head_bytes(key.code, headSize) + qk_store_head_bytes(value.code, headSize)
  }
}

/// Keys and values of many sequences, in pages of 16 positions.
///
/// A sequence is a list of page numbers, so that sequences with a common beginning share its pages.
/// A page holds, for each key/value head, keys `[headSize, 16]` (positions across the lanes) and values
/// `[16, headSize]`, those of Q8_0 after their scales (`qk_steps.h`).
public final class KeyValueStore: @unchecked Sendable {
  // Sendable by contract: written only between parallel regions, by the one compute thread.

  /// Positions in a page.
  public static let pageLength = Int(QK_PAGE)
  /// The largest head size that attention takes.
  public static let maximumHeadSize = Int(QK_MAX_HEAD_SIZE)

  public let layers: Int
  public let kvHeads: Int
  public let headSize: Int
  public let pages: Int
  public let types: KeyValueTypes
  private let base: UnsafeMutablePointer<Float>

  /// Bytes of one page in one layer.
  private var pageBytes: Int { kvHeads * types.pageBytes(headSize: headSize) }

  /// Room for `pages` pages; the system hands the memory out page by page as it is first written.
  public init(
    layers: Int, kvHeads: Int, headSize: Int, pages: Int, types: KeyValueTypes = .init()
  ) {
    precondition(headSize <= Self.maximumHeadSize, "head size above \(Self.maximumHeadSize)")
    precondition(headSize.isMultiple(of: types.headSizeStep), "\(types) of head size \(headSize)")
    self.layers = layers
    self.kvHeads = kvHeads
    self.headSize = headSize
    self.pages = pages
    self.types = types
    let bytes = layers * pages * kvHeads * types.pageBytes(headSize: headSize)
    base = allocateZeroed(bytes / MemoryLayout<Float>.stride)
  }

  deinit { free(base) }

  /// Makes the system hand out all of the memory now; what is stored is lost.
  public func makeResident() {
    let (bytes, piece) = (layers * pages * pageBytes, 4 << 20)
    let start = UnsafeMutableRawPointer(base)
    parallel((bytes + piece - 1) / piece) { chunk in
      (start + chunk * piece).initializeMemory(
        as: UInt8.self, repeating: 0, count: min(piece, bytes - chunk * piece))
    }
  }

  fileprivate func layer(_ layer: Int) -> qk_store_layer {
    qk_store_layer(
      pages: UnsafeMutableRawPointer(base) + layer * pages * pageBytes, key_type: types.key.code,
      value_type: types.value.code, kv_heads: kvHeads, head_size: headSize)
  }

  /// Stores the keys and values of a batch in a layer; both `[rows, kvHeads · headSize]`.
  public func write(layer: Int, keys: Matrix, values: Matrix, for places: AttentionPlaces) {
    precondition(keys.rows == places.count && values.rows == places.count, "one place a row")
    let store = self.layer(layer)
    let columns = kvHeads * headSize
    precondition(keys.columns == columns && values.columns == columns, "shapes differ")
    forEachRowBlock(rows: places.count, columns: 2 * columns) { rows in
      var store = store
      for row in rows {
        let position = places.counts[row] - 1
        let page = places.pages[places.starts[row] + position / Self.pageLength]
        qk_store_write(
          &store, page, position % Self.pageLength, keys.base + row * columns,
          values.base + row * columns)
      }
    }
  }
}

/// Where each row of a batch stands: the pages of its sequence and how many positions it sees.
public struct AttentionPlaces: Sendable {
  fileprivate var pages: [Int32] = []
  fileprivate var starts: [Int] = []
  fileprivate var counts: [Int] = []

  public init() {}

  /// Rows added so far.
  public var count: Int { counts.count }

  /// Adds consecutive rows of one sequence, the first at `position`.
  ///
  /// - Parameters:
  ///   - rows: How many.
  ///   - position: Where the first of them stands.
  ///   - table: The sequence's pages, enough for the last of the rows.
  public mutating func add(rows: Int, from position: Int, table: [Int32]) {
    precondition(
      (position + rows) <= table.count * KeyValueStore.pageLength, "the table is too short")
    for row in 0..<rows {
      starts.append(pages.count)
      counts.append(position + row + 1)
    }
    pages += table
  }

  /// Lends the pages of all sequences, and where each row's begin and how many positions it sees.
  fileprivate func withRows(
    _ body: (
      _ pages: UnsafePointer<Int32>, _ starts: UnsafePointer<Int>, _ counts: UnsafePointer<Int>
    ) -> Void
  ) {
    pages.withUnsafeBufferPointer { pages in
      starts.withUnsafeBufferPointer { starts in
        counts.withUnsafeBufferPointer { counts in
          guard let pages = pages.baseAddress, let starts = starts.baseAddress,
            let counts = counts.baseAddress
          else { return }
          body(pages, starts, counts)
        }
      }
    }
  }
}

/// Causal attention of each row over its own sequence, keys taken in blocks of 64 with a running maximum.
///
/// Query head h reads key/value head h / (heads / kvHeads) (grouped-query attention, Ainslie et al. 2023).
/// The running softmax is Milakov and Gimelshein 2018, "Online normalizer calculation for softmax".
///
/// - Parameters:
///   - queries: `[rows, heads · headSize]`, already rotated.
///   - heads: Query heads.
///   - store: Where keys and values are, those of the rows themselves included.
///   - layer: The layer at work.
///   - places: Each row's sequence and position.
///   - scale: The scores are multiplied by this, 1 / √headSize in LLaMA.
///   - y: Resized; `[rows, heads · headSize]`.
public func attend(
  queries: Matrix, heads: Int, store: KeyValueStore, layer: Int, places: AttentionPlaces,
  scale: Float, into y: Matrix
) {
  precondition(queries.columns == heads * store.headSize && y.columns == queries.columns)
  precondition(queries.rows == places.count && heads.isMultiple(of: store.kvHeads))
  y.resize(rows: queries.rows)
  let group = heads / store.kvHeads
  let columns = queries.columns
  let source = store.layer(layer)
  let steps = Kernels.steps.pointee
  let kvHeads = store.kvHeads
  // Enough rows a chunk that short contexts do not pay for the hand-over, and that neighbours with a common
  // beginning go through it together.
  let height = queries.rows >= 64 ? 8 : max(1, 4 / group)
  let blocks = (queries.rows + height - 1) / height
  places.withRows { pages, starts, counts in
    parallel(blocks * kvHeads) { chunk in
      var source = source
      // Head by head: one's keys and values stay in a core's cache while the rows that share them pass.
      let head = chunk / blocks
      let first = chunk % blocks * height
      let at = first * columns + head * group * store.headSize
      steps.attend(
        &source, head, group, min(height, queries.rows - first), queries.base + at, columns, pages,
        starts + first, counts + first, scale, y.base + at)
    }
  }
}
