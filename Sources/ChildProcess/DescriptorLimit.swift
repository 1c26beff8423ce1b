import Glibc

/// The limit of open files of this process.
public enum DescriptorLimit {
    /// Sees to it that this process may have so many descriptors, by raising its soft limit where that is lower.
    ///
    /// Commands inherit the limit.
    /// - Parameter count: How many are needed.
    /// - Returns: Nil when it may, or else the hard limit, which is too low.
    public static func allow(_ count: UInt64) -> UInt64? {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return nil }
        guard limit.rlim_max >= count else { return UInt64(limit.rlim_max) }
        guard limit.rlim_cur < count else { return nil }
        limit.rlim_cur = rlim_t(count)
        return unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? nil : UInt64(limit.rlim_max)
    }
}
