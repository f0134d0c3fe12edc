#!/usr/bin/env bash
# Starts the three organisations of compose.yaml and founds their consortium as their operators would: a ticket for each
# guest, a request of each, the votes of all.
#   try.sh up | found | down
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
guests=(bravo carib)
everybody=(alfa "${guests[@]}")

# hansa ORGANISATION VERB ...: as that organisation's operator.
hansa() {
  local organisation=$1
  shift
  docker compose exec -T "$organisation" hansa "$@"
}
# decide ORGANISATION VERB ...: with the organisation's key.
decide() {
  local organisation=$1
  shift
  # shellcheck disable=SC2016  # for the container's shell
  docker compose exec -T "$organisation" \
    sh -c 'HANSA_PASSPHRASE=$(cat /run/secrets/passphrase) exec hansa "$@"' hansa "$@"
}

# until_true SECONDS COMMAND ...
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [[ $SECONDS -lt $end ]] || {
      echo "try.sh: waited in vain for: $*" >&2
      return 1
    }
    sleep 1
  done
}
lists() { [[ $(hansa "$1" "$2" --json | grep -c "\"$3\":") -ge $4 ]]; }
has_proposal() { hansa "$1" roster show --json | grep -q '"proposals": \[$'; }

found() {
  local guest ticket
  for guest in "${everybody[@]}"; do until_true 60 hansa "$guest" peers; done
  decide alfa roster found --name airlines
  for guest in "${guests[@]}"; do
    ticket=$(decide alfa invite)
    decide "$guest" join "$ticket"
  done
  until_true 60 lists alfa requests words "${#guests[@]}"
  hansa alfa requests # in reality: compare the words with each guest by telephone before the next line
  decide alfa roster approve
  for guest in "${guests[@]}"; do
    until_true 60 has_proposal "$guest"
    decide "$guest" roster approve
  done
  for guest in "${everybody[@]}"; do until_true 90 hansa "$guest" status; done
  hansa alfa status
}

case ${1-} in
  up)
    mkdir -p secrets
    for organisation in "${everybody[@]}"; do
      # Readable for the container's user, in a folder that is closed to others.
      chmod 700 secrets
      [[ -s secrets/$organisation ]] || head -c 24 /dev/urandom | base64 >"secrets/$organisation"
      chmod 644 "secrets/$organisation"
    done
    docker compose up --build --detach
    found
    ;;
  found) found ;;
  down) docker compose down --volumes ;;
  *)
    echo "usage: try.sh up | found | down" >&2
    exit 2
    ;;
esac
