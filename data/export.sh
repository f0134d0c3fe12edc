#!/bin/sh
# Exports a data set that may not be redistributed from the Debian package that carries it: ./dev data NAME.
# Writes $HANSA_DATA/exported/NAME.csv.gz (or beside this script). Safe to run again; existing files are kept.
set -eu

usage() {
  echo "usage: ./dev data insteval|spambase|letter|fashion-mnist"
}

install_packages() {
  missing=
  for wanted in "$@"; do
    dpkg-query -W -f '${Status}' "$wanted" 2>/dev/null | grep -q 'install ok installed' || missing="$missing $wanted"
  done
  [ -n "$missing" ] || return 0
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  echo "installing$missing"
  $sudo apt-get update -q
  # shellcheck disable=SC2086  # a list of words on purpose
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing
}

# The first of $HANSA_DATA and the folder of this script that can be written to.
output_folder() {
  for folder in "${HANSA_DATA:-}" "$(cd "$(dirname "$0")" && pwd)"; do
    if [ -n "$folder" ] && mkdir -p "$folder/exported" 2>/dev/null && [ -w "$folder/exported" ]; then
      echo "$folder/exported"
      return
    fi
  done
  echo "data/export.sh: neither \$HANSA_DATA nor the data folder can be written to" >&2
  exit 1
}

# export_with_r NAME ROWS LIBRARY EXPRESSION: EXPRESSION gives the data frame; an id column is put first.
export_with_r() {
  name=$1 rows=$2 library=$3 expression=$4
  folder=$(output_folder)
  target=$folder/$name.csv.gz
  if [ -s "$target" ]; then
    echo "$target is already there"
    return
  fi
  install_packages r-base-core "r-cran-$(echo "$library" | tr '[:upper:]' '[:lower:]')"
  part=$(mktemp "$folder/.$name.XXXXXX")
  trap 'rm -f "$part"' EXIT
  Rscript --vanilla -e "
    suppressPackageStartupMessages(library($library))
    frame <- $expression
    stopifnot(nrow(frame) == $rows)
    out <- gzfile('$part', 'w', compression = 9)
    write.csv(cbind(id = seq_len(nrow(frame)), frame), out, row.names = FALSE)
    close(out)"
  chmod 644 "$part"
  mv "$part" "$target"
  echo "wrote $target ($rows rows)"
}

case "${1:-}" in
  insteval) export_with_r insteval 73421 lme4 '{ data(InstEval); InstEval }' ;;
  spambase) export_with_r spambase 4601 kernlab '{ data(spam); spam }' ;;
  letter) export_with_r letter 20000 mlbench '{ data(LetterRecognition); LetterRecognition }' ;;
  fashion-mnist)
    install_packages dataset-fashion-mnist
    echo "Fashion-MNIST is in /usr/share/datasets/fashion-mnist"
    ;;
  -h | --help) usage ;;
  *)
    usage >&2
    exit 2
    ;;
esac
