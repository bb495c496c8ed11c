# Installs the Debian packages given as arguments. Runs as root.
set -eu
export DEBIAN_FRONTEND=noninteractive

# The tests start a PostgreSQL of their own: the package shall not set up and start another one.
rule=/etc/postgresql-common/createcluster.d/nightlatch-tests.conf
mkdir -p "${rule%/*}"
made=$rule
trap 'rm -f $made' EXIT
# dash leaves the files behind when a signal ends it.
trap 'exit 130' HUP INT TERM
echo 'create_main_cluster = false' >"$rule"

# Nothing that is installed here is started: tests start what they need.
# A policy with our mark was left by a run that was killed.
policy=/usr/sbin/policy-rc.d
mark='# By the tests of Nightlatch, for as long as they install.'
if [ ! -e "$policy" ] || grep -qxF "$mark" "$policy"; then
    made="$made $policy"
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
    chmod +x "$policy"
fi

apt-get -o DPkg::Lock::Timeout=120 update
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
