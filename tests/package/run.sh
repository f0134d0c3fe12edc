#!/usr/bin/env bash
# The Debian package where nothing of this machine is visible: a fresh Debian root (debootstrap), the package installed
# there by apt with what it depends on, and the program used as a newcomer would, by the user that the package makes.
#   run.sh FOLDER   FOLDER/hansa_*.deb is installed; the bare root is kept in FOLDER/base for the next time
# Exit code 77: this machine cannot (not root, no debootstrap, no mounts).
set -euo pipefail
folder=$(cd "$1" && pwd)
root=$folder/root

skip() {
  echo "skipped: $*"
  exit 77
}
say() { printf '\n== %s\n' "$*"; }
fail() {
  echo "FAILED: $*" >&2
  exit 1
}

[[ $(id -u) -eq 0 ]] || skip "needs root"
command -v debootstrap >/dev/null || skip "debootstrap is not installed"
packages=("$folder"/hansa_*.deb)
[[ ${#packages[@]} -eq 1 && -f ${packages[0]} ]] || fail "there is not one package in $folder"

clean_up() {
  local code=$?
  if mountpoint -q "$root/proc"; then
    chroot "$root" hansa dev down --dir /var/lib/hansa/dev >/dev/null 2>&1 || true
    umount "$root/proc"
  fi
  [[ $code -ne 0 ]] || rm -rf "$root"
}
trap clean_up EXIT

if [[ ! -e $folder/base/.complete ]]; then
  say "debootstrap"
  rm -rf "$folder/base"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 2>/dev/null | head -n 1 || true)
  debootstrap --variant=minbase bookworm "$folder/base" "${mirror:-http://deb.debian.org/debian}" \
    >"$folder/debootstrap.log" 2>&1 || { tail -n 5 "$folder/debootstrap.log"; fail debootstrap; }
  touch "$folder/base/.complete"
fi
if mountpoint -q "$root/proc"; then umount "$root/proc"; fi # left by a run that was killed
rm -rf "$root"
cp -a "$folder/base" "$root"
mount -t proc proc "$root/proc" 2>/dev/null || skip "cannot mount /proc in a new root"
cp /etc/resolv.conf "$root/etc/resolv.conf"
cp "${packages[0]}" "$root/tmp/hansa.deb"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d" # no services in here
chmod 755 "$root/usr/sbin/policy-rc.d"

within() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
as_hansa() { chroot --userspec=hansa:hansa "$root" env -i PATH=/usr/bin:/bin LC_ALL=C.UTF-8 HOME=/var/lib/hansa "$@"; }

say "apt-get install"
within apt-get update -qq
within apt-get install -y -qq --no-install-recommends /tmp/hansa.deb >"$folder/apt.log" 2>&1 || {
  tail -n 20 "$folder/apt.log"
  fail "apt-get install"
}
[[ $(stat -c '%U:%a' "$root/var/lib/hansa") != root:* ]] || fail "/var/lib/hansa belongs to root"
[[ $(within stat -c '%U:%G:%a' /var/lib/hansa) == hansa:hansa:700 ]] || fail "/var/lib/hansa is open to others"
within dpkg --verify hansa || fail "installed files differ from the package's"
within dpkg-query -W -f='${Conffiles}\n' hansa | grep -q '/etc/hansa/hansa.toml' || fail "no conffile"
for file in /lib/systemd/system/hansa.service /usr/share/bash-completion/completions/hansa \
  /usr/share/hansa/monitoring/alerts.yml /usr/share/hansa/examples/toy.toml; do
  [[ -s $root$file || -s $root/usr$file ]] || fail "$file is missing"
done
if grep -aq "$(cd "$(dirname "$0")/../.." && pwd)" "$root/usr/bin/hansa"; then fail "the program names a folder of this machine"; fi

say "hansa version"
as_hansa hansa version
say "hansa sim"
as_hansa hansa sim /usr/share/hansa/examples/toy.toml --quiet --out /tmp/toy
as_hansa test -s /tmp/toy/report.html || fail "no report"
say "hansa dev up --orgs 3 --wait"
as_hansa hansa dev up --orgs 3 --wait --dir /var/lib/hansa/dev
say "hansa dev down"
as_hansa hansa dev down --dir /var/lib/hansa/dev | tee "$folder/down.txt"
grep -qx '3 nodes stopped' "$folder/down.txt" || fail "dev down did not stop three nodes"
for process in /proc/[0-9]*; do
  [[ $(readlink "$process/root" 2>/dev/null) != "$root" ]] || fail "$(tr '\0' ' ' <"$process/cmdline") still runs"
done

say "the service's node"
as_hansa env HANSA_PASSPHRASE=walnut hansa init --dir /var/lib/hansa --org "Alfa Air" --http-port 0 >/dev/null
say "apt-get purge"
within apt-get purge -y -qq hansa >>"$folder/apt.log" 2>&1 || fail "apt-get purge"
[[ ! -e $root/etc/hansa && ! -e $root/usr/share/hansa ]] || fail "purging leaves files"
[[ -s $root/var/lib/hansa/org.key ]] || fail "purging removed the organisation's key"
say "the package installs, runs and leaves"
