import CMariaDB
import Foundation

/// The way to a server, up to the first question.
extension ServerLink {
    /// Ways of proving who we are that give the password away to nobody: a digest or a signature of what the server
    /// has sent.
    ///
    /// Otherwise the server chooses, and one that is none of ours may ask for the password in clear
    /// (`mysql_clear_password`, `dialog`), or, by the methods of MySQL with SHA-256, for one that only its own key
    /// protects. The client library has these as plugins, and follows; in a connection without TLS before it is found
    /// that there is none. A socket is no exception: somebody else may listen there.
    private static let authenticationMethods = "mysql_native_password,client_ed25519,parsec"

    /// The time that a host has to take a connection where there are others; a LAN answers in milliseconds.
    private static let longestConnect: Duration = .seconds(2)

    private static func setOptions(_ mysql: UnsafeMutablePointer<MYSQL>, _ configuration: ConnectionConfiguration) {
        func set(_ option: mysql_option, _ value: UInt32) {
            var value = value
            unsafe mysql_options(mysql, option, &value)
        }
        func set(_ option: mysql_option, _ value: Bool) {
            var value: my_bool = value ? 1 : 0
            unsafe mysql_options(mysql, option, &value)
        }
        set(MYSQL_OPT_CONNECT_TIMEOUT, configuration.timeouts.connect.wholeSeconds)
        set(MYSQL_OPT_READ_TIMEOUT, configuration.timeouts.read.wholeSeconds)
        set(MYSQL_OPT_WRITE_TIMEOUT, configuration.timeouts.write.wholeSeconds)
        set(MYSQL_OPT_RECONNECT, false)
        // On by default: a hostile server could ask for any file of ours.
        set(MYSQL_OPT_LOCAL_INFILE, 0 as UInt32)
        unsafe mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4")
        unsafe mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH, authenticationMethods)
        switch configuration.tls {
        case .disabled: break
        case .required: set(MYSQL_OPT_SSL_ENFORCE, true)
        case .verify(let authorities):
            set(MYSQL_OPT_SSL_ENFORCE, true)
            set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, true)
            unsafe mysql_options(mysql, MYSQL_OPT_SSL_CA, authorities)
        }
    }

    /// Connects to one server.
    static func connect(
        _ configuration: ConnectionConfiguration,
        at address: ServerHosts.Address,
        isOnly: Bool
    ) throws(DatabaseError) -> UnsafeMutablePointer<MYSQL> {
        _ = libraryInitialised
        var configuration = configuration
        if !isOnly { configuration.timeouts.connect = min(configuration.timeouts.connect, longestConnect) }
        return switch address {
        case .socket(let path): unsafe try attempt(configuration, host: nil, port: 0, socket: path)
        case .host(let host): unsafe try attempt(configuration, host: host.name, port: host.port, socket: nil)
        }
    }

    /// Tries one address, with a handle of its own.
    ///
    /// A failed `mysql_real_connect` clears the handle's options: a second attempt on it would go out without
    /// timeouts and in plain text.
    private static func attempt(
        _ configuration: ConnectionConfiguration,
        host: String?,
        port: UInt16,
        socket: String?
    ) throws(DatabaseError) -> UnsafeMutablePointer<MYSQL> {
        guard let mysql = unsafe mysql_init(nil) else {
            throw DatabaseError(code: .cannotConnect, phase: .connect, message: "out of memory")
        }
        unsafe setOptions(mysql, configuration)
        if host != nil {
            // Otherwise "localhost" would mean the default socket.
            var tcp = UInt32(MYSQL_PROTOCOL_TCP.rawValue)
            unsafe mysql_options(mysql, MYSQL_OPT_PROTOCOL, &tcp)
        }
        let connected = unsafe mysql_real_connect(
            mysql,
            host,
            configuration.user,
            configuration.password,
            configuration.schema,
            UInt32(port),
            socket,
            // Affected rows are the rows found, not the rows changed: a renewal that writes equal values is no loss.
            CUnsignedLong(CLIENT_FOUND_ROWS)
        )
        guard unsafe connected != nil else {
            let error = unsafe DatabaseError(lastOf: mysql, .connect)
            unsafe mysql_close(mysql)
            throw error
        }
        return unsafe mysql
    }
}

/// `mysql_library_init` must have run once before any thread connects.
private let libraryInitialised: Bool = {
    signal(SIGPIPE, SIG_IGN)
    return mysql_server_init(0, nil, nil) == 0
}()
