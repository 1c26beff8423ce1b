import ClusterModel

/// The text or the list that a file or the environment holds for a key, before it is parsed.
enum ConfigurationInput: Sendable, Hashable {
    case text(String)
    case list([String])

    /// The items of a list; in the environment a list is text with commas between.
    var items: [String] {
        switch self {
        case .list(let items): items
        case .text(let text): text.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        }
    }
}

extension ConfigurationInput: ExpressibleByStringLiteral, ExpressibleByArrayLiteral {
    init(stringLiteral text: String) { self = .text(text) }
    init(arrayLiteral items: String...) { self = .list(items) }
}

/// The format in which one kind of setting is read and printed.
struct ConfigurationFormat<Value: Sendable>: Sendable {
    /// The description of a right value, as a noun phrase, for messages and for the annotated example.
    let expected: String
    let parse: @Sendable (ConfigurationInput) throws(ValueError) -> Value
    let print: @Sendable (Value) -> ConfigurationInput

    /// A setting that is one piece of text, which `parse` takes or refuses with nil.
    static func text(
        _ expected: String,
        parse: @escaping @Sendable (String) -> Value?,
        print: @escaping @Sendable (Value) -> String
    ) -> ConfigurationFormat {
        ConfigurationFormat(
            expected: expected,
            parse: { (input) throws(ValueError) in
                guard case .text(let text) = input else {
                    throw ValueError("setting", found: "a list", expected: expected)
                }
                guard let value = parse(text) else { throw ValueError("setting", found: text, expected: expected) }
                return value
            },
            print: { .text(print($0)) }
        )
    }
}

extension ConfigurationFormat where Value: TextValue {
    /// A setting of a type that parses itself and knows best what to say about text that it refuses.
    static func value(_ expected: String) -> ConfigurationFormat {
        ConfigurationFormat(
            expected: expected,
            parse: { (input) throws(ValueError) in
                guard case .text(let text) = input else {
                    throw ValueError("setting", found: "a list", expected: expected)
                }
                return try Value(text)
            },
            print: { .text($0.description) }
        )
    }
}

extension ConfigurationFormat where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of a few words.
    static var choice: ConfigurationFormat {
        let words = Value.allCases.map(\.rawValue).joined(separator: ", ")
        return .text("one of \(words)", parse: { Value(rawValue: $0) }, print: { $0.rawValue })
    }
}

extension ConfigurationFormat<Int> {
    static func wholeNumber(_ range: ClosedRange<Int>) -> ConfigurationFormat {
        .text(
            "a whole number from \(range.lowerBound) to \(range.upperBound)",
            parse: { WholeNumber.parse($0.utf8, in: range) },
            print: { String($0) }
        )
    }
}

extension ConfigurationFormat<Bool> {
    /// Only the two words: `yes` and `on` mean different things to different readers of YAML.
    static var truth: ConfigurationFormat {
        .text("true or false", parse: { ["true": true, "false": false][$0] }, print: { String($0) })
    }
}

extension ConfigurationFormat<Duration> {
    static func duration(_ range: ClosedRange<Duration>) -> ConfigurationFormat {
        .text(
            "a duration from \(range.lowerBound.text) to \(range.upperBound.text), with ms, s, m, h or d",
            parse: { text in
                (try? DurationText(text)).map(\.duration).flatMap { range.contains($0) ? $0 : nil }
            },
            print: { $0.text }
        )
    }
}

extension ConfigurationFormat<String> {
    /// A path that means the same from every working directory.
    static func absolutePath(longest: Int = 4095) -> ConfigurationFormat {
        .text(
            "an absolute path of at most \(longest) bytes",
            parse: { text in
                let isPath = text.hasPrefix("/") && text.utf8.count <= longest && !text.hasControlCharacters
                return isPath ? text : nil
            },
            print: { $0 }
        )
    }

    /// Text of bytes that are all allowed, with a limit on its length.
    static func word(
        _ expected: String,
        longest: Int,
        where isAllowed: @escaping @Sendable (UInt8) -> Bool
    ) -> ConfigurationFormat {
        .text(
            expected,
            parse: { text in
                (1...longest).contains(text.utf8.count) && text.utf8.allSatisfy(isAllowed) ? text : nil
            },
            print: { $0 }
        )
    }

    /// The prefix of the names of network namespaces: 24 characters, and the VNI's eight, stay far below a file name's
    /// 255.
    static var namespacePrefix: ConfigurationFormat {
        .text(
            "at most 24 lower-case letters, digits and dashes, with a dash last and no dash first",
            parse: { text in
                let bytes = text.utf8
                let dash = UInt8(ascii: "-")
                guard (2...24).contains(bytes.count), bytes.last == dash, bytes.first != dash,
                    bytes.allSatisfy({ $0.isASCIILowercase || $0.isASCIIDigit || $0 == dash })
                else { return nil }
                return text
            },
            print: { $0 }
        )
    }
}

