#!/usr/bin/env bash
# The container files without Docker: compose.yaml is read by a Compose if there is one, and what runs inside and around
# the containers (node.sh, try.sh) founds a consortium with three local processes; `docker compose exec` is played by a
# shell function's worth of script that steps into a folder instead of a container.
#   docker.sh HANSA   the program
set -euo pipefail
hansa=$(realpath "$1")
sources=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
nodes=()

clean_up() {
  [[ ${#nodes[@]} -eq 0 ]] || kill "${nodes[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap clean_up EXIT
fail() {
  echo "FAILED: $*" >&2
  tail -n 5 "$work"/*.log >&2 || true
  exit 1
}

cp -r "$sources/deploy" "$work/deploy"
mkdir "$work/bin" "$work/deploy/docker/secrets"
ln -s "$hansa" "$work/bin/hansa"
port=$((20000 + RANDOM % 10000))
for organisation in alfa bravo carib; do
  mkdir -m 700 "$work/$organisation"
  echo "walnut $organisation" >"$work/deploy/docker/secrets/$organisation"
done

checked=0
if docker compose version >/dev/null 2>&1; then
  docker compose -f "$work/deploy/docker/compose.yaml" config --quiet || fail compose.yaml
  checked=1
elif command -v docker-compose >/dev/null; then
  docker-compose -f "$work/deploy/docker/compose.yaml" config --quiet || fail compose.yaml
  checked=1
elif python3 -c 'import yaml' 2>/dev/null; then
  python3 -c 'import sys, yaml; assert len(yaml.safe_load(open(sys.argv[1]))["services"]) == 3' \
    "$work/deploy/docker/compose.yaml" || fail compose.yaml
fi
echo "compose.yaml read by a Compose: $checked"

# docker compose exec -T ORGANISATION COMMAND ...
cat >"$work/bin/docker" <<STUB
#!/bin/sh
[ "\$1 \$2 \$3" = "compose exec -T" ] || { echo "docker \$*: not played" >&2; exit 64; }
organisation=\$4
shift 4
first=\$1
shift
if [ "\$first" = sh ]; then # the container has its secret at one place
  code=\$(printf '%s' "\$2" | sed "s|/run/secrets/passphrase|$work/deploy/docker/secrets/\$organisation|")
  shift 2
  set -- -c "\$code" "\$@"
fi
HANSA_DIR=$work/\$organisation exec "\$first" "\$@"
STUB
chmod +x "$work/bin/docker"
export PATH=$work/bin:$PATH
printf '[http]\nport = 0\n' >"$work/machine.toml" # three nodes share one 127.0.0.1 here
export HANSA_CONFIG=$work/machine.toml

host=localhost                                    # a name, as in compose.yaml
getent hosts "$host" >/dev/null || host=127.0.0.1 # a bare root may have no /etc/hosts
for organisation in alfa bravo carib; do
  HANSA_ORG="$organisation" HANSA_ENDPOINT="$host:$port" HANSA_DIR="$work/$organisation" \
    HANSA_PASSPHRASE_FILE="$work/deploy/docker/secrets/$organisation" \
    sh "$sources/deploy/docker/node.sh" >"$work/$organisation.log" 2>&1 &
  nodes+=($!)
  port=$((port + 3))
done
"$work/deploy/docker/try.sh" found || fail "try.sh found"
for organisation in alfa bravo carib; do
  docker compose exec -T "$organisation" hansa status >/dev/null || fail "$organisation is not ready"
done
[[ $(sh "$sources/deploy/docker/node.sh" version) == hansa* ]] || fail "node.sh with a verb"
for node in "${nodes[@]}"; do
  kill "$node"
  wait "$node" || fail "a node ended with $?"
done
nodes=()
echo "three organisations founded a consortium"
