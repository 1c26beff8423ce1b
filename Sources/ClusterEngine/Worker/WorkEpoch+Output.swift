import ClusterModel
import ClusterStore

/// The part of an epoch that writes down what commands print while they run.
extension WorkEpoch {
    /// Writes while there are commands; an epoch without commands does nothing here.
    func writeOutput() async {
        let writing = OutputWriting(database: parts.database)
        var errors = ErrorReporter("output", logger: parts.logger)
        for await _ in printing.commands.stream {
            while !printing.isEmpty {
                let printed = printing.due(at: .now)
                do {
                    try await writing.write(printed, of: session)
                    printing.wrote(printed, at: .now)
                    if !printed.isEmpty { errors.resolved() }
                } catch {
                    errors.report("the output of commands was not written: \(error)")
                }
                // Commands tell nobody that they have printed, and this pause bounds the bytes written in a second.
                guard (try? await Task.sleep(for: PrintingPace.pause)) != nil else { return }
            }
        }
    }
}
