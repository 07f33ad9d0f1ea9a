#!/bin/sh
# SPDX-License-Identifier: AGPL-3.0-or-later
# Inside the machine with a real kernel: a node on kernel WireGuard (h), a client (c), a host behind (n).
set -eu
say() { echo "ok $1"; }
api() { # METHOD PATH [BODY]: body of the answer; fails unless 200
	ip netns exec h curl -sk -m 20 -f -X "$1" -H "X-API-Key: $KEY" -H 'Content-Type: application/json' ${3:+-d "$3"} "https://192.0.2.1:51821$2"
}
ready() { for _ in $(seq 100); do api GET /readyz >/dev/null 2>&1 && return 0; sleep 0.2; done; cat /tmp/node.log >&2; return 1; }

for n in c h n; do ip netns add $n; ip -n $n link set lo up; done
ip link add v0 netns c type veth peer name v1 netns h
ip link add v2 netns h type veth peer name v3 netns n
ip -n c addr add 192.0.2.2/24 dev v0; ip -n h addr add 192.0.2.1/24 dev v1
ip -n h addr add 198.51.100.1/24 dev v2; ip -n n addr add 198.51.100.80/24 dev v3
for x in "c v0" "h v1" "h v2" "n v3"; do set -- $x; ip -n $1 link set $2 up; done
ip netns exec h sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'

ip netns exec h ./wgkeeper-node --config /tmp/n.yaml init --host 192.0.2.1 --wan-interface v2 --subnet 10.66.0.0/24 --state-dir /tmp/state >/tmp/enrol
KEY=$(cut -d: -f5 </tmp/enrol)
ip netns exec h ./wgkeeper-node --config /tmp/n.yaml >/tmp/node.log 2>&1 &
MAIN=$!
ready
api GET /v1/node | grep -q '"backend":"kernel"'
ip -n h -d link show wg0 | grep -q wireguard
say "the keeper made a kernel interface"

umask 077
wg genkey >/tmp/k1; wg genkey >/tmp/k2
ID=$(cat /proc/sys/kernel/random/uuid)
api PUT /v1/peers/$ID "{\"publicKey\":\"$(wg pubkey </tmp/k1)\",\"generation\":1}" | grep -q '10.66.0.2/32'
say "create"

ip -n c link add wgc type wireguard
ip netns exec c wg set wgc private-key /tmp/k1 peer $(ip netns exec h wg show wg0 public-key) endpoint 192.0.2.1:51820 allowed-ips 198.51.100.0/24
ip -n c addr add 10.66.0.2/24 dev wgc; ip -n c link set wgc up; ip -n c route add 198.51.100.0/24 dev wgc
ip netns exec c ping -q -c 3 -i 0.2 -W 3 198.51.100.80 >/dev/null
say "ping through the tunnel, masqueraded"

api PUT /v1/peers/$ID "{\"publicKey\":\"$(wg pubkey </tmp/k2)\",\"generation\":2}" >/dev/null
! ip netns exec h wg show wg0 peers | grep -q "$(wg pubkey </tmp/k1)"
ip netns exec c wg set wgc private-key /tmp/k2
ip netns exec c ping -q -c 3 -i 0.2 -W 3 198.51.100.80 >/dev/null
say "rotate"

KEEPER=$(for p in $(cat /proc/$MAIN/task/$MAIN/children); do grep -q '^Uid:	0' /proc/$p/status && echo $p; done; true)
ip netns exec c ping -q -c 40 -i 0.1 -W 3 198.51.100.80 >/tmp/ping &
PING=$!
sleep 0.5; kill -9 $KEEPER; sleep 0.5; ready
wait $PING
grep -q ' 0% packet loss' /tmp/ping
say "keeper restart, no packet lost"

# a reading while many peers are changed: interrupted dumps are taken again
for i in $(seq 60); do
	api PUT /v1/peers/$(cat /proc/sys/kernel/random/uuid) "{\"publicKey\":\"$(wg genkey | wg pubkey)\",\"generation\":1}" >/dev/null
done
[ "$(ip netns exec h wg show wg0 peers | wc -l)" = 61 ]
say "many peers"

api DELETE "/v1/peers/$ID?generation=3" | grep -q '"absentFromDevice":true'
! ip netns exec c ping -q -c 2 -i 0.2 -W 1 198.51.100.80 >/dev/null
say "revoke"
kill $MAIN; wait $MAIN || true
