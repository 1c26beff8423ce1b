import Foundation
import Testing

/// The house rules that a reader would otherwise have to remember.
@Suite struct TidyTests {
    @Test func `every directory of tests is a target, so that none falls silent`() throws {
        let package = try SourceFile.text(of: "Package.swift")
        let directories = try SourceFile.entries(of: "Tests")
        #expect(directories.count > 5)
        for directory in directories { #expect(package.contains("name: \"\(directory)\""), "\(directory)") }
    }

    @Test func `a file holds one idea, which fits into 400 lines`() throws {
        for file in try SourceFile.all(below: "Sources") + SourceFile.all(below: "Tests") {
            #expect(file.text.split(separator: "\n", omittingEmptySubsequences: false).count <= 420, "\(file.path)")
        }
    }

    @Test func `background work lives in run, and nothing traps on purpose of a caller`() throws {
        for file in try SourceFile.all(below: "Sources") where !file.isForTests {
            for line in file.text.split(separator: "\n") where !line.drop(while: \.isWhitespace).hasPrefix("//") {
                for forbidden in [
                    " Task {", "(Task {", "Task.detached", "try!", "fatalError(", "Thread.sleep", "usleep(",
                ] {
                    #expect(!line.contains(forbidden), "\(file.path): \(line)")
                }
            }
        }
    }

    /// A Galera member that is to undo a transaction lets the rest of such a batch begin a new one.
    @Test func `no batch of statements that stand alone is part of a transaction`() throws {
        for file in try SourceFile.all(below: "Sources") where !file.isForTests {
            #expect(!file.text.contains("transaction.session.executeBatch"), "\(file.path)")
        }
    }

    @Test func `a doc comment begins as Swift's own do, with what it is or does`() throws {
        let riddles = /\/\/\/ (?:What|Who|Whom|Whose|Whether|How|Why|When|Where|That|Which)\b/
        for file in try SourceFile.all(below: "Sources") {
            var isInside = false
            for line in file.text.split(separator: "\n", omittingEmptySubsequences: false) {
                let comment = line.drop(while: \.isWhitespace)
                defer { isInside = comment.hasPrefix("///") }
                #expect(isInside || comment.prefixMatch(of: riddles) == nil, "\(file.path): \(comment)")
            }
        }
    }

    @Test func `a time limit ends a hang, and spares a test that waits for its turn among hundreds`() throws {
        var limits = 0
        for file in try SourceFile.all(below: "Tests") {
            for limit in file.text.matches(of: /\.timeLimit\(\.minutes\(([0-9]+)\)\)/) {
                limits += 1
                #expect(limit.1 == "15", "\(file.path): \(limit.0)")
            }
        }
        #expect(limits > 50)
    }

    @Test func `no chain and no set of ours is called by a word of nftables, of whichever release`() throws {
        // Debian 13's nft has a word vxlan, by which a chain was called: on it no gate could be made.
        let words: Set<Substring> = [
            "ah", "arp", "comp", "counter", "ct", "dccp", "destroy", "dst", "dup", "egress", "esp", "ether", "exthdr",
            "fib", "flow", "frag", "fwd", "geneve", "gre", "gretap", "hbh", "hook", "icmp", "icmpv6", "igmp", "ingress",
            "inner", "ip", "ip6", "ipsec", "last", "limit", "log", "mark", "masquerade", "meta", "meter", "mh",
            "notrack",
            "numgen", "offload", "osf", "queue", "quota", "redirect", "reject", "reset", "rt", "sctp", "secmark",
            "socket",
            "synproxy", "tcp", "th", "timeout", "tproxy", "tunnel", "typeof", "udp", "udplite", "vlan", "vxlan", "xt",
        ]
        var names: Set<Substring> = []
        for file in try SourceFile.all(below: "Sources/NetNode") {
            for name in file.text.matches(of: /^ +(?:chain|set|map) ([a-z_]+) \{/.anchorsMatchLineEndings()) {
                names.insert(name.1)
            }
        }
        #expect(names.count > 15 && names.isDisjoint(with: words), "\(names.intersection(words))")
    }

    @Test func `tests on namespaces run one after the other within their suite`() throws {
        var suites = 0
        for file in try SourceFile.all(below: "Tests") where file.text.contains("\nextension NamespaceTests {") {
            for suite in file.text.matches(of: #/    @Suite(\(.*\))? struct/#) {
                suites += 1
                #expect(suite.1?.contains(".serialized") == true, "\(file.path): \(suite.0)")
            }
        }
        #expect(suites > 40)
    }

    @Test func `no program has the server add up the status of all connections`() throws {
        // It took 5 ms at 3,500 connections, with each login.
        var reads = 0
        for file in try SourceFile.all(below: "Sources") where !file.isForTests {
            #expect(!file.text.contains("global_status"), "\(file.path)")
            reads += file.text.matches(of: /FROM information_schema\.session_status/).count
        }
        #expect(reads >= 3)
    }

    @Test func `SQL stands in the store`() throws {
        let homes = [
            "Sources/ClusterStore/", "Sources/MariaDB/",
            // A witness looks for itself: what the store would tell it is what it is there to doubt.
            "Sources/ClusterOpsTestKit/",
        ]
        var inStore = 0
        for file in try SourceFile.all(below: "Sources") {
            let statements = SourceText(file.text).literals.filter(Self.isStatement)
            if homes.contains(where: file.path.hasPrefix) {
                inStore += statements.count
            } else {
                #expect(statements.isEmpty, "\(file.path)")
            }
        }
        // What finds nothing there would find nothing anywhere.
        #expect(inStore > 200)
    }

    @Test func `text of the run becomes SQL in the client and the test kit alone`() throws {
        let homes = ["Sources/MariaDB/", "Sources/ClusterOpsTestKit/", "Tests/TestKitTests/"]
        var uses = 0
        for file in try SourceFile.all(below: "Sources") + SourceFile.all(below: "Tests") {
            let count = file.text.matches(of: /SQL\(\s*trustedText:/).count
            uses += count
            #expect(count == 0 || homes.contains(where: file.path.hasPrefix), "\(file.path)")
        }
        #expect(uses > 5)
    }

    private static func isStatement(_ literal: String) -> Bool {
        let statement =
            /\s*\(?(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE (TABLE|INDEX|PROCEDURE)|SET STATEMENT|TRUNCATE|LOCK TABLES)\s/
        return literal.prefixMatch(of: statement) != nil
    }

    @Test(arguments: ["SELECT 1", "\n    SELECT id\n    FROM t", "(SELECT 1", "UPDATE t SET a = 1"])
    func `a literal that begins as SQL does is a statement, on one line or on several`(_ text: String) {
        #expect(Self.isStatement(text))
        let source = "let a = \(text.contains("\n") ? "\"\"\"\(text)\n\"\"\"" : "\"\(text)\"")"
        #expect(SourceText(source).literals.contains { Self.isStatement($0) })
    }
}
