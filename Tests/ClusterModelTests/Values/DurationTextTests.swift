import ClusterModel
import Testing

@Suite struct DurationTextTests {
    @Test(
        "A duration is one number with a unit",
        arguments: [
            ValueCase.accepted("250ms"), .accepted("1.5s"), .accepted("3.5s"), .accepted("10m"), .accepted("12h"),
            .accepted("30d"), .accepted("0s"), .accepted("0ms", as: "0s"), .accepted("60s", as: "1m"),
            .accepted("90s"), .accepted("1500ms", as: "1.5s"), .accepted("24h", as: "1d"), .accepted("1.5h", as: "90m"),
            .accepted("0.5d", as: "12h"), .accepted("007s", as: "7s"), .accepted("1.0s", as: "1s"),
            .accepted("0.000001ms"), .accepted("0.000000001s", as: "0.000001ms"), .accepted("1.005s"),
            .accepted("1000.000001ms", as: "1.000000001s"), .accepted("36500d"),
            .accepted("3153600000000ms", as: "36500d"),
            .refused(""), .refused("10"), .refused("s"), .refused("-1s"), .refused("+1s"), .refused("1 s"),
            .refused(" 1s"), .refused("1s "), .refused("1s\n"), .refused("1S"), .refused("1sec"), .refused("1us"),
            .refused("1w"), .refused(".5s"), .refused("5.s"), .refused("1.2.3s"), .refused("1,5s"), .refused("1e3s"),
            .refused("1h30m"), .refused("36501d"), .refused("36500.000001d"), .refused("3153600000001ms"),
            .refused("99999999999999999999999d"), .refused("9999999999999999d"), .refused("0.0000001ms"),
            .refused("0.0000000001s"), .refused("infs"), .refused("nans"), .refused("٣s"), .refused("1ｍ"),
        ]
    )
    func durationText(row: ValueCase) throws {
        try row.check(DurationText.self)
    }

    @Test("A duration is exact, and orders by length")
    func exact() throws {
        #expect(try DurationText("0.1s").duration == .milliseconds(100))
        #expect(try DurationText("1.000000001s").duration == .nanoseconds(1_000_000_001))
        #expect(try DurationText("30d").duration == .seconds(2_592_000))
        #expect(try DurationText("90s") < DurationText("2m"))
    }

    @Test("Every duration prints: negative, finer than a nanosecond, and beyond what may be written")
    func printing() {
        #expect(Duration.milliseconds(-1500).text == "-1.5s")
        #expect(Duration.seconds(-60).text == "-1m")
        #expect(Duration(attoseconds: 1).text == "0s")
        #expect(Duration(attoseconds: -1).text == "0s")
        #expect(Duration(attoseconds: 1_500_000_000).text == "0.000001ms")
        #expect(Duration(attoseconds: .max).text.hasSuffix("s"))
        #expect(Duration(attoseconds: .min).text.hasPrefix("-"))
    }

    @Test("A duration in seconds is a number")
    func seconds() {
        #expect(Duration.milliseconds(1500).seconds == 1.5)
        #expect(Duration.milliseconds(-250).seconds == -0.25)
        #expect(Duration.seconds(86_400).seconds == 86_400)
        #expect(Duration.zero.seconds == 0)
    }
}
