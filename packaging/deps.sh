#!/bin/sh
# Installs the Debian packages that a purpose needs and that are missing: deps.sh PURPOSE...
# Purposes: build, package, package-test, test, npm, lint, demo. With --list it prints them, with
# --check it only looks.
set -eu

packages() {
    case $1 in
    build)
        echo gcc libc6-dev make pkg-config
        echo libpcre2-dev libyaml-dev libsqlite3-dev libcurl4-openssl-dev libsystemd-dev
        echo libjansson-dev libmicrohttpd-dev uthash-dev libssl-dev libxxhash-dev libarchive-dev
        echo zlib1g-dev nettle-dev
        ;;
    test)
        echo libcmocka-dev valgrind python3 python3-pytest sqlite3 gzip xz-utils bzip2 zstd
        echo clang libclang-rt-dev # libFuzzer
        echo rsync e2fsprogs mount util-linux # tests/rotation
        # The status page in a browser; axe-core is fetched by npm: see tests/system/fetch-axe.sh.
        echo chromium chromium-driver python3-selenium python3-jsonschema openssl
        # What rsyslogd, syslog-ng and Icinga 2 link to. They are unpacked, not installed: see
        # tests/system/fetch-receivers.sh.
        echo libboost-coroutine1.74.0 libboost-filesystem1.74.0 libboost-iostreams1.74.0
        echo libboost-program-options1.74.0 libboost-regex1.74.0 libboost-thread1.74.0
        echo libboost-context1.74.0 libboost-system1.74.0 libedit2
        echo libestr0 libfastjson4 liblognorm5
        echo libivykis0 libjson-c5 libnet1 libpcre3 libwrap0 libglib2.0-0 libcap2
        ;;
    lint)
        echo clang-format clang-tidy cppcheck shellcheck universal-ctags python3 git
        echo libcmocka-dev # which headers of tests include
        ;;
    package) echo build-essential debhelper dpkg-dev rpm ;;
    package-test)
        echo lintian rpmlint mandoc systemd debootstrap
        echo python3 python3-pytest python3-jsonschema python3-yaml
        ;;
    npm) echo npm ;;
    demo) echo python3 ;;
    *)
        echo "deps.sh: no purpose is called '$1':" \
            "build, package, package-test, test, npm, lint and demo are" >&2
        exit 64
        ;;
    esac
}

mode=install
case ${1-} in
--list | --check)
    mode=${1#--}
    shift
    ;;
esac
[ $# -gt 0 ] || set -- build

wanted=$(for purpose in "$@"; do packages "$purpose"; done | tr ' ' '\n' | sort -u)
if [ "$mode" = list ]; then
    echo "$wanted"
    exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "deps.sh: this is no Debian, so install what these packages hold:" \
        "$(echo "$wanted" | tr '\n' ' ')" >&2
    exit 1
fi

missing=
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    case $state in
    installed*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
fi
if [ "$mode" = check ] || { [ -n "$as_root" ] && ! command -v sudo >/dev/null; }; then
    echo "deps.sh: missing packages; as root: apt-get install$missing" >&2
    exit 1
fi

echo "== installing$missing"
export DEBIAN_FRONTEND=noninteractive
# The lists may be absent on a fresh machine or too old to name what the archive still holds.
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 $missing
