import ChildProcess
import ClusterModel
import FoundationEssentials

extension EgressReconciler {
    /// Takes the steps one after the other; consecutive ones of `ip` by one process.
    ///
    /// - Returns: The messages of `ip`; the read-back decides whether they matter.
    func take(_ steps: [EgressChange], _ wanted: EgressWanted?, _ name: NamespaceName) async throws -> String {
        var complaints = ""
        var rest = steps.filter { $0 != .sendGratuitousARP }[...]
        while let step = rest.first {
            let place = step.place
            guard place != .alone else {
                try await takeAlone(step, wanted, name)
                rest = rest.dropFirst()
                continue
            }
            let together = rest.prefix { $0.place == place }
            rest = rest.dropFirst(together.count)
            let lines = together.compactMap { $0.batchLine(wanted, in: name, to: bridge) }
            complaints += try await namespaces.batch(lines, in: place == .inside ? name.path : namespaces.namespace)
        }
        return complaints
    }

    private func takeAlone(_ step: EgressChange, _ wanted: EgressWanted?, _ name: NamespaceName) async throws {
        func succeed(_ program: HostCommand.Program, _ arguments: [String], input: String? = nil) async throws {
            try await namespaces.succeed(HostCommand(program, arguments, input: input, namespace: name.path))
        }
        switch step {
        case .closeVeth:
            // The read-back checks the settings.
            let lines = StackSettings.closing(ExternalVethName(name.vni))
            _ = try await runner.output(StackSettings.command(lines, in: namespaces.namespace))
        case .loadTable(let excluded):
            guard let wanted else { return }
            let commands = EgressTable(wanted, without: excluded).commands.text
            try await succeed(.nft, ["-j", "-f", "-"], input: commands)
        case .deleteTable:
            // Added first, so that it is no error when it is gone already.
            try await succeed(.nft, ["add table ip \(EgressTable.name); delete table ip \(EgressTable.name)"])
        case .startForwarding:
            try await succeed(.sysctl, ["-q", "-w"] + EgressSettings.all.map { "\($0.key)=\($0.value)" })
        case .stopForwarding: try await succeed(.sysctl, ["-q", "-w", "net.ipv4.ip_forward=0"])
        case .forgetConnections(let address): try await forgetConnections(of: address, in: name)
        default: preconditionFailure("a step of a batch")
        }
    }

    /// Deletes the connections that came in to the address, and those that went out under it.
    private func forgetConnections(of address: IPv4Address, in name: NamespaceName) async throws {
        for filter in ["--orig-dst", "--reply-dst"] {
            let command = HostCommand(.conntrack, ["-D", filter, "\(address)"], namespace: name.path)
            let output = try await runner.output(command)
            // `conntrack` fails when there are none.
            guard output.exit.isSuccess || output.complaint.contains("0 flow entries have been deleted") else {
                throw HostCommandError(command, .ended(output.exit), complaint: output.complaint)
            }
        }
    }
}
