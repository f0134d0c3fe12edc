#!/bin/sh
# What a container does: makes the node's keys at its first start, then runs it. With arguments it is the program itself:
#   docker run --rm hansa version
# HANSA_ORG       the organisation's name (needed at the first start)
# HANSA_ENDPOINT  HOST:PORT that others dial; without it the node only dials out
# The organisation's key is sealed with what /run/secrets/passphrase holds, or the file that HANSA_PASSPHRASE_FILE names. A
# secret is mounted with its owner on the host, which `hansa --passphrase-file` would not accept; so it is read here, and
# only `hansa init` has it in its environment.
set -eu

if [ $# -gt 0 ]; then
  exec hansa "$@"
fi

folder=${HANSA_DIR:-/var/lib/hansa}
if [ ! -e "$folder/node.key" ]; then
  : "${HANSA_ORG:?set HANSA_ORG to the name of the organisation}"
  set -- --org "$HANSA_ORG" --dir "$folder"
  if [ -n "${HANSA_ENDPOINT:-}" ]; then
    set -- "$@" --endpoint "$HANSA_ENDPOINT"
  else
    set -- "$@" --outbound-only
  fi
  HANSA_PASSPHRASE=$(cat "${HANSA_PASSPHRASE_FILE:-/run/secrets/passphrase}") hansa init "$@"
fi
exec hansa up --dir "$folder"
