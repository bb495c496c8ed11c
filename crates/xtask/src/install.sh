# Installs the Debian packages given as arguments. Runs as root.
set -eu
export DEBIAN_FRONTEND=noninteractive

# The tests start a PostgreSQL of their own: the package shall not set up and start another one.
rule=/etc/postgresql-common/createcluster.d/nightlatch-tests.conf
mkdir -p "${rule%/*}"
trap 'rm -f "$rule"' EXIT
echo 'create_main_cluster = false' >"$rule"

apt-get -o DPkg::Lock::Timeout=120 update
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$@"
