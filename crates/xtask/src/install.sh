# Installs the Debian packages given as arguments. Runs as root.
set -eu
export DEBIAN_FRONTEND=noninteractive

# The tests start a PostgreSQL of their own: the package shall not set up and start another one.
rule=/etc/postgresql-common/createcluster.d/nightlatch-tests.conf
mkdir -p "${rule%/*}"
made=$rule
trap 'rm -f $made' EXIT
echo 'create_main_cluster = false' >"$rule"

# Nothing that is installed here is started: tests start what they need.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    made="$made $policy"
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
fi

apt-get -o DPkg::Lock::Timeout=120 update
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
