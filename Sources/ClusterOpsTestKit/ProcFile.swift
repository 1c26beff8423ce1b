import Foundation

/// Reads files of `/proc`.
///
/// Foundation's readers leak some kilobytes for each file that is empty, as the command line of every kernel thread
/// is; a loop over all processes made a gigabyte of that, and each fork copies the page tables of it.
public enum ProcFile {
    /// Reads a file, or returns nil when it is not there any more.
    public static func bytes(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while true {
            let part = [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
                count = max(0, read(descriptor, buffer.baseAddress, buffer.count))
            }
            if part.isEmpty { return bytes }
            bytes += part
        }
    }

    /// The command lines of all processes, the arguments separated by NUL.
    public static func commandLines() -> [(pid: Int32, text: String)] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.compactMap { pid in
            bytes("/proc/\(pid)/cmdline").map { (pid, String(decoding: $0, as: UTF8.self)) }
        }
    }
}
