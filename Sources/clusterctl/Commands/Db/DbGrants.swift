import ArgumentParser
import ClusterDaemon
import ClusterEngine
import ClusterReports
import ClusterStore

struct DbGrants: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grants",
        abstract: "Print the SQL that creates the database user of one role; execute nothing.",
        discussion: """
            Tables can be granted once they are there: run it after 'db migrate', and again after each later one. With \
            another password the user has that one from then on: connections that are open stay, so change the file, \
            then the user, and restart the programs that read it.

            Example: clusterctl db grants worker --host '10.0.0.%' --password-file worker.password | mariadb
            """
    )

    @Argument(help: "The role: \(DatabaseRole.allCases.map(\.rawValue).joined(separator: ", ")).")
    var role: DatabaseRole

    @Option(help: "The user's name; default clusterops_ROLE.")
    var user: String?

    @Option(help: "The host that the user connects from, as MariaDB matches it.")
    var host = "%"

    @Option(help: "The schema of the cluster.")
    var schema = Configuration().database.name

    @Option(help: "A file with the user's new password; without it the user must exist.", completion: .file())
    var passwordFile: String?

    @Flag(help: "Require TLS of the user.")
    var requireSsl = false

    @Flag(help: "Revoke first all that the user was granted, such as by an older version.")
    var anew = false

    @Option(name: .shortAndLong, help: "The output format; a table is a script for 'mariadb'.")
    var output = OutputFormat.table

    func run() async throws {
        var configuration = Configuration()
        configuration.database.passwordFile = passwordFile
        let account = try DatabaseAccount(user: user ?? role.defaultUser, host: host)
        let login = DatabaseRole.Login(
            password: try configuration.databasePassword(),
            requiresTLS: requireSsl,
            startsAnew: anew
        )
        try Renderer(output).print(try GrantsView(role, account, schema: schema, login: login))
    }
}
