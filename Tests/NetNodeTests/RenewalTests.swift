import ChildProcess
import ClusterModel
import ClusterOpsTestKit
import ClusterStore
import Foundation
import Testing

/// A guest's DHCP client that goes on running and remembers its lease, as those of real guests do.
private struct RunningClient {
    let guest: NamespaceHosts.Guest
    private let child: SupervisedChild
    private let script: String

    init(_ guest: NamespaceHosts.Guest) async throws {
        self.guest = guest
        script = "/tmp/\(guest.namespace).events"
        try Data("#!/bin/sh\necho \"event $1 $ip\"\n".utf8).write(to: URL(fileURLWithPath: script))
        chmod(script, 0o755)
        child = try await SupervisedChild.start(
            ChildSpecification(
                executable: "busybox",
                arguments: ["udhcpc", "-f", "-i", "eth0", "-s", script, "-t", "20", "-T", "1"],
                environment: ["PATH": ChildSpecification.standardPath, "LANG": "C.UTF-8"],
                networkNamespace: "/run/netns/\(guest.namespace)",
                standardOutput: .collect(limit: 65_536, keeping: .tail),
                standardError: .collect(limit: 65_536, keeping: .tail)
            )
        )
    }

    /// What has happened to its lease, such as `bound 10.9.0.11`, in the order in which it did.
    var events: [String] {
        child.standardOutput.text.split(separator: "\n").filter { $0.hasPrefix("event ") }.map {
            String($0.dropFirst("event ".count))
        }
    }

    /// What it has said of itself.
    var talk: String { child.standardError.text + child.standardOutput.text }

    /// Has it renew its lease now, by unicast to the server that it knows; asked a second time before it has an
    /// answer, it gives its lease up and begins anew.
    func renew() { child.signal(SIGUSR1) }

    func end() async {
        await child.terminate(grace: .zero)
        try? FileManager.default.removeItem(atPath: script)
    }
}

extension NamespaceTests {
    @Suite(.serialized) struct RenewalTests {
        @Test
        func `after a take-over guests renew by unicast with a server that remembers nobody, and never hear a NAK`()
            async throws
        {
            try await withNetNodes(hosts: 2) { nodes in
                let world = nodes.world
                let blue = try await world.addNetwork("blue", vni: 100)
                for (number, index) in [(11, 0), (12, 1)] { try await world.want(number, in: blue, on: index) }
                for index in 0..<2 { try await nodes.start(index) }
                let first = try await nodes.elected()
                try await nodes.meshed(blue)
                var clients: [RunningClient] = []
                for (number, index) in [(11, 0), (12, 1)] {
                    clients.append(try await RunningClient(try await world.start(number, in: blue, on: index)))
                }
                try await eventually("both are bound") {
                    clients.allSatisfy { $0.events.last?.hasPrefix("bound") == true }
                }
                let before = clients.map(\.events.count)
                try nodes.program(first).signal(SIGKILL)
                _ = try await nodes.program(first).end()
                let second = try await nodes.elected(above: 1)
                #expect(second == 1 - first)
                let leases = "\(nodes.stateDirectory(second))/100/leases"
                #expect(FileManager.default.contents(atPath: leases) == Data(), "it begins without any lease")
                try await eventually("it serves") { !nodes.servers(second).isEmpty }
                for client in clients {
                    try await eventually("its gateway is heard") {
                        try await world.underlay.ping(from: client.guest, to: try IPv4Address("10.9.0.1")) == 1
                    }
                    client.renew()
                }
                try await eventually("both have renewed") {
                    zip(clients, before).allSatisfy { $0.events.count > $1 }
                }
                for (client, number) in zip(clients, [11, 12]) {
                    let since = client.events.dropFirst(before[number - 11])
                    #expect(since.allSatisfy { $0 == "renew 10.9.0.\(number)" }, "\(client.events)")
                    #expect(client.talk.contains("sending renew to server 10.9.0.1"), "\(client.talk)")
                    #expect(!client.talk.lowercased().contains("nak"), "\(client.talk)")
                    await client.end()
                }
                let text = String(decoding: FileManager.default.contents(atPath: leases) ?? Data(), as: UTF8.self)
                #expect(text.contains("10.9.0.11") && text.contains("10.9.0.12"), "\(text)")
            }
        }
    }
}
