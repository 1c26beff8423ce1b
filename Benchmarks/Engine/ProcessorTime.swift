import ClusterOpsTestKit
import Foundation
import Glibc

/// Seconds of processors: used by this program and a server, or by nobody.
enum ProcessorTime {
    static func used(with server: PrivateServer) -> Double {
        var own = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own)
        return Double(own.tv_sec) + Double(own.tv_nsec) / 1e9 + used(by: server)
    }

    static func used(by server: PrivateServer) -> Double { server.processIdentifier.map(used) ?? 0 }

    /// In which the machine had nothing to run, whoever else uses it: what waits for a lock or a disk shows here, and
    /// what waits for a processor that others have does not.
    static var idle: Double {
        let line = (try? String(contentsOfFile: "/proc/stat", encoding: .utf8))?.prefix { $0 != "\n" } ?? ""
        // "cpu", user, nice, system, idle, iowait: of all processors together.
        let fields = line.split(separator: " ")
        guard fields.count > 5, let idle = Double(fields[4]), let waiting = Double(fields[5]) else { return .nan }
        return (idle + waiting) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Of another process, in the kernel's ticks; no number when it has ended.
    private static func used(by pid: Int32) -> Double {
        let line = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
        // utime and stime are the 14th and 15th field; the second, in brackets, may hold spaces.
        let fields = line.split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return .nan }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
