import Foundation

/// A DHCP client as guests have them, with its own way to ask, to renew and to release.
enum DHCPProgram: String, CaseIterable, Sendable {
    case dhclient, dhcpcd, udhcpc
    case networkd = "systemd-networkd"

    /// The programs that it takes, and the Debian package of each.
    private var programs: [(path: String, package: String)] {
        switch self {
        case .dhclient: [("/sbin/dhclient", "isc-dhcp-client")]
        case .dhcpcd: [("/usr/sbin/dhcpcd", "dhcpcd-base")]
        case .udhcpc: [("/bin/busybox", "busybox")]
        case .networkd:
            [
                ("/lib/systemd/systemd-networkd", "systemd"), ("/usr/bin/networkctl", "systemd"),
                ("/usr/bin/dbus-daemon", "dbus-daemon"),
            ]
        }
    }

    /// The reason why it cannot run here; nil when it can.
    var unavailability: String? {
        programs.first { !FileManager.default.isExecutableFile(atPath: $0.path) }
            .map { "needs \($0.path) (Debian package \($0.package))" }
    }

    /// A Boolean value that indicates whether it asks by ARP for others that have its address, before it takes it.
    var probesAddress: Bool { self != .dhclient }

    /// A Boolean value that indicates whether it can be told to ask for answers that are sent to all: the dhclient of
    /// Debian 12 never does, whatever `bootp-broadcast-always` says.
    var asksForBroadcast: Bool { self != .dhclient }

    /// A Boolean value that indicates whether it says by ARP that it has its address now.
    var announcesAddress: Bool { self == .dhcpcd || self == .networkd }

    /// A Boolean value that indicates whether its RELEASE names the server, as RFC 2131 asks for; dnsmasq ignores one
    /// that does not, such as that of the systemd-networkd of Debian 12.
    var namesServerInRelease: Bool { self != .networkd }

    /// A script that runs it in a guest's namespaces until it ends; SIGUSR1 renews its lease, SIGUSR2 releases it.
    ///
    /// Its arguments are a directory for what it remembers, the address that it asks for if it can, and `true` where
    /// answers are to be sent to all. It says that it is the same client in every guest, as clones of one image do.
    var script: String { Self.beginning + steps + Self.end }

    /// With a /run of its own, as on a machine of its own: two dhcpcd that share its control socket are one, so the
    /// second only tells the first one of a device that it cannot see.
    private static let beginning = """
        directory=$1 address=$2 broadcast=$3
        cat >$directory/event <<'END'
        #!/bin/sh
        case ${reason:-$1} in
            BOUND | REBOOT | RENEW | REBIND | bound | renew) ip addr replace ${new_ip_address:-$ip}/24 dev eth0 ;;
            EXPIRE | RELEASE | STOP | deconfig) ip addr flush dev eth0 ;;
        esac
        END
        chmod 755 $directory/event
        mount -t tmpfs tmpfs /run

        """

    private static let end = """

        trap renew USR1
        trap release USR2
        start &
        client=$!
        while kill -0 $client 2>/dev/null; do wait $client; done
        """

    private var steps: String {
        switch self {
        case .dhclient: Self.dhclientSteps
        case .dhcpcd: Self.dhcpcdSteps
        case .udhcpc: Self.udhcpcSteps
        case .networkd: Self.networkdSteps
        }
    }

    /// Nothing can ask dhclient to renew, so it takes a lease for one that is to be renewed soon.
    ///
    /// Without files of process ids, which mean another process outside of its process namespace.
    private static let dhclientSteps = """
        cat >$directory/conf <<END
        send dhcp-client-identifier 1:2:3:4:5;
        request subnet-mask, routers, interface-mtu;
        supersede dhcp-renewal-time 3;
        initial-interval 1;
        backoff-cutoff 2;
        END
        options="--no-pid -4 -cf $directory/conf -lf $directory/leases -sf $directory/event eth0"
        start() { exec dhclient -d $options; }
        renew() { :; }
        release() { kill -KILL $client; dhclient -r $options; }
        """

    private static let dhcpcdSteps = """
        echo 00:01:00:01:2c:5e:1a:3b:02:00:00:00:00:99 >$directory/duid
        echo duid >$directory/conf
        [ $broadcast = true ] && echo broadcast >>$directory/conf
        mount --bind $directory /var/lib/dhcpcd
        start() { exec dhcpcd -4 -B -d -f $directory/conf -c /bin/true -r $address eth0; }
        renew() { kill -USR1 $client; }
        release() { kill -ALRM $client; }
        """

    private static let udhcpcSteps = """
        options=$([ $broadcast = true ] && echo -B)
        start() {
            exec busybox udhcpc -f -a -t 20 -T 1 -x 0x3d:0102030405 -r $address $options -s $directory/event -i eth0
        }
        renew() { kill -USR1 $client; }
        release() { kill -USR2 $client; }
        """

    /// With a read-only /sys: otherwise networkd waits for udev to tell of each device.
    ///
    /// Only by D-Bus can it be asked to renew.
    private static let networkdSteps = """
        mount -t sysfs -o ro sysfs /sys
        mkdir -p /run/systemd/network /run/systemd/netif /run/dbus
        chown systemd-network /run/systemd/netif
        cat >/run/systemd/network/eth0.network <<END
        [Match]
        Name=eth0
        [Network]
        DHCP=ipv4
        LinkLocalAddressing=no
        IPv6AcceptRA=no
        [DHCPv4]
        SendDecline=yes
        UseDNS=no
        UseHostname=no
        DUIDType=vendor
        DUIDRawData=00:00:ab:11:01:02:03:04:05:06:07:08
        RequestBroadcast=$broadcast
        END
        cat >/run/dbus/conf <<END
        <!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
            "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
        <busconfig>
            <type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
            <policy context="default">
                <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow eavesdrop="true"/>
            </policy>
        </busconfig>
        END
        dbus-daemon --config-file=/run/dbus/conf --nofork --nopidfile &
        until [ -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
        start() { SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=debug exec /lib/systemd/systemd-networkd; }
        renew() { networkctl renew eth0; }
        release() { kill -TERM $client; }
        """
}
