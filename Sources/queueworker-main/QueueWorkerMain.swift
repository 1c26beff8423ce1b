import ArgumentParser
import QueueWorker

@main
enum QueueWorkerMain {
    static func main() async {
        await QueueWorkerCommand.main()
    }
}
