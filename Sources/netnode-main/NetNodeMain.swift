import ArgumentParser
import NetNode

@main
enum NetNodeMain {
    static func main() async {
        await NetNodeCommand.main()
    }
}
