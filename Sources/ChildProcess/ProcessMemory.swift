import CSpawn

/// The memory of this process, as other processes see it.
public enum ProcessMemory {
    /// Closes it to all but root: processes of the same user, such as the commands that a daemon starts, can neither
    /// read it nor the daemon's environment and descriptors through `/proc`, and no core is written.
    ///
    /// Keepers inherit it, as they are copies of this process; what is executed does not.
    /// - Returns: The kernel's error number, or 0.
    public static func close() -> Int32 { cspawn_close_memory() }
}
