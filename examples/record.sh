#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Records examples/traffic.pcap: real traffic between namespaces of this machine.
#
#     client    192.0.2.10   2001:db8::10  ----+
#                                              +---- server  192.0.2.1  2001:db8::1
#     attacker  198.51.100.66                  |     web, DNS (recorded on its interface)
#                            ------------------+
#
# The client resolves names, fetches pages over IPv4 and IPv6 and pings; in between the
# attacker pings and scans ports. Needs root, and: ip, tcpdump, dnsmasq, curl, nmap, ping,
# ethtool, python3. Nothing is left behind; an interrupt cleans up, too.
#
# usage: record.sh [FILE]
set -eu
file=$(realpath -m "${1:-$(dirname "$0")/traffic.pcap}")
for tool in ip tcpdump dnsmasq curl nmap ping ethtool python3; do
	command -v $tool >/dev/null || { echo "record.sh: $tool is missing" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "record.sh: needs root for network namespaces" >&2; exit 1; }

ns=vrec$$
tmp=$(mktemp -d)
pids=
cleanup() {
	for pid in $pids; do kill "$pid" 2>/dev/null || true; done
	wait 2>/dev/null || true
	for host in switch server client attacker; do ip netns del $ns-$host 2>/dev/null || true; done
	rm -rf "$tmp"
}
trap cleanup EXIT
trap 'echo "record.sh: line $LINENO failed" >&2' ERR
trap 'exit 1' INT TERM

in_ns() { # HOST COMMAND...
	local host=$1
	shift
	ip netns exec $ns-$host "$@"
}

# ---- network: three hosts on one bridge

ip netns add $ns-switch
in_ns switch ip link add br0 type bridge
in_ns switch ip link set br0 up
for host in server client attacker; do
	ip netns add $ns-$host
	ip -n $ns-$host link add eth0 type veth peer name $host netns $ns-switch
	ip -n $ns-switch link set $host master br0 up
	ip -n $ns-$host link set lo up
	# Packets as they would be on a wire: no segmentation or checksums left to a device.
	for feature in tso gso gro tx; do in_ns $host ethtool -K eth0 $feature off >/dev/null; done
	in_ns $host sysctl -qw net.ipv6.conf.eth0.accept_dad=0
	ip -n $ns-$host link set eth0 up
done
ip -n $ns-server addr add 192.0.2.1/24 dev eth0
ip -n $ns-server addr add 2001:db8::1/64 dev eth0
ip -n $ns-server route add 198.51.100.0/24 dev eth0
ip -n $ns-client addr add 192.0.2.10/24 dev eth0
ip -n $ns-client addr add 2001:db8::10/64 dev eth0
ip -n $ns-attacker addr add 198.51.100.66/24 dev eth0
ip -n $ns-attacker route add 192.0.2.0/24 dev eth0

# ---- services

mkdir "$tmp/www"
python3 - "$tmp/www" <<'PAGES'
import sys
lines = "".join(f"<p>Line {i} of a page that was served for a capture.</p>\n" for i in range(320))
open(sys.argv[1] + "/index.html", "w").write("<html>\n" + lines + "</html>\n")
open(sys.argv[1] + "/style.css", "w").write("p { margin: 0 }\n" * 60)
PAGES
echo "nameserver 192.0.2.1" >"$tmp/resolv.conf"
in_ns server python3 -m http.server --directory "$tmp/www" --bind :: 80 >"$tmp/http.log" 2>&1 &
pids="$pids $!"
in_ns server dnsmasq --no-daemon --no-resolv --no-hosts --conf-file=/dev/null --user=root \
	--pid-file="$tmp/dnsmasq.pid" --listen-address=192.0.2.1 --bind-interfaces \
	--host-record=www.example.net,192.0.2.1,2001:db8::1 --local=/example.net/ \
	--mx-host=example.net,mail.example.net --txt-record=example.net,hello >"$tmp/dns.log" 2>&1 &
pids="$pids $!"
for i in $(seq 50); do
	in_ns client curl -s -o "$tmp/page" --max-time 1 http://192.0.2.1/style.css && break
	sleep 0.1
done

# ---- record

in_ns server tcpdump -i eth0 -n -U --immediate-mode -s 0 -w "$tmp/traffic.pcap" 2>"$tmp/tcpdump.log" &
tcpdump=$!
pids="$pids $tcpdump"
for i in $(seq 50); do
	grep -q listening "$tmp/tcpdump.log" && break
	sleep 0.1
done

client() {
	in_ns client sh -ec 'mount --bind "$0" /etc/resolv.conf; exec "$@"' "$tmp/resolv.conf" "$@"
}
client curl -4 -s -o "$tmp/page" http://www.example.net/
in_ns client ping -q -c 4 -i 0.2 192.0.2.1 >/dev/null
in_ns attacker ping -q -c 2 -i 0.2 192.0.2.1 >/dev/null
in_ns attacker nmap -n -Pn -sS -p 1-200 -T4 192.0.2.1 >"$tmp/nmap" &
scan=$!
client curl -6 -s -o "$tmp/page" http://www.example.net/
client curl -6 -s -o "$tmp/page" http://www.example.net/style.css
client curl -4 -s -o "$tmp/page" http://www.example.net/missing || true
client python3 -c 'import socket
try: socket.getaddrinfo("nobody.example.net", 80)
except socket.gaierror: pass'
in_ns client ping -6 -q -c 3 -i 0.2 2001:db8::1 >/dev/null
# Larger than the MTU: fragments.
in_ns client ping -q -c 2 -i 0.2 -s 2800 192.0.2.1 >/dev/null
wait $scan
in_ns attacker nmap -n -Pn -sT -p 22,53,80,443 192.0.2.1 >>"$tmp/nmap"
# What tries to reach the server by telnet, from inside.
in_ns client python3 -c 'import socket
try: socket.create_connection(("192.0.2.1", 23), 1)
except OSError: pass'
sleep 0.5
kill $tcpdump
wait $tcpdump || true
mv "$tmp/traffic.pcap" "$file"
chmod 644 "$file"
echo "$file: $(tcpdump -r "$file" -n 2>/dev/null | wc -l) packets, $(stat -c %s "$file") bytes"
