#!/bin/sh
# Podman as the Docker engine on a machine without systemd, as root: starts its API service and prints what to export.
#   infra/docker/podman-service.sh <folder>     then: eval the two lines it prints; kill the pids in <folder>/pids
# Debian: apt install podman runc netavark aardvark-dns iptables
set -eu
folder=${1:?usage: podman-service.sh <folder for its socket, its settings and its log>}
mkdir -p "$folder"
cat >"$folder/containers.conf" <<'CONF'
[containers]
# Root without CAP_SYS_RESOURCE can't raise limits; the defaults would try to.
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
CONF
export CONTAINERS_CONF="$folder/containers.conf"
# A child that keeps standard output open would keep a caller waiting that reads it.
setsid podman system service --time=0 "unix://$folder/podman.sock" >"$folder/service.log" 2>&1 </dev/null &
echo $! >"$folder/pids"
# Podman leaves health checks to systemd timers: without systemd somebody has to ask. With a limit: Podman 4.3 was seen to
# wait for ever, with the lock on its storage in hand.
# shellcheck disable=SC2016 # expanded by the inner shell
setsid sh -c 'while :; do
  for id in $(timeout 30 podman ps --quiet --filter health=starting); do
    timeout 30 podman healthcheck run "$id" >/dev/null 2>&1
  done
  sleep 2
done' >/dev/null 2>&1 </dev/null &
echo $! >>"$folder/pids"
waited=0
until [ -S "$folder/podman.sock" ]; do
  waited=$((waited + 1))
  [ "$waited" -le 50 ] || { cat "$folder/service.log" >&2; exit 1; }
  sleep 0.2
done
echo "export CONTAINERS_CONF=$folder/containers.conf DOCKER_HOST=unix://$folder/podman.sock"
# Podman needs no reaper container, and its ports are on loopback.
echo "export TESTCONTAINERS_RYUK_DISABLED=true TESTCONTAINERS_HOST_OVERRIDE=127.0.0.1"
