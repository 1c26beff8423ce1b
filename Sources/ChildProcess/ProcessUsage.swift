import FoundationEssentials
import Glibc

/// The resources that a process uses, with all that it has started and that still lives; as `/proc` says at the moment
/// of the question.
public struct ProcessUsage: Sendable, Hashable {
    /// Resident memory in bytes; a page that several of the processes share counts for each.
    public private(set) var memoryBytes: UInt64 = 0
    /// Processor time so far, of children that have ended too.
    public private(set) var processorTime: Duration = .zero

    /// Processes that are looked at for one: more than a command starts that anybody wants to run.
    private static let mostProcesses = 1000
    /// A line of `/proc/PID/stat` has some 300 bytes; a list of children 8 for each.
    private static let longest = 65_536

    /// Asks about a process and its descendants.
    ///
    /// - Returns: Nil when it is gone, or a zombie.
    public init?(of pid: pid_t) {
        guard add(pid) else { return nil }
        var seen: Set<pid_t> = [pid]
        var rest = Self.children(of: pid)
        while let next = rest.popLast(), seen.count < Self.mostProcesses {
            guard seen.insert(next).inserted, add(next) else { continue }
            rest += Self.children(of: next)
        }
    }

    /// The processes that one has started and that still live, whichever of its threads did.
    public static func children(of pid: pid_t) -> [pid_t] {
        guard let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task") else {
            return visibleChildren(of: pid)
        }
        return threads.flatMap { thread in
            (text("/proc/\(pid)/task/\(thread)/children") ?? "").split(separator: " ").compactMap { pid_t($0) }
        }
    }

    /// Those that say of themselves who their parent is.
    ///
    /// A keeper is a copy of a daemon whose memory is closed; where `/proc` hides what a user may not trace (systemd's
    /// `ProtectProc=invisible`), that is to be seen by its children alone.
    private static func visibleChildren(of pid: pid_t) -> [pid_t] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { pid_t($0) }.filter { candidate in
            guard let stat = text("/proc/\(candidate)/stat"), let end = stat.lastIndex(of: ")") else { return false }
            // 4 is the parent.
            return stat[stat.index(after: end)...].split(separator: " ").dropFirst().first == "\(pid)"
        }
    }

    /// Fields as proc(5) numbers them; the name before them may hold anything, so they are counted from its end.
    private mutating func add(_ pid: pid_t) -> Bool {
        guard let stat = Self.text("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return false }
        let fields = stat[stat.index(after: end)...].split(separator: " ")
        // 3 is the state, 14 to 17 the times in ticks, 24 the resident pages.
        guard fields.count > 21, fields[0] != "Z", fields[0] != "X", let pages = UInt64(fields[21]) else {
            return false
        }
        let ticks = fields[11...14].reduce(Int64(0)) { $0 + (Int64($1) ?? 0) }
        memoryBytes += pages * UInt64(sysconf(Int32(_SC_PAGESIZE)))
        processorTime += .milliseconds(ticks * 1000 / Int64(sysconf(Int32(_SC_CLK_TCK))))
        return true
    }

    private static func text(_ path: String) -> String? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: longest)
        let count = unsafe buffer.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
        return count < 0 ? nil : String(decoding: buffer.prefix(count), as: UTF8.self)
    }
}
