#!/bin/sh
# Installs the real servers that the tests run against (Debian packages), where this user may.
# Without them the tests that need them are skipped, each saying which server was missing.
set -u
missing=""
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
command -v mosquitto_pub >/dev/null || missing="$missing mosquitto-clients"
command -v victoria-metrics >/dev/null || missing="$missing victoria-metrics"
command -v chromium >/dev/null || missing="$missing chromium"
fc-list 2>/dev/null | grep -qi 'noto.*cjk' || missing="$missing fonts-noto-cjk"
command -v openssl >/dev/null || missing="$missing openssl"
command -v systemd-analyze >/dev/null || missing="$missing systemd"
# The benches: slower syncs, and a quarter of a core where no control group may be made.
command -v faketime >/dev/null || missing="$missing faketime"
command -v strace >/dev/null || missing="$missing strace"
command -v cpulimit >/dev/null || missing="$missing cpulimit"
[ -z "$missing" ] && exit 0
if ! command -v apt-get >/dev/null; then
    echo "tests: not found:$missing. This is no Debian: install them by hand; their tests are skipped until then."
    exit 0
fi
if [ "$(id -u)" = 0 ]; then as=""; elif sudo -n true 2>/dev/null; then as="sudo"; else
    echo "tests: not found:$missing. To run their tests too: sudo apt-get install$missing"
    exit 0
fi
echo "tests: installing$missing"
$as env DEBIAN_FRONTEND=noninteractive apt-get update -qq
# Debian starts a daemon when it is installed; the tests start their own, so none is wanted here.
policy=/usr/sbin/policy-rc.d
made=""
if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' | $as tee $policy >/dev/null && $as chmod +x $policy && made=1; fi
# shellcheck disable=SC2086
$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null || \
    echo "tests: apt-get could not install$missing; their tests are skipped"
[ -n "$made" ] && $as rm -f $policy
exit 0
