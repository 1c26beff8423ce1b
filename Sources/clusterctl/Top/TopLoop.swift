import ClusterReports
import Glibc

/// The thread of `top`: takes looks, keys and signals as they come, and draws; it never waits for the database.
struct TopLoop {
    /// The reason why it is over.
    enum End: Sendable {
        /// The person said so.
        case quit
        case signal(Int32)
    }

    /// The interval at which the age of what is shown is renewed when nothing comes.
    private static let tickMilliseconds: Int32 = 1000

    private var terminal: FullScreen
    private let inbox: TopInbox
    private let signals: WakePipe
    private let requests: AsyncStream<TopRequest>.Continuation
    private var keys = TopKeys()
    private var dialogue = TopDialogue()
    /// The question that the person can see.
    private var shownQuestion: TopQuestion?
    private var activity: ClusterActivity
    private var seenAt = ContinuousClock.now
    private var trouble: String?
    private var shown: Screen?

    init(
        _ terminal: FullScreen,
        first activity: ClusterActivity,
        inbox: TopInbox,
        signals: WakePipe,
        requests: AsyncStream<TopRequest>.Continuation
    ) {
        self.terminal = terminal
        self.inbox = inbox
        self.signals = signals
        self.requests = requests
        self.activity = activity
    }

    /// Draws until it is over; the terminal is as it was found then.
    mutating func run() -> End {
        terminal.take()
        defer { terminal.giveBack() }
        while true {
            draw()
            var descriptors = [
                pollfd(
                    fd: terminal.descriptor,
                    events: Int16(POLLIN) | (terminal.isBusy ? Int16(POLLOUT) : 0),
                    revents: 0
                ),
                pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            _ = poll(&descriptors, nfds_t(descriptors.count), Self.tickMilliseconds)
            if let end = takeSignals() { return end }
            if descriptors[1].revents != 0 { takeMail() }
            if descriptors[0].revents & ~Int16(POLLOUT) != 0 {
                guard let bytes = terminal.keys() else { return .signal(SIGHUP) }
                take(keys.take(bytes))
            }
            if dialogue.isOver { return .quit }
            if let request = dialogue.nextRequest() { requests.yield(request) }
            terminal.push()
        }
    }

    private mutating func draw() {
        // A slow line gets the newest when it is ready for it, not everything that was.
        guard !terminal.isBusy else { return }
        let screen = page.screen
        terminal.show(screen.update(from: shown, colours: terminal.colours))
        shown = screen
        shownQuestion = dialogue.question
    }

    private var page: TopPage {
        let size = terminal.size
        return TopPage(
            activity: activity,
            dialogue: dialogue,
            trouble: trouble,
            age: .now - seenAt,
            columns: size.columns,
            rows: size.rows
        )
    }

    private mutating func take(_ keys: [TopKey]) {
        for key in keys {
            // What was pressed, or pasted, before a question could be seen is no answer to it.
            guard dialogue.question == shownQuestion else { return }
            dialogue.take(key, among: TopLists(activity, dialogue.choice).rows, mostScrolled: page.mostScrolled)
            if dialogue.question == nil { shownQuestion = nil }
        }
    }

    private mutating func takeMail() {
        let mail = inbox.take()
        if let answer = mail.answer { dialogue.take(answer) }
        guard let look = mail.look, !dialogue.choice.isHeld else { return }
        switch look {
        case .seen(let activity):
            (self.activity, seenAt, trouble) = (activity, .now, nil)
            dialogue.refresh()
        case .failed(let reason): trouble = reason
        }
    }

    private mutating func takeSignals() -> End? {
        for number in signals.drain().map(Int32.init) {
            switch number {
            case SIGWINCH: shown = nil
            case SIGTSTP:
                terminal.giveBack()
                // It goes on here when somebody wants it to.
                raise(SIGSTOP)
                terminal.take()
                shown = nil
            default: return .signal(number)
            }
        }
        return nil
    }
}
