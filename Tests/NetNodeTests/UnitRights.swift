import Foundation

/// The rights that netnode's systemd unit leaves it: with more of them tests would show what no operator has.
enum UnitRights {
    /// `setpriv` with the unit's capabilities, for what is started through it.
    static func wrapper() throws -> [String] {
        let bounding = try capabilities().map { "+" + $0.dropFirst("CAP_".count).lowercased() }
        return ["/usr/bin/setpriv", "--no-new-privs", "--bounding-set", (["-all"] + bounding).joined(separator: ",")]
    }

    private static func capabilities() throws -> [String] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let unit = try String(
            contentsOf: root.appending(path: "deploy/systemd/clusterops-netnode.service"),
            encoding: .utf8
        )
        let setting = "CapabilityBoundingSet="
        return unit.split(separator: "\n").filter { $0.hasPrefix(setting) }
            .flatMap { $0.dropFirst(setting.count).split(separator: " ") }.map(String.init)
    }
}