extension ConfigurationFormat<HostPort> {
    /// A place that is bound or sent to at once: a name would have to be resolved, which can take seconds.
    static var addressAndPort: ConfigurationFormat {
        .text(
            "address:port, with an IPv4 address, not a name, and a port up to 65535",
            parse: { text in
                guard let place = try? HostPort(text), case .address = place.host else { return nil }
                return place
            },
            print: { $0.description }
        )
    }
}

extension ConfigurationFormat<HostPort?> {
    /// An address to listen on, or `off`.
    static var listenerOrOff: ConfigurationFormat {
        .text(
            "off, or \(HostPort.grammar)",
            parse: { text in text == "off" ? .some(nil) : (try? HostPort(text)).map(Optional.some) },
            print: { $0?.description ?? "off" }
        )
    }
}

extension ConfigurationFormat<[HostPort]> {
    /// A client gives up on more servers than that before it has tried them all.
    private static let mostHosts = 16

    /// Servers, each once.
    static func hosts(defaultPort: UInt16) -> ConfigurationFormat {
        let expected = "1 to \(mostHosts) different hosts, each a name or an IPv4 address with or without a port"
        return ConfigurationFormat(
            expected: expected,
            parse: { (input) throws(ValueError) in
                var hosts: [HostPort] = []
                for item in input.items {
                    guard let host = try? HostPort(item, defaultPort: defaultPort), host.port > 0,
                        !hosts.contains(host), hosts.count < mostHosts
                    else { throw ValueError("setting", found: item, expected: expected) }
                    hosts.append(host)
                }
                guard !hosts.isEmpty else { throw ValueError("setting", found: "an empty list", expected: expected) }
                return hosts
            },
            print: { .list($0.map(\.description)) }
        )
    }
}

extension ConfigurationFormat<[IPv4Address]> {
    /// The greatest number of DNS servers; more would not help, because each question goes to one that has answered
    /// lately.
    private static let mostServers = 8

    /// DNS servers, each once; none is a list too.
    static var nameServers: ConfigurationFormat {
        let expected = "a list of at most \(mostServers) different IPv4 addresses of hosts, loopback not among them"
        return ConfigurationFormat(
            expected: expected,
            parse: { (input) throws(ValueError) in
                var servers: [IPv4Address] = []
                for item in input.items {
                    // From inside of a network's namespace, 127.0.0.1 is the network's own server.
                    guard let server = try? IPv4Address(item), server.isOfHost, server.octets[0] != 127,
                        !servers.contains(server), servers.count < mostServers
                    else { throw ValueError("setting", found: item, expected: expected) }
                    servers.append(server)
                }
                return servers
            },
            print: { .list($0.map(\.description)) }
        )
    }
}

extension ConfigurationFormat {
    /// Values that parse themselves, each once; none is a list too.
    fileprivate static func list<Item: TextValue>(
        _ expected: String,
        most: Int
    ) -> ConfigurationFormat where Value == [Item] {
        ConfigurationFormat(
            expected: expected,
            parse: { (input) throws(ValueError) in
                var items: [Item] = []
                for text in input.items {
                    guard let item = try? Item(text), !items.contains(item), items.count < most else {
                        throw ValueError("setting", found: text, expected: expected)
                    }
                    items.append(item)
                }
                return items
            },
            print: { .list($0.map(\.description)) }
        )
    }
}

extension ConfigurationFormat<[DomainName]> {
    /// The greatest number of domains.
    private static let mostDomains = 64

    /// Domains, each once; none is a list too.
    static var domains: ConfigurationFormat {
        list("a list of at most \(mostDomains) different DNS domains", most: mostDomains)
    }
}

extension ConfigurationFormat<[IPv4CIDR]> {
    /// The greatest number of ranges; each is an element of every network's rules.
    private static let mostRanges = 64

    /// Ranges of addresses, each once; none is a list too.
    static var ranges: ConfigurationFormat {
        list("a list of at most \(mostRanges) different IPv4 ranges, such as 169.254.169.254/32", most: mostRanges)
    }
}

extension ConfigurationFormat<[String]> {
    /// A program and its arguments, which may be any text that the kernel can pass on: all but NUL.
    static var command: ConfigurationFormat {
        let expected = "a list of strings: a program, then its arguments, none with a NUL character"
        return ConfigurationFormat(
            expected: expected,
            parse: { (input) throws(ValueError) in
                guard case .list(let words) = input else {
                    throw ValueError("setting", found: "one string", expected: expected)
                }
                guard let program = words.first else {
                    throw ValueError("setting", found: "an empty list", expected: expected)
                }
                guard !program.isEmpty else { throw ValueError("setting", found: program, expected: expected) }
                if let word = words.first(where: { $0.utf8.contains(0) }) {
                    throw ValueError("setting", found: word, expected: expected)
                }
                return words
            },
            print: { .list($0) }
        )
    }
}

extension String {
    /// A Boolean value that indicates whether the text has a control character of ASCII: NUL, newline, DEL and their
    /// like.
    var hasControlCharacters: Bool {
        utf8.contains { $0 < 0x20 || $0 == 0x7f }
    }
}
