import ClusterModel
import ClusterStore
import MariaDB

extension DoctorCheck {
    /// A node that runs releases a VNI within a maintenance pass, 30 s by default.
    private static let longestHold: Duration = .seconds(300)

    static let holds = DoctorCheck("holds", "no node keeps the VNI of a removed network") { session in
        try VNIHoldStatements.holds(olderThan: longestHold, limit: mostTold, on: session).map(finding)
    }

    private static func finding(of hold: VNIHoldStatements.Hold) -> FindingView {
        let subject =
            "VNI \(hold.vni) cannot be used again: network '\(hold.networkName)' was removed at \(hold.since), and "
        guard let devices = hold.devices else {
            return FindingView(
                subject + "node '\(hold.node)' has not said since that it has nothing left of it",
                remedy:
                    "on \(hold.node): systemctl start clusterops-netnode; if the machine is gone, "
                    + "clusterctl node remove \(hold.node)"
            )
        }
        return FindingView(
            subject + "node '\(hold.node)' still has \(ValueError.quotable(devices))",
            remedy: "on \(hold.node): stop the guests of these devices, or unplug them ('ip link set DEVICE nomaster')"
        )
    }
}
