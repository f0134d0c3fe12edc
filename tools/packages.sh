# shellcheck shell=bash
# Debian packages by purpose, and how to get the missing ones. Sourced by ./dev.
# shellcheck disable=SC2034  # the lists are used by ./dev

packages_build=(g++ cmake ninja-build pkg-config ccache git ca-certificates libcaf-dev libsodium-dev libssl-dev
  libzmq3-dev libeigen3-dev libmsgpack-cxx-dev libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libfmt-dev zlib1g-dev
  libsqlite3-dev libcpp-httplib-dev)
packages_test_build=(libgtest-dev libgmock-dev librapidcheck-dev)
packages_fuzz=(clang libclang-rt-dev)
packages_test=("${packages_test_build[@]}" "${packages_fuzz[@]}" dataset-fashion-mnist
  curl jq python3-zmq python3-msgpack python3-nacl prometheus chromium systemd)
packages_bench=(libbenchmark-dev libopenblas-dev dataset-fashion-mnist)
packages_package=(dpkg-dev file lintian debootstrap)
packages_clang=("${packages_fuzz[@]}" clang-format clang-tidy)

# Names of the given packages that dpkg does not know as installed, one a line. Nothing on systems without dpkg.
missing_packages() {
  command -v dpkg-query >/dev/null || return 0
  local installed package
  # shellcheck disable=SC2016  # dpkg-query expands these, not the shell
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
  for package in "$@"; do
    grep -qxF "installed $package" <<<"$installed" || echo "$package"
  done
}

# apt_get ARGUMENTS: as root, without questions, waiting for another apt to finish.
apt_get() {
  local command=(env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 -qq -y "$@")
  [[ $(id -u) -eq 0 ]] || command=(sudo -n "${command[@]}")
  "${command[@]}" </dev/null
}

# Installs what is missing; silent when nothing is.
ensure_packages() {
  local missing=()
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    # Not Debian: say it once and let CMake name what it cannot find.
    [[ -n ${HANSA_WARNED_NOT_DEBIAN-} ]] ||
      printf './dev: this is not a Debian system, so nothing is installed. Needed here (Debian names): %s\n' "$*" >&2
    HANSA_WARNED_NOT_DEBIAN=1
    return 0
  fi
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  if [[ $(id -u) -ne 0 ]] && ! sudo -n true 2>/dev/null; then
    printf './dev: these Debian packages are missing, and sudo does not work without a password here.\n' >&2
    printf '       Run this once, then repeat:\n\n  sudo apt-get install %s\n\n' "${missing[*]}" >&2
    exit 1
  fi
  printf './dev: installing %d Debian packages: %s\n' "${#missing[@]}" "${missing[*]}"
  # Package lists that are fresh enough save the update; stale or absent ones make the first try fail.
  if ! apt_get install --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
    apt_get update
    apt_get install --no-install-recommends "${missing[@]}" >/dev/null
  fi
}
